"""KIT-ML's 21 joints to our 22 and back.

KIT-ML's features were made from the MMM body model by way of Language2Pose (Ahuja and Morency, 3DV 2019), and carry
its choices:
- The body is in thousandths of its height, the path of its root in millimeters: one unit of the body is taken to be
  `KIT.meters`, one of the path a millimeter.  (Drawn in one unit, feet slide.)
- Y and Z were exchanged to put Y up, which mirrors space: a joint that MMM calls left, and that captions call left,
  stands at -X of a person who faces +Z.  We exchange the sides of space again, and keep the names.
- 12.5 fps.  The floor is under the lowest joint of the clip.
By name, our spine2 and collars are missing there (interpolated) and its midfoot is missing here (on the line from
ankle to toe).  NumPy; knows nothing of files or models.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.features import features_to_joints
from lead.motion.skeleton import JOINTS, KIT, skeleton_of

PATH_METRES = 0.001
MIDFOOT = 0.37
"""How far the midfoot is on the way from ankle to toe."""

COMMON = tuple(name for name in KIT.joints if name in JOINTS)
_OURS = [JOINTS.index(name) for name in COMMON]
_THEIRS = [KIT.joints.index(name) for name in COMMON]
_BETWEEN = {"spine2": ("spine1", "spine3"), "left_collar": ("spine3", "left_shoulder"),
            "right_collar": ("spine3", "right_shoulder")}  # fmt: skip
_MIRRORED = np.array([-1.0, 1.0, 1.0])


def features_to_clip(
    features: Float[np.ndarray, "frames feats"],
) -> tuple[Float[np.ndarray, "frames 22 3"], float]:
    """Our 22 joints in meters of either data set's features, and the frames a second that such features have.

    Raises MotionError where there are no frames.
    """
    if not len(features):
        raise MotionError("features without frames; expected at least one row.")
    skeleton, joints = skeleton_of(np.shape(features)[-1]), features_to_joints(features)
    return kit_to_joints(joints) if skeleton is KIT else joints, skeleton.fps


def kit_to_joints(kit: Float[np.ndarray, "frames 21 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """Our joints in meters, of KIT-ML's in its units."""
    kit = np.asarray(kit, dtype=np.float64) * _MIRRORED
    bodies = (kit - kit[:, :1]) * KIT.meters + kit[:, :1] * PATH_METRES
    joints = np.zeros((len(kit), len(JOINTS), 3))
    joints[:, _OURS] = bodies[:, _THEIRS]
    for name, (one, other) in _BETWEEN.items():
        joints[:, JOINTS.index(name)] = (joints[:, JOINTS.index(one)] + joints[:, JOINTS.index(other)]) / 2
    return _on_floor(joints)


def joints_to_kit(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 21 3"]:
    """KIT-ML's joints in its units, of ours in meters."""
    joints = np.asarray(joints, dtype=np.float64) * _MIRRORED
    bodies = np.zeros((len(joints), len(KIT.joints), 3))
    bodies[:, _THEIRS] = joints[:, _OURS]
    for side in ("left", "right"):
        ankle, midfoot, toe = (KIT.joints.index(f"{side}_{name}") for name in ("ankle", "midfoot", "foot"))
        bodies[:, midfoot] = bodies[:, ankle] + MIDFOOT * (bodies[:, toe] - bodies[:, ankle])
    return _on_floor((bodies - bodies[:, :1]) / KIT.meters + bodies[:, :1] / PATH_METRES)


def _on_floor(joints: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 3"]:
    return joints - np.array([0.0, joints[..., 1].min(), 0.0])
