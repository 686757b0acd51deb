"""Learned words as small files that people can share. Knows no base model and not how a word is learned."""

from concepts.blending import blend, negate
from concepts.concept import Concept, thin_curve
from concepts.errors import ConceptError
from concepts.exemplar import Exemplar
from concepts.library import Library
from concepts.text import check_token, clean_text, token_slug
from concepts.verification import Check, verify, verify_base

__all__ = [
    "Check",
    "Concept",
    "ConceptError",
    "Exemplar",
    "Library",
    "blend",
    "check_token",
    "clean_text",
    "negate",
    "thin_curve",
    "token_slug",
    "verify",
    "verify_base",
]
