"""The clips that a page learns from, and what a person states of each. Knows no pages, and reads no file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nicegui import Event

from cli.errors import UsageError
from cli.jobs.learn_one import MOST_CLIPS
from cli.studio.worker import Job
from concepts.kinds import Kind
from lead.motion.read_options import ReadOptions

if TYPE_CHECKING:
    from cli.studio.clips.looking import Looked, Row
    from cli.studio.clips.reading import ReadFile
    from lead import Motion


@dataclass(eq=False)
class StudioClip:
    """A file, or one animation of it."""

    path: Path
    reading: ReadOptions = field(default_factory=ReadOptions)
    """What the person states where the file is silent or wrong."""
    rig_map: str = ""
    """The name of the file that the rig map in `reading` is from."""
    caption: str = ""
    """What the person says that it shows; empty: what it is taken for."""
    span: tuple[float, float] | None = None
    """Seconds that are learned; None is all of it."""
    job: Job | None = None
    """That reads it."""
    read: "ReadFile | None" = None
    """None until it is read."""
    row: "Row | None" = None
    """What is said of it; None until it is looked at."""

    @property
    def name(self) -> str:
        """The file's, and which of its animations it is."""
        return self.path.name + (f" [{self.reading.animation}]" if self.reading.animation else "")

    @property
    def motion(self) -> "Motion | None":
        """All that was read; None where nothing was."""
        return self.read.motion if self.read else None

    @property
    def part(self) -> "Motion | None":
        """What is learned of the motion."""
        motion = self.motion
        return motion.trim(*self.span) if motion is not None and self.span else motion

    @property
    def problem(self) -> str:
        """Why nothing can be learned from it; empty where something can, or it is not known yet."""
        if self.read and self.read.error:
            return self.read.error
        return self.row.problem if self.row else ""

    @property
    def verdict(self) -> str:
        """`check`'s color; empty while it is read."""
        if self.problem:
            return "red"
        return self.row.verdict if self.row else ""


@dataclass(eq=False)
class ClipList:
    """The clips of a page, in the order of their names, so that the order in which they come does not matter."""

    clips: list[StudioClip] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    """Where files that were sent lie: of the same name only one in each."""
    beside: list[Path] = field(default_factory=list)
    """Files that were sent to be read with a clip: a `.txt` with its name, and the buffers of a `.gltf`."""
    chosen: StudioClip | None = None
    """The one that plays."""
    is_picked: bool = False
    """Whether the person chose it; else it is the first that can be used."""
    kind: Kind = "style"
    """What they are to teach."""
    looked: "Looked | None" = None
    """What is said of all together; None until they are looked at, and after a change."""
    job: Job | None = None
    """That looks at them, or at a folder."""
    version: int = 0
    """Counts the changes."""
    changed: Event[[]] = field(default_factory=Event)
    """Told when clips come or go, and when more is known of them."""

    def add(self, clips: Sequence[StudioClip]) -> None:
        """Take clips; UsageError where they are too many."""
        if len(self.clips) + len(clips) > MOST_CLIPS:
            raise UsageError(f"{len(self.clips) + len(clips):,} clips; at most {MOST_CLIPS} can be used. 1 to 30 do.")
        self.clips = sorted([*self.clips, *clips], key=lambda clip: (clip.path.name, _rank(clip.reading.animation)))
        self.forget_look()

    def remove(self, clip: StudioClip) -> None:
        """Let a clip go, with its file where it was sent and no other clip is of it."""
        place = self.clips.index(clip)
        self.clips.remove(clip)
        if clip.path.parent in self.folders and all(other.path != clip.path for other in self.clips):
            gone = [file for file in self.unused if _is_read_with(file, clip)]
            self.beside = [file for file in self.beside if file not in gone]
            for path in (clip.path, *gone):
                path.unlink(missing_ok=True)
        if self.chosen is clip:
            self.chosen = self.clips[min(place, len(self.clips) - 1)] if self.clips else None
        self.forget_look()

    def forget_look(self) -> None:
        """Something changed, so that what was said of all together may be wrong."""
        if not self.is_picked or self.chosen is None:
            usable = (clip for clip in self.clips if not clip.problem)
            self.chosen, self.is_picked = next(usable, next(iter(self.clips), None)), False
        self.looked, self.version = None, self.version + 1
        self.changed.emit()

    @property
    def unused(self) -> list[Path]:
        """The files that were sent to be read with clips that are not here."""
        return [file for file in self.beside if not any(_is_read_with(file, clip) for clip in self.clips)]

    @property
    def is_reading(self) -> bool:
        """Whether a file is still being read."""
        return any(clip.read is None and not clip.problem for clip in self.clips)


def _is_read_with(file: Path, clip: StudioClip) -> bool:
    """Whether a clip's captions or, of a .gltf, its buffers may be in a file."""
    if file.suffix.lower() == ".bin":
        return file.parent == clip.path.parent and clip.path.suffix.lower() == ".gltf"
    return file == clip.path.with_suffix(".txt")


def _rank(animation: str | int | None) -> tuple[int, str]:
    return (animation, "") if isinstance(animation, int) else (0, animation or "")
