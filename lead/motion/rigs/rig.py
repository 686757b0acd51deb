"""`Rig`: a file's skeleton and which of its joints are our 22; positions on it to ours.

Stages of reading: joints (`match`) -> reference pose -> up axis and unit (`units`) -> spine, and the ends of feet and
head. The reference pose is the rest pose if that is a standing person; if the offsets alone are not (Bandai's,
LAFAN1's), it is the clip's mean pose. It decides what bone directions leave open (twist, fingers).
Conventions: *file* means the rig's own units and axes, *world* is ours (meters, Y up). A *node* is a joint of the
file, one of its End Sites, or a tip that we build where a rig ends without one.
Knows nothing of writing: see `retarget`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh, Offset
from lead.motion.formats.joint_tree import path_to_root
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.assign_nodes import assign_nodes, find_tip
from lead.motion.rigs.match import match_person
from lead.motion.rigs.match_names import guess_maker
from lead.motion.rigs.units import UP_TO_WORLD, guess_unit, nearest_axis, standing_axis
from lead.motion.rotations import nearest_rotation, normalize
from lead.motion.skeleton import JOINTS

LIMBS = ((1, 4, 7), (2, 5, 8), (16, 18, 20), (17, 19, 21))
"""Hip, knee, ankle; shoulder, elbow, wrist."""
_BENT = 0.15
"""A limb whose bend has at least this mean sine tells its hinge."""
_CARRIES = 0.05
"""A joint above the hips carries the path if it moves farther than this times the leg."""
_TURNS = 0.2
"""A joint above the hips carries the heading if it turns by more radians than this, and than the pelvis on it."""


@dataclass(frozen=True, eq=False)
class Rig:
    """The skeleton of a file, and where our joints are on it."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float[np.ndarray, "joints 3"]
    """As in the file (file units)."""
    channels: tuple[tuple[str, ...], ...]
    end_sites: tuple[tuple[int, Offset], ...]
    fps: float
    scale: float
    """Meters in a unit of the file."""
    up: str
    """The file's up axis, one of `read_options.UPS`."""
    node_parents: tuple[int, ...]
    """The joint that each node hangs from: the joints' parents, then the owners of the tips."""
    translations: Float[np.ndarray, "nodes 3"]
    """From each node's parent in the reference pose (file units)."""
    rotations: Float[np.ndarray, "joints 3 3"]
    """Of each joint relative to its parent in the reference pose."""
    nodes: tuple[int, ...]
    """The node of each of our 22 joints; -1 where it is interpolated between its neighbors."""
    hinges: Float[np.ndarray, "22 3"]
    """For hips and shoulders the axis about which knee and elbow bend, in the hip's or shoulder's frame; else zero."""
    floor: float
    """Height of the lowest joint in the clip that the rig came from (meters)."""
    notes: tuple[str, ...] = ()
    """What was guessed about it and may be wrong, in words."""
    encoding: str = "utf-8"
    """Of the names in the file."""
    carriers: tuple[int, int] = (-1, -1)
    """The joints above the hips that move over the ground, and up and down, in the clip; -1 where the hips do."""

    turner: int = -1
    """The joint above the hips that turns with the body in the clip; -1 where the hips do."""
    recorded: Float[np.ndarray, "frames channels"] | None = None
    """The channels' values in the clip that the rig came from, from which fingers and twists are taken where that clip,
    restyled or not, is written on the rig; None where they are not kept."""
    kept: Bool[np.ndarray, "frames"] | None = None
    """Of an edited clip: the frames that are written with the recorded values themselves."""
    axes: Float[np.ndarray, "joints 3 3"] | None = None
    """Of an FBX or glTF file each joint's orientation at rest, in the file's axes; None where it is the file's."""

    def to_world(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """File coordinates to meters, Y up."""
        return points @ (self.scale * UP_TO_WORLD[self.up].T)

    def to_file(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Meters, Y up to file coordinates."""
        return points @ (UP_TO_WORLD[self.up] / self.scale)

    def reference(self) -> Float[np.ndarray, "nodes 3"]:
        """The nodes' positions in the reference pose (file coordinates)."""
        return _chain_pose(self.translations, self.rotations, self.node_parents)[0]

    @property
    def maker(self) -> str:
        """The tool or data set whose joint names these are; empty if the names do not tell."""
        return guess_maker(self.names)

    @property
    def leg(self) -> float:
        """Meters from hip to knee to ankle, the mean of both sides."""
        return self.scale * _measure_leg(self.reference()[list(self.nodes)])


def read_rig(bvh: Bvh, options: ReadOptions = ReadOptions()) -> tuple[Rig, Float[np.ndarray, "frames 22 3"]]:
    """The rig of a file and our 22 joints' world positions in its frames.

    Of several trees, the first that is a person is taken. Raises MotionError listing the joints that cannot be matched,
    or if the legs have no length.
    """
    bvh, found, notes = match_person(bvh, options.rig_map or {})
    nodes = _build_nodes(bvh, found)
    world = bvh.world()
    rest = nodes.positions if nodes.standing else None
    rest_up, up, up_notes = _find_up_axes(world[0], found, rest, options.up)
    leg = _measure_leg([nodes.positions[found[name]] if name in found else np.zeros(3) for name in JOINTS])
    if not leg > 1e-6:
        raise MotionError("the rig's legs have no length: its OFFSETs are zero. Export the skeleton with its offsets.")
    unit, unit_notes = guess_unit(leg, options.unit)
    ours = assign_nodes(found, nodes.positions, leg, bvh.parents, options.rig_map or {})
    _add_tips(nodes, found, ours, leg, UP_TO_WORLD[rest_up])
    rig = Rig(
        bvh.names, bvh.parents, bvh.offsets, bvh.channels, bvh.end_sites, bvh.fps, unit, up, tuple(nodes.parents),
        nodes.translations, nodes.rotations, tuple(ours), np.zeros((22, 3)), 0.0, (*notes, *up_notes, *unit_notes),
        bvh.encoding,
    )  # fmt: skip
    joints = _place_joints(rig, *world)
    floor = float(joints[..., 1].min()) if len(joints) else 0.0
    carriers, turner = _find_carriers(rig, world[0]), _find_turner(rig, world[1])
    return replace(
        rig, hinges=_find_hinges(rig, *world), floor=floor, carriers=carriers, turner=turner,
        recorded=bvh.values, axes=bvh.axes,
    ), joints  # fmt: skip


@dataclass(eq=False)
class _Nodes:
    """Joints, End Sites and tips in the reference pose (file coordinates)."""

    parents: list[int]
    translations: Float[np.ndarray, "nodes 3"]
    rotations: Float[np.ndarray, "joints 3 3"]
    """Relative to the parents."""
    positions: Float[np.ndarray, "given 3"]
    """Of joints and End Sites, without the tips."""
    orientations: Float[np.ndarray, "joints 3 3"]
    standing: bool
    """Whether this is the rest pose."""


def _build_nodes(bvh: Bvh, found: dict[str, int]) -> _Nodes:
    translations, rotations, standing = _choose_reference_pose(bvh, found)
    parents = [*bvh.parents, *(owner for owner, _ in bvh.end_sites)]
    translations = np.concatenate([translations, *(np.array([offset]) for _, offset in bvh.end_sites)])
    positions, orientations = _chain_pose(translations, rotations, parents)
    return _Nodes(parents, translations, rotations, positions, orientations, standing)


def _add_tips(
    nodes: _Nodes, found: dict[str, int], ours: list[int], leg: float, to_world: Float[np.ndarray, "3 3"]
) -> None:
    """Find the feet and the head that the rig lacks, or build them; in place."""
    arms = {*path_to_root(ours[16], nodes.parents), *path_to_root(ours[17], nodes.parents)}
    for joint, before in ((10, 7), (11, 8), (15, 12)):
        if ours[joint] >= 0:
            continue
        owner = found.get(JOINTS[joint], ours[before])
        owner = owner if owner >= 0 else found["neck"]  # in one place with the chest
        hang = [node for node in range(len(nodes.positions)) if nodes.parents[node] == owner and node not in arms]
        ends = hang if joint == 15 else [node for node in hang if node not in nodes.parents]
        tip = find_tip(joint, ours, owner, ends, nodes.positions, to_world, leg)
        if isinstance(tip, np.ndarray):
            nodes.translations = np.concatenate([nodes.translations, [nodes.orientations[owner].T @ tip]])
            nodes.parents.append(owner)
            tip = len(nodes.parents) - 1
        ours[joint] = tip


def _place_joints(
    rig: Rig, positions: Float[np.ndarray, "frames joints 3"], rotations: Float[np.ndarray, "frames joints 3 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """Our joints in the world; those that the rig lacks are interpolated."""
    ours = np.empty((len(positions), 22, 3))
    for joint, node in enumerate(rig.nodes):
        if node >= len(rig.names):
            owner = rig.node_parents[node]
            ours[:, joint] = positions[:, owner] + rotations[:, owner] @ rig.translations[node]
        elif node >= 0:
            ours[:, joint] = positions[:, node]
    interpolate_joints(ours, [joint for joint in range(22) if rig.nodes[joint] < 0])
    return rig.to_world(ours)


def _find_carriers(rig: Rig, positions: Float[np.ndarray, "frames joints 3"]) -> tuple[int, int]:
    """The joints above the pelvis that carry it over the ground, and up and down; -1 for none.

    A root joint often has the path alone. It carries what it moves farther than the pelvis moves from there.
    """
    movable = [
        joint for joint in path_to_root(rig.nodes[0], rig.parents)[1:]
        if sum(channel.endswith("position") for channel in rig.channels[joint]) == 3
    ]  # fmt: skip
    if not len(positions) or not movable:
        return -1, -1
    world = rig.to_world(positions)
    carriers = []
    for axes in ([0, 2], [1]):
        own, rest = {}, {}
        for joint in movable:
            above = world[:, rig.parents[joint]] if rig.parents[joint] >= 0 else 0.0
            own[joint] = float(np.linalg.norm(np.ptp((world[:, joint] - above)[:, axes], axis=0)))
            rest[joint] = float(np.linalg.norm(np.ptp((world[:, rig.nodes[0]] - world[:, joint])[:, axes], axis=0)))
        carrying = [joint for joint in movable if own[joint] > max(rest[joint], _CARRIES * rig.leg)]
        carriers.append(max(carrying, key=own.__getitem__, default=-1))
    return carriers[0], carriers[1]


def find_mover(rig: Rig) -> int:
    """The joint whose position channels move the body: the pelvis, or the nearest above it with all three; else -1."""
    for joint in path_to_root(rig.nodes[0], rig.parents):
        if sum(channel.endswith("position") for channel in rig.channels[joint]) == 3:
            return joint
    return -1


def _find_turner(rig: Rig, rotations: Float[np.ndarray, "frames joints 3 3"]) -> int:
    """The joint above the pelvis that carries its heading; -1 for none.

    It turns farther than the pelvis does from there. What moves the body is on it, or is it.
    """
    way = path_to_root(rig.nodes[0], rig.parents)
    mover = find_mover(rig)
    above = way[max(way.index(mover), 1) :] if mover >= 0 else []
    yaws = {joint: _measure_yaw(rig, rotations[:, joint]) for joint in way} if above and len(rotations) else {}
    turning = {}
    for joint in above if yaws else ():
        carried = yaws[rig.parents[joint]] if rig.parents[joint] >= 0 else 0.0
        own, rest = float(np.ptp(yaws[joint] - carried)), float(np.ptp(yaws[way[0]] - yaws[joint]))
        free = sum(channel.endswith("rotation") for channel in rig.channels[joint]) == 3
        if free and own > max(rest, _TURNS):
            turning[joint] = own
    return max(turning, key=turning.__getitem__, default=-1)


def _measure_yaw(rig: Rig, rotations: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames"]:
    """Radians about the vertical that a joint has turned since the first frame."""
    to_world = UP_TO_WORLD[rig.up]
    turned = to_world @ rotations @ rotations[0].T @ to_world.T
    return np.unwrap(np.arctan2(turned[:, 0, 2] - turned[:, 2, 0], turned[:, 0, 0] + turned[:, 2, 2]))


def _find_hinges(
    rig: Rig, positions: Float[np.ndarray, "frames joints 3"], rotations: Float[np.ndarray, "frames joints 3 3"]
) -> Float[np.ndarray, "22 3"]:
    """The normal of the plane in which knee and elbow bend in the clip, in the hip's and shoulder's frame."""
    hinges = np.zeros((22, 3))
    for chain in LIMBS:
        first, second, third = (rig.nodes[joint] for joint in chain)
        upper = normalize(positions[:, second] - positions[:, first])
        lower = normalize(positions[:, third] - positions[:, second])
        normals = np.einsum("fji,fj->fi", rotations[:, first], np.cross(upper, lower))
        # the straighter the limb, the shorter and noisier its normal
        if len(normals) and np.linalg.norm(normals.mean(axis=0)) > _BENT:
            hinges[chain[0]] = normalize(normals.mean(axis=0))
    return hinges


_SPINE = (0, 3, 6, 9, 12, 15)
_ARMS = ((9, 13, 16), (9, 14, 17))


def interpolate_joints(joints: Float[np.ndarray, "*batch 22 3"], missing: Sequence[int]) -> None:
    """Place missing joints of the spine and the collars between their neighbors, in even steps; in place."""
    for chain in (_SPINE, *_ARMS):
        there = [n for n, joint in enumerate(chain) if joint not in missing]
        for low, high in itertools.pairwise(there):
            for n in range(low + 1, high):
                part = (n - low) / (high - low)
                joints[..., chain[n], :] = (1 - part) * joints[..., chain[low], :] + part * joints[..., chain[high], :]


def _choose_reference_pose(
    bvh: Bvh, found: dict[str, int]
) -> tuple[Float[np.ndarray, "joints 3"], Float[np.ndarray, "joints 3 3"], bool]:
    """Translations and rotations relative to the parents, and whether the rest pose is a standing person."""
    translations, rotations = bvh.sample_frames().local()
    rest = np.broadcast_to(np.eye(3), (len(bvh.names), 3, 3)).copy()
    if not len(bvh.values):
        return bvh.offsets, rest, True
    translation = np.median(translations, axis=0)
    if _is_standing(_chain_pose(translation, rest, bvh.parents)[0], found):
        return translation, rest, True
    return translation, nearest_rotation(rotations.mean(axis=0)), False


def _is_standing(positions: Float[np.ndarray, "joints 3"], found: dict[str, int]) -> bool:
    """Whether the legs are parallel, opposite to the spine and square to the hips; arms may be anywhere."""
    left, right = (normalize(positions[found[f"{s}_ankle"]] - positions[found[f"{s}_hip"]]) for s in ("left", "right"))
    spine = normalize(_hips_to_neck(positions[None], found)[0])
    across = normalize(positions[found["left_hip"]] - positions[found["right_hip"]])
    legs = normalize(left + right)
    return bool(left @ right > 0.7 and spine @ legs < -0.7 and across @ across > 0 and abs(across @ legs) < 0.3)


def _hips_to_neck(
    positions: Float[np.ndarray, "frames joints 3"], found: dict[str, int]
) -> Float[np.ndarray, "frames 3"]:
    """The vector from between the hips to the neck (or head)."""
    top = positions[:, found.get("neck", found.get("head", 0))]
    return np.asarray(top - (positions[:, found["left_hip"]] + positions[:, found["right_hip"]]) / 2)


def _find_up_axes(
    positions: Float[np.ndarray, "frames joints 3"],
    found: dict[str, int],
    rest: Float[np.ndarray, "nodes 3"] | None,
    stated: str | None,
) -> tuple[str, str, tuple[str, ...]]:
    """The axes along which the rest pose and the clip stand, and a note if that is doubtful.

    Without a standing rest pose, both are the clip's.
    """
    head = positions[:, found.get("neck", found.get("head", 0))]
    feet, hands = (positions[:, [found[f"{s}_{end}"] for s in ("left", "right")]] for end in ("ankle", "wrist"))
    if rest is None:
        nearest = nearest_axis(normalize(head - feet.mean(axis=1)).mean(axis=0))
        expected = "Y" if nearest.startswith("-") else nearest
        up, notes = standing_axis(feet, hands, head, expected) if stated is None else (stated, ())
        return up, up, notes
    rest_up = nearest_axis(normalize(_hips_to_neck(rest[None], found))[0])
    up, notes = standing_axis(feet, hands, head, rest_up) if stated is None else (stated, ())
    return rest_up, up, notes


def _measure_leg(positions: Sequence[Float[np.ndarray, "3"]] | Float[np.ndarray, "22 3"]) -> float:
    """The length from hip to knee to ankle, the mean of both sides, of our 22 joints' positions."""
    pairs = ((1, 4), (4, 7), (2, 5), (5, 8))
    return float(sum(np.linalg.norm(positions[a] - positions[b]) for a, b in pairs)) / 2


def _chain_pose(
    translations: Float[np.ndarray, "nodes 3"],
    rotations: Float[np.ndarray, "joints 3 3"],
    parents: Sequence[int],
) -> tuple[Float[np.ndarray, "nodes 3"], Float[np.ndarray, "joints 3 3"]]:
    """Positions and orientations of one pose, by forward kinematics; nodes beyond the joints only have positions."""
    positions, turned = translations.copy(), rotations.copy()
    for node, parent in enumerate(parents):
        if parent >= 0:
            positions[node] = positions[parent] + turned[parent] @ translations[node]
            if node < len(rotations):
                turned[node] = turned[parent] @ rotations[node]
    return positions, turned
