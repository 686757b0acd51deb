"""Features to joints in torch, for losses: the differentiable twin of `lead.motion.features.features_to_joints`.

Y up; heading is stored as half angles.  Works on denormalized features of 22 or 21 joints; joints are in meters.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lead.motion.skeleton import skeleton_of


def features_to_joints(features: Float[Tensor, "batch frames feats"]) -> Float[Tensor, "batch frames joints 3"]:
    """Heading and root path by cumulative sums of slices 0 and 1:3, the positions turned back and placed on it."""
    batch, frames, width = features.shape
    skeleton = skeleton_of(width)
    yaw = 2 * _shifted(features[..., 0]).cumsum(dim=-1)
    x, z = _turned_back(yaw, _shifted(features[..., 1]), _shifted(features[..., 2]))
    root = torch.stack([x.cumsum(dim=-1), features[..., 3], z.cumsum(dim=-1)], dim=-1)[:, :, None]
    local = features[..., skeleton.slices["positions"]].reshape(batch, frames, -1, 3)
    x, z = _turned_back(yaw[..., None], local[..., 0], local[..., 2])
    joints = torch.stack([x + root[..., 0], local[..., 1], z + root[..., 2]], dim=-1)
    return torch.cat([root, joints], dim=-2) * skeleton.meters


def _shifted(values: Float[Tensor, "batch frames"]) -> Float[Tensor, "batch frames"]:
    return torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1)


def _turned_back(yaw: Tensor, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = yaw.cos(), yaw.sin()
    return cos * x - sin * z, sin * x + cos * z
