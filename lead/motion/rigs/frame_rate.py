"""Frame rates that lie: motion that no body can do at the rate that its file states, and can at half of it.

Two tests, of what time scales and places do not: the body's center falls faster than anything falls (runs, jumps), or
somebody takes the short steps of a walk oftener than a sprinter (walks).  On 5,195 real clips of four data sets at
their own rates it speaks up four times, in ballet leaps with frames missing; of the same clips at twice the rate it
finds all jumps, 99 % of runs and two walks in five.
Meters, seconds, Y up.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.smoothing import gaussian_smooth

GRAVITY = 9.81
_FALL = 1.7
"""Times gravity: mean over _WINDOW of the center's fall; 1.25 at most in real runs and jumps, 4 at twice the rate."""
_WINDOW = 0.2
_STEPS, _RATIO, _SPEED, _STRIDE = 3.65, 0.25, 1.6, 0.4
"""Steps a second; meters of a step over steps a second; meters a second; legs of a step's reach from foot to foot.
Real walks: up to 2.6 steps a second, ratio 0.4; runs up to 3.2; a dash 3.6 and 0.33."""
_MASSES = {
    0: 0.14, 3: 0.07, 6: 0.07, 9: 0.11, 12: 0.055, 15: 0.081, 1: 0.057, 2: 0.057, 4: 0.07, 5: 0.07, 7: 0.028, 8: 0.028,
    10: 0.006, 11: 0.006, 16: 0.016, 17: 0.016, 18: 0.025, 19: 0.025, 20: 0.0095, 21: 0.0095,
}  # fmt: skip
"""Shares of the body's mass by joint, the segments' (Dempster 1955) divided between their ends."""


def rate_note(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> str:
    """Why the rate may be twice the true one, in words; empty where nothing speaks for it."""
    fall = _fall(joints, fps) / GRAVITY
    steps = _steps(joints, fps)
    if fall > _FALL:
        why = f"the body falls {fall:.1f} times as fast as gravity lets it"
    elif steps:
        why = f"{steps:.1f} walking steps a second"
    else:
        return ""
    return f"{why} at {fps:g} frames a second: {fps / 2:g} may be the true rate"


def _fall(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> float:
    """The largest downward acceleration of the body's center that lasts for the window, m/s^2.

    Twice the square term of the parabola fitted to each window.
    """
    reach = max(2, round(_WINDOW * fps / 2))
    if len(joints) <= 2 * reach:
        return 0.0
    masses = np.array(list(_MASSES.values()))
    height = joints[:, list(_MASSES), 1] @ (masses / masses.sum())
    times = np.arange(-reach, reach + 1) / fps
    square = np.linalg.pinv(np.vander(times, 3))[0]
    return float(-2 * np.convolve(height, square[::-1], "valid").min())


def _steps(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> float:
    """Steps a second, if they are too many for their length; else 0."""
    path = joints[:, 0][:, [0, 2]]
    velocity = gaussian_smooth(np.gradient(path, axis=0), 0.25 * fps) * fps if len(path) > 1 else np.zeros_like(path)
    speed = np.linalg.norm(velocity, axis=-1)
    ways = speed > _SPEED
    if ways.sum() < fps:
        return 0.0
    leg = np.linalg.norm(np.diff(joints[:, [1, 4, 7]], axis=1), axis=-1).mean(axis=0).sum()
    gap = (joints[:, 7] - joints[:, 8])[:, [0, 2]]
    gap = np.einsum("fi,fi->f", gap, velocity / np.maximum(speed, 1e-6)[:, None])[ways]
    gap = gaussian_smooth((gap - gap.mean())[:, None], 0.03 * fps)[:, 0]
    often = np.count_nonzero(np.diff(np.sign(gap))) / len(gap) * fps
    length = speed[ways].mean() / max(often, 1e-6)
    far = gap.std() * np.sqrt(2) > _STRIDE * leg
    return float(often) if often > _STEPS and length < _RATIO * often and far else 0.0
