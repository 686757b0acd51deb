"""Frame rates that lie: motion that no body can do at the file's rate, but can at half of it.

Two tests use that places do not scale with time. First: the body's center falls faster than gravity allows (runs,
jumps). Second: a person takes the short steps of a walk more often than a sprinter (walks).
Only a rate is doubted whose half is one at which people record: a file at 20 or 30 frames a second never is.
On 784 recorded clips of nine data sets, most of them runs and jumps, taken to 60 frames a second, there are 4 alarms;
on 128 hand-keyed ones, whose gravity is the animator's, 11. At twice the rate there are 253 by falls and 146 by steps.
Conventions: meters, seconds, Y up.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.smoothing import gaussian_smooth

GRAVITY = 9.81
_LEAST = 20.0
"""Frames a second: motion is not recorded at fewer."""
_FALL = 2.0
"""Times gravity, averaged over _WINDOW. Real runs and jumps reach 1.25; at twice the rate, 4 times that."""
_WINDOW = 0.2
"""Seconds."""
_STEPS, _RATIO, _SPEED, _STRIDE = 3.65, 0.25, 1.6, 0.4
"""A walk is too fast above _STEPS a second, with meters of a step below _RATIO times the steps a second, at more than
_SPEED meters a second, if a step reaches more than _STRIDE legs from foot to foot.
Real walks: up to 2.6 steps a second, ratio 0.4; runs up to 3.2; a dash 3.6 and 0.33."""
_MASSES = {
    0: 0.14, 3: 0.07, 6: 0.07, 9: 0.11, 12: 0.055, 15: 0.081, 1: 0.057, 2: 0.057, 4: 0.07, 5: 0.07, 7: 0.028, 8: 0.028,
    10: 0.006, 11: 0.006, 16: 0.016, 17: 0.016, 18: 0.025, 19: 0.025, 20: 0.0095, 21: 0.0095,
}  # fmt: skip
"""Shares of the body's mass by joint: those of the segments (Dempster 1955), divided between their ends."""


def doubt_rate(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> str:
    """Why the rate may be twice the true one, in words; empty if nothing suggests it."""
    if fps / 2 < _LEAST:
        return ""
    fall = _measure_fall(joints, fps) / GRAVITY
    steps = _count_steps(joints, fps)
    if fall > _FALL:
        why = f"the body falls {fall:.1f} times as fast as gravity lets it"
    elif steps:
        why = f"{steps:.1f} walking steps a second"
    else:
        return ""
    return f"{why} at {fps:g} frames a second: {fps / 2:g} may be the true rate"


def _measure_fall(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> float:
    """The largest downward acceleration of the body's center over a whole window, m/s^2.

    It is twice the square term of the parabola fitted to a window.
    """
    reach = max(2, round(_WINDOW * fps / 2))
    if len(joints) <= 2 * reach:
        return 0.0
    masses = np.array(list(_MASSES.values()))
    height = joints[:, list(_MASSES), 1] @ (masses / masses.sum())
    times = np.arange(-reach, reach + 1) / fps
    square = np.linalg.pinv(np.vander(times, 3))[0]
    return float(-2 * np.convolve(height, square[::-1], "valid").min())


def _count_steps(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> float:
    """Steps a second if they are too many for their length; else 0."""
    path = joints[:, 0][:, [0, 2]]
    velocity = gaussian_smooth(np.gradient(path, axis=0), 0.25 * fps) * fps if len(path) > 1 else np.zeros_like(path)
    speed = np.linalg.norm(velocity, axis=-1)
    walking = speed > _SPEED
    if walking.sum() < fps:
        return 0.0
    leg = np.linalg.norm(np.diff(joints[:, [1, 4, 7]], axis=1), axis=-1).mean(axis=0).sum()
    gap = (joints[:, 7] - joints[:, 8])[:, [0, 2]]
    gap = np.einsum("fi,fi->f", gap, velocity / np.maximum(speed, 1e-6)[:, None])[walking]
    gap = gaussian_smooth((gap - gap.mean())[:, None], 0.03 * fps)[:, 0]
    often = np.count_nonzero(np.diff(np.sign(gap))) / len(gap) * fps
    length = speed[walking].mean() / max(often, 1e-6)
    far = gap.std() * np.sqrt(2) > _STRIDE * leg
    return float(often) if often > _STEPS and length < _RATIO * often and far else 0.0
