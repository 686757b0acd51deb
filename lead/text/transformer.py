"""The text tower's network: open_clip's `TextTransformer` with its names, initial values and outputs, in few lines.

Pre-norm blocks over embedded tokens; the causal mask lets a token see those before it and itself.  It is written
out here because importing open_clip takes seconds and 160 MB (torchvision, transformers, timm), which every
`generate` would pay.  Knows nothing of tokens' meaning, pooling is its caller's.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lead.kernels import transformer as stacks
from lead.kernels.linear import Linear, inferring, multihead


class TextTransformer(nn.Module):
    attn_mask: Tensor
    """[context, context], added to scores: minus infinity where a key comes after its query."""

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
        self._start(width, layers)

    def _start(self, width: int, layers: int) -> None:
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=(2 * layers * width) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(2 * layers * width) ** -0.5)
        nn.init.normal_(self.text_projection, std=width**-0.5)


class Blocks(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, quick_gelu: bool):
        super().__init__()
        self.quick_gelu = quick_gelu
        self.resblocks: Any = nn.ModuleList(Block(width, heads, quick_gelu) for _ in range(layers))

    def forward(
        self, x: Float[Tensor, "batch tokens width"], attn_mask: Float[Tensor, "tokens tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        """`attn_mask` is causal, which the extension knows by itself."""
        packed = stacks.packed(self, x)
        if packed is not None:
            return packed.prepared([x], None)()
        for block in self.resblocks:
            x = block(x, attn_mask)
        return x

    def stack(self) -> stacks.Stack:
        """The parts, for the extension."""
        layers = []
        for block in self.resblocks:
            attend, mlp = block.attn, block.mlp
            qkv = stacks.Map(attend.in_proj_weight, attend.in_proj_bias)
            layers.append(stacks.Layer(qkv, attend.out_proj, mlp.c_fc, mlp.c_proj, block.ln_1, block.ln_2))
        return stacks.Stack(layers, attend.num_heads, last=None, causal=True, quick_gelu=self.quick_gelu)


class Block(nn.Module):
    """Attention and feed-forward, each after a layer norm and added to its input."""

    def __init__(self, width: int, heads: int, quick_gelu: bool):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn: Any = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        layers = [
            ("c_fc", Linear(width, 4 * width)),
            ("gelu", QuickGELU() if quick_gelu else nn.GELU()),
            ("c_proj", Linear(4 * width, width)),
        ]
        self.mlp: Any = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor, attn_mask: Tensor) -> Tensor:
        y = self.ln_1(x)
        if inferring(y):
            x = multihead(self.attn, y, attn_mask, x)
        else:
            x = x + self.attn(y, y, y, need_weights=False, attn_mask=attn_mask)[0]
        return x + self.mlp(self.ln_2(x))


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), which OpenAI's CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)
