"""Bases and concepts as the commands of `lead-invert` take them: options, loading, and whether they fit."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import existing, resolve_device, warn, working

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Lead


class Kind(StrEnum):
    action = "action"
    style = "style"
    persona = "persona"


Base = Annotated[Path | None, typer.Option(metavar="PATH", help="Another base model (default: the embedded one).")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same result.")]
Captions = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What each clip shows: a captions.jsonl (default: what lies beside the clips).",
    ),
]


def load_concept(path: Path) -> "Concept":
    from concepts import Concept

    return Concept.load(existing(path, "a concept"))


def load_base(path: Path | None, device: str) -> "Lead":
    from lead import Lead

    with working("loading the base model"):
        return Lead.load(path and existing(path, "--base"), device=resolve_device(device))


def check_base(concept: "Concept", path: Path, model: "Lead") -> None:
    """ConceptError where the word means nothing to this base; a warning where its motions may differ."""
    from concepts import ConceptError

    try:
        differences = concept.check_base(model.fingerprints, model.name)
        concept.check_probe(model.encode_text([concept.probe_prompt], words=concept.words).cpu().numpy())
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
    for difference in differences:
        warn(difference)
