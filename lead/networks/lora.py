"""Low-rank adapters: what a learned word may add to the denoiser where it stands in the prompt.

y = W x + s * up (down x) for the linear layers of the transformer blocks (LoRA: Hu et al., arXiv 2106.09685), with a
strength s for each row of the batch: rows whose prompt does not name the word have s = 0 and stay what they were.  The
base's own weights are never touched.
Knows nothing of prompts, noise levels and files.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere in this field
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from lead.errors import LeadError

PREFIX, DOWN, UP = "adapter.", "/down", "/up"


class LoRA(nn.Module):
    """Low-rank additions to the linear layers of a network, by layer name."""

    def __init__(self, layers: Mapping[str, tuple[Tensor, Tensor]]):
        """For each layer `down` [rank, in] and `up` [out, rank]."""
        super().__init__()
        self.layers = tuple(layers)
        self.down = nn.ParameterList(down for down, _ in layers.values())
        self.up = nn.ParameterList(up for _, up in layers.values())

    @classmethod
    def fresh(cls, network: nn.Module, rank: int, generator: torch.Generator | None = None) -> "LoRA":
        """One that changes nothing yet (`up` is zero), for every linear layer of the network's transformer blocks."""
        layers = {}
        for name, layer in network.named_modules():
            if _is_linear(layer) and "block" in name:
                down = torch.randn(rank, layer.in_features, generator=generator) / layer.in_features**0.5
                device = layer.weight.device
                layers[name] = (down.to(device), torch.zeros(layer.out_features, rank, device=device))
        return cls(layers)

    @classmethod
    def of(cls, word: Mapping[str, Any]) -> "LoRA":
        """The adapter among a word's tensors; the inverse of `tensors`."""
        tensors = {name.removeprefix(PREFIX): value for name, value in word.items() if name.startswith(PREFIX)}
        names = sorted({name.rsplit("/", 1)[0] for name in tensors})
        if sorted(tensors) != sorted(name + end for name in names for end in (DOWN, UP)):
            raise LeadError(f"an adapter needs {DOWN} and {UP} of each layer; found {', '.join(sorted(tensors))}")
        part = {name: torch.as_tensor(value).float() for name, value in tensors.items()}
        return cls({name: (part[name + DOWN], part[name + UP]) for name in names})

    def tensors(self) -> dict[str, Tensor]:
        """By `adapter.<layer>/down` and `adapter.<layer>/up`."""
        rows = zip(self.layers, self.down, self.up, strict=True)
        return {PREFIX + name + end: x.detach() for name, down, up in rows for end, x in ((DOWN, down), (UP, up))}


@dataclass(frozen=True, eq=False)
class Addition:
    """up (s * down x), added to a linear layer's output: a forward hook of the layer."""

    down: Float[Tensor, "rank inputs"]
    up: Float[Tensor, "outputs rank"]
    strengths: Float[Tensor, " batch"]
    """s of each row of the batch."""

    def __call__(
        self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Float[Tensor, "*batch outputs"]
    ) -> Float[Tensor, "*batch outputs"]:
        low = F.linear(inputs[0], self.down)
        low = low * self.strengths.to(low.dtype).view(-1, *[1] * (low.ndim - 1))
        return torch.addmm(output.flatten(0, -2), low.flatten(0, -2), self.up.mT).view_as(output)


@contextmanager
def apply_lora(network: nn.Module, adapters: Sequence[tuple[LoRA, Float[Tensor, "batch"]]]) -> Iterator[None]:
    """Inside, the network has the additions; each adapter comes with its strength for every row of the batch.

    Raises LeadError for an adapter whose layers the network does not have in that shape.
    """
    with ExitStack() as stack:
        for adapter, strengths in adapters:
            for name, down, up in zip(adapter.layers, adapter.down, adapter.up, strict=True):
                layer = _layer(network, name, down, up)
                handle = layer.register_forward_hook(Addition(down, up, strengths))
                stack.callback(handle.remove)
        yield


def _is_linear(layer: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether a hook on the layer acts: torch's attention reads its output layer's weights and never calls it."""
    return isinstance(layer, nn.Linear) and not isinstance(layer, NonDynamicallyQuantizableLinear)


def _layer(network: nn.Module, name: str, down: Tensor, up: Tensor) -> nn.Module:
    try:
        layer = network.get_submodule(name)
    except AttributeError:
        layer = None
    if not isinstance(layer, nn.Linear) or layer.weight.shape != (len(up), down.shape[1]) or len(down) != up.shape[1]:
        raise LeadError(
            f"the word's adapter changes a layer {name} of {len(up)} x {down.shape[1]}, which this base's denoiser "
            "does not have: it was learned on another base model; learn it on this one"
        )
    return layer
