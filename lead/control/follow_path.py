"""A motion led along a path: what the base makes of a prompt anyway, bent and timed to where the path goes.

A walk that is steered by its joints alone leans and crouches. So the base makes a walk of the path's length first:

1. The prompt's own motion tells its speed; it is made again with so many seconds that its way is as long as the path.
2. Its times are warped so that the pelvis has gone as far as the path has in each frame. Steps keep their length.
3. The body is turned about the foot that carries it (`lead.motion.processing.path.bend_path`), from its own way to the
   path's, so that it goes forward, backward or sideways along the path as the prompt says.

What is left of the way to the path is for refinement and `finish`. Conventions: meters, Y up. Knows no networks.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from lead.control.constraints import Constraint, PathConstraint
from lead.control.targets import build_targets
from lead.motion import Motion
from lead.motion.processing.path import bend_path
from lead.motion.resample import spline
from lead.motion.smoothing import gaussian_smooth

SLOWEST, FASTEST = 0.4, 2.0
"""Tempos that a motion is played at; outside of them, it is none that goes along the path."""
WAY_SECONDS = 0.4
"""The Gaussian that tells the way from the sway of each step."""
LEAST = 0.5
"""Meters: a shorter path, or motion, goes nowhere."""


def find_lone_path(constraints: Sequence[Constraint]) -> bool:
    """Whether a path is all that a motion has to meet, all the way, and it leaves headings to the motion."""
    (one,) = constraints if len(constraints) == 1 else (None,)
    return isinstance(one, PathConstraint) and not one.open and all(heading is None for heading in one.headings)


def follow_path(
    make: Callable[..., Sequence[Motion]],
    constraints: Sequence[Constraint],
    frames: int,
    fps: float,
    seconds: tuple[float, float],
) -> Float[np.ndarray, "{frames} 22 3"] | None:
    """The motion of `make(seconds=...)` at this rate, led along the path; None where it does not go along one.

    `seconds` are the lengths that `make` can make. It does not where the path or the motion goes nowhere, or where it
    would have to be played at another tempo than SLOWEST to FASTEST.
    """
    path = build_targets(constraints, frames, fps).positions[:, 0][:, [0, 2]]
    length, lasts = _measure_way(path[:, None], fps)[0], frames / fps
    if length[-1] < LEAST:
        return None
    joints = make(seconds=float(np.clip(lasts, *seconds)))[0].joints
    way = _measure_way(joints[..., [0, 2]], fps)[0]
    if way[-1] < LEAST:
        return None
    joints = make(seconds=float(np.clip(len(joints) / fps * length[-1] / way[-1], *seconds)))[0].joints
    way, own = _measure_way(joints[..., [0, 2]], fps)
    tempo = len(joints) / frames
    if way[-1] < LEAST or not SLOWEST <= tempo <= FASTEST:
        return None
    rising = way / way[-1] + np.linspace(0, 1e-6, len(way))
    at = np.interp(length / length[-1], rising, np.arange(len(way)))
    timed = spline(joints.astype(np.float64), np.clip(at, 0, len(joints) - 1))
    angles = _measure_way(path[:, None], fps)[1] - np.interp(at, np.arange(len(own)), own)
    led = bend_path(timed, np.unwrap(angles), fps)
    led += np.insert(path[0], 1, 0.0) - led[0, 0] * [1, 0, 1]
    return led


def _measure_way(
    points: Float[np.ndarray, "frames points 2"], fps: float
) -> tuple[Float[np.ndarray, "frames"], Float[np.ndarray, "frames"]]:
    """Meters that the first point has gone, without its sway; and the angle of its way, 0 along +Z, to the left."""
    start, sigma = points[:, 0], WAY_SECONDS * fps
    more = min(int(4 * sigma) + 1, len(start) - 1)
    ends = np.pad(start, ((more, more), (0, 0)), mode="reflect", reflect_type="odd")
    steps = np.diff(gaussian_smooth(ends, sigma)[more : more + len(start)], axis=0)
    far = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=-1))])
    angle = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
    return far, np.concatenate([angle, angle[-1:]])
