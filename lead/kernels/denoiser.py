"""Replacements for both denoisers: what all steps of a sampler share is computed once, in `condition`."""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.diffusion import Network
from lead.kernels.linear import FastLinear
from lead.kernels.replacement import Replacement, find_fast
from lead.kernels.stack import FastStack
from lead.networks.denoiser import Denoiser
from lead.networks.mld import MldDenoiser


class FastDenoiser(Replacement, Denoiser):
    """`Denoiser` whose steps share the tokens of text, length and time, and one prepared call of the extension."""

    def condition(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        packed, fast = cast(FastStack, self.transformer).pack(text), find_fast(FastLinear, self.latents_in)
        if packed is None or fast is None:
            return super().condition(text, lengths, times)
        text_token, length = self.text_in(text)[:, None], self.embed_lengths(lengths)
        latents = int(lengths.max() + self.config.frames_per_latent - 1) // self.config.frames_per_latent
        places = self.places(latents, text.device).expand(len(text), -1, -1).contiguous()
        embed_time, mask = tabulate(self.embed_time, times), self.mask(lengths, latents)
        (latents_in,) = fast

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            x = latents_in.multiply(z_t, plus=places)
            tokens = [text_token, (embed_time(t) + length)[:, None], x]
            return self.latents_out(packed.prepare(tokens, mask, slice(2, None))())

        return network


class FastMldDenoiser(Replacement, MldDenoiser):
    """`MldDenoiser` whose steps share the tokens of text and time, and one prepared call of the extension."""

    def condition(
        self, text: Float[Tensor, "batch d_text"], lengths: Int[Tensor, "batch"], times: Int[Tensor, " times"]
    ) -> Network:
        packed = cast(FastStack, self.encoder).pack(text)
        if packed is None:
            return super().condition(text, lengths, times)
        n = self.config.latents
        z_places, (time_place, text_place) = self.query_pos.pe[:n, 0], self.query_pos.pe[n : n + 2]
        embed_time = tabulate(lambda t: self.time_embedding(t) + time_place, times)
        text_token = (self.emb_proj(text) + text_place)[:, None]
        z, time_token = text_token.new_empty(len(text), n, text_token.shape[2]), torch.empty_like(text_token[:1])
        evaluate = packed.prepare([z, time_token.expand(len(text), -1, -1), text_token], None, slice(n))

        def network(z_t: Tensor, t: Tensor) -> Tensor:
            torch.add(z_t, z_places, out=z)
            time_token.copy_(embed_time(t))
            return evaluate()

        return network


def tabulate(
    embed: Callable[[Int[Tensor, " times"]], Float[Tensor, "times width"]], times: Int[Tensor, " times"]
) -> Callable[[Int[Tensor, "batch"]], Float[Tensor, " width"]]:
    """Compute `embed` for all times at once; the result looks it up for a batch at one of the times."""
    rows = dict(zip(times.tolist(), embed(times), strict=True))
    return lambda t: rows[int(t[0])]
