"""Two-bone inverse kinematics: the middle joint of a leg or an arm, from where its ends are (law of cosines)."""

import numpy as np
from jaxtyping import Float

Length = float | np.floating | Float[np.ndarray, "frames"]
"""Of a bone, in meters: one for all frames, or one a frame."""


def two_bone_ik(
    hip: Float[np.ndarray, "frames 3"],
    direction: Float[np.ndarray, "frames 3"],
    reach: Float[np.ndarray, "frames"],
    pole: Float[np.ndarray, "frames 3"],
    upper: Length,
    lower: Length,
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Knee and ankle of a leg whose ankle is `reach` meters from the hip in a unit `direction`.

    The knee bends towards `pole`, a unit vector perpendicular to `direction`. `reach` lies between |upper - lower| and
    upper + lower; a leg that is shorter stays straight, and its lower bone is stretched.
    """
    along = (upper**2 - lower**2 + reach**2) / np.maximum(2 * reach, 1e-9)  # of the knee, from the hip
    height = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    knee: np.ndarray = hip + along[:, None] * direction + height[:, None] * pole
    ankle: np.ndarray = hip + reach[:, None] * direction
    return knee, ankle
