"""Learns words: exemplar motions to a concept, by optimizing token embeddings against a frozen base.

The names are imported on first use (PEP 562), so that importing one light module, such as `inversion.choices`, does not
import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inversion.errors import InversionError
    from inversion.learning import learn

_MODULES = {"InversionError": "errors", "learn": "learning"}

__all__ = ["InversionError", "learn"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'inversion' has no attribute {name!r}")
    return getattr(import_module(f"inversion.{_MODULES[name]}"), name)
