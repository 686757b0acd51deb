"""Clips from the files and folders that a user names, and what their captions say.

A file that was named has to be usable. In a folder, a file that cannot be used is skipped with a warning that gives
the reason, as long as another file is left; with --strict it is an error. Captions are those of `lead data prepare`: a
`captions.jsonl`, or a `.txt` beside each clip. Knows the file types and the least length, not what is done with the
clips.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import count_noun, ignore_progress, limit_lines, progress_bar, warn
from cli.errors import UsageError
from cli.options import ReadingOptions, require_path
from cli.prompt_record import INDEX, RECORD
from lead.data.caption_files import LISTING
from lead.motion.read_options import ALL
from lead.motion.suffixes import READS

if TYPE_CHECKING:
    from lead.motion import Motion, ReadOptions

LEAST_FRAMES = 17
"""At 20 fps: `lead.data.dataset.MIN_FRAMES` rows of features, the least that a base model encodes, and one more."""
MANY = 50
"""From so many files on, a progress bar is shown."""
VIEWS = (".png", ".html", ".mp4")
"""What `generate` writes beside motions."""
_RATE = 20.0

Listing = Sequence[tuple[Path, Sequence[Path]]]
"""Each place as the user gave it, and the files to be read there."""
FileProgress = Callable[[int, int], None]
"""Called with the files done and the files in all."""


def read_clips(
    places: Sequence[Path],
    warn: Callable[[str], None],
    options: ReadingOptions = ReadingOptions(),
    least: int = LEAST_FRAMES,
    most: int | None = None,
    keep_rotations: bool = False,
) -> tuple[list[Path], "list[Motion]"]:
    """The paths of all clips in files and folders, and their motions; a path as often as its file has clips.

    `warn` is called for each file that was skipped, and for what was guessed, corrected or cut in the others. Clips
    have at least `least` frames at 20 fps. Only with `keep_rotations` do rigs keep the rotations of their clips.
    Raises UsageError for more than `most` clips.
    """
    listing = list_clips(places)
    with file_progress("reading", listing) as progress:
        every = (
            (path, motion if keep_rotations else motion.forget_rotations())
            for path, motion in iterate_clips(listing, warn, options, least, progress)
        )
        clips = list(islice(every, most and most + 1))
    if most and len(clips) > most:
        raise UsageError(f"--animation {options.animation}: more than {most:,} clips. Choose animations one by one.")
    return [path for path, _ in clips], [motion for _, motion in clips]


def list_clips(places: Sequence[Path]) -> Listing:
    """The files that may be clips, before any is read."""
    for place in places:
        require_path(place, "a place of clips")
    return [(place, list_folder(place) if place.is_dir() else [place]) for place in places]


def list_folder(folder: Path) -> list[Path]:
    """The files of a folder that may be clips: no captions, prompts, pictures and pages of clips, parts of a .gltf."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    clips = {path.stem for path in files if path.suffix.lower() in READS}
    files = [path for path in files if path.name not in (LISTING, RECORD, INDEX)]
    files = [path for path in files if not (path.suffix == ".txt" and path.stem in clips)]
    if clips:
        files = [path for path in files if path.suffix.lower() not in VIEWS]
    if any(path.suffix.lower() == ".gltf" for path in files):
        files = [path for path in files if path.suffix.lower() != ".bin"]
    if not files:
        raise UsageError(
            f"{folder}: no files in this folder; expected clips ({', '.join(READS)}). Subfolders are not searched."
        )
    return files


def count_files(listing: Listing) -> int:
    """The number of files in all places."""
    return sum(len(files) for _, files in listing)


@contextmanager
def file_progress(verb: str, listing: Listing) -> Iterator[FileProgress]:
    """A progress bar where there are MANY files or more; else none."""
    count = count_files(listing)
    bar = progress_bar(f"{verb} {count_noun(count, 'file')}") if count >= MANY else nullcontext(ignore_progress)
    with bar as progress:
        yield progress


def check_clip_count(places: Sequence[Path], most: int, advice: str) -> None:
    """UsageError where there are more clips, by their suffixes, than a command can use; before any is read."""
    files = [path for _, found in list_clips(places) for path in found if path.suffix.lower() in READS]
    if len(files) > most:
        where = f"{places[0]}{' and other places' * (len(places) > 1)}"
        raise UsageError(f"{where}: {len(files):,} clips, and at most {most:,} can be used. {advice}")


def iterate_clips(
    listing: Listing,
    warn: Callable[[str], None],
    options: ReadingOptions = ReadingOptions(),
    least: int = LEAST_FRAMES,
    progress: FileProgress = ignore_progress,
) -> "Iterator[tuple[Path, Motion]]":
    """`read_clips` one by one, so that any number of them takes the memory of one."""
    count, done = count_files(listing), 0
    reading, every = options.to_read_options(), options.animation == ALL

    def with_progress(files: Sequence[Path]) -> Iterator[Path]:
        nonlocal done
        for path in files:
            yield path
            done += 1
            progress(done, count)

    with limit_lines(warn, "`lead-invert check` tells them all") as warn_or_count:
        for place, files in listing:
            if place.is_dir() or every:
                clips = _read_usable(place, with_progress(files), warn_or_count, reading, options.strict, least, every)
            else:
                clips = ((path, read_clip(path, reading, least)) for path in with_progress(files))
            for path, motion in clips:
                yield path, motion
                for note in motion.notes:
                    warn_or_count(f"{name_clip(path, motion)}: {note}")


def _read_usable(
    place: Path,
    files: Iterable[Path],
    warn: Callable[[str], None],
    reading: "ReadOptions",
    strict: bool,
    least: int,
    every: bool,
) -> "Iterator[tuple[Path, Motion]]":
    """The clips of a folder, or with `every` the animations of a file, that can be used.

    Then `warn` is called for the others.
    """
    from lead.motion.errors import MotionError

    found, reasons = 0, []
    for path in files:
        try:
            for motion in _read_every(path, reading, least) if every else [read_clip(path, reading, least)]:
                if isinstance(motion, Exception):
                    reasons.append(str(motion))
                    continue
                found += 1
                yield path, motion
        except (MotionError, UsageError, OSError) as error:
            if strict:
                raise UsageError(f"--strict: {error}") from None
            reasons.append(str(error))
    if not found:
        kind = "animation" if every else "file"
        rest = f" ({count_noun(len(reasons) - 1, f'other {kind}')} cannot be used either)" if len(reasons) > 1 else ""
        deeper = " Subfolders are not searched." if place.is_dir() and any(map(Path.is_dir, place.iterdir())) else ""
        raise UsageError(f"{place}: no clip that can be used. {reasons[0]}{rest}{deeper}")
    for reason in reasons:
        warn(f"skipped {reason}")


def read_clip(path: Path, reading: "ReadOptions | None" = None, least: int = LEAST_FRAMES) -> "Motion":
    """A motion of at least `least` frames at 20 fps; UsageError or MotionError where a file holds none."""
    from lead.motion import Motion, ReadOptions

    _check_type(path)
    return _require_length(path, Motion.read(path, reading or ReadOptions()), least)


def name_clip(path: Path, motion: "Motion") -> str:
    """A clip's file, and which of its animations it is if several of them are read."""
    return str(path) if motion.name == path.stem else f"{path} [{motion.name}]"


def _read_every(path: Path, reading: "ReadOptions", least: int) -> "Iterator[Motion | Exception]":
    """`read_clip` for each animation of a file; for one that cannot be used, the error that says why."""
    from lead.motion import Motion

    _check_type(path)
    for motion in Motion.iterate_all(path, reading):
        try:
            yield _require_length(path, motion, least) if isinstance(motion, Motion) else motion
        except UsageError as error:
            yield error


def _check_type(path: Path) -> None:
    if path.suffix.lower() not in READS:
        kind = f"a file of type {path.suffix}" if path.suffix else "a file without a type"
        raise UsageError(f"{path}: {kind} is not a motion; expected one of {', '.join(READS)}.")


_EXPLAINS = re.compile("--animation|claims")
"""Notes that may say why a motion is short: another animation of the file is longer, or the file is cut off."""


def _require_length(path: Path, motion: "Motion", least: int) -> "Motion":
    """The motion itself; UsageError if it has fewer than `least` frames at 20 fps."""
    frames = len(motion.resample(_RATE).joints)
    if frames < least:
        raise UsageError(
            f"{name_clip(path, motion)}: {len(motion.joints)} frames at {motion.fps:g} fps ({frames} at {_RATE:g} fps) "
            f"are too few; at least {least} frames at {_RATE:g} fps ({least / _RATE:g} s) are needed. "
            f"Give a longer clip.{''.join(f' ({note})' for note in motion.notes if _EXPLAINS.search(note))}"
        )
    return motion


def read_captions(
    clips: Sequence[Path], listing: Path | None = None, warn: Callable[[str], None] = warn
) -> list[str] | None:
    """For each clip the first of its captions: of `listing`, else of what lies beside the clips; None if nothing does.

    Raises UsageError where some clips have a caption and others have none, LeadError where a file of captions is none.
    `warn` is called for rows that name files which are not there.
    """
    if listing is not None:
        require_path(listing, "--captions")
    places = {listing or clip.parent / LISTING for clip in clips}
    listings = {place: _read_listing(place, clips, warn) for place in places}
    captions = [_find_caption(clip, listings[listing or clip.parent / LISTING]) for clip in clips]
    without = [str(clip) for clip, caption in zip(clips, captions, strict=True) if not caption]
    if len(without) == len(clips) and listing is None:
        return None
    if without:
        where = listing or "captions beside the clips"
        raise UsageError(
            f"{where}: {count_noun(len(without), 'clip')} of {len(clips)} without a caption "
            f"({', '.join(without[:3])}); caption every clip or none."
        )
    return captions


Listed = dict[Path | str, tuple[str, ...]]
"""Captions by a clip's place and by its bare name."""


def _read_listing(listing: Path, clips: Sequence[Path], warn: Callable[[str], None]) -> Listed | None:
    """The captions in a captions.jsonl; None where there is none. Warns of rows whose file is not there."""
    from lead.data.caption_files import read_listing

    if not listing.is_file():
        return None
    rows = read_listing(listing)
    given, folders = {clip.name for clip in clips}, {listing.parent, *(clip.parent for clip in clips)}
    absent = [
        row.clip
        for row in rows
        if Path(row.clip).name not in given and not any(os.path.exists(folder / row.clip) for folder in folders)
    ]
    if absent:
        shown = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
        warn(f"{listing}: {count_noun(len(absent), 'row')} for files that are not there ({shown:.200}), not used")
    names: Listed = {Path(row.clip).name: row.captions for row in rows}
    return names | {(listing.parent / row.clip).resolve(): row.captions for row in rows}


def _find_caption(clip: Path, listed: Listed | None) -> str:
    """The clip's first caption; empty where there is none."""
    from lead.data.caption_files import read_beside

    captions = read_beside(clip) if listed is None else listed.get(clip.resolve()) or listed.get(clip.name)
    return captions[0] if captions else ""
