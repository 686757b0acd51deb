"""The recipe of hands at the head: a hand at the face, a scratch, a phone at the ear, a drink, a bite."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.data.compose.gestures import draw_below
from lead.data.compose.kitchen import FPS, LONGEST, Kitchen, Product
from lead.data.compose.sources import Joints
from lead.motion.heading import turn
from lead.motion.processing.edit import smooth_half_yaw
from lead.motion.processing.ik import direct, limit_softly, remove_part_along, two_bone_ik
from lead.motion.skeleton import L_SHOULDER, R_SHOULDER
from lead.motion.smoothing import gaussian_smooth
from lead.text.meaning import Meaning

HEAD = 15
ARM = {"left": (L_SHOULDER, 18, 20), "right": (R_SHOULDER, 19, 21)}
"""Shoulder, elbow, wrist."""
UNDER = ("stand",) * 5 + ("sit", "sit", "walk", "walk", "walk", "backward", "kneel")
"""What the rest of the body does."""
LOW = (0.06, -0.36, 0.26)
"""Where a hand waits between two bites, from the head: outward, up, ahead; in meters."""


@dataclass(frozen=True)
class Touch:
    place: tuple[float, float, float]
    """Of the wrist, from the joint of the head: outward, up, ahead; in meters."""
    seconds: tuple[float, float]
    """How long the hand stays there at a time."""
    times: tuple[int, int] = (1, 1)
    """How often it goes there."""
    rub: float = 0.0
    """Meters to and fro, while it is there."""


TOUCHES = {
    "face": Touch((0.07, -0.03, 0.15), (1.0, 8.0)),
    "head": Touch((0.13, 0.13, 0.0), (1.0, 6.0), rub=0.025),
    "phone-hand": Touch((0.15, -0.02, 0.05), (3.0, 9.8)),
    "drink-hand": Touch((0.04, -0.06, 0.17), (0.6, 2.5), (1, 3)),
    "eat": Touch((0.04, -0.06, 0.16), (0.8, 1.4), (1, 4)),
}


def touch_head(kitchen: Kitchen) -> Product | None:
    """A hand brought to the head by someone who stands, sits, kneels or walks."""
    made = draw_below(kitchen, str(kitchen.rng.choice(UNDER)))
    if made is None:
        return None
    joints, meaning = made[0][:LONGEST], replace(made[1], ways=())
    action, side = str(kitchen.rng.choice(list(TOUCHES))), kitchen.draw_side()
    half_yaw = smooth_half_yaw(joints)
    local = turn(half_yaw, joints)
    touched = turn(-half_yaw, _move_hand(kitchen, local, TOUCHES[action], side))
    hand = Meaning(action, "" if action == "eat" else side)
    return touched, hand if meaning.action == "stand" else replace(meaning, meanwhile=hand)


def _move_hand(kitchen: Kitchen, local: Joints, touch: Touch, side: str) -> Joints:
    """The body, seen as it faces +Z, with the wrist where the touch wants it; elbow by two-bone IK."""
    shoulder, elbow, wrist = (local[:, joint] for joint in ARM[side])
    upper, lower = np.linalg.norm(elbow - shoulder, axis=-1), np.linalg.norm(wrist - elbow, axis=-1)
    outward = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    raised, there = _go_there(kitchen, len(local), touch)
    place = np.array(touch.place) + kitchen.rng.normal(0.0, 0.012, 3)
    low = np.array(LOW) + kitchen.rng.normal(0.0, 0.04, 3)
    offset = low + there[:, None] * (place - low) if touch.times[1] > 1 else place
    rubbing = np.sin(2 * np.pi * kitchen.rng.uniform(1.8, 3.2) * np.arange(len(local)) / FPS) * there
    offset = offset + touch.rub * rubbing[:, None] * [0.3, 0.4, 1.0]
    sway = gaussian_smooth(kitchen.rng.normal(0.0, 0.03, (len(local), 3)), 8.0)
    target = local[:, HEAD] + (offset + sway) * outward
    target = wrist + raised[:, None] * (target - wrist)
    direction = direct(target - shoulder, [0.0, -1.0, 0.0])
    reach = limit_softly(np.linalg.norm(target - shoulder, axis=-1), upper + lower)
    down = np.array([0.45, -1.0, float(kitchen.rng.uniform(-0.3, 0.1))]) * outward
    bend = direct(elbow - shoulder, [0.0, -1.0, 0.0]) * (1 - raised[:, None]) + raised[:, None] * down
    pole = direct(remove_part_along(bend, direction), [0.0, 0.0, -1.0])
    moved = local.copy()
    _, *arm = ARM[side]
    moved[:, arm[0]], moved[:, arm[1]] = two_bone_ik(shoulder, direction, reach, pole, upper, lower)
    return moved


def _go_there(
    kitchen: Kitchen, frames: int, touch: Touch
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]]:
    """How far the hand has left its way of before, and how near to the head it is: both from 0 to 1, smoothly."""
    times = int(kitchen.rng.integers(touch.times[0], touch.times[1] + 1))
    near = np.zeros(kitchen.draw_frames(0.0, 0.7) if kitchen.rng.random() < 0.8 else 0)
    begins = len(near)
    for _ in range(times):
        near = np.concatenate([near, np.ones(kitchen.draw_frames(*touch.seconds))])
        ends = len(near)
        near = np.concatenate([near, np.zeros(kitchen.draw_frames(0.5, 1.2))])
    raised = np.zeros(max(frames, len(near)))
    raised[begins:ends] = 1.0
    near = np.pad(near, (0, len(raised) - len(near)))
    ease = float(kitchen.rng.uniform(2.5, 4.0))
    eased = gaussian_smooth(np.stack([raised, near], axis=-1), ease)[:frames]
    return eased[:, 0], eased[:, 1]
