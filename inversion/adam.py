"""Adam (Kingma and Ba, arXiv 1412.6980) without torch's optimizer class, whose first use imports a compiler: a second.

The arithmetic is torch's own, bit for bit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

SETTINGS: Mapping[str, Any] = {
    "amsgrad": False, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8, "maximize": False,
}  # fmt: skip
"""torch's defaults."""


class Adam:
    """Steps along the gradients that parameters hold, of groups with a rate each."""

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], float]]):
        """Parameters and their rate."""
        self.groups = [(list(parameters), rate) for parameters, rate in groups]
        self.parameters = [parameter for parameters, _ in self.groups for parameter in parameters]
        self.state = {
            "means": [torch.zeros_like(x, requires_grad=False) for x in self.parameters],
            "squares": [torch.zeros_like(x, requires_grad=False) for x in self.parameters],
            "steps": [torch.zeros((), device=x.device) for x in self.parameters],
        }

    def forget_gradients(self) -> None:
        """Before they are added up anew."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One step at this share of the rates; every parameter must have a gradient."""
        first = 0
        for parameters, rate in self.groups:
            part = slice(first, first := first + len(parameters))
            gradients = [parameter.grad for parameter in parameters]
            means, squares, steps = (self.state[name][part] for name in ("means", "squares", "steps"))
            adam(parameters, gradients, means, squares, [], steps, fused=True, lr=share * rate, **SETTINGS)  # type: ignore[arg-type]

    def load(self, state: Mapping[str, Sequence[Tensor]]) -> None:
        """What `state` was."""
        for name, tensors in self.state.items():
            for tensor, kept in zip(tensors, state[name], strict=True):
                tensor.copy_(kept)
