"""Choices of the base model, by name. Imports nothing, so that the command line can offer them at once."""

from typing import Literal

Sampler = Literal["ddim", "dpm++"]
