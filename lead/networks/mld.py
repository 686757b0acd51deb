"""Motion Latent Diffusion's networks as published (Chen et al., arXiv 2212.04048), as an alternative to our own.

Skip transformers with norms after each part and learned positions.  The VAE reads a clip behind two learned tokens,
which become the mean and the log-variance of one latent token; its decoder's frames, all alike but for their
positions, attend to that token.  The denoiser reads [latent, time, text] and is not told the length.
They take the places of `lead.networks.vae.MotionVAE` and `lead.networks.denoiser.Denoiser`.  Parameters have the names of MLD's
checkpoints, so that `lead.train.import_mld` has nothing to rename.  Knows nothing of files and of training.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from lead.diffusion import DiffusionConfig, Network
from lead.kernels import transformer as stacks
from lead.kernels.linear import Linear, feed_forward, inferring, multihead, unhooked
from lead.networks.layers import lengths_to_mask, sinusoid, tabulated

MLD_DIFFUSION = DiffusionConfig(
    prediction="epsilon", sampler="ddim", spacing="leading", sampling_steps=50, guidance=7.5
)  # fmt: skip


@dataclass(frozen=True)
class MldVAEConfig:
    features: int = 263
    d_latent: int = 256
    """Also the transformers' width."""
    layers: int = 9
    """Each way; odd: the skips join the first half to the second around the middle one."""
    heads: int = 4
    ff: int = 1024
    dropout: float = 0.1
    positions: int = 500
    """The most tokens a sequence may have."""
    architecture: Literal["mld"] = "mld"

    @property
    def frames_per_latent(self) -> int:
        """More frames than a clip can have, so that whoever counts tokens by it counts one."""
        return self.positions


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
    architecture: Literal["mld"] = "mld"


class MldVAE(nn.Module):
    latent_scale: Tensor
    """1: MLD leaves its latents as they come."""

    def __init__(self, config: MldVAEConfig):
        super().__init__()
        self.register_buffer("latent_scale", torch.ones(()))
        c = self.config = config
        self.skel_embedding = Linear(c.features, c.d_latent)
        self.global_motion_token = nn.Parameter(torch.randn(2, c.d_latent))
        self.query_pos_encoder = Positions(c.positions, c.d_latent)
        self.encoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout)
        self.query_pos_decoder = Positions(c.positions, c.d_latent)
        self.decoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout, memory=True)
        self.final_layer = Linear(c.d_latent, c.features)

    def latent_lengths(self, lengths: Int[Tensor, "batch"]) -> Int[Tensor, "batch"]:
        """One latent token a clip."""
        return torch.ones_like(lengths)

    def encode(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch 1 d_latent"], Float[Tensor, "batch 1 d_latent"]]:
        """Mean and log-variance of the posterior."""
        tokens = self.global_motion_token.expand(len(features), -1, -1)
        x = self.query_pos_encoder(torch.cat([tokens, self.skel_embedding(features)], dim=1))
        x = self.encoder(x, lengths_to_mask(lengths + 2, x.shape[1])).float()
        return x[:, :1], x[:, 1:2]

    def decode(
        self, z: Float[Tensor, "batch 1 d_latent"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch frames feats"]:
        """Normalized features, `max(lengths)` frames, zero past each end."""
        frames = int(lengths.max())
        mask = lengths_to_mask(lengths, frames)
        queries = self.query_pos_decoder(z.new_zeros(1, frames, self.config.d_latent)).expand(len(z), -1, -1)
        return self.final_layer(self.decoder(queries, mask, z)).float() * mask[..., None]


class MldDenoiser(nn.Module):
    def __init__(self, config: MldDenoiserConfig):
        super().__init__()
        c = self.config = config
        self.time_embedding = TimeEmbedding(c.d_text, c.d_latent)
        same = c.d_text == c.d_latent
        self.emb_proj = nn.Identity() if same else nn.Sequential(nn.ReLU(), Linear(c.d_text, c.d_latent))
        self.query_pos = Positions(c.positions, c.d_latent)
        self.encoder = SkipTransformer(c.d_latent, c.layers, c.heads, c.ff, c.dropout)

    def forward(
        self,
        z_t: Float[Tensor, "batch latents d_latent"],
        t: Int[Tensor, "batch"],
        text: Float[Tensor, "batch d_text"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch latents d_latent"]:
        """The prediction for the latent token; `lengths` changes nothing."""
        tokens = torch.cat([z_t, self.time_embedding(t)[:, None], self.emb_proj(text)[:, None]], dim=1)
        mask = lengths_to_mask(torch.full_like(lengths, tokens.shape[1]), tokens.shape[1])
        return self.encoder(self.query_pos(tokens), mask, wanted=slice(z_t.shape[1])).float()

    def conditioned(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        """The network for these texts at these times, what all steps share computed once where that is allowed."""
        packed = stacks.packed(self.encoder, text)
        if packed is None:
            return lambda z_t, t: self(z_t, t, text, lengths)
        z_place, time_place, text_place = self.query_pos.pe[:3]
        time = tabulated(lambda t: self.time_embedding(t) + time_place, times)
        text_token = (self.emb_proj(text) + text_place)[:, None]
        z, time_token = torch.empty_like(text_token), torch.empty_like(text_token[:1])
        tokens = [z, time_token.expand(len(text), -1, -1), text_token]
        evaluate = packed.prepared(tokens, None, slice(1))

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            torch.add(z_t, z_place, out=z)
            time_token.copy_(time(t))
            return evaluate()

        return network


class TimeEmbedding(nn.Module):
    """A time's cosines and sines (in this order) through two linear maps."""

    def __init__(self, frequencies: int, width: int):
        super().__init__()
        self.frequencies = frequencies
        self.linear_1, self.linear_2 = Linear(frequencies, width), Linear(width, width)

    def forward(self, t: Int[Tensor, "batch"]) -> Float[Tensor, "batch width"]:
        sines, cosines = sinusoid(t, self.frequencies).chunk(2, dim=-1)
        return self.linear_2(nn.functional.silu(self.linear_1(torch.cat([cosines, sines], dim=-1))))


class Positions(nn.Module):
    """Adds a learned vector for each place in the sequence."""

    def __init__(self, positions: int, width: int):
        super().__init__()
        self.pe = nn.Parameter(torch.rand(positions, 1, width))

    def forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        return x + self.pe[: x.shape[1], 0]


class Layer(nn.Module):
    """Self-attention, attention to a memory where there is one, and feed-forward; a norm after each sum."""

    def __init__(self, width: int, heads: int, ff: int, dropout: float, memory: bool):
        super().__init__()
        self.memory = memory
        self.self_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        if memory:
            self.multihead_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
            self.norm3 = nn.LayerNorm(width)
        self.linear1, self.linear2 = Linear(width, ff), Linear(ff, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Bool[Tensor, "batch tokens"], bias: Tensor, memory: Tensor | None) -> Tensor:
        """`mask` and `bias` say the same: which tokens are real, and 0 there, far below elsewhere."""
        if inferring(x) and not self.training and unhooked(self.linear1, self.linear2):
            return self._inferred(x, bias, memory)
        attended, _ = self.self_attn(x, x, x, key_padding_mask=~mask, need_weights=False)
        x = self.norm1(x + self.dropout(attended))
        if memory is None:
            return self.norm2(x + self._feed_forward(x))
        attended, _ = self.multihead_attn(x, memory, memory, need_weights=False)
        x = self.norm2(x + self.dropout(attended))
        return self.norm3(x + self._feed_forward(x))

    def parts(self, join: nn.Linear | None) -> stacks.Layer:
        """For the extension; `join` comes before the layer."""
        attend = self.self_attn
        qkv = stacks.Map(attend.in_proj_weight, attend.in_proj_bias)
        parts = qkv, attend.out_proj, self.linear1, self.linear2, self.norm1
        if not self.memory:
            return stacks.Layer(*parts, self.norm2, join)
        other, width = self.multihead_attn, attend.embed_dim
        value = stacks.Map(other.in_proj_weight[2 * width :], other.in_proj_bias[2 * width :])
        return stacks.Layer(*parts, self.norm3, join, value, other.out_proj, self.norm2)

    def _inferred(self, x: Tensor, bias: Tensor, memory: Tensor | None) -> Tensor:
        """The same without dropout, in fewer calls."""
        x = self.norm1(multihead(self.self_attn, x, bias, x))
        if memory is None:
            return self.norm2(feed_forward(self.linear1, self.linear2, x, x))
        x = self.norm2(x + _attention_to(self.multihead_attn, x, memory))
        return self.norm3(feed_forward(self.linear1, self.linear2, x, x))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(gelu(self.linear1(x)))))


def _attention_to(attend: nn.MultiheadAttention, x: Tensor, memory: Float[Tensor, "batch latents width"]) -> Tensor:
    """Of one memory token every query takes all: its value, put out once for all of a clip's frames."""
    if memory.shape[1] > 1:
        return attend(x, memory, memory, need_weights=False)[0]
    width = x.shape[-1]
    value = nn.functional.linear(memory, attend.in_proj_weight[2 * width :], attend.in_proj_bias[2 * width :])
    return nn.functional.linear(value, attend.out_proj.weight, attend.out_proj.bias)


class SkipTransformer(nn.Module):
    """Layers of which the first half's outputs join the second half's inputs; with `memory`, each attends to it."""

    def __init__(self, width: int, layers: int, heads: int, ff: int, dropout: float, memory: bool = False):
        super().__init__()
        assert layers % 2, f"layers={layers}: a skip transformer has an odd number"
        half = layers // 2
        self.input_blocks = nn.ModuleList(Layer(width, heads, ff, dropout, memory) for _ in range(half))
        self.middle_block = Layer(width, heads, ff, dropout, memory)
        self.output_blocks = nn.ModuleList(Layer(width, heads, ff, dropout, memory) for _ in range(half))
        self.linear_blocks = nn.ModuleList(Linear(2 * width, width) for _ in range(half))
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
        """The wanted tokens' outputs."""
        if memory is None or memory.shape[1] == 1:
            packed = stacks.packed(self, x)
            if packed is not None:
                return packed.prepared([x], mask, wanted, None if memory is None else memory[:, 0])()
        bias = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -1e9)[:, None, None, :]
        kept = []
        for block in self.input_blocks:
            x = block(x, mask, bias, memory)
            kept.append(x)
        x = self.middle_block(x, mask, bias, memory)
        for join, block in zip(self.linear_blocks, self.output_blocks, strict=True):
            x = block(join(torch.cat([x, kept.pop()], dim=-1)), mask, bias, memory)
        return self.norm(x)[:, wanted]

    def stack(self) -> stacks.Stack:
        """The parts, for the extension."""
        blocks = [*self.input_blocks, self.middle_block, *self.output_blocks]
        joins = [*[None] * (len(blocks) - len(self.linear_blocks)), *self.linear_blocks]
        layers = [block.parts(join) for block, join in zip(blocks, joins, strict=True)]
        return stacks.Stack(layers, self.middle_block.self_attn.num_heads, self.norm, post_norm=True)
