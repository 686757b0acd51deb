"""Concepts as small files that people can share. Knows no base model and not how a concept is learned.

The names are imported on first use (PEP 562), so that importing one light module, such as `concepts.kinds`, does not
import NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concepts.blending import blend, negate
    from concepts.concept import Concept, thin_curve
    from concepts.errors import ConceptError
    from concepts.exemplar import Exemplar
    from concepts.kinds import Kind
    from concepts.library import Library
    from concepts.text import check_token, clean_text, token_slug
    from concepts.verification import Check, verify, verify_base

_MODULES = {
    "Check": "verification",
    "Concept": "concept",
    "ConceptError": "errors",
    "Exemplar": "exemplar",
    "Kind": "kinds",
    "Library": "library",
    "blend": "blending",
    "check_token": "text",
    "clean_text": "text",
    "negate": "blending",
    "thin_curve": "concept",
    "token_slug": "text",
    "verify": "verification",
    "verify_base": "verification",
}

__all__ = [
    "Check",
    "Concept",
    "ConceptError",
    "Exemplar",
    "Kind",
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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'concepts' has no attribute {name!r}")
    return getattr(import_module(f"concepts.{_MODULES[name]}"), name)
