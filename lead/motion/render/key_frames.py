"""The frames of a motion that a still picture shows: unlike poses, spread over time.

The first and the last frame are taken, and those that are asked for. Then, again and again, the frame is taken that
differs most from all that are taken (farthest-point sampling), so the apex of a kick or of a jump comes early. Frames
differ in pose and in time:

    d(s, t)^2 = max over joints |p_s - p_t|^2 + (TIME * |s - t| / frames)^2

with p the joints relative to the root's place over the floor. The second term spreads frames over a long clip whose
poses repeat. Each frame taken moves to the pose that is farthest within CREST_SECONDS of it.
Conventions: meters, Y up.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

TIME = 0.35
"""Meters that stand for the whole duration."""
CREST_SECONDS = 0.2


def choose_key_frames(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, count: int, wanted: Sequence[int] = ()
) -> list[int]:
    """`count` frames in order, the first and the last among them; evenly spread where there are no more frames.

    The `wanted` frames come next, as many as there is room for.
    """
    frames = len(joints)
    if frames <= count or count < 3:
        return [int(frame) for frame in np.round(np.linspace(0, frames - 1, count))]
    poses = joints.astype(np.float64)
    poses = poses - poses[:, :1] * [1.0, 0.0, 1.0]
    places = np.arange(frames)
    pose = np.full(frames, np.inf)
    both = np.full(frames, np.inf)
    taken: list[int] = []
    crest = max(round(CREST_SECONDS * fps), 1)
    given = list(dict.fromkeys([0, frames - 1, *wanted]))
    while len(taken) < count:
        frame = given[len(taken)] if len(taken) < len(given) else _find_crest(int(both.argmax()), pose, crest, taken)
        taken.append(frame)
        squares = np.square(poses - poses[frame]).sum(axis=-1).max(axis=-1)
        pose = np.minimum(pose, squares)
        both = np.minimum(both, squares + np.square(TIME * (places - frame) / frames))
        both[frame] = -1.0
    return sorted(taken)


def _find_crest(frame: int, pose: Float[np.ndarray, "frames"], reach: int, taken: list[int]) -> int:
    """The frame around `frame` whose pose is the farthest from those taken; never one that is taken."""
    first = max(frame - reach, 0)
    near = pose[first : frame + reach + 1].copy()
    near[[other - first for other in taken if 0 <= other - first < len(near)]] = -1.0
    near[frame - first] += 1e-12  # where nothing differs, it stays
    return first + int(near.argmax())
