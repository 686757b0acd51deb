"""Made-up words for procedural manners: a fixed linear map from a manner's numbers to token vectors.

The denoiser sees clips in random manners under captions with such words, so it learns that a word may be new, that
its meaning is read off its vectors, and that meanings add up.  Inversion then looks for a word first among these.
The map is drawn once and stored with the base; the vectors have the mean and the spread of the vocabulary.
Knows nothing of motion; which numbers describe a manner is `lead.motion.processing.style_augment`'s affair.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

TYPICAL_SQUARED_NORM = 8.0
"""Of a manner's numbers, so that the words' spread equals the vocabulary's."""


@dataclass(frozen=True)
class StyleTokenConfig:
    params: int = 17
    vectors: int = 2
    d_token: int = 256


class StyleTokens(nn.Module):
    """v = mean + W p."""

    mean: Tensor
    map: Tensor

    def __init__(self, config: StyleTokenConfig):
        super().__init__()
        c = self.config = config
        self.register_buffer("mean", torch.zeros(c.vectors, c.d_token))
        self.register_buffer("map", torch.zeros(c.params, c.vectors, c.d_token))

    @classmethod
    def drawn(
        cls, config: StyleTokenConfig, mean: Float[Tensor, "d_token"], std: Float[Tensor, "d_token"]
    ) -> "StyleTokens":
        """A random map for a vocabulary of this mean and spread (drawn under torch's current seed)."""
        words = cls(config)
        words.mean.copy_(mean.expand(config.vectors, -1))
        words.map.copy_(torch.randn_like(words.map) * std / TYPICAL_SQUARED_NORM**0.5)
        return words

    def forward(self, manner: Float[Tensor, "batch params"]) -> Float[Tensor, "batch vectors d_token"]:
        return self.mean + torch.einsum("bp,pvd->bvd", manner, self.map)
