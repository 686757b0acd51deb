"""Clips from the files and folders that a user names, and what their captions say.

A file that was named has to be usable. In a folder, what cannot be used is passed over and said with the
reason, as long as something is left. Captions are those of `lead data prepare`: a `captions.jsonl`, or a `.txt`
beside each clip. Knows the file types and the least length, not what is learnt from the clips.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from cli.console import UsageError, counted, existing
from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.skeleton import FPS

SUFFIXES = (".bvh", ".npz", ".npy")
LISTING = "captions.jsonl"
MIN_FRAMES = 17  # at 20 fps: 16 rows of features, the least that a base model encodes


def read_clips(places: Sequence[Path], warn: Callable[[str], None]) -> tuple[list[Path], list[Motion]]:
    """The clips of all files and folders with their paths; `warn` hears of each that was passed over."""
    paths, motions = [], []
    for place in places:
        existing(place, "a place of clips")
        found = _read_folder(place, warn) if place.is_dir() else [(place, read_clip(place))]
        paths += [path for path, _ in found]
        motions += [motion for _, motion in found]
    return paths, motions


def read_clip(path: Path) -> Motion:
    """A motion that is long enough to learn from."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: {_kind(path)} is not a motion; expected one of {', '.join(SUFFIXES)}.")
    motion = Motion.read(path)
    frames = len(motion.resample(FPS).joints)
    if frames < MIN_FRAMES:
        raise UsageError(
            f"{path}: {len(motion.joints)} frames at {motion.fps:g} fps ({frames} at {FPS:g} fps) are too "
            f"few; at least {MIN_FRAMES} frames at {FPS:g} fps ({MIN_FRAMES / FPS:g} s) are needed. "
            "Give a longer clip."
        )
    return motion


def _read_folder(folder: Path, warn: Callable[[str], None]) -> list[tuple[Path, Motion]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    files = [path for path in files if not _is_caption(path, files)]
    if not files:
        raise UsageError(
            f"{folder}: no files in this folder; expected clips ({', '.join(SUFFIXES)}). Subfolders are not searched."
        )
    found, reasons = [], []
    for path in files:
        try:
            found.append((path, read_clip(path)))
        except (MotionError, UsageError, OSError) as error:
            reasons.append(str(error))
    if not found:
        rest = f" ({counted(len(reasons) - 1, 'other file')} cannot be used either)" if len(reasons) > 1 else ""
        raise UsageError(f"{folder}: no clip that can be used. {reasons[0]}{rest}")
    for reason in reasons:
        warn(f"passed over {reason}")
    return found


def _is_caption(path: Path, files: Sequence[Path]) -> bool:
    """Whether a file of the folder says what clips of it show."""
    beside = {file.stem for file in files if file.suffix.lower() in SUFFIXES}
    return path.name == LISTING or (path.suffix == ".txt" and path.stem in beside)


def read_captions(clips: Sequence[Path], listing: Path | None = None) -> list[str] | None:
    """For each clip the first of its captions: of `listing`, else of what lies beside the clips; None if nothing does.

    Raises UsageError where some clips have a caption and others have none.
    """
    if listing is not None:
        existing(listing, "--captions")
    listings = {place: _listed(place) for place in {listing or clip.parent / LISTING for clip in clips}}
    captions = [_caption(clip, listings[listing or clip.parent / LISTING]) for clip in clips]
    without = [str(clip) for clip, caption in zip(clips, captions, strict=True) if not caption]
    if len(without) == len(clips) and listing is None:
        return None
    if without:
        where = listing or "captions beside the clips"
        raise UsageError(
            f"{where}: {counted(len(without), 'clip')} of {len(clips)} without a caption ({', '.join(without[:3])}); "
            "caption every clip or none."
        )
    return captions


Listed = dict[Path | str, list[str]]
"""Captions by a clip's place and by its bare name."""


def _listed(listing: Path) -> Listed | None:
    """What a captions.jsonl says; None where there is none."""
    if not listing.is_file():
        return None
    rows = [_row(listing, number, line) for number, line in enumerate(_lines(listing), 1) if line.strip()]
    names: Listed = {Path(name).name: captions for name, captions in rows}
    return names | {(listing.parent / name).resolve(): captions for name, captions in rows}


def _caption(clip: Path, listed: Listed | None) -> str:
    """The clip's first caption; empty where there is none."""
    if listed is not None:
        return next(iter(listed.get(clip.resolve()) or listed.get(clip.name) or [""]))
    text = clip.with_suffix(".txt")
    return next((line.strip() for line in _lines(text) if line.strip()), "") if text.is_file() else ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; expected captions.") from None


def _row(listing: Path, number: int, line: str) -> tuple[str, list[str]]:
    try:
        row = json.loads(line)
        name, captions = row["clip"], row["captions"]
    except (ValueError, KeyError, TypeError):
        name, captions = None, None
    if not isinstance(name, str) or not isinstance(captions, list) or not all(isinstance(c, str) for c in captions):
        raise UsageError(
            f'{listing}, line {number}: expected {{"clip": "<file>", "captions": ["a person ...", ...]}}, '
            f"found {line[:80]!r}."
        )
    return name, captions


def _kind(path: Path) -> str:
    return f"a file of type {path.suffix}" if path.suffix else "a file without a type"
