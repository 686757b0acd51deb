"""The rotations of a rig's own clip, edited as its joints are: frames taken, times warped, sides exchanged.

`retarget.motion_to_rig` turns a clip's own rotations only where its joints were changed. So a clip whose frames were
taken, or which was moved over the floor, goes back to its rig with the rotations that it had, twists and fingers too.
Each function takes a rig with `recorded` values and gives one with others; places of the root are not read again.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.retarget import format_channels
from lead.motion.rigs.rig import Rig
from lead.motion.rigs.units import UP_TO_WORLD
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_axis_angle, normalize
from lead.motion.skeleton import MIRROR
from lead.motion.smoothing import bend_ends

MAX_ROTATIONS = 1 << 23
"""Rotations of a clip at another rate: two hours of 60 joints at 20 fps, and two gigabytes of memory."""
SYMMETRY = 0.02
"""Meters: offsets of a symmetric rig differ by less from side to side."""
_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}
_SIDE = re.compile(r"(?i:left|right)|(?<![A-Za-z])[lrLR](?![a-z])|(?<=[a-z0-9])[LR](?![A-Za-z])")
_FLIPS = np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1], [-1, -1, -1]])
"""The reflections along axes."""


def take_frames(rig: Rig, frames: Int[np.ndarray, "new_frames"] | slice) -> Rig:
    """These frames of the clip, in this order."""
    assert rig.recorded is not None, "a rig without its clip"
    return replace(rig, recorded=rig.recorded[frames])


def warp_times(rig: Rig, at: Float[np.ndarray, "new_frames"], fps: float) -> Rig:
    """The clip at these times, in frames, as the frames of a clip of another rate; between frames by SLERP.

    Raises MotionError for more than MAX_ROTATIONS.
    """
    if len(at) * len(rig.names) > MAX_ROTATIONS:
        raise MotionError(
            f"{len(at):,} frames of {len(rig.names)} joints are more rotations than {MAX_ROTATIONS:,}; cut the clip, "
            "or ask for fewer frames a second."
        )
    translations, rotations = _to_bvh(rig).local()
    low = np.clip(at.astype(int), 0, max(len(rotations) - 2, 0))
    high = np.minimum(low + 1, len(rotations) - 1)
    part = (at - low)[:, None, None]
    steps = matrix_to_axis_angle(rotations[low].swapaxes(-1, -2) @ rotations[high])
    turned = rotations[low] @ axis_angle_to_matrix(part * steps)
    moved = translations[low] + part * (translations[high] - translations[low])
    return replace(_with_local(rig, moved, turned), fps=fps)


def close_ends(rig: Rig) -> Rig:
    """The clip as a closed cycle: the gap between the rotations of its ends is spread over all frames.

    What is left between their velocities is taken out near both ends.
    """
    translations, rotations = _to_bvh(rig).local()
    gap = matrix_to_axis_angle(rotations[0].swapaxes(-1, -2) @ rotations[-1])
    part = 0.5 - np.linspace(0, 1, len(rotations))[:, None, None]
    spread = rotations @ axis_angle_to_matrix(part * gap)
    turns = matrix_to_axis_angle(spread[[0, -2]].swapaxes(-1, -2) @ spread[[1, -1]]) * rig.fps
    bent = bend_ends(turns[1] - turns[0], len(rotations) - 1, rig.fps)
    return _with_local(rig, translations, spread @ axis_angle_to_matrix(bent))


def mirror(rig: Rig) -> Rig:
    """The clip with sides exchanged; without its rotations where left and right of the rig are not alike.

    F is the reflection in the plane x = 0, R a rotation of the joint on the other side relative to its parent there,
    and S takes a joint's own axes to those of that joint. The mirrored rotation is S_parent R S, of a root F R S.
    """
    others = [_find_other(rig, joint) for joint in range(len(rig.names))]
    swaps = _find_swaps(rig, others)
    if swaps is None:
        return replace(rig, recorded=None)
    translations, rotations = (values[:, others] for values in _to_bvh(rig).local())
    world = _reflect(UP_TO_WORLD[rig.up][0])
    outer = np.array([world if parent < 0 else swaps[parent] for parent in rig.parents])
    return _with_local(rig, np.einsum("jab,fjb->fja", outer, translations), outer @ rotations @ swaps)


def _find_other(rig: Rig, joint: int) -> int:
    """The joint on the other side, of our joints as they are matched, of others by name; else the joint itself."""
    if joint in rig.nodes:
        other = rig.nodes[MIRROR[rig.nodes.index(joint)]]
        return other if 0 <= other < len(rig.names) else joint
    name = rig.names[joint]
    first = _SIDES.get(name[:1].lower(), "")
    swapped = (_SIDE.sub(_swap_side, name), (first.upper() if name[:1].isupper() else first) + name[1:])
    return next((rig.names.index(one) for one in swapped if one != name and one in rig.names), joint)


def _swap_side(found: re.Match[str]) -> str:
    word = found[0]
    other = _SIDES[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _find_swaps(rig: Rig, others: Sequence[int]) -> Float[np.ndarray, "joints 3 3"] | None:
    """For each joint the axes that its twin has the other way round, as a diagonal matrix; None if some has no twin.

    They take the offsets of what hangs from the one to those of what hangs from the other. Where offsets leave them
    open, the reference pose decides.
    """
    parents = [-1 if parent < 0 else others[parent] for parent in rig.parents]
    if any(rig.parents[other] != parent for other, parent in zip(others, parents, strict=True)):
        return None
    orientations: list[Float[np.ndarray, "3 3"]] = []
    for joint, parent in enumerate(rig.parents):
        orientations.append((orientations[parent] if parent >= 0 else np.eye(3)) @ rig.rotations[joint])
    reference = rig.reference()[list(rig.nodes)]
    mirrored = _reflect(normalize(reference[1] - reference[2]))
    fixed = [joint for joint, channels in enumerate(rig.channels) if "Xposition" not in channels]
    swaps = np.empty((len(others), 3, 3))
    for joint, other in enumerate(others):
        children = [child for child in fixed if rig.parents[child] == joint]
        theirs = rig.offsets[[others[child] for child in children]]
        fitting = [
            flip for flip in _FLIPS
            if not children or np.abs(rig.offsets[children] * flip - theirs).max() * rig.scale < SYMMETRY
        ]  # fmt: skip
        if not fitting:
            return None
        seen = np.diagonal(orientations[other].T @ mirrored @ orientations[joint])
        swaps[joint] = swaps[other] if other < joint else np.diag(max(fitting, key=lambda flip: float(seen @ flip)))
    return swaps


def _reflect(axis: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The reflection in the plane that is perpendicular to a unit vector."""
    return np.asarray(np.eye(3) - 2 * np.outer(axis, axis))


def _to_bvh(rig: Rig) -> Bvh:
    assert rig.recorded is not None, "a rig without its clip"
    return Bvh(rig.names, rig.parents, rig.offsets, rig.channels, rig.end_sites, rig.recorded, 1.0 / rig.fps)


def _with_local(
    rig: Rig, translations: Float[np.ndarray, "frames joints 3"], rotations: Float[np.ndarray, "frames joints 3 3"]
) -> Rig:
    moved = dict(enumerate(np.moveaxis(translations, 1, 0)))
    return replace(rig, recorded=format_channels(rig, np.moveaxis(rotations, 1, 0), moved))
