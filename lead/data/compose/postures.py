"""Recipes of postures: staying in one, and going down into one and up again."""

import numpy as np

from lead.data.compose.kitchen import ARMS, FPS, LONGEST, Kitchen, Product, is_plain
from lead.data.compose.sources import Joints
from lead.motion import measures as m
from lead.motion.processing.edit import UPPER_BODY, ping_pong, replace_bones
from lead.motion.processing.join import change_tempo, cross_fade, hold, place_after, reverse
from lead.text.meaning import Meaning


def stay(kitchen: Kitchen) -> Product | None:
    """A part of a clip in which the body stays as it is: standing, sitting, lying, kneeling."""
    source = kitchen.sources.pick(
        "stand",
        "sit",
        "lie",
        "kneel",
        "crouch",
        "sit-floor",
        "meditate",
        "hands-hips-stand",
        "cross-arms",
        "hand-face",
        "face",
        "shift-weight",
        "look-around",
    )
    if source is None:
        return None
    joints = source.joints
    frames = kitchen.draw_frames(2.0, 9.8)
    if len(joints) < frames:
        short = len(joints)
        joints = ping_pong(joints, frames)
        if short < 24:
            joints = hold(joints, frames - short, kitchen.rng, FPS)
    start = int(kitchen.rng.integers(max(len(joints) - frames, 0) + 1))
    joints = joints[start : start + frames]
    return _straighten(kitchen, joints) if source.meaning.action == "kneel" else joints, source.meaning


def down_or_up(kitchen: Kitchen) -> Product | None:
    """Sitting down, lying down, kneeling down, crouching, or the way back: some are played backward."""
    source = kitchen.sources.pick(
        "sit-down", "stand-up", "sit-stand", "lie-down", "get-up", "kneel-down", "sit-floor", "squat", "crouch"
    )
    if source is None:
        return None
    joints, action = source.joints, source.meaning.action
    height = m.pelvis_height(joints)
    lowest = int(height.argmin())
    if action in ("sit-stand", "squat", "sit-floor") and 8 < lowest < len(joints) - 8:
        downward = kitchen.one_in(2)
        joints = joints[: lowest + 2] if downward else joints[lowest - 1 :]
        names = {
            "sit-stand": ("sit-down", "stand-up"),
            "sit-floor": ("sit-floor", "get-up"),
            "squat": ("crouch", "straighten"),
        }
        action = names[action][0 if downward else 1]
        if action == "straighten":
            return None
    swaps = {"sit-down": "stand-up", "stand-up": "sit-down", "lie-down": "get-up", "get-up": "lie-down"}
    if action in swaps and kitchen.one_in(2):
        joints, action = reverse(joints), swaps[action]
    joints = change_tempo(joints, float(kitchen.rng.uniform(0.7, 1.2)), FPS)
    joints = _rest_arms(kitchen, joints) if source.meaning.action == "sit-stand" else joints
    joints = hold(joints, kitchen.draw_frames(0.0, 3.0), kitchen.rng, FPS)[:LONGEST]
    return joints, Meaning(
        action, source.meaning.place, tuple(w for w in source.meaning.ways if w not in ("correct", "poor"))
    )


def _straighten(kitchen: Kitchen, joints: Joints) -> Joints:
    """A body that kneels, in most products with the trunk and the arms of someone who stands."""
    idle = kitchen.sources.pick("stand", fits=is_plain) if kitchen.rng.random() < 0.7 else None
    return replace_bones(joints, idle.joints, UPPER_BODY) if idle else joints


def _rest_arms(kitchen: Kitchen, joints: Joints) -> Joints:
    """The same with the arms of someone who stands."""
    idle = kitchen.sources.pick("stand", fits=is_plain)
    return replace_bones(joints, idle.joints, ARMS) if idle else joints


def go_down(kitchen: Kitchen) -> Product | None:
    """From standing into a pose that some clip holds, or back up: a long cross-fade."""
    stand = kitchen.sources.pick("stand")
    pose = kitchen.sources.pick("sit", "kneel", "crouch", "kneel")
    if stand is None or pose is None:
        return None
    names = {"sit": ("sit-down", "stand-up"), "kneel": ("kneel-down", "get-up"), "crouch": ("crouch", "stand-up")}
    frames = kitchen.draw_frames(1.0, 1.8)
    before = ping_pong(stand.joints, frames + kitchen.draw_frames(0.1, 0.8))
    held = _straighten(kitchen, pose.joints) if pose.meaning.action == "kneel" else pose.joints
    after = place_after(before[-1], ping_pong(held, frames + kitchen.draw_frames(0.2, 3.0)))
    faded = _keep_feet(cross_fade(before[-frames:], after[:frames]))
    joints = np.concatenate([before[:-frames], faded, after[frames:]])
    down = pose.meaning.action == "crouch" or kitchen.rng.random() < 0.65
    name = names[pose.meaning.action][0 if down else 1]
    return (joints if down else reverse(joints))[:LONGEST], Meaning(name)


def _keep_feet(joints: Joints) -> Joints:
    """Moved up or down, so that the lowest joint goes evenly from its first height to its last."""
    lowest = joints[..., 1].min(axis=1)
    wanted = np.linspace(lowest[0], lowest[-1], len(joints))
    moved: Joints = joints + np.stack([0 * lowest, wanted - lowest, 0 * lowest], axis=-1)[:, None]
    return moved
