"""The floor: a generated body stands, sits and lies on it, not above and not below.

1. *The whole motion* is moved up or down, so that a body that stands is on the floor.
2. *A low body* (lying, crawling, sitting on the floor) is moved to the floor frame by frame, smoothly. A body that
   stands may leave the floor: it jumps, and it climbs stairs.
3. *What is below the floor* is lifted, smoothly.
Poses and the path over the floor stay. Conventions: meters, Y up. Knows nothing of models and features.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.processing.foot_path import soft_step
from lead.motion.smoothing import gaussian_smooth

LOWEST = 10
"""The percentile of each frame's lowest joint, over frames in which the body is not low, that is taken as floor."""
HEIGHT = 0.03
"""Meters: the lowest joint of a body on the floor is at most so high; recorded toes are."""
LOW, LOW_EDGE = 0.52, 0.04
"""Meters from the lowest joint to the pelvis: a body that is lower than this is low; the edge is this soft."""
SMOOTHING = 0.15
"""Seconds: the Gaussian that smooths what moves a body up and down."""


def settle(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Float[np.ndarray, "frames 22 3"]:
    """The motion on the floor, as float64."""
    joints = joints.astype(np.float64)
    lowest = joints[..., 1].min(axis=1)
    low = soft_step(LOW - (joints[:, 0, 1] - lowest), LOW_EDGE)
    stands = low < 0.5
    level = float(np.percentile(lowest[stands] if stands.any() else lowest, LOWEST))
    floor = level - float(np.clip(level, 0.0, HEIGHT))  # at 0 after this; a level within the limits stays
    lowest = lowest - floor
    off = lowest - np.clip(lowest, 0.0, HEIGHT)
    correction = -np.where(off > 0, low * off, off)
    moved = gaussian_smooth(correction[:, None], SMOOTHING * fps)[:, 0] - floor
    joints[..., 1] += moved[:, None]
    return joints
