"""Linear maps and attention at inference: the same numbers up to float rounding, several times sooner on a CPU.

A weight matrix is put once into the layout that fast kernels read: those of the extension (`lead.kernels.native`), or where it
was not built oneDNN's.  The copies live as long as the weights, and are made anew where a weight was changed.  Where
gradients are recorded, under autocast, on a GPU, in another precision and where torch has no oneDNN either, all of this
is torch's plain functions, bit for bit.  Whole transformers are evaluated by `lead.kernels.transformer`; what is here of attention
and feed-forward serves where that cannot be.  Knows nothing of networks.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere in this field

from lead.kernels import native

_PACKED: dict[int, tuple[Any, Any]] = {}
"""By a weight's id, as long as it lives: what it and its bias were when it was packed, and the packed copy."""


def _onednn(name: str, overload: str = "default") -> Any:
    """One of oneDNN's operators; None where this build of torch has none."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_REORDER = _onednn("_reorder_linear_weight")
_UNARY, _BINARY = _onednn("_linear_pointwise"), _onednn("_linear_pointwise", "binary")
_HAS_ONEDNN = None not in (_REORDER, _UNARY, _BINARY)
NATIVE = native.LEVEL
"""Bits of the extension's vectors, 512 or 256; 0 where it was not built or cannot run, and oneDNN takes its place."""
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
    weight: Float[Tensor, "outputs inputs"] | Float[Tensor, "outputs channels window"],
    bias: Float[Tensor, " outputs"] | None,
    *,
    gelu: bool = False,
    plus: Float[Tensor, "*batch outputs"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """x W^T + b, of that its GELU, or that and `plus`, in one call."""
    # of a weight that was made in inference mode it cannot be told whether it was changed
    given = [tensor for tensor in (weight, bias) if tensor is not None]
    usable = inferring(x) and not any(y.dtype != torch.float32 or y.is_inference() for y in given)
    if not usable or not (native.LEVEL or _HAS_ONEDNN):
        y = F.linear(x, _matrix(weight), bias)
        y = F.gelu(y) if gelu else y
        return y if plus is None else plus + y
    if native.LEVEL:
        return native.mapped(_packed(weight, bias)[0], x, gelu, plus)
    if plus is not None:
        return _BINARY(x, plus, _packed(weight, None), bias, "add")
    return _UNARY(x, _packed(weight, None), bias, "gelu" if gelu else "none", [], "none" if gelu else "")


def _packed(weight: Tensor, bias: Tensor | None) -> Any:
    key, state = id(weight), [(x._version, x.data_ptr()) for x in (weight, bias) if x is not None]
    known = _PACKED.get(key)
    if known is not None and known[0] == state:
        return known[1]
    if known is None:
        weakref.finalize(weight, _PACKED.pop, key, None)
    if native.LEVEL:
        room = torch.empty(native.packed_size(weight[0].numel(), len(weight)))
        copy: Any = native.pack(_matrix(weight), bias, room), room
    else:
        copy = _REORDER(_matrix(weight.detach()))
    _PACKED[key] = state, copy
    return copy


def _matrix(weight: Tensor) -> Float[Tensor, "outputs inputs"]:
    """A convolution's weights in the order in which a window's numbers lie, frame by frame."""
    return weight if weight.ndim == 2 else weight.mT.flatten(1)


class Linear(nn.Linear):
    """torch's linear layer by `linear`; hooks, names and parameters are those of torch."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def convolved(
    layer: nn.Conv1d, x: Float[Tensor, "batch frames channels"], *, gelu: bool = False
) -> Float[Tensor, "batch frames outputs"]:
    """The layer over time, at inference as a linear map of each frame's window; of that its GELU."""
    if not inferring(x):
        y = layer(x.mT).mT
        return F.gelu(y) if gelu else y
    reach, size = int(layer.padding[0]), layer.kernel_size[0]
    padded = F.pad(x, (0, 0, reach, reach))
    batch, frames, channels = padded.shape
    # a window's numbers follow each other: rows of them overlap, and those that reach into the next clip are left out
    windows = padded.as_strided((batch * frames - size + 1, size * channels), (channels, 1))
    y = linear(windows, layer.weight, layer.bias, gelu=gelu)
    return F.pad(y, (0, 0, 0, size - 1)).view(batch, frames, -1)[:, : frames - size + 1]


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


@dataclass(frozen=True, eq=False)
class Addition:
    """up (s * down x), what a low-rank adapter adds to a linear layer's output: its forward hook."""

    down: Float[Tensor, "rank inputs"]
    up: Float[Tensor, "outputs rank"]
    strengths: Float[Tensor, " batch"]
    """s, for each row of the batch."""

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        low = F.linear(x, self.down)
        low = low * self.strengths.to(low.dtype).view(-1, *[1] * (low.ndim - 1))
        return torch.addmm(output.flatten(0, -2), low.flatten(0, -2), self.up.mT).view_as(output)


def unhooked(*layers: nn.Module) -> bool:
    """Whether nobody waits for the layers' outputs, as adapters do: then they need not be called one by one."""
    return not any(layer._forward_hooks for layer in layers)
