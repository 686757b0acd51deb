"""The library: a folder of concept files in which a word is found by its token.

Each word is `<name>.safetensors`, named after its token, so that finding one is a look at one name. Readers take no
lock: they see a word as it was or as it is. Writers take the lock file in turn, and each change is one file moved
into place or taken away. A rename is two of these; a marker, written before, makes them one for readers, and a writer
who finds the marker of one that was killed finishes it.

The folder is the user's data folder, or what the environment variable LEAD_CONCEPTS names. Files that lie there
under other names are not words. Knows no base model.
"""

import contextlib
import difflib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from concepts.concept import SUFFIX, Concept
from concepts.container import read_bytes, write_bytes
from concepts.errors import ConceptError
from concepts.lock import locked
from concepts.text import TOKEN, check_token, token_slug

FOLDER_VARIABLE = "LEAD_CONCEPTS"
LOCK = ".lock"
_MARKER = re.compile(r"\.rename\.([a-z0-9-]+)\.([a-z0-9-]+)")
LEFTOVER_SECONDS = 60.0
"""A temporary file as old as this belongs to a process that was killed."""
_SHOWN = 20


def library_folder() -> Path:
    """LEAD_CONCEPTS, or `concepts` in the user's data folder of this system."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("lead-invert", appauthor=False) / "concepts"


class Library:
    """Words by token. Iterating gives the tokens in order."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder else library_folder()

    def names(self) -> list[str]:
        """The tokens of all words."""
        try:
            listed = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConceptError(
                f"{self.folder}: cannot be read as a library: {error.strerror}; name another with {FOLDER_VARIABLE}"
            ) from None
        gone = {f"<{match[1]}>" for match in map(_MARKER.fullmatch, listed) if match and self._moved(match)}
        tokens = (f"<{name.removesuffix(SUFFIX)}>" for name in listed if name.endswith(SUFFIX))
        return sorted(token for token in tokens if TOKEN.fullmatch(token) and token not in gone)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def find(self, token: str) -> Path | None:
        """A word's file, or None where the library lacks it."""
        path = self.path(token)
        return path if path.is_file() and token in self.names() else None

    def path(self, token: str) -> Path:
        """Where a word's file lies or would lie."""
        return self.folder / f"{token_slug(token)}{SUFFIX}"

    def locate(self, token: str) -> Path:
        """A word's file; ConceptError that says what the library has where it lacks it."""
        found = self.find(token)
        if found is None:
            raise ConceptError(f"the library has no {token}; {self.offer(token)}")
        return found

    def load(self, token: str) -> Concept:
        """A word, verified like any other file."""
        path = self.locate(token)
        concept = Concept.load(path)
        if concept.token != token:
            raise ConceptError(
                f"{path}: the file holds {concept.token}: give it the name {concept.slug}{SUFFIX}, or move it away and "
                f"add it with `lead-invert add`"
            )
        return concept

    def add(self, concept: Concept, replace: bool = False) -> Path:
        """Put a word in; ConceptError where its name is taken, unless `replace`."""
        return self._put(concept.token, concept.to_bytes(), replace)

    def add_file(self, path: str | Path, token: str | None = None, replace: bool = False) -> Path:
        """Verify a file of any origin and put it in, byte for byte; or as the word `token`."""
        path = Path(path)
        try:
            data = read_bytes(path)
            concept = Concept.from_bytes(data)
        except ConceptError as error:
            raise ConceptError(f"{path}: {error}") from None
        if token is not None and token != concept.token:
            concept = renamed(concept, token)
            data = concept.to_bytes()
        return self._put(concept.token, data, replace)

    def remove(self, token: str) -> None:
        """Take a word out, its file with it."""
        with self._changing():
            path = self.locate(token)
            try:
                path.unlink()
            except OSError as error:
                raise ConceptError(f"{path}: cannot be removed: {error.strerror}") from None

    def rename(self, old: str, new: str) -> Path:
        """Give a word another token, in its file too."""
        with self._changing():
            concept = renamed(self.load(old), new)
            self.refuse_taken(new)
            data = concept.to_bytes()
            marker = f".rename.{token_slug(old)}.{token_slug(new)}"
            _write(self.folder / marker, hashlib.sha256(data).hexdigest().encode())
            _write(self.path(new), data)
            self._finish(marker)
        return self.path(new)

    def refuse_taken(self, token: str) -> None:
        """ConceptError where the library has the word already."""
        if self.find(token):
            raise ConceptError(
                f"the library has {token} already ({self.path(token)}): choose another name, or --replace it"
            )

    @contextmanager
    def reserved(self, token: str) -> Iterator[None]:
        """Nobody else learns this word while the block runs; ConceptError where somebody is at it."""
        self._make_folder()
        with locked(self.folder / f".{token_slug(token)}.learning", patience=0.0, keep=False):
            yield

    def offer(self, token: str = "") -> str:
        """What the library has, and what of it is near a word, in a sentence."""
        tokens = self.names()
        if not tokens:
            return f"it is empty ({self.folder})"
        near = difflib.get_close_matches(token, tokens, n=3)
        more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"it has {', '.join(tokens[:_SHOWN])}{more}{hint}"

    def _put(self, token: str, data: bytes, replace: bool) -> Path:
        with self._changing():
            if not replace:
                self.refuse_taken(token)
            _write(self.path(token), data)
        return self.path(token)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The lock, and what killed writers left put right."""
        self._make_folder()
        with locked(self.folder / LOCK):
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
        """Of a file in the folder: complete what a rename's marker says, and take away what a killed writer left."""
        path = self.folder / name
        if match := _MARKER.fullmatch(name):
            if self._moved(match):
                self.path(f"<{match[1]}>").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        elif re.fullmatch(r"\.concept-.*\.tmp", name):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    path.unlink()

    def _moved(self, marker: re.Match[str]) -> bool:
        """Whether the new file of a rename is in place: from then on the old one no longer counts."""
        try:
            data = self.path(f"<{marker[2]}>").read_bytes()
            return (self.folder / marker[0]).read_text() == hashlib.sha256(data).hexdigest()
        except FileNotFoundError:  # not moved yet, or finished while we looked
            return False


def _write(path: Path, data: bytes) -> None:
    try:
        write_bytes(path, data)
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None


def renamed(concept: Concept, token: str) -> Concept:
    """The concept under another token; a title that was the old token's name follows."""
    title = token_slug(check_token(token)) if concept.title == concept.slug else concept.title
    return replace(concept, token=token, title=title)
