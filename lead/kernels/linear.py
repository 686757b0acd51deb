"""Linear maps and attention at inference: torch's numbers up to float rounding, several times faster on a CPU.

A weight matrix is packed once into the layout that fast kernels read: the extension's (`lead.kernels.native`) or, if it
was not built, oneDNN's. The copy lives on the layer and is made again when the weight changes.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere in this field

from lead.kernels import native
from lead.kernels.replacement import Memo, Replacement, kernels_apply, read_state


def _find_onednn(name: str, overload: str = "default") -> Callable[..., Any] | None:
    """One of oneDNN's operators; None if this build of torch has none."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_REORDER = _find_onednn("_reorder_linear_weight")
_UNARY, _BINARY = _find_onednn("_linear_pointwise"), _find_onednn("_linear_pointwise", "binary")
HAS_ONEDNN = None not in (_REORDER, _UNARY, _BINARY)
Packed = tuple[Any, list[Tensor]]
"""A matrix as its kernel reads it, and the tensors that have to live as long as it."""


def multiply(
    x: Float[Tensor, "*batch inputs"],
    weight: Float[Tensor, "outputs inputs"] | Float[Tensor, "outputs channels window"],
    bias: Float[Tensor, " outputs"] | None,
    memo: Memo[Packed],
    *,
    gelu: bool = False,
    plus: Float[Tensor, "*batch outputs"] | None = None,
) -> Float[Tensor, "*batch outputs"]:
    """W x + b, its GELU with `gelu`, or the sum with `plus`; `memo` keeps the packed matrix.

    The numbers of a convolution's window are its inputs, frame by frame.
    """
    given = [weight] if bias is None else [weight, bias]
    usable = kernels_apply(x) and all(y.dtype == torch.float32 for y in given)
    state = read_state(given) if usable else None
    if state is None:
        y = F.linear(x, _to_matrix(weight), bias)
        y = F.gelu(y) if gelu else y
        return y if plus is None else plus + y
    packed, _ = memo.get(state, lambda: _pack(weight, bias))
    if native.LEVEL:
        return native.multiply(packed, x, gelu, plus)
    assert _UNARY is not None and _BINARY is not None
    if plus is not None:
        y = _BINARY(x, plus, packed, bias, "add")
    else:
        y = _UNARY(x, packed, bias, "gelu" if gelu else "none", [], "none" if gelu else "")
    return cast(Tensor, y)


def _pack(weight: Tensor, bias: Tensor | None) -> Packed:
    kept = [weight] if bias is None else [weight, bias]
    if native.LEVEL:
        room = torch.empty(native.packed_size(weight[0].numel(), len(weight)))
        return native.pack(_to_matrix(weight), bias, room), [*kept, room]
    assert _REORDER is not None
    return _REORDER(_to_matrix(weight.detach())), kept


def _to_matrix(weight: Tensor) -> Float[Tensor, "outputs inputs"]:
    """A linear layer's weight; or a convolution's, its inputs in the order in which a window's numbers lie."""
    return weight if weight.ndim == 2 else weight.mT.flatten(1)


class FastLinear(Replacement, nn.Linear):
    """torch's linear layer with a packed weight."""

    packed: Memo[Packed]

    def start(self) -> None:
        self.packed = Memo()

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        return multiply(x, self.weight, self.bias, self.packed)

    def multiply(
        self,
        x: Float[Tensor, "*batch inputs"],
        *,
        gelu: bool = False,
        plus: Float[Tensor, "*batch outputs"] | None = None,
    ) -> Float[Tensor, "*batch outputs"]:
        """`forward` with its GELU or a sum in the same call; hooks are not called."""
        return multiply(x, self.weight, self.bias, self.packed, gelu=gelu, plus=plus)


class FastConv1d(Replacement, nn.Conv1d):
    """torch's convolution over time; `convolve` computes it as a linear map of each frame's window."""

    packed: Memo[Packed]

    def start(self) -> None:
        self.packed = Memo()

    def convolve(
        self, x: Float[Tensor, "batch frames channels"], *, gelu: bool = False
    ) -> Float[Tensor, "batch frames outputs"]:
        """The convolution with "same" padding, or its GELU, where `kernels_apply`."""
        padding, size = int(self.padding[0]), self.kernel_size[0]
        padded = F.pad(x, (0, 0, padding, padding))
        batch, frames, channels = padded.shape
        # the numbers of a window follow each other, so its rows overlap; windows that reach into the next clip are cut
        windows = padded.as_strided((batch * frames - size + 1, size * channels), (channels, 1))
        y = multiply(windows, self.weight, self.bias, self.packed, gelu=gelu)
        return F.pad(y, (0, 0, 0, size - 1)).view(batch, frames, -1)[:, : frames - size + 1]


class FastMultiheadAttention(Replacement, nn.MultiheadAttention):
    """torch's attention with packed weights, in `attend_to_self`."""

    packed_in: Memo[Packed]
    packed_out: Memo[Packed]

    def start(self) -> None:
        self.packed_in, self.packed_out = Memo(), Memo()

    def attend_to_self(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "*queries tokens"],
        plus: Float[Tensor, "batch tokens width"],
    ) -> Float[Tensor, "batch tokens width"]:
        """`plus` and the attention of x to itself; `bias` is added to the scores."""
        assert self.in_proj_weight is not None
        qkv = multiply(x, self.in_proj_weight, self.in_proj_bias, self.packed_in)
        out = self.out_proj
        return multiply(attend(qkv, self.num_heads, bias), out.weight, out.bias, self.packed_out, plus=plus)


def attend(
    qkv: Float[Tensor, "batch tokens three_width"], heads: int, bias: Float[Tensor, "*queries tokens"]
) -> Float[Tensor, "batch tokens width"]:
    """softmax(q k^T / sqrt(d) + bias) v for each head, in one call; `bias` is 0 for keys that may be seen."""
    batch, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return y.transpose(1, 2).reshape(batch, tokens, width)
