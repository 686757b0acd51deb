"""`WordList`: what the library has, for all pages, read anew when it changes. Knows no elements of pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import Event

from cli.studio.workshop import Workshop
from concepts import Concept, ConceptError, Library
from concepts.concept import Summary


@dataclass(frozen=True, eq=False)
class Word:
    """A word of the library, or what is wrong with its file."""

    token: str
    summary: Summary | None
    fault: str = ""
    """Why the file cannot be read; empty for a sound one."""

    @property
    def kind(self) -> str:
        """What the word means; "damaged" where its file does not say."""
        return self.summary.kind if self.summary else "damaged"


class WordList:
    """The words, by their names' order."""

    def __init__(self) -> None:
        self.words: tuple[Word, ...] = ()
        self.is_read = False
        """Whether the library was read once."""
        self.changed = Event[[]]()

    def read(self, workshop: Workshop) -> None:
        """Read the library in the worker; pages are told when it is done."""
        workshop.start("reading the library", lambda job: read_words(workshop.library), self._keep, replaces=self)

    def _keep(self, words: Sequence[Word]) -> None:
        self.words, self.is_read = tuple(words), True
        self.changed.emit()


def read_words(library: Library) -> list[Word]:
    """The start of each file; a file that is damaged is a word with a fault."""
    return [
        Word(token, None, str(found)) if isinstance(found, ConceptError) else Word(token, found)
        for token, found in library.read_each(Concept.read_summary)
    ]


def find_words(words: Sequence[Word], text: str, kind: str = "") -> list[Word]:
    """The words of a kind (all where it is empty) in whose name, title, base or license the text stands."""
    text = text.strip().lower()

    def shows(word: Word) -> bool:
        one = word.summary
        said = f"{one.title} {one.base} {one.license}" if one else word.fault
        return text in f"{word.token} {said}".lower()

    return [word for word in words if (not kind or word.kind == kind) and shows(word)]
