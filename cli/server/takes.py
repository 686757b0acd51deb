"""A take: segments of a timeline, one after another, as one motion of an exact number of frames.

The base makes motions of 0.8 to 9.8 s from one prompt, and timelines of any length from several (`lead.control`). Their
borders are on a grid of STEP seconds, so segments are moved by half of that at most; in the end the take is stretched
to end with its last frame. Knows no protocol and no queue.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lead.control.constraints import Constraint
from lead.control.timeline import TRANSITION, Timeline
from lead.control.timeline import Segment as TimelineSegment
from lead.data.dataset import MIN_FRAMES, UNIT
from lead.errors import LeadError
from lead.motion.motion import Motion
from lead.motion.resample import resample
from lead.motion.skeleton import FPS

SEED_STEP = 7919
"""Between the seeds of samples of one request, so that no two of them draw the same noise."""
LARGEST_SEED = 2**40 - 1
STEP = UNIT / FPS
"""Seconds between places where the base can begin a segment."""
LEAST_STEPS = MIN_FRAMES // UNIT
"""Of a segment."""
ANYTHING = "motion of any kind"
"""What stands in a timeline where a segment has no prompt."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of a timeline."""

    prompt: str
    """Empty for motion of any kind."""
    frames: int
    """At the rate of the take."""
    seed: int
    reference: Motion | None = None
    """A clip in place of the prompt."""


@dataclass(frozen=True, eq=False)
class Part:
    """A segment as the base makes it."""

    prompt: str
    seconds: float
    seed: int
    reference: Motion | None = None


@dataclass(frozen=True, eq=False)
class Piece:
    """A motion that the base makes in one go."""

    parts: tuple[Part, ...]
    transition: float = TRANSITION
    """Seconds, between parts."""
    constraints: tuple[Constraint, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)

    @property
    def prompts(self) -> list[str]:
        """Without those of parts that have none."""
        return [part.prompt for part in self.parts if part.prompt]

    def fits(self, longest: float) -> bool:
        """Whether it is made from one prompt, or clip, without constraints: many such motions are made at once."""
        return len(self.parts) == 1 and not self.constraints and self.seconds <= longest

    def to_timeline(self) -> Timeline:
        """The parts as a timeline; those without a prompt have ANYTHING in its place."""
        segments = [TimelineSegment(part.prompt or ANYTHING, part.seconds, seed=part.seed) for part in self.parts]
        return Timeline(tuple(segments), self.transition)


@dataclass(frozen=True, eq=False)
class Take:
    """What the base makes of a timeline, and what becomes of it."""

    piece: Piece
    frames: int
    fps: float
    borders: tuple[int, ...]
    """Frames at which segments begin, but for the first."""

    def count_own(self, rate: float) -> int:
        """The frames of the base's motion, at its rate, that the take has; two at least."""
        made = round(self.piece.seconds * rate)
        return min(max(round(self.frames / self.fps * rate), 2), made)

    def to_seconds(self, frame: int, rate: float = FPS) -> float:
        """When a frame of the take is, in the base's motion."""
        return frame / max(self.frames - 1, 1) * (self.count_own(rate) - 1) / rate

    def assemble(self, motion: Motion) -> Motion:
        """The base's motion at the take's rate, with its number of frames."""
        joints = motion.joints[: self.count_own(motion.fps)]
        # the frames that there are become those of the take: their own rate is the one that makes them end together
        own = (len(joints) - 1) * self.fps / max(self.frames - 1, 1)
        stretched = resample(joints.astype("float32"), own, self.fps)[: self.frames]
        return replace(motion, joints=stretched, fps=self.fps)


def plan_take(segments: Sequence[Segment], fps: float, transition: float | None = None) -> Take:
    """The piece that makes the segments; LeadError for one with a prompt that is too short among others.

    Without a prompt a segment that is too short is left to the one before it, or to the first with a prompt.
    """
    ends = [0.0]
    for segment in segments:
        ends.append(ends[-1] + segment.frames / fps / STEP)
    steps = [0]
    parts: list[Part] = []
    for number, (segment, end) in enumerate(zip(segments, ends[1:], strict=True)):
        last = number == len(segments) - 1
        until = max(math.floor(end + 0.5), 1)
        if len(segments) > 1 and segment.frames / fps / STEP < LEAST_STEPS - 1e-6:
            if segment.prompt or segment.reference is not None:
                short, least = segment.frames / fps, LEAST_STEPS * STEP
                raise LeadError(f"segment {number + 1} lasts {short:.2g} s; in a sequence {least:g} s are the least")
            if parts:
                steps[-1] = max(until, steps[-1])
                continue
            if not last:
                continue
        steps.append(max(until, steps[-1] + LEAST_STEPS))
        parts.append(Part(segment.prompt, 0.0, segment.seed, segment.reference))
    timed = tuple(
        replace(part, seconds=round((end - start) * STEP, 6))
        for part, (start, end) in zip(parts, pairwise(steps), strict=True)
    )
    starts = [round(step * STEP * fps) for step in steps[1:-1]]
    frames = sum(segment.frames for segment in segments)
    return Take(Piece(timed, TRANSITION if transition is None else transition), frames, fps, tuple(starts))
