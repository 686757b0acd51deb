"""Files that appear in a folder all together, or not at all.

They are written into a hidden folder inside the output folder and moved into place at the end, so that a failure
leaves neither half a file nor half a set. What a killed process left is taken away by the next that writes there. Whose
process lives is told by a lock file beside each hidden folder: the system gives a lock back when its process ends,
however it ends. On a network disk that keeps locks to each machine, another machine's folder is left alone for a day.
"""

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cli.console import UsageError

PREFIX = ".lead-invert"
FOREIGN_SECONDS = 86_400.0
"""A lock that looks free and is another machine's counts as left behind when it is as old as this."""


def check_writable(output: Path, option: str = "--output") -> None:
    """UsageError where a folder cannot be made or written into: before the work, not after it."""
    place = output
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise UsageError(f"{place} is a file; expected a folder to write into. Name another one with {option}.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{output} cannot be written: {place} is read-only. Name another folder with {option}.")


@contextmanager
def atomic_folder(output: Path) -> Iterator[Path]:
    """A folder to write into, whose files are moved to `output` after the block, and lost if it fails."""
    check_writable(output)
    made_folder = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        _sweep(output)
        with _own_folder(output) as folder:
            yield folder
            for path in sorted(folder.iterdir()):
                os.replace(path, output / path.name)
    except BaseException:
        if made_folder:
            with suppress(OSError):  # somebody else has put something there
                output.rmdir()
        raise


@contextmanager
def _own_folder(output: Path) -> Iterator[Path]:
    """A hidden folder of this process, its lock held."""
    from concepts.lock import hold_lock

    folder = output / f"{PREFIX}-{_host()}-{secrets.token_hex(6)}"
    lock = folder.with_name(f"{folder.name}.lock")
    with hold_lock(lock, keep=False, needed=False):  # without, nobody takes the folder away: nobody knows whether we live
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(output: Path) -> None:
    """Take away the hidden folders of processes that have ended."""
    from concepts import ConceptError
    from concepts.lock import hold_lock

    for lock in output.glob(f"{PREFIX}-*.lock"):
        with suppress(ConceptError, OSError):  # its process lives, or took it away itself
            ours = lock.name.startswith(f"{PREFIX}-{_host()}-")
            if ours or time.time() - lock.stat().st_mtime > FOREIGN_SECONDS:
                with hold_lock(lock, patience=0.0, keep=False):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)


def _host() -> str:
    """This machine's name in letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", platform.node().lower())[:40] or "_"
