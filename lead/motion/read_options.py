"""`ReadOptions`: what a user says of motion files that the files do not say, or say wrongly.

Knows nothing of the files: each reader takes what concerns it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from lead.motion.errors import MotionError

LengthUnit = Literal["m", "cm", "mm", "inch"]
UNITS: Mapping[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
"""Meters in a unit that can be named."""
UpAxis = Literal["X", "Y", "Z"]
UPS = get_args(UpAxis)


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading; what is left out comes from the file or is guessed."""

    fps: float | None = None
    """Frames a second, in place of the rate that the file states."""
    unit: str | None = None
    """Of lengths: "m", "cm", "mm" or "inch"."""
    up: str | None = None
    """The axis that points up: "X", "Y" or "Z"."""
    rig_map: Mapping[str, str] | None = None
    """Our joint's name -> the rig's; an empty one says that the rig has none. The others are found as usual."""
    trim: bool = True
    """Whether a T-pose or rest pose at the start is cut."""

    def __post_init__(self) -> None:
        from lead.motion.skeleton import JOINTS  # here, so that the command line can offer the choices without NumPy

        if self.fps is not None and not (math.isfinite(self.fps) and 0.1 <= self.fps <= 10000):
            raise MotionError(f"{self.fps} frames a second; expected 0.1 to 10000.")
        if self.unit is not None and self.unit not in UNITS:
            raise MotionError(f"unit {self.unit!r}; expected one of {', '.join(UNITS)}.")
        if self.up is not None and self.up not in UPS:
            raise MotionError(f"up axis {self.up!r}; expected one of {', '.join(UPS)}.")
        unknown = [joint for joint in self.rig_map or {} if joint not in JOINTS]
        if unknown:
            raise MotionError(
                f"a rig map with {', '.join(map(repr, unknown))}; expected names among {', '.join(JOINTS)}."
            )
