"""`MotionLike`: what pictures and meshes need of a motion, so that they need not import `Motion`."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@runtime_checkable
class MotionLike(Protocol):
    """A clip of 22 joints; `lead.Motion` is one."""

    @property
    def joints(self) -> Float[np.ndarray, "frames 22 3"]:
        """Meters, Y up, in the order of `skeleton.JOINTS`."""

    @property
    def fps(self) -> float:
        """Frames a second."""

    @property
    def name(self) -> str:
        """What the clip is called in titles."""
