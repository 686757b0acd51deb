"""Our 22 joints as a rig of their own, for motion that has none: the body of a clip, in a T-pose.

Conventions: meters, Y up; the rig is in centimeters.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.rigs.rig import Rig
from lead.motion.rotations import cross, normalize
from lead.motion.skeleton import JOINTS, PARENTS, bone_lengths, tpose

LEGS = (1, 2, 4, 5, 7, 8, 10, 11)
_STANDING = 0.15
"""Meters a second: the ankle and the toe of a standing foot are slower."""
_FOOT_SLOPE = -0.47
"""Radians from the horizontal to a standing foot, for clips in which no foot stands."""


def measure_own_offsets(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Float[np.ndarray, "22 3"]:
    """Each joint from its parent (meters) in a T-pose that faces +Z, with the clip's mean bone lengths.

    Hips hang from the pelvis, and collars and neck from the chest, as in this clip's body, for one rotation has to
    serve all three. Feet slope down to the toes as they do while standing, so that soles rest flat.
    """
    joints = np.asarray(joints, dtype=np.float64)
    lengths = bone_lengths(joints).mean(axis=0)
    rest = tpose(lengths)
    offsets = np.zeros((22, 3))
    offsets[1:] = rest[1:] - rest[list(PARENTS[1:])]
    for joint, left, right, above in ((0, 1, 2, 3), (9, 13, 14, 12)):
        children = [left, right, above]
        shape = _average_shape(joints[:, children] - joints[:, joint, None])
        if shape is not None:
            offsets[children] = normalize(shape) * lengths[children, None]
    slope = _measure_foot_slope(joints, fps)
    offsets[[10, 11]] = np.array([0.0, np.sin(slope), np.cos(slope)]) * lengths[[10, 11], None]
    return offsets


def build_own_rig(offsets: Float[np.ndarray, "22 3"], fps: float) -> Rig:
    """Our 22 joints as a rig in centimeters whose rest pose, about a T-pose, has these offsets (meters)."""
    offsets = 100 * offsets
    toes, crown, l_hand, r_hand = (0.0, 0.0, 5.0), (0.0, 15.0, 0.0), (10.0, 0.0, 0.0), (-10.0, 0.0, 0.0)
    ends = {10: toes, 11: toes, 15: crown, 20: l_hand, 21: r_hand}
    hinges = np.zeros((22, 3))
    hinges[[1, 2]], hinges[16], hinges[17] = (1, 0, 0), (0, -1, 0), (0, 1, 0)
    # Euler angles lock where the middle one nears 90 degrees; legs bend about X, elbows and heading about Y
    turns = [("ZYX" if joint in LEGS else "ZXY") for joint in range(22)]
    channels = [tuple(f"{axis}rotation" for axis in axes) for axes in turns]
    channels[0] = ("Xposition", "Yposition", "Zposition", *channels[0])
    return Rig(
        JOINTS, PARENTS, offsets, tuple(channels), tuple(ends.items()), fps, 0.01, "Y", (*PARENTS, *ends),
        np.concatenate([offsets, list(ends.values())]), np.broadcast_to(np.eye(3), (22, 3, 3)),
        tuple(range(22)), hinges, 0.0,
    )  # fmt: skip


def _measure_foot_slope(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> float:
    """Radians from the horizontal to the line from ankle to toe, of standing feet; negative is down."""
    slopes = []
    for ankle, toe in ((7, 10), (8, 11)):
        foot = joints[:, toe] - joints[:, ankle]
        speed = np.linalg.norm(np.diff(joints[:, [ankle, toe]], axis=0), axis=-1).max(axis=-1) * fps
        standing = foot[1:][speed < _STANDING]
        slopes.append(np.arctan2(standing[:, 1], np.hypot(standing[:, 0], standing[:, 2])))
    every = np.concatenate(slopes)
    return float(np.clip(np.median(every), -1.0, 0.0)) if len(every) else _FOOT_SLOPE


def _average_shape(vectors: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "3 3"] | None:
    """The mean of (left, right, above) in the frame with X from right to left and Y toward above.

    None if they lie on a line in any frame.
    """
    x = normalize(vectors[:, 0] - vectors[:, 1])
    y = normalize(vectors[:, 2] - np.einsum("fi,fi->f", vectors[:, 2], x)[:, None] * x)
    if not (np.any(x, axis=-1) & np.any(y, axis=-1)).all():
        return None
    axes = np.stack([x, y, cross(x, y)], axis=-2)
    return np.asarray(np.einsum("fij,fnj->ni", axes, vectors) / len(vectors))
