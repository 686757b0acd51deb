"""Motion Latent Diffusion's networks as published (Chen et al., arXiv 2212.04048), an alternative to our own.

They are skip transformers with norms after each part and learned positions. A clip has n latent tokens, whatever its
length; n is 1 in the published models, and up to 10 in the paper (MLD-1 to MLD-10). The VAE's encoder reads 2n learned
tokens, then a clip's frames; the outputs of the first n learned tokens are the means of the latent tokens, those of the
last n the log-variances. Its decoder's queries are positions alone, one per frame, and attend to the latent tokens.
The denoiser reads [latents, time, text] and does not know the clip's length.

`MldVAE` and `MldDenoiser` take the places of `lead.networks.vae.MotionVAE` and `lead.networks.denoiser.Denoiser`.
Parameters have the names of MLD's checkpoints, so `lead.train.import_mld` renames nothing. It knows nothing of files
and training.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from lead.diffusion import DiffusionConfig, Network
from lead.networks.layers import Sinusoid, lengths_to_mask

MLD_DIFFUSION = DiffusionConfig(
    prediction="epsilon", sampler="ddim", spacing="leading", sampling_steps=50, guidance=7.5
)  # fmt: skip


@dataclass(frozen=True)
class MldVAEConfig:
    features: int = 263
    d_latent: int = 256
    """Also the transformers' width."""
    layers: int = 9
    """Of the encoder, and of the decoder; an odd number, since skips join the two halves around a middle layer."""
    heads: int = 4
    ff: int = 1024
    dropout: float = 0.1
    positions: int = 500
    """The most tokens a sequence may have."""
    latents: int = 1
    """Latent tokens of a clip of any length."""
    architecture: Literal["mld"] = "mld"

    @property
    def frames_per_latent(self) -> int:
        """More frames than a clip can have: no latent token stands for some of them."""
        return self.positions

    @property
    def frames_per_token(self) -> int:
        """Each frame is decoded by itself."""
        return 1


@dataclass(frozen=True)
class MldDenoiserConfig:
    d_latent: int = 256
    """Also the transformer's width."""
    d_text: int = 768
    layers: int = 9
    heads: int = 4
    ff: int = 1024
    dropout: float = 0.1
    positions: int = 500
    latents: int = 1
    """As the VAE has."""
    architecture: Literal["mld"] = "mld"


class MldVAE(nn.Module):
    """Features to the posterior of n latent tokens (`encode`), and back (`decode`)."""

    latent_scale: Tensor
    """1: MLD does not scale its latents."""

    def __init__(self, config: MldVAEConfig):
        super().__init__()
        self.register_buffer("latent_scale", torch.ones(()))
        c = self.config = config
        self.skel_embedding = nn.Linear(c.features, c.d_latent)
        self.global_motion_token = nn.Parameter(torch.randn(2 * c.latents, c.d_latent))
        self.query_pos_encoder = Positions(c.positions, c.d_latent)
        self.encoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout)
        self.query_pos_decoder = Positions(c.positions, c.d_latent)
        self.decoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout, memory=True)
        self.final_layer = nn.Linear(c.d_latent, c.features)

    def latent_lengths(self, lengths: Int[Tensor, "batch"]) -> Int[Tensor, "batch"]:
        """The number of latent tokens of each clip: always n."""
        return torch.full_like(lengths, self.config.latents)

    def encode(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch latents d_latent"], Float[Tensor, "batch latents d_latent"]]:
        """Mean and log-variance of the posterior."""
        n = self.config.latents
        tokens = self.global_motion_token.expand(len(features), -1, -1)
        x = self.query_pos_encoder(torch.cat([tokens, self.skel_embedding(features)], dim=1))
        x = self.encoder(x, lengths_to_mask(lengths + 2 * n, x.shape[1]), wanted=slice(2 * n)).float()
        return x[:, :n], x[:, n:]

    def decode(
        self, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Normalized features: `max(lengths)` frames, 0 past each clip's end."""
        frames = int(lengths.max())
        mask = lengths_to_mask(lengths, frames)
        queries = self.query_pos_decoder(z.new_zeros(1, frames, self.config.d_latent)).expand(len(z), -1, -1)
        return self.final_layer(self.decoder(queries, mask, z)).float() * mask[..., None]


class MldDenoiser(nn.Module):
    """The network of the diffusion in `MldVAE`'s latent space."""

    def __init__(self, config: MldDenoiserConfig):
        super().__init__()
        c = self.config = config
        self.time_embedding = TimeEmbedding(c.d_text, c.d_latent)
        same = c.d_text == c.d_latent
        self.emb_proj = nn.Identity() if same else nn.Sequential(nn.ReLU(), nn.Linear(c.d_text, c.d_latent))
        self.query_pos = Positions(c.positions, c.d_latent)
        self.encoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout)

    def forward(
        self,
        z_t: Float[Tensor, "batch latents d_latent"],
        t: Int[Tensor, "batch"],
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch latents d_latent"]:
        """The prediction for the latent tokens; `lengths` changes nothing."""
        tokens = torch.cat([z_t, self.time_embedding(t)[:, None], self.emb_proj(text)[:, None]], dim=1)
        mask = lengths_to_mask(torch.full_like(lengths, tokens.shape[1]), tokens.shape[1])
        return self.encoder(self.query_pos(tokens), mask, wanted=slice(z_t.shape[1])).float()

    def condition(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        """The network of z_t and t under these texts; `times` are all values that t will have."""
        return lambda z_t, t: self(z_t, t, text, lengths)


class TimeEmbedding(nn.Module):
    """A time's cosines and sines (in this order) through two linear maps."""

    def __init__(self, frequencies: int, width: int):
        super().__init__()
        self.sinusoid = Sinusoid(frequencies)
        self.linear_1, self.linear_2 = nn.Linear(frequencies, width), nn.Linear(width, width)

    def forward(self, t: Int[Tensor, "batch"]) -> Float[Tensor, "batch width"]:
        sines, cosines = self.sinusoid(t).chunk(2, dim=-1)
        return self.linear_2(nn.functional.silu(self.linear_1(torch.cat([cosines, sines], dim=-1))))


class Positions(nn.Module):
    """Adds a learned vector for each place in the sequence."""

    def __init__(self, positions: int, width: int):
        super().__init__()
        self.pe = nn.Parameter(torch.rand(positions, 1, width))

    def forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        return x + self.pe[: x.shape[1], 0]


class Layer(nn.Module):
    """Self-attention, attention to a memory (with `memory`) and feed-forward; a norm after each sum."""

    def __init__(self, width: int, heads: int, ff: int, dropout: float, memory: bool):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        if memory:
            self.multihead_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
            self.norm3 = nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, ff), nn.Linear(ff, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch tokens"],
        memory: Float[Tensor, "batch latents width"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        attended, _ = self.self_attn(x, x, x, key_padding_mask=~mask, need_weights=False)
        x = self.norm1(x + self.dropout(attended))
        if memory is None:
            return self.norm2(x + self._feed_forward(x))
        attended, _ = self.multihead_attn(x, memory, memory, need_weights=False)
        x = self.norm2(x + self.dropout(attended))
        return self.norm3(x + self._feed_forward(x))

    def _feed_forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        return self.dropout(self.linear2(self.dropout(gelu(self.linear1(x)))))


class SkipTransformer(nn.Module):
    """Layers whose first half's outputs join the second half's inputs, the latest first.

    With `memory`, each layer also attends to a memory, which `forward` then needs.
    """

    def __init__(self, width: int, layers: int, heads: int, ff: int, dropout: float, memory: bool = False):
        super().__init__()
        assert layers % 2, f"layers={layers}: a skip transformer has an odd number"
        half = layers // 2
        self.input_blocks = nn.ModuleList(Layer(width, heads, ff, dropout, memory) for _ in range(half))
        self.middle_block = Layer(width, heads, ff, dropout, memory)
        self.output_blocks = nn.ModuleList(Layer(width, heads, ff, dropout, memory) for _ in range(half))
        self.linear_blocks = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(half))
        self.norm = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch tokens"],
        memory: Float[Tensor, "batch latents width"] | None = None,
        wanted: slice = slice(None),
    ) -> Float[Tensor, "batch wanted width"]:
        """The outputs of the wanted tokens."""
        skipped: list[Tensor] = []
        for block in self.input_blocks:
            x = block(x, mask, memory)
            skipped.append(x)
        x = self.middle_block(x, mask, memory)
        for join, block in zip(self.linear_blocks, self.output_blocks, strict=True):
            x = block(join(torch.cat([x, skipped.pop()], dim=-1)), mask, memory)
        return self.norm(x)[:, wanted]
