"""What happens to the clips of a page: files come, are read one by one, and are looked at all together.

The work is the worker's; what comes of it is kept whether or not a page is open. Called in the event loop's thread.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cli.console import log
from cli.jobs.learn_one import MOST_CLIPS
from cli.read_inputs import check_clip_count
from cli.studio.clips.clip_list import ClipList, StudioClip
from cli.studio.clips.looking import Looked, Part, look
from cli.studio.clips.reading import Listed, ReadFile, check_captions, find_captions, list_place, read_file
from cli.studio.worker import FAULT, Job
from cli.studio.workshop import Workshop
from lead.data.caption_files import LISTING
from lead.errors import LeadError
from lead.motion.read_options import ReadOptions
from lead.motion.suffixes import READS

CAPTIONS = (LISTING, ".txt")
"""How the names of files of captions end."""
PARTS = (".bin",)
"""The suffixes of files that others refer to."""


def find_room(workshop: Workshop, clips: ClipList, name: str) -> Path:
    """A place for a file that a page sends, beside others of its name's folder: captions and parts are found there."""
    made = workshop.make_file(name)
    for folder in clips.folders:
        if not (folder / made.name).exists():
            made.parent.rmdir()
            made = folder / made.name
            break
    else:
        clips.folders.append(made.parent)
    made.touch()  # so that no other file takes it
    return made


def take_file(workshop: Workshop, clips: ClipList, path: Path) -> None:
    """A file was sent: a clip, captions of clips, or a part of one. UsageError where there are too many clips."""
    beside = [clip for clip in clips.clips if clip.path.parent == path.parent]
    if path.name.lower().endswith(CAPTIONS):
        if path.name != LISTING:
            clips.beside.append(path)
        _take_captions(workshop, clips, path)
    elif path.suffix.lower() in PARTS:
        clips.beside.append(path)
        clips.changed.emit()
        for clip in beside:
            if clip.path.suffix.lower() == ".gltf":
                read_again(workshop, clips, clip)
    else:
        try:
            add_paths(workshop, clips, [path])
        except ValueError:
            path.unlink(missing_ok=True)
            raise


def take_place(workshop: Workshop, clips: ClipList, place: Path, tell: Callable[[str], None]) -> None:
    """Add a file or the clips of a folder of this machine; `tell` is called for what is passed over in it."""

    def take(listed: Listed) -> None:
        if listed.ignored:
            more = f" and {len(listed.ignored) - 20} more" if len(listed.ignored) > 20 else ""
            tell(f"{place}: not read, as they are no motions by their suffixes: {', '.join(listed.ignored[:20])}{more}")
        for note in listed.notes:
            tell(note)
        add_paths(workshop, clips, listed.paths, listed.captions)

    def find(job: Job) -> Listed:
        check_clip_count([place], MOST_CLIPS, "Choose some of them.")
        return list_place(place)

    clips.job = workshop.start(f"looking into {place.name}", find, take)


def add_paths(
    workshop: Workshop, clips: ClipList, paths: Sequence[Path], captions: Sequence[str] | None = None
) -> None:
    """Add files as clips, and read them; UsageError where they are too many.

    Without `captions`, those that lie beside the files are taken.
    """
    new = [StudioClip(path, caption=text) for path, text in zip(paths, captions or [""] * len(paths), strict=True)]
    clips.add(new)
    for clip in new:
        read_again(workshop, clips, clip)
    if captions is None and any((path.parent / LISTING).is_file() for path in paths):
        _take_captions(workshop, clips, paths[0].parent / LISTING)


def add_animations(workshop: Workshop, clips: ClipList, clip: StudioClip) -> None:
    """Each animation of a clip's file as a clip; UsageError where they are too many."""
    every = [
        StudioClip(clip.path, replace(clip.reading, animation=number), clip.rig_map)
        for number in range(1, len(clip.read.animations) + 1 if clip.read else 1)
    ]
    clips.add(every)
    clips.clips.remove(clip)
    clips.chosen = every[0] if clips.chosen is clip else clips.chosen
    for one in every:
        read_again(workshop, clips, one)


def state_reading(workshop: Workshop, clips: ClipList, clip: StudioClip, reading: ReadOptions) -> None:
    """Read a clip by other options."""
    if reading != clip.reading:
        clip.reading, clip.span = reading, None
        read_again(workshop, clips, clip)


def read_again(workshop: Workshop, clips: ClipList, clip: StudioClip) -> None:
    """Read a clip, and then look at all."""
    path, reading = clip.path, clip.reading
    clip.read = clip.row = None

    def take(read: ReadFile) -> None:
        if clip.reading != reading:
            return
        clip.read = read
        if clip in clips.clips:
            look_again(workshop, clips)

    def read(job: Job) -> ReadFile:
        try:
            return read_file(path, reading)
        except Exception:  # a fault of ours costs this clip alone
            log(traceback.format_exc())
            return ReadFile(error=FAULT)

    clip.job = workshop.start(f"reading {clip.name}", read, take, replaces=clip)
    clips.forget_look()


def look_again(workshop: Workshop, clips: ClipList) -> None:
    """Look at all clips, once each of them is read."""
    clips.forget_look()
    if clips.is_reading:
        return
    shown = [clip for clip in clips.clips if clip.motion is not None]
    parts, kind, version = snap_parts(shown), clips.kind, clips.version

    def take(looked: Looked) -> None:
        if clips.version != version:  # what was looked at is not what is there
            return
        for clip, row in zip(shown, looked.rows, strict=True):
            clip.row = row
        clips.looked = looked
        clips.changed.emit()

    clips.job = workshop.start(
        "looking at the clips", lambda job: look(workshop.base, parts, kind, job), take, replaces=clips
    )


def snap_parts(clips: Sequence[StudioClip]) -> list[Part]:
    """What is learned of each clip at this moment."""
    return [Part(clip.name, clip.part, clip.caption.strip()) for clip in clips if clip.part is not None]


def _take_captions(workshop: Workshop, clips: ClipList, path: Path) -> None:
    """Give clips beside a file of captions what it says of them, where the person said nothing."""
    silent = [clip for clip in clips.clips if clip.path.parent == path.parent and not clip.caption]

    def find(job: Job) -> tuple[str, ...]:
        try:
            check_captions(path)
        except LeadError:
            if path.parent in clips.folders:  # it would spoil the captions of what comes later
                path.unlink(missing_ok=True)
            raise
        return find_captions([clip.path for clip in silent])

    def take(captions: tuple[str, ...]) -> None:
        for clip, caption in zip(silent, captions, strict=True):
            clip.caption = clip.caption or caption
        look_again(workshop, clips)

    clips.job = workshop.start(f"reading {path.name}", find, take)


ENDINGS = (*READS, *CAPTIONS, *PARTS)
"""Of files that are taken."""
