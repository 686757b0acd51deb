"""Foot clean-up: the one post-processing of generated motion. It makes standing feet stand.

1. `foot_path`: the path of the whole body is moved so that standing toes do not slide, as far as one path can do that.
2. `foot_lock`: what is left of the sliding is taken out of each leg by itself.
`Lead.generate` and `lead-invert generate` apply both by default, and neither with `clean_feet=False` or
`--no-foot-lock`; the motion is then what the decoder gives.
Conventions: meters, Y up. Knows nothing of models and features.
"""

import numpy as np
from jaxtyping import Float, Float32

from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.foot_path import correct_foot_path


def clean_feet(
    joints: Float[np.ndarray, "frames 22 3"], contacts: Float[np.ndarray, "frames 2"], fps: float
) -> Float32[np.ndarray, "frames 22 3"]:
    """The motion with standing feet that stand. `contacts`: the left and the right toe's contact features, 0 to 1.

    A clip of one frame stays as it is.
    """
    if len(joints) < 2:
        return joints.astype(np.float32)
    corrected = correct_foot_path(joints, contacts, fps).astype(np.float32)
    return lock_feet(corrected, fps).astype(np.float32)
