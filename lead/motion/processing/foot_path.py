"""The foot path, first stage of `foot_cleanup`: the path of a motion corrected so that standing toes do not slide.

Generated features give the velocity of the root and the places of the feet separately. Small disagreements between the
two add up to steps that slide and stands that drift.
Conventions: meters, Y up. Knows nothing of models and features.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.skeleton import L_FOOT, R_FOOT
from lead.motion.smoothing import gaussian_smooth

HEIGHT, HEIGHT_EDGE = 0.08, 0.015
"""A toe below this height stands; the edge is this soft. Meters."""
CONTACT, CONTACT_EDGE = 0.5, 0.1
"""A toe whose contact feature is above this stands; the edge is this soft."""
SWING = 0.2
"""Meters a second: of two low toes, the one that is faster by this counts 1/e of the other, as it may be swinging."""
SMOOTHING = 0.05
"""Seconds: the Gaussian that smooths the correction, so that weight moves from foot to foot without a jerk."""


def correct_foot_path(
    joints: Float[np.ndarray, "frames 22 3"], contacts: Float[np.ndarray, "frames 2"], fps: float
) -> Float[np.ndarray, "frames 22 3"]:
    """Each frame moved over the floor against the movement of the standing toes.

    `contacts` are the contact features of the left and the right toe, about 0 or 1. Contact and height decide how much
    a toe counts. Where both toes stand, the mean of their movements is taken out; where none stands, the path stays.
    Poses, heading and heights stay.
    """
    toes = joints[:, [L_FOOT, R_FOOT]]
    standing = soft_step(contacts - CONTACT, CONTACT_EDGE) * soft_step(HEIGHT - toes[..., 1], HEIGHT_EDGE)
    weight = np.minimum(standing[1:], standing[:-1])[..., None]
    slip = np.diff(toes[..., [0, 2]], axis=0)
    speed = np.linalg.norm(slip, axis=-1, keepdims=True) * fps
    weight = weight * np.exp((speed.min(axis=1, keepdims=True) - speed) / SWING)
    correction = -(weight * slip).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
    moved = np.cumsum(gaussian_smooth(correction, SMOOTHING * fps), axis=0)
    corrected = np.array(joints)
    corrected[1:, :, [0, 2]] += moved[:, None]
    return corrected


def soft_step(excess: Float[np.ndarray, "*batch"], edge: float) -> Float[np.ndarray, "*batch"]:
    """1 where the excess is positive, 0 where it is negative, a logistic of that width between."""
    step: np.ndarray = 1 / (1 + np.exp(-np.clip(excess / edge, -30, 30)))
    return step
