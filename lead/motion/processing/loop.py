"""Loops: the best cycle of a motion, its seam closed, and the cycle again and again.

1. *Find.* A cycle goes from one frame to a later one with the same pose, the same velocities of all joints and the same
   feet that stand. Place and heading are left out; speed over the floor and turning are not. How far the two frames
   are apart is divided by how far poses get from the first one in between: a cycle leaves its pose and comes back. A
   stretch in which the body hardly moves is not the cycle of a clip that moves.
2. *Close.* What is left of the gap is spread evenly over the whole cycle, so that no velocity changes by much. What is
   left between the velocities is taken out near both ends, as in Holden, "Creating Looping Animations from Motion
   Capture" (2022). A cycle that turns by a few degrees goes straight on, and one that hardly moves over the
   floor stays. Feet that stand do not slide for it: the legs follow by IK.
3. *Resample.* At another rate or speed a closed cycle has whole frames again, and its end is its start.
4. *Repeat.* A closed cycle has one frame more than it lasts: its last frame is the first one of the next cycle, carried
   on over the floor. So engines, whose clips end with the last frame, play it without a jump.
Conventions: meters, Y up; bones keep their lengths. Knows nothing of rigs and files.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.processing.foot_lock import find_contacts, find_displacements, measure_contacts, move_feet
from lead.motion.processing.ik import TOES
from lead.motion.processing.join import Joints, place_after, to_body_frame
from lead.motion.processing.path import bend_path
from lead.motion.resample import KERNEL, spline
from lead.motion.rotations import normalize
from lead.motion.skeleton import PARENTS, bone_lengths
from lead.motion.smoothing import bend_ends

SHORTEST, LONGEST = 0.5, 10.0
"""Seconds of a cycle that is searched for. A run takes 0.65 s, a walk 1.1 s."""
OPEN = 0.3
"""A found cycle's gap is at most this times how far poses get from its first one."""
APART, FASTER = 0.12, 0.8
"""And at most so many meters, with velocities that differ by at most so many meters a second."""
VELOCITY_SECONDS = 0.1
"""A difference of velocities counts as the distance that it makes in this time."""
CONTACT_GAP = 0.01
"""Meters that a foot counts which stands at one end only."""
LEAST_AWAY = 0.01
"""Meters: poses of any cycle count as being so far from its first one."""
ACTIVE = 0.5
"""A cycle moves at least by this times as fast as the clip does in the mean."""
ABOUT_AS_GOOD = 1.2
"""The shortest of cycles that are worse than the best by no more than this factor is taken."""
SEARCH_FPS = 25.0
"""The search goes by steps of about this rate, and is then refined frame by frame."""
MOST_FRAMES = 30_000
"""Frames at SEARCH_FPS of a clip that is searched: 20 minutes."""
STRAIGHT = 15.0
"""Degrees: a cycle that turns by less goes straight on."""
STAYS = 0.1
"""Meters: a cycle that goes less far over the floor stays where it is."""
TILES = 5
"""Cycles that the feet are solved for; the one in the middle is taken."""
CLOSED = 1e-4
"""Meters: the first and the last pose of a closed cycle differ by less."""


@dataclass(frozen=True)
class Cycle:
    """A stretch of a motion that begins anew where it ends."""

    first: int
    last: int
    """The frame whose pose is that of `first` again."""
    gap: float
    """Meters: how far the two poses are apart, the root mean square over the joints."""
    velocity_gap: float
    """Meters a second: how far their joints' velocities are apart, with those over the floor."""
    away: float
    """Meters: how far poses get from the first one in between."""

    @property
    def frames(self) -> int:
        """Its length."""
        return self.last - self.first

    @property
    def openness(self) -> float:
        """0 for a perfect cycle, 1 for ends as different as any pose in between is from the first."""
        return _openness(np.hypot(self.gap, VELOCITY_SECONDS * self.velocity_gap), self.away)

    @property
    def is_good(self) -> bool:
        """Whether blending the seam is enough to make it a loop."""
        return self.openness <= OPEN and self.gap <= APART and self.velocity_gap <= FASTER

    def require_good(self, fps: float) -> None:
        """MotionError, with what was found, for a cycle that is none."""
        if not self.is_good:
            raise MotionError(
                f"no cycle: the best goes from {self.first / fps:.2f} s to {self.last / fps:.2f} s, and its ends are "
                f"{100 * self.gap:.1f} cm and {self.velocity_gap:.2f} m/s apart, {self.openness:.2f} of the "
                f"{100 * self.away:.1f} cm that poses get from its start; expected at most {OPEN:g} of that, "
                f"{100 * APART:g} cm and {FASTER:g} m/s. Give a motion that comes back to a pose, or state the cycle."
            )


@dataclass(frozen=True)
class Seam:
    """How a closed cycle goes on into the next one, in meters and meters a second, beside its inside."""

    step: float
    """How far joints move from the last frame before the seam to the next cycle's first, the mean."""
    median_step: float
    """The same between neighboring frames inside, the median."""
    jump: float
    """How much joints' velocities change at the seam, the mean."""
    median_jump: float


def find_best_cycle(joints: Joints, fps: float, seconds: tuple[float, float] = (SHORTEST, LONGEST)) -> Cycle:
    """The best cycle of so many seconds; whether it is good enough, `Cycle.is_good` says.

    Raises MotionError for a motion that is shorter than any such cycle, or too long to be searched.
    """
    stride = max(int(fps / SEARCH_FPS), 1)
    coarse = joints[::stride]
    least = max(round(seconds[0] * fps / stride), 2)
    most = max(int(seconds[1] * fps / stride), least)
    if len(coarse) <= least:
        raise MotionError(
            f"{len(joints) / fps:.2f} s are too short for a loop; expected more than {seconds[0]:g} s. "
            "Give a longer motion, or state the cycle."
        )
    if len(coarse) > MOST_FRAMES:
        raise MotionError(
            f"{len(joints) / fps:.0f} s are too long to be searched for a loop; trim it to "
            f"{MOST_FRAMES / SEARCH_FPS:g} s."
        )
    first, last = _search(coarse, fps / stride, least, most)
    return _refine(joints, fps, first * stride, last * stride, stride - 1)


def measure_cycle(joints: Joints, fps: float, first: int, last: int) -> Cycle:
    """The cycle from one frame to another. Raises MotionError if these are not two frames of the motion, in order."""
    if not 0 <= first < last - 1 or last >= len(joints):
        raise MotionError(
            f"a cycle from {first / fps:.2f} s to {last / fps:.2f} s of a motion of {(len(joints) - 1) / fps:.2f} s; "
            "expected an end that is at least two frames after the start, within the motion."
        )
    poses, velocities = _describe(joints, fps)
    away = float(np.linalg.norm(poses[first : last + 1] - poses[first], axis=-1).max())
    gap, velocity_gap = (float(np.linalg.norm(values[last] - values[first])) for values in (poses, velocities))
    return Cycle(first, last, gap, velocity_gap, away)


def close_cycle(joints: Joints, fps: float, cycle: Cycle) -> Joints:
    """The cycle with its ends made one: `cycle.frames + 1` frames, as float64, the last one the first of the next."""
    first, last, frames = cycle.first, cycle.last, cycle.frames
    start, stop = max(first - 1, 0), min(last + 2, len(joints))  # with neighbors, for velocities at both ends
    inside = slice(first - start, last + 1 - start)
    progress = np.clip((np.arange(start, stop) - first) / frames, -0.1, 1.1)
    before = _straighten(joints[start:stop].astype(np.float64), progress, inside, fps)
    half_yaw = forward_to_half_yaw(facing(before))
    poses = to_body_frame(before)
    gap = poses[inside][-1] - poses[inside][0]
    way = (before[inside][-1, 0] - before[inside][0, 0]) * [1, 0, 1]
    drift = way * (np.linalg.norm(way) < STAYS)
    part = 0.5 - progress[:, None, None]
    spread = before + turn(-half_yaw, part * gap) + part * drift
    velocities = turn(half_yaw, np.gradient(spread, axis=0) * fps)[inside]
    spread, before, half_yaw = spread[inside], before[inside], half_yaw[inside]
    spread = spread + turn(-half_yaw, bend_ends(velocities[-1] - velocities[0], frames, fps))
    lengths = bone_lengths(before)  # which change where a clip is not rigid
    closed = _keep_lengths(spread, lengths + part[inside, 0] * (lengths[-1] - lengths[0]))
    contacts = measure_contacts(joints, fps)[first:last]
    closed = _keep_contacts(closed, before, contacts, half_yaw[-1] - half_yaw[0], fps)
    closed[-1] = _carry_on(closed[0], closed[-1])
    return closed


def repeat_cycle(closed: Joints, cycles: int) -> Joints:
    """A closed cycle so many times, each where the one before ends; one frame more than they last."""
    parts = [closed]
    for _ in range(cycles - 1):
        parts.append(place_after(parts[-1][-1], closed)[1:])
    return np.concatenate(parts)


def resample_cycle(closed: Joints, frames: int) -> Joints:
    """A closed cycle in so many frames and the first of the next one, by a cubic spline that goes on over the seam.

    As float64. The cycle has the length of whole frames, so its time changes by up to half a frame.
    """
    closed = closed.astype(np.float64)
    reach = min(KERNEL, len(closed) - 1)
    before = place_after(closed[0], closed[: -reach - 2 : -1])[:0:-1]
    after = place_after(closed[-1], closed[: reach + 1])[1:]
    at = reach + np.linspace(0, len(closed) - 1, frames + 1)
    resampled = spline(np.concatenate([before, closed, after]), at)
    resampled[-1] = _carry_on(resampled[0], closed[-1])
    return resampled


def is_closed(joints: Joints) -> bool:
    """Whether the last frame is the first one of the next cycle."""
    if len(joints) < 3:
        return False
    first, last = to_body_frame(joints[[0, -1]].astype(np.float64))
    return bool(np.abs(last - first).max() < CLOSED)


def measure_seam(closed: Joints, fps: float) -> Seam:
    """How a closed cycle goes on into the next."""
    twice = repeat_cycle(closed.astype(np.float64), 2)
    velocities = np.diff(twice, axis=0) * fps
    steps = np.linalg.norm(velocities, axis=-1).mean(axis=-1) / fps
    jumps = np.linalg.norm(np.diff(velocities, axis=0), axis=-1).mean(axis=-1)
    frames = len(closed) - 1
    inside = jumps[: frames - 1]
    return Seam(
        float(steps[frames - 1]), float(np.median(steps[:frames])), float(jumps[frames - 1]), float(np.median(inside))
    )


def _search(joints: Joints, fps: float, least: int, most: int) -> tuple[int, int]:
    """The first and the last frame of the best cycle of `least` to `most` frames."""
    poses, velocities = _describe(joints, fps)
    contacts = find_contacts(joints, fps)
    speed = np.linalg.norm(velocities, axis=-1)
    way = np.concatenate([[0.0], np.cumsum(speed)])
    away = np.zeros(len(joints))
    best = []  # (openness, frames, first) of the best cycle of each length
    for frames in range(1, min(most, len(joints) - 1) + 1):
        gap = np.linalg.norm(poses[frames:] - poses[:-frames], axis=-1)
        away = np.maximum(away[: len(gap)], gap)
        if frames < least:
            continue
        turned = VELOCITY_SECONDS * np.linalg.norm(velocities[frames:] - velocities[:-frames], axis=-1)
        feet = CONTACT_GAP * (contacts[frames:] != contacts[:-frames]).sum(axis=-1)
        openness = (np.hypot(gap, turned) + feet) / np.maximum(away, LEAST_AWAY)
        active = (way[frames:-1] - way[: -frames - 1]) / frames >= ACTIVE * speed.mean()
        openness = np.where(active, openness, np.inf)
        first = int(openness.argmin())
        best.append((float(openness[first]), frames, first))
    if not np.isfinite(min(best)[0]):
        return 0, len(joints) - 1  # all that moves is at the very end
    good = [one for one in best if one[0] <= ABOUT_AS_GOOD * min(best)[0]]
    _, frames, first = min(good, key=lambda one: one[1])
    return first, first + frames


def _refine(joints: Joints, fps: float, first: int, last: int, reach: int) -> Cycle:
    """The best cycle whose ends are at most `reach` frames from these."""
    poses, velocities = _describe(joints, fps)
    firsts = np.arange(max(first - reach, 0), first + reach + 1)
    lasts = np.arange(last - reach, min(last + reach, len(joints) - 1) + 1)
    gaps = [np.linalg.norm(v[lasts] - v[firsts, None], axis=-1) for v in (poses, velocities)]
    row, column = np.unravel_index(np.hypot(gaps[0], VELOCITY_SECONDS * gaps[1]).argmin(), gaps[0].shape)
    return measure_cycle(joints, fps, int(firsts[row]), int(lasts[column]))


def _describe(joints: Joints, fps: float) -> tuple[Float[np.ndarray, "frames 66"], Float[np.ndarray, "frames 66"]]:
    """Poses and velocities as the body sees them; distances of rows are root mean squares over the joints."""
    joints = joints.astype(np.float64)
    velocities = turn(forward_to_half_yaw(facing(joints)), np.gradient(joints, axis=0) * fps)
    poses, moves = (values.reshape(len(joints), -1) / np.sqrt(22) for values in (to_body_frame(joints), velocities))
    return poses, moves


def _openness(apart: float, away: float) -> float:
    return float(apart / max(away, LEAST_AWAY))


def _straighten(joints: Joints, progress: Float[np.ndarray, "frames"], inside: slice, fps: float) -> Joints:
    """The cycle led straight on where it turns by little."""
    ends = 2 * forward_to_half_yaw(facing(joints[inside][[0, -1]]))
    turned = -np.remainder(ends[1] - ends[0] + np.pi, 2 * np.pi) + np.pi  # to the left
    if abs(np.degrees(turned)) >= STRAIGHT:
        return joints
    return bend_path(joints, -turned * progress, fps)


def _keep_lengths(joints: Joints, lengths: Float[np.ndarray, "frames 22"]) -> Joints:
    """The pose that the joints describe, with these bone lengths."""
    kept = joints.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        kept[:, joint] = kept[:, parent] + normalize(joints[:, joint] - joints[:, parent]) * lengths[:, joint, None]
    return kept


def _keep_contacts(
    closed: Joints, before: Joints, contacts: Float[np.ndarray, "steps 2"], turned: float, fps: float
) -> Joints:
    """The cycle with feet that stand moving as they did before it was closed; `turned` is its turn, as half a yaw."""
    slips = np.diff(closed[:, TOES] - before[:, TOES], axis=0)
    cycles = [turn(np.full(len(slips), -number * turned), slips) for number in range(-(TILES // 2), TILES // 2 + 1)]
    paths = np.concatenate([[np.zeros((2, 3))], np.cumsum(np.concatenate(cycles), axis=0)])
    moves = find_displacements(paths[..., [0, 2]], np.tile(contacts, (TILES, 1)), fps)
    middle = len(slips) * (TILES // 2)
    return move_feet(closed, moves[middle : middle + len(closed)])


def _carry_on(first: Float[np.ndarray, "22 3"], last: Float[np.ndarray, "22 3"]) -> Float[np.ndarray, "22 3"]:
    """The first pose where the last one stands and faces."""
    carried: Float[np.ndarray, "22 3"] = place_after(last, first[None])[0]
    return carried
