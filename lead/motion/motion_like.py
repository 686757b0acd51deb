"""`MotionLike`: what pictures and meshes need of a motion, so that they need not import `Motion`; its `TimeMark`s."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class TimeMark:
    """What is said of a stretch or a moment of a motion: a segment of a timeline, a keyframe."""

    start: float
    """Seconds."""
    end: float
    """Seconds; of a moment the same as the start."""
    title: str


@runtime_checkable
class MotionLike(Protocol):
    """A clip of 22 joints; `lead.Motion` is one."""

    @property
    def joints(self) -> Float[np.ndarray, "frames 22 3"]:
        """Meters, Y up, in the order of `skeleton.JOINTS`."""

    @property
    def fps(self) -> float:
        """Frames a second."""

    @property
    def name(self) -> str:
        """What the clip is called in titles."""


def list_marks(motion: MotionLike) -> tuple[TimeMark, ...]:
    """The marks of a motion that has some, in their order; `lead.Motion` may have them."""
    marks: tuple[TimeMark, ...] = getattr(motion, "marks", ())
    return marks


def warp_marks(marks: Sequence[TimeMark], start: float, seconds: float, speed: float = 1.0) -> tuple[TimeMark, ...]:
    """The marks of a stretch that begins at `start`, is played so many times as fast, and then lasts `seconds`."""
    warped = [TimeMark((mark.start - start) / speed, (mark.end - start) / speed, mark.title) for mark in marks]
    inside = [mark for mark in warped if mark.end >= 0 and mark.start <= seconds]
    return tuple(TimeMark(max(mark.start, 0.0), min(mark.end, seconds), mark.title) for mark in inside)
