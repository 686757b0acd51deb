"""The motion VAE: normalized features to a short sequence of latent tokens, and back.

Frames are packed `frames_per_token` at a time; one latent token stands for `frames_per_latent` frames, so the
number of tokens follows a clip's length.  Each way is a linear map of a latent's own frames, started from their
principal components, plus the correction of a pre-norm transformer over all packed frames: started so, a minute of
training is where a transformer alone gets to in half an hour.  Knows nothing of text and of noise.
After MLD (Chen et al., arXiv 2212.04048), which has one token of 256 for a whole clip.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from lead.kernels.linear import Linear, convolved
from lead.networks.layers import Transformer, lengths_to_mask, sinusoid


@dataclass(frozen=True)
class VAEConfig:
    features: int = 263
    width: int = 256
    layers: int = 3
    """Each way."""
    heads: int = 4
    ff: int = 1024
    d_latent: int = 96
    frames_per_token: int = 4
    frames_per_latent: int = 16
    seam_width: int = 0
    """Channels of a last convolution over frames, which heals the seams between packed tokens; 0 leaves it out."""


class MotionVAE(nn.Module):
    latent_scale: Tensor
    """What the posterior's latents are multiplied with to have unit spread, set when training ends."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.register_buffer("latent_scale", torch.ones(()))
        c = self.config = config
        self.packed = c.features * c.frames_per_token
        self.tokens_per_latent = c.frames_per_latent // c.frames_per_token
        self.frames_in = Linear(self.packed, c.width)
        self.encoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.fold = Linear(c.width * self.tokens_per_latent, 2 * c.d_latent)
        self.unfold = Linear(c.d_latent, c.width * self.tokens_per_latent)
        self.decoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.frames_out = Linear(c.width, self.packed)
        window = c.features * c.frames_per_latent
        self.linear_in, self.linear_out = Linear(window, c.d_latent), Linear(c.d_latent, window)
        corrections: list[nn.Linear | nn.Conv1d] = [self.fold, self.frames_out]
        if c.seam_width:
            narrow = nn.Conv1d(c.features, c.seam_width, 5, padding=2)
            wide = nn.Conv1d(c.seam_width, c.features, 5, padding=2)
            self.seams: Any = nn.Sequential(narrow, nn.GELU(), wide)
            corrections.append(wide)
        for correction in corrections:
            nn.init.zeros_(correction.weight)
            if correction.bias is not None:
                nn.init.zeros_(correction.bias)

    @torch.no_grad()
    def start_from_components(self, windows: Float[Tensor, "windows values"]) -> None:
        """Sets the linear path to the whitened principal components of windows of `frames_per_latent` frames."""
        mean = windows.mean(dim=0)
        _, spread, axes = torch.svd_lowrank(windows - mean, q=self.config.d_latent + 8, niter=4)
        spread, axes = (x[..., : self.config.d_latent] for x in (spread / len(windows) ** 0.5, axes))
        spread = spread.clamp(min=1e-3 * float(spread[0]))  # few clips vary in few directions
        self.linear_in.weight.copy_((axes / spread).T)
        self.linear_in.bias.copy_(-mean @ (axes / spread))
        self.linear_out.weight.copy_(axes * spread)
        self.linear_out.bias.copy_(mean)
        self.fold.bias[self.config.d_latent :] = -4.0

    def latent_lengths(self, lengths: Int[Tensor, "batch"]) -> Int[Tensor, "batch"]:
        """Latent tokens of clips of `lengths` frames."""
        return (lengths + self.config.frames_per_latent - 1) // self.config.frames_per_latent

    def encode(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Float[Tensor, "batch latents d_latent"]]:
        """Mean and log-variance of the posterior; tokens past a clip's `latent_lengths` mean nothing."""
        batch, frames, _ = features.shape
        latents = -(-frames // self.config.frames_per_latent)
        padded = pad(features, (0, 0, 0, latents * self.config.frames_per_latent - frames))
        x = self.frames_in(padded.reshape(batch, -1, self.packed))
        x, mask = self._mixed(self.encoder, x, lengths)
        correction, log_variance = self.fold((x * mask[..., None]).reshape(batch, latents, -1)).float().chunk(2, dim=-1)
        mu = self.linear_in(padded.reshape(batch, latents, -1)).float() + correction
        return mu, log_variance.clamp(-12, 4)

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Normalized features, `max(lengths)` frames rounded up to whole packed tokens, zero past each end."""
        c = self.config
        tokens = -(-int(lengths.max()) // c.frames_per_token)
        x = self.unfold(z).reshape(len(z), -1, c.width)[:, :tokens]
        x, _ = self._mixed(self.decoder, x, lengths)
        linear = self.linear_out(z).float().reshape(len(z), -1, c.features)[:, : tokens * c.frames_per_token]
        features = linear + self.frames_out(x).float().reshape(len(z), -1, c.features)
        mask = lengths_to_mask(lengths, features.shape[1])[..., None]
        features = features * mask
        if c.seam_width:
            narrow, _, wide = self.seams
            seams = convolved(narrow, features, gelu=True) * mask  # what lies past a clip's end must not reach it
            features = (features + convolved(wide, seams).float()) * mask
        return features

    def _mixed(
        self, transformer: Transformer, x: Float[Tensor, "batch tokens width"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch tokens width"], Bool[Tensor, "batch tokens"]]:
        """A transformer over the real packed frames, each with its place in time; and their mask."""
        per = self.config.frames_per_token
        places = sinusoid(torch.arange(x.shape[1], device=x.device), self.config.width)
        mask = lengths_to_mask((lengths + per - 1) // per, x.shape[1])
        return transformer(x + places, mask), mask
