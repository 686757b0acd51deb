"""The denoiser: noisy latent tokens, a time and a text feature to what the diffusion predicts.

MLD's skip transformer over [text, time, latents] (arXiv 2212.04048, section 3.3), pre-norm; the time token also
carries the clip's length, without which generated walks drift in heading.  Knows nothing of schedules.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lead.diffusion import Network
from lead.kernels import transformer as stacks
from lead.kernels.linear import Linear, linear
from lead.networks.layers import Transformer, lengths_to_mask, sinusoid, tabulated


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
        places = self._places(z_t.shape[1], z_t.device)
        time = self._time(t) + self._length(lengths)
        tokens = torch.cat([self.text_in(text)[:, None], time[:, None], self.latents_in(z_t) + places], dim=1)
        mask = self._mask(lengths, tokens.shape[1])
        return self.latents_out(self.transformer(tokens, mask, slice(2, None))).float()

    def conditioned(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        """The network for these texts and lengths at these times, what all steps share computed once where that is
        allowed.
        """
        packed = stacks.packed(self.transformer, text)
        if packed is None:
            return lambda z_t, t: self(z_t, t, text, lengths)
        time, length, text_token = tabulated(self._time, times), self._length(lengths), self.text_in(text)[:, None]
        latents = int(lengths.max() + self.config.frames_per_latent - 1) // self.config.frames_per_latent
        places = self._places(latents, text.device).expand(len(text), -1, -1).contiguous()
        mask, enter = self._mask(lengths, latents + 2), self.latents_in

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            x = linear(z_t, enter.weight, enter.bias, plus=places)
            tokens = [text_token, (time(t) + length)[:, None], x]
            return self.latents_out(packed.prepared(tokens, mask, slice(2, None))())

        return network

    def _time(self, t: Int[Tensor, "batch"]) -> Float[Tensor, "batch width"]:
        return self.time_in(sinusoid(t, self.config.width))

    def _length(self, lengths: Int[Tensor, "batch"]) -> Float[Tensor, "batch width"]:
        return self.length_in(sinusoid(lengths, self.config.width))

    def _places(self, latents: int, device: torch.device) -> Float[Tensor, "latents width"]:
        return sinusoid(torch.arange(latents, device=device), self.config.width)

    def _mask(self, lengths: Int[Tensor, "batch"], tokens: int) -> Bool[Tensor, "batch tokens"]:
        per = self.config.frames_per_latent
        return lengths_to_mask((lengths + per - 1) // per + 2, tokens)
