"""Features to joints, and one rigid skeleton, in torch: the differentiable twins of functions in `lead.motion`.

Features have 263 or 251 numbers a frame; Y is up, heading is stored as half angles; joints are in meters.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lead.motion.processing.ik import ANKLES, BENT, HIPS, KNEES, SOFT, STRAIGHT, TOES
from lead.motion.skeleton import L_ANKLE, L_KNEE, PARENTS, SYMMETRIC_LENGTHS, skeleton_of

_THIGH, _SHIN = float(SYMMETRIC_LENGTHS[L_KNEE]), float(SYMMETRIC_LENGTHS[L_ANKLE])
_FLAT = 0.02
"""Meters: the gradient of a knee's height is that of a knee which is this much farther from the line of the leg."""


def features_to_joints(features: Float[Tensor, "batch frames feats"]) -> Float[Tensor, "batch frames joints 3"]:
    """The differentiable twin of `lead.motion.features.features_to_joints`, in meters.

    Heading and root path are cumulative sums of slices 0 and 1:3; positions are turned back and placed on the path.
    """
    batch, frames, width = features.shape
    skeleton = skeleton_of(width)
    yaw = 2 * _shift(features[..., 0]).cumsum(dim=-1)
    x, z = _turn_back(yaw, _shift(features[..., 1]), _shift(features[..., 2]))
    root = torch.stack([x.cumsum(dim=-1), features[..., 3], z.cumsum(dim=-1)], dim=-1)[:, :, None]
    local = features[..., skeleton.slices["positions"]].reshape(batch, frames, -1, 3)
    x, z = _turn_back(yaw[..., None], local[..., 0], local[..., 2])
    joints = torch.stack([x + root[..., 0], local[..., 1], z + root[..., 2]], dim=-1)
    return torch.cat([root, joints], dim=-2) * skeleton.meters


def bone_lengths(
    joints: Float[Tensor, "*batch joints 3"], parents: tuple[int, ...] = PARENTS
) -> Float[Tensor, "*batch joints-1"]:
    """Meters from each joint's parent; the pelvis is left out."""
    bones: Tensor = _norm(joints[..., 1:, :] - joints[..., parents[1:], :])
    return bones


def bone_directions(features: Float[Tensor, "batch frames feats"]) -> Float[Tensor, "batch frames bones 3"]:
    """Unit vectors along the bones, as the body sees them: facing +Z. A short bone counts as much as a long one."""
    batch, frames, width = features.shape
    skeleton = skeleton_of(width)
    positions = features[..., skeleton.slices["positions"]].reshape(batch, frames, -1, 3)
    root = torch.zeros_like(positions[:, :, :1])
    root[..., 1] = features[..., 3:4]
    joints = torch.cat([root, positions], dim=-2)
    return _unit(joints[..., 1:, :] - joints[..., skeleton.parents[1:], :])


def rigid_joints(joints: Float[Tensor, "*batch 22 3"]) -> Float[Tensor, "*batch 22 3"]:
    """The differentiable twin of `lead.motion.processing.rigid.make_rigid`, for bones that have a length.

    Gradients stay finite where a leg is straight.
    """
    lengths = torch.as_tensor(SYMMETRIC_LENGTHS, dtype=joints.dtype, device=joints.device)
    directions = _unit(joints[..., 1:, :] - joints[..., PARENTS[1:], :])
    bones = torch.cat([joints[..., :1, :], directions * lengths[1:, None]], dim=-2).unbind(-2)
    rigid = [bones[0]]
    for joint in range(1, len(PARENTS)):
        rigid.append(rigid[PARENTS[joint]] + bones[joint])
    hips, feet = (torch.stack([some[joint] for joint in of], dim=-2) for some, of in ((rigid, HIPS), (bones, TOES)))
    knees, ankles = _move_ankles(joints, joints[..., TOES, :] - feet - hips)
    for leg in range(2):
        rigid[KNEES[leg]] = hips[..., leg, :] + knees[..., leg, :]
        rigid[ANKLES[leg]] = hips[..., leg, :] + ankles[..., leg, :]
        rigid[TOES[leg]] = rigid[ANKLES[leg]] + feet[..., leg, :]
    return torch.stack(rigid, dim=-2)


def _move_ankles(
    joints: Float[Tensor, "*batch 22 3"], targets: Float[Tensor, "*batch 2 3"]
) -> tuple[Float[Tensor, "*batch 2 3"], Float[Tensor, "*batch 2 3"]]:
    """Knees and ankles from their hips, the ankles at their targets (also from the hips); the twin of `move_ankle`."""
    legs, thighs = (joints[..., some, :] - joints[..., HIPS, :] for some in (ANKLES, KNEES))
    length = _THIGH + _SHIN
    scaled = _norm(legs) * length / (_norm(thighs) + _norm(legs - thighs)).clamp(min=1e-6)
    reach = scaled + _limit_softly(_norm(targets), length) - _limit_softly(scaled, length)
    reach = torch.minimum(reach.clamp(min=_SHIN - _THIGH), scaled.clamp((1 - SOFT / 10) * length, length))
    along, direction = _unit(legs), _unit(targets)
    across = _unit(joints[..., 1, :] - joints[..., 2, :])
    front = _unit(torch.linalg.cross(across, joints[..., 3, :] - joints[..., 0, :]))
    down = torch.linalg.cross(across, front)
    ahead = _turn_along(front[..., None, :].expand_as(legs), down[..., None, :].expand_as(legs), along)
    ahead = _unit(_remove_part_along(ahead, direction))
    bend = _turn_along(_remove_part_along(thighs, along), along, direction)
    place = (_THIGH**2 - _SHIN**2 + reach.square()) / (2 * reach)
    height = _flat_root((_THIGH**2 - place.square()).clamp(min=0.0))
    size = _norm(bend)
    straight = ((BENT - size) / (BENT - STRAIGHT)).clamp(0.0, 1.0)
    forward = 2 * (-(bend * ahead).sum(-1)).clamp(min=0.0) + (height - size).clamp(min=0.0)
    pole = _unit(bend + (straight * forward)[..., None] * ahead)
    return place[..., None] * direction + height[..., None] * pole, reach[..., None] * direction


def _limit_softly(distance: Float[Tensor, "*batch"], length: float) -> Float[Tensor, "*batch"]:
    soft = SOFT * length
    over = (distance - (length - soft)).clamp(min=0.0)
    return torch.where(over > 0, length - soft * torch.exp(-over / soft), distance)


def _flat_root(squares: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The square root, with the gradient of the root of `squares` + _FLAT^2, which is finite at 0."""
    smooth = (squares + _FLAT**2).sqrt()
    return smooth + (squares.sqrt() - smooth).detach()


def _turn_along(
    vectors: Float[Tensor, "*batch 3"], source: Float[Tensor, "*batch 3"], target: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3"]:
    k = torch.linalg.cross(source, target)
    first = torch.linalg.cross(k, vectors)
    cos = (source * target).sum(-1, keepdim=True)
    turned: Tensor = vectors + first + torch.linalg.cross(k, first) / (1 + cos).clamp(min=1e-6)
    return turned


def _remove_part_along(
    vectors: Float[Tensor, "*batch 3"], direction: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3"]:
    return vectors - (vectors * direction).sum(-1, keepdim=True) * direction


def _norm(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    return (vectors.square().sum(-1) + 1e-12).sqrt()


def _unit(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Unit vectors; a vector without length stays without, and its gradient is finite."""
    return vectors / _norm(vectors)[..., None]


def _shift(values: Float[Tensor, "batch frames"]) -> Float[Tensor, "batch frames"]:
    return torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1)


def _turn_back(
    yaw: Float[Tensor, "*batch"], x: Float[Tensor, "*shape"], z: Float[Tensor, "*shape"]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Directions in the facing frame to the world's."""
    cos, sin = yaw.cos(), yaw.sin()
    return cos * x - sin * z, sin * x + cos * z
