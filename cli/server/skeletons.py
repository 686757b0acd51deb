"""A client's skeleton as a rig of ours, and motions between the two.

MMCP gives each joint a translation and a rotation at rest, relative to its parent. A joint's rotation in a motion
replaces the one at rest. Our rigs have no rotations at rest: every frame is the world's in the rest pose. With Q_i the
orientation of joint i at rest in the world, and p its parent, the rotation R_i of the rig and r_i of the client are

    R_i = Q_p r_i Q_i^T        r_i = Q_p^T R_i Q_i

Conventions: meters, Y up, right-handed, as in the protocol; quaternions are (x, y, z, w). Knows no models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float
from motionmcp.errors import ProtocolError
from motionmcp.schemas import Skeleton

from cli.server.limits import MAX_JOINTS
from cli.server.refusals import report_refusals
from lead.motion.formats.bvh import Bvh
from lead.motion.heading import facing
from lead.motion.motion import Motion
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.own_rig import measure_own_offsets
from lead.motion.rigs.retarget import motion_to_rig
from lead.motion.rigs.rig import Rig, read_rig
from lead.motion.rotations import (
    cross,
    matrix_to_euler,
    matrix_to_quaternion,
    normalize,
    quaternion_to_matrix,
    unwrap_euler,
    unwrap_quaternions,
)
from lead.motion.skeleton import HUMANML3D, JOINTS, PARENTS, SYMMETRIC_LENGTHS, bone_lengths

FARTHEST = 1000.0
"""Meters from the origin that a skeleton or a clip may reach."""
RIGS_KEPT = 32
_ORDER = "ZXY"
_CHANNELS = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")


@dataclass(frozen=True, eq=False)
class ClientRig:
    """A client's skeleton and where our joints are on it."""

    rig: Rig
    rest: Float[np.ndarray, "joints 3 3"]
    """The joints' orientations at rest, Q."""

    @property
    def root(self) -> int:
        """The joint without a parent. The protocol's joints stand in order, so it is the first."""
        return 0

    @property
    def ratio(self) -> float:
        """How many times as long as those of generated motion its legs are."""
        return measure_ratio(self.rig)

    def name_canonical(self) -> dict[str, str]:
        """Our joint's name -> the client's, for those that the skeleton has."""
        names = self.rig.names
        return {ours: names[node] for ours, node in zip(JOINTS, self.rig.nodes, strict=True) if 0 <= node < len(names)}


@dataclass(frozen=True, eq=False)
class Poses:
    """A motion as the protocol sends it."""

    rotations: Float[np.ndarray, "frames joints 4"]
    """Relative to the parents."""
    roots: Float[np.ndarray, "frames 3"]
    """The root's places in the world."""


def read_client_rig(skeleton: Skeleton, fps: float) -> ClientRig:
    """The rig of a skeleton, at a rate; ProtocolError where it is no person's or its numbers cannot be.

    The last RIGS_KEPT are kept: a client asks for many motions on one skeleton.
    """
    return _read_rig(skeleton.model_dump_json(), fps)


@lru_cache(RIGS_KEPT)
def _read_rig(skeleton: str, fps: float) -> ClientRig:
    bvh, rest = _to_bvh(Skeleton.model_validate_json(skeleton), fps)
    with report_refusals("invalid_skeleton"):
        rig, joints = read_rig(bvh, ReadOptions(unit="m", up="Y"))
    return ClientRig(replace(rig, hinges=_add_hinges(rig, joints[0])), rest)


def measure_ratio(rig: Rig) -> float:
    """How many times as long as those of generated motion the legs of a rig are."""
    right_leg = list(HUMANML3D.legs)
    own = bone_lengths(rig.reference()[list(rig.nodes)])[right_leg].sum() * rig.scale
    return float(own / SYMMETRIC_LENGTHS[right_leg].sum())


def motion_to_poses(motion: Motion, client: ClientRig, placed: bool = False, high: bool = False) -> Poses:
    """A motion on the client's skeleton: bones are parallel to ours, and the path is scaled with the legs.

    The path is scaled about its start, with `placed` about the origin. The lowest joint of the motion is as high as
    that of the skeleton at rest; with `high` it is our floor that is. Joints that are none of ours keep their rotation
    at rest. Raises ProtocolError for a skeleton whose legs cannot carry a person.
    """
    joints = motion.resample(client.rig.fps).joints
    with report_refusals("invalid_skeleton"):
        bvh = motion_to_rig(joints, client.rig)
    translations, turns = bvh.local()
    above = _orientations_above(client.rest, client.rig.parents)
    quaternions = matrix_to_quaternion(above.swapaxes(-1, -2) @ turns @ client.rest)
    x, _, z = joints[0, [1, 2]].mean(axis=0)
    moved = np.array([x, 0, z]) * (client.ratio - 1) * placed + [0, joints[..., 1].min() * client.ratio * high, 0]
    return Poses(unwrap_quaternions(quaternions), translations[:, client.root] + moved)


def poses_to_motion(
    skeleton: Skeleton,
    names: Sequence[str],
    rotations: Float[np.ndarray, "frames named 4"],
    roots: Float[np.ndarray, "frames 3"],
    fps: float,
) -> Motion:
    """Our 22 joints of a client's clip, with rotations for some joints by name; the others keep theirs at rest.

    The inverse of `motion_to_poses`. ProtocolError where the skeleton is no person's.
    """
    return Motion(poses_to_joints(skeleton, names, rotations, roots, fps), fps, name="reference")


def poses_to_joints(
    skeleton: Skeleton,
    names: Sequence[str],
    rotations: Float[np.ndarray, "frames named 4"],
    roots: Float[np.ndarray, "frames 3"],
    fps: float,
) -> Float[np.ndarray, "frames 22 3"]:
    """Where our 22 joints are; the rest as in `poses_to_motion`."""
    joints = skeleton.joints
    poses = np.broadcast_to([joint.rest_rotation for joint in joints], (len(rotations), len(joints), 4)).copy()
    place = {joint.name: n for n, joint in enumerate(joints)}
    poses[:, [place[name] for name in names]] = rotations
    bvh, _ = _to_bvh(skeleton, fps, Poses(poses, roots))
    with report_refusals("invalid_skeleton"):
        return read_rig(bvh, ReadOptions(unit="m", up="Y"))[1]


def make_canonical(motion: Motion) -> list[dict[str, object]]:
    """The body of a motion as the protocol describes a skeleton: a T-pose that stands on the floor and faces +Z.

    Hips and shoulders hang as they do in the motion, so that others of the same base fit the skeleton.
    """
    offsets = measure_own_offsets(motion.joints, motion.fps)
    places = offsets.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        places[joint] += places[parent]
    offsets[0] = [0, -places[:, 1].min(), 0]
    return [
        {
            "name": name,
            "parent": None if parent < 0 else JOINTS[parent],
            "rest_translation": [round(float(x), 6) for x in offset],
            "rest_rotation": [0.0, 0.0, 0.0, 1.0],
        }
        for name, parent, offset in zip(JOINTS, PARENTS, offsets, strict=True)
    ]


def _to_bvh(skeleton: Skeleton, fps: float, poses: Poses | None = None) -> tuple[Bvh, Float[np.ndarray, "joints 3 3"]]:
    """A skeleton in one frame at rest, or in a clip's, and the orientations at rest."""
    joints = skeleton.joints
    _check_skeleton(skeleton, poses)
    place = {joint.name: n for n, joint in enumerate(joints)}
    parents = tuple(-1 if joint.parent is None else place[joint.parent] for joint in joints)
    local = quaternion_to_matrix(np.array([joint.rest_rotation for joint in joints]))
    rest, offsets = local.copy(), np.array([joint.rest_translation for joint in joints])
    for joint, parent in enumerate(parents):
        if parent >= 0:
            rest[joint], offsets[joint] = rest[parent] @ local[joint], rest[parent] @ offsets[joint]
    channels = tuple(_CHANNELS if parent < 0 else _CHANNELS[3:] for parent in parents)
    if poses is None:
        turns, roots = np.broadcast_to(np.eye(3), (1, len(joints), 3, 3)), offsets[:1]
    else:
        above = _orientations_above(rest, parents)
        turns = above @ quaternion_to_matrix(poses.rotations) @ rest.swapaxes(-1, -2)
        roots = poses.roots
    angles = np.degrees(unwrap_euler(matrix_to_euler(turns, _ORDER)))
    values = np.concatenate([roots, angles.reshape(len(angles), -1)], axis=1)
    return Bvh(tuple(place), parents, offsets, channels, (), values, 1.0 / fps), rest


def _orientations_above(
    rest: Float[np.ndarray, "joints 3 3"], parents: Sequence[int]
) -> Float[np.ndarray, "joints 3 3"]:
    """The parents' orientations at rest; the world's for the root."""
    return np.stack([np.eye(3) if parent < 0 else rest[parent] for parent in parents])


def _check_skeleton(skeleton: Skeleton, poses: Poses | None) -> None:
    """ProtocolError for too many joints, and for numbers that are not finite or cannot be a body's."""
    if len(skeleton.joints) > MAX_JOINTS:
        raise ProtocolError(
            "invalid_skeleton", f"a skeleton of {len(skeleton.joints)} joints; at most {MAX_JOINTS} are read"
        )
    for joint in skeleton.joints:
        if not (np.abs(joint.rest_translation) < FARTHEST).all():  # false for NaN
            raise ProtocolError(
                "invalid_skeleton", f"joint {joint.name!r} is not within {FARTHEST:g} m of its parent; send meters"
            )
        if not _are_unit(np.array(joint.rest_rotation)):
            raise ProtocolError("invalid_skeleton", f"joint {joint.name!r}: its rest_rotation is no unit quaternion")
    if poses is not None and not _are_unit(poses.rotations).all():
        raise ProtocolError("invalid_request", "a clip's rotations are no unit quaternions")
    if poses is not None and not (np.abs(poses.roots) < FARTHEST).all():
        raise ProtocolError("invalid_request", f"a clip's root is not within {FARTHEST:g} m of the origin; send meters")


def _are_unit(quaternions: Float[np.ndarray, "*shape 4"]) -> Bool[np.ndarray, "*shape"]:
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(quaternions, axis=-1)
    return np.asarray((norms > 0.5) & (norms < 2))


def _add_hinges(rig: Rig, rest: Float[np.ndarray, "22 3"]) -> Float[np.ndarray, "22 3"]:
    """The axes about which knees and elbows bend, where the rest pose has them straight: knees back, elbows forward."""
    forward = facing(rest[None])[0]
    hinges = rig.hinges.copy()
    for first, second, way in ((1, 4, -forward), (2, 5, -forward), (16, 18, forward), (17, 19, forward)):
        if not hinges[first].any():
            hinges[first] = normalize(cross(normalize(rest[second] - rest[first]), way))
    return hinges
