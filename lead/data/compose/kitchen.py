"""What every recipe of composition works with: draws, sources, walks of any length.

Joints are at 20 fps, in meters. Knows nothing of files.
"""

from dataclasses import dataclass

import numpy as np

from lead.data.compose.sources import Joints, Source, Sources
from lead.motion import measures as m
from lead.motion.processing.edit import ping_pong
from lead.motion.processing.join import hold, join, pose_distance, repeat_cycle
from lead.text.meaning import Meaning

FPS = 20.0
LONGEST = 197
"""Frames of joints that make the longest features of a batch."""
ARMS = (13, 14, 16, 17, 18, 19, 20, 21)
"""Joints of both arms, from the collar on."""

Product = tuple[Joints, Meaning]
"""What a recipe makes, before it is measured."""


@dataclass(frozen=True, eq=False)
class Kitchen:
    """What a recipe works with."""

    sources: Sources
    rng: np.random.Generator

    def draw_frames(self, least: float, most: float) -> int:
        """A number of frames for a duration between so many seconds; from a second on, short ones as often as long."""
        if least < 1.0:
            return round(float(self.rng.uniform(least, most)) * FPS)
        return round(float(np.exp(self.rng.uniform(np.log(least), np.log(most)))) * FPS)

    def draw_side(self) -> str:
        return str(self.rng.choice(["left", "right"]))

    def one_in(self, n: int) -> bool:
        return bool(self.rng.integers(n) == 0)

    def pick_plain(self, *actions: str) -> Source | None:
        """A source; three times in five one in no style, if there is one."""
        plain = self.sources.pick(*actions, fits=is_plain) if self.rng.random() < 0.6 else None
        return plain or self.sources.pick(*actions)


def is_plain(source: Source) -> bool:
    """Whether a source is in no style."""
    return not set(source.meaning.ways) - {"normally"}


def cut_steady(joints: Joints) -> Joints:
    """The part that moves at no less than half of the clip's usual speed."""
    speed = m.speeds(joints)
    fast = m.stretches(speed > 0.5 * np.percentile(speed, 70))
    first, last = max(fast, key=lambda part: part[1] - part[0], default=(0, len(joints)))
    return joints[first:last]


def draw_walk(kitchen: Kitchen, *actions: str, seconds: tuple[float, float] = (2.0, 9.8)) -> Product | None:
    """A steady walk or run straight ahead, of about so many seconds; a shorter clip's cycle is repeated."""
    rng = kitchen.rng
    plain = rng.random() < 0.6

    def fits(source: Source) -> bool:
        part = cut_steady(source.joints)
        return len(part) >= 24 and abs(m.heading_change(part)) < 40 and (not plain or is_plain(source))

    source = kitchen.sources.pick(*actions, place="forward", fits=fits)
    if source is None:
        return None
    frames = kitchen.draw_frames(*seconds)
    joints = repeat_cycle(cut_steady(source.joints), frames, FPS)
    start = int(rng.integers(max(len(joints) - frames, 0) + 1))
    return joints[start : start + frames], source.meaning


def stand_around(kitchen: Kitchen, joints: Joints, frames: int) -> Joints:
    """The motion with standing before and after it, where it begins and ends near to that; else its end is held."""
    stand = kitchen.sources.pick("stand", fits=is_plain)
    if stand is None or len(joints) >= frames:
        return joints[:frames]
    idle = ping_pong(stand.joints, frames)
    before = kitchen.draw_frames(0.3, 0.3 + 0.5 * (frames - len(joints)) / FPS)
    if pose_distance(idle[before], joints[0]) < 0.25 and kitchen.one_in(2):
        joints = join(idle[: before + 6], joints, FPS)
    if pose_distance(joints[-1], idle[0]) < 0.25:
        joints = join(joints, idle, FPS)
    else:
        joints = hold(joints, frames - len(joints), kitchen.rng, FPS)
    return joints[: min(frames, LONGEST)]
