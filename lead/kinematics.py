"""Features to joints in torch, for losses: the differentiable twin of `lead.motion.features.features_to_joints`.

Metres, 20 fps, Y up; heading is stored as half angles.  Works on denormalised features.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def features_to_joints(features: Float[Tensor, "batch frames 263"]) -> Float[Tensor, "batch frames 22 3"]:
    """Heading and root path by cumulative sums of slices 0 and 1:3, the joints of 4:67 turned back and placed on it."""
    batch, frames, _ = features.shape
    yaw = 2 * _shifted(features[..., 0]).cumsum(dim=-1)
    x, z = _turned_back(yaw, _shifted(features[..., 1]), _shifted(features[..., 2]))
    root = torch.stack([x.cumsum(dim=-1), features[..., 3], z.cumsum(dim=-1)], dim=-1)[:, :, None]
    local = features[..., 4:67].reshape(batch, frames, 21, 3)
    x, z = _turned_back(yaw[..., None], local[..., 0], local[..., 2])
    joints = torch.stack([x + root[..., 0], local[..., 1], z + root[..., 2]], dim=-1)
    return torch.cat([root, joints], dim=-2)


def _shifted(values: Float[Tensor, "batch frames"]) -> Float[Tensor, "batch frames"]:
    return torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1)


def _turned_back(yaw: Tensor, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = yaw.cos(), yaw.sin()
    return cos * x - sin * z, sin * x + cos * z
