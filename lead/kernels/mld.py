"""Replacements for the transformers of `lead.networks.mld`."""

from typing import cast

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere in this field

from lead.kernels import stack
from lead.kernels.linear import FastLinear, FastMultiheadAttention
from lead.kernels.replacement import Replacement, find_fast, kernels_apply
from lead.networks.layers import mask_to_bias
from lead.networks.mld import Layer, SkipTransformer


class FastLayer(Replacement, Layer):
    """`Layer` in fewer calls: sums and GELU go with the linear maps."""

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch tokens"],
        memory: Float[Tensor, "batch latents width"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        attentions = [self.self_attn] if memory is None else [self.self_attn, self.multihead_attn]
        fast = find_fast(FastMultiheadAttention, *attentions)
        feed_forward = find_fast(FastLinear, self.linear1, self.linear2)
        if fast is None or feed_forward is None or self.training or not kernels_apply(x):
            return super().forward(x, mask, memory)
        first, second = feed_forward
        x = self.norm1(fast[0].attend_to_self(x, mask_to_bias(mask), x))
        if memory is not None:
            x = self.norm2(x + attend_to_memory(self.multihead_attn, x, memory))
        x = second.multiply(first.multiply(x, gelu=True), plus=x)
        return self.norm2(x) if memory is None else self.norm3(x)


def attend_to_memory(
    attention: nn.MultiheadAttention,
    x: Float[Tensor, "batch tokens width"],
    memory: Float[Tensor, "batch latents width"],
) -> Float[Tensor, "batch tokens_or_1 width"]:
    """Attention to a memory; for one memory token the result is the same for all queries, and has one row."""
    if memory.shape[1] > 1:
        return attention(x, memory, memory, need_weights=False)[0]
    width = x.shape[-1]
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    assert weight is not None and bias is not None
    value = F.linear(memory, weight[2 * width :], bias[2 * width :])
    return F.linear(value, attention.out_proj.weight, attention.out_proj.bias)


class FastSkipTransformer(stack.FastStack, SkipTransformer):
    """`SkipTransformer` in one call of the extension, if its memory has one token."""

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch tokens"],
        memory: Float[Tensor, "batch latents width"] | None = None,
        wanted: slice = slice(None),
    ) -> Float[Tensor, "batch wanted width"]:
        packed = self.pack(x) if memory is None or memory.shape[1] == 1 else None
        if packed is None:
            return super().forward(x, mask, memory, wanted)
        return packed.prepare([x], mask, wanted, None if memory is None else memory[:, 0])()

    def describe(self) -> stack.Stack:
        layers = [*self.input_blocks, self.middle_block, *self.output_blocks]
        joins = [*[None] * (len(layers) - len(self.linear_blocks)), *self.linear_blocks]
        described = [_describe(cast(Layer, layer), join) for layer, join in zip(layers, joins, strict=True)]
        return stack.Stack(described, self.middle_block.self_attn.num_heads, self.norm, post_norm=True)


def _describe(layer: Layer, join: nn.Module | None) -> stack.Layer:
    attention = layer.self_attn
    assert attention.in_proj_weight is not None
    qkv = stack.Map(attention.in_proj_weight, attention.in_proj_bias)
    parts = qkv, attention.out_proj, layer.linear1, layer.linear2, layer.norm1
    if not hasattr(layer, "multihead_attn"):
        return stack.Layer(*parts, layer.norm2, join)
    other, width = layer.multihead_attn, attention.embed_dim
    assert other.in_proj_weight is not None and other.in_proj_bias is not None
    value = stack.Map(other.in_proj_weight[2 * width :], other.in_proj_bias[2 * width :])
    return stack.Layer(*parts, layer.norm3, join, value, other.out_proj, layer.norm2)
