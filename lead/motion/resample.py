"""Joint positions at another frame rate, by a natural cubic spline. No rate needs to divide another.

NumPy only: SciPy's spline is the same curve, and a heavy import for every reader of a motion.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError

MAX_RESAMPLED = 1 << 20
"""Frames that a clip may become at another rate: 14 hours at 20 fps."""
KERNEL = 24
"""Frames after which the spline's kernel has died out."""


def resample(
    joints: Float[np.ndarray, "frames n 3"], fps: float, new_fps: float
) -> Float[np.ndarray, "new_frames n 3"]:
    """The same motion at `new_fps` frames a second. The first frame stays first; the array keeps its type.

    Raises MotionError for a rate outside of 0.1 to 10000, and for a clip of more than MAX_RESAMPLED frames.
    """
    check_resampling(len(joints), fps, new_fps)
    if new_fps == fps:
        return joints
    last = (len(joints) - 1) / fps
    times = np.arange(int(last * new_fps + 1e-6) + 1) / new_fps
    resampled: np.ndarray = spline(joints.astype(np.float64), times * fps).astype(joints.dtype)
    return resampled


def check_resampling(frames: int, fps: float, new_fps: float) -> None:
    """MotionError for a rate outside of 0.1 to 10000, and for a clip of more than MAX_RESAMPLED frames."""
    if not 0.1 <= new_fps <= 10000:
        raise MotionError(f"{new_fps} frames a second; expected 0.1 to 10000.")
    last = (frames - 1) / fps
    if new_fps != fps and last * new_fps > MAX_RESAMPLED:
        raise MotionError(f"{last:.0f} s at {new_fps:g} frames a second are too long; state it (--fps), or cut it.")


def spline(values: Float[np.ndarray, "frames n 3"], at: Float[np.ndarray, "times"]) -> Float[np.ndarray, "times n 3"]:
    """A natural cubic spline through values at 0, 1, 2, ..., evaluated at `at`, which stays within that range.

    Its slopes d solve d[k-1] + 4 d[k] + d[k+1] = 3 (v[k+1] - v[k-1]). With the values continued by point reflection at
    both ends, the solution is the right side convolved with z^|n| / (2 sqrt 3), z = sqrt 3 - 2.
    """
    if len(values) == 1:
        return np.repeat(values, len(at), axis=0)
    padded = np.pad(values, [(KERNEL + 1, KERNEL + 1), (0, 0), (0, 0)], mode="reflect", reflect_type="odd")
    right = 3 * (padded[2:] - padded[:-2])
    frames = len(values)
    z = np.sqrt(3) - 2
    slopes: np.ndarray = sum(
        z ** abs(n) / (2 * np.sqrt(3)) * right[KERNEL + n : KERNEL + n + frames] for n in range(-KERNEL, KERNEL + 1)
    )
    low = np.minimum(at.astype(int), frames - 2)
    u = (at - low).reshape(-1, 1, 1)
    v0, v1, d0, d1 = values[low], values[low + 1], slopes[low], slopes[low + 1]
    curve: np.ndarray = v0 + u * d0 + u**2 * (3 * (v1 - v0) - 2 * d0 - d1) + u**3 * (2 * (v0 - v1) + d0 + d1)
    return curve
