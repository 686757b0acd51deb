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
from lead.kernels.replacement import Memo
from lead.kernels.stack import FastStack, Map, Stack, is_plain, point_to_norm, read_stack_state
from lead.networks.lora import Addition, is_adaptable

PANEL = 32
"""Outputs that the extension computes together."""
_MAPS = ("join", "qkv", "out", "first", "second")


def halves_apply(x: Tensor) -> bool:
    """Whether 16 bits are asked for, and the extension has them."""
    wanted = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return native.HALF and wanted and x.device.type == "cpu"


class FastHalfStack(FastStack):
    """A transformer that the extension computes in one call, and in 16 bits with gradients."""

    halves: Memo["HalfStack"]

    def start(self) -> None:
        super().start()
        self.halves = Memo()

    def pack_halves(self, x: Tensor) -> "HalfStack | None":
        """The packed parts, if the extension may compute from `x` in 16 bits."""
        state = read_stack_state(self) if halves_apply(x) else None
        if state is None:
            return None
        halves = self.halves.get(state, lambda: HalfStack(self.describe()))
        return halves if halves.usable else None


class HalfStack:
    """A transformer's parts in 16 bits; holds everything that the extension reads."""

    def __init__(self, stack: Stack):
        named = [(index, name, getattr(layer, name)) for index, layer in enumerate(stack.layers) for name in _MAPS]
        maps = [(index, name, part) for index, name, part in named if part is not None]
        norms = [norm for layer in stack.layers for norm in (layer.norm_1, layer.norm_2)]
        parts = [*(part for *_, part in maps), *norms]
        plain = all(isinstance(part, Map) or is_plain(part) for part in parts)
        self.weights = [weight for part in parts for weight in (part.weight, part.bias)] if plain else []
        """Kept, so that no other tensors take their ids and addresses."""
        self.usable = (
            plain
            and not (stack.post_norm or stack.quick_gelu)
            and not any(weight is None or weight.requires_grad for weight in self.weights)
            and all(norm.weight.dtype == torch.float32 for norm in norms)
        )
        """Whether all parts compute as torch's do, and none is to be trained."""
        if self.usable:
            self._pack(stack, maps)

    def _pack(self, stack: Stack, maps: Sequence[tuple[int, str, Any]]) -> None:
        self.stack = stack
        self.spare: list[Float[Tensor, " numbers"]] = []
        """Memory of calls that are over: fresh pages would cost a quarter of a step."""
        self.rooms = [
            (_to_panels(part.weight), _to_panels(part.weight.T), part.bias.detach().float().contiguous())
            for *_, part in maps
        ]
        self.layers = (native.HalfLayer * len(stack.layers))()
        self.adaptable: list[tuple[int, str, Mapping[int, Addition]]] = []
        """The layer, the name and the forward hooks of each matrix that may have additions."""
        for (index, name, part), rooms in zip(maps, self.rooms, strict=True):
            outputs, inputs = part.weight.shape
            setattr(self.layers[index], name, native.HalfMatrix(inputs, outputs, 0, *(x.data_ptr() for x in rooms)))
            if is_adaptable(part):
                self.adaptable.append((index, name, cast(Mapping[int, Addition], part._forward_hooks)))
        for layer, raw in zip(stack.layers, self.layers, strict=True):
            raw.norm_1, raw.norm_2 = point_to_norm(layer.norm_1), point_to_norm(layer.norm_2)

    def evaluate(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"] | None
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
        x = x.float()
        keep = torch.is_grad_enabled() and any(part.requires_grad for part in (x, *low))
        y: Tensor = _Evaluate.apply(self, keep, places, ranks, mask, x, *low)  # type: ignore[no-untyped-call]
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
        hidden = len(cast(nn.Linear, stack.layers[0].first).weight)
        raw = native.HalfStack(layers, len(layers), joins, len(norm.weight), stack.heads, hidden, stack.causal)
        return raw, gradients


class _Evaluate(torch.autograd.Function):
    """The stack's outputs as an operator of torch's, with its gradients."""

    @staticmethod
    def forward(
        ctx: Any, half: HalfStack, keep: bool, places: Sequence[tuple[int, str]], ranks: Sequence[Tensor],
        mask: Tensor | None, x: Tensor, *low: Tensor,
    ) -> Tensor:  # fmt: skip
        x, mask = x.contiguous(), None if mask is None else mask.contiguous()
        low = tuple(part.float().contiguous() for part in low)
        ranks = [part.contiguous() for part in ranks]
        y = torch.zeros_like(x)
        stack, gradients = half.call(places, ranks, low)
        sizes = len(x), x.shape[1], torch.get_num_threads()
        call = native.HalfCall(x.data_ptr(), native.address_of(mask), y.data_ptr(), None, *sizes, keep)
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
        return None, None, None, None, None, dx, *gradients


def _join(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _to_panels(weight: Float[Tensor, "outputs inputs"]) -> Tensor:
    """W in bfloat16: panels of PANEL outputs, in each of which two inputs' weights lie side by side."""
    outputs, inputs = weight.shape
    filled = pad(weight.detach().to(torch.bfloat16), (0, inputs % 2, 0, -outputs % PANEL))
    return filled.view(-1, PANEL, filled.shape[1] // 2, 2).transpose(1, 2).contiguous()
