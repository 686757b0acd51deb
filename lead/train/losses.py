"""What the stages' losses share: means over a batch, InfoNCE, directions of bones."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from lead.differentiable import bone_directions
from lead.motion.features import Stats
from lead.motion.skeleton import skeleton_of
from lead.networks.layers import lengths_to_mask, masked_mean

HEAD_WEIGHT = 14.0


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


def direction_losses(
    features: Float[Tensor, "share frames feats"],
    target: Float[Tensor, "share frames feats"],
    lengths: Int[Tensor, " share"],
    whole: Int[Tensor, " batch"],
) -> dict[str, Float[Tensor, ""]]:
    """How far the bones' directions are off (`directions`), and how far their change from frame to frame (`turning`).

    The head counts `HEAD_WEIGHT` times as much as another bone: where a person nods, nothing else moves.
    """
    bones, aim = bone_directions(features), bone_directions(target)
    weights = torch.ones(bones.shape[-2], 1, device=bones.device)
    weights[skeleton_of(features.shape[-1]).joints.index("head") - 1] = HEAD_WEIGHT
    turning = bones.diff(dim=1) - aim.diff(dim=1)
    return {
        "directions": mean_of_share((bones - aim).abs() * weights, lengths, whole),
        "turning": mean_of_share(turning.abs() * weights, lengths - 1, whole - 1),
    }
