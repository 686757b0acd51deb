"""Whole transformers in one call of the extension, at inference on x86-64: the same numbers up to float rounding.

A transformer says what its parts are (`Stack`); they are packed once, and anew where a weight was changed or replaced.
Low-rank additions (`lead.kernels.linear.Addition`) go with the call.  Where the extension was not built, in training, under
autocast, in another precision, on another device and where others wait for what a layer does, `packed` is None, and the
transformer calls its modules.  Knows nothing of what transformers are for.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lead.kernels import native
from lead.kernels.linear import Addition, inferring


@dataclass(frozen=True, eq=False)
class Map:
    """A matrix that is no linear layer of its own."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"] | None


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: attention (`qkv`, `out`) and feed-forward (`first`, GELU, `second`), each with its norm."""

    qkv: Map | nn.Linear
    out: Map | nn.Linear
    first: Map | nn.Linear
    second: Map | nn.Linear
    norm_1: nn.LayerNorm
    norm_2: nn.LayerNorm
    join: Map | nn.Linear | None = None
    """[x, an earlier layer's output] to x, before all else."""
    value: Map | nn.Linear | None = None
    """With `put` and `norm_memory`: attention to one token of memory, between the two parts."""
    put: Map | nn.Linear | None = None
    norm_memory: nn.LayerNorm | None = None


@dataclass(frozen=True, eq=False)
class Stack:
    """Layers one after the other; the last half's joins take the first half's outputs, the latest first."""

    layers: Sequence[Layer]
    heads: int
    last: nn.LayerNorm | None
    """The norm of the outputs."""
    post_norm: bool = False
    """Whether norms come after each sum, or before each part."""
    causal: bool = False
    quick_gelu: bool = False


_MAPS = ("join", "qkv", "out", "first", "second", "value", "put")
_NORMS = ("norm_1", "norm_2", "norm_memory")
State = list[tuple[int, int, int]]
"""Of each parameter its id, version and place."""


def packed(network: Any, x: Tensor) -> "Packed | None":
    """The stack of a module that has a method `stack`, if the extension may compute what is computed from `x`."""
    state = _state(network) if native.LEVEL and inferring(x) else None
    if state is None:
        return None
    known = _PACKED.get(network)
    if known is None or known.state != state:
        known = _PACKED[network] = Packed(network.stack(), state)
    return known if known.usable else None


def _state(network: nn.Module) -> State | None:
    """None where a module trains, others wait for what it does, or its weights were made in inference mode."""
    weights: State = []
    modules = [network]
    for module in modules:
        own = module.__dict__
        if own["training"] or own["_forward_pre_hooks"]:
            return None
        if own["_forward_hooks"] and not all(isinstance(hook, Addition) for hook in own["_forward_hooks"].values()):
            return None
        modules.extend(own["_modules"].values())
        for weight in own["_parameters"].values():
            if weight is not None:
                if weight.is_inference():  # of which it cannot be told whether it was changed
                    return None
                weights.append((id(weight), weight._version, weight.data_ptr()))
    return weights


class Packed:
    """A stack as the extension reads it; it stays what its weights were when it was made."""

    def __init__(self, stack: Stack, state: State):
        self.state = state
        maps = [part for layer in stack.layers for name in _MAPS if (part := getattr(layer, name)) is not None]
        norms = [part for layer in stack.layers for name in _NORMS if (part := getattr(layer, name)) is not None]
        norms += [stack.last] if stack.last is not None else []
        self.weights = [weight for part in (*maps, *norms) for weight in (part.weight, part.bias) if weight is not None]
        """Kept, so that no other tensor takes their ids and places."""
        self.usable = all(x.dtype == torch.float32 and x.device.type == "cpu" for x in self.weights)
        if self.usable:
            self._pack(stack)

    def _pack(self, stack: Stack) -> None:
        layers = (native.Layer * len(stack.layers))()
        both = list(zip(stack.layers, layers, strict=True))
        maps = [(raw, name, getattr(layer, name)) for layer, raw in both for name in _MAPS]
        maps = [(raw, name, part) for raw, name, part in maps if part is not None]
        self.rooms = native.rooms(native.packed_size(*part.weight.shape[::-1]) for *_, part in maps)
        self.adaptable: list[tuple[dict[int, Any], native.Matrix]] = []
        for (raw, name, part), room in zip(maps, self.rooms, strict=True):
            setattr(raw, name, native.pack(part.weight, part.bias, room))
            if isinstance(part, nn.Linear):
                self.adaptable.append((part._forward_hooks, getattr(raw, name)))
        self.added: list[Any] = []
        for layer, raw in both:
            for name in _NORMS:
                if getattr(layer, name) is not None:
                    setattr(raw, name, _norm(getattr(layer, name)))
        first, joins = stack.layers[0], sum(layer.join is not None for layer in stack.layers)
        last = ctypes.pointer(_norm(stack.last)) if stack.last is not None else None
        self.stack = native.Stack(
            layers, len(layers), joins, first.out.weight.shape[0], stack.heads, first.first.weight.shape[0],
            stack.post_norm, stack.causal, stack.quick_gelu, last,
        )  # fmt: skip

    def prepared(
        self,
        pieces: Sequence[Float[Tensor, "batch _ width"]],
        mask: Bool[Tensor, "batch tokens"] | None,
        wanted: slice = slice(None),
        memory: Float[Tensor, "batch width"] | None = None,
    ) -> Callable[[], Float[Tensor, "batch wanted width"]]:
        """A function that gives the wanted tokens' outputs for x, given in pieces of its tokens.

        `memory` is one token for each row.  A piece that is expanded over the batch is read where it is, and its
        numbers may change there between calls; what the function gives is the same tensor each time.
        """
        batch, tokens, width = len(pieces[0]), sum(piece.shape[1] for piece in pieces), pieces[0].shape[2]
        start, stop, _ = wanted.indices(tokens)
        pieces = [piece if piece.stride()[1:] == (width, 1) else piece.contiguous() for piece in pieces]
        y = pieces[0].new_empty(batch, stop - start, width)
        mask, memory = (None if given is None else given.contiguous() for given in (mask, memory))
        places = [native.Piece(piece.data_ptr(), piece.shape[1], piece.stride(0)) for piece in pieces]
        call = native.Call(
            (native.Piece * len(places))(*places), len(places), *map(native.place, (mask, memory, y)),
            batch, tokens, start, stop - start, torch.get_num_threads(),
        )  # fmt: skip
        read = pieces, mask, memory

        def evaluate() -> Tensor:
            self._add(batch)
            native.evaluate(self.stack, call, read)
            return y

        return evaluate

    def _add(self, batch: int) -> None:
        """Take up the low-rank additions that the layers have now."""
        acting = [(matrix, list(hooks.values())) for hooks, matrix in self.adaptable if hooks]
        every = [hook for _, hooks in acting for hook in hooks]
        added = [(hook, hook.down._version, hook.up._version, hook.strengths._version) for hook in every]
        if added == self.added:
            return
        self.added = added
        for _, matrix in self.adaptable:
            matrix.rank = 0
        low = [(torch.cat([h.down for h in hooks]), torch.cat([h.up for h in hooks], dim=1)) for _, hooks in acting]
        self.low = native.rooms(native.packed_size(*part.shape[::-1]) for pair in low for part in pair)
        self.strengths = []
        for (matrix, hooks), (down, up), *rooms in zip(acting, low, self.low[::2], self.low[1::2], strict=True):
            matrix.down = native.pack(down, None, rooms[0]).panels
            matrix.up = native.pack(up, None, rooms[1]).panels
            ranks = [hook.strengths.expand(batch)[:, None].expand(-1, len(hook.down)) for hook in hooks]
            self.strengths.append(torch.cat(ranks, dim=1))
            matrix.rank, matrix.strengths = len(down), self.strengths[-1].data_ptr()


def _norm(norm: nn.LayerNorm) -> native.Norm:
    return native.Norm(norm.weight.data_ptr(), norm.bias.data_ptr(), norm.eps)


_PACKED: WeakKeyDictionary[nn.Module, Packed] = WeakKeyDictionary()
"""As long as the module lives."""
