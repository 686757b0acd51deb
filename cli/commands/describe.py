"""`lead-invert describe`: what clips or a learned concept are like, and whether the base already knows it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import count_noun, echo, hint, print_table, spinner, warn
from cli.load_models import check_base, find_concept, is_token, load_base, load_concept
from cli.options import BaseOptions, Device, Json, ReadingOptions
from cli.read_inputs import check_clip_count, read_clips

if TYPE_CHECKING:
    from concepts import Concept
    from inversion.describe import Description
    from lead import Lead, Motion

MOST_CLIPS = 500
"""More of them take gigabytes."""


@command
def describe(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="CLIPS_OR_CONCEPT", help="Clips, folders of them, or one concept (a file or a token)."),
    ],
    concept: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A concept to compare with; repeat for more (default: all in the library)."),
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--number", min=1, metavar="N", help="How many words, captions and concepts to name.")
    ] = 5,
    reading: ReadingOptions = ReadingOptions(),
    base: BaseOptions = BaseOptions(),
    device: Device = "auto",
    as_json: Json = False,
) -> JsonObject:
    """Say which known words and captions clips, or a learned word, resemble.

    Names the nearest words, captions and concepts by their similarity (1 is the same), measured where the base compares
    motion with text. Says whether a caption already does it: then you may not need a word. A concept is described by
    motions that are generated with it.

    \b
    lead-invert describe takes/
    lead-invert describe elderly.safetensors
    lead-invert describe takes/ --concept elderly.safetensors --concept sneak.safetensors
    """
    from inversion.describe import describe as describe_motions
    from inversion.describe import generate_examples
    from inversion.encoded_clips import encode_clips

    described = load_concept(places[0]) if len(places) == 1 and _is_concept(places[0]) else None
    motions = [] if described else _read_motions(places, reading)
    model = load_base(base.base, device)
    if described:
        described = check_base(described, find_concept(places[0]), model, base.allow_base_mismatch)
    others = _load_others(model, concept, described, base.allow_base_mismatch)
    with spinner(f"describing {described.token if described else count_noun(len(motions), 'clip')}"):
        encoded = encode_clips(model, generate_examples(model, described) if described else motions)
        found = describe_motions(model, encoded, others, count=count)
    if not as_json:
        _print_description(found, described.token if described else _name_clips(places, len(motions)))
    if found.known and not described:
        hint(f'you may not need a word: try "{found.caption}"')
    return {"described": [str(place) for place in places], **asdict(found), "known": found.known}


def _is_concept(place: Path) -> bool:
    return place.suffix == ".safetensors" or is_token(place)


def _read_motions(places: Sequence[Path], reading: ReadingOptions) -> "list[Motion]":
    check_clip_count(places, MOST_CLIPS, "They are described by what they have in common: name those of one kind.")
    return read_clips(places, warn, reading, most=MOST_CLIPS)[1]


def _load_others(
    model: "Lead", files: list[Path] | None, described: "Concept | None", allow_base_mismatch: bool
) -> "list[Concept]":
    """The concepts to compare with: those in `files`, else the library's of this base; without the described one."""
    if files is not None:
        others = [check_base(load_concept(path), path, model, allow_base_mismatch) for path in files]
    else:
        others = _load_library(model)
    return [one for one in others if described is None or one.to_bytes() != described.to_bytes()]


def _load_library(model: "Lead") -> "list[Concept]":
    """The library's concepts that fit the base; warns of the others."""
    from concepts import Concept, ConceptError, Library

    fitting, prints = [], model.fingerprints
    for token, concept in Library().read_each(Concept.load):
        try:
            if isinstance(concept, ConceptError):
                raise concept
            concept.check_base(prints, model.name)
        except ConceptError as error:
            warn(f"not compared with {token}: {error}")
            continue
        fitting.append(concept)
    return fitting


def _name_clips(places: Sequence[Path], motions: int) -> str:
    """`takes (5 clips)`, or the one clip's name."""
    names = ", ".join(str(place) for place in places[:3]) + (" and others" if len(places) > 3 else "")
    return names if motions == 1 else f"{names} ({motions} clips)"


def _print_description(found: "Description", what: str) -> None:
    """A table of the nearest words, captions and concepts each; `what` is what they are near to."""
    for noun, near in (("word", found.words), ("caption", found.captions), ("concept", found.concepts)):
        if near:
            rows = [(f"{one.similarity:.2f}", one.text) for one in near]
            print_table(rows, ("similarity", f"{noun}s nearest to {what}"))
    far = f"comes nearest, and is {found.caption_gap:.1f} times too far to do it"
    does = "does this already" if found.known else far
    echo(f'Of all captions "{found.caption}" {does}.')
