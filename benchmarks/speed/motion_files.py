"""How fast BVH files are read and written, compared with a reader in plain Python in the same run.

python -m benchmarks.speed.motion_files [--frames 5000] [--joints 31] [--runs 7]

Figures are CPU seconds of one process: the smallest of several runs. The runs alternate, so that other work on the
machine matters little.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lead.motion import Bvh, Motion, read_bvh, write_bvh
from lead.motion.skeleton import JOINTS, PARENTS, tpose


def make_long_bvh(frames: int, joints: int) -> Bvh:
    """A smooth motion of our 22 joints and chains of fingers, `joints` in all, in centimeters."""
    extra = joints - 22
    parents = [*PARENTS, *(20 + n % 2 if n < 2 else 20 + n for n in range(extra))]
    rest = tpose() * 100
    offsets = np.concatenate([rest - rest[[max(parent, 0) for parent in PARENTS]], np.full((extra, 3), 2.0)])
    offsets[0] = 0
    turns = ("Zrotation", "Xrotation", "Yrotation")
    channels = (("Xposition", "Yposition", "Zposition", *turns), *[turns] * (joints - 1))
    rng = np.random.default_rng(0)
    width = 3 * joints + 3
    waves = rng.uniform(5, 40, width) * np.sin(
        np.arange(frames)[:, None] / 120 * rng.uniform(1, 8, width) + rng.uniform(0, 6, width)
    )
    waves[:, 1] += 95
    names = (*JOINTS, *(f"finger{n}" for n in range(extra)))
    return Bvh(names, tuple(parents), offsets, channels, (), waves, 1 / 120)


def read_plainly(path: Path) -> np.ndarray:
    """Parses only the numbers, with float() on each word: the minimum that a reader in plain Python does."""
    lines = path.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    return np.array([[float(word) for word in line.split()] for line in lines[start:] if line.strip()])


def time_least(work: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The smallest CPU seconds of each function over all runs."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        for name, function in work.items():
            start = time.process_time()
            function()
            spent[name].append(time.process_time() - start)
    return {name: min(seconds) for name, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("frames", 5000), ("joints", 31), ("runs", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    bvh = make_long_bvh(options.frames, options.joints)
    with tempfile.TemporaryDirectory() as folder:
        path = write_bvh(bvh, Path(folder) / "long.bvh")
        seconds = time_least(
            {
                "read_bvh": lambda: read_bvh(path),
                "plain Python": lambda: read_plainly(path),
                "Motion.read": lambda: Motion.read(path),
                "write_bvh": lambda: write_bvh(bvh, Path(folder) / "again.bvh"),
            },
            options.runs,
        )
        print(f"{options.frames} frames x {options.joints} joints, {path.stat().st_size / 1e6:.1f} MB; CPU seconds")
        for name, spent in seconds.items():
            print(f"{name:>13} {spent:.3f}  {spent / seconds['plain Python']:.2f} of the plain reader's")


if __name__ == "__main__":
    main()
