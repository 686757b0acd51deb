"""The foot lock, second stage of `foot_cleanup`: standing feet held in place, the legs following by two-bone IK.

1. *Contact.* A step of a toe, from one frame to the next, is one of a standing foot if the toe is low in both frames
   and slow. Both limits are soft, so contact is a number from 0 to 1.
2. *Displacement.* The displacement d of a toe over the floor, for its path p, minimizes
       sum_t  PULL d_t^2  +  sum_steps  c |p' + d'|^2  +  (1 - c) EASE |d'|^2,    x' = x_{t+1} - x_t, c the contact.
   A standing toe does not move; in the air the displacement comes and goes evenly; it is no larger than it must be.
3. *Legs.* The ankle moves with its toe; foot and pelvis keep their directions and places. The rest of the leg follows
   by two-bone IK (`lead.motion.processing.ik`).
The heights of standing toes, the root, the upper body, the timing and all bone lengths stay.
Conventions: meters, Y up. Knows nothing of models and files.
"""

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.processing.foot_path import soft_step
from lead.motion.processing.ik import ANKLES, HIPS, KNEES, TOES, legs_ahead, move_ankle

HEIGHT, HEIGHT_EDGE = 0.055, 0.004
"""A toe below this height above the floor stands; the edge is this soft. Meters."""
SPEED, SPEED_EDGE = 1.0, 0.12
"""A toe slower than this over the floor stands; the edge is this soft. Meters a second."""
EASE = 0.1
"""The weight of a change of displacement in the air, relative to one of a standing foot."""
EASE_SECONDS = 0.15
"""Seconds in which a displacement dies out where no foot stands."""


def lock_feet(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, held: Bool[np.ndarray, " frames"] | None = None
) -> Float[np.ndarray, "frames 22 3"]:
    """The motion with standing feet held in place, as float64; the feet of `held` frames stay where they are."""
    joints = joints.astype(np.float64)
    if len(joints) < 2:
        return joints
    toes = joints[:, TOES]
    moves = find_displacements(toes[..., [0, 2]], _contacts(toes, _find_floor(toes), fps), fps, held)
    return move_feet(joints, moves)


def move_feet(
    joints: Float[np.ndarray, "frames 22 3"], moves: Float[np.ndarray, "frames 2 2"]
) -> Float[np.ndarray, "frames 22 3"]:
    """The motion with each foot moved over the floor (x, z), as far as its leg is long; the legs follow by IK."""
    moved = joints.astype(np.float64)
    hips, knees, ankles = moved[:, HIPS], moved[:, KNEES], moved[:, ANKLES]
    target = ankles.copy()
    target[..., [0, 2]] += moves
    moved[:, KNEES], moved[:, ANKLES] = move_ankle(hips, knees, ankles, target, legs_ahead(moved))
    moved[:, TOES] += moved[:, ANKLES] - ankles
    return moved


def find_contacts(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Bool[np.ndarray, "frames 2"]:
    """Whether the left and the right foot stands in each frame: it does in the step to it or from it."""
    if len(joints) < 2:
        return np.zeros((len(joints), 2), dtype=bool)
    steps = measure_contacts(joints, fps) > 0.5
    stands: np.ndarray = np.concatenate([steps, steps[-1:]]) | np.concatenate([steps[:1], steps])
    return stands


def measure_contacts(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Float[np.ndarray, "frames-1 2"]:
    """How much each step of the left and the right toe, to the next frame, is one of a standing foot, 0 to 1."""
    toes = joints[:, TOES].astype(np.float64)
    return _contacts(toes, _find_floor(toes), fps)


def _find_floor(toes: Float[np.ndarray, "frames 2 3"]) -> float:
    """The height of standing toes, meters."""
    return float(np.percentile(toes[..., 1].min(axis=1), 5))


def _contacts(toes: Float[np.ndarray, "frames 2 3"], floor: float, fps: float) -> Float[np.ndarray, "frames-1 2"]:
    """How much each step of each toe is one of a standing foot, 0 to 1."""
    height = np.maximum(toes[1:, :, 1], toes[:-1, :, 1]) - floor
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * fps
    contacts: np.ndarray = soft_step(HEIGHT - height, HEIGHT_EDGE) * soft_step(SPEED - speed, SPEED_EDGE)
    return contacts


def find_displacements(
    paths: Float[np.ndarray, "frames 2 2"],
    contact: Float[np.ndarray, "frames-1 2"],
    fps: float,
    held: Bool[np.ndarray, " frames"] | None = None,
) -> Float[np.ndarray, "frames 2 2"]:
    """Each toe's displacement over the floor (x, z): the minimum of the module's step 2.

    Its equations are tridiagonal, (PULL + k_{t-1} + k_t) d_t - k_{t-1} d_{t-1} - k_t d_{t+1} = c_t p'_t - c_{t-1}
    p'_{t-1}, with k = c + (1 - c) EASE, and are solved by elimination. A held frame has d_t = 0.
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
    if held is not None:
        diagonal[held], right[held] = np.inf, 0.0
    for t in range(1, frames):
        share = stiff[t - 1] / diagonal[t - 1]
        diagonal[t] -= share * stiff[t - 1]
        right[t] += share[:, None] * right[t - 1]
    moves: np.ndarray = right / diagonal[..., None]
    for t in range(frames - 2, -1, -1):
        moves[t] += (stiff[t] / diagonal[t])[:, None] * moves[t + 1]
    return moves
