"""Choices of `learn`: names, and how many token embeddings. Imports nothing, so that the CLI can offer them at once."""

from typing import Literal

Objective = Literal["denoising", "realigned", "latent", "noise", "text"]
Quality = Literal["fast", "balanced", "best"]
MAX_VECTORS = 16
"""Token embeddings of a concept, at most."""
