"""The pieces that the networks share: masks, positions, pre-norm transformer blocks.

Shapes: batch first; `tokens` counts places in a sequence, `width` numbers a token.  Masks are True where a token
is real.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from lead.kernels import transformer as stacks
from lead.kernels.linear import Linear, attention, feed_forward, inferring, linear, unhooked


def lengths_to_mask(lengths: Int[Tensor, "batch"], tokens: int) -> Bool[Tensor, "batch tokens"]:
    return torch.arange(tokens, device=lengths.device) < lengths[:, None]


def masked_mean(values: Float[Tensor, "batch tokens *rest"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, ""]:
    """The mean over real tokens only (and over whatever follows them)."""
    flat = values.flatten(2).mean(-1) if values.ndim > 2 else values
    return (flat * mask).sum() / mask.sum()


def sinusoid(times: Num[Tensor, "*batch"], width: int) -> Float[Tensor, "*batch width"]:
    """Sines and cosines of a time at `width / 2` geometric frequencies (Vaswani et al., 2017)."""
    angles = times[..., None].float() * _rates(width, times.device)
    if inferring(angles):  # torch wakes all its threads for a handful of sines
        sines, cosines = np.sin(angles.numpy()), np.cos(angles.numpy())
        return torch.from_numpy(np.concatenate([sines, cosines], axis=-1))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


@lru_cache
def _rates(width: int, device: torch.device) -> Float[Tensor, " rates"]:
    return torch.exp(-math.log(10000.0) * torch.arange(width // 2, device=device) / (width // 2))


def tabulated(
    embed: Callable[[Int[Tensor, " times"]], Float[Tensor, "times width"]], times: Int[Tensor, " times"]
) -> Callable[[Int[Tensor, "batch"]], Float[Tensor, " width"]]:
    """`embed` at a few times, computed at once; it is asked for with a batch at one time."""
    rows = dict(zip(times.tolist(), embed(times), strict=True))
    return lambda t: rows[int(t[0])]


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], bias: Float[Tensor, "batch 1 1 tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        return self.out(attention(self.qkv(x), self.heads, bias))


class Block(nn.Module):
    """Attention and feed-forward, each after a layer norm and added to its input."""

    def __init__(self, width: int, heads: int, ff: int, dropout: float = 0.0):
        super().__init__()
        self.norm_1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm_2, self.ff = (
            nn.LayerNorm(width),
            nn.Sequential(Linear(width, ff), nn.GELU(), nn.Dropout(dropout), Linear(ff, width)),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        attend, first, second = self.attention, self.ff[0], self.ff[3]
        if inferring(x) and not self.training and unhooked(attend.qkv, attend.out, first, second):
            assert isinstance(first, Linear) and isinstance(second, Linear)
            mixed = attention(attend.qkv(self.norm_1(x)), attend.heads, bias)
            x = linear(mixed, attend.out.weight, attend.out.bias, plus=x)
            return feed_forward(first, second, self.norm_2(x), x)
        x = x + self.dropout(self.attention(self.norm_1(x), bias))
        return x + self.dropout(self.ff(self.norm_2(x)))

    def parts(self, join: nn.Linear | None) -> stacks.Layer:
        """For the extension; `join` comes before the block."""
        first, second = self.ff[0], self.ff[3]
        assert isinstance(first, Linear) and isinstance(second, Linear)
        attend = self.attention
        return stacks.Layer(attend.qkv, attend.out, first, second, self.norm_1, self.norm_2, join)


class Transformer(nn.Module):
    """Pre-norm blocks; with `skips`, the first half's outputs join the second half's inputs (MLD's U-Net skips)."""

    def __init__(self, width: int, layers: int, heads: int, ff: int, dropout: float = 0.0, skips: bool = False):
        super().__init__()
        self.heads = heads
        self.blocks: Any = nn.ModuleList(Block(width, heads, ff, dropout) for _ in range(layers))
        self.joins = nn.ModuleList(Linear(2 * width, width) for _ in range(layers // 2 if skips else 0))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"], wanted: slice = slice(None)
    ) -> Float[Tensor, "batch wanted width"]:
        """The wanted tokens' outputs."""
        packed = stacks.packed(self, x)
        if packed is not None:
            return packed.prepared([x], mask, wanted)()
        bias = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -1e9)[:, None, None, :]
        kept = []
        for index, block in enumerate(self.blocks):
            if index < len(self.joins):
                x = block(x, bias)
                kept.append(x)
                continue
            if index >= len(self.blocks) - len(self.joins):
                x = self.joins[index - len(self.blocks) + len(self.joins)](torch.cat([x, kept.pop()], dim=-1))
            x = block(x, bias)
        return self.norm(x)[:, wanted]

    def stack(self) -> stacks.Stack:
        """The parts, for the extension."""
        joins = [*[None] * (len(self.blocks) - len(self.joins)), *self.joins]
        layers = [block.parts(join) for block, join in zip(self.blocks, joins, strict=True)]
        return stacks.Stack(layers, self.heads, self.norm)
