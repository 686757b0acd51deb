"""Where walks in a word's style lead, and whether people who should stand stay, at strengths from 0 to 1.5.

    python -m benchmarks.inversion.drift runs/inversion/*/*/recipe-0.safetensors [--samples 8] [--seed 3]

*Aside*: how far walks end, after four seconds, beside the way that the body faces in the first frame. *Off the line*:
how far at most they leave the straight line from their start to their end. Both are medians, in meters. A body that
sways faces aside in the first frame; its straight line then seems to lead aside. *Gone*: the share of people asked to
stand who end more than GONE from where they stood. The first row is of the base without a word; words for actions are
left out. `benchmarks.bases.bones` compares the bones.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track

from cli.console import print_table
from concepts import Concept
from lead import Lead, Motion
from lead.conditioning import Words

STRENGTHS = (0.0, 0.5, 1.0, 1.5)
WALK = "a person walks{}"
STANDING = ("a person raises the right hand{}", "a person waves with the left hand{}", "a person stands still{}")
SECONDS, GONE = 4.0, 0.5


def leave_line(motion: Motion) -> tuple[float, float]:
    """Meters aside of the first frame's facing at the end, and at most off the line from start to end."""
    path = motion.joints[:, 0, [0, 2]] - motion.joints[0, 0, [0, 2]]
    end = path[-1]
    off = np.abs(path[:, 0] * end[1] - path[:, 1] * end[0]) / max(float(np.linalg.norm(end)), 1e-9)
    return abs(float(end[0])), float(off.max())


def travel(motion: Motion) -> float:
    """Meters on the floor from where the pelvis begins to where it ends."""
    return float(np.linalg.norm((motion.joints[-1, 0] - motion.joints[0, 0])[[0, 2]]))


def measure(base: Lead, style: str, words: Words, samples: int, seed: int) -> list[str]:
    """Cells of a row; `style` follows the action of a prompt, as " in <elderly> style"."""
    asked = [prompt.format(style) for prompt in (WALK, *STANDING) for _ in range(samples)]
    motions = base.generate(asked, seconds=SECONDS, words=words, seed=seed)
    aside, off = np.median([leave_line(motion) for motion in motions[:samples]], axis=0)
    gone = np.mean([travel(motion) > GONE for motion in motions[samples:]])
    return [f"{aside:.2f}", f"{off:.2f}", f"{gone:.2f}"]


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("concepts", type=Path, nargs="+")
    parser.add_argument("--samples", type=int, default=8, help="motions of each prompt and strength")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    base = Lead.load()
    rows = [["no word", "", *measure(base, "", {}, options.samples, options.seed)]]
    for path in track(options.concepts, "concepts"):
        concept = Concept.load(path)
        if concept.kind == "action":
            continue
        for strength in STRENGTHS:
            style = f" in ({concept.token}:{strength:g}) style"
            cells = measure(base, style, concept.words, options.samples, options.seed)
            rows.append([f"{path.parent.name}/{path.stem}", f"{strength:g}", *cells])
    print_table(rows, ("concept", "strength", "aside, m", "off the line, m", "gone"))


if __name__ == "__main__":
    main()
