"""What all kinds of `generate` share: the options of motions, files and views, the base model and the concepts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import OptionGroup
from cli.errors import UsageError
from cli.jobs.keep_best import BestOf, make_rank
from cli.load_models import check_base, load_base, load_concepts_for
from cli.options import BaseOptions, InPlace, Loop, OnRig, RigMap, Seed, ViewSwitches
from cli.write_outputs import DATA_FORMATS, VIEW_FORMATS

if TYPE_CHECKING:
    from concepts import Concept, ConceptTensors
    from lead import Lead


@dataclass(frozen=True)
class MotionOptions(OptionGroup):
    """How motions are generated, for all prompts."""

    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Motions for each prompt.")] = 1
    keep: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="Of the motions for each prompt, rank them and write the K best only."),
    ] = None
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of each motion.")] = 4.0
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the base model's own).")
    ] = None
    guidance: Annotated[
        float | None,
        typer.Option(metavar="G", help="How strictly to follow the prompt (default: the base model's own)."),
    ] = None
    seed: Seed = 0
    lock_feet: Annotated[
        bool, typer.Option("--foot-lock/--no-foot-lock", help="Keep standing feet from sliding; the legs follow by IK.")
    ] = True
    loop: Loop = False
    in_place: InPlace = False


@dataclass(frozen=True)
class FileOptions(OptionGroup):
    """What the motions are written as, and on which skeleton."""

    rig: OnRig = None
    rig_map: RigMap = None
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help=f"Any of {','.join(DATA_FORMATS)} (data), {','.join(VIEW_FORMATS)} (views; not with --prompts). "
            "Default: bvh,png; bvh with --prompts.",
        ),
    ] = None


@dataclass(frozen=True)
class BesideOptions(OptionGroup):
    """What views show beside the motions of concepts."""

    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="PLACE",
            help="Clips, as those a word was learned from: views show the nearest one to the motions "
            "(default: the exemplar in the concept's file).",
        ),
    ] = None
    plain: Annotated[
        bool, typer.Option("--plain/--no-plain", help="Views also show the same seed without the learned words.")
    ] = True


@dataclass(frozen=True)
class Sources:
    """What motions are generated with."""

    concept_files: Sequence[Path]
    """Those given with --concept."""
    base: BaseOptions
    device: str
    strict: bool
    """Whether a prompt that is outside of what the base was trained on is an error."""


@dataclass(frozen=True)
class Views:
    """What views show."""

    beside: BesideOptions
    switches: ViewSwitches


def load_models(prompts: Sequence[str], sources: Sources, device: str) -> "tuple[Lead, dict[Path, Concept]]":
    """The base model, and the concepts that were given or that the prompts name, as this base can use them."""
    concepts = load_concepts_for(prompts, sources.concept_files)
    model, allow_mismatch = load_base(sources.base.base, device), sources.base.allow_base_mismatch
    return model, {path: check_base(concept, path, model, allow_mismatch) for path, concept in concepts.items()}


def merge_words(concepts: "Mapping[Path, Concept]") -> "dict[str, ConceptTensors]":
    """What the base takes as words, of all concepts; UsageError where two have the same token."""
    tokens: set[str] = set()
    for path, concept in concepts.items():
        if concept.token in tokens:
            raise UsageError(f"{path}: another --concept has the token {concept.token} too; give one of them.")
        tokens.add(concept.token)
    return {token: word for concept in concepts.values() for token, word in concept.words.items()}


def ask_for_best(
    model: "Lead", concepts: "Mapping[Path, Concept]", words: "Mapping[str, ConceptTensors]", options: MotionOptions
) -> BestOf | None:
    """What --keep asks for; None without it."""
    if options.keep is None:
        return None
    return BestOf(options.number, options.keep, make_rank(model, list(concepts.values()), words))
