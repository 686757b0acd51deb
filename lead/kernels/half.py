"""Transformers in 16 bits with gradients, in one call of the extension each way, on processors with AVX512-BF16.

This is what training under autocast computes: products of bfloat16 numbers, everything else in float32. The weights are
frozen; gradients are those of the input and of low-rank additions (`lead.networks.lora.Addition`). `HalfStack.pack`
gives None where the transformer has to call its modules: outside autocast to bfloat16, where a weight is to be trained,
on another device or processor, and if other forward hooks need a layer's output. It knows nothing of what transformers
are for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pad

from lead.kernels import native
from lead.kernels.stack import Stack, is_plain, point_to_norm
from lead.networks.lora import Addition

PANEL = 32
"""Outputs that the extension computes together."""
_MAPS = ("join", "qkv", "out", "first", "second")


def halves_apply(x: Tensor) -> bool:
    """Whether 16 bits are asked for, and the extension has them."""
    wanted = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return native.HALF and wanted and x.device.type == "cpu"


class HalfStack:
    """A transformer's parts in 16 bits; holds everything that the extension reads."""

    def __init__(self, stack: Stack):
        parts = [
            (layer, name, cast(nn.Linear, getattr(layer, name)))
            for layer in stack.layers
            for name in _MAPS
            if getattr(layer, name) is not None
        ]
        self.usable = not (stack.post_norm or stack.causal or stack.quick_gelu) and all(
            is_plain(part) and not part.weight.requires_grad for _, _, part in parts
        )
        """Whether all parts compute as torch's do, and none is to be trained."""
        if not self.usable:
            return
        self.stack = stack
        self.spare: list[Float[Tensor, " numbers"]] = []
        """Memory of calls that are over: fresh pages would cost a quarter of a step."""
        self.packed = [
            (_to_panels(part.weight), _to_panels(part.weight.T), part.bias.detach().float().contiguous())
            for _, _, part in parts
        ]
        layers = (native.HalfLayer * len(stack.layers))()
        self.layers = layers
        raws = {id(layer): raw for layer, raw in zip(stack.layers, layers, strict=True)}
        self.adaptable: list[tuple[int, str, Mapping[int, Addition]]] = []
        """The layer, the name and the forward hooks of each matrix."""
        for (layer, name, part), (panels, back, bias) in zip(parts, self.packed, strict=True):
            matrix = native.HalfMatrix(
                part.in_features, part.out_features, 0, panels.data_ptr(), back.data_ptr(), bias.data_ptr()
            )
            setattr(raws[id(layer)], name, matrix)
            hooks = cast(Mapping[int, Addition], part._forward_hooks)
            self.adaptable.append((stack.layers.index(layer), name, hooks))
        for layer, raw in zip(stack.layers, layers, strict=True):
            raw.norm_1, raw.norm_2 = point_to_norm(layer.norm_1), point_to_norm(layer.norm_2)

    def evaluate(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        """The outputs of the tokens, without a last norm, and 0 for those that are masked.

        Gradients reach x and the additions that the layers have.
        """
        hooked = [(index, name, list(hooks.values())) for index, name, hooks in self.adaptable if hooks]
        places = [(index, name) for index, name, _ in hooked]
        ranks = [
            torch.cat([hook.strengths.expand(len(x))[:, None].expand(-1, len(hook.down)) for hook in hooks], dim=1)
            for _, _, hooks in hooked
        ]
        low = [
            part for _, _, hooks in hooked for part in (_join([h.down for h in hooks]), _join([h.up.T for h in hooks]))
        ]
        y: Tensor = _Evaluate.apply(self, places, ranks, mask, x.float(), *low)  # type: ignore[no-untyped-call]
        return y

    def take(self, size: int) -> Float[Tensor, " numbers"]:
        """Memory for one call; several threads may ask at once."""
        try:
            kept = self.spare.pop()
        except IndexError:
            return torch.empty(size)
        return kept if len(kept) >= size else torch.empty(size)

    def call(
        self, places: Sequence[tuple[int, str]], ranks: Sequence[Tensor], low: Sequence[Tensor]
    ) -> tuple[native.HalfStack, list[Tensor]]:
        """The stack with these additions, and zeros for their gradients."""
        stack = self.stack
        layers = (native.HalfLayer * len(self.layers))(*self.layers)
        gradients = [torch.zeros_like(part) for part in low]
        for (index, name), strengths, down, up, *sums in zip(
            places, ranks, low[::2], low[1::2], gradients[::2], gradients[1::2], strict=True
        ):
            matrix = getattr(layers[index], name)
            matrix.rank, matrix.strengths = len(down), strengths.data_ptr()
            matrix.down, matrix.up = down.data_ptr(), up.data_ptr()
            matrix.down_gradient, matrix.up_gradient = (each.data_ptr() for each in sums)
        joins, norm = sum(layer.join is not None for layer in stack.layers), stack.layers[0].norm_1
        hidden = cast(nn.Linear, stack.layers[0].first).out_features
        return native.HalfStack(layers, len(layers), joins, len(norm.weight), stack.heads, hidden), gradients


class _Evaluate(torch.autograd.Function):
    """The stack's outputs as an operator of torch's, with its gradients."""

    @staticmethod
    def forward(
        ctx: Any, half: HalfStack, places: Sequence[tuple[int, str]], ranks: Sequence[Tensor], mask: Tensor, x: Tensor,
        *low: Tensor,
    ) -> Tensor:  # fmt: skip
        x, mask = x.contiguous(), mask.contiguous()
        low = tuple(part.float().contiguous() for part in low)
        ranks = [part.contiguous() for part in ranks]
        y = torch.zeros_like(x)
        keep = any(ctx.needs_input_grad)
        stack, gradients = half.call(places, ranks, low)
        call = native.HalfCall(x.data_ptr(), mask.data_ptr(), y.data_ptr(), None, len(x), x.shape[1], keep)
        kept = half.take(native.size_of_half(stack, call))
        native.evaluate_half(stack, call, kept)
        if keep:
            ctx.kept, ctx.given = kept, (stack, call, gradients, half, x, mask, low, ranks, y)
        else:
            half.spare.append(kept)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        stack, call, gradients, half, x, *_ = ctx.given
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            raise RuntimeError("a second backward pass through one evaluation in 16 bits: evaluate it again")
        dy, dx = dy.float().contiguous(), torch.zeros_like(x)
        call.dy, call.dx = dy.data_ptr(), dx.data_ptr()
        native.differentiate_half(stack, call)
        half.spare.append(kept)
        return None, None, None, None, dx, *gradients


def _join(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _to_panels(weight: Float[Tensor, "outputs inputs"]) -> Tensor:
    """W in bfloat16: panels of PANEL outputs, in each of which two inputs' weights lie side by side."""
    outputs, inputs = weight.shape
    filled = pad(weight.detach().to(torch.bfloat16), (0, inputs % 2, 0, -outputs % PANEL))
    return filled.view(-1, PANEL, filled.shape[1] // 2, 2).transpose(1, 2).contiguous()
