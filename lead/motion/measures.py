"""What a person would read off a clip: where it goes, how it turns, how high hands, feet and pelvis are.

Plain functions on joints [frames, 22, 3] in meters, Y up, and no value depends on place or heading. Left is the
body's own left. Angles are degrees; a turn to the left is positive (counterclockwise from above). Heights are meters
above the floor, which is the lowest joint of most frames (`floor_height`); lengths "in legs" are divided by the length
of a leg. Thresholds are not here: `lead.eval.prompt_checks` decides what counts as a jump or a wave.
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from lead.motion import heading
from lead.motion.skeleton import FPS, L_ANKLE, L_FOOT, L_HIP, L_KNEE, L_SHOULDER, MIRROR, R_SHOULDER

Side = Literal["left", "right"]
Joints = Float[np.ndarray, "frames 22 3"]
Series = Float[np.ndarray, " frames"]
SIDES: tuple[Side, Side] = ("left", "right")

PELVIS, SPINE, NECK, HEAD = 0, 6, 12, 15
L_ELBOW, L_WRIST = 18, 20
SMOOTH_SECONDS = 0.25
"""Paths and headings are averaged over this time, so that neither sway nor jitter adds to them."""


def of_side(left_joint: int, side: Side) -> int:
    """The joint of this side, given the left one."""
    return left_joint if side == "left" else MIRROR[left_joint]


def smooth(values: Float[np.ndarray, "frames *rest"], fps: float = FPS) -> Float[np.ndarray, "frames *rest"]:
    """A moving average over SMOOTH_SECONDS; the ends are repeated."""
    half = max(round(SMOOTH_SECONDS * fps / 2), 1)
    widths = [(half, half)] + [(0, 0)] * (values.ndim - 1)
    sums = np.cumsum(np.pad(values.astype(np.float64), widths, mode="edge"), axis=0)
    sums = np.concatenate([np.zeros_like(sums[:1]), sums])
    width = 2 * half + 1
    return (sums[width:] - sums[:-width]) / width


# The body


def leg_length(joints: Joints) -> float:
    """Thigh and shin, the median over frames and both legs."""
    lengths = [
        np.linalg.norm(joints[:, of_side(upper, side)] - joints[:, of_side(lower, side)], axis=1)
        for side in SIDES
        for upper, lower in ((L_HIP, L_KNEE), (L_KNEE, L_ANKLE))
    ]
    return float(np.median(lengths[0] + lengths[1] + lengths[2] + lengths[3]) / 2)


def floor_height(joints: Joints) -> float:
    """The height of the floor: the 5th percentile over frames of the lowest joint."""
    return float(np.percentile(joints[:, :, 1].min(axis=1), 5))


def heights(joints: Joints, joint: int) -> Series:
    """A joint above the floor."""
    return joints[:, joint, 1] - floor_height(joints)


def in_body_frame(joints: Joints) -> Joints:
    """Joints seen from the body: x to its left, y above the floor, z forward, the pelvis at x = z = 0."""
    half_yaw = heading.forward_to_half_yaw(heading.facing(joints))
    centered = joints - joints[:, :1] * np.array([1.0, 0.0, 1.0])
    centered[:, :, 1] -= floor_height(joints)
    return heading.turn(half_yaw, centered)


# Where it goes


def heading_angles(joints: Joints, fps: float = FPS) -> Series:
    """Which way the body faces in each frame, without jumps at a full turn; 0 is +Z, left is positive."""
    forward = heading.facing(joints)
    angles = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    return _degrees(smooth(angles, fps))


def heading_change(joints: Joints, fps: float = FPS) -> float:
    """How far the body turns from the first frame to the last: 90 is a quarter to the left, -360 a full turn right."""
    angles = heading_angles(joints, fps)
    return float(angles[-1] - angles[0])


def largest_turn(joints: Joints, fps: float = FPS) -> float:
    """The largest turn from the first frame to any other, signed: also of a body that turns and comes back."""
    angles = heading_angles(joints, fps)
    return float((angles - angles[0])[np.abs(angles - angles[0]).argmax()])


def ground_path(joints: Joints, fps: float = FPS) -> Float[np.ndarray, "frames 2"]:
    """The pelvis over the floor, x and z, smoothed."""
    return smooth(joints[:, PELVIS][:, [0, 2]], fps)


def path_length(joints: Joints, fps: float = FPS) -> float:
    """Meters that the pelvis moves over the floor."""
    return float(np.linalg.norm(np.diff(ground_path(joints, fps), axis=0), axis=1).sum())


def net_distance(joints: Joints, fps: float = FPS) -> float:
    """Meters over the floor between the first place and the last."""
    path = ground_path(joints, fps)
    return float(np.linalg.norm(path[-1] - path[0]))


def speeds(joints: Joints, fps: float = FPS) -> Series:
    """Meters a second of the pelvis over the floor."""
    if len(joints) < 2:
        return np.zeros(len(joints))
    speed: np.ndarray = np.linalg.norm(np.gradient(ground_path(joints, fps), axis=0), axis=1) * fps
    return speed


def mean_speed(joints: Joints, fps: float = FPS) -> float:
    """Meters a second over the floor, the path's length by the clip's."""
    return path_length(joints, fps) * fps / max(len(joints) - 1, 1)


def travel(joints: Joints, fps: float = FPS) -> tuple[float, float]:
    """Meters forward and to the left, each step seen from the heading of its frame.

    A walk in a circle is forward all the way; a walk backward is negative; a step to the right has a negative second.
    """
    steps = np.diff(ground_path(joints, fps), axis=0)
    angles = np.radians(heading_angles(joints, fps))
    sin, cos = np.sin(angles[:-1]), np.cos(angles[:-1])
    forward, left = steps[:, 0] * sin + steps[:, 1] * cos, steps[:, 0] * cos - steps[:, 1] * sin
    return float(forward.sum()), float(left.sum())


def path_turn(joints: Joints, fps: float = FPS, slowest: float = 0.2) -> float:
    """How far the direction of the path turns, left positive, over the frames that move faster than `slowest` m/s."""
    path = smooth(ground_path(joints, fps), fps)
    steps = np.diff(path, axis=0)
    steps = steps[np.linalg.norm(steps, axis=1) * fps > slowest]
    if len(steps) < 2:
        return 0.0
    angles = np.degrees(np.unwrap(np.arctan2(steps[:, 0], steps[:, 1])))
    return float(angles[-1] - angles[0])


def climb(joints: Joints, fps: float = FPS) -> float:
    """Meters that the body is higher at the end than at the start: the lowest foot, averaged over half a second.

    Also the pelvis has to rise (or fall): the smaller of both counts, so that neither a raised foot nor a squat does.
    """
    some = max(round(fps / 2), 1)
    feet = joints[:, [L_FOOT, MIRROR[L_FOOT], L_ANKLE, MIRROR[L_ANKLE]], 1].min(axis=1)
    rises = [float(np.mean(y[-some:]) - np.mean(y[:some])) for y in (feet, joints[:, PELVIS, 1])]
    return min(rises, key=abs) if rises[0] * rises[1] > 0 else 0.0


# Pelvis, trunk and head


def pelvis_height(joints: Joints) -> Series:
    """The pelvis above the floor in legs: about 1.1 standing, .6 on a chair, .2 on the floor."""
    return heights(joints, PELVIS) / leg_length(joints)


def head_height(joints: Joints) -> Series:
    """The head above the floor in legs: about 1.85 standing."""
    return heights(joints, HEAD) / leg_length(joints)


def torso_pitch(joints: Joints) -> Series:
    """The angle of the trunk (pelvis to neck) to the vertical: 0 upright, 90 lying or bent to the horizontal."""
    trunk = joints[:, NECK] - joints[:, PELVIS]
    return _degrees(np.arccos(np.clip(trunk[:, 1] / np.linalg.norm(trunk, axis=1).clip(1e-6), -1, 1)))


def torso_lean(joints: Joints) -> tuple[Series, Series]:
    """How far the trunk leans forward and to the left, in degrees."""
    trunk = in_body_frame(joints)[:, NECK] - in_body_frame(joints)[:, PELVIS]
    up = trunk[:, 1]
    return _degrees(np.arctan2(trunk[:, 2], up)), _degrees(np.arctan2(trunk[:, 0], up))


def head_direction(joints: Joints) -> Float[np.ndarray, "frames 3"]:
    """The head from the neck, seen from the body, as a unit vector: left, up, forward."""
    body = in_body_frame(joints)
    return _unit(body[:, HEAD] - body[:, NECK])


# Arms and hands


def hand_over(joints: Joints, side: Side, joint: int) -> Series:
    """Meters of a hand above another joint: HEAD, PELVIS, or of_side(L_SHOULDER, side)."""
    above: np.ndarray = joints[:, of_side(L_WRIST, side), 1] - joints[:, joint, 1]
    return above


def hand_over_shoulder(joints: Joints, side: Side) -> Series:
    """Meters of a hand above the shoulder of its side."""
    return hand_over(joints, side, of_side(L_SHOULDER, side))


def arm_direction(joints: Joints, side: Side) -> Float[np.ndarray, "frames 3"]:
    """From the shoulder to the wrist as a unit vector: outward (to the arm's own side), up, forward."""
    body = in_body_frame(joints)
    arm = _unit(body[:, of_side(L_WRIST, side)] - body[:, of_side(L_SHOULDER, side)])
    return _outward(arm, side)


def arm_extension(joints: Joints, side: Side) -> Series:
    """The distance of shoulder and wrist by the length of the arm: 1 stretched, about .4 folded."""
    shoulder, elbow, wrist = (joints[:, of_side(joint, side)] for joint in (L_SHOULDER, L_ELBOW, L_WRIST))
    length = np.median(np.linalg.norm(elbow - shoulder, axis=1) + np.linalg.norm(wrist - elbow, axis=1))
    extension: np.ndarray = np.linalg.norm(wrist - shoulder, axis=1) / max(float(length), 1e-6)
    return extension


def hand_position(joints: Joints, side: Side) -> Float[np.ndarray, "frames 3"]:
    """A hand from the middle of the shoulders, seen from the body, in meters: outward (its own side), up, forward."""
    body = in_body_frame(joints)
    middle = body[:, [L_SHOULDER, R_SHOULDER]].mean(axis=1)
    return _outward(body[:, of_side(L_WRIST, side)] - middle, side)


def hand_speed(joints: Joints, side: Side, fps: float = FPS) -> Series:
    """Meters a second of a hand as the body sees it: walking on does not count."""
    return _speed(hand_position(joints, side), fps)


def hands_distance(joints: Joints) -> Series:
    """Meters between the wrists."""
    distance: np.ndarray = np.linalg.norm(joints[:, L_WRIST] - joints[:, MIRROR[L_WRIST]], axis=1)
    return distance


def hand_to(joints: Joints, side: Side, joint: int) -> Series:
    """Meters between a hand and another joint: the head, a hip, the other elbow."""
    distance: np.ndarray = np.linalg.norm(joints[:, of_side(L_WRIST, side)] - joints[:, joint], axis=1)
    return distance


def swings(values: Series, amplitude: float) -> int:
    """How often a value turns back after moving by `amplitude`: a wave to and fro, three times, has five or six."""
    turns, rising, low, high = 0, 0, values[0], values[0]
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if rising >= 0 and high - value >= amplitude:
            turns, rising, low = turns + (rising > 0), -1, value
        elif rising <= 0 and value - low >= amplitude:
            turns, rising, high = turns + (rising < 0), 1, value
        if rising > 0:
            low = value
        elif rising < 0:
            high = value
    return int(turns)


def hand_swings(joints: Joints, side: Side, amplitude: float = 0.08) -> int:
    """The most turns to and fro of a hand along any of the body's axes, seen from the body."""
    return max(swings(axis, amplitude) for axis in hand_position(joints, side).T)


# Legs and feet


def foot_height(joints: Joints, side: Side) -> Series:
    """Meters of a foot above the floor: the lower of toe and heel (the ankle, less its height on a standing foot)."""
    toe, ankle = (heights(joints, of_side(joint, side)) for joint in (L_FOOT, L_ANKLE))
    lower: np.ndarray = np.minimum(toe, ankle - ankle_height(joints))
    return lower


def ankle_height(joints: Joints) -> float:
    """Meters of the ankles above the floor where they stand: the 10th percentile of the lower one."""
    return float(np.percentile(np.minimum(heights(joints, L_ANKLE), heights(joints, MIRROR[L_ANKLE])), 10))


def kick_height(joints: Joints, side: Side) -> Series:
    """The height of an ankle above its own standing height, in legs."""
    return (heights(joints, of_side(L_ANKLE, side)) - ankle_height(joints)) / leg_length(joints)


def leg_direction(joints: Joints, side: Side) -> Float[np.ndarray, "frames 3"]:
    """From the hip to the ankle as a unit vector: outward (to the leg's own side), up, forward."""
    body = in_body_frame(joints)
    leg = _unit(body[:, of_side(L_ANKLE, side)] - body[:, of_side(L_HIP, side)])
    return _outward(leg, side)


def foot_speed(joints: Joints, side: Side, fps: float = FPS) -> Series:
    """Meters a second of an ankle as the body sees it."""
    return _speed(in_body_frame(joints)[:, of_side(L_ANKLE, side)], fps)


def knee_angle(joints: Joints, side: Side) -> Series:
    """The angle between thigh and shin: 180 straight, 90 on a chair."""
    hip, knee, ankle = (joints[:, of_side(joint, side)] for joint in (L_HIP, L_KNEE, L_ANKLE))
    cosine = (_unit(hip - knee) * _unit(ankle - knee)).sum(axis=1)
    return _degrees(np.arccos(np.clip(cosine, -1, 1)))


def knee_lift(joints: Joints, side: Side) -> Series:
    """A knee above its hip in thighs: -1 where the thigh hangs, 0 where it is level."""
    hip, knee = joints[:, of_side(L_HIP, side)], joints[:, of_side(L_KNEE, side)]
    lift: np.ndarray = (knee[:, 1] - hip[:, 1]) / np.linalg.norm(knee - hip, axis=1).clip(1e-6)
    return lift


def airborne(joints: Joints, least: float = 0.05) -> Bool[np.ndarray, " frames"]:
    """Frames in which both feet are `least` meters or more higher than the lower foot mostly is."""
    lower = np.minimum(foot_height(joints, "left"), foot_height(joints, "right"))
    off: np.ndarray = lower > least + np.clip(np.percentile(lower, 30), 0.0, 0.06)
    return off


def flights(joints: Joints, least: float = 0.05, shortest: int = 2) -> list[tuple[int, int]]:
    """Stretches of `shortest` frames or more with both feet off the floor: first frame, last frame + 1."""
    return [(start, stop) for start, stop in stretches(airborne(joints, least)) if stop - start >= shortest]


def step_count(joints: Joints, least: float = 0.04) -> int:
    """How often one foot and then the other is lifted `least` meters above the other one."""
    difference = foot_height(joints, "left") - foot_height(joints, "right")
    raised = np.where(difference > least, 1, np.where(difference < -least, -1, 0))
    raised = raised[raised != 0]
    return int(len(raised) > 0) + int((np.diff(raised) != 0).sum())


# The whole body


def stillness(joints: Joints, fps: float = FPS) -> float:
    """Meters a second, the mean over all joints and frames: about .05 standing still, 1.4 walking."""
    if len(joints) < 2:
        return 0.0
    return float(np.linalg.norm(np.diff(smooth(joints, fps), axis=0), axis=2).mean() * fps)


def on_floor(joints: Joints, left_joint: int, side: Side, within: float = 0.15) -> Bool[np.ndarray, " frames"]:
    """Frames in which a joint (a knee, a wrist) is `within` meters of the floor."""
    near: np.ndarray = heights(joints, of_side(left_joint, side)) < within
    return near


def stretches(flags: Bool[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """Where flags are true without a gap: first frame, last frame + 1."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def longest(flags: Bool[np.ndarray, " frames"], fps: float = FPS) -> float:
    """Seconds of the longest stretch of true flags."""
    return max((stop - start for start, stop in stretches(flags)), default=0) / fps


def _degrees(radians: Series) -> Series:
    degrees: np.ndarray = np.degrees(radians)
    return degrees


def _outward(vectors: Float[np.ndarray, "frames 3"], side: Side) -> Float[np.ndarray, "frames 3"]:
    """With x from the body's left to the side's own."""
    outward: np.ndarray = vectors * np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    return outward


def _unit(vectors: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)
    return unit


def _speed(positions: Float[np.ndarray, "frames 3"], fps: float) -> Series:
    if len(positions) < 2:
        return np.zeros(len(positions))
    speed: np.ndarray = np.linalg.norm(np.gradient(positions, axis=0), axis=1) * fps
    return speed
