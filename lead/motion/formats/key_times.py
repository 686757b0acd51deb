"""The frames of an animation, from the times of its keys.

Recordings are baked: their keys lie on a grid of frames. But single curves may have keys between the frames, and curves
may lack the keys that a straight line replaces. So the rate is the lowest one among those of the curves, and the one
that the file states, whose grid holds the keys of most curves. A rate above the one that the file states has to have
keys in most of the time.
Conventions: seconds.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.limits import MAX_SAMPLES

SPARSE_FPS, FEWEST_FPS = 30.0, 10.0
"""Keys that are sparser than the second rate were set by hand, not recorded: they are sampled at the rate that the file
states, or else at the first one."""
_MOST = 0.75
"""The share of curves, and of the steps in a curve, that a grid has to hold."""
_OFF = 0.03
"""Frames by which a step on a grid may differ from a whole number."""
_TELEVISION = tuple(whole * 1000 / 1001 for whole in (24, 30, 48, 60, 120))
"""29.97 frames a second, and its kin."""
_STEPS, _RATES = 512, 16
"""How many steps of a curve are looked at, and how many different rates."""

Times = Float[np.ndarray, "_"]
"""Those of a curve's keys; curves differ in their number."""


def list_frame_times(curves: Sequence[Times], stated: float | None) -> tuple[Float[np.ndarray, "frames"], float]:
    """The times of the frames, from the first key to the last, and their rate; some curve's first key is on a frame.

    `stated` is the rate that the file states. Raises MotionError for times that are none, go back, or make too many
    frames.
    """
    if not curves:
        raise MotionError("no animation of its skeleton; export the skeleton with its motion, baked.")
    for times in curves:
        if not len(times) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise MotionError("an animation whose times go back or are not numbers; export it again.")
    steps = [_list_steps(times) for times in curves]
    rate = _choose_rate([one for one in steps if len(one)], stated)
    begin, end = min(float(times[0]) for times in curves), max(float(times[-1]) for times in curves)
    if (end - begin) * rate > MAX_SAMPLES:
        raise MotionError(f"{(end - begin) * rate:.0f} frames are too many to read; cut the animation.")
    on_grid = [float(times[0]) for times, one in zip(curves, steps, strict=True) if len(one) and _holds(rate, one)]
    first = min(on_grid, default=begin)
    begin = first - int((first - begin) * rate + 0.01) / rate
    frames = int(np.floor((end - begin) * rate + 0.01)) + 1
    return begin + np.arange(frames) / rate, rate


def _list_steps(times: Times) -> Float[np.ndarray, "steps"]:
    steps = np.diff(np.asarray(times[: _STEPS + 1], dtype=float))
    return steps[steps > 1e-4]


def _choose_rate(steps: Sequence[Float[np.ndarray, "_"]], stated: float | None) -> float:
    """Frames a second, by the steps between the keys of each curve that has several."""
    usual = [_round_rate(1.0 / float(np.median(one))) for one in steps]
    dense = [rate for rate in usual if rate >= FEWEST_FPS]
    if not dense:
        return stated or SPARSE_FPS
    rates = {rate for rate, _ in Counter(dense).most_common(_RATES)} | ({stated} if stated else set())
    for rate in sorted(rates):
        if np.mean([_holds(rate, one) for one in steps]) >= _MOST:
            every = np.concatenate(steps) * rate
            baked = every[np.abs(every - 1) < _OFF].sum() >= _MOST * every.sum()
            return stated if stated and rate > stated and not baked else rate
    return stated or float(np.percentile(dense, 50, method="lower"))


def _round_rate(rate: float) -> float:
    """The whole number or rate of television that is meant, where one is near; times are rounded to 32 bits."""
    near = min((float(round(rate)), *_TELEVISION), key=lambda one: abs(one - rate))
    return near if abs(rate - near) < 0.005 * rate else rate


def _holds(rate: float, steps: Float[np.ndarray, "steps"]) -> bool:
    """Whether most steps are whole frames."""
    frames = steps * rate
    return bool(np.mean((np.abs(frames - np.round(frames)) < _OFF) & (frames > 0.5)) >= _MOST)
