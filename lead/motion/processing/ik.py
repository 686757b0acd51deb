"""Inverse kinematics of legs: the knee and the ankle of two bones of given lengths.

1. *Reach.* An ankle goes to its target. A leg that would have to be straighter than it was approaches its length softly
   and never snaps straight; the ankle then stays behind a little. A leg that was straight may stay so.
2. *Knee.* It stays in the plane in which it was bent, which turns with the line from hip to ankle. What a leg bends
   more than it did, it bends ahead. The knee of a nearly straight leg that was bent backward is bent ahead by as much.
`ahead` of a leg is the front of the pelvis, turned as the leg is. So it serves a lying and a kicking person too.
Source of the soft limit: Nicholson, "Soft IK" (2009). `lead.train.losses` has the differentiable twin. Conventions:
meters, any batch prefix. Knows nothing of features and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.rotations import cross, normalize

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""Hip, knee, ankle, toe."""
HIPS, KNEES, ANKLES, TOES = (list(joints) for joints in zip(*LEGS, strict=True))
SOFT = 0.02
"""The last share of a leg's length, over which the leg approaches its full length softly."""
STRAIGHT, BENT = 0.05, 0.10
"""Meters from the line of hip and ankle: a nearer knee is a straight leg's, a farther one a bent leg's."""

Length = float | np.floating | Float[np.ndarray, "*#batch"]
"""Of a bone, in meters: one for all frames, or one a frame."""


def two_bone_ik(
    hip: Float[np.ndarray, "*batch 3"],
    direction: Float[np.ndarray, "*batch 3"],
    reach: Float[np.ndarray, "*batch"],
    pole: Float[np.ndarray, "*batch 3"],
    upper: Length,
    lower: Length,
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """Knee and ankle of a leg whose ankle is `reach` meters from the hip in a unit `direction` (law of cosines).

    The knee bends towards `pole`, a unit vector perpendicular to `direction`. `reach` lies between |upper - lower| and
    upper + lower; a leg that is shorter stays straight, and its lower bone is stretched.
    """
    along, height = _knee_in_plane(reach, upper, lower)
    knee: np.ndarray = hip + along[..., None] * direction + height[..., None] * pole
    ankle: np.ndarray = hip + reach[..., None] * direction
    return knee, ankle


def move_ankle(
    hip: Float[np.ndarray, "*batch 3"],
    knee: Float[np.ndarray, "*batch 3"],
    ankle: Float[np.ndarray, "*batch 3"],
    target: Float[np.ndarray, "*batch 3"],
    ahead: Float[np.ndarray, "*batch 3"],
    lengths: tuple[Length, Length] | None = None,
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """Knee and ankle after the ankle has gone to its target, or as near to it as the leg is long.

    The bones keep their lengths, or get those of thigh and shin that are given.
    """
    thigh, shin = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    upper, lower = (thigh, shin) if lengths is None else lengths
    was, wanted = np.linalg.norm(ankle - hip, axis=-1), np.linalg.norm(target - hip, axis=-1)
    length = upper + lower
    scaled = was * length / np.maximum(thigh + shin, 1e-9)
    reach = scaled + limit_softly(wanted, length) - limit_softly(scaled, length)
    reach = np.clip(reach, np.abs(upper - lower), np.minimum(np.maximum(scaled, (1 - SOFT / 10) * length), length))
    along = direct(ankle - hip, [0.0, -1.0, 0.0])
    direction = direct(target - hip, along)
    ahead = direct(remove_part_along(ahead, direction), _across(direction))
    bend = turn_along(remove_part_along(knee - hip, along), along, direction)
    pole = _bend_ahead(bend, ahead, _knee_in_plane(reach, upper, lower)[1])
    pole = direct(remove_part_along(pole, direction), ahead)  # a tiny bend is mostly rounding errors
    return two_bone_ik(hip, direction, reach, pole, upper, lower)


def legs_ahead(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch 2 3"]:
    """The unit direction in which each leg's knee bends: the pelvis' front, turned as the leg is from hanging."""
    across = direct(joints[..., 1, :] - joints[..., 2, :], [1.0, 0.0, 0.0])
    front = direct(cross(across, joints[..., 3, :] - joints[..., 0, :]), [0.0, 0.0, 1.0])
    down = cross(across, front)
    legs = direct(joints[..., ANKLES, :] - joints[..., HIPS, :], [0.0, -1.0, 0.0])
    return turn_along(*np.broadcast_arrays(front[..., None, :], down[..., None, :], legs))


def limit_softly(distance: Float[np.ndarray, "*batch"], length: Length) -> Float[np.ndarray, "*batch"]:
    """A distance from the hip that approaches the leg's length and never reaches it."""
    soft = np.maximum(SOFT * length, 1e-9)
    over = distance - (length - soft)
    return np.where(over > 0, length - soft * np.exp(-np.maximum(over, 0) / soft), distance)


def direct(
    vectors: Float[np.ndarray, "*batch 3"], otherwise: Float[np.ndarray, "*#batch 3"] | list[float]
) -> Float[np.ndarray, "*batch 3"]:
    """Unit vectors; another direction where a vector has none."""
    unit = normalize(vectors)
    return np.where((unit == 0).all(axis=-1, keepdims=True), otherwise, unit)


def turn_along(
    vectors: Float[np.ndarray, "*batch 3"], source: Float[np.ndarray, "*batch 3"], target: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Vectors turned by the shortest arc between two unit directions.

    v + k x v + k x (k x v) / (1 + s.t) with k = s x t.
    """
    k = cross(source, target)
    first = cross(k, vectors)
    turned: np.ndarray = vectors + first + cross(k, first) / np.maximum(1 + _dot(source, target), 1e-6)[..., None]
    return turned


def remove_part_along(
    vectors: Float[np.ndarray, "*batch 3"], direction: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """The part of vectors that is perpendicular to a unit direction."""
    across: np.ndarray = vectors - _dot(vectors, direction)[..., None] * direction
    return across


def _bend_ahead(
    bend: Float[np.ndarray, "*batch 3"], ahead: Float[np.ndarray, "*batch 3"], height: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch 3"]:
    """The unit direction of a knee that was `bend` off the line of hip and ankle, and is to be `height` off it."""
    size = np.sqrt(_dot(bend, bend))
    straight = np.clip((BENT - size) / (BENT - STRAIGHT), 0.0, 1.0)
    forward = 2 * np.maximum(-_dot(bend, ahead), 0.0) + np.maximum(height - size, 0.0)
    return direct(bend + (straight * forward)[..., None] * ahead, ahead)


def _knee_in_plane(
    reach: Float[np.ndarray, "*batch"], upper: Length, lower: Length
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """Where the knee is along the line from hip to ankle, and how far off it."""
    along: np.ndarray = (upper**2 - lower**2 + reach**2) / np.maximum(2 * reach, 1e-9)
    return along, np.sqrt(np.maximum(upper**2 - along**2, 0.0))


def _across(direction: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """A unit vector perpendicular to each unit direction."""
    return normalize(cross(direction, np.eye(3)[np.abs(direction).argmin(axis=-1)]))


def _dot(a: Float[np.ndarray, "*batch 3"], b: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
    product: np.ndarray = (a * b).sum(axis=-1)
    return product
