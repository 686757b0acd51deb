"""Learns words: exemplar motions to a concept, by optimizing token embeddings against a frozen base.

The names are imported on first use (PEP 562), so that importing one light module, such as `inversion.choices`, does not
import torch.
"""

from typing import TYPE_CHECKING

from lead.motion.lazy import lazy_names

if TYPE_CHECKING:
    from inversion.errors import InversionError
    from inversion.learning import learn

__all__ = ["InversionError", "learn"]

__getattr__, __dir__ = lazy_names(__name__, {"InversionError": "inversion.errors", "learn": "inversion.learning"})
