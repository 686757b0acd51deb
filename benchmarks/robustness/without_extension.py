"""What changes where the extension is missing, or kernels are: the same word and motions, on one thread.

    python -m benchmarks.robustness.without_extension [--folder out/without-extension]

Each row is a process of its own on one thread, without a compiler on its path. It learns a word from five clips that it
makes (`examples/make_concept.py`), and generates ten motions without the word, ten with the first row's word, and
ten with its own. Rows are compared with the first, the extension as it was built. `oneDNN` is what an x86-64 machine
without the extension does, `plain torch` what other processors do.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROWS = {"extension": "native", "extension, AVX2": "avx2", "oneDNN": "onednn", "plain torch": "plain"}
PROMPTS = ("a person walks", "a person waves", "someone kicks", "a person walks backward", "a person sits down")
COLUMNS = ("row", "vectors", "learn, s", "generate 30, s", "no word, mm", "first row's word, mm", "own word, mm (mean)",
           "cosines of token, direction, adapter")  # fmt: skip


def run(kind: str, folder: Path) -> None:
    """Learns and generates in this process; writes `<kind>.npz` and prints seconds as JSON."""
    from concepts import Concept
    from examples.make_concept import TAKES, zombie_march
    from inversion import learn
    from lead import Lead
    from lead.kernels import native

    native.LEVEL = {"native": native.LEVEL, "avx2": min(native.LEVEL, 256)}.get(kind, 0)
    base = Lead.load(plain=kind == "plain")
    clips, captions = [zombie_march(take) for take in TAKES], ["a person walks forward"] * len(TAKES)
    started = time.perf_counter()
    concept = learn(base, clips, token="<zombie>", quality="fast", captions=captions)
    learned = time.perf_counter()
    if kind == "native":
        concept.save(folder / "first.safetensors")
    motions = base.generate(PROMPTS * 2, seed=list(range(10)))
    for word in (Concept.load(folder / "first.safetensors"), concept):
        prompts = [f"{prompt} in <zombie> style" for prompt in PROMPTS * 2]
        motions += base.generate(prompts, words=word.words, seed=list(range(10)))
    seconds = {"learn": learned - started, "generate": time.perf_counter() - learned}
    adapter = [value.ravel() for name, value in sorted(concept.tensors.items()) if name.startswith("adapter.")]
    np.savez(
        folder / f"{kind}.npz",
        joints=np.stack([motion.joints for motion in motions]),
        token=concept.token_embedding,
        direction=concept.tensors["direction"],
        adapter=np.concatenate(adapter),
    )
    print(json.dumps({"level": native.LEVEL, **seconds}))


def compare(folder: Path, kind: str) -> list[str]:
    """Largest differences of joints, mm, and cosines of what was learned, beside the extension as it was built."""
    ours, theirs = (np.load(folder / f"{name}.npz") for name in (kind, "native"))
    none, shared, own = np.split(1000 * np.linalg.norm(ours["joints"] - theirs["joints"], axis=-1), 3)
    cosines = [
        np.sum(ours[part] * theirs[part]) / np.linalg.norm(ours[part]) / np.linalg.norm(theirs[part])
        for part in ("token", "direction", "adapter")
    ]
    apart = [f"{none.max():.4f}", f"{shared.max():.4f}", f"{own.max():.2f} ({own.mean():.2f})"]
    return [*apart, ", ".join(f"{cosine:.5f}" for cosine in cosines)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/without-extension"))
    parser.add_argument("--row", choices=list(ROWS.values()))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.row:
        run(options.row, options.folder)
        return
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for name, kind in ROWS.items():
        command = [
            sys.executable,
            "-m",
            "benchmarks.robustness.without_extension",
            "--folder",
            str(options.folder),
            "--row",
            kind,
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": ""}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
        cells = [name, str(said["level"]), f"{said['learn']:.1f}", f"{said['generate']:.1f}"]
        print(f"| {' | '.join([*cells, *compare(options.folder, kind)])} |", flush=True)


if __name__ == "__main__":
    main()
