"""Whether a motion shows what a meaning says, by measures of its joints.

Composed motion counts unless a measure refutes its meaning; for many actions there is no measure. The limits are those
of a strict reader of the caption, and they are not those of the prompt suite (`lead.eval.prompt_checks`), which judges
bases. Joints are on HumanML3D's skeleton, at 20 fps. Knows nothing of files.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from lead.motion import measures as m
from lead.motion.skeleton import L_KNEE
from lead.text.meaning import Meaning

Joints = Float[np.ndarray, "_ 22 3"]
Side = m.Side

RUNS = ("run", "jog", "sprint")
BOTH: tuple[Side, Side] = ("left", "right")


def holds(meaning: Meaning, joints: Joints) -> bool | None:
    """Whether the motion shows the meaning's action; None where no measure of ours can tell.

    `then` asks for a moment between both actions, `meanwhile` for both in the whole motion.
    """
    if meaning.then:
        first, second = _without(meaning), meaning.then
        cuts = np.linspace(0.25, 0.75, 9) * len(joints)
        found = [(holds(first, joints[: int(cut)]), holds(second, joints[int(cut) :])) for cut in cuts]
        if any(a is None or b is None for a, b in found):
            return None
        return any(a and b for a, b in found)
    if meaning.meanwhile:
        both = [holds(_without(meaning), joints), holds(meaning.meanwhile, joints)]
        return None if None in both else all(both)
    check = _travels if meaning.place and meaning.action in TRAVELS else CHECKS.get(meaning.action)
    if check is None:
        return None
    return bool(check(meaning, joints))


def _without(meaning: Meaning) -> Meaning:
    return Meaning(meaning.action, meaning.place, meaning.ways)


def _sides(meaning: Meaning) -> tuple[Side, ...]:
    return BOTH if meaning.place not in BOTH else (meaning.place,)


# Travel

TRAVELS = frozenset(
    (
        "walk",
        "run",
        "jog",
        "sprint",
        "march",
        "crouch-walk",
        "crawl",
        "tiptoe",
        "step",
        "hop",
        "jump",
        "stride",
        "drift",
    )
)


def _travels(meaning: Meaning, joints: Joints) -> bool:
    """By the part of the path that goes the stated way, by the turn, and by speed."""
    path, seconds = m.path_length(joints), len(joints) / 20
    forward, left = m.travel(joints)
    turned, height = m.heading_change(joints), m.climb(joints)
    if path < 0.2 * seconds and meaning.place != "place":
        return False
    speed = path / seconds
    if meaning.action in RUNS and meaning.place not in ("backward", "place") and speed < 1.5:
        return False
    if meaning.action == "walk" and meaning.place in ("backward", "side-left", "side-right") and speed > 1.4:
        return False
    level = meaning.place not in ("upstairs", "downstairs")
    if meaning.action == "walk" and (speed > 2.3 or (level and bool(m.flights(joints, 0.06, 3)))):
        return False
    if meaning.action == "crouch-walk" and np.median(m.pelvis_height(joints)) > 0.95:
        return False
    if meaning.action == "crawl" and np.median(m.pelvis_height(joints)) > 0.75:
        return False
    if meaning.action == "walk" and level and np.percentile(m.pelvis_height(joints), 10) < 0.9:
        return False
    if "slowly" in meaning.ways and meaning.action == "walk" and m.mean_speed(joints) >= 0.95:
        return False
    if "quickly" in meaning.ways and meaning.action == "walk" and not 1.5 < m.mean_speed(joints) < 2.0:
        return False
    ahead, aside = forward / max(path, 1e-6), left / max(path, 1e-6)
    ways: dict[str, bool] = {
        "forward": ahead > 0.8 and abs(turned) < 50,
        "backward": ahead < -0.75 and abs(turned) < 60,
        "side-left": aside > 0.65 and abs(turned) < 60,
        "side-right": aside < -0.65 and abs(turned) < 60,
        "left": aside > 0.35 or turned > 25,
        "right": aside < -0.35 or turned < -25,
        "diagonal-left": aside > 0.3 and ahead > 0.3 and abs(turned) < 50,
        "diagonal-right": aside < -0.3 and ahead > 0.3 and abs(turned) < 50,
        "turn-left": ahead > 0.6 and 50 < turned < 140,
        "turn-right": ahead > 0.6 and -140 < turned < -50,
        "curve-left": ahead > 0.8 and 28 < turned < 140,
        "curve-right": ahead > 0.8 and -140 < turned < -28,
        "circle": ahead > 0.8 and abs(turned) > 270,
        "counterclockwise": ahead > 0.8 and turned > 270,
        "clockwise": ahead > 0.8 and turned < -270,
        "around": 140 < abs(turned) < 220,
        "uturn": ahead > 0.6 and 140 < abs(turned) < 220 and m.net_distance(joints) < 0.5 * path,
        "upstairs": height > 0.2 and ahead > 0.6,
        "downstairs": height < -0.2 and ahead > 0.6,
        "place": _steps_here(joints),
        "stop": ahead > 0.6 and m.mean_speed(joints[-10:]) < 0.35,
    }
    return ways.get(meaning.place, True)


# Turns on the spot


def _turns(least: float, most: float) -> Callable[[Meaning, Joints], bool]:
    def check(meaning: Meaning, joints: Joints) -> bool:
        turned = m.heading_change(joints)
        sided = {"left": turned, "right": -turned}.get(meaning.place, abs(turned))
        return least < sided < most and m.net_distance(joints) < 1.0 and m.path_length(joints) < 1.6

    return check


# Down and up


def _level(joints: Joints, where: slice) -> float:
    return float(np.median(m.pelvis_height(joints)[where]))


START, END = slice(0, 4), slice(-4, None)


def _lies(joints: Joints, where: slice) -> bool:
    return bool(np.median(m.pelvis_height(joints)[where]) < 0.4 and np.median(m.torso_pitch(joints)[where]) > 50)


def _sits(joints: Joints, where: slice) -> bool:
    height, pitch = m.pelvis_height(joints)[where], m.torso_pitch(joints)[where]
    return bool(0.35 < np.median(height) < 0.82 and np.median(pitch) < 50)


def _stands(joints: Joints, where: slice) -> bool:
    return bool(np.median(m.pelvis_height(joints)[where]) > 0.92 and np.median(m.torso_pitch(joints)[where]) < 35)


def _kneels(joints: Joints, where: slice) -> bool:
    on_floor = m.on_floor(joints, L_KNEE, "left")[where] | m.on_floor(joints, L_KNEE, "right")[where]
    return bool(on_floor.mean() > 0.6 and 0.3 < np.median(m.pelvis_height(joints)[where]) < 0.9)


ALL = slice(None)


def _sits_on_floor(joints: Joints) -> bool:
    return bool(np.median(m.torso_pitch(joints)[END]) < 50)


def _hand_low(joints: Joints, side: Side) -> float:
    return float(m.heights(joints, m.of_side(m.L_WRIST, side)).min())


# Arms


def _raises(meaning: Meaning, joints: Joints) -> bool:
    up = {side: float(np.percentile(m.hand_over_shoulder(joints, side), 95)) for side in BOTH}
    sides = _sides(meaning)
    return all(up[side] > 0.05 for side in sides) and all(up[side] < 0.0 for side in BOTH if side not in sides)


def _waves(meaning: Meaning, joints: Joints) -> bool:
    def waves(side: Side) -> bool:
        high = m.hand_over_shoulder(joints, side) > -0.15
        return bool(high.sum() > 10 and m.hand_swings(joints[high], side, 0.06) >= 2)

    sides = _sides(meaning)
    lowered = all(np.percentile(m.hand_over_shoulder(joints, side), 90) < 0 for side in BOTH if side not in sides)
    return lowered and all(waves(side) for side in sides)


def _arm_goes(component: int, least: float, height: float) -> Callable[[Meaning, Joints], bool]:
    def check(meaning: Meaning, joints: Joints) -> bool:
        def goes(side: Side) -> bool:
            direction = m.arm_direction(joints, side)
            return bool(((direction[:, component] > least) & (direction[:, 1] > height)).any())

        return all(goes(side) for side in _sides(meaning))

    return check


def _claps(meaning: Meaning, joints: Joints) -> bool:
    apart = m.hands_distance(joints)
    return bool(apart.min() < 0.22 and m.swings(apart, 0.06) >= 3 and m.hand_over_shoulder(joints, "left").max() > -0.4)


def _kicks(meaning: Meaning, joints: Joints) -> bool:
    high = {side: float(m.kick_height(joints, side).max()) for side in BOTH}
    sides = [meaning.place] if meaning.place in BOTH else [max(BOTH, key=lambda side: high[side])]
    return all(high[side] > 0.3 and high[side] >= max(high.values()) for side in sides)


def _punches(meaning: Meaning, joints: Joints) -> bool:
    def punches(side: Side) -> bool:
        ahead = m.hand_position(joints, side)[:, 2]
        return bool(ahead.max() > 0.35 and np.ptp(ahead) > 0.2 and m.hand_speed(joints, side).max() > 1.5)

    return punches(meaning.place) if meaning.place in BOTH else any(punches(side) for side in BOTH)


def _boxes(_: Meaning, joints: Joints) -> bool:
    """Two punches or more in three seconds, the fists up."""
    ahead = {side: m.hand_position(joints, side)[:, 2] for side in BOTH}
    punches = sum(m.swings(ahead[side], 0.18) // 2 for side in BOTH if ahead[side].max() > 0.38)
    up = np.median([m.hand_over_shoulder(joints, side) for side in BOTH]) > -0.4
    return bool(up and punches >= max(2, len(joints) // 30))


def _bends(meaning: Meaning, joints: Joints) -> bool:
    return bool(m.torso_lean(joints)[0].max() > 35)


def _jumps(meaning: Meaning, joints: Joints) -> bool:
    return bool(m.flights(joints, 0.05, 2))


def _picks(meaning: Meaning, joints: Joints) -> bool:
    return min(_hand_low(joints, side) for side in _sides(meaning)) < 0.42 and _stands(joints, END)


def _hand_at_head(meaning: Meaning, joints: Joints) -> bool:
    """One hand is at the head for half a second, and the other is not."""
    near = {side: m.longest(m.hand_to(joints, side, m.HEAD) < 0.25) for side in BOTH}
    sides = [meaning.place] if meaning.place in BOTH else [max(BOTH, key=lambda side: near[side])]
    return all(near[side] >= 0.5 and near[side] >= max(near.values()) for side in sides)


def _head_goes(to_side: bool, degrees: float) -> Callable[[Meaning, Joints], bool]:
    """The head tips, or goes from side to side, three times or more."""

    def check(_: Meaning, joints: Joints) -> bool:
        direction = m.head_direction(joints)
        angles = np.arcsin(np.clip(direction[:, 0], -1, 1)) if to_side else np.arctan2(direction[:, 2], direction[:, 1])
        return m.swings(np.degrees(angles), degrees) >= 3

    return check


def _shifts(_: Meaning, joints: Joints) -> bool:
    """The hips move over feet that stay."""
    middle = joints[:, [10, 11]].mean(axis=1)
    over = (joints[:, 0] - middle)[:, [0, 2]]
    return bool(np.ptp(over, axis=0).max() > 0.07 and m.net_distance(joints) < 0.35)


def _jump_turns(meaning: Meaning, joints: Joints) -> bool:
    turned = m.heading_change(joints)
    sided = {"left": turned, "right": -turned}.get(meaning.place, abs(turned))
    return _jumps(meaning, joints) and 60 < sided < 420


def _steps_here(joints: Joints) -> bool:
    """Feet clearly lifted three times or more, more often in a longer clip, on the spot."""
    return m.net_distance(joints) < 0.4 and m.step_count(joints, 0.08) >= max(3, len(joints) // 30)


def _stays(joints: Joints) -> bool:
    return m.stillness(joints) < 0.16 and abs(m.heading_change(joints)) < 30 and m.path_length(joints) < 0.5


CHECKS: dict[str, Callable[[Meaning, Joints], bool]] = {
    "turn": _turns(45.0, 135.0),
    "turn-around-to": _turns(140.0, 225.0),
    "turn-around": _turns(140.0, 225.0),
    "full-turn": _turns(300.0, 430.0),
    "full-turn-to": _turns(300.0, 430.0),
    "stand": lambda _, j: _stays(j) and _stands(j, ALL),
    "sit-down": lambda _, j: _stands(j, START) and _sits(j, END),
    "stand-up": lambda _, j: not _stands(j, START) and _level(j, START) < 0.82 and _stands(j, END),
    "sit-stand": lambda _, j: _stands(j, START) and _stands(j, END) and float(m.pelvis_height(j).min()) < 0.82,
    "sit-floor": lambda _, j: _stands(j, START) and _level(j, END) < 0.4 and _sits_on_floor(j),
    "sit": lambda _, j: _sits(j, START) and _sits(j, END) and _sits(j, ALL),
    "lie-down": lambda _, j: _level(j, START) > 0.8 and _lies(j, END),
    "lie": lambda _, j: _lies(j, ALL) and _lies(j, START),
    "get-up": lambda _, j: _level(j, START) < 0.5 and _stands(j, END),
    "kneel-down": lambda _, j: _stands(j, START) and _kneels(j, END),
    "kneel": lambda _, j: _kneels(j, ALL),
    "crouch": lambda _, j: float(np.median(m.pelvis_height(j)[-10:])) < 0.85,
    "squat": lambda _, j: float(m.pelvis_height(j).min()) < 0.85 and _stands(j, END),
    "bend": _bends,
    "bow": _bends,
    "pick-up": _picks,
    "put-down": _picks,
    "raise-arm": _raises,
    "wave": _waves,
    "side-arm": _arm_goes(0, 0.8, -0.45),
    "front-arm": _arm_goes(2, 0.75, -0.5),
    "clap": _claps,
    "kick": _kicks,
    "raise-leg": _kicks,
    "raise-knee": lambda meaning, j: all(m.knee_lift(j, side).max() > -0.45 for side in _sides(meaning)),
    "punch": _punches,
    "box": _boxes,
    "jump-up": _jumps,
    "jump-turn": _jump_turns,
    "jump-turn-to": _jump_turns,
    "nod": _head_goes(to_side=False, degrees=8.0),
    "shake-head": _head_goes(to_side=True, degrees=4.0),
    "shift-weight": _shifts,
    "sway": _shifts,
    **dict.fromkeys(("face", "hand-face", "head", "drink", "drink-hand", "eat", "phone", "phone-hand"), _hand_at_head),
    "jacks": lambda _, j: (
        m.flights(j, 0.02, 1) != [] and bool(np.min([m.hand_over_shoulder(j, s).max() for s in BOTH]) > 0)
    ),
    "jump-forward": lambda meaning, j: _jumps(meaning, j) and m.travel(j)[0] > 0.4,
    "step-in-place": lambda _, j: _steps_here(j),
    "jog-in-place": lambda _, j: _steps_here(j),
    "reach-up": lambda meaning, j: all(m.hand_over(j, side, m.HEAD).max() > 0.05 for side in _sides(meaning)),
    "reach-forward": _arm_goes(2, 0.7, -0.5),
}
"""By action; each gets the meaning, for its side, and the joints."""
