"""Atomic writing: after a failure or a kill the old file is still there, never half of the new one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lead.motion.errors import MotionError


@contextmanager
def atomic_write(path: Path, own_name: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; move it to `path` after the block. Errors of either pass through.

    The temporary name is always the same, so that the next writer overwrites what a killed one left behind. With
    `own_name` each writer has a name of its own: use it where several processes write one file at once.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}" if own_name else f"{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with suppress(OSError):  # after a successful move there is nothing to remove
            partial.unlink()


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a small file; raises MotionError if that fails."""
    try:
        with atomic_write(path, own_name=True) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise MotionError(f"{path}: cannot be written: {error.strerror or error}.") from error
    return path
