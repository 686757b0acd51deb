"""Recipes of travel: backward, in circles and curves, slowly and quickly, up and down stairs, sideways, turning."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.data.compose.crawling import crawl
from lead.data.compose.kitchen import FPS, LONGEST, Kitchen, Product, cut_steady, draw_walk, stand_around
from lead.data.compose.sources import Joints, Source
from lead.motion import measures as m
from lead.motion.processing.join import change_tempo, join, repeat_cycle, reverse
from lead.motion.processing.path import bend_path, climb_steps
from lead.text.meaning import Meaning


def walk_on(kitchen: Kitchen) -> Product | None:
    """A walk or run as long as it takes."""
    return draw_walk(kitchen, "walk", "walk", "run", "jog", "sprint")


def walk_backward(kitchen: Kitchen) -> Product | None:
    """A walk (or run) played backward."""
    made = draw_walk(kitchen, *(("walk",) * 4), "run", "jog", seconds=(1.6, 9.8))
    if made is None:
        return None
    joints, meaning = made
    if meaning.action != "walk":
        joints = change_tempo(joints, float(kitchen.rng.uniform(0.7, 0.95)), FPS)
    return reverse(joints)[:LONGEST], replace(meaning, place="backward")


def circle(kitchen: Kitchen) -> Product | None:
    """A walk or run bent into a circle, sometimes more than one."""
    made = draw_walk(kitchen, "walk", "walk", "run", "jog", seconds=(3.5, 9.8))
    if made is None:
        return None
    joints, meaning = made
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(m.ground_path(joints), axis=0), axis=1))])
    smallest = 0.55 if meaning.action == "walk" else 1.2
    turns = float(kitchen.rng.uniform(0.9, 1.4))
    radius = max(float(way[-1]) / (2 * np.pi * turns), smallest)
    side = kitchen.draw_side()
    angle = way / radius * (1 if side == "left" else -1)
    named = "counterclockwise" if side == "left" else "clockwise"
    return bend_path(joints, angle, FPS), replace(meaning, place=named if kitchen.one_in(2) else "circle")


def curve(kitchen: Kitchen) -> Product | None:
    """A walk or run bent evenly by 40 to 110 degrees."""
    made = draw_walk(kitchen, "walk", "walk", "run", "jog", seconds=(2.0, 8.0))
    if made is None:
        return None
    joints, meaning = made
    side, degrees = kitchen.draw_side(), float(kitchen.rng.uniform(40, 110))
    angle = np.radians(degrees) * np.linspace(0, 1, len(joints)) * (1 if side == "left" else -1)
    return bend_path(joints, angle, FPS), replace(meaning, place=f"curve-{side}")


def corner(kitchen: Kitchen) -> Product | None:
    """A walk or run that turns by a quarter within a second or two."""
    made = draw_walk(kitchen, "walk", "walk", "walk", "run", "jog", seconds=(2.0, 8.0))
    if made is None:
        return None
    joints, meaning = made
    side, degrees = kitchen.draw_side(), float(kitchen.rng.uniform(75, 105))
    angle = bend_within(kitchen, len(joints), degrees, (0.8, 1.5)) * (1 if side == "left" else -1)
    return bend_path(joints, angle, FPS), replace(meaning, place=f"turn-{side}")


def turn_back(kitchen: Kitchen) -> Product | None:
    """A walk that turns around, and in most products comes back."""
    made = draw_walk(kitchen, "walk", "walk", "walk", "jog", seconds=(3.0, 9.8))
    if made is None:
        return None
    joints, meaning = made
    late = kitchen.one_in(3)
    angle = bend_within(kitchen, len(joints), float(kitchen.rng.uniform(165, 195)), (1.2, 2.0), 0.8 if late else 0.5)
    bent = bend_path(joints, angle * kitchen.rng.choice([-1, 1]), FPS)
    if not late and meaning.action == "walk" and kitchen.one_in(4):
        return bent, Meaning("pace", "forward")
    return bent, replace(meaning, place="around" if late else "uturn")


def bend_within(
    kitchen: Kitchen, frames: int, degrees: float, seconds: tuple[float, float], middle: float | None = None
) -> Float[np.ndarray, " frames"]:
    """Angles that rise from 0 to `degrees` (in radians) around the middle, given as a share of the frames."""
    width = kitchen.draw_frames(*seconds)
    center = (middle if middle is not None else float(kitchen.rng.uniform(0.35, 0.65))) * frames
    u = np.clip((np.arange(frames) - center) / max(width, 1) + 0.5, 0, 1)
    angles: np.ndarray = np.radians(degrees) * u * u * (3 - 2 * u)
    return angles


def slow_or_quick(kitchen: Kitchen) -> Product | None:
    """A walk in another tempo, to a speed that has a word."""
    made = draw_walk(kitchen, "walk", seconds=(2.0, 9.8))
    if made is None:
        return None
    joints, meaning = made
    slow = kitchen.one_in(2)
    wanted = float(kitchen.rng.uniform(0.45, 0.8) if slow else kitchen.rng.uniform(1.55, 1.9))
    tempo = wanted / max(m.mean_speed(joints), 0.1)
    if not 0.45 < tempo < 1.9:
        return None
    joints = change_tempo(joints, tempo, FPS)
    if len(joints) < 40:
        joints = repeat_cycle(joints, kitchen.draw_frames(2.0, 5.0), FPS)
    ways = tuple(way for way in meaning.ways if way not in ("slowly", "quickly", "normally"))[:1]
    return joints[:LONGEST], replace(meaning, ways=("slowly" if slow else "quickly", *ways))


def stairs(kitchen: Kitchen) -> Product | None:
    """A slow walk led up or down stairs."""
    made = draw_walk(kitchen, "walk", seconds=(2.0, 7.0))
    if made is None:
        return None
    joints, meaning = made
    joints = change_tempo(joints, float(np.clip(0.75 / max(m.mean_speed(joints), 0.1), 0.5, 1.1)), FPS)[:LONGEST]
    up = kitchen.one_in(2)
    rise = min(float(kitchen.rng.uniform(0.28, 0.45)) * m.path_length(joints), float(kitchen.rng.uniform(0.8, 1.3)))
    slope = rise / max(m.path_length(joints), 0.1) * (1 if up else -1)
    return climb_steps(joints, slope, FPS), replace(meaning, place="upstairs" if up else "downstairs")


def sidestep(kitchen: Kitchen) -> Product | None:
    """Sidesteps for longer, to either side; the reverse of a step to the left is one to the right."""
    source = kitchen.sources.pick(
        "walk", "step", "side-step", place=("side-left", "side-right", "left", "right"), fits=_steps_aside
    )
    if source is None:
        return None
    joints = cut_steady(source.joints)
    if kitchen.one_in(2):
        joints = reverse(joints)
    joints = repeat_cycle(joints, kitchen.draw_frames(1.5, 8.0), FPS)[:LONGEST]
    joints = change_tempo(joints, float(kitchen.rng.uniform(0.85, 1.25)), FPS)[:LONGEST]
    side = "left" if m.travel(joints)[1] > 0 else "right"
    return joints, Meaning("walk", f"side-{side}", source.meaning.ways)


def _steps_aside(source: Source) -> bool:
    part = cut_steady(source.joints)
    path = m.path_length(part)
    return len(part) > 14 and path > 0.4 and abs(m.travel(part)[1]) > 0.75 * path and abs(m.heading_change(part)) < 35


def other_travel(kitchen: Kitchen) -> Product | None:
    """Crawling, crouched walks, walks on tiptoe and the like for longer, straight or bent."""
    source = kitchen.sources.pick("crawl", "crouch-walk", "tiptoe", "march", "stride", "hop", "jump")
    if source is None or source.meaning.place not in ("forward", ""):
        return None
    joints = cut_steady(source.joints) if source.meaning.action not in ("hop", "jump") else source.joints
    if len(joints) < 16:
        return None
    joints = repeat_cycle(joints, kitchen.draw_frames(2.0, 9.0), FPS)[:LONGEST]
    meaning = replace(source.meaning, place="forward")
    if kitchen.one_in(3) and m.path_length(joints) > 1.5:
        side, degrees = kitchen.draw_side(), float(kitchen.rng.uniform(50, 110))
        angle = np.radians(degrees) * np.linspace(0, 1, len(joints)) * (1 if side == "left" else -1)
        return bend_path(joints, angle, FPS), replace(meaning, place=f"curve-{side}")
    return joints, meaning


def crawl_on_all_fours(kitchen: Kitchen) -> Product | None:
    """Crawling from a pose on hands and knees."""
    source = kitchen.sources.pick("all-fours", "kneel", "push-up")
    if source is None:
        return None
    poses = [pose for pose in source.joints[::5] if _is_on_all_fours(pose)]
    if not poses:
        return None
    pose = poses[int(kitchen.rng.integers(len(poses)))]
    joints = crawl(pose, kitchen.draw_frames(2.0, 9.5), FPS, kitchen.rng)
    if not kitchen.one_in(3):
        return joints, Meaning("crawl", "forward")
    side = kitchen.draw_side()
    angle = np.linspace(0, np.radians(float(kitchen.rng.uniform(40, 90))), len(joints)) * (1 if side == "left" else -1)
    return bend_path(joints, angle, FPS), Meaning("crawl", f"curve-{side}")


def _is_on_all_fours(pose: Float[np.ndarray, "22 3"]) -> bool:
    """Whether knees and hands are on the floor, under a level trunk."""
    low = pose[[4, 5, 20, 21], 1] - pose[:, 1].min() < 0.22
    return bool(low.all() and m.torso_pitch(pose[None])[0] > 50 and pose[0, 1] - pose[:, 1].min() > 0.25)


def in_place(kitchen: Kitchen) -> Product | None:
    """Steps on the spot, for longer; a jog on the spot at half its tempo is a march."""
    source = kitchen.sources.pick("step-in-place", "step-in-place", "jog-in-place")
    if source is None:
        return None
    joints, meaning = source.joints, source.meaning
    if meaning.action == "jog-in-place" and kitchen.one_in(2):
        joints = change_tempo(joints, float(kitchen.rng.uniform(0.5, 0.65)), FPS)
        meaning = Meaning("step-in-place", "", meaning.ways)
    frames = kitchen.draw_frames(1.8, 9.5)
    joints = repeat_cycle(joints, frames, FPS)
    start = int(kitchen.rng.integers(max(len(joints) - frames, 0) + 1))
    return _remove_drift(joints[start : start + frames]), meaning


def _remove_drift(joints: Joints) -> Joints:
    """The same, with the hips at the end above the place where they were at the start."""
    drift = (joints[-1, 0] - joints[0, 0]) * [1.0, 0.0, 1.0]
    kept: Joints = joints - np.linspace(0, 1, len(joints))[:, None, None] * drift
    return kept


def turn_in_place(kitchen: Kitchen) -> Product | None:
    """A turn on the spot, in two products of three with standing before and after it."""
    made = spin(kitchen)
    if made is None or kitchen.one_in(3):
        return made
    return stand_around(kitchen, made[0], kitchen.draw_frames(2.0, 9.8)), made[1]


def spin(kitchen: Kitchen) -> Product | None:
    """A turn on the spot, stretched to a quarter, a half or a full turn; named by what it became."""
    source = kitchen.sources.pick(
        "turn", "turn-around", "turn-around-to", "full-turn", "full-turn-to", fits=_turns_here
    )
    if source is None:
        return None
    joints = source.joints
    while abs(m.heading_change(joints)) < 300 and kitchen.one_in(3):
        if len(joints) > 150:
            break
        joints = join(joints, joints, FPS)
    own = m.heading_change(joints)
    wanted = min((90, 180, 360), key=lambda angle: abs(np.log(abs(own) / angle))) * np.sign(own)
    wanted *= float(kitchen.rng.uniform(0.93, 1.07))
    share = np.radians(m.heading_angles(joints) - m.heading_angles(joints)[0])
    joints = bend_path(joints, share * (wanted / own - 1), FPS)
    return joints[:LONGEST], _name_turn(kitchen, joints, source.meaning.ways)


def jump_turn(kitchen: Kitchen) -> Product | None:
    """A jump on the spot in which the body turns, by a quarter to a whole turn; most by a half."""
    source = kitchen.sources.pick("jump-up", fits=lambda source: bool(m.flights(source.joints, 0.05, 3)))
    if source is None:
        return None
    flights = m.flights(source.joints, 0.05, 3)
    start, stop = flights[int(kitchen.rng.integers(len(flights)))]
    joints, side = source.joints[max(start - 40, 0) : stop + 40], kitchen.draw_side()
    middle, width = 0.5 * (start + stop) - max(start - 40, 0), stop - start + 10
    u = np.clip((np.arange(len(joints)) - middle) / width + 0.5, 0, 1)
    degrees = float(kitchen.rng.normal(*(((180, 15), (180, 15), (90, 10), (360, 20))[kitchen.rng.integers(4)])))
    angle = np.radians(degrees) * u * u * (3 - 2 * u) * (1 if side == "left" else -1)
    turned = bend_path(joints, angle, FPS)
    if not kitchen.one_in(3):
        turned = stand_around(kitchen, turned, kitchen.draw_frames(1.5, 9.8))
    return turned, Meaning("jump-turn-to", side) if kitchen.one_in(3) else Meaning("jump-turn")


def _turns_here(source: Source) -> bool:
    joints = source.joints
    upright = float(m.pelvis_height(joints).min()) > 0.95 and float(m.torso_pitch(joints).max()) < 25
    return upright and abs(m.heading_change(joints)) > 40 and m.path_length(joints) < 1.4


def _name_turn(kitchen: Kitchen, joints: Joints, ways: tuple[str, ...]) -> Meaning:
    turned = m.heading_change(joints)
    side = "left" if turned > 0 else "right"
    if abs(turned) < 135:
        return Meaning("turn", side, ways)
    whole = abs(turned) > 270
    if kitchen.one_in(2):
        return Meaning("full-turn" if whole else "turn-around", "", ways)
    return Meaning("full-turn-to" if whole else "turn-around-to", side, ways)
