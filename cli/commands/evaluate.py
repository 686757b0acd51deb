"""`lead-invert evaluate`: whether a concept is the word for clips that it was not learned from, and its figures."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import count_noun, echo, print_table, spinner, warn
from cli.load_models import check_base, load_base, load_concept
from cli.options import BaseOptions, Captions, Device, Json, ReadingOptions, Seed
from cli.read_inputs import check_clip_count, read_captions, read_clips

if TYPE_CHECKING:
    from concepts import Concept
    from inversion.encoded_clips import EncodedClips
    from inversion.evaluate import Evaluation, Figures
    from lead import Lead

NOTES = (
    "FID and distance: to your clips, lower is nearer; posture: the same of how the body is held and moves. Diversity: "
    "how different the motions of a row are. Nearest: the distance to the nearest clip; far below the clips' own is a "
    "copy. Nearer: the share that is nearer to your clips than to motions without the word. Skate: the share of steps "
    "in which a foot on the floor slides. Jitter: m/s³."
)

MOST_CLIPS = 1000
"""Two motions are generated for each."""
MOST_OTHERS = 5
"""Words of the library that may be meant instead; each takes a second or two."""


@command
def evaluate(
    concept: Annotated[Path, typer.Argument(metavar="CONCEPT", help="A concept file, or a word in the library.")],
    clips: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR_OR_FILE", help="Clips of the same motion that the word was not learned from; repeat for more."
        ),
    ],
    captions: Captions = None,
    reading: ReadingOptions = ReadingOptions(),
    base: BaseOptions = BaseOptions(),
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Say whether a learned word is the word for clips that it was not learned from, and how close it comes.

    For each clip, motions of its length are generated with the word and without it. The first line is the verdict:
    whether the clips' style, or their action, is seen in the word's motions, and whether one of the five nearest words
    of the library comes nearer. Distances alone do not say so: nearly every word lowers them. FID is given from 64
    clips on.

    \b
    lead-invert evaluate elderly.safetensors --clips other-takes/
    lead-invert evaluate spin-kick.safetensors --clips kick7.bvh --clips kick8.bvh --json
    """
    from inversion.encoded_clips import encode_clips
    from inversion.evaluate import evaluate as evaluate_concept

    word = load_concept(concept)
    check_clip_count(clips, MOST_CLIPS, "FID settles with some hundred: name so many.")
    paths, motions = read_clips(clips, warn, reading, most=MOST_CLIPS)
    texts = read_captions(paths, captions)
    model = load_base(base.base, device)
    word = check_base(word, concept, model, base.allow_base_mismatch)
    started = time.perf_counter()
    with spinner(f"comparing {word.token} with {count_noun(len(motions), 'clip')}"):
        encoded = encode_clips(model, motions, texts)
        result = evaluate_concept(model, word, encoded, seed, _find_others(model, word, encoded))
    if result.seen:
        warn(
            f"{word.token} was learned from {', '.join(result.seen)}, so these figures are too good. "
            "Use clips that it was not learned from"
        )
    if not as_json:
        _print_figures(word, result)
    return {
        "concept": str(concept),
        "clips": [str(path) for path in paths],
        "verdict": asdict(result.verdict) | {"sentence": result.verdict.describe(word.token, word.kind)},
        "prompts": result.prompts,
        "figures": {"clips": asdict(result.clips), "word": asdict(result.word), "plain": asdict(result.plain)},
        "seen": result.seen,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _find_others(model: "Lead", word: "Concept", encoded: "EncodedClips") -> "list[Concept]":
    """The words of the library that are nearest to the clips: of this kind, learned on this base, not the word itself.

    A file that cannot be read is passed over: it is not what was asked about.
    """
    from concepts import Concept, Library
    from inversion.describe import concept_latent, mean_latent, rank_nearest

    others = {
        token: other
        for token, other in Library().read_each(Concept.load)
        if isinstance(other, Concept)
        and token != word.token
        and other.kind == word.kind
        and other.fingerprints == word.fingerprints
    }
    if len(others) <= MOST_OTHERS:
        return list(others.values())
    import torch

    latents = torch.stack([concept_latent(model, other) for other in others.values()])
    own = mean_latent(model, encoded.z, encoded.lengths)
    return [others[near.text] for near in rank_nearest(own, list(others), latents, MOST_OTHERS)]


def _print_figures(concept: "Concept", result: "Evaluation") -> None:
    """The verdict, a row for the clips, and one for the motions with and without the concept."""
    echo(result.verdict.describe(concept.token, concept.kind))
    rows = [("your clips", result.clips), (f"with {concept.token}", result.word), ("without it", result.plain)]
    with_fid = result.word.fid is not None
    columns = ("motions", *(["FID"] if with_fid else []), "distance", "posture", "diversity", "nearest", "nearer",
               "skate", "jitter")  # fmt: skip
    print_table([(name, *_cells(figures, with_fid)) for name, figures in rows], ("", *columns))
    echo(NOTES)


def _cells(figures: "Figures", with_fid: bool) -> list[str]:
    """A row's figures as text, a dash where one has no meaning."""
    share = "-" if figures.nearer is None else f"{figures.nearer:.2f}"
    fid = ["-" if figures.fid is None else f"{figures.fid:.1f}"] if with_fid else []
    distances = [f"{value:.2f}" for value in (figures.distance, figures.posture, figures.diversity, figures.nearest)]
    return [str(figures.motions), *fid, *distances, share, f"{figures.skate:.3f}", f"{figures.jitter:.0f}"]
