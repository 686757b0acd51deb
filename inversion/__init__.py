"""Learns words: exemplar motions to a concept, by optimising token embeddings against a frozen base."""

from inversion.errors import InversionError
from inversion.learn import learn

__all__ = ["InversionError", "learn"]
