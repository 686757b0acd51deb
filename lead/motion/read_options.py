"""`ReadOptions`: what a user states about a motion file where the file is silent or wrong.

Knows nothing of the files: each reader uses the options that concern it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from lead.motion.errors import MotionError

LengthUnit = Literal["m", "cm", "mm", "inch"]
UNITS: Mapping[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
"""The units that a user can state, in meters."""
UpAxis = Literal["X", "Y", "Z", "-X", "-Y", "-Z"]
"""The axes that can point up: "-Y" where Y points down, as in a camera's space."""
UPS: tuple[UpAxis, ...] = get_args(UpAxis)
ALL = "all"
"""Stands for every animation of a file."""


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading. What is left out comes from the file, or is guessed; raises MotionError for odd values."""

    fps: float | None = None
    """Frames a second, in place of the file's own."""
    unit: str | None = None
    """The unit of lengths: "m", "cm", "mm" or "inch"."""
    up: str | None = None
    """The axis that points up: one of UPS."""
    rig_map: Mapping[str, str] | None = None
    """Our joint's name -> the rig's. An empty name: the rig has no such joint. Joints left out are found as usual."""
    trim: bool = True
    """Whether to cut a T-pose or rest pose at the start."""
    animation: str | int | None = None
    """Which animation of an FBX or glTF file: its name, or its number counted from 1. Left out: the first that moves
    and is no T-pose. `ALL` is for `Motion.read_all`."""

    def __post_init__(self) -> None:
        from lead.motion.skeleton import JOINTS  # here, so that the command line can offer the choices without NumPy

        if self.fps is not None and not (math.isfinite(self.fps) and 0.1 <= self.fps <= 10000):
            raise MotionError(f"{self.fps} frames a second; expected 0.1 to 10000.")
        if self.unit is not None and self.unit not in UNITS:
            raise MotionError(f"unit {self.unit!r}; expected one of {', '.join(UNITS)}.")
        if self.up is not None and self.up not in UPS:
            raise MotionError(f"up axis {self.up!r}; expected one of {', '.join(UPS)}.")
        if self.animation is not None and not str(self.animation).strip():
            raise MotionError("an animation without a name; expected a name, or a number counted from 1.")
        unknown = [joint for joint in self.rig_map or {} if joint not in JOINTS]
        if unknown:
            raise MotionError(
                f"a rig map with {', '.join(map(repr, unknown))}; expected names among {', '.join(JOINTS)}."
            )
