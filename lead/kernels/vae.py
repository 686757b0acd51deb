"""Replacements for `lead.networks.vae`."""

from jaxtyping import Bool, Float
from torch import Tensor

from lead.kernels.linear import FastConv1d
from lead.kernels.replacement import Replacement, find_fast, have_hooks, kernels_apply
from lead.networks.vae import Seams


class FastSeams(Replacement, Seams):
    """`Seams` whose convolutions are linear maps of windows."""

    def forward(  # type: ignore[override]  # a sequential module's takes one tensor
        self, features: Float[Tensor, "batch frames feats"], mask: Bool[Tensor, "batch frames 1"]
    ) -> Float[Tensor, "batch frames feats"]:
        fast = find_fast(FastConv1d, self[0], self[2])
        if fast is None or have_hooks(self[1]) or not kernels_apply(features):
            return super().forward(features, mask)
        narrow, wide = fast
        return wide.convolve(narrow.convolve(features, gelu=True) * mask)
