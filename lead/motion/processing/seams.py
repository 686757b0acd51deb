"""Seams between the tokens of a decoder: jumps of the whole body every few frames, smoothed away.

A decoder that gives several frames at once (`frames_per_token`) places each group of frames a little off the last one.
Inside of a group the motion is smooth, so that nearly all of the shaking of decoded motion is in these jumps.

For the last two frames a, b of a group and the first two c, d of the next, the third difference
J = d - 3 c + 3 b - a is -2 j of a jump j, plus what the motion itself has. How much that is, the third differences
inside of the two groups tell, joint by joint: only what the seam has more than they is taken as a jump. Each jump is
spread over the four frames by the shares with the least third differences. Motion that is fast within the groups keeps
its speed at the seams.
Conventions: meters. Knows nothing of models and features.
"""

import numpy as np
from jaxtyping import Float

SHARES = (0.36, 0.12)
"""Of a jump: what the frame beside the seam moves, and the one after that."""
INSIDE = 2
"""Frames from a seam's third difference to those that lie inside of a group of four."""


def mend_seams(joints: Float[np.ndarray, "frames n 3"], frames_per_token: int) -> Float[np.ndarray, "frames n 3"]:
    """The motion without jumps between groups of `frames_per_token` frames, as float64.

    Groups of fewer than four frames have no third difference inside; such motion stays as it is.
    """
    mended = joints.astype(np.float64)
    last = np.arange(frames_per_token - 1, len(joints) - 2, max(frames_per_token, 1))  # the last frame of each group
    if frames_per_token < 4 or not len(last):
        return mended
    third = np.diff(mended, n=3, axis=0)
    size = np.linalg.norm(third, axis=-1)
    seams = last - 1
    before, after = seams - INSIDE, seams + INSIDE
    after = np.where(after < len(third), after, before)
    own = (size[before] + size[after]) / 2
    excess = np.clip(1 - own / np.maximum(size[seams], 1e-9), 0.0, 1.0)
    jumps = -third[seams] / 2 * excess[..., None]
    for number, share in enumerate(SHARES):
        mended[last - number] += share * jumps
        mended[last + 1 + number] -= share * jumps
    return mended
