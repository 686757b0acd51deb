"""Learns words: exemplar motions to a concept, by optimizing token embeddings against a frozen base."""

from inversion.errors import InversionError
from inversion.learning import learn

__all__ = ["InversionError", "learn"]
