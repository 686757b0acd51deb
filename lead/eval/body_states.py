"""What checks of clips share: whether a body is upright, seated or lying, leaps, punches, and how often.

Functions on joints [frames, 22, 3] in meters, Y up, at 20 frames a second. Their thresholds are what
`benchmarks/prompts/calibration.py` calibrates. `lead.eval.prompt_checks` makes checks of them.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from lead.motion import heading, measures
from lead.motion.measures import Joints, Side
from lead.motion.skeleton import FPS, L_ANKLE, L_HIP, L_KNEE, L_SHOULDER, MIRROR

AnySide = Literal["left", "right", "either", "both"]
Way = Literal["forward", "backward", "left", "right", "any"]


def on_sides(side: AnySide, holds: Callable[[Side], bool]) -> bool:
    """Whether it holds for the named side, either or both."""
    if side == "either":
        return holds("left") or holds("right")
    if side == "both":
        return holds("left") and holds("right")
    return holds(side)


def share_of(flags: Bool[np.ndarray, " frames"]) -> float:
    return float(flags.mean())


def at_start(values: Float[np.ndarray, " frames"]) -> float:
    return float(np.median(values[: max(round(0.2 * FPS), 1)]))


def at_end(values: Float[np.ndarray, " frames"]) -> float:
    return float(np.median(values[-max(round(0.2 * FPS), 1) :]))


def share_at_end(flags: Bool[np.ndarray, " frames"]) -> float:
    return float(flags[-max(round(0.25 * FPS), 1) :].mean())


def facing_ahead(joints: Joints) -> Joints:
    """The motion turned as a whole, so that its first frame faces +Z."""
    half_yaw = heading.forward_to_half_yaw(heading.facing(joints[:1]))
    return heading.turn(np.full(len(joints), half_yaw[0]), joints)


def moves(joints: Joints, way: Way) -> bool:
    """The person moves over the floor at least .4 m, for most of the way in this direction."""
    distance = measures.path_length(joints)
    if distance < 0.4 or measures.mean_speed(joints) < 0.2:
        return False
    forward, left = measures.travel(joints)
    toward = {"forward": forward, "backward": -forward, "left": left, "right": -left, "any": distance}[way]
    if way in ("left", "right"):
        return toward > 0.4 * distance and toward > 1.2 * abs(forward)
    return toward > 0.65 * distance


def going_speed(joints: Joints) -> float:
    """Meters a second while going: the 70th percentile, so that a start or a stop does not count."""
    return float(np.percentile(measures.speeds(joints), 70))


def has_running_steps(joints: Joints) -> bool:
    """Faster than a walk for how high the feet swing up behind: 1.8 m/s at a walk's .18 legs, 1.2 m/s at .3."""
    lift = min(float(np.percentile(measures.kick_height(joints, side), 95)) for side in measures.SIDES)
    speed = going_speed(joints)
    return speed > 1.1 and speed + 5.0 * (lift - 0.18) > 1.8


def is_upright(joints: Joints) -> bool:
    """The trunk is up and the hips are not low, most of the time."""
    return (
        float(np.median(measures.torso_pitch(joints))) < 40 and float(np.median(measures.pelvis_height(joints))) > 0.8
    )


def stays_up(joints: Joints) -> bool:
    """Stands in one place and does not turn away."""
    return bool((measures.pelvis_height(joints) > 0.85).mean() > 0.9) and measures.net_distance(joints) < 0.4


def walks_on(joints: Joints) -> bool:
    """Goes forward all the time, with nothing but steps."""
    return moves(joints, "forward") and measures.mean_speed(joints) > 0.5


def hands_rest(joints: Joints) -> bool:
    """Both hands stay where they are, as the body sees them: hanging, folded or in the pockets."""
    hands = [measures.smooth(measures.hand_position(joints, side)) for side in measures.SIDES]
    return all(float(np.ptp(hand, axis=0).max()) < 0.3 for hand in hands)


def trunk_rests(joints: Joints) -> bool:
    """The trunk stays upright, in one place, and does not turn."""
    still = float(np.ptp(measures.torso_pitch(joints))) < 8 and measures.net_distance(joints) < 0.2
    return still and float(np.ptp(measures.heading_angles(joints))) < 15


def steps_away(joints: Joints) -> bool:
    return measures.net_distance(joints) > 0.4


def is_turn(change: float, side: AnySide, least: float, most: float) -> bool:
    toward = {"left": change, "right": -change}.get(side, abs(change))
    return least <= toward <= most


def stands_at_start(joints: Joints) -> bool:
    return float(measures.pelvis_height(joints)[: max(len(joints) // 3, 4)].max()) > 0.92


def stands_at_end(joints: Joints) -> bool:
    return at_end(measures.pelvis_height(joints)) > 0.9 and at_end(measures.torso_pitch(joints)) < 40


def seated(joints: Joints) -> Bool[np.ndarray, " frames"]:
    """Hips low, trunk not lying, thighs far from hanging, or hips on the floor."""
    pelvis, pitch = measures.pelvis_height(joints), measures.torso_pitch(joints)
    lift = np.maximum(measures.knee_lift(joints, "left"), measures.knee_lift(joints, "right"))
    seated: np.ndarray = (pitch < 55) & (((pelvis < 0.95) & (lift > -0.72)) | (pelvis < 0.42)) & ~kneeling(joints)
    return seated


def lying(joints: Joints) -> Bool[np.ndarray, " frames"]:
    lying: np.ndarray = (measures.pelvis_height(joints) < 0.45) & (measures.torso_pitch(joints) > 58)
    return lying


def kneeling(joints: Joints) -> Bool[np.ndarray, " frames"]:
    """A knee is on the floor, the hips are above it, the trunk is up."""
    pelvis, pitch = measures.pelvis_height(joints), measures.torso_pitch(joints)
    knee = measures.on_floor(joints, L_KNEE, "left", 0.17) | measures.on_floor(joints, L_KNEE, "right", 0.17)
    kneeling: np.ndarray = knee & (pelvis > 0.33) & (pelvis < 0.85) & (pitch < 60)
    return kneeling


def crouched(joints: Joints) -> Bool[np.ndarray, " frames"]:
    knees = np.maximum(measures.knee_angle(joints, "left"), measures.knee_angle(joints, "right"))
    pelvis = measures.pelvis_height(joints)
    low: np.ndarray = (pelvis < 0.95) & (pelvis > 0.25) & (knees < 140) & (measures.torso_pitch(joints) < 70)
    return low


def is_on_the_floor(joints: Joints) -> bool:
    return share_of(measures.pelvis_height(joints) < 0.4) > 0.2


def at_hip(joints: Joints, side: Side) -> Bool[np.ndarray, " frames"]:
    near: np.ndarray = measures.hand_to(joints, side, measures.of_side(L_HIP, side)) < 0.29
    bent: np.ndarray = measures.arm_extension(joints, side) < 0.88
    resting: np.ndarray = near & bent
    return resting


def gaze(joints: Joints) -> Float[np.ndarray, " frames"]:
    """Degrees that the shoulders are turned to the left, and the head bent to a side with them."""
    shoulders = joints[:, measures.of_side(L_SHOULDER, "left")] - joints[:, measures.of_side(L_SHOULDER, "right")]
    turned = np.degrees(np.unwrap(np.arctan2(-shoulders[:, 2], shoulders[:, 0])))
    side = np.degrees(np.arcsin(np.clip(measures.head_direction(joints)[:, 0], -1, 1)))
    return measures.smooth(turned + side)


def head_pitch(joints: Joints) -> Float[np.ndarray, " frames"]:
    direction = measures.head_direction(joints)
    pitch: np.ndarray = np.degrees(np.arctan2(direction[:, 2], direction[:, 1]))
    return pitch


def lunges(joints: Joints, side: Side) -> bool:
    other: Side = "right" if side == "left" else "left"
    body = measures.in_body_frame(joints)
    wide = np.abs(body[:, L_ANKLE, 0] - body[:, MIRROR[L_ANKLE], 0]) > 0.45
    bent, straight = measures.knee_angle(joints, side), measures.knee_angle(joints, other)
    return share_of(wide & (bent < 140) & (straight > bent + 12)) * len(joints) >= 4


def reaches_low(joints: Joints, side: Side, when: Literal["before", "after"]) -> bool:
    hand = measures.heights(joints, measures.of_side(20, side))
    low = int(hand.argmin())
    part = hand[: low + 1] if when == "before" else hand[low:]
    return bool(hand[low] < 0.5 and part.max() - hand[low] > 0.2)


def find_leaps(joints: Joints, rise: float = 0.06) -> list[tuple[int, int]]:
    """Flights in which both feet are up alike and the pelvis is higher than when it stands."""
    flights = measures.flights(joints, 0.04)
    pelvis = joints[:, measures.PELVIS, 1]
    grounded = ~measures.airborne(joints, 0.04)
    standing = float(np.percentile(pelvis[grounded], 75)) if grounded.any() else float(pelvis.min())
    alike = np.abs(joints[:, L_ANKLE, 1] - joints[:, MIRROR[L_ANKLE], 1]) < 0.22
    return [
        (start, stop)
        for start, stop in flights
        if pelvis[start:stop].max() - standing > rise and alike[start:stop].mean() > 0.5
    ]


def count_one_leg_hops(joints: Joints) -> int:
    """Flights with one foot held up all the time."""
    heights = {side: measures.foot_height(joints, side) for side in measures.SIDES}
    held = [side for side in measures.SIDES if share_of(heights[side] > 0.08) > 0.7]
    return len(measures.flights(joints, 0.03)) if held else 0


def raises(joints: Joints, side: Side) -> bool:
    up = (measures.hand_over_shoulder(joints, side) > -0.1) & (measures.torso_pitch(joints) < 50)
    return measures.longest(up) >= 0.2


def points(joints: Joints, side: Side, axis: int, least: float) -> Bool[np.ndarray, " frames"]:
    """The arm points outward (axis 0), up (1) or forward (2)."""
    pointing: np.ndarray = measures.arm_direction(joints, side)[:, axis] > least
    return pointing


def stretched_forward(joints: Joints, side: Side, extension: float = 0.75) -> Bool[np.ndarray, " frames"]:
    up: np.ndarray = measures.arm_direction(joints, side)[:, 1]
    upright: np.ndarray = measures.torso_pitch(joints) < 60
    ahead = points(joints, side, 2, 0.65) & (np.abs(up) < 0.5)
    stretched: np.ndarray = ahead & upright & (measures.arm_extension(joints, side) > extension)
    return stretched


def waves(joints: Joints, side: Side) -> bool:
    lifted = measures.hand_over_shoulder(joints, side) > -0.15
    runs = [joints[start:stop] for start, stop in measures.stretches(lifted) if stop - start >= 8]
    return any(measures.hand_swings(part, side, 0.04) >= 2 for part in runs)


def count_touches(apart: Float[np.ndarray, " frames"]) -> int:
    return len(measures.stretches(apart < 0.22))


def throws(joints: Joints, side: Side) -> bool:
    hand = measures.hand_position(joints, side)
    forward = np.gradient(hand[:, 2]) * FPS
    fast = int(forward.argmax())
    before = hand[max(fast - 12, 0) : fast + 1, 2].min()
    after = hand[fast : fast + 12, 2].max()
    high = hand[max(fast - 12, 0) : fast + 6, 1].max()
    return bool(forward[fast] > 1.6 and after - before > 0.25 and before < 0.15 and high > -0.15)


def count_punches(joints: Joints, side: Side, speed: float = 0.75) -> int:
    """How often the fist shoots forward to a stretched arm at the height of chest or head."""
    hand = measures.hand_position(joints, side)
    forward = np.gradient(hand[:, 2]) * FPS
    out = stretched_forward(joints, side, 0.65) & (measures.pelvis_height(joints) > 0.65)
    count = 0
    for start, stop in measures.stretches(out):
        count += bool(forward[max(start - 6, 0) : stop].max() > speed)
    return count


def strokes(joints: Joints, side: Side) -> bool:
    hand = joints[:, measures.of_side(measures.L_WRIST, side)] - joints[:, measures.PELVIS]
    velocity = np.gradient(hand, axis=0) * FPS
    velocity[:, 1] = np.minimum(velocity[:, 1], 0.0)  # a hand that is raised makes no stroke
    speed = np.linalg.norm(velocity, axis=1)
    fast = int(speed.argmax())
    around = slice(max(fast - 7, 0), fast + 8)
    high = measures.hand_over_shoulder(joints, side)[around].max() > -0.35
    return bool(speed[fast] > 2.0 and np.ptp(hand[around], axis=0).max() > 0.45 and high)


def kicks(joints: Joints, side: Side) -> bool:
    other: Side = "right" if side == "left" else "left"
    height, below = measures.kick_height(joints, side), measures.kick_height(joints, other)
    outstretched = measures.leg_direction(joints, side)
    reach = np.maximum(outstretched[:, 2], outstretched[:, 0])
    speed = measures.foot_speed(joints, side)
    tops = np.flatnonzero((height > 0.28) & (reach > 0.25) & (height > below + 0.15))
    return any(speed[max(top - 8, 0) : top + 1].max() > 1.5 for top in tops)


def highest_kick(joints: Joints) -> float:
    return float(max(measures.kick_height(joints, side).max() for side in measures.SIDES))


def stands_on(joints: Joints, side: Side) -> Bool[np.ndarray, " frames"]:
    standing: np.ndarray = measures.foot_height(joints, side) < 0.08
    return standing


def lifts_knee(joints: Joints, side: Side) -> bool:
    other: Side = "right" if side == "left" else "left"
    up = (measures.knee_lift(joints, side) > -0.5) & stands_on(joints, other)
    return measures.longest(up & (measures.knee_lift(joints, other) < -0.7)) >= 0.15


def lifts_foot(joints: Joints, side: Side) -> bool:
    other: Side = "right" if side == "left" else "left"
    return measures.longest((measures.foot_height(joints, side) > 0.15) & stands_on(joints, other)) >= 0.3
