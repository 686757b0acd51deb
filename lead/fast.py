"""Linear maps and attention at inference: the same numbers up to float rounding, several times sooner on a CPU.

A weight matrix is put once into the layout that oneDNN's kernels read: a map of 256 to 1024 numbers for the six rows of
one sampling step then takes a quarter of the time.  The copies live as long as the weights, and are made anew where a
weight was changed.  Where gradients are recorded, under autocast, on a GPU, in another precision and where torch has no
oneDNN, all of this is torch's plain functions, bit for bit.  Knows nothing of networks.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere in this field

_PACKED: dict[int, tuple[int, int, Tensor]] = {}
"""By a weight's id, as long as it lives: its version and place when it was packed, and the packed copy."""


def _found(name: str, overload: str = "default") -> Any:
    """One of oneDNN's operators; None where this build of torch has none."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_PACK = _found("_reorder_linear_weight")
_UNARY, _BINARY = _found("_linear_pointwise"), _found("_linear_pointwise", "binary")
_HERE = None not in (_PACK, _UNARY, _BINARY)
_plain = False


@contextmanager
def plainly() -> Iterator[None]:
    """Inside, everything is torch's plain functions: what the speed of this module is compared with."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def inferring(x: Tensor) -> bool:
    """Whether what is computed from `x` may take the ways of this module."""
    return (
        not _plain
        and not torch.is_grad_enabled()
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    )


def linear(
    x: Float[Tensor, "*batch inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None,
    *,
    gelu: bool = False,
    plus: Float[Tensor, "*batch outputs"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """x W^T + b, of that its GELU, or that and `plus`, in one call."""
    # of a weight that was made in inference mode it cannot be told whether it was changed
    if not _HERE or not inferring(x) or weight.dtype != torch.float32 or weight.is_inference():
        y = F.linear(x, weight, bias)
        y = F.gelu(y) if gelu else y
        return y if plus is None else plus + y
    if plus is not None:
        return _BINARY(x, plus, _packed(weight), bias, "add")
    return _UNARY(x, _packed(weight), bias, "gelu" if gelu else "none", [], "none" if gelu else "")


def _packed(weight: Tensor) -> Tensor:
    key, version, place = id(weight), weight._version, weight.data_ptr()
    known = _PACKED.get(key)
    if known is not None and known[0] == version and known[1] == place:
        return known[2]
    if known is None:
        weakref.finalize(weight, _PACKED.pop, key, None)
    packed = _PACK(weight.detach())
    _PACKED[key] = version, place, packed
    return packed


class Linear(nn.Linear):
    """torch's linear layer by `linear`; hooks, names and parameters are those of torch."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def attention(
    qkv: Float[Tensor, "batch tokens three_width"], heads: int, bias: Float[Tensor, "*queries tokens"]
) -> Float[Tensor, "batch tokens width"]:
    """softmax(q k^T / sqrt(d) + bias) v of each head; `bias` is 0 where a key may be looked at, far below elsewhere.

    Plain softmax where gradients are recorded (at a few dozen tokens the fused kernel's backward is slower), one
    fused call where they are not.
    """
    batch, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    if inferring(qkv):
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    else:
        scores = q @ k.transpose(-1, -2) * (width // heads) ** -0.5 + bias
        mixed = scores.softmax(dim=-1).to(v.dtype) @ v
    return mixed.transpose(1, 2).reshape(batch, tokens, width)


def multihead(
    attend: nn.MultiheadAttention,
    x: Float[Tensor, "batch tokens width"],
    bias: Float[Tensor, "*queries tokens"],
    plus: Float[Tensor, "batch tokens width"],
) -> Float[Tensor, "batch tokens width"]:
    """`plus` and what torch's module gives for attention of `x` to itself."""
    mixed = attention(linear(x, attend.in_proj_weight, attend.in_proj_bias), attend.num_heads, bias)
    return linear(mixed, attend.out_proj.weight, attend.out_proj.bias, plus=plus)


def feed_forward(
    first: nn.Linear, second: nn.Linear, x: Float[Tensor, "*batch width"], plus: Float[Tensor, "*batch width"]
) -> Float[Tensor, "*batch width"]:
    """`plus` and W_2 gelu(W_1 x + b_1) + b_2."""
    return linear(linear(x, first.weight, first.bias, gelu=True), second.weight, second.bias, plus=plus)


def unhooked(*layers: nn.Module) -> bool:
    """Whether nobody waits for the layers' outputs, as adapters do: then they need not be called one by one."""
    return not any(layer._forward_hooks for layer in layers)
