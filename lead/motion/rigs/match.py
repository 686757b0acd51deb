"""Which joints of a file are a person's: what a rig map says, then names, then the shape of the tree.

Knows nothing of units and axes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.match_names import list_missing_joints, make_unknown_rig_error, match_names
from lead.motion.rigs.match_shape import match_shape


def match_person(bvh: Bvh, rig_map: Mapping[str, str]) -> tuple[Bvh, dict[str, int], tuple[str, ...]]:
    """The tree of the first ROOT that is a person, our joint's name -> its joint, and notes.

    Raises MotionError listing the joints that cannot be matched.
    """
    roots = [joint for joint, parent in enumerate(bvh.parents) if parent < 0]
    trees = [bvh.select_tree(root) for root in roots] if len(roots) > 1 else [bvh]
    for tree in trees:
        found, notes = match_joints(tree, rig_map)
        if not list_missing_joints(found):
            if len(trees) > 1:
                others = ", ".join(repr(other.names[0]) for other in trees if other is not tree)
                notes = (*notes, f"several ROOTs: {tree.names[0]!r} is the person, {others} was left out")
            return tree, found, notes
    largest = max(trees, key=lambda tree: len(tree.names))
    found, notes = match_joints(largest, rig_map)
    raise make_unknown_rig_error(largest.names, list_missing_joints(found), notes)


def match_joints(bvh: Bvh, rig_map: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Our joint's name -> the rig's joint, as far as they are found, and notes."""
    given, notes = apply_rig_map(bvh.names, rig_map)
    found = match_names(bvh.names, bvh.parents, given)
    if missing := list_missing_joints(found):
        parents = [*bvh.parents, *(owner for owner, _ in bvh.end_sites)]
        shaped = match_shape(bvh.names, parents, _sample_positions(bvh))
        if shaped:
            note = f"the names do not tell {_list_first(missing)}: joints were matched by the shape of the skeleton"
            return {**shaped, **{ours: joint for ours, joint in given.items() if joint >= 0}}, (*notes, note)
    return found, notes


def apply_rig_map(names: Sequence[str], rig_map: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Our joint's name -> the index in `names`, -1 for none, as the map says, and notes.

    A map that names none of these joints was made for another rig: it is ignored, with a note. One that names some of
    them and others that are not there raises MotionError.
    """
    absent = sorted({name for name in rig_map.values() if name and name not in names})
    if rig_map and not any(name in names for name in rig_map.values()):
        return {}, ("the rig map is for another rig: none of its joints is there",)
    if absent:
        shown = _list_first(map(repr, absent))
        raise MotionError(f"the rig has no joint {shown}, which the rig map names; correct the map.")
    return {ours: names.index(name) if name else -1 for ours, name in rig_map.items()}, ()


def _list_first(words: Iterable[str]) -> str:
    """The first three, and how many more there are."""
    words = list(words)
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def _sample_positions(bvh: Bvh) -> Float[np.ndarray, "frames nodes 3"]:
    """Positions of joints and End Sites in a few frames; in the rest pose if there are no frames."""
    if not len(bvh.values):
        bvh = replace(bvh, values=np.zeros((1, sum(map(len, bvh.channels)))))
    positions, rotations = bvh.sample_frames().world()
    ends = [positions[:, owner] + rotations[:, owner] @ np.array(offset) for owner, offset in bvh.end_sites]
    return np.concatenate([positions, *(end[:, None] for end in ends)], axis=1)
