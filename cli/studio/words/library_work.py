"""What the tab Library does with words, in the worker's thread, by what the commands use. Knows no pages."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.concept_commands.verify import check_file
from cli.load_models import preview_motion, to_token
from cli.studio.generate.takes import draw_picture
from cli.studio.workshop import Workshop
from concepts import Check, Concept, ConceptError, Library
from concepts.card import describe_concept

if TYPE_CHECKING:
    from lead import Motion


@dataclass(frozen=True, eq=False)
class OpenWord:
    """A word that is looked at."""

    concept: Concept
    card: str
    """Markdown, in which nothing of the file is markup."""
    preview: "Motion | None"
    checks: tuple[Check, ...] = ()
    """Those that were made."""

    @property
    def token(self) -> str:
        """As it stands in prompts."""
        return self.concept.token


@dataclass(frozen=True)
class Arrival:
    """A concept file that was sent."""

    path: Path
    token: str
    is_taken: bool = False
    """Whether the library has a word of this name already, so that it was not added."""


def open_word(library: Library, token: str) -> OpenWord:
    """Read and verify a word's file."""
    concept = library.load(token)
    return OpenWord(concept, describe_concept(concept), preview_motion(concept, token))


def verify_word(workshop: Workshop, token: str) -> tuple[Check, ...]:
    """Every check of the file and, where it is sound, those against the base."""
    path = workshop.library.locate(token)
    return tuple(check_file(path, workshop.base, workshop.settings.allow_mismatch))


def read_pictures(library: Library, tokens: Sequence[str]) -> dict[str, str]:
    """Small pictures as data: URIs, by token: those in the files, or drawn of previews; empty where neither is."""
    pictures = {}
    for token in tokens:
        try:
            concept = library.load(token)
        except ConceptError:  # the tile says what is wrong
            pictures[token] = ""
            continue
        motion = None if concept.thumbnail else preview_motion(concept)
        pictures[token] = concept.thumbnail or (draw_picture(motion) if motion else "")
    return pictures


def add_word(library: Library, path: Path, name: str = "", replace: bool = False) -> Arrival:
    """Verify a file that was sent, and add it; a name that is taken is only told, unless `replace`.

    ConceptError where the file is damaged; nothing in it is ever run.
    """
    try:
        token = to_token(name) if name.strip() else Concept.load(path).token
        if not replace and library.find(token):
            return Arrival(path, token, is_taken=True)
        library.add_file(path, token, replace)
    except ConceptError as error:
        raise ConceptError(str(error).replace(f"{path.parent}{os.sep}", "")) from None
    return Arrival(path, token)


def add_starters(library: Library) -> list[str]:
    """Put the words that come with the package into the library, except those whose names are taken; their tokens."""
    starter, own = Library.starter(), set(library.names())
    added = [token for token in starter.names() if token not in own]
    for token in added:
        library.add_file(starter.locate(token))
    return added


def write_for_diffusers(library: Library, token: str, folder: Path) -> Path:
    """The word as diffusers loads it, in a new file."""
    from concepts.exchange import export_vectors

    concept = library.load(token)
    path = folder / f"{concept.slug}-diffusers.safetensors"
    export_vectors(concept, path)
    return path
