"""How well `describe` finds captions and concepts, compared with chance and with the evaluator's retrieval.

    python -m benchmarks.inversion.describe

Captions: for each clip of the test split, whether one of the five nearest captions of the split is right. A caption is
right if it belongs to the clip, or to a clip that shares a caption with it. `describe` compares by cosine in the base's
realigned space. The evaluator, which is trained for retrieval, compares by distance in its own space. Chance draws five
captions.
Concepts: for real clips of unseen styles and actions, whether the nearest concept is the one that
`benchmarks.inversion` learned from other clips of the same style or action.
Intervals are Wilson's, 95 %. The figures go to `runs/describe.json`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from benchmarks.bases.base import write_json
from benchmarks.inversion.concepts import choose_subjects, load_motion
from benchmarks.inversion.words_together import interval, load_concept
from benchmarks.pack import REPOSITORY, Row, pack_rows
from concepts import ConceptError
from inversion.describe import Description, concept_latent, describe, encode_texts, mean_latent
from inversion.encoded_clips import cut_clips, encode_clips, pool_realigned
from lead import Lead, LeadError, Motion
from lead.data.dataset import MAX_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import pairwise_distances
from lead.train.stages.evaluator import group_by_caption

TOP = (1, 5)
WAYS = ("describe", "evaluator")
GROUPS = ("new", "action", "control", "fewshot")
EXAMPLES, KNOWN = ("elderly", "sneak"), ("masculine", "walk")


def find_captions(base: Lead, evaluator: Evaluator, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """For each source, and for all: how often each method finds a right caption among the nearest."""
    group = group_by_caption([row["captions"] for row in rows])
    owner = {caption: group[row] for row, clip in enumerate(rows) for caption in clip["captions"]}
    captions = list(owner)
    right = np.array([[owner[caption] == own for caption in captions] for own in group])
    motions = [load_motion(row) for row in rows]
    ours = -_cosine(_embed_in_text_space(base, motions), encode_texts(base, captions).numpy())
    theirs = pairwise_distances(
        evaluator.embed_motions([motion.features()[:MAX_FRAMES] for motion in motions]), evaluator.embed_texts(captions)
    )
    result = {}
    for source in ("all", *sorted({row["source"] for row in rows})):
        part = np.array([source in ("all", row["source"]) for row in rows])
        figures: dict[str, Any] = {"clips": int(part.sum()), "captions": len(captions)}
        for top in TOP:
            figures[f"chance@{top}"] = float(np.mean([_compute_chance(mask, top) for mask in right[part]]))
            for name, distances in (("describe", ours), ("evaluator", theirs)):
                figures[f"{name}@{top}"] = interval(_find_hits(distances, right, top)[part], share=True)
        result[source] = figures
    return result


@torch.no_grad()
def _embed_in_text_space(base: Lead, motions: Sequence[Motion]) -> Float[np.ndarray, "clips d_text"]:
    """The motions' vectors in the text space."""
    rows = [
        pool_realigned(base, pieces, [piece.features() for piece in pieces]) for pieces in _cut_pieces(base, motions)
    ]
    return torch.stack([row.mean(dim=0) for row in rows]).numpy()


@torch.no_grad()
def _encode_mean_latents(base: Lead, motions: Sequence[Motion]) -> Float[np.ndarray, "clips d_latent"]:
    """Mean latents of motions."""
    return torch.stack(
        [mean_latent(base, *base.encode_motion(pieces)) for pieces in _cut_pieces(base, motions)]
    ).numpy()


def _cut_pieces(base: Lead, motions: Sequence[Motion]) -> Iterator[list[Motion]]:
    """Each motion in pieces that the base can read."""
    for motion in motions:
        yield cut_clips([motion], [motion.resample(base.skeleton.fps)], base.skeleton.fps)[0]


def _cosine(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m n"]:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def _find_hits(
    distances: Float[np.ndarray, "clips n"], right: Int[np.ndarray, "clips n"], top: int
) -> Float[np.ndarray, " clips"]:
    """1 if a right one is among the `top` nearest, else 0."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :top]
    return np.take_along_axis(right, nearest, axis=1).any(axis=1).astype(float)


def _compute_chance(right: Int[np.ndarray, " n"], top: int) -> float:
    """1 - C(n - r, top) / C(n, top): at least one of r right ones among `top` drawn of n."""
    n, r = len(right), int(right.sum())
    return 1.0 - comb(n - r, top) / comb(n, top)


def find_concepts(base: Lead, folder: Path, seed: int = 0) -> dict[str, Any]:
    """How often a clip's own concept, learned from other clips, is the nearest or among the five nearest."""
    known = choose_subjects(GROUPS)
    words = [load_concept(folder, subject.name, seed) for subject in known]
    features = torch.stack([concept_latent(base, word) for word in words]).numpy()
    distances, right, owners = [], [], []
    for row, subject in enumerate(known):
        exemplars = subject.exemplars(seed)
        others = subject.real_own(exemplars)
        if others == exemplars:  # there are only two walks, and the concept was learned from both
            continue
        distances.append(-_cosine(_encode_mean_latents(base, [load_motion(clip) for clip in others]), features))
        right += [[place == row for place in range(len(known))] for _ in others]
        owners += [subject.name] * len(others)
    rows, mask = np.concatenate(distances), np.array(right)
    found = {top: _find_hits(rows, mask, top) for top in TOP}
    return {
        name: {"clips": int(part.sum()), "words": len(known)}
        | {f"describe@{top}": interval(found[top][part], share=True) for top in TOP}
        for name in ("all", *dict.fromkeys(owners))
        for part in [np.array([name in ("all", owner) for owner in owners])]
    }


def describe_examples(base: Lead, folder: Path) -> dict[str, Any]:
    """`describe` on an untrained style, on an untrained action, and on a motion that the base knows."""
    known = {subject.name: subject for subject in choose_subjects(GROUPS)}
    words = [load_concept(folder, name, 0) for name in known]
    words = [replace(word, token=f"<{name}>") for word, name in zip(words, known, strict=True)]
    clips = {name: [load_motion(row) for row in known[name].exemplars(1)] for name in EXAMPLES}
    known_walks = [row for row in pack_rows("test") if (row["style"], row["content"]) == KNOWN]
    clips[" ".join(KNOWN)] = [load_motion(row) for row in known_walks]
    return {name: _description_to_row(describe(base, encode_clips(base, some), words)) for name, some in clips.items()}


def _description_to_row(found: Description) -> dict[str, Any]:
    lists = {"words": found.words, "captions": found.captions, "concepts": found.concepts}
    near = {part: [(one.text, one.similarity) for one in some] for part, some in lists.items()}
    return near | {"caption": found.caption, "gap": found.caption_gap, "known": found.known}


def format_markdown(result: dict[str, Any]) -> str:
    """The tables and the examples."""
    lines = ["| clips of | clips | chance, top 1 | describe | evaluator | chance, top 5 | describe | evaluator |"]
    lines.append("| --- " * 8 + "|")
    for source, row in result["captions"].items():
        cells = [
            " | ".join((f"{row[f'chance@{top}']:.3f}", *(_format_cell(row[f"{way}@{top}"]) for way in WAYS)))
            for top in TOP
        ]
        lines.append(f"| {source} | {row['clips']} | {cells[0]} | {cells[1]} |")
    lines += ["", "| clips of | clips | words | nearest | among five |", "| --- " * 5 + "|"]
    for name, row in result["concepts"].items():
        found = " | ".join(_format_cell(row[f"describe@{top}"]) for top in TOP)
        lines.append(f"| {name} | {row['clips']} | {row['words']} | {found} |")
    for name, example in result["examples"].items():
        lines += ["", f"**{name}**"]
        for part in ("words", "captions", "concepts"):
            lines.append(f"- {part}: " + ", ".join(f"{text} {similarity:.2f}" for text, similarity in example[part]))
        lines.append(
            f'- "{example["caption"]}" {"does it" if example["known"] else "is nearest"}, gap {example["gap"]:.2f}'
        )
    return "\n".join(lines)


def _format_cell(found: Sequence[float]) -> str:
    return "{:.2f} ({:.2f}-{:.2f})".format(*found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all parts and prints their figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion.describe", description=main.__doc__)
    parser.add_argument("--words", type=Path, default=REPOSITORY / "runs" / "inversion")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "describe.json")
    options = parser.parse_args(arguments)
    try:
        base, evaluator = Lead.load(), Evaluator.load()
        result = {
            "captions": find_captions(base, evaluator, pack_rows("test")),
            "concepts": find_concepts(base, options.words),
            "examples": describe_examples(base, options.words),
        }
        write_json(options.output, result)
    except (LeadError, ConceptError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(format_markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
