"""The last centimeters of a constrained motion, on the client's own skeleton.

The base's motion meets its constraints on its own body (`lead.control.finish`), at frames of its own rate. Here the
client's joints are corrected at the very frames: poses get their rotations, with those of fingers and twists that the
base does not know; the root goes to its places; hands and feet to theirs by two-bone IK. A correction dies out over
time: with d the distance to its frame in units of DIES seconds, it is

    c(t) = sum_k w_k (1 + d_k) exp(-d_k),    w such that every frame has its own correction (a Matern 3/2 kernel)

Conventions: meters, Y up; quaternions are (x, y, z, w). Knows no models.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from motionmcp.schemas import Skeleton
from motionmcp.trajectory import fk_positions

from cli.server.client_constraints import Reach, RootPin, Wishes
from cli.server.skeletons import ClientRig, Poses
from lead.control.finish import move_wrist
from lead.motion.heading import facing, turn
from lead.motion.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    normalize,
    quaternion_to_matrix,
    shortest_arc,
    unwrap_quaternions,
)

DIES, DIES_ROOT = 0.12, 0.2
"""Seconds: the unit of distance of corrections of joints, and of the root."""
PATH_SLACK = 0.03
"""Meters that the root may sway off its path."""
MISSED = 0.05
"""Meters from which a note tells that something is not met."""
MISSED_HEADING = math.radians(30)
LIMBS = {20: (16, 18), 21: (17, 19), 7: (1, 4), 8: (2, 5), 10: (1, 4), 11: (2, 5)}
"""The joints that bend for a hand or foot, of ours."""
ANKLES = {10: 7, 11: 8}


@dataclass(eq=False)
class _Body:
    """A motion on the client's skeleton while it is corrected."""

    skeleton: list[dict[str, object]]
    client: ClientRig
    turns: Float[np.ndarray, "frames joints 3 3"]
    """Relative to the parents."""
    roots: Float[np.ndarray, "frames 3"]

    def place(self) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames joints 3 3"]]:
        """Places and orientations in the world."""
        quaternions = matrix_to_quaternion(self.turns)
        places, turns = fk_positions(self.skeleton, self.client.rig.names, quaternions[None], self.roots[None])
        return places[0], turns[0]

    def turn_joints(self, wanted: Mapping[int, Mapping[int, Float[np.ndarray, "3 3"]]]) -> None:
        """Give joints their rotations relative to the parents, by joint and frame; between frames they die out."""
        alike: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for joint, frames in wanted.items():
            alike[tuple(sorted(frames))].append(joint)
        for given, joints in alike.items():
            aims = np.array([[wanted[joint][frame] for joint in joints] for frame in given])
            own = self.turns[np.ix_(given, joints)]
            vectors = matrix_to_axis_angle(own.swapaxes(-1, -2) @ aims)
            off = spread(vectors.reshape(len(given), -1), given, len(self.turns), DIES * self.client.rig.fps)
            self.turns[:, joints] = self.turns[:, joints] @ axis_angle_to_matrix(off.reshape(-1, len(joints), 3))

    def move_root(self, off: Mapping[int, Float[np.ndarray, "3"]]) -> None:
        """Move the root by so much at frames; between them it dies out."""
        if off:
            frames = sorted(off)
            moves = np.array([off[frame] for frame in frames])
            self.roots = self.roots + spread(moves, frames, len(self.roots), DIES_ROOT * self.client.rig.fps)


def spread(
    values: Float[np.ndarray, "given n"], frames: Sequence[int], count: int, unit: float
) -> Float[np.ndarray, "{count} n"]:
    """Values at some frames that die out over time; see the module's equation. `unit` is in frames."""

    def weigh(apart: np.ndarray) -> np.ndarray:
        weights: np.ndarray = (1 + apart) * np.exp(-apart)
        return weights

    at = np.asarray(frames, dtype=float) / unit
    weights = np.linalg.solve(weigh(np.abs(at[:, None] - at)), values)
    spread_out: np.ndarray = weigh(np.abs(np.arange(count)[:, None] / unit - at)) @ weights
    return spread_out


def meet_wishes(poses: Poses, wishes: Wishes, skeleton: Skeleton, client: ClientRig) -> tuple[Poses, list[str]]:
    """The motion with what was wished at the frames for which it was; and in sentences what is not met."""
    if wishes.start is None and not (wishes.poses or wishes.reaches or wishes.pins):
        return poses, []
    joints = skeleton.model_dump(mode="json")["joints"]
    body = _Body(joints, client, quaternion_to_matrix(poses.rotations), poses.roots)
    if wishes.start is not None:
        _put(body, *wishes.start)
    if not (wishes.poses or wishes.reaches or len(wishes.pins) > 1):
        return Poses(unwrap_quaternions(matrix_to_quaternion(body.turns)), body.roots), []
    rest = {n: quaternion_to_matrix(np.array(joint.rest_rotation)) for n, joint in enumerate(skeleton.joints)}
    posed: defaultdict[int, dict[int, np.ndarray]] = defaultdict(dict)
    for frame, pose in wishes.poses.items():
        given = {n: quaternion_to_matrix(quaternion) for n, quaternion in pose.rotations.items()}
        if pose.root is None and client.root in given:  # met anywhere, facing anywhere
            given[client.root] = _turn_like(given[client.root], body.turns[frame, client.root])
        for n, matrix in (rest | given if pose.whole else given).items():
            posed[n][frame] = matrix
    body.turn_joints(posed)
    known = {frame: pose.root - body.roots[frame] for frame, pose in wishes.poses.items() if pose.root is not None}
    ways = {frame: _beyond(np.array(pin.place) - body.roots[frame, ::2]) for frame, pin in wishes.pins.items()}
    body.move_root({frame: np.array([x, 0, z]) for frame, (x, z) in ways.items()} | known)
    if wishes.reaches:
        _reach(body, wishes.reaches, known, posed)
    return Poses(unwrap_quaternions(matrix_to_quaternion(body.turns)), body.roots), _list_missed(body, wishes)


def _turn_like(matrix: Float[np.ndarray, "3 3"], other: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """An orientation turned about the vertical, to where it is nearest to another one."""
    between = other @ matrix.T
    angle = np.arctan2(between[0, 2] - between[2, 0], between[0, 0] + between[2, 2])
    return np.asarray(axis_angle_to_matrix(np.array([0.0, angle, 0.0])) @ matrix)


def _beyond(off: Float[np.ndarray, "2"]) -> Float[np.ndarray, "2"]:
    return np.asarray(off * max(1 - PATH_SLACK / max(float(np.linalg.norm(off)), 1e-9), 0.0))


def _put(body: _Body, frame: int, pin: RootPin) -> None:
    """Move and turn the motion as a whole, so that its root is at its place in a frame and faces as it has to."""
    if pin.heading is not None:
        angle = pin.heading - _measure_heading(body.place()[0][frame], body.client)
        spin = axis_angle_to_matrix(np.array([0.0, angle, 0.0]))
        body.turns[:, body.client.root] = spin @ body.turns[:, body.client.root]
        body.roots = turn(np.full(len(body.roots), angle / 2), body.roots[:, None])[:, 0]
    body.roots = body.roots + np.array([pin.place[0] - body.roots[frame, 0], 0.0, pin.place[1] - body.roots[frame, 2]])


def _measure_heading(places: Float[np.ndarray, "joints 3"], client: ClientRig) -> float:
    """Radians that the body faces, from +Z about +Y."""
    joints = np.zeros((1, 22, 3))
    trunk = [1, 2, 16, 17]
    joints[0, trunk] = places[[client.rig.nodes[joint] for joint in trunk]]
    ((x, _, z),) = facing(joints)
    return math.atan2(x, z)


def _reach(
    body: _Body,
    reaches: Sequence[Reach],
    roots: Collection[int],
    posed: Mapping[int, Mapping[int, Float[np.ndarray, "3 3"]]],
) -> None:
    """Lead hands, feet and the pelvis to their places; roots and poses that are met already stay in their frames."""
    places, turns = body.place()
    moves = {one.frame: one.position - places[one.frame, one.node] for one in reaches if one.joint == 0}
    if moves:
        body.move_root({frame: np.zeros(3) for frame in roots} | moves)
        places, turns = body.place()
    wanted: defaultdict[int, dict[int, np.ndarray]] = defaultdict(dict)
    for one in reaches:
        if one.joint in LIMBS:
            for node, matrix in _bend(body.client, one, places[one.frame], turns[one.frame]).items():
                wanted[node][one.frame] = matrix
    for node, frames in wanted.items():
        for frame in posed.get(node, ()):
            frames.setdefault(frame, body.turns[frame, node])
    body.turn_joints(wanted)


def _bend(
    client: ClientRig, one: Reach, places: Float[np.ndarray, "joints 3"], turns: Float[np.ndarray, "joints 3 3"]
) -> dict[int, Float[np.ndarray, "3 3"]]:
    """Rotations of the joints of a limb, relative to their parents, that lead its end to a place.

    The hand or foot keeps its orientation in the world.
    """
    upper, lower = (client.rig.nodes[joint] for joint in LIMBS[one.joint])
    end, parents = client.rig.nodes[ANKLES.get(one.joint, one.joint)], client.rig.parents
    start, middle, last = places[upper], places[lower], places[end]
    goal = last + (one.position - places[one.node])
    bent, reached = (row[0] for row in move_wrist(start[None], middle[None], last[None], goal[None]))
    first = shortest_arc(normalize(middle - start), normalize(bent - start))
    second = shortest_arc(first @ normalize(last - middle), normalize(reached - bent))
    above = turns[parents[upper]] if parents[upper] >= 0 else np.eye(3)
    return {
        upper: above.T @ first @ turns[upper],
        lower: (first @ turns[parents[lower]]).T @ second @ first @ turns[lower],
        end: (second @ first @ turns[parents[end]]).T @ turns[end],
    }


def _list_missed(body: _Body, wishes: Wishes) -> list[str]:
    """What the motion does not meet, in sentences."""
    places, names = body.place()[0], body.client.rig.names
    roots = places[:, body.client.root]
    off = [(math.dist(roots[frame, ::2], pin.place), "root_path", frame) for frame, pin in wishes.pins.items()]
    for frame, pose in wishes.poses.items():
        if pose.root is not None:
            off.append((math.dist(roots[frame], pose.root), "pose_keyframe's root_position", frame))
    for one in wishes.reaches:
        distance = math.dist(places[one.frame, one.node], one.position)
        off.append((distance, f"effector_target of {names[one.node][:60]}", one.frame))
    worst: dict[str, tuple[float, int]] = {}
    for distance, name, frame in off:
        worst[name] = max(worst.get(name, (0.0, 0)), (distance, frame))
    missed = [
        f"{name} is missed by {100 * distance:.0f} cm at frame {frame}: out of reach, or against another constraint"
        for name, (distance, frame) in worst.items()
        if distance > MISSED
    ]
    turned = [
        (abs(math.remainder(_measure_heading(places[frame], body.client) - pin.heading, 2 * math.pi)), frame)
        for frame, pin in wishes.pins.items()
        if pin.heading is not None
    ]
    if turned and max(turned)[0] > MISSED_HEADING:
        angle, frame = max(turned)
        missed.append(f"root_path's heading is missed by {math.degrees(angle):.0f} degrees at frame {frame}")
    return missed
