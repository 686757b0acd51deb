"""Recipes of sequences: one action and then another, stopping and starting."""

from dataclasses import replace

from lead.data.compose.kitchen import FPS, LONGEST, Kitchen, Product, draw_walk, is_plain, stand_around
from lead.data.compose.postures import down_or_up, go_down
from lead.data.compose.travel import bend_within, spin
from lead.motion.processing.join import change_tempo, join, pose_distance, reverse
from lead.motion.processing.path import bend_path
from lead.text.meaning import Meaning

UNITS = (
    "raise-arm",
    "wave",
    "clap",
    "kick",
    "punch",
    "squat",
    "bow",
    "bend",
    "jump-up",
    "jump-forward",
    "pick-up",
    "put-down",
    "reach-up",
    "throw",
    "turn-around",
    "side-arm",
    "box",
    "dance",
    "raise-leg",
    "side-lunge",
    "stand",
    "look-around",
    "drink",
    "drink-hand",
    "throw-hand",
    "goodbye",
    "step-in-place",
    "jog-in-place",
    "cheer",
    "push",
    "guide",
    "jacks",
    "fall",
    "sit-stand",
)
COMMON_UNITS = (
    "raise-arm", "wave", "wave", "clap", "kick", "kick", "punch", "punch", "squat", "bow", "jump-up", "jump-forward",
    "pick-up", "bend", "turn-around", "put-down",
)  # fmt: skip
"""What people ask for most; half of the units are among these."""
LASTING = (
    "stand", "dance", "wave", "goodbye", "clap", "box", "look-around", "step-in-place", "jog-in-place", "laugh",
    "guide", "drink", "drink-hand",
)  # fmt: skip
"""Units that are shown by a part of them."""
STAYING = ("stand", "sit", "lie", "kneel", "walk", "run", "jog", "sprint", "climb", "climb-down", "hang", "dangle")
"""What `on_its_own` leaves to other recipes, and what cannot begin and end in standing."""


def on_its_own(kitchen: Kitchen) -> Product | None:
    """One action as it is, hurried into two seconds, again and again, or with standing before and after."""
    action = kitchen.sources.draw_action(STAYING)
    source = kitchen.sources.pick(action) if action else None
    if source is None:
        return None
    joints, meaning = source.joints, source.meaning
    plain = tuple(way for way in meaning.ways if way not in ("slowly", "quickly", "twice", "three times", "once"))
    meaning = replace(meaning, ways=plain)
    way, frames = kitchen.rng.random(), kitchen.draw_frames(2.5, 9.8)
    if way < 0.25:
        return joints[:LONGEST], source.meaning
    if way < 0.45:
        tempo = len(joints) / kitchen.draw_frames(1.5, 2.2)
        return (change_tempo(joints, tempo, FPS), meaning) if 1 < tempo < 1.9 else None
    if way < 0.7 and pose_distance(joints[-1], joints[0]) < 0.15:
        made = joints
        while len(made) < frames:
            made = join(made, joints, FPS)
        return made[:LONGEST], meaning
    return stand_around(kitchen, joints, frames), meaning


def then(kitchen: Kitchen) -> Product | None:
    """One action and then another."""
    first = _draw_unit(kitchen)
    second = _draw_unit(kitchen, first) if first else None
    if first is None or second is None:
        return None
    if pose_distance(first[0][-1], second[0][0]) > 0.3:
        return None
    joints = join(first[0], second[0], FPS)
    if not 40 <= len(joints) <= LONGEST + 40:
        return None
    return joints[:LONGEST], replace(_drop_style(first[1]), then=_drop_style(second[1]))


def _drop_style(meaning: Meaning) -> Meaning:
    """Of the ways, the tempo alone."""
    return replace(meaning, ways=tuple(way for way in meaning.ways if way in ("slowly", "quickly")))


def _draw_unit(kitchen: Kitchen, first: Product | None = None) -> Product | None:
    """An action to begin a sequence with, or the one after `first`."""
    draw = kitchen.rng.random()
    if draw < 0.38:
        if first is not None and first[1].action in ("walk", "run", "jog") and first[1].place == "forward":
            actions: tuple[str, ...] = ("run", "jog") if first[1].action == "walk" else ("walk",)
        else:
            actions = ("walk", "walk", "run", "jog")
        made = draw_walk(kitchen, *actions, seconds=(1.2, 3.5))
        if made and kitchen.one_in(5):
            return reverse(made[0]), replace(made[1], place="backward")
        if made and kitchen.one_in(4):
            side = kitchen.draw_side()
            angle = bend_within(kitchen, len(made[0]), 90.0, (0.8, 1.3)) * (1 if side == "left" else -1)
            return bend_path(made[0], angle, FPS), replace(made[1], place=f"turn-{side}")
        return made
    if draw < 0.6:
        made = (down_or_up if kitchen.one_in(2) else go_down)(kitchen)
        ups = ("stand-up", "get-up")
        return made if made and (made[1].action in ups) == (first is None) else None
    if draw < 0.7:
        return spin(kitchen)
    source = kitchen.pick_plain(*(COMMON_UNITS if kitchen.one_in(2) else UNITS))
    if source is None:
        return None
    joints = source.joints
    if source.meaning.action in LASTING:
        joints = joints[: kitchen.draw_frames(1.5, 3.5)]
    return (joints, source.meaning) if len(joints) <= 90 else None


def stop(kitchen: Kitchen) -> Product | None:
    """A walk or run that ends in standing, or begins from it."""
    made = draw_walk(kitchen, "walk", "walk", "run", "jog", seconds=(1.5, 4.0))
    stand = kitchen.sources.pick("stand", fits=is_plain)
    if made is None or stand is None:
        return None
    joints, meaning = made
    still = stand.joints[: kitchen.draw_frames(1.2, 3.5)]
    if kitchen.one_in(3):
        return join(still, joints, FPS)[:LONGEST], replace(Meaning("stand"), then=replace(meaning, ways=()))
    if kitchen.one_in(2):
        return join(joints, still, FPS)[:LONGEST], replace(meaning, place="stop")
    return join(joints, still, FPS)[:LONGEST], replace(meaning, then=Meaning("stand"))
