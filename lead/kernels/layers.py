"""Replacements for `lead.networks.layers`."""

from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from lead.kernels.half import FastHalfStack
from lead.kernels.linear import FastLinear, attend
from lead.kernels.replacement import Replacement, find_fast, have_hooks, kernels_apply
from lead.kernels.stack import Layer, Stack
from lead.networks.layers import Attention, Block, Sinusoid, Transformer, frequencies


class FastSinusoid(Replacement, Sinusoid):
    """`Sinusoid` by NumPy: torch wakes all its threads for a handful of sines."""

    rates: Float[Tensor, " half_width"]

    def start(self) -> None:
        self.rates = frequencies(self.width, torch.device("cpu"))

    def forward(self, times: Num[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        if times.device.type != "cpu" or not kernels_apply(self.rates):
            return super().forward(times)
        angles = times[..., None].float() * self.rates
        sines, cosines = np.sin(angles.numpy()), np.cos(angles.numpy())
        return torch.from_numpy(np.concatenate([sines, cosines], axis=-1))


class FastAttention(Replacement, Attention):
    """`Attention` with torch's fused softmax."""

    def forward(
        self, x: Float[Tensor, "batch tokens width"], bias: Float[Tensor, "batch 1 1 tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        if not kernels_apply(x):
            return super().forward(x, bias)
        return self.out(attend(self.qkv(x), self.heads, bias))


class FastBlock(Replacement, Block):
    """`Block` in fewer calls: sums and GELU go with the linear maps."""

    def forward(
        self, x: Float[Tensor, "batch tokens width"], bias: Float[Tensor, "batch 1 1 tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        attention = self.attention
        fast = find_fast(FastLinear, attention.qkv, attention.out, self.ff[0], self.ff[3])
        if fast is None or have_hooks(attention) or self.training or not kernels_apply(x):
            return super().forward(x, bias)
        qkv, out, first, second = fast
        x = out.multiply(attend(qkv(self.norm_1(x)), attention.heads, bias), plus=x)
        return second.multiply(first.multiply(self.norm_2(x), gelu=True), plus=x)


class FastTransformer(FastHalfStack, Transformer):
    """`Transformer` in one call of the extension; under autocast in one call each way, in 16 bits."""

    def forward(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"], wanted: slice = slice(None)
    ) -> Float[Tensor, "batch wanted width"]:
        packed = self.pack(x)
        if packed is not None:
            return packed.prepare([x], mask, wanted)()
        halves = self.pack_halves(x)
        if halves is not None:
            return self.norm(halves.evaluate(x, mask)[:, wanted])
        return super().forward(x, mask, wanted)

    def describe(self) -> Stack:
        joins = [*[None] * (len(self.blocks) - len(self.joins)), *self.joins]
        layers = [_describe(cast(Block, block), join) for block, join in zip(self.blocks, joins, strict=True)]
        return Stack(layers, self.heads, self.norm)


def _describe(block: Block, join: nn.Module | None) -> Layer:
    attention = block.attention
    return Layer(attention.qkv, attention.out, block.ff[0], block.ff[3], block.norm_1, block.norm_2, join)
