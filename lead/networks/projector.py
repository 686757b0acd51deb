"""LEAD's projector: motion latents into the text tower's space (E_proj) and back (D_proj).

Both are small networks over the latent tokens of one clip. z_proj has one vector of the text space per latent token,
so that no information has to be lost; the mean of a clip's vectors is compared with its caption's feature.
Latents are scaled to unit spread. Source: LEAD (arXiv 2410.14508), section 3; its losses are L_align (cosine), L_rec
(squared error) and L_var (below).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from lead.networks.layers import Sinusoid, Transformer, lengths_to_mask


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
    architecture: Literal["transformer", "mlp"] = "transformer"
    """A transformer mixes the tokens; an MLP with as many parameters sees each token by itself."""
    pooling: Literal["tokens", "clip"] = "tokens"
    """A vector of the text space for each token, or one for the whole clip, from which D_proj makes all tokens."""
    linear: bool = False
    """Whether each network corrects a linear map; the two maps start as an isometry and its inverse."""
    latents: int | None = None
    """Latent tokens of a clip of any length; None: one for each `frames_per_latent` frames."""


class Projector(nn.Module):
    """E_proj (`encode`) and D_proj (`decode`)."""

    def __init__(self, config: ProjectorConfig):
        super().__init__()
        c = self.config = config
        self.latents_in, self.text_out = nn.Linear(c.d_latent, c.width), nn.Linear(c.width, c.d_text)
        self.text_in, self.latents_out = nn.Linear(c.d_text, c.width), nn.Linear(c.width, c.d_latent)
        self.to_text, self.to_latent = _build_mixer(c), _build_mixer(c)
        self.sinusoid = Sinusoid(c.width)
        if c.pooling == "clip":
            self.length_in = nn.Linear(c.width, c.width)
        if c.linear:
            self.linear_in, self.linear_out = nn.Linear(c.d_latent, c.d_text), nn.Linear(c.d_text, c.d_latent)
            self._start_as_isometry()

    def encode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch latents d_text"]:
        """E_proj: z_proj, a vector of the text space for each latent token; with pooling "clip" all are equal."""
        z_proj = self.text_out(self._mix(self.to_text, self.latents_in(z), lengths)).float()
        if self.config.linear:
            z_proj = z_proj + self.linear_in(z).float()
        if self.config.pooling == "clip":
            return self.pool(z_proj, lengths)[:, None].expand_as(z_proj)
        return z_proj

    def decode(
        self, z_proj: Float[Tensor, "batch latents d_text"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch latents d_latent"]:
        """D_proj."""
        x = self.text_in(z_proj)
        if self.config.pooling == "clip":
            x = x + self.length_in(self.sinusoid(lengths))[:, None]
        z = self.latents_out(self._mix(self.to_latent, x, lengths)).float()
        return z + self.linear_out(z_proj).float() if self.config.linear else z

    def realign(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch latents d_latent"]:
        """D_proj(E_proj(z)): the latent that the realigned space gives back."""
        return self.decode(self.encode(z, lengths), lengths)

    def pool(
        self, z_proj: Float[Tensor, "batch latents d_text"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch d_text"]:
        """A clip's vector in the text space: the mean over its tokens."""
        mask = self.mask(lengths, z_proj.shape[1])[..., None]
        return (z_proj * mask).sum(dim=1) / mask.sum(dim=1)

    def mask(self, lengths: Int[Tensor, "batch"], tokens: int) -> Bool[Tensor, "batch tokens"]:
        per, fixed = self.config.frames_per_latent, self.config.latents
        counts = (lengths + per - 1) // per if fixed is None else torch.full_like(lengths, fixed)
        return lengths_to_mask(counts, tokens)

    def _mix(
        self, mixer: nn.Module, x: Float[Tensor, "batch tokens width"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch tokens width"]:
        places = self.sinusoid(torch.arange(x.shape[1], device=x.device))
        return mixer(x + places, self.mask(lengths, x.shape[1]))

    @torch.no_grad()
    def _start_as_isometry(self) -> None:
        """Start with linear maps that keep the distances between latents, and with corrections of 0."""
        nn.init.orthogonal_(self.linear_in.weight)
        self.linear_out.weight.copy_(self.linear_in.weight.T)
        for bias in (self.linear_in.bias, self.linear_out.bias):
            nn.init.zeros_(bias)
        for correction in (self.text_out, self.latents_out):
            nn.init.zeros_(correction.weight)
            nn.init.zeros_(correction.bias)


class Perceptron(nn.Module):
    """Residual feed-forward blocks on each token by itself, in place of a Transformer."""

    def __init__(self, width: int, layers: int, ff: int):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, ff), nn.GELU(), nn.Linear(ff, width))
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        for block in self.blocks:
            x = x + block(x)
        return self.norm(x)


def _build_mixer(c: ProjectorConfig) -> Transformer | Perceptron:
    """The network of E_proj or D_proj; an MLP's feed-forward is wider, by the number of attention's parameters."""
    if c.architecture == "mlp":
        return Perceptron(c.width, c.layers, c.ff + 2 * c.width)
    return Transformer(c.width, c.layers, c.heads, c.ff)


def alignment_loss(pooled: Float[Tensor, "batch d_text"], text: Float[Tensor, "batch d_text"]) -> Float[Tensor, ""]:
    """L_align = 1 - cos(E_proj(z), tau(caption)), without negatives."""
    return (1 - cosine_similarity(pooled, text, dim=-1)).mean()


def contrastive_loss(
    pooled: Float[Tensor, "batch d_text"], text: Float[Tensor, "batch d_text"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    """InfoNCE (van den Oord et al., arXiv 1807.03748) over the batch's clips and captions, both ways.

    A row whose caption equals the clip's own is no negative.
    """
    similarity = normalize(pooled, dim=-1) @ normalize(text, dim=-1).T / temperature
    same = (text[:, None] == text[None]).all(dim=-1) & ~torch.eye(len(text), dtype=torch.bool, device=text.device)
    similarity = similarity.masked_fill(same, -torch.inf)
    own = similarity.diagonal()
    return 0.5 * ((similarity.logsumexp(dim=0) - own) + (similarity.logsumexp(dim=1) - own)).mean()


def variance_loss(z: Float[Tensor, "tokens d_latent"], z_hat: Float[Tensor, "tokens d_latent"]) -> Float[Tensor, ""]:
    """L_var = KL(P || Q); P and Q are Gaussians, one per dimension, fitted to latents and to their reconstructions."""
    mean, variance = z.mean(0), z.var(0) + 1e-6
    mean_hat, variance_hat = z_hat.mean(0), z_hat.var(0) + 1e-6
    ratio = variance / variance_hat
    return 0.5 * (ratio - 1 - ratio.log() + (mean - mean_hat).square() / variance_hat).mean()
