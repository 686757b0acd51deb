"""Checks of what a whole body does: it walks backward, turns around, sits down, jumps.

The rules of all checks are in `lead.eval.prompt_checks`.
"""

from typing import Literal

import numpy as np

from lead.eval import body_states as body
from lead.eval.body_states import AnySide, Way
from lead.motion import measures
from lead.motion.measures import Joints
from lead.motion.skeleton import FPS, L_ANKLE, MIRROR

# Going


def walk(joints: Joints, way: Way = "forward", pace: Literal["any", "slow", "fast"] = "any") -> bool:
    """The person walks, for most of the way in this direction; slow is below 1.1 m/s, fast above 1.4."""
    speed = body.going_speed(joints)
    pace_fits = {"any": True, "slow": speed < 1.12, "fast": speed > 1.4}[pace]
    return pace_fits and goes(joints, way=way) and body.is_upright(joints) and not body.has_running_steps(joints)


def goes(joints: Joints, way: Way = "any") -> bool:
    """The person moves over the floor at least .4 m, for most of the way in this direction."""
    return body.moves(joints, way)


def run(joints: Joints, fast: bool = False) -> bool:
    """The person runs forward: faster than a walk, or with the feet lifted high behind; fast is 2.5 m/s or more."""
    runs = goes(joints, way="forward") and body.has_running_steps(joints)
    return runs and (not fast or body.going_speed(joints) > 2.5)


def circle(joints: Joints, side: AnySide = "either", running: bool = False) -> bool:
    """The person goes forward round a circle: the body turns the same way all the time, 180 degrees or more in 4 s."""
    angles = measures.heading_angles(joints)
    seconds = len(joints) / FPS
    change = float(angles[-1] - angles[0])
    middle = float(angles[len(angles) // 2] - angles[0])
    needed = float(np.clip(45.0 * seconds, 90.0, 270.0))
    even = 0.2 < middle / (change or 1.0) < 0.8
    gait = run(joints) if running else goes(joints, way="forward")
    return gait and even and body.is_turn(change, side, needed, 45.0 * 20)


def curve(joints: Joints, side: AnySide = "either", running: bool = False) -> bool:
    """The person goes forward and the body turns to this side by 20 degrees or more on the way."""
    gait = run(joints) if running else goes(joints, way="forward")
    return gait and body.is_turn(measures.heading_change(joints), side, 20.0, 400.0)


def turn(
    joints: Joints, degrees: int = 90, side: AnySide = "either", on_the_spot: bool = False, loose: bool = False
) -> bool:
    """The body turns to this side by about this angle (a third less or more; loose: 40 to 250 degrees)."""
    slack = 0.42 if degrees < 120 else 0.33
    least, most = (40.0, 250.0) if loose else (degrees * (1 - slack), degrees * (1 + slack))
    turned = body.is_turn(measures.heading_change(joints), side, least, most)
    return turned and (not on_the_spot or measures.net_distance(joints) < 0.8) and body.is_upright(joints)


def there_and_back(joints: Joints) -> bool:
    """The person walks forward, turns around and walks back: both ways half a meter or more."""
    path = measures.ground_path(joints)
    far = int(np.linalg.norm(path - path[0], axis=1).argmax())
    out, back = np.linalg.norm(path[far] - path[0]), np.linalg.norm(path[-1] - path[far])
    turned = body.is_turn(measures.heading_change(joints), "either", 120.0, 240.0)
    return turned and bool(out > 0.5 and back > 0.5) and goes(joints, way="forward")


def march(joints: Joints) -> bool:
    """The person steps in place: the feet are lifted in turn three times or more, and the body stays where it is."""
    return measures.step_count(joints, 0.06) >= 3 and measures.net_distance(joints) < 0.6 and body.is_upright(joints)


def stairs(joints: Joints, way: Literal["up", "down"] = "up") -> bool:
    """The person steps up (or down) and ends 12 cm or more higher (or lower) than at the start."""
    rise = measures.climb(joints)
    steps = measures.step_count(joints) >= 1 and measures.path_length(joints) > 0.25
    return steps and (rise > 0.12 if way == "up" else rise < -0.12)


# Standing


def stand(joints: Joints) -> bool:
    """The person stands upright in one place; the arms may move."""
    upright = bool((measures.pelvis_height(joints) > 0.9).mean() > 0.9) and body.is_upright(joints)
    return upright and measures.net_distance(joints) < 0.35 and measures.mean_speed(joints) < 0.3


def stand_still(joints: Joints) -> bool:
    """The person stands upright and hardly moves."""
    seen = body.facing_ahead(joints)
    spread = np.percentile(seen, 95, axis=0) - np.percentile(seen, 5, axis=0)
    return stand(joints) and measures.stillness(joints) < 0.15 and float(spread.max()) < 0.25


def look_around(joints: Joints) -> bool:
    """The person stands, and the head or the shoulders turn by 20 degrees or more, the hands kept where they are."""
    return body.stays_up(joints) and body.hands_rest(joints) and float(np.ptp(body.gaze(joints))) > 19


def shift_weight(joints: Joints) -> bool:
    """The person stands, and the hips move over the feet by 4 cm or more."""
    path = measures.ground_path(body.facing_ahead(joints))
    return body.stays_up(joints) and body.hands_rest(joints) and float(np.ptp(path, axis=0).max()) > 0.04


def hands_on_hips(joints: Joints, side: AnySide = "both") -> bool:
    """The hands rest at the hips with the elbows out, for half of the time or more."""
    return body.on_sides(side, lambda one: body.share_of(body.at_hip(joints, one)) > 0.4)


def arms_crossed(joints: Joints) -> bool:
    """The forearms lie across the chest, each hand near the other elbow, for a good part of the time."""
    near = [np.linalg.norm(joints[:, wrist] - joints[:, elbow], axis=1) < 0.27 for wrist, elbow in ((20, 19), (21, 18))]
    low = measures.hand_over(joints, "left", measures.NECK) < 0
    return body.share_of(near[0] & near[1] & low) > 0.4


# Down and up


def sit(joints: Joints) -> bool:
    """The person is sitting, on a chair or on the floor, nearly all the time."""
    return body.share_of(body.seated(joints)) > 0.8


def sit_down(joints: Joints, on: Literal["any", "floor"] = "any") -> bool:
    """The person stands at first and sits at the end; on the floor means that the hips reach it."""
    low = body.at_end(measures.pelvis_height(joints)) < (0.42 if on == "floor" else 0.95)
    return body.stands_at_start(joints) and low and body.share_at_end(body.seated(joints)) > 0.5


def stand_up(joints: Joints) -> bool:
    """The hips are low at first, as on a chair or on the floor, and the person stands upright at the end."""
    pelvis = measures.pelvis_height(joints)
    return bool(pelvis[: max(len(pelvis) // 4, 1)].min() < 0.86) and body.stands_at_end(joints)


def get_up(joints: Joints) -> bool:
    """The person is on the floor at first (lying, sitting or kneeling) and stands at the end."""
    pelvis = measures.pelvis_height(joints)
    return bool(pelvis[: max(len(pelvis) // 4, 1)].min() < 0.55) and body.stands_at_end(joints)


def lie(joints: Joints) -> bool:
    """The person lies on the floor nearly all the time."""
    return body.share_of(body.lying(joints)) > 0.8


def lie_down(joints: Joints) -> bool:
    """The person is up at first and lies on the floor at the end."""
    return body.at_start(measures.head_height(joints)) > 1.0 and body.share_at_end(body.lying(joints)) > 0.5


def fall(joints: Joints) -> bool:
    """The person stands at first, goes down fast and ends on the floor."""
    drop = float(-np.gradient(measures.smooth(joints[:, measures.HEAD, 1])).min() * FPS)
    return (
        body.at_start(measures.pelvis_height(joints)) > 0.8
        and body.at_end(measures.head_height(joints)) < 0.8
        and drop > 0.9
    )


def kneel(joints: Joints) -> bool:
    """The person is on one knee or both, the trunk upright, for most of the time."""
    return body.share_of(body.kneeling(joints)) > 0.6


def kneel_down(joints: Joints) -> bool:
    """The person stands at first and gets down on a knee, or both."""
    return body.stands_at_start(joints) and measures.longest(body.kneeling(joints)) >= 0.3


def crouch(joints: Joints) -> bool:
    """The person is low on bent legs, on the feet, for half of the time or at the end."""
    low = body.crouched(joints)
    return body.share_of(low) > 0.5 or body.share_at_end(low) > 0.8


def crouch_walk(joints: Joints) -> bool:
    """The person goes forward low, with the knees bent all the time."""
    knees = np.minimum(measures.knee_angle(joints, "left"), measures.knee_angle(joints, "right"))
    low = float(np.median(measures.pelvis_height(joints))) < 0.98
    return goes(joints, way="forward") and low and float(np.median(knees)) < 125


def crawl(joints: Joints) -> bool:
    """The person goes on hands and knees or on the belly."""
    low = (measures.pelvis_height(joints) < 0.75) & (measures.torso_pitch(joints) > 45)
    return body.share_of(low) > 0.7 and measures.path_length(joints) > 0.25


def squat(joints: Joints) -> bool:
    """The person stands, and both knees bend deeply while the feet stay; the trunk does not lie down."""
    pelvis = measures.pelvis_height(joints)
    deepest = int(pelvis.argmin())
    knees = max(float(measures.knee_angle(joints, side)[deepest]) for side in measures.SIDES)
    feet = measures.path_length(joints) < 1.0 and body.highest_kick(joints) < 0.3
    up = bool(pelvis.max() > 0.95) and float(measures.torso_pitch(joints)[deepest]) < 65
    return feet and up and bool(pelvis[deepest] < 0.93) and knees < 125


def lunge(joints: Joints, side: AnySide = "either") -> bool:
    """The person steps wide to the side and bends the knee of that side, the other leg nearly straight."""
    return body.on_sides(side, lambda one: body.lunges(joints, one))


def bend(joints: Joints) -> bool:
    """The person, on the feet, bends the trunk forward by 40 degrees or more."""
    lean, _ = measures.torso_lean(joints)
    return body.share_of((lean > 38) & (measures.pelvis_height(joints) > 0.55)) * len(joints) >= 4


def bow(joints: Joints) -> bool:
    """The person stands with straight legs, leans the trunk forward by 15 degrees or more and rises again."""
    lean, _ = measures.torso_lean(joints)
    low = int(lean.argmax())
    rises = lean[low] - max(lean[: low + 1].min(), lean[low:].min())
    return body.stays_up(joints) and bool(lean[low] > 18 and rises > 12) and not body.steps_away(joints)


def pick_up(joints: Joints) -> bool:
    """A hand goes down below the middle of the thigh by bending or squatting, and comes up again."""
    return any(body.reaches_low(joints, side, "after") for side in measures.SIDES) and not body.is_on_the_floor(joints)


def put_down(joints: Joints) -> bool:
    """A hand comes down from above, by bending or squatting, below the middle of the thigh."""
    return any(body.reaches_low(joints, side, "before") for side in measures.SIDES) and not body.is_on_the_floor(joints)


def push_ups(joints: Joints) -> bool:
    """The body is stretched out over the floor on the hands, and the shoulders go down and up."""
    flat = (measures.torso_pitch(joints) > 55) & (measures.pelvis_height(joints) < 0.75)
    return body.share_of(flat) > 0.7 and measures.swings(measures.heights(joints, measures.NECK), 0.1) >= 1


# Jumps


def jump(joints: Joints, way: Literal["any", "up", "forward"] = "any", times: int = 1) -> bool:
    """Both feet leave the floor together and the body rises; up lands near where it started, forward ahead of it."""
    leaps = body.find_leaps(joints)
    forward, _ = measures.travel(joints)
    ways = {"any": True, "up": measures.net_distance(joints) < 0.8, "forward": forward > 0.3}
    return len(leaps) >= times and ways[way]


def hop(joints: Joints, times: int = 1) -> bool:
    """The person hops: on both feet, or on one with the other held up."""
    return len(body.find_leaps(joints, rise=0.05)) >= times or body.count_one_leg_hops(joints) >= max(times, 2)


def jumping_jacks(joints: Joints) -> bool:
    """Arms go up over the head and feet go apart, and both come back, twice or more."""
    hands = np.minimum(measures.heights(joints, 20), measures.heights(joints, 21))
    feet = np.linalg.norm(joints[:, L_ANKLE] - joints[:, MIRROR[L_ANKLE]], axis=1)
    return measures.swings(hands, 0.4) >= 2 and measures.swings(feet, 0.12) >= 2


def jump_turn(joints: Joints) -> bool:
    """The person jumps, and faces another way after it, by 50 degrees or more."""
    return jump(joints) and abs(measures.largest_turn(joints)) > 50


# Dance


def dance(joints: Joints) -> bool:
    """Arms and legs move lively, to and fro, and the hands come up, or the body spins or bends, or the legs fly."""
    seen = measures.in_body_frame(joints)
    speed = np.linalg.norm(np.diff(measures.smooth(seen), axis=0), axis=2).mean(axis=0) * FPS
    hands, legs, trunk = speed[[20, 21]], float(speed[[4, 5, 7, 8]].mean()), float(speed[[3, 6, 9, 12]].mean())
    swings = sum(measures.hand_swings(joints, side, 0.12) for side in measures.SIDES) * FPS / len(joints)
    up = np.maximum(*(measures.hand_over_shoulder(joints, side) for side in measures.SIDES)) > -0.25
    turned = float(np.ptp(measures.heading_angles(joints)))
    lively = float(hands.min()) > 0.22 and swings > 0.75 and legs > 0.1
    shown = (
        body.share_of(up) > 0.35 or turned > 270 or trunk > 0.22 or (legs > 1.2 and measures.mean_speed(joints) < 0.6)
    )
    spins = turned > 300 and body.share_of(up) > 0.35
    only_goes = turned < 270 and (run(joints) or (body.walks_on(joints) and (trunk < 0.22 or body.share_of(up) < 0.35)))
    return ((lively and shown) or spins) and not only_goes and not lie(joints) and not sit(joints)
