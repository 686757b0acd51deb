"""Crawling on hands and knees, made from one pose on all fours.

The body moves ahead at a constant speed. A hand and the opposite knee rest on the floor while the others swing ahead;
arms are solved by two-bone IK, thighs point at their knees, shins trail on the floor. Meters, Y up.
"""

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.processing.edit import bone_directions
from lead.motion.processing.ik import two_bone_ik
from lead.motion.rotations import normalize
from lead.motion.skeleton import L_SHOULDER, bone_lengths, place_bones

LIMBS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (0, (16, 18, 20)),
    (1, (17, 19, 21)),
    (1, (1, 4, 7, 10)),
    (0, (2, 5, 8, 11)),
)
"""0 or 1 for limbs that swing together, and their joints from the body outward: two arms, which rest on their wrists,
and two legs, which rest on their knees."""


def crawl(
    pose: Float[np.ndarray, "22 3"], frames: int, fps: float, rng: np.random.Generator
) -> Float[np.ndarray, "frames 22 3"]:
    """Frames of crawling ahead (+Z at first) from a pose on all fours; speed and rhythm are drawn."""
    pose = turn(forward_to_half_yaw(facing(pose[None])), pose[None] - pose[0] * [1, 0, 1])[0]
    lengths = bone_lengths(pose)
    floor = pose[:, 1].min()
    speed, period = float(rng.uniform(0.25, 0.5)), float(rng.uniform(1.0, 1.6))
    times = np.arange(frames) / fps
    phase = times / period + rng.random()
    directions = np.repeat(bone_directions(pose[None]), frames, axis=0)
    root = pose[0] + np.stack([0 * times, 0.012 * np.cos(4 * np.pi * phase), speed * times], axis=-1)
    sway = 0.025 * np.sin(2 * np.pi * phase)
    root[:, 0] += sway
    joints = place_bones(root, directions, lengths)
    reach = speed * period / 2  # how far a limb stands ahead of its mean place when it lands
    for half, chain in LIMBS:
        is_arm = len(chain) == 3
        own = (phase + 0.5 * half) % 1.0
        swing = np.clip((own - 0.55) / 0.45, 0, 1)  # the last 45 % of a period
        eased = swing * swing * (3 - 2 * swing)
        along = np.where(own < 0.55, reach * (1 - 2 * own / 0.55) * 0.55, reach * 0.55 * (2 * eased - 1))
        lift = (0.10 if is_arm else 0.05) * np.sin(np.pi * swing)
        end = chain[2] if is_arm else chain[1]
        target = np.repeat(pose[None, end], frames, axis=0) + root - pose[0]
        target[:, 0] -= sway
        target[:, 1] = floor + (0.04 if is_arm else 0.05) + lift
        target[:, 2] += along
        if is_arm:
            _reach_with_hand(joints, chain, target, lengths)
        else:
            _rest_on_knee(joints, chain, target, lift, lengths)
    crawled: np.ndarray = joints
    return crawled


def _reach_with_hand(
    joints: Float[np.ndarray, "frames 22 3"],
    chain: tuple[int, ...],
    target: Float[np.ndarray, "frames 3"],
    lengths: Float[np.ndarray, "22"],
) -> None:
    """Sets elbow and wrist, so that the wrist is at its target; the elbow points back and out."""
    shoulder, elbow, wrist = chain
    back = np.array([0.6 if shoulder == L_SHOULDER else -0.6, 0.0, -1.0])
    to = target - joints[:, shoulder]
    distance = np.linalg.norm(to, axis=-1)
    direction = normalize(to)
    pole = normalize(back - direction * (direction @ back)[:, None])
    most = 0.985 * (lengths[elbow] + lengths[wrist])
    joints[:, elbow], joints[:, wrist] = two_bone_ik(
        joints[:, shoulder], direction, np.minimum(distance, most), pole, lengths[elbow], lengths[wrist]
    )


def _rest_on_knee(
    joints: Float[np.ndarray, "frames 22 3"],
    chain: tuple[int, ...],
    target: Float[np.ndarray, "frames 3"],
    lift: Float[np.ndarray, " frames"],
    lengths: Float[np.ndarray, "22"],
) -> None:
    """Sets knee, ankle and toe: the thigh points at the knee's target, the shin trails, raised as the knee is."""
    hip, knee, ankle, toe = chain
    joints[:, knee] = joints[:, hip] + lengths[knee] * normalize(target - joints[:, hip])
    raised = lift[:, None] * [0.0, 1.5, 0.0]
    shin = normalize(np.array([0.0, 0.03, -1.0]) + raised)
    joints[:, ankle] = joints[:, knee] + lengths[ankle] * shin
    joints[:, toe] = joints[:, ankle] + lengths[toe] * normalize(np.array([0.0, -0.25, -1.0]))
