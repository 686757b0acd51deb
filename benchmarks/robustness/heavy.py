"""Small files that are heavy to read or write: how long do the commands take, and how much memory? A table.

python -m benchmarks.robustness.heavy

Each file is made by code, and each command is a process of its own. Seconds are the processor's; memory is the largest
resident set, of which some 60 MB are Python and NumPy. `docs/robustness.md` has the table.
"""

import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.robustness.fuzz_targets import make_small_motion
from benchmarks.robustness.library_worker import make_concept
from concepts.container import HASH_KEY, unpack

ROOT = Path(__file__).parents[2]
WORDS = 10_000


def make_centimeters(folder: Path) -> list[str]:
    """Joints in centimeters, written as a mannequin."""
    np.save(folder / "joints.npy", 100 * make_small_motion().joints)
    return ["convert", str(folder / "joints.npy"), "--to", "glb", "-o", str(folder / "out")]


def make_shared_accessor(folder: Path) -> list[str]:
    """A glTF of 900 nodes whose rotations are one accessor of 100,000 keys."""
    nodes, keys = 900, 100_000
    document = {
        "asset": {"version": "2.0"},
        "nodes": [{"name": f"n{node}", "children": [node + 1]} for node in range(nodes - 1)] + [{"name": "end"}],
        "accessors": [{"componentType": 5126, "count": keys, "type": kind} for kind in ("SCALAR", "VEC4")],
        "animations": [{
            "samplers": [{"input": 0, "output": 1}],
            "channels": [{"sampler": 0, "target": {"node": node, "path": "rotation"}} for node in range(nodes)],
        }],
    }  # fmt: skip
    (folder / "shared.gltf").write_text(json.dumps(document))
    return ["check", str(folder / "shared.gltf")]


def make_fbx_keys(folder: Path) -> list[str]:
    """An FBX of 20 curves of a million keys each, packed."""
    fbx = runpy.run_path(str(ROOT / "tests/motion/fbx_files.py"))
    record = fbx["record"]
    curve = [record("KeyTime", [np.zeros(1_000_000, np.int64)]), record("KeyValueFloat", [np.zeros(1_000_000, "f4")])]
    objects = [record("Model", [1, "a\x00\x01Model", "LimbNode"]), record("AnimationStack", [2, "a", ""]),
               record("AnimationLayer", [3, "b", ""])]  # fmt: skip
    links: list[list[object]] = [["OO", 3, 2]]
    for number in range(20):
        node, channel, model = 10 + number, 50 + number, 90 + number
        objects += [record("AnimationCurveNode", [node, "R", ""]), record("AnimationCurve", [channel, "", ""], curve),
                    record("Model", [model, "a\x00\x01Model", "LimbNode"])]  # fmt: skip
        links += [["OO", node, 3], ["OP", node, model, "Lcl Rotation"], ["OP", channel, node, "d|X"]]
    connections = record("Connections", [], [record("C", link) for link in links])
    (folder / "keys.fbx").write_bytes(fbx["fbx_bytes"]([record("Objects", [], objects), connections]))
    return ["check", str(folder / "keys.fbx")]


def make_library(folder: Path) -> list[str]:
    """A library of WORDS words."""
    place = folder / "library"
    place.mkdir()
    for number in range(WORDS):
        make_concept(f"<word-{number}>", number).save(place / f"word-{number}.safetensors")
    return ["list"]


def make_direction(folder: Path) -> list[str]:
    """A concept whose direction is 10,000 in each number."""
    from safetensors.numpy import save_file

    path = folder / "direction.safetensors"
    metadata, tensors = unpack((ROOT / "docs/samples/elderly.safetensors").read_bytes())
    stated = {key: text for key, text in metadata.items() if key != HASH_KEY}
    save_file(tensors | {"direction": np.full_like(tensors["direction"], 1e4)}, path, stated)
    return ["generate", "a person walks in <elderly> style", "--concept", str(path), "-o", str(folder / "out")]


CASES = {
    "a clip in centimeters to GLB": make_centimeters,
    "glTF: 900 channels share 100,000 keys": make_shared_accessor,
    "FBX: 20 curves of 1,000,000 keys": make_fbx_keys,
    f"`list` of {WORDS:,} words": make_library,
    "`generate` with a direction of 10,000": make_direction,
}


def measure(words: list[str], folder: Path) -> tuple[int, float, float, str]:
    """The exit code, seconds, megabytes, and the last line that a command says."""
    environment = os.environ | {"LEAD_CONCEPTS": str(folder / "library"), "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen([sys.executable, "-c", "from cli.start import lead_invert; lead_invert()", *words],
                                   cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        lines = [line.strip() for line in said if line.strip()]
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines[-1]


def main() -> None:
    print("| file | size | seconds | memory | what happens |", "| --- | --- | --- | --- | --- |", sep="\n")
    for name, make in CASES.items():
        folder = Path(tempfile.mkdtemp())
        words = make(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        code, seconds, megabytes, said = measure(words, folder)
        print(
            f"| {name} | {size / 1024:,.0f} KB | {seconds:.1f} | {megabytes:,.0f} MB | {code}: {said:.150} |",
            flush=True,
        )
        shutil.rmtree(folder)
        assert code in (0, 1), said


if __name__ == "__main__":
    main()
