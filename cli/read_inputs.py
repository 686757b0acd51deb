"""Clips from the files and folders that a user names, and what their captions say.

A file that was named has to be usable. In a folder, what cannot be used is passed over and said with the
reason, as long as something is left; with --strict it is an error. Captions are those of `lead data prepare`: a
`captions.jsonl`, or a `.txt` beside each clip. Knows the file types and the least length, not what is done with the
clips. The options that say how clips are read, and on what and where to motions are written, are here, so that all
commands have the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import UsageError, counted, existing, progress, sparing

if TYPE_CHECKING:
    from lead.motion import Motion, ReadOptions

SUFFIXES = (".bvh", ".fbx", ".glb", ".gltf", ".npz", ".npy")
LISTING = "captions.jsonl"
MIN_FRAMES = 17  # at 20 fps: 16 rows of features, the least that a base model encodes
MANY = 50
"""Files that one waits for: a bar is shown."""
_RATE = 20.0


class LengthUnit(StrEnum):
    m = "m"
    cm = "cm"
    mm = "mm"
    inch = "inch"


class UpAxis(StrEnum):
    x = "X"
    y = "Y"
    z = "Z"


InputFps = Annotated[
    float | None,
    typer.Option("--fps", metavar="RATE", help="Frames a second of the clips, where the files say it wrongly or not."),
]
Unit = Annotated[
    LengthUnit | None, typer.Option("--unit", help="Unit of lengths in the clips (default: guessed from the body).")
]
Up = Annotated[
    UpAxis | None,
    typer.Option("--up", case_sensitive=False, help="Axis that points up in the clips (default: guessed)."),
]
RigMap = Annotated[
    Path | None,
    typer.Option(
        "--rig-map",
        metavar="FILE.toml",
        help="Which joint of the clips' rig is which; `check --draft-rig-map` writes one to correct.",
    ),
]
OnRig = Annotated[
    Path | None, typer.Option("--rig", metavar="CLIP.bvh", help="Write BVH on the skeleton of this clip.")
]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at a file that cannot be used, in folders too.")]


def reading_of(
    fps: float | None = None, unit: LengthUnit | None = None, up: UpAxis | None = None, rig_map: Path | None = None
) -> "ReadOptions":
    """The options of reading together."""
    from lead.motion.read_options import ReadOptions
    from lead.motion.rigs.rig_map import read_rig_map

    named = read_rig_map(existing(rig_map, "--rig-map")) if rig_map else None
    return ReadOptions(fps=fps, unit=unit and unit.value, up=up and up.value, rig_map=named)


def _nobody(done: int, total: int) -> None:
    """Where no bar is shown."""


def read_clips(
    places: Sequence[Path],
    warn: Callable[[str], None],
    reading: "ReadOptions | None" = None,
    strict: bool = False,
    least: int = MIN_FRAMES,
) -> tuple[list[Path], "list[Motion]"]:
    """The clips of all files and folders with their paths.

    `warn` hears of each file that was passed over, and what was guessed, corrected or cut in the others. Clips have
    at least `least` frames at 20 fps.
    """
    listing = list_clips(places)
    with progress_of_many("reading", listing) as report:
        clips = list(each_clip(listing, warn, reading, strict, least, report))
    return [path for path, _ in clips], [motion for _, motion in clips]


Listing = Sequence[tuple[Path, Sequence[Path]]]
"""Places as they were given, and what is to be read of each."""


def list_clips(places: Sequence[Path]) -> Listing:
    """What there may be to read, before anything is read."""
    for place in places:
        existing(place, "a place of clips")
    return [(place, list_folder(place) if place.is_dir() else [place]) for place in places]


def are_many(listing: Listing) -> bool:
    """Whether there are so many files that one waits for them to be read."""
    return sum(len(files) for _, files in listing) >= MANY


@contextmanager
def progress_of_many(doing: str, listing: Listing) -> Iterator[Callable[[int, int], None]]:
    """A bar, where one waits."""
    count = sum(len(files) for _, files in listing)
    with progress(f"{doing} {counted(count, 'file')}") if are_many(listing) else nullcontext(_nobody) as bar:
        yield bar


def refuse_more(places: Sequence[Path], most: int, advice: str) -> None:
    """UsageError where there are more clips, by their names, than a command has use for: before they are read."""
    files = [path for _, found in list_clips(places) for path in found if path.suffix.lower() in SUFFIXES]
    if len(files) > most:
        where = f"{places[0]}{' and other places' * (len(places) > 1)}"
        raise UsageError(f"{where}: {len(files):,} clips, and at most {most:,} can be used. {advice}")


def each_clip(
    listing: Listing,
    warn: Callable[[str], None],
    reading: "ReadOptions | None" = None,
    strict: bool = False,
    least: int = MIN_FRAMES,
    report: Callable[[int, int], None] = _nobody,
) -> "Iterator[tuple[Path, Motion]]":
    """`read_clips` one by one, so that any number of them takes the memory of one; `report` hears of every file."""
    count, done = sum(len(files) for _, files in listing), 0

    def reported(files: Sequence[Path]) -> Iterator[Path]:
        nonlocal done
        for path in files:
            yield path
            done += 1
            report(done, count)

    with sparing(warn, "`lead-invert check` tells them all") as tell:
        for place, files in listing:
            if place.is_dir():
                clips = _read_folder(place, reported(files), tell, reading, strict, least)
            else:
                clips = ((path, read_clip(path, reading, least)) for path in reported(files))
            for path, motion in clips:
                yield path, motion
                for note in motion.notes:
                    tell(f"{path}: {note}")


def read_clip(path: Path, reading: "ReadOptions | None" = None, least: int = MIN_FRAMES) -> "Motion":
    """A motion that is long enough."""
    from lead.motion import Motion, ReadOptions

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: {_kind(path)} is not a motion; expected one of {', '.join(SUFFIXES)}.")
    motion = Motion.read(path, reading or ReadOptions())
    frames = len(motion.resample(_RATE).joints)
    if frames < least:
        raise UsageError(
            f"{path}: {len(motion.joints)} frames at {motion.fps:g} fps ({frames} at {_RATE:g} fps) are too "
            f"few; at least {least} frames at {_RATE:g} fps ({least / _RATE:g} s) are needed. "
            "Give a longer clip."
        )
    return motion


def list_folder(folder: Path) -> list[Path]:
    """The files of a folder that may be clips; captions and parts of a .gltf are left out."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    clips = {path.stem for path in files if path.suffix.lower() in SUFFIXES}
    files = [path for path in files if path.name != LISTING and not (path.suffix == ".txt" and path.stem in clips)]
    if any(path.suffix.lower() == ".gltf" for path in files):
        files = [path for path in files if path.suffix.lower() != ".bin"]
    if not files:
        raise UsageError(
            f"{folder}: no files in this folder; expected clips ({', '.join(SUFFIXES)}). Subfolders are not searched."
        )
    return files


def _read_folder(
    folder: Path,
    files: Iterable[Path],
    warn: Callable[[str], None],
    reading: "ReadOptions | None",
    strict: bool,
    least: int,
) -> "Iterator[tuple[Path, Motion]]":
    from lead.motion.errors import MotionError

    found, reasons = 0, []
    for path in files:
        try:
            motion = read_clip(path, reading, least)
        except (MotionError, UsageError, OSError) as error:
            if strict:
                raise UsageError(f"--strict: {error}") from None
            reasons.append(str(error))
            continue
        found += 1
        yield path, motion
    if not found:
        rest = f" ({counted(len(reasons) - 1, 'other file')} cannot be used either)" if len(reasons) > 1 else ""
        raise UsageError(f"{folder}: no clip that can be used. {reasons[0]}{rest}")
    for reason in reasons:
        warn(f"passed over {reason}")


def read_captions(clips: Sequence[Path], listing: Path | None = None) -> list[str] | None:
    """For each clip the first of its captions: of `listing`, else of what lies beside the clips; None if nothing does.

    Raises UsageError where some clips have a caption and others have none, LeadError where a file of captions is none.
    """
    if listing is not None:
        existing(listing, "--captions")
    listings = {place: _read_listing(place) for place in {listing or clip.parent / LISTING for clip in clips}}
    captions = [_find_caption(clip, listings[listing or clip.parent / LISTING]) for clip in clips]
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


Listed = dict[Path | str, tuple[str, ...]]
"""Captions by a clip's place and by its bare name."""


def _read_listing(listing: Path) -> Listed | None:
    """What a captions.jsonl says; None where there is none."""
    from lead.data.caption_files import read_listing

    if not listing.is_file():
        return None
    rows = read_listing(listing)
    names: Listed = {Path(row.clip).name: row.captions for row in rows}
    return names | {(listing.parent / row.clip).resolve(): row.captions for row in rows}


def _find_caption(clip: Path, listed: Listed | None) -> str:
    """The clip's first caption; empty where there is none."""
    from lead.data.caption_files import read_beside

    captions = read_beside(clip) if listed is None else listed.get(clip.resolve()) or listed.get(clip.name)
    return captions[0] if captions else ""


def _kind(path: Path) -> str:
    return f"a file of type {path.suffix}" if path.suffix else "a file without a type"
