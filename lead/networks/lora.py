"""Low-rank adapters: what a concept may add to the denoiser where a prompt names it.

y = W x + s * up (down x) for the linear layers of the transformer blocks (LoRA: Hu et al., arXiv 2106.09685), with a
strength s for each row of the batch. A row whose prompt does not name the concept has s = 0 and does not change. The
base's own weights are never touched.
Knows nothing of prompts, timesteps and files.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
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
        """For each layer `down` [rank, inputs] and `up` [outputs, rank]."""
        super().__init__()
        self.layers = tuple(layers)
        self.down = nn.ParameterList(down for down, _ in layers.values())
        self.up = nn.ParameterList(up for _, up in layers.values())

    @classmethod
    def initialize(cls, network: nn.Module, rank: int, generator: torch.Generator | None = None) -> "LoRA":
        """An adapter for every linear layer of the network's transformer blocks.

        `up` is zero, so it changes nothing until it is trained.
        """
        layers = {}
        for name, layer in network.named_modules():
            if is_adaptable(layer) and "block" in name:
                down = torch.randn(rank, layer.in_features, generator=generator) / layer.in_features**0.5
                device = layer.weight.device
                layers[name] = (down.to(device), torch.zeros(layer.out_features, rank, device=device))
        return cls(layers)

    @classmethod
    def from_layers(cls, layers: Mapping[str, tuple[Tensor | np.ndarray, Tensor | np.ndarray]]) -> "LoRA":
        """The adapter of a concept, in float32: down and up by the layer's name."""
        return cls({
            name: (torch.as_tensor(down).float(), torch.as_tensor(up).float()) for name, (down, up) in layers.items()
        })  # fmt: skip

    def to_layers(self) -> dict[str, tuple[Tensor, Tensor]]:
        """down and up by the layer's name, without gradients. The inverse of `from_layers`."""
        rows = zip(self.layers, self.down, self.up, strict=True)
        return {name: (down.detach(), up.detach()) for name, down, up in rows}

    def to_tensors(self) -> dict[str, Tensor]:
        """The adapter under the names of a concept file: `adapter.<layer>/down` and `adapter.<layer>/up`."""
        rows = self.to_layers().items()
        return {PREFIX + name + end: x for name, pair in rows for end, x in zip((DOWN, UP), pair, strict=True)}


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
def apply_lora(network: nn.Module, adapters: Sequence[tuple[LoRA, Float[Tensor, " batch"]]]) -> Iterator[None]:
    """During the block the network has the additions; each adapter comes with its strength for every row of the batch.

    Raises LeadError for an adapter whose layers the network does not have in that shape.
    """
    with ExitStack() as stack:
        for adapter, strengths in adapters:
            for name, down, up in zip(adapter.layers, adapter.down, adapter.up, strict=True):
                layer = _find_layer(network, name, down, up)
                handle = layer.register_forward_hook(Addition(down, up, strengths))
                stack.callback(handle.remove)
        yield


def is_adaptable(layer: object) -> TypeGuard[nn.Linear]:
    """Whether a hook on the layer acts: torch's attention reads its output layer's weights and never calls it."""
    return isinstance(layer, nn.Linear) and not isinstance(layer, NonDynamicallyQuantizableLinear)


def _find_layer(
    network: nn.Module, name: str, down: Float[Tensor, "rank inputs"], up: Float[Tensor, "outputs rank_of_up"]
) -> nn.Linear:
    try:
        layer = network.get_submodule(name)
    except AttributeError:
        layer = None
    if not is_adaptable(layer) or layer.weight.shape != (len(up), down.shape[1]) or len(down) != up.shape[1]:
        raise LeadError(
            f"the word's adapter changes a layer {name} of {len(up)} x {down.shape[1]}, which this base's denoiser "
            "does not have: it was learned on another base model; learn it on this one"
        )
    return layer
