"""Poses of the arms that hold for a while, found by measures in whatever clip has them.

Joints are at 20 fps, in meters. Knows nothing of captions.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float

from lead.motion import measures as m
from lead.motion.skeleton import MIRROR
from lead.text.meaning import Meaning

Joints = Float[np.ndarray, "_ 22 3"]
Flags = Bool[np.ndarray, " _"]

SHORTEST = 24
"""Frames."""
STILL = 0.3
"""Meters a second: the mean over joints."""
HIP, ELBOW, WRIST, HEAD = (1, 2), (18, 19), (20, 21), 15


def _near(joints: Joints, a: int, b: int, within: float) -> Flags:
    near: np.ndarray = np.linalg.norm(joints[:, a] - joints[:, b], axis=1) < within
    return near


def _on_hips(joints: Joints) -> Flags:
    bent = (m.arm_extension(joints, "left") < 0.88) & (m.arm_extension(joints, "right") < 0.88)
    flags: np.ndarray = _near(joints, WRIST[0], HIP[0], 0.23) & _near(joints, WRIST[1], HIP[1], 0.23) & bent
    return flags


def _crossed(joints: Joints) -> Flags:
    flags: np.ndarray = _near(joints, WRIST[0], ELBOW[1], 0.24) & _near(joints, WRIST[1], ELBOW[0], 0.24)
    return flags


def _at_face(wrist: int) -> Callable[[Joints], Flags]:
    return lambda joints: _near(joints, wrist, HEAD, 0.26) & ~_near(joints, MIRROR[wrist], HEAD, 0.4)


POSES: dict[Meaning, Callable[[Joints], Flags]] = {
    Meaning("hands-hips-stand"): _on_hips,
    Meaning("cross-arms"): _crossed,
    Meaning("face", "left"): _at_face(WRIST[0]),
    Meaning("face", "right"): _at_face(WRIST[1]),
}


def find_poses(joints: Joints) -> Iterator[tuple[Joints, Meaning]]:
    """The longest stretch of each pose in which the body stands, if it is long and quiet."""
    upright = (m.pelvis_height(joints) > 0.92) & (m.torso_pitch(joints) < 25)
    for meaning, has_pose in POSES.items():
        found = m.stretches(has_pose(joints) & upright)
        first, last = max(found, key=lambda part: part[1] - part[0], default=(0, 0))
        if last - first >= SHORTEST and m.stillness(joints[first:last]) < STILL:
            yield joints[first:last], meaning
