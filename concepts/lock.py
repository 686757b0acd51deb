"""A lock file: one process at a time changes a folder.

The operating system holds the lock for the open file and releases it when the process ends, however it ends. A killed
program leaves an empty file behind, and no lock.
"""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from concepts.errors import ConceptError

PATIENCE = 30.0
"""Seconds to wait for others; a change of a folder takes milliseconds."""
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class _NoLocksError(ConceptError):
    """The disk has no locks."""


@contextmanager
def hold_lock(path: Path, patience: float = PATIENCE, keep: bool = True, needed: bool = True) -> Iterator[None]:
    """Hold the lock file at `path` during the block; ConceptError after `patience` seconds without it.

    Afterwards the file is removed unless `keep`. Some network disks have no locks: that is a ConceptError too, or with
    `needed` off the block runs without a lock.
    """
    until = time.monotonic() + patience
    try:
        while (file := _try_lock(path)) is None:
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


def _try_lock(path: Path) -> BinaryIO | None:
    """The open lock file if we hold the lock; None while another process holds it or has just removed the file."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise ConceptError(f"{path}: cannot be written: {error.strerror}; choose another folder") from None
    try:
        if _try_system_lock(file, path) and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except FileNotFoundError:
        pass
    except ConceptError:
        file.close()
        raise
    file.close()
    return None


def _try_system_lock(file: BinaryIO, path: Path) -> bool:
    """Ask the operating system for the lock; False while another process holds it."""
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
