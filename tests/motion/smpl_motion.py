"""A motion that tests share: smooth random SMPL poses of a body that turns, bends and travels."""

import numpy as np

from lead.motion.bodies.smpl_poses import smpl_to_joints
from lead.motion.rigs.units import UP_TO_WORLD


def smpl_joints(frames: int = 30, seed: int = 0, swing: float = 0.5) -> np.ndarray:
    """Joints [frames, 22, 3] in meters, Y up, at 20 fps; every joint turns by up to about `swing` radians."""
    rng = np.random.default_rng(seed)
    times = np.arange(frames)[:, None] / 20
    pace, phase = rng.uniform(0.3, 1.0, (2, 66)) * np.array([[1.0], [2 * np.pi]])
    poses = swing * rng.uniform(-1, 1, 66) * np.sin(2 * np.pi * pace * times + phase)
    poses[:, :3] = np.array([np.pi / 2, 0, 0]) + 0.2 * poses[:, :3]  # up from SMPL's Y to AMASS's Z
    poses[:, [12, 15]] = np.abs(poses[:, [12, 15]])  # knees bend one way
    trans = np.concatenate([times * rng.uniform(-1, 1, 2), np.full((frames, 1), 1.0)], axis=1)
    return smpl_to_joints(poses, trans) @ UP_TO_WORLD["Z"].T
