"""Motion in and out: skeletons, files, features. NumPy; knows nothing of models."""

from lead.motion.errors import MotionError
from lead.motion.features import Stats, features_to_joints, joints_to_features
from lead.motion.formats.bvh import Bvh, read_bvh, write_bvh
from lead.motion.motion import WRITES, Motion
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.rig import Rig

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
    "features_to_joints",
    "joints_to_features",
    "read_bvh",
    "write_bvh",
]
