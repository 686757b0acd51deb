"""Choices of `learn`, by name. Imports nothing, so that the command line can offer them at once."""

from typing import Literal

Objective = Literal["denoising", "realigned", "latent", "noise", "text"]
Quality = Literal["fast", "balanced", "best"]
