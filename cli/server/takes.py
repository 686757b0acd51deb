"""A take: segments of a timeline, one after another, as one motion of an exact number of frames.

The base makes motions of 0.8 to 9.8 s. A longer segment is made in several pieces; a piece that goes on from another
one is made longer by the cross-fade between them (`lead.motion.processing.join`). In the end the take is stretched by
less than one of the base's units (0.2 s), so that it ends with the last frame. Knows no protocol and no queue.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lead.motion.motion import Motion
from lead.motion.processing.join import OVERLAP_SECONDS, join
from lead.motion.resample import resample

SEED_STEP = 7919
"""Between the seeds of pieces and samples of one request, so that no two of them draw the same noise."""
LARGEST_SEED = 2**40 - 1


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
class Piece:
    """What the base makes in one go."""

    prompt: str
    seconds: float
    seed: int
    reference: Motion | None
    keep: float
    """Seconds of it that are kept; what is before them is the cross-fade."""


@dataclass(frozen=True, eq=False)
class Take:
    """The pieces of a timeline, and what becomes of them."""

    pieces: tuple[Piece, ...]
    frames: int
    fps: float

    def assemble(self, motions: Sequence[Motion]) -> Motion:
        """The pieces' motions joined, at the take's rate, with its number of frames."""
        rate = motions[0].fps
        joints, seconds = motions[0].joints, 0.0
        for number, (piece, motion) in enumerate(zip(self.pieces, motions, strict=True)):
            seconds += piece.keep
            if number:
                joints = join(joints, motion.joints, rate)
            joints = joints[: max(round(seconds * rate), 2)]
        # the frames that there are become those of the take: their own rate is the one that makes them end together
        own = (len(joints) - 1) * self.fps / max(self.frames - 1, 1)
        stretched = resample(joints.astype("float32"), own, self.fps)[: self.frames]
        return replace(motions[0], joints=stretched, fps=self.fps)


def plan_take(segments: Sequence[Segment], fps: float, seconds_range: tuple[float, float]) -> Take:
    """The pieces that make the segments, on a base that makes motions of these lengths."""
    shortest, longest = seconds_range
    fade = OVERLAP_SECONDS[1]
    pieces: list[Piece] = []
    for segment in segments:
        length = segment.frames / fps
        parts = 1 if not pieces and length <= longest else math.ceil(length / (longest - fade))
        for part in range(parts):
            seconds = length / parts + (fade if pieces else 0.0)
            seed = (segment.seed + part * SEED_STEP) % (LARGEST_SEED + 1)
            seconds = min(max(seconds, shortest), longest)
            pieces.append(Piece(segment.prompt, seconds, seed, segment.reference, length / parts))
    return Take(tuple(pieces), sum(segment.frames for segment in segments), fps)
