"""The parameters that learning changes: token embeddings and a LoRA adapter of the denoiser.

For a style or a persona the embeddings are sought among the base's style tokens, v = mean + W p + residual, from p = 0;
for an action, or from an initial phrase, v = start + residual. The residual starts at zero.
LoRA: Hu et al., arXiv 2106.09685; textual inversion: Gal et al., arXiv 2208.01618.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lead import Lead
from lead.networks.lora import LoRA, apply_lora

RATE = 0.05
"""Learning rate of embeddings."""
RESIDUAL_SHARE = 0.1
"""Of RATE, for the residual beside a style token: enough to fine-tune, little enough to stay among vectors that the
base has been trained to read."""
STYLE_SHARE = 1.5
"""Of RATE, for p: its numbers have unit spread, those of an embedding do not."""
ADAPTER_RATE = 4e-3


class PseudoWord(nn.Module):
    """Token embeddings and an adapter, as parameters."""

    start: Float[Tensor, "vectors d_token"]
    style_map: Float[Tensor, "params vectors d_token"]

    def __init__(
        self, base: Lead, initializer: str | None, num_vectors: int, as_style_token: bool, rank: int, seed: int
    ):
        """`initializer` is a phrase to start from, or None; `rank` 0 leaves out the adapter."""
        super().__init__()
        self.start = _initial_vectors(base, initializer, num_vectors, as_style_token)
        self.style_map = base.style_tokens.map
        self.residual = nn.Parameter(torch.zeros_like(self.start))
        params = base.style_tokens.config.params
        self.style = nn.Parameter(self.start.new_zeros(params)) if as_style_token else None
        generator = torch.Generator().manual_seed(seed)
        self.adapter = LoRA.initialize(base.denoiser, rank, generator) if rank else None

    @property
    def vectors(self) -> Float[Tensor, "vectors d_token"]:
        """The token embeddings."""
        v = self.start + self.residual
        return v if self.style is None else v + torch.einsum("p,pvd->vd", self.style, self.style_map)

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters with their learning rates."""
        groups = [([self.residual], RATE * (1.0 if self.style is None else RESIDUAL_SHARE))]
        if self.style is not None:
            groups.append(([self.style], RATE * STYLE_SHARE))
        if self.adapter is not None:
            groups.append((list(self.adapter.parameters()), ADAPTER_RATE))
        return groups

    @contextmanager
    def apply_adapter(self, base: Lead) -> Iterator[None]:
        """Inside, the adapter acts on all rows of any batch."""
        one = torch.ones(1, device=base.device)
        with apply_lora(base.denoiser, [(self.adapter, one)] if self.adapter is not None else []):
            yield

    def tensors(self) -> dict[str, Tensor]:
        """Copies of a concept's tensors, by their names in its file."""
        adapter = self.adapter.to_tensors() if self.adapter is not None else {}
        every = {"token_embedding": self.vectors.detach(), **adapter}
        return {name: tensor.detach().cpu().clone() for name, tensor in every.items()}


def _initial_vectors(
    base: Lead, initializer: str | None, num_vectors: int, as_style_token: bool
) -> Float[Tensor, "vectors d_token"]:
    """The phrase's own vectors (repeated or cut to fit), the neutral style token, or the vocabulary's mean."""
    if initializer is not None:
        rows = base.text.token_vectors(initializer)
        return rows[torch.arange(num_vectors) % len(rows)]
    if as_style_token:
        return base.style_tokens.mean.clone()
    return base.text.vocabulary().mean.expand(num_vectors, -1).clone()
