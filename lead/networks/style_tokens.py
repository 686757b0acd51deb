"""Style tokens: a fixed linear map from the parameters of a procedural style to token vectors.

The denoiser is trained on clips in random styles under captions with such tokens. It learns that a token may be new,
that the token's vectors say what it means, and that meanings add up. Inversion first searches among these tokens.
The map is drawn once and stored with the base; the vectors have the mean and the spread of the vocabulary.
Knows nothing of motion: `lead.motion.processing.style_augment` says which numbers describe a style.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

TYPICAL_SQUARED_NORM = 8.0
"""Of a style's parameters; dividing by its root gives the style tokens the vocabulary's spread."""


@dataclass(frozen=True)
class StyleTokenConfig:
    """The shape of the map: `params` numbers of a style -> `vectors` of d_token numbers."""

    params: int = 17
    vectors: int = 2
    d_token: int = 256


class StyleTokens(nn.Module):
    """v = mean + W p."""

    mean: Float[Tensor, "vectors d_token"]
    map: Float[Tensor, "params vectors d_token"]

    def __init__(self, config: StyleTokenConfig):
        super().__init__()
        c = self.config = config
        self.register_buffer("mean", torch.zeros(c.vectors, c.d_token))
        self.register_buffer("map", torch.zeros(c.params, c.vectors, c.d_token))

    @classmethod
    def draw(
        cls, config: StyleTokenConfig, mean: Float[Tensor, " d_token"], std: Float[Tensor, " d_token"]
    ) -> "StyleTokens":
        """Draw a random map for a vocabulary of this mean and spread, under torch's current seed."""
        tokens = cls(config)
        tokens.mean.copy_(mean.expand(config.vectors, -1))
        tokens.map.copy_(torch.randn_like(tokens.map) * std / TYPICAL_SQUARED_NORM**0.5)
        return tokens

    def forward(self, style: Float[Tensor, "batch params"]) -> Float[Tensor, "batch vectors d_token"]:
        """The token vectors of styles, given by their parameters."""
        return self.mean + torch.einsum("bp,pvd->bvd", style, self.map)
