"""The person in a scene's animations: which animation is read by default, and which nodes are the person's.

An animation is passed over that has no keys of a joint, holds one pose, or shows no person, as long as another is left.
The skeleton is made of the file's joints and of what moves. If that is no person, all nodes around are tried: joints
may stand still and be in no skin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.scene import Scene
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.leading_tpose import is_one_pose
from lead.motion.rigs.rig import Rig, read_rig

PASSED_OVER = "passed over"
"""How the note about animations ends that are none."""
_TRIES = 24
"""Animations that move something and are tried until one shows a person."""
_CHOOSE = "choose one with --animation NAME or N, in Python ReadOptions(animation=...)"


@dataclass(frozen=True, eq=False)
class Person:
    """A person in one animation."""

    animation: int
    """Its number in the scene, from 0."""
    bvh: Bvh
    rig: Rig
    joints: Float[np.ndarray, "frames 22 3"]
    options: ReadOptions
    """With what the file says of its joints."""


def read_person(scene: Scene, number: int, options: ReadOptions = ReadOptions()) -> Person:
    """The person in one animation; MotionError if there is none, or the animation cannot be read."""
    options = replace(options, rig_map={**scene.joint_map, **(options.rig_map or {})})
    bvh = scene.to_bvh(number, options.fps)
    try:
        return Person(number, bvh, *read_rig(bvh, options), options)
    except MotionError:
        if len(scene.select_skeleton(number, whole=True)) == len(bvh.names):
            raise
    whole = scene.to_bvh(number, options.fps, whole=True)
    return Person(number, whole, *read_rig(whole, options), options)


def choose_skeleton(scene: Scene, options: ReadOptions = ReadOptions()) -> Bvh:
    """The skeleton that `choose_person` takes; if none is a person's, all nodes around the one that moves first."""
    try:
        return choose_person(scene, options)[0].bvh
    except MotionError:
        return scene.to_bvh(scene.list_candidates(options.animation)[0], options.fps, whole=True)


def choose_person(scene: Scene, options: ReadOptions = ReadOptions()) -> tuple[Person, tuple[str, ...]]:
    """The person in the animation that the options name, or in the first that shows motion; and notes.

    Raises MotionError for an animation that is not there, and if none shows a person.
    """
    candidates = scene.list_candidates(options.animation)
    posed: Person | None = None
    errors: list[MotionError] = []
    for place, number in enumerate(candidates[:_TRIES]):
        try:
            person = read_person(scene, number, options)
        except MotionError as error:
            errors.append(error)
            continue
        if len(candidates) == 1 or not is_one_pose(person.joints):
            return person, () if options.animation else _list_notes(scene, number, candidates[place + 1 :])
        posed = posed or person
    if posed is None:
        raise errors[0]
    return posed, _list_notes(scene, posed.animation, ())


def read_persons(scene: Scene, options: ReadOptions = ReadOptions()) -> Iterator[tuple[int, Person | MotionError]]:
    """Every animation's number, and the person in it, or why it is passed over."""
    for number in range(len(scene.animations)):
        try:
            if not scene.has_motion(number):
                raise MotionError("holds one pose, or moves no joint")
            person = read_person(scene, number, options)
            if is_one_pose(person.joints):
                raise MotionError("holds one pose")
        except MotionError as error:
            yield number, MotionError(f"animation {scene.list_titles([number])} was {PASSED_OVER}: {error}")
        else:
            yield number, person


def _list_notes(scene: Scene, chosen: int, others: Sequence[int]) -> tuple[str, ...]:
    """What a user has to know of a file's other animations."""
    count = len(scene.animations)
    if count == 1:
        return ()
    left = [number for number in range(count) if number != chosen and number not in others]
    read = f"{count} animations: {scene.list_titles([chosen])} was read"
    poses = f"; {scene.list_titles(left)} without motion of a person {PASSED_OVER}" if left else ""
    if others:
        return (f"{read}{poses}; {_CHOOSE}: {scene.list_titles(others)}",)
    return (read + poses,)
