"""Which joints of a file are a person's: what a rig map says, then names, then the shape of the tree.

Knows nothing of units and axes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.match_names import match_names, missing_joints, unknown_rig
from lead.motion.rigs.match_shape import match_shape


def match_person(bvh: Bvh, rig_map: Mapping[str, str]) -> tuple[Bvh, dict[str, int], tuple[str, ...]]:
    """The tree of the first ROOT that is a person, our joint's name -> its joint, and what to say of it.

    Raises MotionError listing the joints that cannot be matched.
    """
    roots = [joint for joint, parent in enumerate(bvh.parents) if parent < 0]
    trees = [bvh.under(root) for root in roots] if len(roots) > 1 else [bvh]
    for tree in trees:
        found, notes = match(tree, rig_map)
        if not missing_joints(found):
            if len(trees) > 1:
                others = ", ".join(repr(other.names[0]) for other in trees if other is not tree)
                notes = (*notes, f"several ROOTs: {tree.names[0]!r} is the person, {others} was left out")
            return tree, found, notes
    largest = max(trees, key=lambda tree: len(tree.names))
    found, notes = match(largest, rig_map)
    raise unknown_rig(largest.names, missing_joints(found), notes)


def match(bvh: Bvh, rig_map: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Our joint's name -> the rig's joint, as far as it is found, and what to say of it."""
    given, notes = mapped(bvh.names, rig_map)
    found = match_names(bvh.names, bvh.parents, given)
    if missing := missing_joints(found):
        parents = [*bvh.parents, *(owner for owner, _ in bvh.end_sites)]
        shaped = match_shape(bvh.names, parents, _sampled_nodes(bvh))
        if shaped:
            said = f"the names do not tell {_few(missing)}: joints were matched by the shape of the skeleton"
            return {**shaped, **{ours: joint for ours, joint in given.items() if joint >= 0}}, (*notes, said)
    return found, notes


def mapped(names: Sequence[str], rig_map: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """What a rig map says of these joints: ours -> index, -1 for none; nothing where it was made for another rig."""
    absent = sorted({name for name in rig_map.values() if name and name not in names})
    if rig_map and not any(name in names for name in rig_map.values()):
        return {}, ("the rig map is for another rig: none of its joints is there",)
    if absent:
        raise MotionError(f"the rig has no joint {_few(map(repr, absent))}, which the rig map names; correct the map.")
    return {ours: names.index(name) if name else -1 for ours, name in rig_map.items()}, ()


def _few(words: Iterable[str]) -> str:
    """The first three of them."""
    words = list(words)
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def _sampled_nodes(bvh: Bvh) -> Float[np.ndarray, "frames nodes 3"]:
    """Positions of joints and End Sites in a few frames; of the rest pose where there are none."""
    if not len(bvh.values):
        rest = np.zeros((1, sum(map(len, bvh.channels))))
        bvh = replace(bvh, values=rest)
    positions, rotations = bvh.few().world()
    ends = [positions[:, owner] + rotations[:, owner] @ np.array(offset) for owner, offset in bvh.end_sites]
    return np.concatenate([positions, *(end[:, None] for end in ends)], axis=1)
