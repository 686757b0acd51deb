"""Feet that stay where they stand: the path of a motion corrected so that a planted toe does not slide.

Generated features give the root's velocity and the feet's places apart, and small disagreements of the two add up to
sliding steps and drifting stands.  Knows nothing of models.  Meters, Y up.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.features import _gaussian
from lead.motion.kit import features_to_clip
from lead.motion.skeleton import JOINTS, skeleton_of

HEIGHT, HEIGHT_EDGE = 0.08, 0.015
"""A toe is taken to stand when it is lower, with this soft an edge."""
CONTACT, CONTACT_EDGE = 0.5, 0.1
"""The same of its contact feature."""
SWING = 0.2
"""Meters a second by which a toe is faster than the other and counts 1/e: who shuffles swings a low foot through."""
SMOOTHING = 0.05
"""Seconds: the correction is a Gaussian's mean over time, so that weight moves from foot to foot without a jerk."""


def features_to_planted_clip(
    features: Float[np.ndarray, "frames feats"],
) -> tuple[Float[np.ndarray, "frames 22 3"], float]:
    """`features_to_clip`, moved over the floor frame by frame against the planted toes' own movement.

    Each toe counts as its contact feature and its height say, and the slower of two the more; where both stand still
    the mean of their movements is taken out, where none stands the path is left as it is.  Poses, heading and heights
    stay as they are.
    """
    joints, fps = features_to_clip(features)
    skeleton = skeleton_of(features.shape[1])
    toes = joints[:, [JOINTS.index(skeleton.joints[skeleton.feet[place]]) for place in (1, 3)]]
    contacts = features[:, skeleton.slices["contacts"]][:, [1, 3]]
    standing = soft(contacts - CONTACT, CONTACT_EDGE) * soft(HEIGHT - toes[..., 1], HEIGHT_EDGE)
    weight = np.minimum(standing[1:], standing[:-1])[..., None]
    slip = np.diff(toes[..., [0, 2]], axis=0)
    speed = np.linalg.norm(slip, axis=-1, keepdims=True) * fps
    weight = weight * np.exp((speed.min(axis=1, keepdims=True) - speed) / SWING)
    correction = -(weight * slip).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
    moved = np.cumsum(_gaussian(correction, SMOOTHING * fps), axis=0)
    planted = np.array(joints)
    planted[1:, :, [0, 2]] += moved[:, None]
    return planted, fps


def soft(excess: np.ndarray, edge: float) -> np.ndarray:
    """1 where the excess is positive, 0 where it is negative, a logistic between."""
    return 1 / (1 + np.exp(-np.clip(excess / edge, -30, 30)))
