"""The denoiser: noisy latent tokens, a time and a text feature to what the diffusion predicts.

MLD's skip transformer over [text, time, latents] (arXiv 2212.04048, section 3.3), with norms before each part. The
time token also carries the clip's length: without it, generated walks drift in heading. It knows nothing of noise
schedules.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lead.diffusion import Network
from lead.networks.layers import Sinusoid, Transformer, lengths_to_mask


@dataclass(frozen=True)
class DenoiserConfig:
    d_latent: int = 96
    d_text: int = 256
    width: int = 256
    layers: int = 7
    heads: int = 4
    ff: int = 1024
    dropout: float = 0.0
    frames_per_latent: int = 16


class Denoiser(nn.Module):
    """The network of the diffusion in the VAE's latent space."""

    def __init__(self, config: DenoiserConfig):
        super().__init__()
        c = self.config = config
        self.sinusoid = Sinusoid(c.width)
        self.latents_in = nn.Linear(c.d_latent, c.width)
        self.text_in = nn.Linear(c.d_text, c.width)
        self.time_in = nn.Sequential(nn.Linear(c.width, c.width), nn.SiLU(), nn.Linear(c.width, c.width))
        self.length_in = nn.Linear(c.width, c.width)
        self.transformer = Transformer(c.width, c.layers, c.heads, c.ff, c.dropout, skips=True)
        self.latents_out = nn.Linear(c.width, c.d_latent)
        nn.init.zeros_(self.latents_out.weight)
        nn.init.zeros_(self.latents_out.bias)

    def forward(
        self,
        z_t: Float[Tensor, "batch latents d_latent"],
        t: Int[Tensor, "batch"],
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch latents d_latent"]:
        """The prediction for each latent token; `lengths` counts frames."""
        time = self.embed_time(t) + self.embed_lengths(lengths)
        latents = self.latents_in(z_t) + self.places(z_t.shape[1], z_t.device)
        tokens = torch.cat([self.text_in(text)[:, None], time[:, None], latents], dim=1)
        return self.latents_out(self.transformer(tokens, self.mask(lengths, z_t.shape[1]), slice(2, None))).float()

    def condition(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        """The network of z_t and t under these texts and lengths; `times` are all values that t will have."""
        return lambda z_t, t: self(z_t, t, text, lengths)

    def embed_time(self, t: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        return self.time_in(self.sinusoid(t))

    def embed_lengths(self, lengths: Int[Tensor, "batch"]) -> Float[Tensor, "batch width"]:
        return self.length_in(self.sinusoid(lengths))

    def places(self, latents: int, device: torch.device) -> Float[Tensor, "latents width"]:
        return self.sinusoid(torch.arange(latents, device=device))

    def mask(self, lengths: Int[Tensor, "batch"], latents: int) -> Bool[Tensor, "batch tokens"]:
        """True for text, time and each clip's own latent tokens."""
        per = self.config.frames_per_latent
        return lengths_to_mask((lengths + per - 1) // per + 2, latents + 2)
