"""The finish of generated motion: whole movements, standing feet that stand, one rigid skeleton.

1. `seams`: jumps between the groups of frames that a decoder gives at once are smoothed away.
2. `foot_path`: the path of the whole body is moved so that standing toes do not slide, as far as one path can do that.
3. `rigid`: bones get the lengths of the one skeleton.
4. `floor`: the body is moved up or down to the floor.
5. `foot_lock`: what is left of the sliding is taken out of each leg by itself; bones keep their lengths.
`Lead.decode` always does 1 and 3, for every motion that leaves the model. `Lead.generate` and `lead-invert generate` do
2, 4 and 5 by default, and not with `clean_feet=False` or `--no-foot-lock`.
Conventions: meters, Y up. Knows nothing of models and features.
"""

import numpy as np
from jaxtyping import Float, Float32

from lead.motion.processing.floor import settle
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.foot_path import correct_foot_path
from lead.motion.processing.rigid import make_rigid


def clean_feet(
    joints: Float[np.ndarray, "frames 22 3"], contacts: Float[np.ndarray, "frames 2"], fps: float, rigid: bool = False
) -> Float32[np.ndarray, "frames 22 3"]:
    """The motion on the floor, with standing feet that stand; with `rigid` on the one skeleton.

    `contacts`: the left and the right toe's contact features, 0 to 1. The feet of a clip of one frame stay.
    """
    if len(joints) > 1:
        joints = correct_foot_path(joints, contacts, fps)
    if rigid:
        joints = make_rigid(joints)
    joints = settle(joints, fps)
    return lock_feet(joints.astype(np.float32), fps).astype(np.float32)
