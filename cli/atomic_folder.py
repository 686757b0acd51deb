"""Atomic folders: the files of a command appear in its output folder all together, or not at all.

The files are written into a hidden folder inside the output folder, and moved into place at the end. A failure leaves
neither half a file nor half a set. A file that is there with another content is not overwritten unasked: the set is
refused, or numbered (`name_anew`). The next process that writes there removes what a killed process left. A lock file
beside each hidden folder tells whether its process lives: the system frees a lock when the process ends, in any way. On
a network disk each machine may keep locks to itself, so the folder of another machine is left alone for a day.
"""

import errno
import filecmp
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from cli.errors import UsageError
from lead.motion.suffixes import WRITES

PREFIX = ".lead-invert"
ENDINGS = (*WRITES, ".png", ".html", ".mp4", ".gif")
"""Endings of files that commands write, with which nobody names a folder."""
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
FOREIGN_SECONDS = 86_400.0
"""The age from which the free lock of another machine counts as left behind."""


def check_writable(output: Path, option: str = "--output") -> None:
    """UsageError where a folder cannot be made or written into. Call it before the work."""
    place = output
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and not output.exists() and output.suffix.lower() in ENDINGS:
        form = output.suffix.lower().removeprefix(".")
        raise UsageError(f"{option} {output}: expected a folder; for files of this type add --format {form}.")
    if not place.is_dir():
        raise UsageError(f"{place} is a file; expected a folder to write into. Name another one with {option}.")
    try:
        with tempfile.TemporaryFile(dir=place):  # what a system says of a folder's rights is not always so
            pass
    except OSError as error:
        reason = f"{place} is read-only" if error.errno in _REFUSED else f"{place}: {error.strerror}"
        raise UsageError(f"{output} cannot be written: {reason}. Name another folder with {option}.") from None


@contextmanager
def atomic_folder(output: Path, replace: bool = False) -> Iterator[Path]:
    """A folder to write into. Its files are moved to `output` after the block; if the block fails, they are removed.

    UsageError, and nothing is moved, where a file would overwrite one of another content, unless `replace`.
    """
    check_writable(output)
    is_new = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        _remove_leftovers(output)
        with _hidden_folder(output) as folder:
            yield folder
            paths = sorted(folder.iterdir())
            for path in paths:
                refuse_overwriting(path, output / path.name, replace)
            for path in paths:
                os.replace(path, output / path.name)
    except BaseException:
        if is_new:
            with suppress(OSError):  # another process has written there
                output.rmdir()
        raise


def refuse_overwriting(path: Path, target: Path, replace: bool) -> None:
    """UsageError where `path` would be written over a file of another content, unless `replace`."""
    if not replace and _differ(path, target):
        raise UsageError(f"{target} exists already, with another content: name another place, or add --replace.")


def name_anew(folder: Path, output: Path) -> dict[str, str]:
    """Number the files of a folder, all alike, where `output` has others of their names; the new names by the old.

    `walk.bvh` and `walk.png` become `walk-2.bvh` and `walk-2.png`.
    """
    paths = list(folder.iterdir())
    for number in count(1):
        names = {path.name: _number_name(path.name, number) for path in paths}
        if not any(_differ(path, output / names[path.name]) for path in paths):
            break
    for path in paths:
        path.rename(folder / names[path.name])
    return names


def _number_name(name: str, number: int) -> str:
    stem, dot, ending = name.partition(".")
    return f"{stem}-{number}{dot}{ending}" if number > 1 else name


def _differ(path: Path, target: Path) -> bool:
    """Whether there is another file, or a file of another content, at the target."""
    return target.exists() and not (target.is_file() and filecmp.cmp(path, target, shallow=False))


@contextmanager
def _hidden_folder(output: Path) -> Iterator[Path]:
    """A hidden folder of this process, with its lock held."""
    from concepts.lock import hold_lock

    folder = output / f"{PREFIX}-{_host()}-{os.urandom(6).hex()}"
    lock = folder.with_name(f"{folder.name}.lock")
    with hold_lock(lock, keep=False, needed=False):  # without locks no process removes the folder
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(output: Path) -> None:
    """Remove the hidden folders of processes that have ended."""
    from concepts import ConceptError
    from concepts.lock import hold_lock

    for lock in output.glob(f"{PREFIX}-*.lock"):
        with suppress(ConceptError, OSError):  # its process lives, or has removed it
            ours = lock.name.startswith(f"{PREFIX}-{_host()}-")
            if ours or time.time() - lock.stat().st_mtime > FOREIGN_SECONDS:
                with hold_lock(lock, patience=0.0, keep=False):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)


def _host() -> str:
    """This machine's name in letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", platform.node().lower())[:40] or "_"
