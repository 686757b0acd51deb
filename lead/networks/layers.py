"""The pieces that the networks share: masks, positions and pre-norm transformer blocks.

Shapes are batch first: `tokens` counts places in a sequence, `width` numbers per token. A mask is True where a token
is real.
"""

import math

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn


def lengths_to_mask(lengths: Int[Tensor, "batch"], tokens: int) -> Bool[Tensor, "batch tokens"]:
    """The mask of sequences of these lengths, padded to `tokens`."""
    return torch.arange(tokens, device=lengths.device) < lengths[:, None]


def masked_mean(values: Float[Tensor, "batch tokens *rest"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, ""]:
    """The mean over the real tokens, and over all further dimensions."""
    flat = values.flatten(2).mean(-1) if values.ndim > 2 else values
    return (flat * mask).sum() / mask.sum()


def sinusoid(times: Num[Tensor, "*batch"], width: int) -> Float[Tensor, "*batch width"]:
    """Sines, then cosines, of a time at `width / 2` geometric frequencies (Vaswani et al., 2017)."""
    angles = times[..., None].float() * frequencies(width, times.device)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def frequencies(width: int, device: torch.device) -> Float[Tensor, " half_width"]:
    """10000^(-2 i / width) for i from 0 to width / 2 - 1, in radians per unit of time."""
    return torch.exp(-math.log(10000.0) * torch.arange(width // 2, device=device) / (width // 2))


class Sinusoid(nn.Module):
    """`sinusoid` as a module without parameters."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def forward(self, times: Num[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        return sinusoid(times, self.width)


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d) + bias) v for each head of d numbers, then a linear map.

    `bias` is 0 for keys that may be seen and far below 0 for all others. ValueError unless the heads divide the width.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"found {heads} heads, expected a number that divides the width {width}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], bias: Float[Tensor, "batch 1 1 tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        batch, tokens, width = x.shape
        d = width // self.heads
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, d).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) * d**-0.5 + bias  # torch's fused attention is slower to train here
        heads = scores.softmax(dim=-1).to(v.dtype) @ v
        return self.out(heads.transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    """Attention and feed-forward; each reads a layer norm of its input, and its output is added to the input."""

    def __init__(self, width: int, heads: int, ff: int, dropout: float = 0.0):
        super().__init__()
        self.norm_1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm_2, self.ff = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(width, ff), nn.GELU(), nn.Dropout(dropout), nn.Linear(ff, width)),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], bias: Float[Tensor, "batch 1 1 tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        x = x + self.dropout(self.attention(self.norm_1(x), bias))
        return x + self.dropout(self.ff(self.norm_2(x)))


class Transformer(nn.Module):
    """Pre-norm blocks.

    With `skips`, the outputs of the first half's blocks join the inputs of the second half's, the latest first: the
    skip connections of MLD's U-Net.
    """

    def __init__(self, width: int, layers: int, heads: int, ff: int, dropout: float = 0.0, skips: bool = False):
        super().__init__()
        self.heads = heads
        self.blocks = nn.ModuleList(Block(width, heads, ff, dropout) for _ in range(layers))
        self.joins = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers // 2 if skips else 0))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"], wanted: slice = slice(None)
    ) -> Float[Tensor, "batch wanted width"]:
        """The outputs of the wanted tokens."""
        bias = mask_to_bias(mask)
        first_join = len(self.blocks) - len(self.joins)
        skipped: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            if index >= first_join:
                x = self.joins[index - first_join](torch.cat([x, skipped.pop()], dim=-1))
            x = block(x, bias)
            if index < len(self.joins):
                skipped.append(x)
        return self.norm(x)[:, wanted]


def mask_to_bias(mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch 1 1 tokens"]:
    """What attention adds to its scores: 0 where a key is real, -1e9 elsewhere."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, -1e9)[:, None, None, :]
