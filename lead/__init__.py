"""LEAD: text to motion through a realigned latent space (arXiv 2410.14508).

Names are imported when they are first used: reading and writing motion needs no torch, and a `--help` no NumPy.
"""

from typing import TYPE_CHECKING

from lead.motion.lazy import lazy_names

if TYPE_CHECKING:
    from lead.control.timeline import Segment, Timeline
    from lead.errors import LeadError
    from lead.model import Lead
    from lead.motion.errors import MotionError
    from lead.motion.motion import Motion
    from lead.version import __version__

__all__ = ["Lead", "LeadError", "Motion", "MotionError", "Segment", "Timeline", "__version__"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Lead": "lead.model",
        "LeadError": "lead.errors",
        "Motion": "lead.motion.motion",
        "MotionError": "lead.motion.errors",
        "Segment": "lead.control.timeline",
        "Timeline": "lead.control.timeline",
        "__version__": "lead.version",
    },
)
