"""Joint positions to a BVH: on our own 22 joints in a T-pose, or on a given rig.

A joint's rotation comes from the places of the joints that come next after it: from several by Kabsch, from a single
one by the shortest arc from where the parent's rotation carries its bone. The twist about a bone comes from the bend of
the limb, or else from the reference pose. Joints that lead nowhere (wrists, head, toes, fingers) keep the reference
pose. Where a clip goes back to its own rig, twists and the joints that lead nowhere are the clip's own.
Conventions: positions in meters, Y up; inside `_pose_rig` everything is in the file's units and axes.
Knows nothing of features: slice 67:193 is never used, for its twist is undefined.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.joint_tree import list_children, path_to_root
from lead.motion.heading import facing
from lead.motion.rigs.own_rig import build_own_rig, measure_own_offsets
from lead.motion.rigs.rig import LIMBS, Rig, find_mover, interpolate_joints
from lead.motion.rigs.units import UP_TO_WORLD
from lead.motion.rotations import (
    axis_angle_to_matrix,
    cross,
    kabsch,
    matrix_to_euler,
    normalize,
    shortest_arc,
    unwrap_euler,
)
from lead.motion.skeleton import HUMANML3D, bone_lengths

_NEAR_OPPOSITE = -0.94
"""A shortest arc between directions with a smaller cosine does not define the twist: its axis is arbitrary."""
_BEND_FROM, _BEND_TO = 0.15, 0.4
"""Sines of a limb's bend: below the first it does not count for the twist, above the second it decides."""
_TWIST_STEP = 0.4
"""Radians: the most by which a bend changes the carried twist in one frame."""
_RELEASE = 0.1
"""The share of a carried twist that is released in one frame."""
_TAIL = 0.1
"""Seconds at the end of a clip that resampling may lose."""
_SAME_PLACE = 0.008
"""Meters: joints that are closer are in one place."""


class _Target(NamedTuple):
    """One of our joints that a rig's joint points at."""

    joint: int
    rest: Float[np.ndarray, "3"]
    """Where it is in the frame of the rig's joint, in the reference pose."""
    weight: float


def motion_to_bvh(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, offsets: Float[np.ndarray, "22 3"] | None = None
) -> Bvh:
    """The motion on our 22 joints, in centimeters, Y up; at rest the clip's own body stands in a T-pose.

    `offsets` (meters, each joint from its parent) replace that rest pose.
    """
    joints = np.array(joints, dtype=np.float64)
    rest = measure_own_offsets(joints, fps) if offsets is None else offsets
    return _pose_rig(build_own_rig(rest, fps), joints, aim=True)


def measure_rigid_gap(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Float[np.ndarray, "frames"]:
    """Meters between a joint and its place in `motion_to_bvh`, the largest of each frame.

    There bones keep one length, and the hips one angle to the spine; those of a recording need not.
    """
    places = motion_to_bvh(joints, fps).world()[0] / 100
    gap: np.ndarray = np.linalg.norm(places - joints, axis=-1).max(axis=-1)
    return gap


def motion_to_rig(joints: Float[np.ndarray, "frames 22 3"], rig: Rig, same_body: bool = False) -> Bvh:
    """The motion on a rig: bone directions are kept, lengths are the rig's. The joints must have the rig's rate.

    The path of the hips is scaled about its start on the floor by the ratio of the right legs. The features scale the
    root's path in the same way, so the way back is exact. The lowest joint is set to its height in the rig's clip; with
    `same_body` (the motion was recorded on this very rig) heights stay, and so do the clip's own twists and fingers,
    and of an edited clip the `kept` frames as they were recorded.
    Raises MotionError if nothing on the rig can move the hips.
    """
    joints = np.array(joints, dtype=np.float64)
    hips = joints[:, [1, 2]].mean(axis=1)
    right_leg = list(HUMANML3D.legs)
    rest = bone_lengths(rig.reference()[list(rig.nodes)])[right_leg] * rig.scale
    ratio = float(rest.sum()) / max(float(bone_lengths(joints).mean(axis=0)[right_leg].sum()), 1e-6)
    kept = rig.kept if same_body else None
    ratio = ratio if kept is None else 1.0
    ground = np.array([hips[0, 0], joints[..., 1].min(), hips[0, 2]])
    floor = ground[1] if same_body else rig.floor
    joints += ((hips - ground) * ratio + np.array([ground[0], floor, ground[2]]) - hips)[:, None]
    bvh = _pose_rig(rig, joints, aim=False, recorded=_list_recorded(rig, len(joints)) if same_body else None)
    if kept is None or rig.recorded is None or len(kept) != len(bvh.values):
        return bvh
    return replace(bvh, values=np.where(kept[:, None], rig.recorded[: len(kept)], bvh.values))


def _list_recorded(rig: Rig, frames: int) -> Float[np.ndarray, "frames joints 3 3"] | None:
    """The joints' orientations in the rig's clip; None where it has not these frames, up to a few at the end."""
    if rig.recorded is None or not -2 <= len(rig.recorded) - frames <= _TAIL * rig.fps + 1:
        return None
    values = rig.recorded[np.minimum(np.arange(frames), len(rig.recorded) - 1)].astype(np.float64)
    skeleton = (rig.names, rig.parents, rig.offsets, rig.channels, rig.end_sites)
    return Bvh(*skeleton, values, 1.0 / rig.fps).world()[1]


def _pose_rig(
    rig: Rig,
    joints: Float[np.ndarray, "frames 22 3"],
    aim: bool,
    recorded: Float[np.ndarray, "frames joints 3 3"] | None = None,
) -> Bvh:
    """Turn every joint of the rig, from the root down.

    With `aim`, bones point at our joints; for a body of the same proportions errors then do not add up down a limb.
    Without, bones are parallel to ours. The body is placed by its hips, so that feet are right on a pelvis of another
    shape too. With `recorded` orientations a joint turns from those, as its parent has turned from its own.
    """
    interpolate_joints(joints, [joint for joint in range(22) if rig.nodes[joint] < 0])
    targets = rig.to_file(joints)
    frames = len(targets)
    carrier, sources, leading = _find_carrier(rig), _list_sources(rig), _list_leading(rig)
    positions = np.zeros((len(rig.names), frames, 3))
    turned = np.empty((len(rig.names), frames, 3, 3))
    local = np.empty_like(turned)
    changes: list[Float[np.ndarray, "frames 3 3"]] = []  # from the recorded orientation to that of the output
    still = np.broadcast_to(np.eye(3), (frames, 3, 3))
    for joint, parent in enumerate(rig.parents):
        before = turned[parent] if parent >= 0 else still
        prior = before @ rig.rotations[joint]
        changes.append(changes[parent] if parent >= 0 else still)
        source, led = sources[joint], _list_targets(rig, joint, sources, leading)
        own = recorded is not None and (source >= 0 or not led)
        if recorded is not None and own:
            prior = changes[joint] @ recorded[:, joint]
        elif joint == rig.turner:
            prior = _measure_turns(rig, joints) @ prior
        if parent >= 0:
            positions[joint] = positions[parent] + before @ rig.translations[joint]
        else:
            positions[joint] = rig.translations[joint]
        if joint == carrier:
            positions[joint] = targets[:, 0] - prior @ _carrier_to_pelvis(rig, carrier)
        elif joint in rig.carriers:
            place = targets[:, 0] - prior @ _carrier_to_pelvis(rig, joint)
            positions[joint] += _carry(rig, joint, place - positions[joint])
        turned[joint] = prior
        if source >= 0:
            start = positions[joint] if aim and source > 0 else targets[:, source]
            bones = [targets[:, target.joint] - start for target in led]
            if len(led) > 1:
                turned[joint] = _fit_rotation(prior, led, np.stack(bones, axis=1))
                if joint == rig.nodes[0]:
                    positions[carrier : joint + 1] += _measure_hip_error(turned[joint], led, bones)
            elif led:
                normal = _bend_normal(targets, source) if rig.hinges[source].any() and not own else None
                turned[joint] = _point_bone(prior, led[0].rest, bones[0], rig.hinges[source], normal)
        if recorded is not None and own:
            changes[joint] = turned[joint] @ recorded[:, joint].swapaxes(-1, -2)
        local[joint] = before.swapaxes(-1, -2) @ turned[joint]
    moved = {}
    for joint in {carrier, *rig.carriers} - {-1}:
        above = rig.parents[joint]
        way = positions[joint] - positions[above] if above >= 0 else positions[joint]
        moved[joint] = np.einsum("fji,fj->fi", turned[above], way) if above >= 0 else way
    values = format_channels(rig, local, moved)
    skeleton = (rig.names, rig.parents, rig.offsets, rig.channels, rig.end_sites)
    return Bvh(*skeleton, values, 1.0 / rig.fps, encoding=rig.encoding, axes=rig.axes)


def _find_carrier(rig: Rig) -> int:
    """The joint whose position channels move the body; MotionError where there is none."""
    if (mover := find_mover(rig)) >= 0:
        return mover
    raise MotionError(
        f"the rig cannot move: neither {rig.names[rig.nodes[0]]!r} nor a joint above it has "
        "Xposition Yposition Zposition channels. Export it with a moving root."
    )


def _carry(rig: Rig, joint: int, way: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
    """What a joint above the hips carries of the way that they go: that over the ground, the height, or both."""
    up = UP_TO_WORLD[rig.up][1]
    height = (way @ up)[:, None] * up
    ground, lift = (joint == carrier for carrier in rig.carriers)
    return np.asarray(ground * (way - height) + lift * height)


def _measure_turns(rig: Rig, joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """Rotations about the vertical, in the file's axes, from where the reference pose faces to where the body does."""
    rest = rig.to_world(rig.reference())[list(rig.nodes)]
    ahead = facing(np.concatenate([rest[None], joints]))
    angles = np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 2]))
    return axis_angle_to_matrix((angles[1:] - angles[0])[:, None] * UP_TO_WORLD[rig.up][1])


def _carrier_to_pelvis(rig: Rig, carrier: int) -> Float[np.ndarray, "3"]:
    """From the carrier to the pelvis in the reference pose, in the carrier's frame."""
    vector = np.zeros(3)
    for joint in path_to_root(rig.nodes[0], rig.parents):
        if joint == carrier:
            break
        vector = rig.translations[joint] + rig.rotations[joint] @ vector if vector.any() else rig.translations[joint]
    return vector


def _list_sources(rig: Rig) -> list[int]:
    """For each joint of the rig our joint in its place; -1 for none.

    A joint of another name in one place with its parent (CMU's LHipJoint, LowerBack) has the parent's.
    """
    ours = {node: joint for joint, node in enumerate(rig.nodes) if node >= 0}
    sources: list[int] = []
    for joint, parent in enumerate(rig.parents):
        inherited = -1
        if parent >= 0 and np.linalg.norm(rig.translations[joint]) * rig.scale < _SAME_PLACE:
            inherited = sources[parent]
        sources.append(ours.get(joint, inherited))
    return sources


def _list_leading(rig: Rig) -> list[list[int]]:
    """For each node of the rig its children that are joints of ours, or from which one hangs."""
    leading = {above for node in rig.nodes if node >= 0 for above in path_to_root(node, rig.node_parents)}
    return [[child for child in children if child in leading] for children in list_children(rig.node_parents)]


def _list_targets(rig: Rig, joint: int, sources: Sequence[int], leading: Sequence[Sequence[int]]) -> list[_Target]:
    """Our joints that come next after a joint of the rig.

    Those that a joint in the same place can still correct have little weight.
    """
    ours = {node: mine for mine, node in enumerate(rig.nodes) if node >= 0}
    led = []
    todo = [(joint, np.zeros(3), np.eye(3), 1.0)]
    while todo:
        node, place, turn, weight = todo.pop()
        for child in leading[node]:
            there = place + turn @ rig.translations[child]
            if child in ours:
                led.append(_Target(ours[child], there, weight))
            elif child < len(rig.names):
                lighter = 0.01 if sources[child] == sources[joint] else weight
                todo.append((child, there, turn @ rig.rotations[child], lighter))
    return led


def _fit_rotation(
    prior: Float[np.ndarray, "frames 3 3"], led: Sequence[_Target], bones: Float[np.ndarray, "frames n 3"]
) -> Float[np.ndarray, "frames 3 3"]:
    """The rotation that best takes the targets' rest vectors to the bones' directions."""
    rests = np.array([target.rest for target in led])
    weights = np.array([target.weight for target in led]) * np.linalg.norm(rests, axis=-1)
    return kabsch(np.broadcast_to(rests, bones.shape), normalize(bones) * weights[:, None], prior)


def _measure_hip_error(
    turned: Float[np.ndarray, "frames 3 3"], led: Sequence[_Target], bones: Sequence[Float[np.ndarray, "frames 3"]]
) -> Float[np.ndarray, "frames 3"]:
    """From where the hips are to where they should be, the mean of both."""
    errors = []
    for target, bone in zip(led, bones, strict=True):
        if target.joint in (1, 2):  # a hip of little weight is corrected by a joint of its own
            length = np.linalg.norm(target.rest)
            errors.append(bone - (turned @ target.rest if target.weight == 1 else normalize(bone) * length))
    return np.asarray(np.mean(errors, axis=0))


def _point_bone(
    prior: Float[np.ndarray, "frames 3 3"],
    rest: Float[np.ndarray, "3"],
    bone: Float[np.ndarray, "frames 3"],
    hinge: Float[np.ndarray, "3"],
    normal: Float[np.ndarray, "frames 3"] | None,
) -> Float[np.ndarray, "frames 3 3"]:
    """The rotation that takes one rest vector (in the joint's frame) to the bone's direction.

    It is the shortest arc from the prior, twisted about the bone so that the hinge turns to the bend's normal.
    """
    axis, bone = normalize(rest), normalize(np.einsum("fji,fj->fi", prior, bone))
    arc = shortest_arc(axis, bone)
    loose = bone @ axis < _NEAR_OPPOSITE
    if normal is not None:
        side = normalize(hinge - (hinge @ axis) * axis)
        normal = np.einsum("fji,fj->fi", prior, normal)
    elif loose.any():
        side = normalize(cross(axis, np.eye(3)[np.argmin(np.abs(axis))]))
        normal = np.zeros_like(bone)
    else:
        return np.asarray(prior @ arc)
    twist = _follow_twist(bone, arc @ side, normal, loose)
    return np.asarray(prior @ arc @ axis_angle_to_matrix(twist[:, None] * axis))


def _bend_normal(targets: Float[np.ndarray, "frames 22 3"], joint: int) -> Float[np.ndarray, "frames 3"]:
    """The normal of the plane in which a limb bends; its length is the sine of the bend."""
    first, second, third = next(limb for limb in LIMBS if limb[0] == joint)
    upper = normalize(targets[:, second] - targets[:, first])
    return cross(upper, normalize(targets[:, third] - targets[:, second]))


def _follow_twist(
    bone: Float[np.ndarray, "frames 3"],
    side: Float[np.ndarray, "frames 3"],
    normal: Float[np.ndarray, "frames 3"],
    loose: Bool[np.ndarray, "frames"],
) -> Float[np.ndarray, "frames"]:
    """Radians to twist about the bone, without jumps from frame to frame.

    In a limb that is bent enough, the twist takes `side` to the bend's normal. Else the twist of the frame before is
    carried along with the bone, and slowly released unless the shortest arc does not define the twist (`loose`).
    """
    carried = np.einsum("fij,fj->fi", shortest_arc(bone[:-1], bone[1:]), side[:-1])
    steps = _angle_about(bone[1:], carried, side[1:])
    wanted = _angle_about(bone, side, normal)
    sine = np.linalg.norm(normal, axis=-1)
    trust = np.clip((sine - _BEND_FROM) / (_BEND_TO - _BEND_FROM), 0, 1)
    release = np.where(loose, 0.0, _RELEASE * (1 - trust))
    twist = np.empty(len(bone))
    now = trust[0] * wanted[0]
    for frame in range(len(bone)):
        if frame:
            now -= steps[frame - 1]
            now -= release[frame] * math.remainder(now, math.tau)
            turn = trust[frame] * math.remainder(wanted[frame] - now, math.tau)
            now += min(max(turn, -_TWIST_STEP), _TWIST_STEP)
        twist[frame] = now
    return twist


def _angle_about(
    axis: Float[np.ndarray, "*batch 3"],
    source: Float[np.ndarray, "*batch 3"],
    target: Float[np.ndarray, "*batch 3"],
) -> Float[np.ndarray, "*batch"]:
    """The angle about the unit axis from one vector to another; 0 if there is none."""
    sine = np.einsum("...i,...i->...", cross(source, target), axis)
    along = np.einsum("...i,...i->...", source, axis) * np.einsum("...i,...i->...", target, axis)
    return np.asarray(np.arctan2(sine, np.einsum("...i,...i->...", source, target) - along))


def format_channels(
    rig: Rig, local: Float[np.ndarray, "joints frames 3 3"], moved: Mapping[int, Float[np.ndarray, "frames 3"]]
) -> Float[np.ndarray, "frames channels"]:
    """The channels' values: translations of joints that move, reference translations elsewhere, angles in degrees."""
    frames = local.shape[1]
    columns, orders = [], [_list_rotation_axes(channels) for channels in rig.channels]
    angles = np.empty(local.shape[:-1])
    for axes in set(orders):
        same = [joint for joint, other in enumerate(orders) if other == axes]
        angles[same] = np.degrees(unwrap_euler(matrix_to_euler(local[same], axes).swapaxes(0, 1))).swapaxes(0, 1)
    for joint, channels in enumerate(rig.channels):
        for channel in channels:
            if channel.endswith("rotation"):
                columns.append(angles[joint][:, orders[joint].index(channel[0])])
            elif channel.endswith("scale"):
                columns.append(np.ones(frames))
            elif joint in moved:
                columns.append(moved[joint][:, "XYZ".index(channel[0])])
            else:
                columns.append(np.full(frames, rig.translations[joint]["XYZ".index(channel[0])]))
    return np.stack(columns, axis=-1)


def _list_rotation_axes(channels: tuple[str, ...]) -> str:
    """The order of a joint's rotations; axes that it lacks come last."""
    axes = "".join(channel[0] for channel in channels if channel.endswith("rotation"))
    return axes + "".join(axis for axis in "XYZ" if axis not in axes)
