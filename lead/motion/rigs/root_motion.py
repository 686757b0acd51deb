"""Root motion: a joint above the hips carries the body's way over the ground, as game engines take it.

A rig whose hips hang from a joint that can move has that joint carry the way. Any other rig gets a joint `root` above
its first one. The joint has the whole way of the hips over the ground, sway included, and the hips keep height and
turns: the body is where it was.
"""

from dataclasses import replace

import numpy as np

from lead.motion.formats.joint_tree import path_to_root
from lead.motion.rigs.rig import Rig, find_mover
from lead.motion.rigs.units import UP_TO_WORLD

ROOT = "root"
"""The name of the joint that is added."""
_CHANNELS = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")


def carry_on_root(rig: Rig) -> Rig:
    """The rig with a joint above the hips that carries their way over the ground, right below them."""
    above = path_to_root(rig.nodes[0], rig.parents)
    movable = [joint for joint in above[1:] if set(_CHANNELS[:3]) <= set(rig.channels[joint])]
    if find_mover(rig) != rig.nodes[0] or not movable:
        rig, movable = _add_root(rig), [0]
    mover = find_mover(rig)
    orientation = np.eye(3)
    for joint in path_to_root(rig.parents[mover], rig.parents):
        orientation = rig.rotations[joint] @ orientation
    up = orientation.T @ UP_TO_WORLD[rig.up][1]
    translations = rig.translations.copy()
    translations[mover] = (translations[mover] @ up) * up
    return replace(rig, translations=translations, carriers=(movable[-1], rig.carriers[1]))


def _add_root(rig: Rig) -> Rig:
    """The rig with one joint more, at the origin of the file, from which its first joint hangs."""
    name = next(name for name in (ROOT, *(f"{ROOT}_{n}" for n in range(2, 10**6))) if name not in rig.names)
    recorded = rig.recorded
    if recorded is not None:
        recorded = np.pad(recorded, ((0, 0), (len(_CHANNELS), 0)))
    return replace(
        rig,
        names=(name, *rig.names),
        parents=(-1, *(parent + 1 for parent in rig.parents)),
        offsets=np.concatenate([np.zeros((1, 3)), rig.offsets]),
        channels=(_CHANNELS, *rig.channels),
        end_sites=tuple((owner + 1, offset) for owner, offset in rig.end_sites),
        node_parents=(-1, *(parent + 1 for parent in rig.node_parents)),
        translations=np.concatenate([np.zeros((1, 3)), rig.translations]),
        rotations=np.concatenate([np.eye(3)[None], rig.rotations]),
        nodes=tuple(node + 1 if node >= 0 else node for node in rig.nodes),
        carriers=(-1, rig.carriers[1] + 1 if rig.carriers[1] >= 0 else -1),
        turner=rig.turner + 1 if rig.turner >= 0 else -1,
        recorded=recorded,
        axes=None if rig.axes is None else np.concatenate([np.eye(3)[None], rig.axes]),
    )
