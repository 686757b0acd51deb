"""Smoothing of values over time. Knows nothing of skeletons."""

import numpy as np
from jaxtyping import Float

BEND_SECONDS = 0.3
"""At each end of a cycle, the time in which a gap of velocities is taken out; at most a third of the cycle."""


def gaussian_smooth(values: Float[np.ndarray, "frames n"], sigma: float) -> Float[np.ndarray, "frames n"]:
    """Convolution with a Gaussian of `sigma` frames, cut at 4 sigma; the end values are repeated beyond the ends."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T], axis=-1)


def running_mean(values: Float[np.ndarray, "frames n"], window: int) -> Float[np.ndarray, "frames n"]:
    """The mean over `window` frames around each frame; the end values are repeated beyond the ends."""
    before, after = window // 2, window - 1 - window // 2
    padded = np.concatenate([values[:1].repeat(before, 0), values, values[-1:].repeat(after, 0)])
    kernel = np.full(window, 1.0 / window)
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=-1)


def bend_ends(gap: Float[np.ndarray, "n 3"], frames: int, fps: float) -> Float[np.ndarray, "{frames}+1 n 3"]:
    """What added to a cycle's values makes its velocities at both ends alike; it is 0 at the ends and between them.

    `gap`, a second: the last velocity less the first. Half of it is taken out at each end, by t (1 - t / T)^2.
    """
    span = min(BEND_SECONDS, frames / fps / 3)
    times = np.arange(frames + 1) / fps
    shapes = [np.where(t < span, t * (1 - t / span) ** 2, 0.0) for t in (times, times[::-1])]
    return np.asarray((shapes[0] + shapes[1])[:, None, None] * gap / 2)
