"""Recipes of gestures: with both arms, while walking or sitting, slower, faster, more than once."""

from dataclasses import replace

import numpy as np

from lead.data.compose.kitchen import ARMS, FPS, LONGEST, Kitchen, Product, draw_walk
from lead.data.compose.sources import Joints
from lead.data.compose.travel import circle, in_place, turn_in_place, walk_backward
from lead.motion import measures as m
from lead.motion.processing.edit import UPPER_BODY, mirror_joints, ping_pong, replace_bones
from lead.motion.processing.join import change_tempo, join, pose_distance
from lead.text.meaning import Meaning

GESTURES = (
    "raise-arm",
    "wave",
    "clap",
    "side-arm",
    "front-arm",
    "reach-up",
    "reach-forward",
    "drink",
    "punch",
    "box",
    "throw",
    "talk",
    "cross-arms",
    "hands-hips-stand",
    "hand-face",
    "sword",
    "cheer",
    "nod",
    "shake-head",
    "diagonal-arm",
    "back-arm",
    "goodbye",
    "drink-hand",
    "throw-hand",
    "sword-hand",
    "face",
    "head",
    "hip",
    "guide",
    "fist-pump",
    "traffic",
    "laugh",
)
"""Actions that the legs take no part in."""
CALM_GESTURES = tuple(name for name in GESTURES if name not in ("punch", "throw", "throw-hand", "sword", "sword-hand"))
COMMON_GESTURES = (
    "wave", "wave", "wave", "raise-arm", "raise-arm", "clap", "clap", "clap", "drink-hand", "face", "cross-arms",
    "hands-hips-stand",
)  # fmt: skip
"""Drawn more often than the others."""
HELD_UP = ("raise-arm", "side-arm", "front-arm", "cross-arms", "hands-hips-stand", "hand-face", "face", "head")
"""Gestures that can be held."""
AS_WAYS = {
    "raise-arm both": "arms-up",
    "side-arm both": "with the arms out to the sides",
    "front-arm both": "with the arms stretched forward",
    "cross-arms": "arms-crossed",
    "hands-hips-stand": "hands-hips",
}
"""Poses of the arms that are a way to walk."""
BELOW = (
    *("walk",) * 4, "run", "stand", "sit", "sit", "kneel", "backward", "backward", "crouch", "place", "circle", "turn",
    "turn", "turn",
)  # fmt: skip
MOVING = {"backward": walk_backward, "circle": circle, "place": in_place, "turn": turn_in_place}


def both_sides(kitchen: Kitchen) -> Product | None:
    """What one arm does, done with both."""
    source = kitchen.sources.pick(
        "side-arm", "front-arm", "diagonal-arm", "back-arm", "reach-up", place=("left", "right")
    )
    if source is None:
        return None
    other = source.mirror()
    bones = (13, 16, 18, 20) if source.meaning.place == "right" else (14, 17, 19, 21)
    return replace_bones(source.joints, other.joints, bones), replace(source.meaning, place="both")


def pick_up(kitchen: Kitchen) -> Product | None:
    """Something picked up from the floor, slower or faster."""
    source = kitchen.sources.pick("pick-up")
    if source is None:
        return None
    joints = change_tempo(source.joints, float(kitchen.rng.uniform(0.75, 1.25)), FPS)
    return joints[:LONGEST], source.meaning


def gesture_while(kitchen: Kitchen) -> Product | None:
    """Legs and path of one clip, the arms (or the upper body) of another."""
    gesture = kitchen.sources.pick(*CALM_GESTURES, *COMMON_GESTURES)
    if gesture is None:
        return None
    kind = str(kitchen.rng.choice(BELOW))
    below = draw_below(kitchen, kind)
    if below is None:
        return None
    joints, meaning = below
    arms = cut_act(gesture.joints)
    held = gesture.meaning.action in HELD_UP and kitchen.one_in(2)
    if held:  # the arms stay where the gesture has brought them
        arms = _hold_peak(arms, len(joints))
    joints = replace_bones(joints[:LONGEST], arms, ARMS if kitchen.rng.random() < 0.7 else UPPER_BODY)
    plain = replace(meaning, ways=tuple(way for way in meaning.ways if way != "normally"))
    if kind == "stand":
        return joints, _name_held(kitchen, gesture.meaning, held)
    way = AS_WAYS.get(f"{gesture.meaning.action} {gesture.meaning.place}".strip())
    if way and held and kitchen.one_in(2):
        return joints, replace(plain, ways=(way, *plain.ways)[:2])
    return joints, replace(plain, meanwhile=_name_held(kitchen, gesture.meaning, held))


def _name_held(kitchen: Kitchen, gesture: Meaning, held: bool) -> Meaning:
    """The gesture without ways; a hand that stays at the head may hold a phone."""
    phone = held and gesture.action in ("face", "head") and gesture.place in ("left", "right") and kitchen.one_in(2)
    return replace(gesture, action="phone-hand" if phone else gesture.action, ways=())


def draw_below(kitchen: Kitchen, kind: str) -> Product | None:
    """What the legs do while the arms do something else."""
    if kind in ("walk", "run"):
        return draw_walk(kitchen, kind, seconds=(2.0, 8.0))
    if kind in MOVING:
        return MOVING[kind](kitchen)
    source = kitchen.sources.pick(kind)
    return (ping_pong(source.joints, kitchen.draw_frames(2.0, 7.0)), source.meaning) if source else None


def cut_act(joints: Joints, least: float = 0.35) -> Joints:
    """The part in which the body is farther from its first pose than this share of the farthest, with its edges."""
    apart = pose_distance(joints, np.repeat(joints[:1], len(joints), axis=0))
    active = np.flatnonzero(apart > least * apart.max())
    return joints[max(active[0] - 4, 0) : active[-1] + 5] if len(active) else joints


def _hold_peak(arms: Joints, frames: int) -> Joints:
    """To the gesture's farthest pose, and there to the end."""
    apart = pose_distance(arms, np.repeat(arms[:1], len(arms), axis=0))
    peak = int(apart.argmax())
    return np.concatenate([arms[: peak + 1], np.repeat(arms[peak : peak + 1], max(frames - peak - 1, 0), axis=0)])


def tempo_of_act(kitchen: Kitchen) -> Product | None:
    """An action slower or faster, with the word for it."""
    source = kitchen.pick_plain(
        "raise-arm",
        "wave",
        "side-arm",
        "squat",
        "bow",
        "bend",
        "sit-down",
        "stand-up",
        "kick",
        "punch",
        "clap",
        "turn",
        "turn-around",
        "raise-leg",
        "side-lunge",
        "jacks",
        "reach-up",
        "lie-down",
        "get-up",
    )
    if source is None:
        return None
    slow = kitchen.one_in(2)
    tempo = float(kitchen.rng.uniform(0.45, 0.65) if slow else kitchen.rng.uniform(1.4, 1.8))
    joints = change_tempo(source.joints, tempo, FPS)
    ways = tuple(way for way in source.meaning.ways if way not in ("normally", "slowly", "quickly"))[:1]
    return joints[:LONGEST], replace(source.meaning, ways=("slowly" if slow else "quickly", *ways))


def repeat(kitchen: Kitchen) -> Product | None:
    """An action two or three times, or again and again."""
    source = kitchen.pick_plain(
        "squat",
        "jump-up",
        "jump",
        "jump-forward",
        "kick",
        "punch",
        "raise-arm",
        "bow",
        "clap",
        "jacks",
        "side-arm",
        "raise-leg",
        "side-lunge",
        "push-up",
        "hop",
        "box",
        "throw-hand",
        "nod",
        "bend",
        "sit-stand",
    )
    if source is None or len(source.joints) > 90:
        return None
    times = int(kitchen.rng.integers(2, 5))
    joints = source.joints
    for _ in range(times - 1):
        if pose_distance(joints[-1], source.joints[0]) > 0.2 or len(joints) + len(source.joints) > LONGEST + 10:
            return None
        joints = join(joints, source.joints, FPS)
    words = {2: "twice", 3: "three times"}.get(times, "repeatedly")
    ways = tuple(way for way in source.meaning.ways if way not in ("once", "normally"))[:1]
    return joints, replace(source.meaning, ways=(words, *ways))


def box(kitchen: Kitchen) -> Product | None:
    """Punches of both fists in turn, the same one mirrored, over legs that stay in one stance."""
    source = kitchen.sources.pick("punch", place=("left", "right"))
    if source is None:
        return None
    joints, peak = source.joints, int(m.hand_position(source.joints, _side(source.meaning))[:, 2].argmax())
    one = joints[max(peak - 9, 0) : peak + 9]
    other = mirror_joints(one)
    if len(one) < 14 or pose_distance(one[-1], other[0]) > 0.25:
        return None
    made = one
    for number in range(round(kitchen.draw_frames(1.5, 9.5) / 12)):
        made = join(made, (other, one)[number % 2], FPS)
    boxed = replace_bones(ping_pong(one, len(made)), made, UPPER_BODY)
    return change_tempo(boxed, float(kitchen.rng.uniform(0.8, 1.2)), FPS)[:LONGEST], Meaning("box")


def _side(meaning: Meaning) -> m.Side:
    return "left" if meaning.place == "left" else "right"
