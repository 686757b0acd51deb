"""`lead-invert describe`: what clips or a learned word are like, and whether the base already knows it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import Device, Json, command, counted, hint, say, table, warn, working
from cli.load_models import AllowBaseMismatch, Base, check_base, concept_file, is_token, load_base, load_concept
from cli.read_inputs import InputFps, RigMap, Strict, Unit, Up, read_clips, reading_of, refuse_more

if TYPE_CHECKING:
    from concepts import Concept
    from inversion.describe import Description
    from lead import Lead

MOST_CLIPS = 500
"""More than this take gigabytes."""


@command
def describe(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="CLIPS_OR_CONCEPT", help="Clips, folders of them, or one concept (a file or a token)."),
    ],
    concept: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A concept to compare with, again for each (default: all in the library)."),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="How many of each to name.")] = 5,
    fps: InputFps = None,
    unit: Unit = None,
    up: Up = None,
    rig_map: RigMap = None,
    strict: Strict = False,
    base: Base = None,
    allow_base_mismatch: AllowBaseMismatch = False,
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Say what clips, or a learned word, are like.

    The nearest words, captions and concepts by their similarity (1 is the same) where the base compares motion with
    text, and whether a caption already does it: then you may not need a word. A concept is described by motions that
    are generated with it.

    \b
    lead-invert describe takes/
    lead-invert describe elderly.safetensors
    lead-invert describe takes/ --concept elderly.safetensors --concept sneak.safetensors
    """
    from inversion.describe import describe as describe_motions
    from inversion.describe import generate_examples
    from inversion.encoded_clips import encode_clips

    word = load_concept(places[0]) if len(places) == 1 and _is_concept(places[0]) else None
    if not word:
        refuse_more(places, MOST_CLIPS, "They are described by what they have in common: name those of one kind.")
    motions = [] if word else read_clips(places, warn, reading_of(fps, unit, up, rig_map), strict)[1]
    model = load_base(base, device)
    if word:
        word = check_base(word, concept_file(places[0]), model, allow_base_mismatch)
    others = _others(model, concept, word, allow_base_mismatch)
    with working(f"describing {word.token if word else counted(len(motions), 'clip')}"):
        encoded = encode_clips(model, generate_examples(model, word) if word else motions)
        found = describe_motions(model, encoded, others, count=count)
    if not as_json:
        _show(found)
    if found.known and not word:
        hint(f'you may not need a word: try "{found.caption}"')
    return {"described": [str(place) for place in places], **asdict(found), "known": found.known}


def _is_concept(place: Path) -> bool:
    return place.suffix == ".safetensors" or is_token(place)


def _others(
    model: "Lead", files: list[Path] | None, word: "Concept | None", allow_base_mismatch: bool
) -> "list[Concept]":
    """The concepts to compare with: those that were named, or the library's of this base; never the word itself."""
    from concepts import ConceptError
    from concepts.library import Library

    if files is not None:
        named = [check_base(load_concept(path), path, model, allow_base_mismatch) for path in files]
        return [one for one in named if word is None or one.to_bytes() != word.to_bytes()]
    library, found = Library(), []
    for token in library:
        try:
            one = library.load(token)
            one.check_base(model.fingerprints, model.name)
        except ConceptError as error:
            warn(f"not compared with {token}: {error}")
            continue
        if word is None or one.to_bytes() != word.to_bytes():
            found.append(one)
    return found


def _show(found: "Description") -> None:
    for what, near in (("word", found.words), ("caption", found.captions), ("concept", found.concepts)):
        if near:
            table([(f"{one.similarity:.2f}", one.text) for one in near], ("similarity", what))
    far = f"comes nearest, and is {found.caption_gap:.1f} times too far to do it"
    does = "does this already" if found.known else far
    say(f'Of all captions "{found.caption}" {does}.')
