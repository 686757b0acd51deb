"""In place: the path over the floor is taken out of a motion, the sway of the pelvis stays within limits.

The path is the pelvis' way, smoothed so that what swings with every step (the sway) is not in it. It is taken out.
Sway is limited softly to LIMIT, as x -> L tanh(x / L): a small one stays as it is. The whole body moves by the same
amount, so poses, heading and heights stay; feet that stood slide, as on a treadmill.
A closed cycle (`lead.motion.processing.loop`) stays one: its path goes on beyond its ends as the cycles do.
Conventions: meters, Y up. Knows nothing of rigs and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.processing.join import Joints
from lead.motion.processing.loop import is_closed, repeat_cycle
from lead.motion.smoothing import gaussian_smooth

SMOOTHING = 0.5
"""Seconds: the Gaussian that tells the path from the sway; a step takes about as long."""
LIMIT = 0.02
"""Meters: the pelvis stays so near to x = z = 0."""


def stay_in_place(joints: Joints, fps: float) -> Joints:
    """The motion at x = z = 0, as float64."""
    joints = joints.astype(np.float64)
    sway = _measure_sway(joints, fps)
    size = np.maximum(np.linalg.norm(sway, axis=-1, keepdims=True), 1e-9)
    placed = sway * LIMIT * np.tanh(size / LIMIT) / size
    joints += placed[:, None] - joints[:, :1] * [1, 0, 1]
    return joints


def _measure_sway(joints: Joints, fps: float) -> Float[np.ndarray, "frames 3"]:
    """From the smoothed path to the pelvis, over the floor; beyond its ends a path goes on as it came."""
    sigma, frames = SMOOTHING * fps, len(joints) - 1
    reach = int(4 * sigma + 1)
    if frames < 1:
        return np.zeros((1, 3))
    if not is_closed(joints):
        path = joints[:, 0] * [1, 0, 1]
        padded = np.pad(path, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        return np.asarray(path - gaussian_smooth(padded, sigma)[reach:-reach])
    cycles = -(-reach // frames)  # on each side
    every = repeat_cycle(joints, 2 * cycles + 1)
    path = every[:, 0] * [1, 0, 1]
    middle = slice(cycles * frames, (cycles + 1) * frames + 1)
    turned = forward_to_half_yaw(facing(every[[cycles * frames]])) - forward_to_half_yaw(facing(joints[:1]))
    return np.asarray(turn(turned, (path - gaussian_smooth(path, sigma))[None, middle])[0])
