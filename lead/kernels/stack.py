"""Whole transformers in one call of the extension, at inference on x86-64: torch's numbers up to float rounding.

A transformer describes its parts (`Stack`). They are packed once, and again after a weight was changed or replaced.
Low-rank additions (`lead.networks.lora.Addition`) go with the call. `FastStack.pack` gives None without the extension,
in training, under autocast, in another precision, on another device, and if other forward hooks need a layer's output;
the transformer then calls its modules. It knows nothing of what transformers are for.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lead.kernels import native
from lead.kernels.linear import FastLinear
from lead.kernels.replacement import Memo, Replacement, State, kernels_apply, read_state
from lead.networks.lora import Addition, is_adaptable


@dataclass(frozen=True, eq=False)
class Map:
    """A matrix that is not a linear layer."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"] | None


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: attention (`qkv`, `out`) and feed-forward (`first`, GELU, `second`), each with its norm."""

    qkv: Map | nn.Module
    out: Map | nn.Module
    first: Map | nn.Module
    second: Map | nn.Module
    norm_1: nn.LayerNorm
    norm_2: nn.LayerNorm
    join: Map | nn.Module | None = None
    """First of all, [x, an earlier layer's output] to x."""
    value: Map | nn.Module | None = None
    """With `put` and `norm_memory`: attention to one token of memory, between attention and feed-forward."""
    put: Map | nn.Module | None = None
    norm_memory: nn.LayerNorm | None = None


@dataclass(frozen=True, eq=False)
class Stack:
    """Layers one after the other; the joins of the last ones take the outputs of the first ones, the latest first."""

    layers: Sequence[Layer]
    heads: int
    last: nn.LayerNorm | None
    """The norm of the outputs."""
    post_norm: bool = False
    """Whether norms come after each sum, or before each part."""
    causal: bool = False
    """Whether a token sees only itself and the tokens before it."""
    quick_gelu: bool = False


_MAPS = ("join", "qkv", "out", "first", "second", "value", "put")
_NORMS = ("norm_1", "norm_2", "norm_memory")


class FastStack(Replacement):
    """A transformer that the extension computes in one call."""

    packed: Memo["PackedStack"]

    def start(self) -> None:
        self.packed = Memo()

    def describe(self) -> Stack:
        """The transformer's parts."""
        raise NotImplementedError

    def pack(self, x: Tensor) -> "PackedStack | None":
        """The packed parts, if the extension may compute from `x`."""
        state = read_stack_state(self) if native.LEVEL and kernels_apply(x) else None
        if state is None:
            return None
        packed = self.packed.get(state, lambda: PackedStack(self.describe()))
        return packed if packed.usable else None


def read_stack_state(network: nn.Module) -> State | None:
    """The weights and the kinds of modules.

    None in training, if hooks other than additions need an output, or if weights were made in inference mode.
    """
    weights: list[Tensor] = []
    kinds: State = []
    modules: list[nn.Module | None] = [network]
    for module in modules:
        if module is None:
            continue
        own = module.__dict__
        if own["training"] or own["_forward_pre_hooks"]:
            return None
        kinds.append((id(type(module)), 0, 0))
        if own["_forward_hooks"] and not all(isinstance(hook, Addition) for hook in own["_forward_hooks"].values()):
            return None
        modules.extend(own["_modules"].values())
        weights.extend(weight for weight in own["_parameters"].values() if weight is not None)
    state = read_state(weights)
    return None if state is None else state + kinds


class PackedStack:
    """A stack as the extension reads it, with the weights' values at the time of packing."""

    def __init__(self, stack: Stack):
        maps = [part for layer in stack.layers for name in _MAPS if (part := getattr(layer, name)) is not None]
        norms = [part for layer in stack.layers for name in _NORMS if (part := getattr(layer, name)) is not None]
        norms += [stack.last] if stack.last is not None else []
        plain = all(isinstance(part, Map) or is_plain(part) for part in (*maps, *norms))
        parts = (*maps, *norms) if plain else ()
        self.weights = [weight for part in parts for weight in (part.weight, part.bias) if weight is not None]
        """Kept, so that no other tensors take their ids and addresses."""
        self.usable = plain and all(x.dtype == torch.float32 and x.device.type == "cpu" for x in self.weights)
        if self.usable:
            self._pack(stack)

    def _pack(self, stack: Stack) -> None:
        layers = (native.Layer * len(stack.layers))()
        both = list(zip(stack.layers, layers, strict=True))
        named = [(raw, name, getattr(layer, name)) for layer, raw in both for name in _MAPS]
        maps = [(raw, name, part) for raw, name, part in named if part is not None]
        self.rooms = native.allocate(native.packed_size(*part.weight.shape[::-1]) for *_, part in maps)
        self.adaptable: list[tuple[Mapping[int, Addition], native.Matrix]] = []
        """The forward hooks of each linear layer, and its matrix."""
        for (raw, name, part), room in zip(maps, self.rooms, strict=True):
            setattr(raw, name, native.pack(part.weight, part.bias, room))
            if is_adaptable(part):
                hooks = cast(Mapping[int, Addition], part._forward_hooks)
                self.adaptable.append((hooks, getattr(raw, name)))
        self.added: list[tuple[Addition, int, int, int]] = []
        """The additions in the matrices, and the versions of their tensors."""
        for layer, raw in both:
            for name in _NORMS:
                if getattr(layer, name) is not None:
                    setattr(raw, name, point_to_norm(getattr(layer, name)))
        joins, width = sum(layer.join is not None for layer in stack.layers), len(stack.layers[0].norm_1.weight)
        ff = len(cast(nn.Linear, stack.layers[0].first).weight)
        last = ctypes.pointer(point_to_norm(stack.last)) if stack.last is not None else None
        self.stack = native.Stack(
            layers, len(layers), joins, width, stack.heads, ff,
            stack.post_norm, stack.causal, stack.quick_gelu, last,
        )  # fmt: skip

    def prepare(
        self,
        pieces: Sequence[Float[Tensor, "batch _ width"]],
        mask: Bool[Tensor, "batch tokens"] | None,
        wanted: slice = slice(None),
        memory: Float[Tensor, "batch width"] | None = None,
    ) -> Callable[[], Float[Tensor, "batch wanted width"]]:
        """A function that computes the outputs of the wanted tokens.

        `pieces` are the input's tokens, in order; `memory` is one token for each row. The function reads contiguous
        pieces, and pieces expanded over the batch, where they are, so their numbers may change between calls. It
        returns the same tensor each time.
        """
        batch, tokens, width = len(pieces[0]), sum(piece.shape[1] for piece in pieces), pieces[0].shape[2]
        start, stop, _ = wanted.indices(tokens)
        count = max(stop - start, 0)
        if width != self.stack.width:
            raise ValueError(f"tokens of {width} numbers for a stack of width {self.stack.width}")
        for given, shape in ((mask, (batch, tokens)), (memory, (batch, width))):
            if given is not None and given.shape != shape:
                raise ValueError(f"found a mask or memory {list(given.shape)}, expected {list(shape)}")
        pieces = [piece if piece.stride()[1:] == (width, 1) else piece.contiguous() for piece in pieces]
        y = pieces[0].new_empty(batch, count, width)
        mask, memory = (None if given is None else given.contiguous() for given in (mask, memory))
        some = [piece for piece in pieces if piece.shape[1]]  # an empty tensor has no address
        places = [native.Piece(piece.data_ptr(), piece.shape[1], piece.stride(0)) for piece in some]
        call = native.Call(
            (native.Piece * len(places))(*places), len(places), *map(native.address_of, (mask, memory, y)),
            batch, tokens, start, count, torch.get_num_threads(),
        )  # fmt: skip
        read = pieces, mask, memory

        def evaluate() -> Tensor:
            if not y.numel():  # no rows or no tokens: there is nothing to compute
                return y
            self._pack_additions(batch)
            native.evaluate(self.stack, call, read)
            return y

        return evaluate

    def _pack_additions(self, batch: int) -> None:
        """Put the low-rank additions that the layers have at this time into the matrices."""
        hooked = [(matrix, list(hooks.values())) for hooks, matrix in self.adaptable if hooks]
        additions = [hook for _, hooks in hooked for hook in hooks]
        added = [(hook, hook.down._version, hook.up._version, hook.strengths._version) for hook in additions]
        if added == self.added:
            return
        self.added = added
        for _, matrix in self.adaptable:
            matrix.rank = 0
        low = [(torch.cat([h.down for h in hooks]), torch.cat([h.up for h in hooks], dim=1)) for _, hooks in hooked]
        self.low = native.allocate(native.packed_size(*part.shape[::-1]) for pair in low for part in pair)
        self.strengths = []
        for (matrix, hooks), (down, up), *rooms in zip(hooked, low, self.low[::2], self.low[1::2], strict=True):
            matrix.down = native.pack(down, None, rooms[0]).panels
            matrix.up = native.pack(up, None, rooms[1]).panels
            ranks = [hook.strengths.expand(batch)[:, None].expand(-1, len(hook.down)) for hook in hooks]
            self.strengths.append(torch.cat(ranks, dim=1))
            matrix.rank, matrix.strengths = len(down), self.strengths[-1].data_ptr()


def is_plain(part: nn.Module) -> bool:
    """Whether a layer computes as torch's linear layer or norm does: no wrapper, no `forward` of its own."""
    return type(part).forward in (nn.Linear.forward, FastLinear.forward, nn.LayerNorm.forward)


def point_to_norm(norm: nn.LayerNorm) -> native.Norm:
    return native.Norm(norm.weight.data_ptr(), norm.bias.data_ptr(), norm.eps)
