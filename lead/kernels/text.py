"""Replacements for the text tower and its transformer."""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from lead.kernels.half import FastHalfStack
from lead.kernels.linear import FastMultiheadAttention
from lead.kernels.replacement import Memo, Replacement, find_fast, have_hooks, kernels_apply, read_state
from lead.kernels.stack import Layer, Map, Stack
from lead.text.tower import TextTower
from lead.text.transformer import Block, Blocks


class FastTextTower(Replacement, TextTower):
    """`TextTower` that encodes the empty prompt once."""

    empty: Memo[tuple[Tensor, list[nn.Parameter]]]

    def start(self) -> None:
        self.empty = Memo()

    def encode_unconditional(self) -> Float[Tensor, "1 d_text"]:
        weights = list(self.parameters())
        state = read_state(weights) if kernels_apply(weights[0]) and not have_hooks(*self.modules()) else None
        if state is None:
            return super().encode_unconditional()
        feature, _ = self.empty.get(state, lambda: (self.encode([""]), weights))
        return feature


class FastTextBlock(Replacement, Block):
    """`Block` with fused attention."""

    def forward(
        self, x: Float[Tensor, "batch tokens width"], attn_mask: Float[Tensor, "tokens tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        fast = find_fast(FastMultiheadAttention, self.attn)
        if fast is None or not kernels_apply(x):
            return super().forward(x, attn_mask)
        (attention,) = fast
        x = attention.attend_to_self(self.ln_1(x), attn_mask, x)
        return x + self.mlp(self.ln_2(x))


class FastTextBlocks(FastHalfStack, Blocks):
    """`Blocks` in one call of the extension, which makes attention causal by itself; under autocast one each way."""

    def forward(
        self, x: Float[Tensor, "batch tokens width"], attn_mask: Float[Tensor, "tokens tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        packed, halves = self.pack(x), self.pack_halves(x)
        if packed is not None:
            return packed.prepare([x], None)()
        return super().forward(x, attn_mask) if halves is None else halves.evaluate(x, None)

    def describe(self) -> Stack:
        layers, heads = [_describe(block) for block in self.resblocks], self.resblocks[0].attn.num_heads
        return Stack(layers, heads, last=None, causal=True, quick_gelu=self.quick_gelu)


def _describe(block: Block) -> Layer:
    attention = block.attn
    first, second = cast(nn.Linear, block.mlp.c_fc), cast(nn.Linear, block.mlp.c_proj)
    assert attention.in_proj_weight is not None
    qkv = Map(attention.in_proj_weight, attention.in_proj_bias)
    return Layer(qkv, attention.out_proj, first, second, block.ln_1, block.ln_2)
