"""One rigid skeleton: joints on HumanML3D's bone lengths, left equal to right, the same in every frame.

A decoder places each joint by itself, so bones change their lengths from frame to frame. Bone directions alone on
constant lengths would carry every error of the legs down to the feet, which then slide. Here:

1. *Spine, head, arms and hips* keep the directions of their bones, from the pelvis, which stays where it is.
2. *Legs.* Toes stay where they are, feet keep their directions, and the leg follows by two-bone IK
   (`lead.motion.processing.ik`). A foot that is out of reach stays behind.
Joints that are on this skeleton already stay. A bone without length takes its rest direction.
`lead.train.losses.rigid_joints` is the differentiable twin. Conventions: meters, Y up. Knows nothing of models.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.processing.ik import ANKLES, HIPS, KNEES, TOES, direct, legs_ahead, move_ankle
from lead.motion.skeleton import (
    L_ANKLE,
    L_KNEE,
    PARENTS,
    REST_DIRECTIONS,
    SYMMETRIC_LENGTHS,
    bone_lengths,
    place_bones,
)

TOLERANCE = 1e-4
"""Meters by which the bones of a rigid body may differ from their lengths."""


def make_rigid(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """The motion on `SYMMETRIC_LENGTHS`, as float64."""
    joints = joints.astype(np.float64)
    bones = np.zeros_like(joints)
    bones[:, 1:] = joints[:, 1:] - joints[:, PARENTS[1:]]
    ahead = facing(joints) + 0.0  # without -0.0, which would turn a body that faces nowhere
    rest = turn(-forward_to_half_yaw(ahead), np.broadcast_to(REST_DIRECTIONS, joints.shape))
    directions = direct(bones, rest)
    rigid = place_bones(joints[:, 0], directions, SYMMETRIC_LENGTHS)
    feet = directions[:, TOES] * SYMMETRIC_LENGTHS[TOES, None]
    hips = rigid[:, HIPS]
    # The leg as it was, from where its hip is now.
    knees, ankles = (joints[:, some] - joints[:, HIPS] + hips for some in (KNEES, ANKLES))
    lengths = SYMMETRIC_LENGTHS[L_KNEE], SYMMETRIC_LENGTHS[L_ANKLE]
    target = joints[:, TOES] - feet
    rigid[:, KNEES], rigid[:, ANKLES] = move_ankle(hips, knees, ankles, target, legs_ahead(joints), lengths)
    rigid[:, TOES] = rigid[:, ANKLES] + feet
    return rigid


def is_rigid(joints: Float[np.ndarray, "frames 22 3"]) -> bool:
    """Whether all bones have the lengths of the one skeleton in every frame."""
    return bool(np.abs(bone_lengths(joints) - SYMMETRIC_LENGTHS).max() < TOLERANCE)


def move_to_rigid(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """The motion of a person of any size on the one skeleton, as float64: scaled by the legs' length, then made rigid.

    The place of the first pelvis over the floor stays, and the height of the lowest joint.
    """
    joints = joints.astype(np.float64)
    legs = [*KNEES, *ANKLES]
    scale = SYMMETRIC_LENGTHS[legs].sum() / max(float(bone_lengths(joints).mean(axis=0)[legs].sum()), 1e-6)
    ground = np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    return make_rigid((joints - ground) * scale + ground)
