"""LEAD: text to motion through a realigned latent space (arXiv 2410.14508).

`Lead` is imported when it is first used, so that reading and writing motion needs no torch.
"""

from typing import TYPE_CHECKING, Any

from lead.errors import LeadError
from lead.motion import Motion, MotionError

if TYPE_CHECKING:
    from lead.model import Lead

__all__ = ["Lead", "LeadError", "Motion", "MotionError"]


def __getattr__(name: str) -> Any:
    if name == "Lead":
        from lead.model import Lead

        return Lead
    raise AttributeError(f"module 'lead' has no attribute {name!r}")
