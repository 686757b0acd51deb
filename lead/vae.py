"""The motion VAE: normalised features to a short sequence of latent tokens, and back.

Frames are packed `frames_per_token` at a time; one latent token stands for `frames_per_latent` frames, so the
number of tokens follows a clip's length.  Encoder and decoder are pre-norm transformers over the latent and the
frame tokens together; both kinds carry their time in frames.  Knows nothing of text and of noise.
After MLD (Chen et al., arXiv 2212.04048), which has one token of 256 for a whole clip.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.layers import Transformer, lengths_to_mask, sinusoid


@dataclass(frozen=True)
class VAEConfig:
    features: int = 263
    width: int = 256
    layers: int = 5
    """Each way."""
    heads: int = 4
    ff: int = 1024
    d_latent: int = 64
    frames_per_token: int = 4
    frames_per_latent: int = 16


class MotionVAE(nn.Module):
    def __init__(self, config: VAEConfig):
        super().__init__()
        c = self.config = config
        self.packed = c.features * c.frames_per_token
        self.frames_in = nn.Linear(self.packed, c.width)
        self.latent_query = nn.Parameter(0.02 * torch.randn(c.width))
        self.encoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.posterior = nn.Linear(c.width, 2 * c.d_latent)
        self.latents_in = nn.Linear(c.d_latent, c.width)
        self.unfold = nn.Linear(c.d_latent, c.width * (c.frames_per_latent // c.frames_per_token))
        self.decoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.frames_out = nn.Linear(c.width, self.packed)

    def latent_lengths(self, lengths: Int[Tensor, "batch"]) -> Int[Tensor, "batch"]:
        """Latent tokens of clips of `lengths` frames."""
        return (lengths + self.config.frames_per_latent - 1) // self.config.frames_per_latent

    def encode(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Float[Tensor, "batch latents d_latent"]]:
        """Mean and log-variance of the posterior; tokens past a clip's `latent_lengths` mean nothing."""
        c = self.config
        batch, frames, _ = features.shape
        x = self.frames_in(features.reshape(batch, frames // c.frames_per_token, self.packed))
        queries = self.latent_query.expand(batch, -(-frames // c.frames_per_latent), -1)
        tokens, mask = self._sequence(queries, x, lengths)
        out = self.posterior(self.encoder(tokens, mask)[:, : queries.shape[1]])
        mu, log_variance = out.float().chunk(2, dim=-1)
        return mu, log_variance.clamp(-12, 4)

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Normalised features, `max(lengths)` frames rounded up to whole packed tokens, zero past each end."""
        c = self.config
        batch, latents, _ = z.shape
        tokens = -(-int(lengths.max()) // c.frames_per_token)
        x = self.unfold(z).reshape(batch, -1, c.width)[:, :tokens]
        sequence, mask = self._sequence(self.latents_in(z), x, lengths)
        out = self.frames_out(self.decoder(sequence, mask)[:, latents:]).float()
        features = out.reshape(batch, tokens * c.frames_per_token, c.features)
        return features * lengths_to_mask(lengths, features.shape[1])[..., None]

    def _sequence(
        self, latents: Float[Tensor, "batch latents width"], frames: Float[Tensor, "batch tokens width"], lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Latent tokens, then frame tokens, each with the time of its middle; and the mask of both."""
        c = self.config
        per = c.frames_per_token
        latent_times = (torch.arange(latents.shape[1], device=lengths.device) + 0.5) * (c.frames_per_latent / per)
        frame_times = torch.arange(frames.shape[1], device=lengths.device) + 0.5
        times = sinusoid(torch.cat([latent_times, frame_times]), c.width)
        mask = torch.cat(
            [
                lengths_to_mask(self.latent_lengths(lengths), latents.shape[1]),
                lengths_to_mask((lengths + per - 1) // per, frames.shape[1]),
            ],
            dim=1,
        )
        return torch.cat([latents, frames], dim=1) + times, mask
