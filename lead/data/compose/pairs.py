"""Recipes of two actions that belong together: down and up again, one side and then the other, forth and back."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.data.compose.gestures import CALM_GESTURES, COMMON_GESTURES, cut_act
from lead.data.compose.kitchen import ARMS, FPS, LONGEST, Kitchen, Product, draw_walk, is_plain, stand_around
from lead.data.compose.postures import down_or_up, go_down
from lead.data.compose.sources import Joints, Source
from lead.data.mirror_captions import swap_sides
from lead.motion.processing.edit import ping_pong, replace_bones
from lead.motion.processing.join import change_tempo, hold, join, pose_distance, reverse
from lead.text.meaning import Meaning

UPS = {
    "sit-down": ("stand-up",),
    "sit-floor": ("stand-up", "get-up"),
    "kneel-down": ("stand-up", "get-up"),
    "lie-down": ("stand-up", "get-up"),
    "crouch": ("stand-up",),
}
"""What takes a body up again."""
SIDED = (
    "raise-arm",
    "raise-arm",
    "wave",
    "kick",
    "punch",
    "raise-leg",
    "raise-knee",
    "side-lunge",
    "side-arm",
    "front-arm",
    "turn",
)
"""Actions of one side that the other side may follow."""

ACTS = (
    "bow", "bow", "bow", "wave", "wave", "wave", "clap", "clap", "clap", "punch", "punch", "punch", "kick", "kick",
    "kick", "raise-arm", "raise-arm", "squat", "squat", "jump-up", "jump-up", "pick-up", "put-down", "bend", "reach-up",
    "reach-forward", "throw-hand", "side-arm", "drink-hand", "box", "cheer", "turn-around", "turn", "goodbye",
    "raise-leg", "raise-knee", "side-lunge", "jump-forward", "nod", "shake-head", "salute", "sword-hand", "sit-stand",
)  # fmt: skip
"""Acts that begin and end in standing; those that people ask for most stand here more than once."""
REPEATED = ("wave", "clap", "box", "goodbye", "nod", "shake-head", "jump-up", "jump-forward", "drink-hand", "punch")
"""Acts that are shown by a part of their clip."""


def two_acts(kitchen: Kitchen) -> Product | None:
    """One act in standing and then another, with a short rest between them or none; some with standing around them."""
    first = kitchen.pick_plain(*ACTS)
    second = first and kitchen.pick_plain(*(act for act in ACTS if act != first.meaning.action))
    if first is None or second is None:
        return None
    a, b = _cut(kitchen, first), _cut(kitchen, second)
    if pose_distance(a[-1], b[0]) > 0.3:
        return None
    rest = kitchen.draw_frames(0.0, 0.6) if kitchen.one_in(2) else 0
    joints = join(hold(a, rest, kitchen.rng, FPS), b, FPS)
    most = kitchen.draw_frames(3.0, 9.8)
    if len(joints) > most:
        joints = change_tempo(joints, min(len(joints) / most, 1.5), FPS)
    elif kitchen.one_in(2):
        joints = stand_around(kitchen, joints, most)
    meaning, later = (Meaning(source.meaning.action, source.meaning.place) for source in (first, second))
    return joints[:LONGEST], replace(meaning, then=later)


def _cut(kitchen: Kitchen, source: Source) -> Joints:
    """The act without the standing around it; of one that is shown by a part, a part."""
    act = cut_act(source.joints, 0.15)
    return act[: kitchen.draw_frames(1.5, 4.0)] if source.meaning.action in REPEATED else act


def down_and_up(kitchen: Kitchen) -> Product | None:
    """Down to a seat, the floor or the knees, a rest there, and up again."""
    made = (down_or_up if kitchen.one_in(2) else go_down)(kitchen)
    if made is None or made[1].action not in UPS:
        return None
    joints, meaning = made[0][: LONGEST // 2], replace(made[1], ways=())
    back = reverse(change_tempo(made[0][: LONGEST // 2], float(kitchen.rng.uniform(0.85, 1.3)), FPS))
    rested = hold(joints, kitchen.draw_frames(0.0, 1.5), kitchen.rng, FPS)
    both = _stand_before(kitchen, join(rested, back, FPS))
    return both[:LONGEST], replace(meaning, then=Meaning(str(kitchen.rng.choice(UPS[meaning.action]))))


def _stand_before(kitchen: Kitchen, joints: Joints) -> Joints:
    """In one product of three some standing before it, where the poses are near."""
    stand = kitchen.sources.pick("stand", fits=is_plain) if kitchen.one_in(3) else None
    if stand is None or pose_distance(stand.joints[-1], joints[0]) > 0.2:
        return joints
    return join(ping_pong(stand.joints, kitchen.draw_frames(0.6, 1.5)), joints, FPS)


def gesture_below(kitchen: Kitchen) -> Product | None:
    """Down to a seat or the knees, and there a gesture of the arms."""
    made = (down_or_up if kitchen.one_in(2) else go_down)(kitchen)
    gesture = kitchen.sources.pick(*CALM_GESTURES, *COMMON_GESTURES)
    if made is None or gesture is None or made[1].action not in ("sit-down", "sit-floor", "kneel-down"):
        return None
    arms = cut_act(gesture.joints)[: kitchen.draw_frames(1.5, 4.5)]
    joints = made[0][: LONGEST - len(arms)]
    still = ping_pong(joints[-6:], len(arms) + 6)
    meaning, later = (Meaning(part.action, part.place) for part in (made[1], gesture.meaning))
    return join(joints, replace_bones(still, arms, ARMS), FPS)[:LONGEST], replace(meaning, then=later)


def one_side_then_other(kitchen: Kitchen) -> Product | None:
    """What the left does, done by the right afterward, or the other way round."""
    side = kitchen.draw_side()
    first = kitchen.sources.pick(*SIDED, place=side)
    if first is None:
        return None
    second = first.mirror() if kitchen.one_in(2) else kitchen.sources.pick(first.meaning.action, place=swap_sides(side))
    if second is None or pose_distance(first.joints[-1], second.joints[0]) > 0.25:
        return None
    longest = kitchen.draw_frames(2.0, 4.5)
    joints = join(first.joints[:longest], second.joints[:longest], FPS)
    most = kitchen.draw_frames(3.0, 9.8)
    if len(joints) > most:  # both faster, as in a shorter motion
        joints = change_tempo(joints, min(len(joints) / most, 1.6), FPS)
    plain = Meaning(first.meaning.action, swap_sides(side))
    return joints[:LONGEST], replace(plain, place=side, then=plain)


def forth_and_back(kitchen: Kitchen) -> Product | None:
    """Some steps forward, a turn of the motion in time, and some steps backward; or backward first."""
    made = draw_walk(kitchen, "walk", "walk", "walk", "jog", seconds=(1.5, 5.0))
    if made is None:
        return None
    joints, meaning = made
    if meaning.action == "jog":
        joints, meaning = change_tempo(joints, 0.8, FPS), replace(meaning, ways=())
    backward_first = kitchen.one_in(3)
    if backward_first:
        joints = reverse(joints)
    back = _to_and_fro(kitchen, len(joints))
    there = [replace(meaning, place=place, ways=()) for place in ("forward", "backward")]
    first, second = there[::-1] if backward_first else there
    return _play(joints, back)[:LONGEST], replace(first, then=second)


def _to_and_fro(kitchen: Kitchen, frames: int) -> Float[np.ndarray, " _"]:
    """Times to play, in frames: to the end at the motion's own pace, slower near it, and back a little slower."""
    pace, brake = float(kitchen.rng.uniform(0.65, 1.0)), float(kitchen.rng.uniform(4.0, 8.0))
    rest = kitchen.draw_frames(0.0, 0.6)
    wanted = np.concatenate([np.ones(frames), np.zeros(rest), np.full(round(frames / pace), -pace)])
    steps = np.arange(-20, 21)
    kernel = np.exp(-0.5 * np.square(steps / brake))
    eased = np.convolve(np.pad(wanted, 20, mode="edge"), kernel / kernel.sum(), mode="valid")
    times: np.ndarray = np.clip(np.cumsum(eased), 0, frames - 1)
    return times


def _play(joints: Joints, times: Float[np.ndarray, " _"]) -> Joints:
    """The motion at these times, in frames, between which places are interpolated."""
    before = np.floor(times).astype(int)
    after = np.minimum(before + 1, len(joints) - 1)
    share = (times - before)[:, None, None]
    played: np.ndarray = joints[before] * (1 - share) + joints[after] * share
    return played
