"""Files to motions for the studio: each by itself, so that a bad one stops no other.

Runs in the worker; knows no pages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import UsageError, to_message, user_errors
from cli.read_inputs import list_clips, read_captions, read_clip
from lead.data.caption_files import LISTING
from lead.motion.read_options import ReadOptions
from lead.motion.suffixes import READS, SCENE_FORMATS

if TYPE_CHECKING:
    from lead import Motion


@dataclass(frozen=True, eq=False)
class ReadFile:
    """What a file gave."""

    motion: "Motion | None" = None
    error: str = ""
    """Why it gave nothing."""
    animations: tuple[str, ...] = ()
    """The names of those that it holds."""


@dataclass(frozen=True)
class Listed:
    """The clips at a place on this machine."""

    paths: tuple[Path, ...]
    captions: tuple[str, ...]
    """One a clip; empty where there is none."""
    ignored: tuple[str, ...]
    """Names of files that are no motions by their suffixes."""
    notes: tuple[str, ...] = ()
    """What is wrong with the captions beside them."""


def read_file(path: Path, reading: ReadOptions) -> ReadFile:
    """The motion of a file, or why there is none, in the words of the library."""
    animations: tuple[str, ...] = ()
    try:
        if path.suffix.lower() in SCENE_FORMATS:
            from lead.motion.read import list_animations

            animations = list_animations(path)
        return ReadFile(read_clip(path, reading).forget_rotations(), animations=animations)
    except user_errors() as error:
        return ReadFile(error=hide_folder(to_message(error), path), animations=animations)


def hide_folder(message: str, path: Path) -> str:
    """A message about a file, without its name at the start and without its folder."""
    return message.removeprefix(f"{path}: ").replace(f"{path.parent}/", "")


def list_place(place: Path) -> Listed:
    """The clips in a folder or file of this machine, with the captions beside them.

    Raises UsageError where there is no clip, LeadError for a file of captions that is none.
    """
    paths: list[Path] = []
    ignored: list[Path] = []
    for path in list_clips([place])[0][1]:
        (paths if path == place or path.suffix.lower() in READS else ignored).append(path)
    if not paths:
        raise UsageError(f"{place}: no clips; expected {', '.join(READS)}. Subfolders are not searched.")
    notes: list[str] = []
    captions = find_captions(paths, notes.append)
    return Listed(tuple(paths), captions, tuple(path.name for path in ignored), tuple(dict.fromkeys(notes)))


def _pass_over(_: str) -> None:
    """A list of captions may name clips that are not here yet."""


def find_captions(paths: Sequence[Path], warn: Callable[[str], None] = _pass_over) -> tuple[str, ...]:
    """What is written beside each clip; empty where nothing is. LeadError for a file of captions that is none.

    `warn` is called for rows that name files which are not there.
    """
    return tuple((read_captions([path], warn=warn) or [""])[0] for path in paths)


def check_captions(path: Path) -> None:
    """LeadError for a `captions.jsonl` that is none; its name stands there without the folder."""
    from lead.data.caption_files import read_listing
    from lead.errors import LeadError

    try:
        if path.name == LISTING:
            read_listing(path)
    except LeadError as error:
        raise LeadError(hide_folder(str(error), path)) from None
