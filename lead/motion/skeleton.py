"""The 22-joint skeleton on which everything inside runs: SMPL's first 22 joints with HumanML3D's bone lengths.

Conventions: metres, seconds, Y up, right-handed, a person at rest faces +Z with the left side at +X; 20 fps.
Knows nothing of files, rigs or models.  Source: HumanML3D (Guo et al., CVPR 2022).
"""

import numpy as np
from jaxtyping import Float

FPS = 20.0

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
CHAINS = ((0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20))

L_HIP, R_HIP, L_KNEE, R_KNEE, L_ANKLE, R_ANKLE, L_FOOT, R_FOOT = 1, 2, 4, 5, 7, 8, 10, 11
L_SHOULDER, R_SHOULDER = 16, 17

MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20)
"""The joint on the other side of the body, for each joint."""

_AXES = {"+x": (1, 0, 0), "-x": (-1, 0, 0), "+y": (0, 1, 0), "-y": (0, -1, 0), "+z": (0, 0, 1)}
_REST = (
    "+y", "+x", "-x", "+y", "-y", "-y", "+y", "-y", "-y", "+y", "+z", "+z", "+y", "+x", "-x", "+z",
    "-y", "-y", "-y", "-y", "-y", "-y",
)  # fmt: skip
REST_DIRECTIONS: Float[np.ndarray, "22 3"] = np.array([_AXES[a] for a in _REST], dtype=np.float64)
"""The direction of each joint's bone, from its parent, at HumanML3D's rest (arms hang); the pelvis' is unused."""

BONE_LENGTHS: Float[np.ndarray, "22"] = np.array([
    0.0, 0.103074, 0.109883, 0.131568, 0.393623, 0.390188, 0.143190, 0.432433, 0.425643, 0.057365, 0.143382,
    0.149419, 0.219360, 0.137487, 0.143383, 0.103039, 0.131614, 0.122984, 0.256840, 0.263092, 0.266012, 0.269876,
])  # fmt: skip
"""Metres from each joint's parent, of HumanML3D's one uniform skeleton."""


def bone_lengths(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch 22"]:
    """Metres from each joint to its parent; the pelvis' is 0."""
    lengths = np.zeros(joints.shape[:-1], dtype=joints.dtype)
    lengths[..., 1:] = np.linalg.norm(joints[..., 1:, :] - joints[..., PARENTS[1:], :], axis=-1)
    return lengths


def tpose(lengths: Float[np.ndarray, "22"] = BONE_LENGTHS) -> Float[np.ndarray, "22 3"]:
    """Joint positions of a person standing in a T-pose, soles at y = 0, pelvis at x = z = 0, facing +Z."""
    directions = REST_DIRECTIONS.copy()
    directions[[18, 20]] = _AXES["+x"]
    directions[[19, 21]] = _AXES["-x"]
    directions[16], directions[17], directions[15] = _AXES["+x"], _AXES["-x"], _AXES["+y"]
    joints = np.zeros((22, 3))
    for joint in range(1, 22):
        joints[joint] = joints[PARENTS[joint]] + directions[joint] * lengths[joint]
    joints[:, 1] -= joints[:, 1].min()
    return joints
