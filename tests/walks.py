"""Motions that tests share: a simple synthetic walk, and standing with swinging arms."""

from dataclasses import replace

import numpy as np

from lead.motion import Motion
from lead.motion.skeleton import tpose


def synthesize_walk(seconds: float = 3.0, fps: float = 20.0, sway: float = 0.0, seed: int = 0) -> Motion:
    """A crude walk along +Z: legs and arms swing, bone lengths stay true."""
    rest = tpose()
    times = np.arange(int(seconds * fps)) / fps
    joints = np.repeat(rest[None], len(times), axis=0)
    phase = 2 * np.pi * 1.0 * times + seed
    for side, sign in ((0, 1.0), (1, -1.0)):
        hip, shoulder = 1 + side, 16 + side
        swing = 0.4 * np.sin(phase) * sign
        for joint, parent in ((4 + side, hip), (7 + side, 4 + side), (10 + side, 7 + side)):
            offset = rest[joint] - rest[parent]
            joints[:, joint] = joints[:, parent] + _pitch(offset, swing)
        for joint, parent in ((18 + side, shoulder), (20 + side, 18 + side)):
            length = np.linalg.norm(rest[joint] - rest[parent])
            joints[:, joint] = joints[:, parent] + _pitch(np.array([0, -length, 0]), -swing + 0.2 * sway)
    joints[:, :, 2] += times[:, None] * 1.1
    return Motion(joints.astype(np.float32), fps, name=f"walk-{seed}")


def synthesize_wave(seconds: float = 3.0, fps: float = 20.0) -> Motion:
    """Arms swing, feet stay where they stand."""
    walk = synthesize_walk(seconds, fps)
    joints = walk.joints - walk.joints[:, :1] + walk.joints[0, 0]
    joints[:, [4, 5, 7, 8, 10, 11]] = tpose()[[4, 5, 7, 8, 10, 11]]
    return replace(walk, joints=joints)


def _pitch(offset: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """An offset rotated about X by one angle for each frame, in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = offset
    return np.stack([np.full_like(angle, x), cos * y - sin * z, sin * y + cos * z], axis=-1)
