"""The error that users see for a concept, a concept file or a token that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class ConceptError(ValueError):
    """A concept, file or token that cannot be used; the message says what was found and what to do."""


@contextmanager
def name_file_in_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Within the block a ConceptError gets the file's name in front."""
    try:
        yield
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
