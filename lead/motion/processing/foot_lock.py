"""Foot lock: feet that stand are held in place, and the legs follow by two-bone IK.

1. *Contact.*  A step of a toe from one frame to the next is one of a standing foot, softly, as far as the toe is low in
   both frames and slow.
2. *Where the feet go.*  A toe's displacement d over the floor, for its path p, minimizes
       sum_t  PULL d_t^2  +  sum_steps  c |p' + d'|^2  +  (1 - c) EASE |d'|^2,    x' = x_{t+1} - x_t, c the contact:
   a standing toe does not move, elsewhere the displacement comes and goes evenly, and it is no larger than it must be.
3. *The legs.*  The ankle goes where its toe goes, foot and pelvis keep their directions and places.  The knee stays in
   the plane in which it was bent (a straight leg's knee bends ahead); a leg that would have to be longer than it is
   comes to its length softly and never snaps straight, and the foot then stays behind a little.
Heights of standing toes, the root, the upper body and the timing stay as they are.
Source of 3's soft limit: Nicholson, "Soft IK" (2009).  Meters, Y up.  Knows nothing of models, rigs and files.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.motion.features import facing
from lead.motion.motion import Motion
from lead.motion.processing.foot_path import soft
from lead.motion.rotations import normalize, shortest_arc

HEIGHT, HEIGHT_EDGE = 0.055, 0.004
"""A toe that stands is lower than this above the floor, with this soft an edge."""
SPEED, SPEED_EDGE = 1.0, 0.12
"""The same of its speed over the floor, in meters a second."""
EASE = 0.1
"""How much a change of the displacement of a foot in the air weighs against one of a foot that stands."""
EASE_SECONDS = 0.15
"""Seconds in which a displacement dies out where no foot stands."""
SOFT = 0.02
"""Share of a leg's length, from its full length on, in which reaching further is made up softly."""
AHEAD = 0.01
"""Meters: a knee that is bent by less than this turns ahead."""

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""Hip, knee, ankle, toe."""


def foot_lock(motion: Motion) -> Motion:
    """The motion with standing feet held in place."""
    if len(motion.joints) < 2:
        return motion
    joints = motion.joints.astype(np.float64)
    toes = joints[:, [leg[3] for leg in LEGS]]
    floor = float(np.percentile(toes[..., 1].min(axis=1), 5))
    moves = _displacements(toes[..., [0, 2]], _contacts(toes, floor, motion.fps), motion.fps)
    ahead = facing(joints)
    for foot, (hip, knee, ankle, toe) in enumerate(LEGS):
        target = joints[:, ankle].copy()
        target[:, [0, 2]] += moves[:, foot]
        bent, reached = two_bone_ik(joints[:, hip], joints[:, knee], joints[:, ankle], target, ahead)
        joints[:, toe] += reached - joints[:, ankle]
        joints[:, knee], joints[:, ankle] = bent, reached
    return replace(motion, joints=joints)


def _contacts(toes: Float[np.ndarray, "frames 2 3"], floor: float, fps: float) -> Float[np.ndarray, "steps 2"]:
    """How far each step of each toe is one of a standing foot, 0 to 1."""
    height = np.maximum(toes[1:, :, 1], toes[:-1, :, 1]) - floor
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * fps
    return soft(HEIGHT - height, HEIGHT_EDGE) * soft(SPEED - speed, SPEED_EDGE)


def _displacements(
    paths: Float[np.ndarray, "frames 2 2"], contact: Float[np.ndarray, "steps 2"], fps: float
) -> Float[np.ndarray, "frames 2 2"]:
    """Over the floor (x, z), for each toe: the minimum of the module's second stage.

    Its equations are tridiagonal, (PULL + k_{t-1} + k_t) d_t - k_{t-1} d_{t-1} - k_t d_{t+1} = c_t p'_t - c_{t-1}
    p'_{t-1}, with k = c + (1 - c) EASE, and solved by elimination.
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
    moves = right / diagonal[..., None]
    for t in range(frames - 2, -1, -1):
        moves[t] += (stiff[t] / diagonal[t])[:, None] * moves[t + 1]
    return moves


def two_bone_ik(
    hip: Float[np.ndarray, "frames 3"],
    knee: Float[np.ndarray, "frames 3"],
    ankle: Float[np.ndarray, "frames 3"],
    target: Float[np.ndarray, "frames 3"],
    ahead: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Knee and ankle after the ankle has gone to its target, or as near to it as the leg is long.

    The bones keep their lengths, the knee its side of the line from hip to ankle; `ahead` is where it turns if it is
    straight.
    """
    upper, lower = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    before, after = ankle - hip, target - hip
    was, wanted = np.linalg.norm(before, axis=-1), np.linalg.norm(after, axis=-1)
    length = upper + lower
    reach = was + _softened(wanted, length) - _softened(was, length)
    reach = np.clip(reach, np.abs(upper - lower), np.maximum(was, (1 - SOFT / 10) * length))
    direction, along = normalize(after), normalize(before)
    pole = knee - hip - np.einsum("fi,fi->f", knee - hip, along)[:, None] * along
    pole = pole + AHEAD * (ahead - np.einsum("fi,fi->f", ahead, along)[:, None] * along)
    pole = normalize(np.einsum("fij,fj->fi", shortest_arc(along, direction), pole))
    foot = (upper**2 - lower**2 + reach**2) / np.maximum(2 * reach, 1e-9)  # of the knee's height, from the hip
    height = np.sqrt(np.maximum(upper**2 - foot**2, 0.0))
    return hip + foot[:, None] * direction + height[:, None] * pole, hip + reach[:, None] * direction


def _softened(distance: Float[np.ndarray, "frames"], length: Float[np.ndarray, "frames"]) -> np.ndarray:
    """A distance from the hip that nears the leg's length without ever reaching it."""
    soft = np.maximum(SOFT * length, 1e-9)
    over = distance - (length - soft)
    return np.where(over > 0, length - soft * np.exp(-np.maximum(over, 0) / soft), distance)
