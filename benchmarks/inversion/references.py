"""Clips in place of prompts: are the motions of `generate_like` those of the clip's kind?

    python -m benchmarks.inversion.references CLIPS [--each 4]

CLIPS is a folder of clips with a captions.jsonl, as `lead data prepare` reads it. One clip is taken for each of
ACTIONS, the first whose caption has it. Each motion is put among the clips by E_proj: the share whose nearest clip is
the one that it was made like, and the mean cosine to it. Beside it the same for motions from the clip's caption.
"""

import argparse
import json
from pathlib import Path

import torch
from torch.nn.functional import cosine_similarity

from cli.console import print_table
from inversion.encoded_clips import pool_realigned
from inversion.reference import generate_like
from lead import Lead, Motion

ACTIONS = ("walks forward", "jumping jacks", "kicks", "sits down", "waves", "dances", "crawls", "punches", "runs",
           "climbs", "jumps", "turns")  # fmt: skip


def pick_clips(folder: Path) -> tuple[list[str], list[Motion]]:
    """A caption and a clip for each of ACTIONS that the folder has."""
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()]
    captions, clips, taken = [], [], set[str]()
    for action in ACTIONS:
        row = next((row for row in rows if action in row["captions"][0] and row["clip"] not in taken), None)
        if row is None:
            continue
        taken.add(row["clip"])
        clip = Motion.read(folder / row["clip"])
        if clip.seconds >= 1.2:
            captions.append(row["captions"][0])
            clips.append(clip)
    return captions, clips


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--each", type=int, default=4, help="motions for each clip")
    options = parser.parse_args()
    base, each = Lead.load(), options.each
    captions, clips = pick_clips(options.clips)

    def place(motions: list[Motion]) -> torch.Tensor:
        return pool_realigned(base, motions, [motion.features(base.skeleton) for motion in motions])

    own, rows = place(clips), []
    for number, (caption, clip) in enumerate(zip(captions, clips, strict=True)):
        settings = {"seconds": [4.0] * each}
        like = generate_like(base, [clip] * each, seeds=list(range(each)), **settings)
        told = base.generate([caption] * each, seed=list(range(each)), **settings)
        cells: list[object] = [caption[:60]]
        for motions in (like, told):
            cosines = cosine_similarity(place(motions)[:, None], own[None], dim=-1)
            cells += [f"{(cosines.argmax(dim=1) == number).float().mean():.2f}", f"{cosines[:, number].mean():.2f}"]
        rows.append(cells)
    print_table(rows, ("caption of the clip", "like it", "cosine", "by caption", "cosine"), f"{each} motions each")


if __name__ == "__main__":
    main()
