"""Paths over the floor: bent, and stepped up and down.

Conventions: meters, radians, Y up; a positive angle turns to the left. Knows nothing of models and captions.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import turn
from lead.motion.processing.ik import LEGS, TOES, legs_ahead, move_ankle
from lead.motion.smoothing import gaussian_smooth

PIVOT_SECONDS = 0.1
"""The Gaussian that smooths how much each foot carries the body."""
FOOT_SPEED = 0.25
"""Meters a second: a foot faster than the slower one by this carries 1/e of it."""


def bend_path(
    joints: Float[np.ndarray, "frames 22 3"], angles: Float[np.ndarray, "frames"], fps: float
) -> Float[np.ndarray, "frames 22 3"]:
    """The motion turned by `angles` on top of its own heading, frame by frame.

    The body turns about the foot that carries it, so feet that stand do not slide.
    """
    joints = np.asarray(joints, dtype=np.float64)
    toes = joints[:, TOES]
    speed = np.linalg.norm(np.gradient(toes, axis=0), axis=-1) * fps if len(joints) > 1 else np.zeros((1, 2))
    weight = np.exp(-(speed - speed.min(axis=1, keepdims=True)) / FOOT_SPEED)
    weight = gaussian_smooth(weight / weight.sum(axis=1, keepdims=True), PIVOT_SECONDS * fps)
    middle = weight[:-1] / 2 + weight[1:] / 2  # the same point of the body in both frames of a step
    before, after = ((middle[..., None] * part).sum(axis=1) for part in (toes[:-1], toes[1:]))
    to_pivot = np.stack([before - joints[:-1, 0], after - joints[1:, 0]], axis=1)  # from the root
    turned_before = turn(angles[:-1] / 2, to_pivot[:, :1])[:, 0]
    turned_after = turn(angles[1:] / 2, to_pivot[:, 1:])[:, 0]
    moved = turn((angles[:-1] + angles[1:]) / 4, (after - before)[:, None])[:, 0]
    steps = turned_before - turned_after + moved
    root = joints[:, 0].copy()
    root[1:, [0, 2]] = root[0, [0, 2]] + np.cumsum(steps[:, [0, 2]], axis=0)
    bent: np.ndarray = turn(angles / 2, joints - joints[:, :1]) + root[:, None]
    return bent


def climb_steps(joints: Float[np.ndarray, "frames 22 3"], slope: float, fps: float) -> Float[np.ndarray, "frames 22 3"]:
    """The walk led up (or, with a negative slope, down) stairs: `slope` meters of height for a meter of way.

    Each foot stands on the step that its place on the way has, and rises to the next one while it swings. The pelvis
    follows the slope; the legs are solved anew and keep their lengths.
    """
    joints = np.array(joints, dtype=np.float64)
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(joints[:, 0, [0, 2]], axis=0), axis=-1))])
    way = gaussian_smooth(way[:, None], 0.1 * fps)[:, 0]
    ahead = legs_ahead(joints)
    lifts = np.stack([_step_heights(joints[:, leg[3]], slope * way, fps) for leg in LEGS], axis=1)
    body = gaussian_smooth(lifts.mean(axis=1, keepdims=True), 0.15 * fps)[:, 0]
    others = [joint for joint in range(22) if joint not in {j for leg in LEGS for j in leg[1:]}]
    joints[:, others, 1] += body[:, None]
    for foot, (hip, knee, ankle, toe) in enumerate(LEGS):
        bent = joints[:, knee] + [0, 1, 0] * body[:, None]
        start = joints[:, ankle] + [0, 1, 0] * body[:, None]
        target = joints[:, ankle] + [0, 1, 0] * lifts[:, foot, None]
        moved, reached = move_ankle(joints[:, hip], bent, start, target, ahead[:, foot])
        joints[:, toe] += reached - joints[:, ankle]
        joints[:, knee], joints[:, ankle] = moved, reached
    return joints


def _step_heights(
    toe: Float[np.ndarray, "frames 3"], height: Float[np.ndarray, "frames"], fps: float
) -> Float[np.ndarray, "frames"]:
    """What a foot is lifted by: level while it stands, over the edge of the next step while it swings."""
    speed = np.linalg.norm(np.gradient(toe[:, [0, 2]], axis=0), axis=-1) * fps
    stands = speed < 0.4 * max(float(np.percentile(speed, 90)), 0.1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stands, [False]]).astype(np.int8))).reshape(-1, 2)
    edges = edges[edges[:, 1] - edges[:, 0] >= 2]
    if not len(edges):
        return height
    levels = np.array([height[first:last].mean() for first, last in edges])
    lifted = np.interp(np.arange(len(toe)), edges.mean(axis=1), levels)
    for (first, last), level in zip(edges, levels, strict=True):
        lifted[first:last] = level
    for (_, out), (back, _), before, after in zip(edges[:-1], edges[1:], levels[:-1], levels[1:], strict=True):
        u = (np.arange(out, back) - out + 1) / (back - out + 1)
        early = np.clip(u * 1.6, 0, 1) if after > before else np.clip(u * 1.6 - 0.6, 0, 1)  # up first, or down last
        lifted[out:back] = before + (after - before) * early * early * (3 - 2 * early)
    heights: np.ndarray = lifted
    return heights
