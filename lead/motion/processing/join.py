"""Motions in time: played backward, faster or slower, one after another, and in cycles.

Conventions: meters, Y up; a motion goes on where the one before it ends, in its place and heading. Bones keep their
lengths. Knows nothing of models and captions.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.processing.edit import bone_directions
from lead.motion.resample import resample
from lead.motion.rotations import normalize
from lead.motion.skeleton import bone_lengths, place_bones

OVERLAP_SECONDS = (0.3, 1.0)
"""The shortest and the longest cross-fade."""
SECONDS_PER_METER = 3.0
"""Further cross-fade for each meter that the joints of both poses lie apart in the mean."""

Joints = Float[np.ndarray, "_ 22 3"]
"""Joints of a motion of any length."""


def reverse(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """The motion played backward."""
    return joints[::-1]


def change_tempo(joints: Joints, tempo: float, fps: float) -> Joints:
    """The motion `tempo` times as fast, at the same rate."""
    return resample(joints, fps, fps / tempo)


def pose_distance(
    a: Float[np.ndarray, "*batch 22 3"], b: Float[np.ndarray, "*batch 22 3"]
) -> Float[np.ndarray, "*batch"]:
    """The mean distance of joints, both poses relative to their pelvis on the floor and their heading."""
    return np.asarray(np.linalg.norm(to_body_frame(a) - to_body_frame(b), axis=-1).mean(axis=-1))


def place_after(pose: Float[np.ndarray, "22 3"], joints: Joints) -> Joints:
    """The motion moved over the floor and turned, so that its first frame stands and faces as the pose does."""
    wanted, own = (forward_to_half_yaw(facing(frame[None]))[0] for frame in (pose, joints[0]))
    moved = turn(np.full(len(joints), own - wanted), joints - joints[0, 0] * [1, 0, 1])
    placed: np.ndarray = moved + pose[0] * [1, 0, 1]
    return placed


def join(a: Joints, b: Joints, fps: float) -> Joints:
    """One motion after another, cross-faded; the more their poses differ, the longer.

    The result has the frames of both less those of the cross-fade.
    """
    apart = float(pose_distance(a[-1], b[0]))
    seconds = np.clip(OVERLAP_SECONDS[0] + SECONDS_PER_METER * apart, *OVERLAP_SECONDS)
    frames = int(np.clip(round(seconds * fps), 2, max(min(len(a), len(b)) // 2, 1)))
    b = place_after(a[-frames], b)
    faded = cross_fade(a[-frames:], b[:frames])
    return np.concatenate([a[:-frames], faded, b[frames:]])


def cross_fade(
    a: Float[np.ndarray, "frames 22 3"], b: Float[np.ndarray, "frames 22 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """From the one motion to the other: root by places, body by directions of bones, with a smooth start and end."""
    u = (np.arange(len(a)) + 1) / (len(a) + 1)
    weight = (u * u * (3 - 2 * u))[:, None, None]
    root = a[:, 0] * (1 - weight[:, 0]) + b[:, 0] * weight[:, 0]
    directions = normalize(bone_directions(a) * (1 - weight) + bone_directions(b) * weight)
    return place_bones(root, directions, bone_lengths(a[0]))


def find_cycle(joints: Joints, fps: float, shortest: float = 0.6) -> tuple[int, int]:
    """The first and the last frame of the stretch whose ends are most alike in pose and in its change.

    It has `shortest` seconds at least; a motion that is shorter is the stretch as a whole.
    """
    local = to_body_frame(joints)
    motion = np.gradient(local, axis=0) * fps * 0.1  # tenths of a second weigh as much as places
    numbers = np.concatenate([local, motion], axis=-1).reshape(len(joints), -1)
    squares = (numbers**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * numbers @ numbers.T
    first, last = np.triu_indices(len(joints), max(round(shortest * fps), 2))
    if not len(first):
        return 0, len(joints) - 1
    best = int(apart[first, last].argmin())
    return int(first[best]), int(last[best])


def repeat_cycle(joints: Joints, frames: int, fps: float) -> Joints:
    """The motion made about `frames` long or longer: its cycle is repeated before it goes on to its end.

    Up to five frames may be missing, those of the last cross-fade. A motion that is long enough stays as it is.
    """
    if len(joints) >= frames:
        return joints
    first, last = find_cycle(joints, fps)
    fade = min(4, first, len(joints) - 1 - last)
    out = joints[: last + fade]
    while len(out) < frames - (len(joints) - last):
        cycle = place_after(out[-1 - fade if fade else -1], joints[first : last + fade + 1])
        faded = cross_fade(out[-fade:], cycle[1 : fade + 1]) if fade else out[:0]
        out = np.concatenate([out[: len(out) - fade], faded, cycle[fade + 1 :]])
    rest = place_after(out[-1 - fade if fade else -1], joints[last:])
    return np.concatenate([out[: len(out) - fade], rest[1:]])


def hold(joints: Joints, frames: int, rng: np.random.Generator, fps: float) -> Joints:
    """The motion with its last pose held for `frames` more: feet and pelvis stay, trunk and arms sway a little."""
    if frames < 1:
        return joints
    directions = np.repeat(bone_directions(joints[-1:]), frames, axis=0)
    times = np.arange(1, frames + 1)[:, None, None] / fps
    rate, phase = rng.uniform(0.15, 0.4, (2, 22, 3)), rng.uniform(0, 2 * np.pi, (2, 22, 3))
    sway = sum(np.sin(2 * np.pi * r * times + p) - np.sin(p) for r, p in zip(rate, phase, strict=True))
    sway = np.asarray(sway) * 0.006
    sway[:, [4, 5, 7, 8, 10, 11]] = 0  # legs and feet stay
    directions = normalize(directions + sway * np.minimum(times, 1.0))
    held = place_bones(np.repeat(joints[-1:, 0], frames, axis=0), directions, bone_lengths(joints[-1]))
    return np.concatenate([joints, held])


def to_body_frame(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch 22 3"]:
    """Joints relative to the pelvis' place on the floor, turned to face +Z."""
    flat = joints.reshape(-1, 22, 3)
    moved = turn(forward_to_half_yaw(facing(flat)), flat - flat[:, :1] * [1, 0, 1])
    return moved.reshape(joints.shape)
