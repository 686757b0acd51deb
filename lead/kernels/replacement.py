"""How a fast module takes another one's place, and when it computes.

A replacement is a subclass of the class that it replaces: it overrides `forward` and keeps packed weights beside the
parameters. Names, parameters and hooks stay those of the module; a copy packs its own weights. Where `kernels_apply`
is False, for example in training, a replacement calls the `forward` of its superclass.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)
State = list[tuple[int, int, int]]
"""Id, version and address of each weight."""


class Replacement(nn.Module):
    """A module that takes another one's place: `replace.optimize` changes the class, then calls `start`."""

    def start(self) -> None:
        """Create what the class keeps beside the module's parameters."""


class Memo(Generic[T]):
    """A value computed from weights, and computed again once they have changed. A copy starts without the value."""

    def __init__(self) -> None:
        self._known: tuple[State, T] | None = None

    def __reduce__(self) -> tuple[type["Memo[T]"], tuple[()]]:
        return type(self), ()

    def get(self, state: State, compute: Callable[[], T]) -> T:
        """The value; it has to hold the weights of `state`, so that no other tensors take their ids and addresses."""
        known = self._known
        if known is None or known[0] != state:
            known = self._known = state, compute()
        return known[1]


def read_state(weights: Iterable[Tensor]) -> State | None:
    """None if a weight was made in inference mode: torch does not tell whether it was changed."""
    state: State = []
    for weight in weights:
        if weight.is_inference():
            return None
        state.append((id(weight), weight._version, weight.data_ptr()))
    return state


def kernels_apply(x: Tensor) -> bool:
    """Whether kernels may compute from `x`: float32 on a CPU, without gradients and autocast."""
    return (
        not torch.is_grad_enabled()
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    )


def have_hooks(*layers: nn.Module) -> bool:
    """Whether a hook, such as an adapter's, needs the input or output of one of the layers."""
    return any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)


def find_fast(kind: type[M], *layers: nn.Module) -> tuple[M, ...] | None:
    """The layers, if a kernel may compute in their place; None if one was replaced or wrapped, or has a hook."""
    usable = all(type(layer).forward is kind.forward for layer in layers) and not have_hooks(*layers)
    return cast(tuple[M, ...], layers) if usable else None
