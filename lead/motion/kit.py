"""KIT-ML's 21 joints to our 22 and back.

KIT-ML's features come from the MMM body model by way of Language2Pose (Ahuja and Morency, 3DV 2019). Its choices:
- The body is in thousandths of its height, the path of its root in millimeters. One unit of the body is `KIT.meters`,
  one unit of the path is a millimeter. (With one unit for both, feet slide.)
- Y and Z are exchanged to put Y up, which mirrors space: a joint that MMM and the captions call left stands at -X of a
  person who faces +Z. We mirror space again and keep the names.
- 12.5 fps. The floor is under the lowest joint of the clip.
KIT-ML lacks our spine2 and collars, which are interpolated. We lack its midfoot, which is put on the line from ankle to
toe. Knows nothing of files and models.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.features import features_to_joints
from lead.motion.skeleton import JOINTS, KIT, skeleton_of

PATH_METERS = 0.001
MIDFOOT = 0.37
"""The place of the midfoot on the line from ankle (0) to toe (1)."""

COMMON = tuple(name for name in KIT.joints if name in JOINTS)
_OURS = [JOINTS.index(name) for name in COMMON]
_THEIRS = [KIT.joints.index(name) for name in COMMON]
_BETWEEN = {"spine2": ("spine1", "spine3"), "left_collar": ("spine3", "left_shoulder"),
            "right_collar": ("spine3", "right_shoulder")}  # fmt: skip
_MIRRORED = np.array([-1.0, 1.0, 1.0])


def features_to_clip(
    features: Float[np.ndarray, "frames feats"],
) -> tuple[Float[np.ndarray, "frames 22 3"], float]:
    """Our 22 joints in meters from either data set's features, and the data set's frames a second.

    Raises MotionError for features without frames, or of another width than 263 or 251.
    """
    if not len(features):
        raise MotionError("features without frames; expected at least one row.")
    skeleton, joints = skeleton_of(np.shape(features)[-1]), features_to_joints(features)
    return kit_to_joints(joints) if skeleton is KIT else joints, skeleton.fps


def features_to_toe_contacts(features: Float[np.ndarray, "frames feats"]) -> Float[np.ndarray, "frames 2"]:
    """The contact features of the left and the right toe, about 0 or 1, from either data set's features."""
    skeleton = skeleton_of(features.shape[1])
    toes = [skeleton.feet.index(skeleton.joints.index(name)) for name in ("left_foot", "right_foot")]
    return features[:, skeleton.slices["contacts"]][:, toes]


def kit_to_joints(kit: Float[np.ndarray, "frames 21 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """Our joints in meters from KIT-ML's in its units."""
    kit = np.asarray(kit, dtype=np.float64) * _MIRRORED
    bodies = (kit - kit[:, :1]) * KIT.meters + kit[:, :1] * PATH_METERS
    joints = np.zeros((len(kit), len(JOINTS), 3))
    joints[:, _OURS] = bodies[:, _THEIRS]
    for name, (one, other) in _BETWEEN.items():
        joints[:, JOINTS.index(name)] = (joints[:, JOINTS.index(one)] + joints[:, JOINTS.index(other)]) / 2
    return _on_floor(joints)


def joints_to_kit(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 21 3"]:
    """KIT-ML's joints in its units from ours in meters; `kit_to_joints`' inverse for the joints that both have."""
    joints = np.asarray(joints, dtype=np.float64) * _MIRRORED
    bodies = np.zeros((len(joints), len(KIT.joints), 3))
    bodies[:, _THEIRS] = joints[:, _OURS]
    for side in ("left", "right"):
        ankle, midfoot, toe = (KIT.joints.index(f"{side}_{name}") for name in ("ankle", "midfoot", "foot"))
        bodies[:, midfoot] = bodies[:, ankle] + MIDFOOT * (bodies[:, toe] - bodies[:, ankle])
    return _on_floor((bodies - bodies[:, :1]) / KIT.meters + bodies[:, :1] / PATH_METERS)


def _on_floor(joints: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 3"]:
    """The clip with its lowest joint at y = 0."""
    lowered: np.ndarray = joints - np.array([0.0, joints[..., 1].min(), 0.0])
    return lowered
