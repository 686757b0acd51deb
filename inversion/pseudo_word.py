"""The word while it is learned: token vectors, free or among the base's manners, and the denoiser's adapter."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lead import Lead
from lead.networks.lora import LoRA, apply_lora

RATE = 0.05
FREE_SHARE = 0.1
"""The free part's rate beside a manner: enough to fine-tune, too little to leave what the base has learned to hear."""
MANNER_SHARE = 1.5
"""A manner's numbers are of unit spread, an embedding's are not."""
ADAPTER_RATE = 4e-3


class PseudoWord(nn.Module):
    """All that learning may change."""

    def __init__(self, base: Lead, init: str | None, vectors: int, manners: bool, rank: int, seed: int):
        """`manners`: v = mean + W p + free, from p = 0; otherwise v is free, from the phrase's or the mean vectors."""
        super().__init__()
        start = _start(base, init, vectors, manners)
        self.start, self.map = start, base.style_tokens.map
        self.free = nn.Parameter(torch.zeros_like(start))
        self.manner = nn.Parameter(start.new_zeros(base.style_tokens.config.params)) if manners else None
        generator = torch.Generator().manual_seed(seed)
        self.adapter = LoRA.initialize(base.denoiser, rank, generator) if rank else None

    @property
    def vectors(self) -> Float[Tensor, "vectors d_token"]:
        v = self.start + self.free
        return v if self.manner is None else v + torch.einsum("p,pvd->vd", self.manner, self.map)

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters by the rate at which they are learned."""
        groups = [([self.free], RATE * (1.0 if self.manner is None else FREE_SHARE))]
        if self.manner is not None:
            groups.append(([self.manner], RATE * MANNER_SHARE))
        if self.adapter is not None:
            groups.append((list(self.adapter.parameters()), ADAPTER_RATE))
        return groups

    @contextmanager
    def acting(self, base: Lead) -> Iterator[None]:
        """Inside, the denoiser has the adapter for all rows, however many."""
        one = torch.ones(1, device=base.device)
        with apply_lora(base.denoiser, [(self.adapter, one)] if self.adapter is not None else []):
            yield

    def tensors(self) -> dict[str, Tensor]:
        """Copies of what a concept keeps."""
        adapter = self.adapter.to_tensors() if self.adapter is not None else {}
        every = {"token_embedding": self.vectors.detach(), **adapter}
        return {name: tensor.detach().cpu().clone() for name, tensor in every.items()}


def _start(base: Lead, init: str | None, vectors: int, manners: bool) -> Float[Tensor, "vectors d_token"]:
    """The neutral manner, the phrase's own vectors (repeated or cut to fit), or the vocabulary's mean."""
    if init is not None:
        rows = base.text.token_vectors(init)
        return rows[torch.arange(vectors) % len(rows)]
    return base.style_tokens.mean.clone() if manners else base.text.vocabulary().mean.expand(vectors, -1).clone()
