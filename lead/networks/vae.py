"""The motion VAE: normalized features to a short sequence of latent tokens, and back.

`frames_per_token` frames are packed into a token of the transformers; a latent token stands for `frames_per_latent`
frames, so the number of latent tokens follows a clip's length. Each way is a linear map of the frames of one latent
token, plus the correction of a pre-norm transformer over all packed frames. The linear map starts from the frames'
principal components: one minute of training then reaches what a transformer alone reaches in half an hour.

It knows nothing of text and noise. After MLD (Chen et al., arXiv 2212.04048), which has one latent token of 256
numbers for a whole clip.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from lead.networks.layers import Sinusoid, Transformer, lengths_to_mask


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
    """Channels inside `Seams`; 0 leaves them out."""


class Seams(nn.Sequential):
    """Two convolutions over frames, which correct the seams between packed tokens; the correction starts at 0."""

    def __init__(self, features: int, width: int):
        narrow, wide = nn.Conv1d(features, width, 5, padding=2), nn.Conv1d(width, features, 5, padding=2)
        super().__init__(narrow, nn.GELU(), wide)
        _start_at_zero(wide)

    def forward(  # type: ignore[override]  # a sequential module's takes one tensor
        self, features: Float[Tensor, "batch frames feats"], mask: Bool[Tensor, "batch frames 1"]
    ) -> Float[Tensor, "batch frames feats"]:
        """The correction of the features; `mask` keeps what lies past a clip's end from reaching its frames."""
        narrow, gelu, wide = self
        return wide((gelu(narrow(features.mT).mT) * mask).mT).mT


class MotionVAE(nn.Module):
    """Features to the posterior of latents (`encode`), and latents to features (`decode`)."""

    latent_scale: Tensor
    """The factor that gives the posterior's latents unit spread; it is set when training ends."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.register_buffer("latent_scale", torch.ones(()))
        c = self.config = config
        self.packed = c.features * c.frames_per_token
        """Numbers of a packed token."""
        self.tokens_per_latent = c.frames_per_latent // c.frames_per_token
        self.frames_in = nn.Linear(self.packed, c.width)
        self.encoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.fold = nn.Linear(c.width * self.tokens_per_latent, 2 * c.d_latent)
        self.unfold = nn.Linear(c.d_latent, c.width * self.tokens_per_latent)
        self.decoder = Transformer(c.width, c.layers, c.heads, c.ff)
        self.frames_out = nn.Linear(c.width, self.packed)
        self.sinusoid = Sinusoid(c.width)
        window = c.features * c.frames_per_latent
        self.linear_in, self.linear_out = nn.Linear(window, c.d_latent), nn.Linear(c.d_latent, window)
        if c.seam_width:
            self.seams = Seams(c.features, c.seam_width)
        for correction in (self.fold, self.frames_out):
            _start_at_zero(correction)

    @torch.no_grad()
    def start_from_components(self, windows: Float[Tensor, "windows values"]) -> None:
        """Set the linear maps to the whitened principal components of windows of `frames_per_latent` frames."""
        windows = windows.double()  # in which rounding, which depends on the number of threads, decides nothing
        mean = windows.mean(dim=0)
        _, spread, axes = torch.svd_lowrank(windows - mean, q=self.config.d_latent + 8, niter=4)
        spread, axes = (x[..., : self.config.d_latent] for x in (spread / len(windows) ** 0.5, axes))
        axes = axes * (spread > 1e-7 * spread[0])  # in which nothing varies: any axis would do
        spread = spread.clamp(min=1e-3 * float(spread[0]))  # few clips vary in few directions
        self.linear_in.weight.copy_((axes / spread).T)
        self.linear_in.bias.copy_(-mean @ (axes / spread))
        self.linear_out.weight.copy_(axes * spread)
        self.linear_out.bias.copy_(mean)
        self.fold.bias[self.config.d_latent :] = -4.0

    def latent_lengths(self, lengths: Int[Tensor, "batch"]) -> Int[Tensor, "batch"]:
        """The number of latent tokens of clips of `lengths` frames."""
        return (lengths + self.config.frames_per_latent - 1) // self.config.frames_per_latent

    def encode(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Float[Tensor, "batch latents d_latent"]]:
        """Mean and log-variance of the posterior; tokens past a clip's `latent_lengths` have no meaning."""
        batch, frames, _ = features.shape
        latents = -(-frames // self.config.frames_per_latent)
        padded = pad(features, (0, 0, 0, latents * self.config.frames_per_latent - frames))
        x = self.frames_in(padded.reshape(batch, -1, self.packed))
        mask = self._mask(lengths, x.shape[1])
        x = self.encoder(x + self._places(x), mask) * mask[..., None]
        correction, log_variance = self.fold(x.reshape(batch, latents, -1)).float().chunk(2, dim=-1)
        mu = self.linear_in(padded.reshape(batch, latents, -1)).float() + correction
        return mu, log_variance.clamp(-12, 4)

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Normalized features: `max(lengths)` frames rounded up to whole packed tokens, 0 past each clip's end."""
        c = self.config
        tokens = -(-int(lengths.max()) // c.frames_per_token)
        x = self.unfold(z).reshape(len(z), -1, c.width)[:, :tokens]
        x = self.decoder(x + self._places(x), self._mask(lengths, x.shape[1]))
        linear = self.linear_out(z).float().reshape(len(z), -1, c.features)[:, : tokens * c.frames_per_token]
        features = linear + self.frames_out(x).float().reshape(len(z), -1, c.features)
        mask = lengths_to_mask(lengths, features.shape[1])[..., None]
        features = features * mask
        if c.seam_width:
            features = (features + self.seams(features, mask).float()) * mask
        return features

    def _places(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "tokens width"]:
        return self.sinusoid(torch.arange(x.shape[1], device=x.device))

    def _mask(self, lengths: Int[Tensor, "batch"], tokens: int) -> Bool[Tensor, "batch tokens"]:
        per = self.config.frames_per_token
        return lengths_to_mask((lengths + per - 1) // per, tokens)


def _start_at_zero(layer: nn.Linear | nn.Conv1d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
