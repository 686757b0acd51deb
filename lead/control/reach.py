"""What a body cannot do: constraints that ask for it are refused, or come nearer with a note that says how far.

How high hands, feet and the pelvis come is a person's on the one skeleton, standing or in a jump. How fast the body has
to go is measured between places that follow each other: poses, targets and the path. Knows nothing of models.
Conventions: meters, seconds, Y up.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lead.control.constraints import TARGET_JOINTS, Constraint, JointTarget, PathConstraint, PoseConstraint
from lead.control.targets import FASTEST, build_targets, list_path_frames, to_frame
from lead.errors import LeadError

HIGHEST = {20: 1.9, 21: 1.9, 10: 1.6, 11: 1.6, 7: 1.5, 8: 1.5, 0: 1.05}
"""Meters over the floor that joints of TARGET_JOINTS reach on tiptoe."""
JUMPED = 0.5
"""Meters more in a jump."""
AROUND = 1.0
"""Meters from the pelvis that hands and feet reach over the floor, leaning."""
OFF_PATH = 0.5
"""Meters that a place may be off a path which the body is on at that time."""
JUMPS, RUNS = ("jump", "hop", "leap", "climb", "stairs", "ladder"), ("run", "jog", "sprint", "dash")
"""Beginnings of words in prompts."""
WALKED, RUN = 2.0, 5.0
"""Meters a second from which a note says so: of prompts that do not run, and of those that do."""


class Place(NamedTuple):
    """Where something has to be."""

    name: str
    frame: int
    x: float
    z: float
    around: float
    """Meters that the pelvis may be away."""


def limit_to_body(
    constraints: Sequence[Constraint], frames: int, fps: float, prompts: Sequence[str]
) -> tuple[list[Constraint], list[str]]:
    """The constraints as a body can meet them, and notes on what was changed or looks too fast.

    Raises LeadError where `build_targets` does, where places are farther apart than FASTEST allows, and for a place off
    the path.
    """
    words = " ".join(prompts).lower().split()
    more = JUMPED if any(word.startswith(JUMPS) for word in words) else 0.0
    notes: list[str] = []
    limited = [_limit_height(one, more, notes) if isinstance(one, JointTarget) else one for one in constraints]
    targets = build_targets(limited, frames, fps)
    paths = [one for one in limited if isinstance(one, PathConstraint)]
    places = sorted(_list_places(limited, frames, fps), key=lambda place: place.frame)
    speeds = [(one.name, _follow(one, places, frames, fps)) for one in paths]
    if not targets.free:
        places.insert(0, Place("the start", 0, 0.0, 0.0, 0.0))
    for one, other in pairwise([] if paths else places):
        apart = max(float(np.hypot(other.x - one.x, other.z - one.z)) - one.around - other.around, 0.0)
        seconds = (other.frame - one.frame) / fps
        if apart > FASTEST * seconds:
            asked = f"{apart / seconds:.3g} m/s; at most {FASTEST:g} m/s" if seconds else "no time is between them"
            raise LeadError(
                f"{other.name} is out of reach: {apart:.3g} m farther from {one.name} than a body reaches, in "
                f"{seconds:.3g} s ({asked}): give a nearer place, or more time"
            )
        speeds.append((other.name, apart / seconds if seconds else 0.0))
    usual = RUN if any(word.startswith(RUNS) for word in words) else WALKED
    notes += [
        f"{name} asks for {speed:.1f} m/s; people walk at about 1.2 m/s and run at about 3: give more seconds, or a "
        "prompt that is as fast"
        for name, speed in speeds
        if speed > usual
    ]
    return limited, notes


def _follow(path: PathConstraint, places: Sequence[Place], frames: int, fps: float) -> float:
    """The highest speed along a path, in meters a second; LeadError for a place that is off it."""
    way = build_targets([path], frames, fps).positions[:, 0, [0, 2]]
    there = list_path_frames(path, frames, fps)
    for place in places:
        x, z = way[place.frame]
        off = float(np.hypot(place.x - x, place.z - z)) - place.around
        if place.frame in there and off > OFF_PATH:
            raise LeadError(
                f"{place.name} is out of reach: {off:.3g} m farther than a body reaches from {path.name}, which is at "
                f"{x:.3g},{z:.3g} at {place.frame / fps:.3g} s: give a place on the path, another time, or one of them"
            )
    return float(np.linalg.norm(np.diff(way[there], axis=0), axis=-1).max(initial=0.0) * fps)


def _limit_height(target: JointTarget, more: float, notes: list[str]) -> JointTarget:
    """The target at a height that the joint reaches, with a note where that is another."""
    x, y, z = target.position
    highest = HIGHEST[target.joint] + more
    if y < 0:
        notes.append(f"{target.name} is {-y:.2f} m below the floor; it goes to 0 m")
        return replace(target, position=(x, 0.0, z))
    if y <= highest:
        return target
    name = next(name for name, joint in TARGET_JOINTS.items() if joint == target.joint).replace("_", " ")
    how = "in a jump" if more else "on tiptoe (a prompt that jumps gets higher)"
    notes.append(
        f"{target.name} is out of reach: {y - highest:.2f} m higher than a {name} comes {how}; it goes to {highest:g} m"
    )
    return replace(target, position=(x, highest, z))


def _list_places(constraints: Sequence[Constraint], frames: int, fps: float) -> list[Place]:
    places = []
    for one in constraints:
        if isinstance(one, PoseConstraint) and one.placed:
            x, z = one.pose[0, [0, 2]].tolist()
            places.append(Place(one.name, to_frame(one, frames, fps), x, z, 0.0))
        elif isinstance(one, JointTarget):
            x, _, z = one.position
            places.append(Place(one.name, to_frame(one, frames, fps), x, z, AROUND if one.joint else 0.0))
    return places
