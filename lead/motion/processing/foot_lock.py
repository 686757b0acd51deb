"""The foot lock, second stage of `foot_cleanup`: standing feet held in place, the legs following by two-bone IK.

1. *Contact.* A step of a toe, from one frame to the next, is one of a standing foot if the toe is low in both frames
   and slow. Both limits are soft, so contact is a number from 0 to 1.
2. *Displacement.* The displacement d of a toe over the floor, for its path p, minimizes
       sum_t  PULL d_t^2  +  sum_steps  c |p' + d'|^2  +  (1 - c) EASE |d'|^2,    x' = x_{t+1} - x_t, c the contact.
   A standing toe does not move; in the air the displacement comes and goes evenly; it is no larger than it must be.
3. *Legs.* The ankle moves with its toe; foot and pelvis keep their directions and places. The knee stays in its plane
   (the knee of a straight leg bends ahead). A leg that would have to be longer than it is approaches its length softly
   and never snaps straight; the foot then stays behind a little.
The heights of standing toes, the root, the upper body and the timing stay.
Source of the soft limit: Nicholson, "Soft IK" (2009). Conventions: meters, Y up. Knows nothing of models and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing
from lead.motion.processing.foot_path import soft_step
from lead.motion.processing.ik import two_bone_ik
from lead.motion.rotations import normalize, shortest_arc

HEIGHT, HEIGHT_EDGE = 0.055, 0.004
"""A toe below this height above the floor stands; the edge is this soft. Meters."""
SPEED, SPEED_EDGE = 1.0, 0.12
"""A toe slower than this over the floor stands; the edge is this soft. Meters a second."""
EASE = 0.1
"""The weight of a change of displacement in the air, relative to one of a standing foot."""
EASE_SECONDS = 0.15
"""Seconds in which a displacement dies out where no foot stands."""
SOFT = 0.02
"""The last share of a leg's length, over which the leg approaches its full length softly."""
AHEAD = 0.01
"""Meters: a knee that is bent by less turns ahead."""

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""Hip, knee, ankle, toe."""


def lock_feet(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Float[np.ndarray, "frames 22 3"]:
    """The motion with standing feet held in place, as float64."""
    joints = joints.astype(np.float64)
    if len(joints) < 2:
        return joints
    toes = joints[:, [leg[3] for leg in LEGS]]
    floor = float(np.percentile(toes[..., 1].min(axis=1), 5))
    moves = _displacements(toes[..., [0, 2]], _contacts(toes, floor, fps), fps)
    ahead = facing(joints)
    for foot, (hip, knee, ankle, toe) in enumerate(LEGS):
        target = joints[:, ankle].copy()
        target[:, [0, 2]] += moves[:, foot]
        bent, reached = move_ankle(joints[:, hip], joints[:, knee], joints[:, ankle], target, ahead)
        joints[:, toe] += reached - joints[:, ankle]
        joints[:, knee], joints[:, ankle] = bent, reached
    return joints


def _contacts(toes: Float[np.ndarray, "frames 2 3"], floor: float, fps: float) -> Float[np.ndarray, "frames-1 2"]:
    """How much each step of each toe is one of a standing foot, 0 to 1."""
    height = np.maximum(toes[1:, :, 1], toes[:-1, :, 1]) - floor
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * fps
    contacts: np.ndarray = soft_step(HEIGHT - height, HEIGHT_EDGE) * soft_step(SPEED - speed, SPEED_EDGE)
    return contacts


def _displacements(
    paths: Float[np.ndarray, "frames 2 2"], contact: Float[np.ndarray, "frames-1 2"], fps: float
) -> Float[np.ndarray, "frames 2 2"]:
    """Each toe's displacement over the floor (x, z): the minimum of the module's step 2.

    Its equations are tridiagonal, (PULL + k_{t-1} + k_t) d_t - k_{t-1} d_{t-1} - k_t d_{t+1} = c_t p'_t - c_{t-1}
    p'_{t-1}, with k = c + (1 - c) EASE, and are solved by elimination.
    """
    frames = len(paths)
    pull = EASE / (EASE_SECONDS * fps) ** 2
    stiff = contact + (1 - contact) * EASE
    flow = contact[..., None] * np.diff(paths, axis=0)
    diagonal, right = np.full((frames, 2), pull), np.zeros((frames, 2, 2))
    diagonal[:-1] += stiff
    diagonal[1:] += stiff
    right[:-1] += flow
    right[1:] -= flow
    for t in range(1, frames):
        share = stiff[t - 1] / diagonal[t - 1]
        diagonal[t] -= share * stiff[t - 1]
        right[t] += share[:, None] * right[t - 1]
    moves: np.ndarray = right / diagonal[..., None]
    for t in range(frames - 2, -1, -1):
        moves[t] += (stiff[t] / diagonal[t])[:, None] * moves[t + 1]
    return moves


def move_ankle(
    hip: Float[np.ndarray, "frames 3"],
    knee: Float[np.ndarray, "frames 3"],
    ankle: Float[np.ndarray, "frames 3"],
    target: Float[np.ndarray, "frames 3"],
    ahead: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Knee and ankle after the ankle has gone to its target, or as near to it as the leg is long.

    The bones keep their lengths, and the knee its side of the line from hip to ankle. A straight leg's knee turns
    towards `ahead`.
    """
    upper, lower = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    before, after = ankle - hip, target - hip
    was, wanted = np.linalg.norm(before, axis=-1), np.linalg.norm(after, axis=-1)
    length = upper + lower
    reach = was + _limit_softly(wanted, length) - _limit_softly(was, length)
    reach = np.clip(reach, np.abs(upper - lower), np.maximum(was, (1 - SOFT / 10) * length))
    direction, along = normalize(after), normalize(before)
    pole = _remove_part_along(knee - hip, along) + AHEAD * _remove_part_along(ahead, along)
    pole = normalize(np.einsum("fij,fj->fi", shortest_arc(along, direction), pole))
    return two_bone_ik(hip, direction, reach, pole, upper, lower)


def _remove_part_along(
    vectors: Float[np.ndarray, "frames 3"], direction: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 3"]:
    """The part of vectors that is perpendicular to a unit direction."""
    across: np.ndarray = vectors - np.einsum("fi,fi->f", vectors, direction)[:, None] * direction
    return across


def _limit_softly(
    distance: Float[np.ndarray, "frames"], length: Float[np.ndarray, "frames"]
) -> Float[np.ndarray, "frames"]:
    """A distance from the hip that approaches the leg's length and never reaches it."""
    soft = np.maximum(SOFT * length, 1e-9)
    over = distance - (length - soft)
    return np.where(over > 0, length - soft * np.exp(-np.maximum(over, 0) / soft), distance)
