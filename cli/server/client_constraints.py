"""What a request wants of a motion on the client's skeleton, as `lead.control` steers the base to it.

The body that the base makes is another one than the client's. The bones of both are parallel (`skeletons`). With k the
ratio of the legs' lengths and f the height of the client's floor, the hips' place p there is q on the base's body:

    p_x = k q_x    p_y = k q_y + f    p_z = k q_z

What is left of this on the client's skeleton is for `client_finish`. Conventions: meters, Y up; headings of the
protocol in radians about +Y, 0 faces +Z, as those of `lead.control` in degrees. Knows no models.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from motionmcp import GenerateRequest
from motionmcp.errors import ProtocolError

from cli.server.refusals import report_refusals
from cli.server.skeletons import FARTHEST, ClientRig, poses_to_joints
from cli.server.takes import Take
from lead.control.constraints import TARGET_JOINTS, Constraint, JointTarget, PathConstraint, PoseConstraint
from lead.motion.formats.joint_tree import path_to_root
from lead.motion.processing.edit import bone_directions
from lead.motion.rotations import normalize
from lead.motion.skeleton import PARENTS, SYMMETRIC_LENGTHS, place_bones

MOST_WAYPOINTS = 300
"""Of a path, for the base; a client may send a place for each frame."""
SAME_PLACE = 0.01
"""Meters: two places of the root at one frame that are farther apart contradict each other."""
ALONG = math.radians(20)
"""A body that is to face along its path within this is led along it; else its headings are steered."""


@dataclass(frozen=True)
class RootPin:
    """Where the root is at a frame."""

    place: tuple[float, float]
    """x and z."""
    heading: float | None = None
    """Radians."""


@dataclass(frozen=True, eq=False)
class PosePin:
    """The pose of the client's skeleton at a frame."""

    rotations: Mapping[int, Float[np.ndarray, "4"]]
    """Of joints by number; relative to the parents."""
    root: Float[np.ndarray, "3"] | None
    whole: bool
    """Whether joints without a rotation have that at rest; else they are free."""


@dataclass(frozen=True)
class Reach:
    """A place of a hand, a foot or the pelvis at a frame."""

    frame: int
    node: int
    """The client's joint."""
    joint: int
    """Ours."""
    position: tuple[float, float, float]


@dataclass(frozen=True)
class Wishes:
    """All that a request wants, by frames of the take."""

    pins: dict[int, RootPin] = field(default_factory=dict)
    poses: dict[int, PosePin] = field(default_factory=dict)
    reaches: list[Reach] = field(default_factory=list)

    @property
    def start(self) -> tuple[int, RootPin] | None:
        """The frame and the place that put the motion as a whole, where nothing but one pin does."""
        alone = len(self.pins) == 1 and not self.high
        return next(iter(self.pins.items())) if alone else None

    @property
    def placed(self) -> bool:
        """Whether the motion is made where it has to be, instead of being put there as a whole."""
        return self.start is None and bool(self.pins or self.high)

    @property
    def high(self) -> bool:
        """Whether heights count, so that the body may not be put on the floor afterwards."""
        return bool(self.reaches or self._placed_poses())

    def _placed_poses(self) -> dict[int, PosePin]:
        return {frame: pose for frame, pose in self.poses.items() if pose.root is not None}

    def list_waypoints(self, frames: int) -> dict[int, RootPin]:
        """The pins of a path, in a take of so many frames.

        Where there is one pin, the roots of poses are on the path too; without any, it stays there for a frame more.
        """
        if self.start or not self.pins:
            return {}
        every = self.pins
        if len(self.pins) == 1:
            ((frame, pin),) = self.pins.items()
            roots = {at: RootPin((pose.root[0], pose.root[2])) for at, pose in self.poses.items()
                     if pose.root is not None}  # fmt: skip
            every = roots or {frame + 1 if frame + 1 < frames else frame - 1: RootPin(pin.place)}
            every = every | self.pins
        return {frame: every[frame] for frame in sorted(every)} if len(every) > 1 else {}


def read_wishes(request: GenerateRequest, client: ClientRig) -> Wishes:
    """The constraints of a request that the SDK has checked; ProtocolError for those that contradict each other."""
    wishes = Wishes()
    for constraint in request.constraints:
        CONSTRAINTS[constraint.type](wishes, constraint, client)
    return wishes


def _read_root_path(wishes: Wishes, constraint: Any, client: ClientRig) -> None:
    headings = constraint.heading_radians or [None] * len(constraint.frames)
    for frame, place, heading in zip(constraint.frames, constraint.positions_xz, headings, strict=True):
        _check_place("root_path", frame, [*place, heading or 0.0])
        known = wishes.pins.get(frame)
        if known and math.dist(known.place, place) > SAME_PLACE:
            raise ProtocolError("invalid_request", f"root_path: two places of the root at frame {frame}")
        wishes.pins[frame] = RootPin(place, heading if heading is not None or not known else known.heading)


def _read_pose(wishes: Wishes, constraint: Any, client: ClientRig) -> None:
    frame, place = constraint.frame, {name: n for n, name in enumerate(client.rig.names)}
    if frame in wishes.poses:
        raise ProtocolError("invalid_request", f"pose_keyframe: two poses at frame {frame}")
    rotations = {}
    for name, quaternion in constraint.joint_rotations.items():
        length = float(np.linalg.norm(quaternion))
        if not 0.5 < length < 2:  # false for NaN
            raise ProtocolError("invalid_request", f"pose_keyframe: the rotation of {name!r} is no unit quaternion")
        rotations[place[name]] = np.array(quaternion) / length
    root = None
    if constraint.root_position is not None:
        _check_place("pose_keyframe", frame, constraint.root_position)
        root = np.array(constraint.root_position)
    wishes.poses[frame] = PosePin(rotations, root, constraint.fill_mode == "rest")


def _read_reach(wishes: Wishes, constraint: Any, client: ClientRig) -> None:
    if constraint.rotations is not None:
        raise ProtocolError(
            "unsupported_constraint",
            "the rotations of effector_target are not supported; leave them out, or send a pose_keyframe",
        )
    nodes = {client.rig.nodes[joint]: joint for joint in TARGET_JOINTS.values()}
    names = {client.rig.names[node]: node for node in nodes if 0 <= node < len(client.rig.names)}
    if constraint.joint not in names:
        raise ProtocolError(
            "unsupported_constraint",
            f"effector_target of {constraint.joint[:80]!r}: hands, feet and the pelvis can be sent to a place: "
            + ", ".join(names),
            {"supported_joints": list(names)},
        )
    node = names[constraint.joint]
    for frame, position in zip(constraint.frames, constraint.positions, strict=True):
        _check_place("effector_target", frame, position)
        if any((one.frame, one.node) == (frame, node) for one in wishes.reaches):
            raise ProtocolError("invalid_request", f"effector_target: two places of {constraint.joint!r} at {frame}")
        wishes.reaches.append(Reach(frame, node, nodes[node], position))


CONSTRAINTS: Mapping[str, Callable[[Wishes, Any, ClientRig], None]] = {
    "root_path": _read_root_path,
    "effector_target": _read_reach,
    "pose_keyframe": _read_pose,
}
"""What of the protocol's constraints is supported, and how each is read."""


def _check_place(name: str, frame: int, numbers: Sequence[float]) -> None:
    if not (np.abs(numbers) < FARTHEST).all():  # false for NaN
        raise ProtocolError("invalid_request", f"{name}: at frame {frame} a place beyond {FARTHEST:g} m")


def to_constraints(wishes: Wishes, request: GenerateRequest, client: ClientRig, take: Take) -> tuple[Constraint, ...]:
    """The wishes as constraints on the base's body, at the times that its motion has for the frames."""
    with report_refusals():
        constraints: list[Constraint] = _pose_constraints(wishes, request, client, take)
        if waypoints := wishes.list_waypoints(take.frames):
            constraints.append(_path_constraint(waypoints, client, take))
        for one in wishes.reaches:
            (place,) = _to_own(np.array([one.position]), client)
            name = f"effector_target of {client.rig.names[one.node][:60]} at frame {one.frame}"
            constraints.append(JointTarget(one.joint, take.to_seconds(one.frame), tuple(place.tolist()), name))
    return tuple(constraints)


def _to_own(places: Float[np.ndarray, "places 3"], client: ClientRig) -> Float[np.ndarray, "places 3"]:
    """Places on the client's skeleton as those on the base's body."""
    return np.asarray((places - [0, client.rig.floor, 0]) / client.ratio)


def _pose_constraints(wishes: Wishes, request: GenerateRequest, client: ClientRig, take: Take) -> list[Constraint]:
    if not wishes.poses:
        return []
    skeleton = request.skeleton
    rotations = np.array([[joint.rest_rotation for joint in skeleton.joints]] * len(wishes.poses))
    roots = np.array([skeleton.joints[client.root].rest_translation] * len(wishes.poses))
    for row, pose in enumerate(wishes.poses.values()):
        rotations[row, list(pose.rotations)] = list(pose.rotations.values())
        roots[row] = roots[row] if pose.root is None else pose.root
    posed = poses_to_joints(skeleton, client.rig.names, rotations, roots, client.rig.fps)
    own = place_bones(posed[:, 0], normalize(bone_directions(posed)), SYMMETRIC_LENGTHS)
    hips, own_hips = (joints[:, [1, 2]].mean(axis=1) for joints in (posed, own))
    own += (_to_own(hips, client) - own_hips)[:, None]
    constraints: list[Constraint] = []
    for (frame, pin), joints in zip(wishes.poses.items(), own, strict=True):
        name, seconds = f"pose_keyframe at frame {frame}", take.to_seconds(frame)
        firm = _find_firm(pin, client) if pin.root is not None else set()
        if firm:
            constraints.append(PoseConstraint(joints, seconds, tuple(sorted(firm)), True, name))
        elif pin.root is not None:
            place = (float(joints[0, 0]), float(joints[0, 1]), float(joints[0, 2]))
            constraints.append(JointTarget(0, seconds, place, f"{name}: its root_position"))
        else:
            joints = joints - [0, joints[:, 1].min(), 0]
        if free := _find_posed(pin, client) - firm - {0}:
            constraints.append(PoseConstraint(joints, seconds, tuple(sorted(free)), False, name))
    return constraints


def _find_firm(pin: PosePin, client: ClientRig) -> set[int]:
    """Our joints that a pose with a place of its root puts at a place: rotations are known all the way to the root."""
    if pin.whole:
        return set(range(22))
    parents, firm = client.rig.node_parents, set()
    for joint, node in enumerate(client.rig.nodes):
        if node >= 0 and all(above in pin.rotations for above in path_to_root(node, parents)[1:]):
            firm.add(joint)
    return firm


def _find_posed(pin: PosePin, client: ClientRig) -> set[int]:
    """Our joints whose bones a pose turns."""
    if pin.whole:
        return set(range(22))
    found = {0} if client.root in pin.rotations else set[int]()
    for joint, parent in enumerate(PARENTS):
        node, above = client.rig.nodes[joint], client.rig.nodes[parent]
        if parent < 0 or node < 0:
            continue
        way = path_to_root(node, client.rig.node_parents)[1:]
        if pin.rotations.keys() & set(way[: way.index(above) + 1] if above in way else way[:1]):
            found.add(joint)
    return found


def _path_constraint(waypoints: Mapping[int, RootPin], client: ClientRig, take: Take) -> PathConstraint:
    frames = list(waypoints)
    kept = sorted({round(n) for n in np.linspace(0, len(frames) - 1, min(len(frames), MOST_WAYPOINTS))})
    frames = [frames[n] for n in kept]
    pins = [waypoints[frame] for frame in frames]
    points = np.array([pin.place for pin in pins]) / client.ratio
    seconds = tuple(take.to_seconds(frame) for frame in frames)
    covers = frames[0] == 0 and frames[-1] == take.frames - 1
    headings = tuple(None if pin.heading is None else math.degrees(pin.heading) for pin in pins)
    if _face_along(points, [pin.heading for pin in pins]):
        headings = ()
    return PathConstraint(points, seconds, headings, "root_path", open=not covers)


def _face_along(points: Float[np.ndarray, "waypoints 2"], headings: Sequence[float | None]) -> bool:
    """Whether the headings, where they are given, are those of the path."""
    for (x, z), heading in zip(np.gradient(points, axis=0), headings, strict=True):
        if heading is not None:
            off = math.remainder(heading - math.atan2(x, z), 2 * math.pi)
            if math.hypot(x, z) < 1e-6 or abs(off) > ALONG:
                return False
    return True
