"""Clips for `learn` from the files and folders that a user names.

A file that was named has to be usable. In a folder, what cannot be used is passed over and said with the
reason, as long as something is left. Knows the file types and the least length, not what is learnt from the
clips.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cli.console import UsageError, counted, existing
from lead.motion.errors import MotionError
from lead.motion.motion import Motion
from lead.motion.skeleton import FPS

SUFFIXES = (".bvh", ".npz", ".npy")
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


def _kind(path: Path) -> str:
    return f"a file of type {path.suffix}" if path.suffix else "a file without a type"
