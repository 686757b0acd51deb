"""The error of motion files and arrays that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class MotionError(ValueError):
    """A motion that cannot be read, matched or written; the message says what was found and what to do."""


@contextmanager
def name_file_in_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Within the block, a MotionError gets the file's name in front, and an OSError becomes a MotionError."""
    try:
        yield
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MotionError as error:
        raise error if str(error).startswith(str(path)) else MotionError(f"{path}: {error}") from None
