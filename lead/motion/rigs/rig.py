"""`Rig`: a BVH's skeleton and which of its joints are our 22; positions on it to ours.

Stages of reading: joints (`match`) -> reference pose -> up axis and unit (`axes`) -> spine, and ends of feet and
head. The reference pose is the rest pose where that is a standing person; where the offsets alone are no person
(Bandai's, LAFAN1's), it is the clip's mean pose. It stands for what bone directions leave open (twist, fingers).
Conventions: `file` is the rig's own units and axes, `world` is ours (meters, Y up); a *node* is a joint of
the file, one of its End Sites, or a tip that we build where a rig ends without one.
Knows nothing of writing: see `retarget`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.match import match_person
from lead.motion.rigs.match_names import convention, path_up, spine_path
from lead.motion.rigs.units import LEG, UP_TO_WORLD, guess_unit, nearest_axis, standing_axis
from lead.motion.rotations import nearest_rotation, normalize
from lead.motion.skeleton import BONE_LENGTHS, JOINTS

LIMBS = ((1, 4, 7), (2, 5, 8), (16, 18, 20), (17, 19, 21))
"""Hip, knee, ankle; shoulder, elbow, wrist."""
_BENT = 0.15
"""Mean sine of a bend from which the clip tells a limb's hinge."""
_COINCIDENT = 0.01
"""A bone shorter than this times the leg is none: two joints in one place."""


@dataclass(frozen=True, eq=False)
class Rig:
    """The skeleton of a BVH file, and where our joints are on it."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float[np.ndarray, "joints 3"]
    """As the file has them (file units)."""
    channels: tuple[tuple[str, ...], ...]
    end_sites: tuple[tuple[int, tuple[float, float, float]], ...]
    fps: float
    scale: float
    """Meters in a unit of the file."""
    up: str
    """The file's up axis: "X", "Y" or "Z"."""
    node_parents: tuple[int, ...]
    """The joint that each node hangs from: the joints' parents, then the owners of the tips."""
    translations: Float[np.ndarray, "nodes 3"]
    """From each node's parent in the reference pose (file units)."""
    rotations: Float[np.ndarray, "joints 3 3"]
    """Of each joint relative to its parent in the reference pose."""
    nodes: tuple[int, ...]
    """The node of each of our 22 joints; -1 where it is interpolated between its neighbors."""
    hinges: Float[np.ndarray, "22 3"]
    """For hips and shoulders the axis about which knee and elbow bend, in their frame; else zero."""
    floor: float
    """Height of the lowest joint in the clip that the rig came from (meters)."""
    notes: tuple[str, ...] = ()
    """What was guessed of it and may be wrong, in words."""

    @classmethod
    def from_bvh(cls, bvh: Bvh) -> "Rig":
        """The rig of a BVH; raises MotionError listing the joints that cannot be matched."""
        return read_rig(bvh)[0]

    def to_world(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """File coordinates to meters, Y up."""
        return points @ (self.scale * UP_TO_WORLD[self.up].T)

    def to_file(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Meters, Y up to file coordinates."""
        return points @ (UP_TO_WORLD[self.up] / self.scale)

    def reference(self) -> Float[np.ndarray, "nodes 3"]:
        """The nodes' positions in the reference pose (file coordinates)."""
        return _chain(self.translations, self.rotations, self.node_parents)[0]

    @property
    def maker(self) -> str:
        """The tool or data set whose joint names these are; empty where the names do not tell."""
        return convention(self.names)

    @property
    def leg(self) -> float:
        """Meters from hip to knee to ankle, the mean of both sides."""
        return self.scale * _leg(self.reference()[list(self.nodes)])


def read_rig(bvh: Bvh, reading: ReadOptions = ReadOptions()) -> tuple[Rig, Float[np.ndarray, "frames 22 3"]]:
    """The rig of a BVH and our 22 joints' world positions in its frames.

    Of several ROOTs the person's is taken, the first where there are more.
    """
    bvh, found, notes = match_person(bvh, reading.rig_map or {})
    translations, rotations, standing = _reference_pose(bvh, found)
    parents = [*bvh.parents, *(owner for owner, _ in bvh.end_sites)]
    translations = np.concatenate([translations, *(np.array([offset]) for _, offset in bvh.end_sites)])
    positions, turned = _chain(translations, rotations, parents)
    world = bvh.world()
    rest_up, up, doubt = _up_axes(world[0], found, positions if standing else None, reading.up)
    leg = _leg([positions[found[name]] if name in found else np.zeros(3) for name in JOINTS])
    if not leg > 1e-6:
        raise MotionError("the rig's legs have no length: its OFFSETs are zero. Export the skeleton with its offsets.")
    unit, doubts = guess_unit(leg, reading.unit)

    nodes = _named_nodes(found, positions, leg, parents, reading.rig_map or {})
    for joint, before in ((10, 7), (11, 8), (15, 12)):
        if nodes[joint] < 0:
            ends = [n for n in range(len(positions)) if parents[n] == nodes[before] and n not in parents]
            tip = _tip(joint, nodes, nodes[before], ends, positions, UP_TO_WORLD[rest_up], leg)
            if isinstance(tip, np.ndarray):
                translations = np.concatenate([translations, [turned[nodes[before]].T @ tip]])
                parents.append(nodes[before])
                tip = len(parents) - 1
            nodes[joint] = tip
    rig = Rig(
        bvh.names, bvh.parents, bvh.offsets, bvh.channels, bvh.end_sites, bvh.fps, unit, up, tuple(parents),
        translations, rotations, tuple(nodes), np.zeros((22, 3)), 0.0, (*notes, *doubt, *doubts),
    )  # fmt: skip
    joints = _joints(rig, *world)
    floor = float(joints[..., 1].min()) if len(joints) else 0.0
    return replace(rig, hinges=_hinges(rig, *world), floor=floor), joints


def _joints(rig: Rig, positions: np.ndarray, rotations: np.ndarray) -> Float[np.ndarray, "frames 22 3"]:
    """Our joints in the world, those that the rig lacks interpolated."""
    ours = np.empty((len(positions), 22, 3))
    for joint, node in enumerate(rig.nodes):
        if node >= len(rig.names):
            owner = rig.node_parents[node]
            ours[:, joint] = positions[:, owner] + rotations[:, owner] @ rig.translations[node]
        elif node >= 0:
            ours[:, joint] = positions[:, node]
    interpolate(ours, [joint for joint in range(22) if rig.nodes[joint] < 0])
    return rig.to_world(ours)


def _hinges(rig: Rig, positions: np.ndarray, rotations: np.ndarray) -> Float[np.ndarray, "22 3"]:
    """The normal of the plane in which knee and elbow bend in the clip, in hip's and shoulder's frame."""
    hinges = np.zeros((22, 3))
    for chain in LIMBS:
        first, second, third = (rig.nodes[joint] for joint in chain)
        upper = normalize(positions[:, second] - positions[:, first])
        lower = normalize(positions[:, third] - positions[:, second])
        normals = np.einsum("fji,fj->fi", rotations[:, first], np.cross(upper, lower))
        # the straighter the limb, the shorter and the noisier its normal
        if len(normals) and np.linalg.norm(normals.mean(axis=0)) > _BENT:
            hinges[chain[0]] = normalize(normals.mean(axis=0))
    return hinges


_SPINE = (0, 3, 6, 9, 12, 15)
_ARMS = ((9, 13, 16), (9, 14, 17))


def interpolate(joints: Float[np.ndarray, "*batch 22 3"], missing: Sequence[int]) -> None:
    """Set missing joints of the spine and collars between their neighbors, at even steps; in place."""
    for chain in (_SPINE, *_ARMS):
        there = [n for n, joint in enumerate(chain) if joint not in missing]
        for low, high in itertools.pairwise(there):
            for n in range(low + 1, high):
                part = (n - low) / (high - low)
                joints[..., chain[n], :] = (1 - part) * joints[..., chain[low], :] + part * joints[..., chain[high], :]


def _reference_pose(bvh: Bvh, found: dict[str, int]) -> tuple[np.ndarray, np.ndarray, bool]:
    """Translations and rotations relative to the parents, and whether the rest pose is a standing person."""
    translations, rotations = bvh.few().local()
    rest = np.broadcast_to(np.eye(3), (len(bvh.names), 3, 3)).copy()
    if not len(bvh.values):
        return bvh.offsets, rest, True
    translation = np.median(translations, axis=0)
    if _stands(_chain(translation, rest, bvh.parents)[0], found):
        return translation, rest, True
    return translation, nearest_rotation(rotations.mean(axis=0)), False


def _stands(positions: Float[np.ndarray, "joints 3"], found: dict[str, int]) -> bool:
    """Legs parallel, against the spine and across the hips; arms anyhow."""
    left, right = (normalize(positions[found[f"{s}_ankle"]] - positions[found[f"{s}_hip"]]) for s in ("left", "right"))
    spine = normalize(_body_up(positions[None], found)[0])
    across = normalize(positions[found["left_hip"]] - positions[found["right_hip"]])
    legs = normalize(left + right)
    return bool(left @ right > 0.7 and spine @ legs < -0.7 and across @ across > 0 and abs(across @ legs) < 0.3)


def _body_up(positions: Float[np.ndarray, "frames joints 3"], found: dict[str, int]) -> Float[np.ndarray, "frames 3"]:
    """From between the hips to the neck (or head)."""
    top = positions[:, found.get("neck", found.get("head", 0))]
    return top - (positions[:, found["left_hip"]] + positions[:, found["right_hip"]]) / 2


def _up_axes(
    positions: Float[np.ndarray, "frames joints 3"],
    found: dict[str, int],
    rest: Float[np.ndarray, "nodes 3"] | None,
    stated: str | None,
) -> tuple[str, str, tuple[str, ...]]:
    """The axes along which the rest pose and the clip stand, and a note where that is doubtful.

    Without a rest pose that stands both are the clip's.
    """
    head = found.get("neck", found.get("head", 0))
    feet = positions[:, [found["left_ankle"], found["right_ankle"]]]
    if rest is None:
        up = stated or nearest_axis(normalize(positions[:, head] - feet.mean(axis=1)).mean(axis=0))
        return up, up, ()
    rest_up = nearest_axis(normalize(_body_up(rest[None], found))[0])
    up, note = standing_axis(feet, positions[:, head], rest_up)
    return rest_up, stated or up, note if stated is None else ()


def _leg(positions: Sequence[np.ndarray] | np.ndarray) -> float:
    """The mean length hip to knee to ankle, of the 22 joints' positions."""
    pairs = ((1, 4), (4, 7), (2, 5), (5, 8))
    return float(sum(np.linalg.norm(positions[a] - positions[b]) for a, b in pairs)) / 2


def _named_nodes(
    found: dict[str, int], positions: np.ndarray, leg: float, parents: Sequence[int], rig_map: Mapping[str, str]
) -> list[int]:
    """The node of each of our joints; -1 for those missing or in one place with the joint before.

    What a rig map says of a joint stands.
    """
    nodes = [found.get(name, -1) for name in JOINTS]

    def apart(a: int, b: int) -> bool:
        return bool(np.linalg.norm(positions[a] - positions[b]) > _COINCIDENT * leg)

    spine, below = spine_path(found, parents)
    if not below and spine:
        below = 1
    spine = [j for n, j in enumerate(spine[:below]) if apart(j, spine[n - 1] if n else nodes[0])]
    if spine:
        nodes[9] = spine[-1]
        if len(spine) > 1:
            nodes[3] = spine[0]
        if len(spine) > 2:
            middle = (positions[spine[0]] + positions[spine[-1]]) / 2
            nodes[6] = min(spine[1:-1], key=lambda j: float(np.linalg.norm(positions[j] - middle)))
    chest = nodes[9] if nodes[9] >= 0 else nodes[0]
    if nodes[12] >= 0 and not apart(nodes[12], chest):
        # CMU's: Neck lies in Spine1, Neck1 is where the neck begins
        between = path_up(nodes[15], parents) if nodes[15] >= 0 else []
        between = between[1 : between.index(nodes[12])] if nodes[12] in between else []
        nodes[12] = next((j for j in reversed(between) if apart(j, chest)), -1)
    for collar, shoulder in ((13, 16), (14, 17)):
        if nodes[collar] >= 0 and not (apart(nodes[collar], chest) and apart(nodes[collar], nodes[shoulder])):
            nodes[collar] = -1
    return [found.get(name, -1) if name in rig_map else node for name, node in zip(JOINTS, nodes, strict=True)]


def _tip(
    joint: int,
    nodes: Sequence[int],
    owner: int,
    ends: Sequence[int],
    positions: Float[np.ndarray, "nodes 3"],
    to_world: Float[np.ndarray, "3 3"],
    leg: float,
) -> int | Float[np.ndarray, "3"]:
    """For a foot or head that the rig lacks: the End Site or last joint that serves, or else where to build it."""
    up = to_world[1]
    across = positions[nodes[1]] - positions[nodes[2]] + positions[nodes[16]] - positions[nodes[17]]
    forward = normalize(np.cross(across, up))
    length = BONE_LENGTHS[joint] * leg / LEG
    ahead, built = (up, up) if joint == 15 else (forward, normalize(0.9 * forward - 0.4 * up))
    reach, end = max(((float((positions[end] - positions[owner]) @ ahead), end) for end in ends), default=(0.0, -1))
    return end if reach > 0.4 * length else built * length


def _chain(
    translations: Float[np.ndarray, "nodes 3"],
    rotations: Float[np.ndarray, "joints 3 3"],
    parents: Sequence[int],
) -> tuple[Float[np.ndarray, "nodes 3"], Float[np.ndarray, "joints 3 3"]]:
    """Positions and orientations of one pose; nodes beyond the joints only have positions."""
    positions, turned = translations.copy(), rotations.copy()
    for node, parent in enumerate(parents):
        if parent >= 0:
            positions[node] = positions[parent] + turned[parent] @ translations[node]
            if node < len(rotations):
                turned[node] = turned[parent] @ rotations[node]
    return positions, turned
