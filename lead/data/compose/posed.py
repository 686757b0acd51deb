"""Recipes that set limbs where they are wanted: a lifted knee, arms stretched out, a look around, a nod, a sway."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.data.compose.gestures import AS_WAYS, draw_below
from lead.data.compose.kitchen import FPS, LONGEST, Kitchen, Product, draw_walk, is_plain
from lead.data.compose.sources import Joints
from lead.motion.heading import turn
from lead.motion.processing.edit import bone_directions, ping_pong, smooth_half_yaw
from lead.motion.processing.ik import ANKLES, HIPS, KNEES, TOES, legs_ahead, move_ankle
from lead.motion.rotations import normalize
from lead.motion.skeleton import bone_lengths, place_bones
from lead.motion.smoothing import gaussian_smooth
from lead.text.meaning import Meaning

STRETCHED = {"side-arm": (1.0, 0.02, 0.0), "front-arm": (0.12, 0.02, 1.0)}
"""Where the left arm points: outward, up and ahead."""
ARM_BONES = {"left": (18, 20), "right": (19, 21)}
"""Upper arm and forearm, by the joint at their end."""
UNDER_STRETCHED = ("walk", "walk", "walk", "run", "stand", "stand", "sit", "backward", "circle")
LOOKING = {6: 0.25, 9: 0.45, 12: 0.6, 13: 0.6, 14: 0.6, 15: 1.3, 16: 0.6, 17: 0.6, 18: 0.55, 19: 0.55, 20: 0.5, 21: 0.5}
"""How much of a look to the side each bone takes part in; the head turns furthest."""

UNDER_HEAD = ("stand", "stand", "stand", "hands-hips-stand", "cross-arms", "sit")
NODDING = {12: 0.35, 15: 1.0}
SHAKING = {12: 0.3, 15: 1.0}
"""How much of a nod, or of a shake of the head, neck and head take part in."""


def lift_leg(kitchen: Kitchen) -> Product | None:
    """A thigh raised to about level from standing, and lowered again, or held: a lifted knee, a stand on one leg."""
    stand = kitchen.sources.pick("stand", "hands-hips-stand", "cross-arms", fits=is_plain)
    if stand is None:
        return None
    side, held = kitchen.draw_side(), kitchen.one_in(2)
    share = _rise_and_fall(kitchen, held)[:, None]
    joints = ping_pong(stand.joints, len(share))
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    directions = bone_directions(local)
    knee, ankle, toe = (4, 7, 10) if side == "left" else (5, 8, 11)
    outward = 1 if side == "left" else -1
    thigh = np.array([0.08 * outward, float(kitchen.rng.uniform(-0.35, 0.15)), 1.0])
    shin = np.array([0.0, -1.0, float(kitchen.rng.uniform(-0.35, 0.1))])
    for bone, target in ((knee, thigh), (ankle, shin), (toe, np.array([0.0, -0.45, 0.9]))):
        directions[:, bone] = normalize(directions[:, bone] * (1 - share) + normalize(target) * share)
    moved = local[:, 0] - np.array([0.05 * outward, 0.0, 0.0]) * share  # over the leg that stands
    lifted = place_bones(moved, directions, bone_lengths(local[0]))
    standing = "right" if side == "left" else "left"
    meaning = Meaning("stand-leg", standing) if held and kitchen.one_in(2) else Meaning("raise-knee", side)
    return turn(-half_yaw, lifted), meaning


def _rise_and_fall(kitchen: Kitchen, held: bool) -> Float[np.ndarray, " frames"]:
    """From 0 to 1 and back, smoothly; `held` stays at 1 for seconds."""
    rise, top = kitchen.draw_frames(0.4, 0.9), kitchen.draw_frames(*((1.5, 7.0) if held else (0.0, 0.5)))
    before, after = kitchen.draw_frames(0.1, 0.8), kitchen.draw_frames(0.1, 1.5)
    up = np.linspace(0, 1, rise)
    shape = np.concatenate([np.zeros(before), up, np.ones(top), up[::-1], np.zeros(after)])[:LONGEST]
    smooth: np.ndarray = shape * shape * (3 - 2 * shape)
    return smooth


def stretch_arms(kitchen: Kitchen) -> Product | None:
    """Arms stretched out to the sides or ahead and kept there, by someone who stands, sits or walks."""
    made = draw_below(kitchen, str(kitchen.rng.choice(UNDER_STRETCHED)))
    if made is None:
        return None
    joints, meaning = made[0][:LONGEST], replace(made[1], ways=())
    action = "side-arm" if kitchen.rng.random() < 0.7 else "front-arm"
    place = "both" if kitchen.rng.random() < 0.8 else kitchen.draw_side()
    share = _rise_to(kitchen, len(joints))[:, None]
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    directions = bone_directions(local)
    level = kitchen.rng.normal(0.0, [0.08, 0.12, 0.12])
    for side in ("left", "right") if place == "both" else (place,):
        outward = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        for bone, bent in zip(ARM_BONES[side], (0.0, float(kitchen.rng.uniform(0.0, 0.2))), strict=True):
            target = normalize(
                (np.array(STRETCHED[action]) + level + [0.0, 0.0, bent]) * outward + _sway(kitchen, local)
            )
            directions[:, bone] = normalize(directions[:, bone] * (1 - share) + target * share)
    made_joints = turn(-half_yaw, place_bones(local[:, 0], directions, bone_lengths(local[0])))
    if action == "front-arm" and place != "both":
        action = str(kitchen.rng.choice(["front-arm", "point", "reach-forward"]))
    spread = action == "side-arm" and place == "both" and kitchen.one_in(3)
    arms = Meaning("open-arms") if spread else Meaning(action, place)
    if meaning.action == "stand":
        return made_joints, arms
    way = AS_WAYS.get(f"{action} {place}")
    if way and kitchen.one_in(2):
        return made_joints, replace(meaning, ways=(way,))
    return made_joints, replace(meaning, meanwhile=arms)


def _rise_to(kitchen: Kitchen, frames: int) -> Float[np.ndarray, " frames"]:
    """From 0 to 1, smoothly, in the first two seconds; in two products of five 1 throughout; in some, back to 0."""
    if kitchen.rng.random() < 0.4:
        return np.ones(frames)
    before, rise = kitchen.draw_frames(0.0, 0.8), kitchen.draw_frames(0.4, 1.0)
    up = np.clip((np.arange(frames) - before) / rise, 0, 1)
    if frames > 60 and kitchen.one_in(3):
        up = np.minimum(up, np.clip((frames - 1 - before - np.arange(frames)) / rise, 0, 1))
    smooth: np.ndarray = up * up * (3 - 2 * up)
    return smooth


def _sway(kitchen: Kitchen, joints: Joints) -> Float[np.ndarray, "_ 3"]:
    """Small slow changes of a direction, as a held arm has them."""
    return gaussian_smooth(kitchen.rng.normal(0.0, 0.25, (len(joints), 3)), 8.0)


def look_around(kitchen: Kitchen) -> Product | None:
    """Head and trunk turned to one side and the other, by someone who stands, sits or walks; the hands rest."""
    stand = kitchen.sources.pick("stand", "stand", "hands-hips-stand", "cross-arms", fits=is_plain)
    if stand is None:
        return None
    frames = kitchen.draw_frames(2.0, 9.5)
    joints = ping_pong(stand.joints, frames)
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    directions = bone_directions(local)
    angle = _looks(kitchen, frames)
    for bone, share in LOOKING.items():
        directions[:, bone] = turn(-0.5 * share * angle, directions[:, None, bone])[:, 0]
    looking = turn(-half_yaw, place_bones(local[:, 0], directions, bone_lengths(local[0])))
    return looking, Meaning("look-around")


def _looks(kitchen: Kitchen, frames: int) -> Float[np.ndarray, " frames"]:
    """Angles to the left, in radians: to one side, a rest, to the other side, now and then ahead."""
    side, angles = float(kitchen.rng.choice([-1, 1])), np.zeros(kitchen.draw_frames(0.0, 0.5))
    while len(angles) < frames:
        ahead = kitchen.one_in(4)
        target = 0.0 if ahead else side * np.radians(float(kitchen.rng.uniform(35, 60)))
        last = float(angles[-1]) if len(angles) else 0.0
        u = np.linspace(0, 1, kitchen.draw_frames(0.4, 0.9))
        rest = np.full(kitchen.draw_frames(0.2, 1.0), target)
        angles = np.concatenate([angles, last + (target - last) * u * u * (3 - 2 * u), rest])
        side = side if ahead else -side
    return gaussian_smooth(angles[:frames, None], 1.5)[:, 0]


def move_head(kitchen: Kitchen) -> Product | None:
    """The head nodded or shaken again and again by someone who stands, sits or walks, with rests now and then."""
    below = kitchen.sources.pick(*UNDER_HEAD, fits=is_plain)
    if below is None:
        return None
    frames, nods = kitchen.draw_frames(1.6, 9.5), kitchen.one_in(2)
    walks = draw_walk(kitchen, "walk") if kitchen.one_in(8) else None
    joints, base = walks or (ping_pong(below.joints, frames), below.meaning)
    joints = joints[:frames]
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    directions = bone_directions(local)
    angle = np.radians(float(kitchen.rng.uniform(12, 26) if nods else kitchen.rng.uniform(18, 35))) * _beat(
        kitchen, len(joints)
    )
    for bone, share in NODDING.items() if nods else SHAKING.items():
        directions[:, bone] = (
            _pitch(directions[:, bone], share * angle) if nods else _yaw(directions[:, bone], share * angle)
        )
    moved = turn(-half_yaw, place_bones(local[:, 0], directions, bone_lengths(local[0])))
    meaning = Meaning("nod" if nods else "shake-head")
    if base.action not in ("sit", "walk"):
        return moved, meaning
    return moved, replace(base, ways=(), meanwhile=meaning)


def shift_weight(kitchen: Kitchen) -> Product | None:
    """The hips moved from one leg to the other, again and again, over feet that stay."""
    stand = kitchen.sources.pick("stand", "stand", "hands-hips-stand", "cross-arms", fits=is_plain)
    if stand is None:
        return None
    frames, sways = kitchen.draw_frames(1.6, 9.5), kitchen.one_in(2)
    joints = ping_pong(stand.joints, frames)
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    seconds = float(kitchen.rng.uniform(0.9, 1.6) if sways else kitchen.rng.uniform(1.2, 2.6))  # on one leg
    phase = np.pi * (np.arange(frames) / FPS / seconds + float(kitchen.rng.uniform()))
    beat = np.sin(phase) if sways else np.tanh(2.5 * np.sin(phase))
    aside = float(kitchen.rng.uniform(0.05, 0.1)) * beat[:, None, None] * [1.0, 0.0, 0.0]
    lean = np.linspace(1.0, float(kitchen.rng.uniform(0.5, 1.6)) if sways else 0.8, 22)[:, None]
    moved = local + aside * np.where(np.isin(np.arange(22), (0, *HIPS))[:, None], 1.0, lean)
    knees, ankles = move_ankle(
        moved[:, HIPS], local[:, KNEES] + aside, local[:, ANKLES] + aside, local[:, ANKLES], legs_ahead(moved)
    )
    moved[:, KNEES], moved[:, ANKLES], moved[:, TOES] = knees, ankles, local[:, TOES] + ankles - local[:, ANKLES]
    return turn(-half_yaw, moved), Meaning("sway" if sways else "shift-weight")


def _beat(kitchen: Kitchen, frames: int) -> Float[np.ndarray, " frames"]:
    """To and fro between -1 and 1 in bouts of some beats, with short rests between; the last beats may be cut off."""
    parts = [np.zeros(kitchen.draw_frames(0.0, 0.3))]
    while sum(map(len, parts)) < frames:
        times = np.arange(round(kitchen.rng.integers(2, 7) * FPS / kitchen.rng.uniform(1.0, 1.9))) / FPS
        rate = float(kitchen.rng.uniform(1.0, 1.9))
        parts += [np.sin(2 * np.pi * rate * times), np.zeros(kitchen.draw_frames(0.0, 0.8))]
    return gaussian_smooth(np.concatenate(parts)[:frames, None], 0.7)[:, 0]


def _pitch(
    directions: Float[np.ndarray, "frames 3"], angle: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 3"]:
    """Tipped forward by an angle in radians, as seen by a body that faces +Z."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = directions.T
    return np.stack([x, y * cos - z * sin, y * sin + z * cos], axis=-1)


def _yaw(
    directions: Float[np.ndarray, "frames 3"], angle: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 3"]:
    """Turned to the left by an angle in radians."""
    return turn(-0.5 * angle, directions[:, None])[:, 0]
