"""Replacements for `lead.networks.vae`."""

from typing import cast

from jaxtyping import Bool, Float
from torch import Tensor

from lead.kernels.linear import FastConv1d
from lead.kernels.replacement import Replacement, have_hooks, kernels_apply
from lead.networks.vae import Seams


class FastSeams(Replacement, Seams):
    """`Seams` whose convolutions are linear maps of windows."""

    def forward(  # type: ignore[override]  # a sequential module's takes one tensor
        self, features: Float[Tensor, "batch frames feats"], mask: Bool[Tensor, "batch frames 1"]
    ) -> Float[Tensor, "batch frames feats"]:
        if not kernels_apply(features) or have_hooks(*self):
            return super().forward(features, mask)
        narrow, wide = cast(FastConv1d, self[0]), cast(FastConv1d, self[2])
        return wide.convolve(narrow.convolve(features, gelu=True) * mask)
