"""Which way a body faces, and turns about the vertical axis.

Conventions: Y up; a heading is stored as *half* the angle that turns it to +Z, in radians, as HumanML3D's features do.
Knows nothing of features and files.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.rotations import normalize
from lead.motion.skeleton import HUMANML3D, Skeleton


def facing(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames 3"]:
    """The horizontal direction that hips and shoulders face: Y x ((r_hip - l_hip) + (r_shoulder - l_shoulder))."""
    r_hip, l_hip, r_shoulder, l_shoulder = (joints[:, joint] for joint in skeleton.facing)
    return across_to_forward(normalize(r_hip - l_hip + r_shoulder - l_shoulder))


def across_to_forward(across: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
    """Y x across, with across pointing to the right of the body."""
    return np.stack([across[:, 2], np.zeros(len(across)), -across[:, 0]], axis=-1)


def forward_to_half_yaw(forward: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns a horizontal direction to +Z, in [-pi/2, pi/2]."""
    half_yaw: np.ndarray = -0.5 * np.arctan2(forward[:, 0], forward[:, 2])
    return half_yaw


def turn(
    half_yaw: Float[np.ndarray, "*batch"], vectors: Float[np.ndarray, "*batch n 3"]
) -> Float[np.ndarray, "*batch n 3"]:
    """Vectors rotated about Y by twice `half_yaw`; the inverse is `turn(-half_yaw, vectors)`."""
    cos, sin = np.cos(2 * half_yaw)[..., None], np.sin(2 * half_yaw)[..., None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
