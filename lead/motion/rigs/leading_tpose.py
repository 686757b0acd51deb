"""The T-pose or rest pose with which many files start, alone or blended into the first frames.

It is cut if the body leaves it faster than it moves in the rest of the clip, or if a T-pose is held still. A person who
just stands with the arms out and then moves keeps every frame.
Conventions: meters, seconds.
"""

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.formats.bvh import Bvh
from lead.motion.rotations import normalize

SPAN = 0.75
"""Seconds: a blend is over after this time."""
_STRAIGHT = 0.94
"""Cosine of 20 degrees: of an arm to the line of the shoulders, and of its two bones."""
_REST_TURN = 3.0
"""Degrees: the mean rotation of a rig's joints in its rest pose is below this, with the noise of retargeting."""
_LEAP, _LEAP_SPEED = 1.5, 8.0
"""A leap is faster than the first times the clip's fast movements, and than the second in m/s. Hands that fall from a
T-pose in six frames at 120 fps reach 26 m/s, a punch 10."""
_STATUE = 2e-3
"""Meters: a person who lives moves some joint by more."""
_HELD, _STILL = 0.4, 0.3
"""A T-pose is held for at least these seconds, below this speed in m/s."""


def count_lead_in(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, turns: Float[np.ndarray, "first"] | None = None
) -> int:
    """The number of frames before the motion.

    `turns` holds the mean rotation of the first frames from the rig's rest pose (`measure_rest_turns`), in degrees.
    """
    span = int(np.ceil(SPAN * fps))
    held = _find_tposes(joints[: len(joints) // 2])
    if turns is not None:
        held[: len(turns)] |= turns[: len(held)] < _REST_TURN
    hold = int(np.argmin(held)) if not held.all() else len(held)
    if not hold or hold == len(held):
        return 0
    in_place = joints - joints[:, :1]
    speed = np.linalg.norm(np.diff(in_place, axis=0), axis=-1).max(axis=1) * fps
    usual = np.percentile(speed[hold + span :], 98) if len(speed) > hold + span else np.median(speed)
    leaps = np.flatnonzero(speed[: hold + span] > max(_LEAP * usual, _LEAP_SPEED))
    if len(leaps) and leaps[0] <= hold:
        end = int(leaps[-1])
        while end + 1 < len(speed) and speed[end + 1] < speed[end]:  # a blend slows down
            end += 1
        return min(max(end, int(leaps[-1]) + 1), len(joints) // 2)
    still = speed[: max(hold - 1, 1)].mean() < _STILL and bool(_find_tposes(joints[:hold]).all())
    return hold if hold >= _HELD * fps and still else 0


def is_one_pose(joints: Float[np.ndarray, "frames 22 3"]) -> bool:
    """Whether a clip holds a T-pose in all frames, or stands still as a statue: a pose of reference, no motion."""
    return bool(np.ptp(joints, axis=0).max() < _STATUE or _find_tposes(joints).all())


def measure_rest_turns(bvh: Bvh, frames: int) -> Float[np.ndarray, "first"]:
    """The mean rotation of the joints, without the roots, from rest, in degrees; of at most so many first frames."""
    inner = [joint for joint, parent in enumerate(bvh.parents) if parent >= 0 and bvh.channels[joint]]
    if not inner:
        return np.full(frames, np.inf)
    rotations = bvh.take_first(frames).local()[1][:, inner]
    cosines = (np.einsum("fjaa->fj", rotations) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean(axis=1))


def _find_tposes(joints: Float[np.ndarray, "frames 22 3"]) -> Bool[np.ndarray, "frames"]:
    """Whether both arms are straight and level with the shoulders, on a straight body."""

    def dot(a: Float[np.ndarray, "frames 3"], b: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames"]:
        return np.asarray(np.einsum("fi,fi->f", a, b))

    def bone(a: int, b: int) -> Float[np.ndarray, "frames 3"]:
        return normalize(joints[:, b] - joints[:, a])

    line, spine = bone(17, 16), bone(0, 12)
    posed = np.abs(dot(line, spine)) < 0.35
    for side, (hip, ankle, shoulder, elbow, wrist) in ((1, (1, 7, 16, 18, 20)), (-1, (2, 8, 17, 19, 21))):
        upper, lower = bone(shoulder, elbow), bone(elbow, wrist)
        posed &= (side * dot(upper, line) > _STRAIGHT) & (side * dot(lower, line) > _STRAIGHT)
        posed &= dot(bone(hip, ankle), spine) < -_STRAIGHT
    return np.asarray(posed)
