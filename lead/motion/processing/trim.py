"""The part of a clip that moves: where a quiet beginning ends, and where a quiet end begins.

A frame is quiet while its fastest joint is slow. What slow is depends on the clip: a person who stands still breathes
and sways, and the end of a fast clip is quiet sooner than that of a slow one.
Conventions: meters, Y up. Knows nothing of rigs and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.smoothing import gaussian_smooth

SLOW, SLOW_SHARE = 0.25, 0.12
"""A joint is slow below so many meters a second, or below this share of the clip's fast movements."""
FAST = 95
"""The percentile of the fastest joint's speed over the frames that counts as the clip's fast movements."""
SMOOTHING = 0.1
"""Seconds: the Gaussian that smooths speeds."""
MARGIN = 0.15
"""Seconds that stay before the first movement and after the last."""


def find_movement(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> tuple[int, int]:
    """The first and the last frame of what moves. Raises MotionError where nothing does."""
    if len(joints) < 2:
        raise MotionError("one frame does not move; there is no quiet beginning or end to trim.")
    speeds = np.linalg.norm(np.gradient(joints.astype(np.float64), axis=0), axis=-1).max(axis=1) * fps
    speeds = gaussian_smooth(speeds[:, None], SMOOTHING * fps)[:, 0]
    slow = max(SLOW, SLOW_SHARE * float(np.percentile(speeds, FAST)))
    moving = np.flatnonzero(speeds > slow)
    if not len(moving):
        raise MotionError(
            f"nothing moves: no joint is faster than {speeds.max():.2f} m/s, and below {slow:.2f} m/s all is quiet. "
            "Trim it by time instead."
        )
    margin = round(MARGIN * fps)
    return max(int(moving[0]) - margin, 0), min(int(moving[-1]) + margin, len(joints) - 1)
