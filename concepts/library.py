"""The library: a folder of concept files in which a concept is found by its token.

Each concept is `<name>.safetensors`, named after its token, so that finding one takes one look-up. Readers take no
lock: they see a concept before or after a change. Writers hold the lock file in turn, and each change moves one file
into place or removes one. A rename does both; a marker, written first, makes it one change for readers. A writer who
finds the marker of a killed process finishes the rename.

The folder is the user's data folder, or what the environment variable LEAD_CONCEPTS names. Files under other names do
not belong to the library. Knows no base model.
"""

import contextlib
import difflib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from concepts.concept import SUFFIX, Concept, Summary
from concepts.container import read_bytes, write_bytes
from concepts.errors import ConceptError, name_file_in_errors
from concepts.lock import hold_lock
from concepts.text import check_token, stem_to_token, token_slug, token_stem

FOLDER_VARIABLE = "LEAD_CONCEPTS"
LOCK = ".lock"
_MARKER = re.compile(r"\.rename\.([a-z0-9-]+)\.([a-z0-9-]+)")
LEFTOVER_SECONDS = 60.0
"""A temporary file as old as this belongs to a process that was killed."""
_SHOWN = 20
Read = TypeVar("Read", Concept, Summary)


def library_folder() -> Path:
    """LEAD_CONCEPTS, or `concepts` in the user's data folder of this system."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError:  # Python's for a user that does not exist
            raise ConceptError(f"{FOLDER_VARIABLE} is {chosen!r}, and this machine has no such user") from None
    from platformdirs import user_data_path

    return user_data_path("lead-invert", appauthor=False) / "concepts"


class Library:
    """Concepts by token. Iterating gives the tokens in order."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder else library_folder()

    @classmethod
    def starter(cls) -> "Library":
        """The words that come with the package, to load or to add to a library of one's own."""
        return cls(Path(__file__).with_name("starter"))

    def names(self) -> list[str]:
        """The tokens of all concepts."""
        try:
            listed = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConceptError(
                f"{self.folder}: cannot be read as a library: {error.strerror}; name another with {FOLDER_VARIABLE}"
            ) from None
        gone = {f"<{match[1]}>" for match in map(_MARKER.fullmatch, listed) if match and self._is_moved(match)}
        tokens = (stem_to_token(name.removesuffix(SUFFIX)) for name in listed if name.endswith(SUFFIX))
        return sorted(token for token in tokens if token and token not in gone)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def find(self, token: str) -> Path | None:
        """A concept's file, or None where the library lacks it."""
        path = self.path(token)
        return path if path.is_file() and token in self.names() else None

    def path(self, token: str) -> Path:
        """Where a concept's file lies or would lie."""
        return self.folder / f"{token_stem(token)}{SUFFIX}"

    def locate(self, token: str) -> Path:
        """A concept's file; a ConceptError that lists what the library has where it lacks this one."""
        found = self.find(token)
        if found is None:
            raise ConceptError(f"the library has no {token}; {self.offer(token)}")
        return found

    def load(self, token: str) -> Concept:
        """Load a concept and verify it like any other file."""
        self.locate(token)
        return self._read(token, Concept.load)

    def read_each(self, read: Callable[[Path], Read]) -> Iterator[tuple[str, Read | ConceptError]]:
        """Every token with what `read` gives for its file, or the error; the folder is listed once.

        `read` is `Concept.load`, or the much faster `Concept.read_summary`.
        """
        for token in self.names():
            try:
                yield token, self._read(token, read)
            except ConceptError as error:
                yield token, error

    def _read(self, token: str, read: Callable[[Path], Read]) -> Read:
        """What is read from a token's file; ConceptError where that holds another token."""
        path = self.path(token)
        found = read(path)
        if found.token != token:
            raise ConceptError(
                f"{path}: the file holds {found.token}: give it the name {token_stem(found.token)}{SUFFIX}, or move it "
                "away and add it with `lead-invert add`"
            )
        return found

    def add(self, concept: Concept, replace: bool = False) -> Path:
        """Add a concept; ConceptError where the library has its token already, unless `replace`."""
        return self._put(concept.token, concept.to_bytes(), replace)

    def add_file(self, path: str | Path, token: str | None = None, replace: bool = False) -> Path:
        """Verify a file of any origin and add it byte for byte, or under another `token`."""
        path = Path(path)
        with name_file_in_errors(path):
            data = read_bytes(path)
            concept = Concept.from_bytes(data)
        if token is not None and token != concept.token:
            concept = rename_concept(concept, token)
            data = concept.to_bytes()
        return self._put(concept.token, data, replace)

    def remove(self, token: str) -> None:
        """Remove a concept and its file."""
        with self._change():
            path = self.locate(token)
            try:
                path.unlink()
            except OSError as error:
                raise ConceptError(f"{path}: cannot be removed: {error.strerror}") from None

    def rename(self, old: str, new: str) -> Path:
        """Give a concept another token, in its file too."""
        with self._change():
            concept = rename_concept(self.load(old), new)
            self.refuse_taken(new)
            data = concept.to_bytes()
            marker = f".rename.{token_slug(old)}.{token_slug(new)}"
            _write(self.folder / marker, hashlib.sha256(data).hexdigest().encode())
            _write(self.path(new), data)
            self._finish(marker)
        return self.path(new)

    def refuse_taken(self, token: str) -> None:
        """ConceptError where the library has the token already."""
        if self.find(token):
            raise ConceptError(
                f"the library has {token} already ({self.path(token)}): choose another name, or --replace it"
            )

    @contextmanager
    def reserve(self, token: str) -> Iterator[None]:
        """Keep other processes from learning this token during the block; ConceptError where one is at it."""
        self._make_folder()
        with hold_lock(self.folder / f".{token_slug(token)}.learning", patience=0.0, keep=False):
            yield

    def offer(self, token: str = "") -> str:
        """A sentence that lists what the library has, and which tokens are like the given one."""
        tokens = self.names()
        if not tokens:
            return f"it is empty ({self.folder})"
        near = difflib.get_close_matches(token, tokens, n=3)
        more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"it has {', '.join(tokens[:_SHOWN])}{more}{hint}"

    def _put(self, token: str, data: bytes, replace: bool) -> Path:
        with self._change():
            if not replace:
                self.refuse_taken(token)
            _write(self.path(token), data)
        return self.path(token)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the lock, after the changes of killed writers are finished."""
        self._make_folder()
        with hold_lock(self.folder / LOCK):
            for name in os.listdir(self.folder):
                self._finish(name)
            yield

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConceptError(
                f"{self.folder}: cannot be made: {error.strerror}; name another folder with {FOLDER_VARIABLE}"
            ) from None

    def _finish(self, name: str) -> None:
        """Finish the rename that a file of the folder marks, or remove the temporary file of a killed writer."""
        path = self.folder / name
        if match := _MARKER.fullmatch(name):
            if self._is_moved(match):
                self.path(f"<{match[1]}>").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        elif re.fullmatch(r"\.concept-.*\.tmp", name):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    path.unlink()

    def _is_moved(self, marker: re.Match[str]) -> bool:
        """Whether the new file of a rename is in place; then the old one does not count."""
        try:
            data = self.path(f"<{marker[2]}>").read_bytes()
            return (self.folder / marker[0]).read_text() == hashlib.sha256(data).hexdigest()
        except FileNotFoundError:  # not moved yet, or finished while we looked
            return False


def _write(path: Path, data: bytes) -> None:
    with name_file_in_errors(path):
        write_bytes(path, data)


def rename_concept(concept: Concept, token: str) -> Concept:
    """The concept under another token; a title that is the old token's name changes with it."""
    title = token_slug(check_token(token)) if concept.title == concept.slug else concept.title
    return replace(concept, token=token, title=title)
