"""Contact sheets of exemplars and generated motions on three rigs, for people to look at.

    python -m benchmarks.rigs.sheets [--output runs/rig-sheets] [--seed 0]

Five exemplars, and five motions that the embedded base generates, are written as BVH on Bandai-Namco's rig, on CMU's
as retargeted for Daz, and on our own 22 joints. They are read back and drawn: each sheet has five motions before and
after. sheets.json has the degrees between limbs before and after.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.pack import pack_folder
from lead import Lead, Motion
from lead.motion.heading import facing
from lead.motion.render.sheets import contact_sheet
from lead.motion.rotations import normalize
from lead.motion.skeleton import PARENTS

EXEMPLARS = (
    "elderly-walk/dataset-2_walk_elderly_001.bvh", "exhausted-walk/dataset-2_walk_exhausted_002.bvh",
    "proud-walk/dataset-1_walk_proud_001.bvh", "angry-walk/dataset-1_walk_angry_002.bvh",
    "kick/dataset-1_kick_normal_001.bvh",
)  # fmt: skip
PROMPTS = (
    "a person walks forward", "a person runs", "a person turns left while walking", "a person raises both hands",
    "a person squats down",
)  # fmt: skip
RIGS: Mapping[str, str | None] = {
    "bandai": "raw_bvh/dataset-2_walk_normal_001.bvh", "daz": "raw_bvh/cmu_daz_02_01.bvh", "own": None,
}  # fmt: skip
LIMBS = (4, 5, 7, 8, 18, 19, 20, 21)  # knees, ankles, elbows, wrists
PARENTS_OF_LIMBS = tuple(PARENTS[joint] for joint in LIMBS)
SHOWN = 4.0  # seconds of each


def write_and_read(motion: Motion, rig: Motion | None, path: Path) -> Motion:
    """Write the motion on the rig and read it again, at its own rate."""
    motion.save(path, rig=rig.rig if rig else None)
    return Motion.read(path).resample(motion.fps)


def compare_motions(motion: Motion, other: Motion) -> dict[str, float]:
    """Degrees between the directions of arms and legs, and between headings; they do not depend on the bodies' size."""
    frames = min(len(motion.joints), len(other.joints))
    joints = [one.joints[:frames].astype(np.float64) for one in (motion, other)]
    limbs = [normalize(one[:, LIMBS] - one[:, PARENTS_OF_LIMBS]) for one in joints]
    headings = [normalize(facing(one)) for one in joints]
    angles, turned = (np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1))) for a, b in (limbs, headings))
    figures = {"limbs, mean": angles.mean(), "limbs, worst": angles.max(), "heading, worst": turned.max()}
    return {name: round(float(value), 2) for name, value in figures.items()}


def cut_motion(motion: Motion) -> Motion:
    return Motion(motion.joints[: round(SHOWN * motion.fps)], motion.fps, motion.rig, motion.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/rig-sheets"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    exemplars = [cut_motion(Motion.read(pack_folder() / "exemplars" / name)) for name in EXEMPLARS]
    generated = Lead.load().generate(list(PROMPTS), seconds=SHOWN, seed=arguments.seed)
    groups = {"exemplars": ([motion.name for motion in exemplars], exemplars), "generations": (PROMPTS, generated)}
    figures = {}
    for rig_name, clip in RIGS.items():
        rig = Motion.read(pack_folder() / clip) if clip else None
        for group, (titles, motions) in groups.items():
            paths = [arguments.output / f"{rig_name}-{group}-{number}.bvh" for number in range(1, len(motions) + 1)]
            back = [write_and_read(motion, rig, path) for motion, path in zip(motions, paths, strict=True)]
            rows = [row for pair in zip(motions, back, strict=True) for row in pair]
            words = [f"{title}{after}" for title in titles for after in ("", f"  -  read back from the {rig_name} rig")]
            contact_sheet(rows, words).save(arguments.output / f"{rig_name}-{group}.png", optimize=True)
            figures[f"{rig_name}, {group}"] = {
                title: compare_motions(motion, other)
                for title, motion, other in zip(titles, motions, back, strict=True)
            }
    (arguments.output / "sheets.json").write_text(json.dumps(figures, indent=2))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
