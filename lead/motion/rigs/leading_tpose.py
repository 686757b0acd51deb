"""What stands before a motion in many files: a T-pose or the rig's rest pose, alone or blended into the first frames.

It is cut where no body moves so: from that pose into the motion faster than in the rest of the clip, or where a T-pose
is held still.  Who just stands with the arms out and goes on from there keeps every frame.
Meters, seconds.
"""

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.formats.bvh import Bvh
from lead.motion.rotations import normalize

SPAN = 0.75
"""Seconds within which a blend ends."""
_STRAIGHT = 0.94
"""Cosine of an arm to the line of the shoulders, and of its two bones: 20 degrees."""
_REST_TURN = 3.0
"""Degrees: mean rotation of a rig's joints in its rest pose, noise of retargeting included."""
_LEAP, _SPEED = 1.5, 8.0
"""A leap is faster than this times the clip's fast movements, and than this many m/s: hands that fall from a T-pose in
six frames at 120 fps have 26, a punch has 10."""
_HELD, _STILL = 0.4, 0.3
"""Seconds and m/s of a T-pose that is held."""


def count_lead_in(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, turns: Float[np.ndarray, "first"] | None = None
) -> int:
    """How many frames stand before the motion.

    `turns` has each of the first frames' mean rotation away from the rig's rest pose (`rest_turns`), if there is one.
    """
    span = int(np.ceil(SPAN * fps))
    held = _t_posed(joints[: len(joints) // 2])
    if turns is not None:
        held[: len(turns)] |= turns[: len(held)] < _REST_TURN
    hold = int(np.argmin(held)) if not held.all() else len(held)
    if not hold or hold == len(held):
        return 0
    in_place = joints - joints[:, :1]
    speed = np.linalg.norm(np.diff(in_place, axis=0), axis=-1).max(axis=1) * fps
    usual = np.percentile(speed[hold + span :], 98) if len(speed) > hold + span else np.median(speed)
    leaps = np.flatnonzero(speed[: hold + span] > max(_LEAP * usual, _SPEED))
    if len(leaps) and leaps[0] <= hold:
        end = int(leaps[-1])
        while end + 1 < len(speed) and speed[end + 1] < speed[end]:  # a blend dies out
            end += 1
        return min(max(end, int(leaps[-1]) + 1), len(joints) // 2)
    still = hold >= _HELD * fps and speed[: max(hold - 1, 1)].mean() < _STILL and bool(_t_posed(joints[:hold]).all())
    return hold if still else 0


def rest_turns(bvh: Bvh, frames: int) -> Float[np.ndarray, "frames"]:
    """Degrees by which the joints, but for the roots, are turned from rest on the mean, in the first frames."""
    inner = [joint for joint, parent in enumerate(bvh.parents) if parent >= 0 and bvh.channels[joint]]
    rotations = bvh.first(frames).local()[1][:, inner]
    cosines = (np.einsum("fjaa->fj", rotations) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean(axis=1) if inner else np.full(frames, np.inf)


def _t_posed(joints: Float[np.ndarray, "frames 22 3"]) -> Bool[np.ndarray, "frames"]:
    """Whether both arms are straight and level with the shoulders, on a straight body."""

    def along(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("fi,fi->f", a, b)

    def bone(a: int, b: int) -> np.ndarray:
        return normalize(joints[:, b] - joints[:, a])

    line, spine = bone(17, 16), bone(0, 12)
    posed = np.abs(along(line, spine)) < 0.35
    for side, (hip, ankle, shoulder, elbow, wrist) in ((1, (1, 7, 16, 18, 20)), (-1, (2, 8, 17, 19, 21))):
        upper, lower = bone(shoulder, elbow), bone(elbow, wrist)
        posed &= (side * along(upper, line) > _STRAIGHT) & (side * along(lower, line) > _STRAIGHT)
        posed &= along(bone(hip, ankle), spine) < -_STRAIGHT
    return posed
