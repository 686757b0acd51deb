"""Edits of clips: sides exchanged, bones of another clip, played to and fro. Bone lengths stay. Meters, Y up."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.rotations import normalize
from lead.motion.skeleton import MIRROR, PARENTS, bone_lengths, place_bones
from lead.motion.smoothing import gaussian_smooth

UPPER_BODY = (3, 6, 9, *range(12, 22))
"""Joints of the spine, head and arms."""
HEADING_SIGMA = 4.0
"""Frames: the Gaussian that smooths the facing direction."""


def mirror_joints(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch 22 3"]:
    """Left and right exchanged: reflected in the plane x = 0, each joint named for the other side."""
    mirrored: np.ndarray = joints[..., MIRROR, :] * np.array([-1.0, 1.0, 1.0])
    return mirrored


def replace_upper_body(
    joints: Float[np.ndarray, "frames 22 3"], other: Float[np.ndarray, "other_frames 22 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """The legs and the path of one clip with the spine, head and arms of another."""
    return replace_bones(joints, other, UPPER_BODY)


def replace_bones(
    joints: Float[np.ndarray, "frames 22 3"], other: Float[np.ndarray, "other_frames 22 3"], bones: Sequence[int]
) -> Float[np.ndarray, "frames 22 3"]:
    """A clip with the directions of these bones, as the body sees them, from another clip.

    The other clip is played forward and back as often as the first one lasts.
    """
    other = ping_pong(other, len(joints))
    half_yaw = smooth_half_yaw(joints)
    mine, theirs = turn(half_yaw, joints), turn(smooth_half_yaw(other), other)
    directions = bone_directions(mine)
    directions[:, list(bones)] = bone_directions(theirs)[:, list(bones)]
    return turn(-half_yaw, place_bones(mine[:, 0], directions, bone_lengths(joints[0])))


def ping_pong(joints: Float[np.ndarray, "frames 22 3"], frames: int) -> Float[np.ndarray, "{frames} 22 3"]:
    """So many frames of a clip that is played forward and back, again and again."""
    index = np.arange(frames) % max(2 * len(joints) - 2, 1)
    played: np.ndarray = joints[np.minimum(index, 2 * len(joints) - 2 - index)]
    return played


def smooth_half_yaw(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns each frame's smoothed facing direction to +Z."""
    return forward_to_half_yaw(gaussian_smooth(facing(joints), HEADING_SIGMA))


def bone_directions(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """The unit vector from each joint's parent to it; the pelvis' is 0."""
    directions = np.zeros_like(joints)
    directions[:, 1:] = normalize(joints[:, 1:] - joints[:, PARENTS[1:]])
    return directions
