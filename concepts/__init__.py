"""Learned words as small files that people can share. Knows no base model and not how a word is learnt."""

from concepts.concept import Concept, thin_curve
from concepts.errors import ConceptError
from concepts.exemplar import Exemplar
from concepts.text import check_token, clean_text, token_slug

__all__ = ["Concept", "ConceptError", "Exemplar", "check_token", "clean_text", "thin_curve", "token_slug"]
