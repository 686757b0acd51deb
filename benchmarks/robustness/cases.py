"""Motion files as people have them, and hostile ones: is each read or refused as it should be? A table.

python -m benchmarks.robustness.cases FOLDER

FOLDER has `readers/`, a folder for each kind, with `expected_joints.npz` (60 frames at 30 fps of the clip that most of
them carry), and `hostile/`. A file that CASES does not name is an error, as is a case without a file. The table is in
`docs/robustness.md`; the tests named there make files of the same kinds by code. Memory is limited to MEMORY more.
"""

import argparse
import functools
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cli.errors import user_errors
from lead.motion import Motion, MotionError, ReadOptions

MEMORY = 1 << 30
ENDINGS = {".bvh", ".fbx", ".glb", ".gltf", ".npy", ".npz", ".vrma", ".vrm", ".jsonl", ".safetensors"}
EXPECTED = "expected_joints.npz"


@dataclass(frozen=True)
class Case:
    """A kind of file."""

    files: str
    """A pattern under FOLDER."""
    expected: str
    find_fault: Callable[[Path], str]
    """What is not as expected, in words; empty if nothing is."""


@functools.cache
def read_expected(folder: Path) -> np.ndarray:
    with np.load(folder / EXPECTED) as arrays:
        joints: np.ndarray = next(iter(arrays.values())).astype(np.float64)
    return joints - joints[:1, :1]


def measure_error(motion: Motion, path: Path) -> float:
    """The mean distance of joints to the common clip's, in centimeters; both begin at the origin."""
    expected = read_expected(next(parent for parent in path.parents if (parent / EXPECTED).is_file()))
    joints = motion.joints.astype(np.float64)
    if len(joints) != len(expected):
        return float("inf")
    return 100 * float(np.linalg.norm(joints - joints[:1, :1] - expected, axis=-1).mean())


def same(limit: float = 0.5, options: ReadOptions = ReadOptions(), note: str = "") -> Callable[[Path], str]:
    """The common clip, up to `limit` centimeters, at 30 fps."""

    def find_fault(path: Path) -> str:
        motion = Motion.read(path, options)
        error = measure_error(motion, path)
        if abs(motion.fps - 30) > 0.01 or not error <= limit:
            return f"{len(motion.joints)} frames at {motion.fps:g} fps, {error:.1f} cm off"
        return "" if note in " ".join(motion.notes) else f"notes {motion.notes}, expected {note!r}"

    return find_fault


def stands(options: ReadOptions = ReadOptions(), all_animations: int = 1) -> Callable[[Path], str]:
    """A person of a person's size who stands on a floor near zero, and so many clips in all."""

    def find_fault(path: Path) -> str:
        from lead.eval.clip_quality import check_clip, rise

        motion = Motion.read(path, options)
        check = check_clip(motion)
        if check.verdict == "red" or not 1.5 < check.height < 1.9 or rise(motion.joints) < 1.0:
            return f"{check.verdict}, {check.height:.2f} m: {check.reasons[:1]}"
        clips = len(Motion.read_all(path, options))
        return "" if clips == all_animations else f"{clips} animations, expected {all_animations}"

    return find_fault


def refused(*words: str, read: Callable[[Path], object] = Motion.read) -> Callable[[Path], str]:
    """An error for the user that has these words."""

    def find_fault(path: Path) -> str:
        try:
            read(path)
        except user_errors() as error:
            missing = [word for word in words if word not in str(error)]
            long = len(str(error)) > 1000
            return f"the message lacks {missing}: {error}" if missing else "a message of 1,000 letters" if long else ""
        return "read"

    return find_fault


def keeps_names(path: Path) -> str:
    motion = Motion.read(path)
    with tempfile.TemporaryDirectory() as folder:
        back = motion.save(Path(folder) / "back.bvh", rig=motion.rig).read_bytes()
    names = [
        [line.split(None, 1)[1].strip() for line in content.splitlines() if line.split()[:1] in ([b"ROOT"], [b"JOINT"])]
        for content in (path.read_bytes(), back)
    ]
    return "" if names[0] == names[1] else "the names come back changed"


def keeps_root(path: Path) -> str:
    from lead.motion.formats.bvh import read_bvh

    motion = Motion.read(path)
    with tempfile.TemporaryDirectory() as folder:
        back = read_bvh(motion.save(Path(folder) / "back.bvh", rig=motion.rig))
    root, hips = (float(np.ptp(back.values[:, columns], axis=0).max()) for columns in ([0, 2], [6, 8]))
    return "" if root > 10 * hips else f"the root goes {root:.1f}, the hips {hips:.1f}"


def writes_small_mesh(path: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        size = Motion.read(path).save(Path(folder) / "a.glb").stat().st_size
    return "" if size < 16 << 20 else f"a GLB of {size} bytes"


def _read_concept(path: Path) -> object:
    from concepts import Concept

    return Concept.load(path)


def _read_captions(path: Path) -> object:
    from cli.read_inputs import read_captions

    return read_captions([Path("0.bvh")], path)


def _read_prompts(path: Path) -> object:
    from cli.jobs.prompts_file import read_jobs

    return read_jobs(path, 1, 4.0, 0)


AT_30, AT_60 = ReadOptions(fps=30.0), ReadOptions(fps=60.0)
CASES = (
    Case("readers/fbx-with-skinned-mesh/*", "read, as without the mesh", same()),
    Case("readers/neck-inside-chest-no-head/*", "read, the head above the shoulders", stands()),
    Case("readers/several-animations/*.glb", "read, T-poses and empty ones passed over", same()),
    Case("readers/several-animations/*.fbx", "read, both can be chosen", stands(all_animations=2)),
    Case("readers/gltf-part-moves-no-skin/*", "read, with the joints that stand still", stands()),
    Case("readers/gltf-skin-of-a-part/*", "read, with the joints outside of the skin", same()),
    Case("readers/vrma/*", "read, by VRM's own map of joints", same()),
    Case("readers/gltf-sparse/*", "read", same()),
    Case("readers/up-axis-negative/*.bvh", "read, Y found to point down", same()),
    Case("readers/up-axis-negative/*.np?", "read, Y found to point down", stands()),
    Case("readers/root-motion-joint/*", "read, and the root carries the path again", keeps_root),
    Case("readers/second-life-hind-limbs/*", "read, hind limbs and wings left out", same()),
    Case("readers/mdm-results/motion*", "read, the first of the motions", stands()),
    Case("readers/mdm-results/results.npy", "refused, with the line that saves it", refused("np.save")),
    Case("readers/smpl-joints-24-52/*", "read, in the layouts of SMPL", stands()),
    Case("readers/posed-joints-npz/*", "read", stands()),
    Case("readers/npy-in-mm/*", "read, in the unit that the body tells", stands()),
    Case("readers/aist-scaling/*", "read, the path scaled", stands(AT_60)),
    Case("readers/smpl-y-up/*", "read, upright", stands()),
    Case("readers/romp-message/*", "refused, naming its arrays", refused("smpl_thetas", "cam_trans")),
    Case("readers/subframe-keys/*", "read at 30 fps", same()),
    Case("readers/names-not-utf8/*", "read, names back byte for byte", keeps_names),
    Case("readers/bvh-syntax/no_frame_time.bvh", "refused, naming the cause", refused("Frame Time")),
    Case("readers/bvh-syntax/no_frame_time.bvh", "read where the rate is stated", same(options=AT_30)),
    Case("readers/bvh-syntax/[!n]*", "read, as the plain file", same()),
    Case("readers/fbx-ascii-and-6/*", "refused, naming a converter", refused("Blender")),
    Case("hostile/joints_in_cent*", "read, and a GLB of it is small", writes_small_mesh),
    Case("hostile/gltf_one_accessor*", "refused before it takes memory", refused("at most")),
    Case("hostile/concept_direction*", "refused", refused("direction", read=_read_concept)),
    Case("hostile/thumbnail_two*", "refused", refused("thumbnail", read=_read_concept)),
    Case("hostile/captions_deep*", "refused", refused("expected", read=_read_captions)),
    Case("hostile/prompts_deep*", "refused", refused("not a JSON object", read=_read_prompts)),
    Case("hostile/prompts_400*", "refused", refused("seconds", read=_read_prompts)),
)
"""A word of a prompt without its brackets is no file: `tests/cli/test_words.py` has it."""


def try_cases(folder: Path) -> list[tuple[str, str, str]]:
    """Rows of file, what is expected, and what is wrong."""
    rows, seen = [], set()
    for case in CASES:
        paths = [path for path in sorted(folder.glob(case.files)) if path.suffix in ENDINGS]
        seen.update(paths)
        for path in paths:
            try:
                fault = case.find_fault(path)
            except (*user_errors(), MotionError) as error:
                fault = f"refused: {error}"
            except Exception as error:  # a fault of ours is a row of the table, too
                fault = f"{type(error).__name__}: {error}"
            rows.append((str(path.relative_to(folder)), case.expected, fault))
        if not paths:
            rows.append((case.files, case.expected, "no such file"))
    there = {path for path in folder.rglob("*") if path.suffix in ENDINGS and path.name != EXPECTED}
    rows += [(str(path.relative_to(folder)), "a case", "no case names it") for path in sorted(there - seen)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    rows = try_cases(folder)
    for name, expected, fault in rows:
        print(f"{name:62} {expected:42} {'as expected' if not fault else f'WRONG: {fault:.300}'}", flush=True)
    wrong = sum(bool(fault) for *_, fault in rows)
    print(f"{len(rows) - wrong} of {len(rows)} as expected")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
