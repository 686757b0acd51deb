"""What the stages' losses share: features to joints in torch, means over shares of a batch, InfoNCE.

Features have 263 or 251 numbers a frame; Y is up, heading is stored as half angles; joints are in meters.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from lead.motion.features import Stats
from lead.motion.skeleton import skeleton_of
from lead.networks.layers import lengths_to_mask, masked_mean


def mean_of_share(
    values: Float[Tensor, "share tokens *rest"], lengths: Int[Tensor, "share"], whole: Int[Tensor, "batch"]
) -> Float[Tensor, ""]:
    """The mean over the first `lengths` tokens of each row, weighted: the mean over equal shares is the batch's mean.

    mean * (tokens of the share / tokens of an average share); `whole` are the batch's `lengths`.
    """
    mean = masked_mean(values, lengths_to_mask(lengths, values.shape[1]))
    return mean * (lengths.float().mean() / whole.float().mean())


def denormalize(features: Float[Tensor, "*batch feats"], stats: Stats) -> Float[Tensor, "*batch feats"]:
    mean, std = (torch.as_tensor(x, device=features.device) for x in (stats.mean, stats.std))
    return features.float() * std + mean


def info_nce(scores: Float[Tensor, "batch batch"], same: Bool[Tensor, "batch batch"]) -> Float[Tensor, ""]:
    """InfoNCE both ways: -log softmax_j(scores_ij) at j = i, averaged over rows and columns.

    Pairs that are `same` are left out of the negatives. Source: van den Oord et al., arXiv 1807.03748.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    scores = scores.masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(scores), device=scores.device)
    return 0.5 * (cross_entropy(scores, target) + cross_entropy(scores.T, target))


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


def _shift(values: Float[Tensor, "batch frames"]) -> Float[Tensor, "batch frames"]:
    return torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1)


def _turn_back(
    yaw: Float[Tensor, "*batch"], x: Float[Tensor, "*shape"], z: Float[Tensor, "*shape"]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Directions in the facing frame to the world's."""
    cos, sin = yaw.cos(), yaw.sin()
    return cos * x - sin * z, sin * x + cos * z
