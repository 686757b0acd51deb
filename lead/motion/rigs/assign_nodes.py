"""Which node of a file's skeleton each of our 22 joints is, where names or shape have found the joints of a person.

Spines have one to many joints and necks begin anywhere, so the places in the reference pose decide. A *node* is a joint
of the file, one of its End Sites, or a tip that is built where a rig ends without one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from lead.motion.formats.joint_tree import path_to_root
from lead.motion.rigs.match_names import find_spine
from lead.motion.rigs.units import LEG
from lead.motion.rotations import normalize
from lead.motion.skeleton import BONE_LENGTHS, JOINTS

_HEAD = 0.18
"""Meters of the head above the shoulders, for a leg of LEG."""
_RISING = 0.8
"""Cosine to the trunk of a neck's direction; hair and jaws point elsewhere."""
_COINCIDENT = 0.01
"""A bone shorter than this times the leg does not count as one: its joints are in one place."""


def assign_nodes(
    found: dict[str, int], positions: Float[np.ndarray, "nodes 3"], leg: float, parents: Sequence[int],
    rig_map: Mapping[str, str],
) -> list[int]:  # fmt: skip
    """The node of each of our joints; -1 for those that are missing or in one place with the joint before.

    Joints that the rig map names are taken as they are.
    """
    nodes = [found.get(name, -1) for name in JOINTS]

    def are_apart(a: int, b: int) -> bool:
        return bool(np.linalg.norm(positions[a] - positions[b]) > _COINCIDENT * leg)

    spine, below = find_spine(found, parents)
    if not below and spine:
        below = 1
    spine = [j for n, j in enumerate(spine[:below]) if are_apart(j, spine[n - 1] if n else nodes[0])]
    if spine:
        nodes[9] = spine[-1]
        if len(spine) > 1:
            nodes[3] = spine[0]
        if len(spine) > 2:
            middle = (positions[spine[0]] + positions[spine[-1]]) / 2
            apart = np.linalg.norm(positions[spine[1:-1]] - middle, axis=-1) / leg
            nodes[6] = spine[1 + int(apart.round(3).argmin())]  # of two that are as near the lower, in every format
    chest = nodes[9] if nodes[9] >= 0 else nodes[0]
    if nodes[12] >= 0 and not are_apart(nodes[12], chest):
        # in CMU's files Neck lies in Spine1, and the neck begins at Neck1
        above = _list_neck(nodes[12], nodes[15], [nodes[16], nodes[17]], parents)
        trunk = positions[[nodes[16], nodes[17]]].mean(axis=0) - positions[[nodes[1], nodes[2]]].mean(axis=0)
        rises = normalize(positions[above] - positions[chest]) @ normalize(trunk)
        apart = [joint for joint, rise in zip(above, rises, strict=True) if rise > _RISING and are_apart(joint, chest)]
        nodes[12] = apart[0] if apart else -1
    for end, before in ((10, nodes[7]), (11, nodes[8]), (15, nodes[12] if nodes[12] >= 0 else chest)):
        if nodes[end] >= 0 and not are_apart(nodes[end], before):
            nodes[end] = -1
    for collar, shoulder in ((13, 16), (14, 17)):
        if nodes[collar] >= 0 and not (are_apart(nodes[collar], chest) and are_apart(nodes[collar], nodes[shoulder])):
            nodes[collar] = -1
    return [found.get(name, -1) if name in rig_map else node for name, node in zip(JOINTS, nodes, strict=True)]


def _list_neck(neck: int, head: int, shoulders: Sequence[int], parents: Sequence[int]) -> list[int]:
    """The joints between neck and head, lowest first; without a head, all above the neck but the arms."""
    if head >= 0:
        up = path_to_root(head, parents)
        return up[up.index(neck) - 1 : 0 : -1] if neck in up else []
    arms = {joint for shoulder in shoulders for joint in path_to_root(shoulder, parents)}
    paths = [path_to_root(joint, parents) for joint in range(neck + 1, len(parents))]
    return [path[0] for path in paths if neck in path and not arms.intersection(path[: path.index(neck)])]


def find_tip(
    joint: int, nodes: Sequence[int], owner: int, ends: Sequence[int], positions: Float[np.ndarray, "nodes 3"],
    to_world: Float[np.ndarray, "3 3"], leg: float,
) -> int | Float[np.ndarray, "3"]:  # fmt: skip
    """For a foot or head that the rig lacks: the End Site or last joint that serves as it, or its place to build it.

    The place is relative to the owner, in the file's axes.
    """
    up = to_world[1]
    across = positions[nodes[1]] - positions[nodes[2]] + positions[nodes[16]] - positions[nodes[17]]
    forward = normalize(np.cross(across, up))
    length = BONE_LENGTHS[joint] * leg / LEG
    sunk = float(((positions[nodes[16]] + positions[nodes[17]]) / 2 - positions[owner]) @ up)
    if joint == 15 and (nodes[12] < 0 or sunk > 0):
        length = max(sunk, 0.0) + _HEAD * leg / LEG
    ahead, built = (up, up) if joint == 15 else (forward, normalize(0.9 * forward - 0.4 * up))
    reach, end = max(((float((positions[end] - positions[owner]) @ ahead), end) for end in ends), default=(0.0, -1))
    return end if reach > 0.4 * length else built * length
