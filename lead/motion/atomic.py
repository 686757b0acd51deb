"""Files written whole: a fault or a kill leaves the file of before, never half of the new one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lead.motion.errors import MotionError


@contextmanager
def atomic_write(path: Path, own_name: bool = False) -> Iterator[Path]:
    """A temporary name to write to, moved to `path` after the block; whatever fails in it or in the move goes on.

    The name is always the same, so that what a kill leaves is written over by the next; with `own_name` each writer has
    its own, for files that several write at once.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}" if own_name else f"{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with suppress(OSError):  # a successful move leaves nothing to remove
            partial.unlink()


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a small file; MotionError where that cannot be."""
    try:
        with atomic_write(path, own_name=True) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise MotionError(f"{path}: cannot be written: {error.strerror or error}.") from error
    return path
