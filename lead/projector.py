"""LEAD's projector: motion latents into the text tower's space (E_proj) and back (D_proj).

Both are small transformers over the latent tokens.  z_proj keeps one vector of the text space a token, so that
nothing need be lost; their mean is what the caption's feature is compared with.  Source: LEAD (arXiv 2410.14508),
section 3; its losses are L_align (cosine), L_rec (squared error) and L_var (below).  Works on scaled latents.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from lead.layers import Transformer, lengths_to_mask, sinusoid


@dataclass(frozen=True)
class ProjectorConfig:
    d_latent: int = 96
    d_text: int = 256
    width: int = 256
    layers: int = 2
    """Each way."""
    heads: int = 4
    ff: int = 512
    frames_per_latent: int = 16


class Projector(nn.Module):
    def __init__(self, config: ProjectorConfig):
        super().__init__()
        c = self.config = config
        self.latents_in, self.text_out = nn.Linear(c.d_latent, c.width), nn.Linear(c.width, c.d_text)
        self.text_in, self.latents_out = nn.Linear(c.d_text, c.width), nn.Linear(c.width, c.d_latent)
        self.to_text = Transformer(c.width, c.layers, c.heads, c.ff)
        self.to_latent = Transformer(c.width, c.layers, c.heads, c.ff)

    def encode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch latents d_text"]:
        """E_proj: z_proj, a vector of the text space for each latent token."""
        return self.text_out(self._mix(self.to_text, self.latents_in(z), lengths)).float()

    def decode(
        self, z_proj: Float[Tensor, "batch latents d_text"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch latents d_latent"]:
        """D_proj."""
        return self.latents_out(self._mix(self.to_latent, self.text_in(z_proj), lengths)).float()

    def realigned(self, z: Tensor, lengths: Tensor) -> Tensor:
        """D_proj(E_proj(z)): the latent as the realigned space tells it."""
        return self.decode(self.encode(z, lengths), lengths)

    def pooled(
        self, z_proj: Float[Tensor, "batch latents d_text"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch d_text"]:
        """The clip's one vector in the text space: the mean over its tokens."""
        mask = self.mask(lengths, z_proj.shape[1])[..., None]
        return (z_proj * mask).sum(dim=1) / mask.sum(dim=1)

    def mask(self, lengths: Int[Tensor, "batch"], tokens: int) -> Tensor:
        per = self.config.frames_per_latent
        return lengths_to_mask((lengths + per - 1) // per, tokens)

    def _mix(self, transformer: Transformer, x: Tensor, lengths: Tensor) -> Tensor:
        places = sinusoid(torch.arange(x.shape[1], device=x.device), self.config.width)
        return transformer(x + places, self.mask(lengths, x.shape[1]))


def alignment_loss(pooled: Float[Tensor, "batch d_text"], text: Float[Tensor, "batch d_text"]) -> Float[Tensor, ""]:
    """L_align = 1 - cos(E_proj(z), tau(caption)), no negatives."""
    return (1 - cosine_similarity(pooled, text, dim=-1)).mean()


def variance_loss(z: Float[Tensor, "tokens d_latent"], z_hat: Float[Tensor, "tokens d_latent"]) -> Float[Tensor, ""]:
    """L_var = KL(P || Q) of per-dimension Gaussians fitted to the batch's latents (P) and their reconstructions (Q)."""
    mean, variance = z.mean(0), z.var(0) + 1e-6
    mean_hat, variance_hat = z_hat.mean(0), z_hat.var(0) + 1e-6
    ratio = variance / variance_hat
    return 0.5 * (ratio - 1 - ratio.log() + (mean - mean_hat).square() / variance_hat).mean()
