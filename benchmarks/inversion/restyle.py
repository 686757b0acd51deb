"""How well clips take on a learned style: by the difference of two denoisings, by noise alone, by the direction alone.

    python -m benchmarks.inversion.restyle [--base PATH] [--clips 4] [--sheet restyle.png]

Words for elderly and exhausted are learned as the inversion benchmark's first seed learns them. Plain clips of the test
split, up to so many of each of ten actions, are restyled. `benchmarks.judges.networks` says whether a result shows the
style and still the action. The path is that of the pelvis: how far its end is from the clip's, and how far at most it
leaves the line that the clip's pelvis draws on the floor, both a meter that the clip walks. A slow style ends behind
the clip and may still keep its line.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.inversion.concepts import NEW_STYLES, OTHERS, choose_subjects, load_motion
from benchmarks.judges.networks import CONTENTS, STYLES, load_judge
from benchmarks.pack import Row, pack_rows
from concepts import Concept
from inversion import learn
from inversion.encoded_clips import encode_clips
from inversion.restyle import restyle
from lead import Lead, Motion
from lead.conditioning import activate_concepts, add_directions
from lead.motion.render.sheets import contact_sheet

Way = Callable[[Lead, Motion, Concept, str], Motion]
CAPTIONS = {"walk": "a person walks"} | {content: prompt.format("") for content, prompt in OTHERS.items()}


def by_noise(noise: float) -> Way:
    """SDEdit (Meng et al., arXiv 2108.01073): noised, and denoised in the style."""

    def way(base: Lead, clip: Motion, concept: Concept, caption: str) -> Motion:
        return restyle(base, clip, concept, caption=caption, noise=noise, draws=1, shared=False)

    return way


def by_direction(base: Lead, clip: Motion, concept: Concept, caption: str) -> Motion:
    """The style's direction, added to the clip's latents."""
    encoded = encode_clips(base, [clip], [caption])
    prompt = [f"{caption} in {concept.token} style"]
    active = activate_concepts(base.text, prompt, concept.words)
    z = add_directions(encoded.z, active)
    return base.decode(base.projector.realign(z, encoded.lengths), encoded.lengths, clean_feet=True)[0]


def by_difference(noise: float) -> Way:
    """Ours."""

    def way(base: Lead, clip: Motion, concept: Concept, caption: str) -> Motion:
        return restyle(base, clip, concept, caption=caption, noise=noise)

    return way


WAYS: dict[str, Way] = {
    "direction alone": by_direction,
    **{f"noise {noise:g} alone": by_noise(noise) for noise in (0.5, 0.7)},
    **{f"difference, noise {noise:g}": by_difference(noise) for noise in (0.5, 0.7, 0.9)},
}


def choose_clips(each: int) -> list[Row]:
    """Plain clips of the test split, the first of each action."""
    of_content: dict[str, list[Row]] = defaultdict(list)
    for row in pack_rows("test"):
        if row.get("style") == "normal" and row.get("content") in CONTENTS:
            of_content[row["content"]].append(row)
    return [row for content in sorted(of_content) for row in of_content[content][:each]]


def path_errors(clip: Motion, made: Motion) -> tuple[float, float]:
    """Meters between the ends of both paths, and at most beside the clip's line, a meter of the clip's path.

    Of a path under a meter, meters.
    """
    ours, theirs = (motion.joints[:, 0, [0, 2]] for motion in (made, clip.resample(made.fps).on_one_skeleton()))
    frames = min(len(ours), len(theirs))
    a, b = ours[:frames] - ours[0], theirs[:frames] - theirs[0]
    length = max(float(np.linalg.norm(np.diff(b, axis=0), axis=1).sum()), 1.0)
    beside = np.linalg.norm(a[:, None] - b, axis=-1).min(axis=1).max()
    return float(np.linalg.norm(a[-1] - b[-1])) / length, float(beside) / length


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="Restyles plain clips of the test split, and judges the results.")
    options.add_argument("--base", type=Path)
    options.add_argument("--clips", type=int, default=4, help="of each action")
    options.add_argument("--sheet", type=Path, help="a picture of some clips and their restyled motions")
    asked = options.parse_args(arguments)
    torch.set_num_threads(1)
    base, judge, rows = Lead.load(asked.base), load_judge(), choose_clips(asked.clips)
    clips = [load_motion(row) for row in rows]
    contents = np.array([CONTENTS.index(row["content"]) for row in rows])
    table = Table("style", "way", "style seen", "action kept", "both", "end, m/m (median, .9)", "beside the line")
    shown: list[tuple[str, Motion]] = []
    for style in NEW_STYLES:
        (subject,) = choose_subjects([style])
        exemplars = [load_motion(row) for row in subject.exemplars(0)]
        concept = learn(base, exemplars, token=subject.token, kind="style")
        for name, way in WAYS.items():
            made = [way(base, clip, concept, CAPTIONS[row["content"]]) for clip, row in zip(clips, rows, strict=True)]
            verdict = judge.judge_motions(made)
            right, kept = verdict.styles == STYLES.index(style), verdict.contents == contents
            errors = np.array([path_errors(clip, one) for clip, one in zip(clips, made, strict=True)])
            figures = [f"{share.mean():.2f}" for share in (right, kept, right & kept)]
            ends, beside = (f"{middle:.2f}, {most:.2f}" for middle, most in np.quantile(errors, [0.5, 0.9], axis=0).T)
            table.add_row(style, name, *figures, ends, beside)
            if name == "difference, noise 0.5":
                for place in range(0, len(clips), max(len(clips) // 4, 1)):
                    caption = CAPTIONS[rows[place]["content"]]
                    shown += [(caption, clips[place].on_one_skeleton()), (f"{caption}: {style}", made[place])]
    Console(width=120).print(f"{len(clips)} clips", table)
    if asked.sheet:
        contact_sheet([motion for _, motion in shown], [title for title, _ in shown]).save(asked.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
