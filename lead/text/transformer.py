"""The text tower's network: open_clip's `TextTransformer` with its names, initial values and outputs.

Pre-norm blocks over embedded tokens; a causal mask lets a token see itself and the tokens before it. The network is
written here because importing open_clip takes seconds and 160 MB (torchvision, transformers, timm), which every
`generate` would pay. It knows nothing of tokenizing and pooling: `lead.text.tower` does both.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn


class TextTransformer(nn.Module):
    """The parts of a text tower, in open_clip's names; it has no `forward`, `lead.text.tower` calls its parts."""

    attn_mask: Float[Tensor, "context context"]
    """Added to attention's scores: minus infinity where a key comes after its query."""

    def __init__(
        self, vocabulary: int, context: int, width: int, layers: int, heads: int, d_text: int, quick_gelu: bool
    ):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(context, width))
        self.transformer = Blocks(width, layers, heads, quick_gelu)
        self.ln_final = nn.LayerNorm(width)
        later = np.triu(np.full((context, context), -np.inf, dtype=np.float32), 1)
        self.register_buffer("attn_mask", torch.from_numpy(later), persistent=False)
        self.text_projection = nn.Parameter(torch.empty(width, d_text))
        self._draw_weights(width, layers)

    def _draw_weights(self, width: int, layers: int) -> None:
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=(2 * layers * width) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(2 * layers * width) ** -0.5)
        nn.init.normal_(self.text_projection, std=width**-0.5)


class Blocks(nn.Module):
    """Pre-norm transformer blocks, one after the other."""

    def __init__(self, width: int, layers: int, heads: int, quick_gelu: bool):
        super().__init__()
        self.quick_gelu = quick_gelu
        self.resblocks: Any = nn.ModuleList(Block(width, heads, quick_gelu) for _ in range(layers))

    def forward(
        self, x: Float[Tensor, "batch tokens width"], attn_mask: Float[Tensor, "tokens tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        """`attn_mask` is causal."""
        for block in self.resblocks:
            x = block(x, attn_mask)
        return x


class Block(nn.Module):
    """Attention and feed-forward; each reads a layer norm of its input, and its output is added to the input."""

    def __init__(self, width: int, heads: int, quick_gelu: bool):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        layers = [
            ("c_fc", nn.Linear(width, 4 * width)),
            ("gelu", QuickGELU() if quick_gelu else nn.GELU()),
            ("c_proj", nn.Linear(4 * width, width)),
        ]
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(
        self, x: Float[Tensor, "batch tokens width"], attn_mask: Float[Tensor, "tokens tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=attn_mask)[0]
        return x + self.mlp(self.ln_2(x))


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), which OpenAI's CLIP was trained with."""

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return x * torch.sigmoid(1.702 * x)
