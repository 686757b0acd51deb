"""Motions that tests share: simple synthetic walks, and standing with swinging arms."""

from dataclasses import replace

import numpy as np

from lead.motion import Motion
from lead.motion.processing.ik import LEGS, two_bone_ik
from lead.motion.skeleton import bone_lengths, tpose


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


def synthesize_steps(seconds: float = 3.0, speed: float = 0.9, fps: float = 20.0) -> Motion:
    """A walk along +Z in which feet stand: each for 0.6 s of a second, without a slide; bone lengths stay true."""
    rest = tpose()
    times = np.arange(int(seconds * fps)) / fps
    joints = np.repeat(rest[None], len(times), axis=0)
    joints[:, :, 2] += speed * times[:, None]
    lengths = bone_lengths(rest)
    drop = rest[1, 1] - rest[7, 1] - 0.94 * (lengths[4] + lengths[7])
    joints[..., 1] -= drop
    for foot, (hip, knee, ankle, toe) in enumerate(LEGS):
        step, phase = np.divmod(times + 0.5 * foot, 1.0)
        swing = np.clip((phase - 0.6) / 0.4, 0, 1)
        eased = swing * swing * (3 - 2 * swing)
        target = np.repeat(rest[None, ankle], len(times), axis=0)
        target[:, 1] += 0.1 * np.sin(np.pi * swing)
        target[:, 2] += speed * (step + eased + 0.3 - 0.5 * foot)
        to = target - joints[:, hip]
        reach = np.linalg.norm(to, axis=1)
        along = to / reach[:, None]
        pole = np.array([0.0, 0.0, 1.0]) - along * along[:, 2:]
        pole /= np.linalg.norm(pole, axis=1, keepdims=True)
        joints[:, knee], joints[:, ankle] = two_bone_ik(
            joints[:, hip], along, reach, pole, lengths[knee], lengths[ankle]
        )
        joints[:, toe] = joints[:, ankle] + rest[toe] - rest[ankle]
    return Motion(joints.astype(np.float32), fps, name="steps")
