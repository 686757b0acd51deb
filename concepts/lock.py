"""A lock file: one process at a time changes a folder.

The operating system holds the lock for the open file and gives it back when the process ends, however it ends: a
killed program leaves no lock behind, only an empty file.
"""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from concepts.errors import ConceptError

PATIENCE = 30.0
"""Seconds to wait for others; a change of a folder takes milliseconds."""
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class _NoLocksError(ConceptError):
    """The disk keeps no locks."""


@contextmanager
def locked(path: Path, patience: float = PATIENCE, keep: bool = True, needed: bool = True) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs; ConceptError where it cannot be had in time.

    The file is taken away afterwards unless `keep`. On a disk that keeps no locks, as some network disks, this is a
    ConceptError too, unless it is not `needed`.
    """
    until = time.monotonic() + patience
    try:
        while (file := _opened(path)) is None:
            if time.monotonic() > until:
                raise ConceptError(f"{path}: another program has this lock: wait for it or end it, and try again")
            time.sleep(0.01)
    except _NoLocksError:
        if needed:
            raise
        _remove(path)
        yield
        return
    try:
        with file:
            try:
                yield
            finally:
                if not keep:
                    _remove(path)  # while it is ours: nobody else can have it
    finally:
        if not keep and sys.platform == "win32":
            _remove(path)  # there an open file stays


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _opened(path: Path) -> IO[Any] | None:
    """The lock file, if the lock is ours now; None while another has it, or took the file away as we got it."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise ConceptError(f"{path}: cannot be written: {error.strerror}; choose another folder") from None
    try:
        if _taken(file, path) and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except FileNotFoundError:
        pass
    except ConceptError:
        file.close()
        raise
    file.close()
    return None


def _taken(file: IO[Any], path: Path) -> bool:
    """Whether the lock is ours now; False while another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise _NoLocksError(f"{path}: cannot be locked: {error.strerror}; choose a folder on another disk") from None
    return True
