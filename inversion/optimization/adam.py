"""Adam (Kingma and Ba, arXiv 1412.6980) without torch's optimizer class, whose import takes a second.

The arithmetic is torch's own function, bit for bit, with torch's defaults.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Steps along the gradients of parameters, in groups with a learning rate each."""

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], float]]):
        """Parameters and their learning rates."""
        self.groups = [(list(parameters), rate) for parameters, rate in groups]
        self.parameters = [parameter for parameters, _ in self.groups for parameter in parameters]
        self.state = {
            "means": [torch.zeros_like(x, requires_grad=False) for x in self.parameters],
            "squares": [torch.zeros_like(x, requires_grad=False) for x in self.parameters],
            "steps": [torch.zeros((), device=x.device) for x in self.parameters],
        }
        """Running means of gradients and of their squares, and steps, one tensor a parameter each."""

    def zero_grad(self) -> None:
        """Removes all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step at `factor` times the learning rates; every parameter needs a gradient."""
        first = 0
        for parameters, rate in self.groups:
            part = slice(first, first := first + len(parameters))
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            means, squares, steps = (self.state[name][part] for name in ("means", "squares", "steps"))
            adam(
                parameters, gradients, means, squares, [], steps, fused=True, lr=factor * rate,
                amsgrad=False, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, maximize=False,
            )  # fmt: skip

    def load(self, state: Mapping[str, Sequence[Tensor]]) -> None:
        """Copies another instance's `state` into this one's."""
        for name, tensors in self.state.items():
            for tensor, other in zip(tensors, state[name], strict=True):
                tensor.copy_(other)
