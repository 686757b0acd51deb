"""The denoiser: noisy latent tokens, a time and a text feature to what the diffusion predicts.

MLD's skip transformer over [text, time, latents] (arXiv 2212.04048, section 3.3), pre-norm; the time token also
carries the clip's length, without which generated walks drift in heading.  Knows nothing of schedules.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.fast import Linear
from lead.layers import Transformer, lengths_to_mask, sinusoid


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
    def __init__(self, config: DenoiserConfig):
        super().__init__()
        c = self.config = config
        self.latents_in = Linear(c.d_latent, c.width)
        self.text_in = Linear(c.d_text, c.width)
        self.time_in = nn.Sequential(Linear(c.width, c.width), nn.SiLU(), Linear(c.width, c.width))
        self.length_in = Linear(c.width, c.width)
        self.transformer = Transformer(c.width, c.layers, c.heads, c.ff, c.dropout, skips=True)
        self.latents_out = Linear(c.width, c.d_latent)
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
        width = self.config.width
        places = sinusoid(torch.arange(z_t.shape[1], device=z_t.device), width)
        time = self.time_in(sinusoid(t, width)) + self.length_in(sinusoid(lengths, width))
        tokens = torch.cat([self.text_in(text)[:, None], time[:, None], self.latents_in(z_t) + places], dim=1)
        per = self.config.frames_per_latent
        mask = lengths_to_mask((lengths + per - 1) // per + 2, tokens.shape[1])
        return self.latents_out(self.transformer(tokens, mask)[:, 2:]).float()
