"""Concepts of a library by their tokens, as a base can use them, kept in memory until their files change.

No path is taken from who asks: a word is looked up by the token alone. Knows no protocol and no pages.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.load_models import check_base
from concepts import Concept, ConceptError, Library
from concepts.text import TOKEN
from lead.text.prompts import find_tokens

if TYPE_CHECKING:
    from concepts import ConceptTensors
    from lead import Lead

MOST = 64
"""Concepts that are kept."""
_SHOWN = 20


class KeptConcepts:
    """The concepts that prompts may name."""

    def __init__(
        self, library: Library, given: Iterable[Concept] = (), allow_mismatch: bool = False, owner: str = "this server"
    ) -> None:
        self.library, self.allow_mismatch, self.owner = library, allow_mismatch, owner
        self.given = {concept.token: concept for concept in given}
        """Concepts that are there beside the library's."""
        self._kept: dict[Path, tuple[tuple[int, int], Concept]] = {}

    def list_tokens(self) -> list[str]:
        """The words that prompts may name."""
        return sorted({*self.given, *self.library.names()})

    def find_of(self, prompts: Sequence[str], base: "Lead") -> dict[str, Concept]:
        """The concepts that prompts name, by token."""
        return {token: self.find(token, base) for token in dict.fromkeys(t for p in prompts for t in find_tokens(p))}

    def load_words(self, prompts: Sequence[str], base: "Lead") -> "dict[str, ConceptTensors]":
        """What the base takes as words, of all concepts that prompts name."""
        return {token: word for one in self.find_of(prompts, base).values() for token, word in one.words.items()}

    def locate(self, token: str) -> Path | None:
        """A concept's file; None for one that was given. ConceptError where there is none of this token."""
        if token in self.given:
            return None
        path = self.library.find(token) if TOKEN.fullmatch(token) else None
        if path is None:
            raise ConceptError(f"{token[:80]} is not a word of {self.owner}; {self._offer()}")
        return path

    def find(self, token: str, base: "Lead") -> Concept:
        """A concept by its token, as this base can use it; ConceptError where it is not there or damaged."""
        path = self.locate(token)
        if path is None:
            return self.given[token]
        try:
            state = path.stat()
            version = (state.st_mtime_ns, state.st_size)
            if path not in self._kept or self._kept[path][0] != version:
                while len(self._kept) >= MOST:
                    del self._kept[next(iter(self._kept))]
                concept, name = self.library.load(token), Path(path.name)
                self._kept[path] = (version, check_base(concept, name, base, self.allow_mismatch))
        except (ConceptError, OSError) as error:
            raise ConceptError(str(error).replace(str(path), path.name)) from None
        return self._kept[path][1]

    def _offer(self) -> str:
        tokens = self.list_tokens()
        more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
        return f"it has {', '.join(tokens[:_SHOWN])}{more}" if tokens else "it has none"
