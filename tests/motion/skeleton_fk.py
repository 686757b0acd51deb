"""Forward kinematics for tests, apart from our own: local quaternions and translations to places in the world."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation


def chain_places(parents: Sequence[int], translations: np.ndarray, quaternions: np.ndarray) -> np.ndarray:
    """Places [frames, joints, 3] by translations [frames, joints, 3] and quaternions (x, y, z, w) under the parents."""
    places, turned = np.empty(translations.shape), np.empty((*translations.shape, 3))
    for joint, parent in enumerate(parents):
        local = Rotation.from_quat(quaternions[:, joint]).as_matrix()
        places[:, joint], turned[:, joint] = translations[:, joint], local
        if parent >= 0:
            places[:, joint] = places[:, parent] + (turned[:, parent] @ translations[:, joint, :, None])[..., 0]
            turned[:, joint] = turned[:, parent] @ local
    return places
