"""The actions that a clip without a caption may be recognized as, each with a check of its joints.

An action is a verb phrase, in the words of the prompts that the embedded base can do, with other wordings of it. Checks
are those of `lead.eval.prompt_checks`, and a few of sides and directions that only recognition needs. Sides are the
actor's own. Knows nothing of models.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from lead.eval import body_checks as body
from lead.eval import limb_checks as limbs
from lead.eval.body_states import moves, seated, stands_at_end, stands_at_start
from lead.eval.check_language import Check, at_once
from lead.motion import measures
from lead.motion.measures import SIDES, Joints, Side

STRAIGHT = 40.0
"""Degrees that a body turns at most on a straight way."""
STILL, MOVING = 0.15, 0.25
"""Meters between the farthest places of a hand, as the body sees it: of a hand that rests, and of one that acts."""


@dataclass(frozen=True)
class Action:
    """Something that a person does."""

    phrase: str
    """A verb phrase: `walks forward`."""
    wordings: tuple[str, ...] = ()
    """Other phrases for the same. A text feature of the action is the mean over all."""
    check: Check | None = None
    """Whether joints [frames, 22, 3] at 20 fps show it; None where no measure can tell."""
    rare: bool = False
    """Whether it is a special case: of two actions that fit alike, the other one is meant."""

    @property
    def phrases(self) -> tuple[str, ...]:
        return (self.phrase, *self.wordings)


# Checks that only recognition needs


def goes_straight(joints: Joints) -> bool:
    """The body hardly turns on the way, and the way leads ahead."""
    forward, left = measures.travel(joints)
    return abs(measures.heading_change(joints)) < STRAIGHT and abs(left) < 0.3 * abs(forward)


def goes_diagonally(joints: Joints, side: Side) -> bool:
    """The body hardly turns, and the way leads ahead and to this side."""
    forward, left = measures.travel(joints)
    aside = left if side == "left" else -left
    return abs(measures.heading_change(joints)) < STRAIGHT and 0.3 * forward < aside < 1.5 * forward


def stays(joints: Joints) -> bool:
    """The person ends where the motion starts."""
    return not moves(joints, "any") or measures.net_distance(joints) < 0.6


def one_arm_acts(joints: Joints, side: Side) -> bool:
    """The hand of this side moves, as the body sees it, and the other one rests."""
    reach = {one: float(np.ptp(measures.hand_position(joints, one), axis=0).max()) for one in SIDES}
    other = min(reach, key=lambda one: one == side)
    return reach[side] > MOVING and reach[other] < max(STILL, 0.4 * reach[side])


def arm_points(joints: Joints, side: Side, axis: int, least: float) -> bool:
    """This arm alone acts, and is stretched outward (axis 0), up (1) or forward (2)."""
    direction = measures.arm_direction(joints, side)[:, axis] * np.sign(least)
    stretched = measures.arm_extension(joints, side) > 0.8
    return one_arm_acts(joints, side) and measures.longest((direction > abs(least)) & stretched) >= 0.15


def arm_points_between(joints: Joints, side: Side) -> bool:
    """This arm alone acts, and is stretched halfway between outward and forward."""
    outward, _, forward = measures.arm_direction(joints, side).T
    return one_arm_acts(joints, side) and measures.longest((outward > 0.35) & (forward > 0.35)) >= 0.15


def shows_the_way(joints: Joints, side: Side) -> bool:
    """This arm alone acts, and is held out, forward or outward, below the head for half a second."""
    outward, up, forward = measures.arm_direction(joints, side).T
    out = (np.hypot(outward, forward) > 0.6) & (np.abs(up) < 0.6) & (measures.arm_extension(joints, side) > 0.7)
    return one_arm_acts(joints, side) and measures.longest(out) >= 0.5


def forearm_turns(joints: Joints, side: Side) -> bool:
    """This arm alone acts, with the elbow bent while it does."""
    bent = measures.arm_extension(joints, side) < 0.85
    return one_arm_acts(joints, side) and float(bent.mean()) > 0.5


def leg_is_straight(joints: Joints, side: Side) -> bool:
    """The knee is stretched when the foot is at its highest."""
    return float(measures.knee_angle(joints, side)[int(measures.kick_height(joints, side).argmax())]) > 140


def sits_between(joints: Joints) -> bool:
    """The person stands, is seated for a moment and stands again."""
    return stands_at_start(joints) and stands_at_end(joints) and bool(seated(joints).sum() > 3)


def is_lively(joints: Joints) -> bool:
    """The person dances and does not merely walk or run."""
    return body.dance(joints) and not body.walk(joints) and not body.run(joints)


# The table


def _sides(phrase: str, check: Callable[..., bool], *wordings: str, rare: bool = False) -> Iterator[Action]:
    """An action of the left and one of the right; `{}` is the side."""
    for side in SIDES:
        told = [wording.format(side) for wording in (phrase, *wordings)]
        yield Action(told[0], tuple(told[1:]), partial(check, side=side), rare)


def _walk_turning(joints: Joints, side: Side) -> bool:
    return body.walk(joints) and body.turn(joints, side=side, loose=True)


def _turn_here(joints: Joints, side: Side) -> bool:
    return body.turn(joints, side=side, loose=True) and stays(joints)


def _walk_diagonally(joints: Joints, side: Side) -> bool:
    return goes_diagonally(joints, side) and not body.run(joints)


def _walk_sideways(joints: Joints, side: Side) -> bool:
    return body.walk(joints, way=side)


def _walk_upright(joints: Joints) -> bool:
    return body.walk(joints) and goes_straight(joints)


def _lift_straight_leg(joints: Joints, side: Side) -> bool:
    return limbs.lift_leg(joints, side=side) and leg_is_straight(joints, side)


def _lift_bent_knee(joints: Joints, side: Side) -> bool:
    return limbs.lift_knee(joints, side=side) and not leg_is_straight(joints, side)


def _kick_straight(joints: Joints, side: Side) -> bool:
    return limbs.kick(joints, side=side) and leg_is_straight(joints, side)


ACTIONS: tuple[Action, ...] = (
    Action("walks forward", ("walks", "is walking straight ahead", "takes several steps forward"), _walk_upright),
    Action("walks backward", ("walks backwards", "backs away"), partial(body.walk, way="backward")),
    *_sides("walks sideways to the {}", _walk_sideways, "sidesteps to the {}"),
    *_sides("walks diagonally to the {}", _walk_diagonally, "walks forward and to the {}", rare=True),
    *_sides("walks forward and turns {}", _walk_turning, "walks and turns {}", "walks in a curve to the {}"),
    Action("walks in a circle", ("walks around in circles",), at_once(body.walk, body.circle)),
    Action("walks forward, turns around and walks back", ("walks there and back",), body.there_and_back),
    Action("walks up the stairs", ("climbs a few steps",), partial(body.stairs, way="up")),
    Action("walks down the stairs", ("goes down a few steps",), partial(body.stairs, way="down")),
    Action("walks in a crouch", ("walks with bent knees, staying low",), body.crouch_walk),
    Action("marches in place", ("walks on the spot",), at_once(body.march, stays)),
    Action("runs forward", ("runs", "jogs", "is running straight ahead"), at_once(body.run, goes_straight)),
    *_sides("runs in a curve to the {}", partial(body.curve, running=True), "runs and turns {}"),
    Action("runs in a circle", ("jogs around in a circle",), partial(body.circle, running=True)),
    Action("sprints forward", ("dashes ahead",), at_once(partial(body.run, fast=True), goes_straight)),
    Action("skips", ("goes skipping",), rare=True),
    *_sides("turns {}", _turn_here, "turns to the {}", "turns 90 degrees to the {} on the spot"),
    Action("turns around", ("turns to face the other way",), at_once(partial(body.turn, degrees=180), stays)),
    Action("spins around", ("turns around in a full circle on the spot",), partial(body.turn, degrees=360)),
    Action("crawls forward", ("crawls on hands and knees",), body.crawl),
    Action("climbs", ("climbs a ladder", "climbs up"), rare=True),
    Action("climbs down", ("climbs down a ladder",), rare=True),
    Action("stands still", ("is standing, not moving", "waits"), body.stand_still),
    Action("looks around", ("stands and looks around", "looks to the left and to the right"), body.look_around),
    Action("shifts the weight from one leg to the other", ("shifts the weight",), body.shift_weight),
    Action("stands with the hands on the hips", ("puts both hands on the waist",), body.hands_on_hips),
    Action("stands with crossed arms", ("folds the arms in front of the chest",), body.arms_crossed),
    Action("balances on one leg", ("stands on one foot",), at_once(limbs.lift_leg, stays)),
    Action("sits on a chair", ("is sitting on a chair", "sits still"), body.sit),
    Action("sits down", ("sits down on a chair", "takes a seat"), body.sit_down),
    Action("sits down on the floor", ("sits down on the ground",), partial(body.sit_down, on="floor")),
    Action("stands up", ("stands up from a chair", "gets up from a seat"), body.stand_up),
    Action("sits down and stands up again", ("takes a seat and gets up again",), sits_between),
    Action("lies down", ("lies down on the floor",), body.lie_down),
    Action("lies on the floor", ("is lying on the back",), body.lie),
    Action("gets up from the floor", ("gets up", "lying on the ground stands up"), body.get_up),
    Action("falls down", ("stumbles and falls to the ground",), body.fall),
    Action("kneels down", ("gets down on one knee",), body.kneel_down),
    Action("kneels", ("is kneeling",), body.kneel),
    Action("crouches", ("ducks down low", "crouches down"), body.crouch),
    Action("squats", ("does a squat", "squats down and stands up again"), body.squat),
    *_sides("lunges to the {}", body.lunge, "does a side lunge to the {}"),
    Action("bends forward", ("bends over at the waist",), body.bend),
    Action("bows", ("takes a bow", "bows politely"), body.bow),
    Action("picks something up from the floor", ("bends down and picks up an object",), body.pick_up),
    Action("puts something down on the floor", ("lays an object on the ground",), body.put_down),
    Action("does push-ups", ("is doing push-ups",), body.push_ups),
    Action("jumps up", ("jumps", "jumps up and down on the spot"), partial(body.jump, way="up")),
    Action("jumps forward", ("leaps ahead with both feet",), partial(body.jump, way="forward")),
    Action("hops", ("hops on one leg",), body.hop),
    Action("does jumping jacks", ("performs star jumps",), body.jumping_jacks),
    Action("jumps and turns in the air", ("does a spinning jump",), body.jump_turn),
    *_sides("raises the {} hand", limbs.raise_hand, "lifts the {} arm"),
    Action("raises both hands", ("lifts both arms above the head",), partial(limbs.raise_hand, side="both")),
    *_sides(
        "raises the {} arm to the side", partial(arm_points, axis=0, least=0.68), "lifts the {} arm out to the side",
        rare=True,
    ),
    Action("stretches both arms out to the sides", ("holds the arms out sideways",), limbs.arms_to_the_sides),
    *_sides("raises the {} arm diagonally", arm_points_between, "lifts the {} arm at an angle", rare=True),
    *_sides("swings the {} arm back", partial(arm_points, axis=2, least=-0.3), "moves the {} arm backward", rare=True),
    *_sides("rotates the {} forearm", forearm_turns, "swings the {} forearm around a bent elbow", rare=True),
    *_sides("waves with the {} hand", limbs.wave, "waves the {} arm", "waves goodbye with the {} hand"),
    Action("waves with both hands", ("waves both arms",), partial(limbs.wave, side="both")),
    Action("claps", ("claps the hands", "applauds"), limbs.clap),
    Action("reaches up high", ("takes something from a high shelf",), limbs.reach_up),
    *_sides(
        "reaches forward with the {} hand", partial(arm_points, axis=2, least=0.65), "stretches the {} arm forward",
        rare=True,
    ),
    *_sides("shows the way with the {} hand", shows_the_way, "points the way with the {} hand", rare=True),
    Action("pushes something", ("pushes with both hands",), limbs.push),
    *_sides("throws something with the {} hand", limbs.throw, "throws a ball with the {} hand", rare=True),
    *_sides("punches with the {} hand", limbs.punch, "throws a {} punch"),
    Action("boxes", ("is boxing", "throws punches with both fists"), limbs.box),
    Action("swings a sword", ("slashes with a sword", "chops with an axe"), limbs.swing),
    Action("drinks from a cup", ("takes a sip of water",), limbs.hand_to_face),
    *_sides("puts the {} hand to the face", limbs.hand_to_face, "touches the face with the {} hand", rare=True),
    Action("nods", ("nods the head to say yes",), limbs.nod),
    Action("shakes the head", ("shakes the head to say no",), limbs.shake_head),
    Action("opens a bottle", ("unscrews a bottle cap",), rare=True),
    Action("directs traffic", ("gives traffic signals",), rare=True),
    Action("laughs", ("laughs out loud",), rare=True),
    Action("talks with the hands", ("gestures while talking",), rare=True),
    Action("aims a gun", ("aims a pistol",), rare=True),
    Action("does karate", ("does martial arts",), rare=True),
    Action("celebrates a victory", ("jumps for joy", "cheers with both arms up")),
    *_sides("kicks with the {} leg", _kick_straight, "kicks forward with the {} foot"),
    *_sides("lifts the {} knee", _lift_bent_knee, "raises the {} knee high"),
    *_sides("lifts the {} leg", _lift_straight_leg, "raises the straight {} leg to the front"),
    Action("dances", ("is dancing", "does a few dance moves"), is_lively),
    Action("dances ballet", ("does ballet",), is_lively),
)  # fmt: skip
"""The plain ones first; a base that does not know one leaves it out."""
