"""Checks of what arms, head and legs do: a hand waves, the head nods, the left leg kicks.

The rules of all checks are in `lead.eval.prompt_checks`.
"""

import numpy as np

from lead.eval import body_states as body
from lead.eval.body_states import AnySide
from lead.motion import measures
from lead.motion.measures import Joints, Side

# Arms


def raise_hand(joints: Joints, side: AnySide = "either") -> bool:
    """The hand of this side is lifted to about the shoulder or higher, the other one is not; or both, or either."""
    if side in measures.SIDES:
        other: Side = "right" if side == "left" else "left"
        return body.raises(joints, side) and not body.raises(joints, other)
    return body.on_sides(side, lambda one: body.raises(joints, one))


def arms_to_the_sides(joints: Joints) -> bool:
    """Both arms are stretched out to the sides at about shoulder height for a quarter of a second or more."""
    out = [
        body.points(joints, side, 0, 0.68) & (measures.arm_extension(joints, side) > 0.75) for side in measures.SIDES
    ]
    return measures.longest(out[0] & out[1]) >= 0.2


def wave(joints: Joints, side: AnySide = "either") -> bool:
    """The hand of this side is lifted and goes to and fro; with one side named, the other hand does not."""
    if side in measures.SIDES:
        other: Side = "right" if side == "left" else "left"
        return body.waves(joints, side) and not body.raises(joints, other)
    return body.on_sides(side, lambda one: body.waves(joints, one))


def clap(joints: Joints, times: int = 2) -> bool:
    """The hands come together in front of the body and part again, twice or more."""
    apart = measures.hands_distance(joints)
    return measures.swings(apart, 0.08) >= 2 * times - 2 and body.count_touches(apart) >= times


def reach_up(joints: Joints) -> bool:
    """A hand is stretched up to the height of the head or above it."""
    return any(
        measures.longest(
            (measures.hand_over(joints, side, measures.HEAD) > -0.06) & (measures.arm_extension(joints, side) > 0.7)
        )
        >= 0.15
        for side in measures.SIDES
    )


def reach_forward(joints: Joints, side: AnySide = "either") -> bool:
    """An arm is stretched out forward."""
    return body.on_sides(side, lambda one: measures.longest(body.stretched_forward(joints, one)) >= 0.15)


def push(joints: Joints) -> bool:
    """Both hands are in front of the chest and the arms are stretched forward."""
    flags = [body.stretched_forward(joints, side, 0.7) for side in measures.SIDES]
    return measures.longest(flags[0] & flags[1]) >= 0.3


def throw(joints: Joints, side: AnySide = "either") -> bool:
    """A hand swings forward fast from beside or behind the head or body."""
    return body.on_sides(side, lambda one: body.throws(joints, one)) and not body.walks_on(joints)


def punch(joints: Joints, side: AnySide = "either") -> bool:
    """A fist shoots forward from the body, the arm nearly stretched, faster and further than the other one."""
    if side in measures.SIDES:
        other: Side = "right" if side == "left" else "left"
        return 2 * body.count_punches(joints, side) > max(body.count_punches(joints, other), 1)
    return body.on_sides(side, lambda one: body.count_punches(joints, one) > 0)


def box(joints: Joints) -> bool:
    """The fists are up and shoot forward twice or more."""
    return sum(body.count_punches(joints, side, 0.6) for side in measures.SIDES) >= 2


def swing(joints: Joints) -> bool:
    """A hand makes a fast, wide stroke down or across the body, as with a sword; an arm's swing at a walk is none."""
    return any(body.strokes(joints, side) for side in measures.SIDES) and not body.walks_on(joints)


def hand_to_face(joints: Joints, side: AnySide = "either") -> bool:
    """A hand is at the face or the head for a third of a second or more."""
    return body.on_sides(side, lambda one: measures.longest(measures.hand_to(joints, one, measures.HEAD) < 0.27) >= 0.3)


def nod(joints: Joints) -> bool:
    """The head tips down and up, twice or more, while the body stands."""
    pitch = body.head_pitch(joints)
    return measures.swings(pitch, 6.0) >= 3 and body.trunk_rests(joints)


def shake_head(joints: Joints) -> bool:
    """The head goes from side to side, twice or more, while the body stands."""
    side = np.degrees(np.arcsin(np.clip(measures.head_direction(joints)[:, 0], -1, 1)))
    return measures.swings(side, 3.0) >= 2 and body.trunk_rests(joints)


# Legs


def kick(joints: Joints, side: AnySide = "either") -> bool:
    """The foot of this side swings up fast and forward or out, higher than the other one."""
    return body.on_sides(side, lambda one: body.kicks(joints, one))


def lift_knee(joints: Joints, side: AnySide = "either") -> bool:
    """The knee of this side is lifted so that the thigh is near level, while the other leg stands."""
    return body.on_sides(side, lambda one: body.lifts_knee(joints, one))


def lift_leg(joints: Joints, side: AnySide = "either") -> bool:
    """The foot of this side is lifted by 20 cm or more, while the other foot stands."""
    return body.on_sides(side, lambda one: body.lifts_foot(joints, one))
