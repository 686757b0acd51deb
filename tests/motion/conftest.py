"""A synthetic walk with constant bone lengths, and the same walk on rigs of many makers."""

import numpy as np
import pytest

from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.joint_names import MAKERS
from lead.motion.rotations import euler_to_matrix
from lead.motion.skeleton import PARENTS, tpose

TURNS = ("Zrotation", "Xrotation", "Yrotation")
ROOT = ("Xposition", "Yposition", "Zposition", *TURNS)


def _rotate_joint(turns: dict[int, np.ndarray], joint: int, frames: int) -> np.ndarray:
    return euler_to_matrix(turns.get(joint, np.zeros((frames, 3))), "ZXY")


def _swing_limbs(phase: np.ndarray) -> dict[int, np.ndarray]:
    """ZXY angles of our joints: legs and arms swing, elbows are bent."""
    zero = np.zeros_like(phase)
    stride, lift = 0.5 * np.sin(phase), 0.25 * np.sin(phase)
    left_knee, right_knee = 0.6 + 0.5 * np.cos(phase), 0.6 - 0.5 * np.cos(phase)
    return {
        1: np.stack([zero, -stride, zero], -1),
        2: np.stack([zero, stride, zero], -1),
        4: np.stack([zero, left_knee, zero], -1),
        5: np.stack([zero, right_knee, zero], -1),
        6: np.stack([0.1 * lift, zero + 0.1, lift], -1),
        15: np.stack([zero, -lift, zero], -1),
        16: np.stack([zero - 1.3, stride, zero], -1),
        17: np.stack([zero + 1.2, -stride, zero], -1),
        18: np.stack([zero, zero, zero - 0.5], -1),
        19: np.stack([zero, zero, zero + 0.9 + lift], -1),
    }


@pytest.fixture(scope="session")
def make_walk():
    """Makes a walk, ahead or backward, from x = z = 0 that faces `heading` radians from +Z."""

    def make(
        frames: int = 60, heading: float = 0.0, backward: bool = False, height: float = 0.9
    ) -> np.ndarray:
        phase = np.arange(frames) / 20 * 2 * np.pi * 0.9
        turns, rest = _swing_limbs(phase), tpose()
        joints, turned = np.zeros((frames, 22, 3)), np.zeros((frames, 22, 3, 3))
        facing = euler_to_matrix(np.full((1, 1), heading), "Y")[0]
        forward = facing @ np.array([0, 0, -1.0 if backward else 1.0])
        for joint, parent in enumerate(PARENTS):
            local = _rotate_joint(turns, joint, frames)
            if parent < 0:
                joints[:, 0] = np.arange(frames)[:, None] / 20 * forward
                joints[:, 0, 1] = height + 0.02 * np.cos(2 * phase)
                turned[:, 0] = facing @ local
            else:
                turned[:, joint] = turned[:, parent] @ local
                joints[:, joint] = joints[:, parent] + turned[:, parent] @ (rest[joint] - rest[parent])
        return joints

    return make


@pytest.fixture(scope="session")
def schemes() -> dict[str, list[str]]:
    """For each maker that names all of our 22 joints its names, in our order; of two of one maker the first."""
    complete = [maker for maker in MAKERS if "-" not in maker.joints.split()]
    return {maker.name: maker.joints.split() for maker in reversed(complete)}


@pytest.fixture(scope="session")
def make_rig_bvh():
    """Makes a `Bvh` of the walk on joints with these names, in any unit, Y or Z up, without the joints of `leave`."""

    def make(
        names: list[str], unit: float = 0.01, up: str = "Y", leave: tuple[int, ...] = (), stretch: float = 1.0
    ) -> Bvh:
        rest = tpose() * stretch / unit
        turns = _swing_limbs(np.arange(60) / 30 * 2 * np.pi * 0.9)
        to_file = np.eye(3) if up == "Y" else np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        kept = [joint for joint in range(22) if joint not in leave]
        parents, offsets, columns = [], [], []
        for joint in kept:
            parent = PARENTS[joint]
            while parent in leave:
                parent = PARENTS[parent]
            parents.append(kept.index(parent) if parent >= 0 else -1)
            offsets.append(to_file @ (rest[joint] - rest[parent]) if parent >= 0 else np.zeros(3))
            angles = np.degrees(turns.get(joint, np.zeros((60, 3))))
            if up == "Z":  # R_Z R_X R_Y of our axes is R_-Y R_X R_Z of the file's
                angles = angles * np.array([-1, 1, 1])
            columns.append(angles)
        path = np.zeros((60, 3))
        path[:, 1], path[:, 2] = rest[0, 1], np.arange(60) / 30 / unit
        turns_here = TURNS if up == "Y" else ("Yrotation", "Xrotation", "Zrotation")
        channels = ((*ROOT[:3], *turns_here), *[turns_here] * (len(kept) - 1))
        return Bvh(
            tuple(names[joint] for joint in kept),
            tuple(parents),
            np.array(offsets),
            channels,
            (),
            np.concatenate([path @ to_file.T, *columns], axis=1),
            1 / 30,
        )

    return make
