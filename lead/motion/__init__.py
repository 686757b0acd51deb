"""Motion in and out: skeletons, files, features. NumPy; knows nothing of models.

Names are imported when they are first used, so that a light module in here can be imported without NumPy.
"""

from typing import TYPE_CHECKING

from lead.motion.lazy import lazy_names

if TYPE_CHECKING:
    from lead.motion.errors import MotionError
    from lead.motion.features import Stats, features_to_joints, joints_to_features
    from lead.motion.formats.bvh import Bvh, read_bvh, write_bvh
    from lead.motion.motion import Motion
    from lead.motion.motion_like import TimeMark
    from lead.motion.read import list_animations
    from lead.motion.read_options import ReadOptions
    from lead.motion.rigs.rig import Rig
    from lead.motion.suffixes import WRITES

    Reading = ReadOptions  # the name in 0.1.0

__all__ = [
    "WRITES",
    "Bvh",
    "Motion",
    "MotionError",
    "ReadOptions",
    "Reading",
    "Rig",
    "Stats",
    "TimeMark",
    "features_to_joints",
    "joints_to_features",
    "list_animations",
    "read_bvh",
    "write_bvh",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "WRITES": "lead.motion.suffixes",
        "Bvh": "lead.motion.formats.bvh",
        "Motion": "lead.motion.motion",
        "MotionError": "lead.motion.errors",
        "ReadOptions": "lead.motion.read_options",
        "Reading": "lead.motion.read_options:ReadOptions",
        "Rig": "lead.motion.rigs.rig",
        "Stats": "lead.motion.features",
        "TimeMark": "lead.motion.motion_like",
        "features_to_joints": "lead.motion.features",
        "joints_to_features": "lead.motion.features",
        "list_animations": "lead.motion.read",
        "read_bvh": "lead.motion.formats.bvh",
        "write_bvh": "lead.motion.formats.bvh",
    },
)
