"""What the tab Timeline asks for, as a person sets it, and the motion of it. The work runs in the worker's thread.

Knows no elements of pages.
"""

import io
import shlex
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from nicegui import Event

from cli.jobs.read_constraints import read_pose_clip, stand_at_start
from cli.load_models import check_seconds
from cli.options import check_unicode
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from lead.control.constraints import Constraint, PathConstraint, Place, PoseConstraint
from lead.control.targets import measure_errors
from lead.control.timeline import TRANSITION, Segment, Timeline
from lead.text.prompts import find_tokens

if TYPE_CHECKING:
    from lead import Motion

Point = tuple[float, float]
"""x and z, in meters."""
MOST_UNDONE = 50
SAVED = "timeline.toml"
REACHES = {2.0: "4 m", 3.5: "7 m", 5.5: "11 m", 10.5: "21 m", 20.5: "41 m"}
"""Meters from the middle of the plan to its edge; what is said of each."""


@dataclass(eq=False)
class Row:
    """A segment while it is edited: its prompt may be empty."""

    prompt: str = "a person walks forward"
    seconds: float | None = 4.0
    transition: float | None = None
    """None is the timeline's."""
    seed: int | None = None

    @classmethod
    def of(cls, segment: Segment) -> "Row":
        """The row of a segment; the inverse of `to_segment`."""
        return cls(segment.prompt, segment.seconds, segment.transition, segment.seed)

    def to_segment(self) -> Segment:
        """LeadError for what no segment has."""
        check_unicode(self.prompt or "", "a prompt")
        seed = None if self.seed is None else int(self.seed)
        return Segment((self.prompt or "").strip(), float(self.seconds or 0.0), self.transition, seed)


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame of a clip that the motion has to start or end in."""

    clip: "Motion"
    frame: int
    """From 0."""
    place: Place | None = None
    """Where it stands; None where the motion decides."""

    @property
    def title(self) -> str:
        """What the page calls it."""
        place = f", at {self.place.x:g}, {self.place.z:g} facing {self.place.heading:g}°" if self.place else ""
        return f"frame {self.frame} of {self.clip.name or 'a clip'}{place}"


@dataclass(frozen=True)
class Order:
    """A timeline to be made."""

    timeline: Timeline
    seed: int
    constraints: tuple[Constraint, ...] = ()

    @property
    def title(self) -> str:
        """Its prompts and seconds."""
        return self.timeline.to_text()


@dataclass(frozen=True, eq=False)
class Told:
    """The motion of an order, and what is said of it."""

    order: Order
    motion: "Motion"
    notes: tuple[str, ...]
    errors: tuple[tuple[str, float], ...] = ()
    """By constraint: meters that the motion is off it."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The concepts in its prompts."""
        return tuple(dict.fromkeys(token for prompt in self.order.timeline.prompts for token in find_tokens(prompt)))

    @property
    def way(self) -> list[Point]:
        """Where the pelvis goes over the floor."""
        return [(round(float(x), 3), round(float(z), 3)) for x, z in self.motion.joints[::2, 0][:, [0, 2]]]


def _first_rows() -> list[Row]:
    return [Row("a person walks forward", 4.0), Row("a person sits down on a chair", 4.0)]


@dataclass(eq=False)
class TimelineDraft:
    """What a page asks for, and what came of it."""

    rows: list[Row] = field(default_factory=_first_rows)
    chosen: int = 0
    transition: float = TRANSITION
    seed: int = 0
    start: Pose | None = None
    end: Pose | None = None
    path: list[Point] = field(default_factory=list)
    undone: list[list[Point]] = field(default_factory=list)
    """The path as it was, the last change last."""
    reach: float = 3.5
    """Meters from the middle of the plan to its edge."""
    told: Told | None = None
    job: Job | None = None
    loaded: Event[[]] = field(default_factory=Event)
    """Told when there are other segments."""
    changed: Event[[]] = field(default_factory=Event)
    """Told when there is another motion."""

    @property
    def row(self) -> Row:
        """The one that is chosen."""
        return self.rows[min(self.chosen, len(self.rows) - 1)]

    @property
    def is_constrained(self) -> bool:
        """Whether there is a pose or a path."""
        return bool(self.start or self.end or self.path)

    def to_timeline(self) -> Timeline:
        """LeadError that says which segment is wrong."""
        segments = [row.to_segment() for row in self.rows]
        return Timeline((replace(segments[0], transition=None), *segments[1:]), float(self.transition or 0.0))

    def to_order(self) -> Order:
        """What is asked for; raises what says why it cannot be made."""
        return Order(self.to_timeline(), int(self.seed or 0), self.list_constraints())

    def list_constraints(self) -> tuple[Constraint, ...]:
        """The poses and the path, as the command `generate` takes them."""
        found: list[Constraint] = []
        if self.start:
            first = PoseConstraint.from_motion(self.start.clip, self.start.frame, 0.0, name="the start pose")
            found.append(stand_at_start(first, follows_path=bool(self.path)))
        if self.end:
            end = self.end
            found.append(PoseConstraint.from_motion(end.clip, end.frame, None, place=end.place, name="the end pose"))
        if self.path:
            found.append(PathConstraint(np.array(self.path, dtype=np.float64).reshape(-1, 2), name="the path"))
        return tuple(found)

    def to_file(self) -> tuple[str, bytes]:
        """The name and content of the saved file: a .toml, or with poses or a path a ZIP of what the command needs.

        The first line of its .toml is the command that makes the motion. LeadError as in `to_order`.
        """
        order = self.to_order()
        text = order.timeline.to_toml()
        if not self.is_constrained:
            return SAVED, text.encode()
        command, packed = self._write_command(order), io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as folder:
            archive.writestr(SAVED, f"# {command}\n{text}")
            for name, pose in (("start", self.start), ("end", self.end)):
                if pose:
                    archive.write(pose.clip.save(Path(folder) / f"{name}.npz"), f"{name}.npz")
        return SAVED.replace(".toml", ".zip"), packed.getvalue()

    def _write_command(self, order: Order) -> str:
        """The command that makes the motion, called beside the files."""
        words, first = ["lead-invert", "generate"], order.timeline.segments[0]
        seed = order.seed
        if len(order.timeline.segments) == 1:  # as `make` does
            words += [first.prompt, "--seconds", f"{first.seconds:g}"]
            seed = seed if first.seed is None else first.seed
        else:
            words += ["--timeline", SAVED]
        words += ["--seed", str(seed)]
        for name, pose in (("start", self.start), ("end", self.end)):
            place = f"@{pose.place.x:g},{pose.place.z:g},{pose.place.heading:g}" if pose and pose.place else ""
            words += [f"--{name}", f"{name}.npz:{pose.frame}{place}"] if pose else []
        words += ["--path", " ".join(f"{x:g},{z:g}" for x, z in self.path)] if self.path else []
        return shlex.join(words)

    def load(self, timeline: Timeline) -> None:
        """Other segments."""
        self.rows, self.chosen = [Row.of(one) for one in timeline.segments], 0
        self.transition = timeline.transition
        self.loaded.emit()

    def draw(self, points: Sequence[Point]) -> None:
        """Another path; the one before can be taken back."""
        self.undone = [*self.undone, self.path][-MOST_UNDONE:]
        self.path = list(points)

    def undo(self) -> None:
        """The path as it was before."""
        if self.undone:
            self.path = self.undone.pop()

    def keep(self, told: Told) -> None:
        """Show what was made."""
        self.told = told
        farthest = max(abs(value) for point in told.way for value in point)
        self.reach = max(self.reach, next((reach for reach in REACHES if reach > farthest), max(REACHES)))
        self.changed.emit()


def measure_way(points: Sequence[Point]) -> float:
    """Meters along a path."""
    return float(np.linalg.norm(np.diff(np.array(points).reshape(-1, 2), axis=0), axis=1).sum())


def make(workshop: Workshop, order: Order, job: Job) -> Told:
    """The motion of a timeline; of one segment with constraints as `generate` makes it of a prompt.

    Raises what `generate` raises for prompts, words, lengths and constraints that cannot be used.
    """
    base, timeline = workshop.base, order.timeline
    words = workshop.concepts.load_words(timeline.prompts, base)
    if order.constraints and len(timeline.segments) == 1:
        (only,) = timeline.segments
        check_seconds(base, only.seconds, "length")
        motion = base.generate(
            [only.prompt], seconds=only.seconds, words=words, constraints=order.constraints, progress=job,
            seed=order.seed if only.seed is None else only.seed,
        )[0]  # fmt: skip
    else:
        motion = base.generate_timeline(
            timeline, words=words, seed=order.seed, progress=job, constraints=order.constraints
        )
    motion = replace(motion, name=order.title)
    off = measure_errors(motion.joints, order.constraints, motion.fps)
    errors = tuple((one.name, meters) for one, meters in zip(order.constraints, off, strict=True))
    unknown = [notice.message for notice in base.find_unknown(list(dict.fromkeys(timeline.prompts))) if notice]
    return Told(order, motion, (*motion.notes, *unknown), errors)


def read_clip_of(path: Path) -> "Motion":
    """A clip for poses, with all its frames, by the name of its file."""
    return replace(read_pose_clip(path, "the clip"), name=path.stem)
