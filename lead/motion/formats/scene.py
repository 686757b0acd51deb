"""The nodes of a scene, sampled over time, to a `Bvh`: what the glTF and FBX readers share.

Every joint's frame is turned so that it is the world's in the pose that the nodes have without animation. As in a BVH,
no rotation then means that pose. Scales of nodes go into the positions.
Conventions: the file's units and axes; matrices act on column vectors; parents come before children.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.joint_tree import path_to_root
from lead.motion.formats.limits import MAX_JOINTS, MAX_SAMPLES, MAX_VALUE
from lead.motion.rotations import matrix_to_euler, normalize, unwrap_euler

SPARSE_FPS, FEWEST_FPS = 30.0, 10.0
"""Keys that are sparser than the second rate were set by hand, not recorded: they are sampled at the first rate."""
_MOVES = 1e-4
"""Of the longest bone: a joint whose translation varies by more gets position channels."""


def select_skeleton(parents: Sequence[int], joints: set[int], animated: set[int]) -> list[int]:
    """The nodes that make the skeleton, in order.

    They are the `joints` of a skin and the animated nodes above them; without a skin, the `animated` nodes and all
    below them. If these make several trees, the nodes above are added. Raises MotionError if there are too many.
    """
    paths = [path_to_root(node, parents) for node in range(len(parents))]
    if joints:
        keep = joints | {above for joint in joints for above in paths[joint] if above in animated}
    else:
        keep = {node for node, path in enumerate(paths) if animated & set(path)}
    roots = [node for node in keep if not keep & set(paths[node][1:])]
    if len(roots) > 1:
        keep |= {above for node in keep for above in paths[node]}
    if len(keep) > MAX_JOINTS:
        raise MotionError(f"a skeleton of {len(keep)} nodes; at most {MAX_JOINTS} are read.")
    return sorted(keep)


def list_nearest_kept(keep: Sequence[int], parents: Sequence[int]) -> list[int]:
    """For each kept node the row in `keep` of the nearest kept node above it; -1 for roots."""
    row = {node: n for n, node in enumerate(keep)}
    return [next((row[above] for above in path_to_root(node, parents)[1:] if above in row), -1) for node in keep]


def sample_key_times(
    keys: Sequence[Float[np.ndarray, "_"]], nodes: int
) -> tuple[Float[np.ndarray, "frames"], float]:
    """The times of the frames, from the first key to the last, and their rate.

    The rate is that of the densest keys, if they are as dense as a recording's. Raises MotionError if there are too
    many frames for so many nodes.
    """
    densest = max(keys, key=len)
    step = float(np.median(np.diff(densest))) if len(densest) > 1 else 0.0
    own = 1.0 / step if step > 1e-4 else 0.0
    own = float(round(own)) if abs(own - round(own)) < 0.005 * own else own
    rate = own if own >= FEWEST_FPS else SPARSE_FPS
    begin, end = min(float(times[0]) for times in keys), max(float(times[-1]) for times in keys)
    frames = int(np.floor((end - begin) * rate + 0.01)) + 1
    if not np.isfinite([begin, end]).all() or frames * nodes > MAX_SAMPLES:
        raise MotionError(f"{frames} frames of {nodes} nodes are too many to read; cut the animation.")
    return begin + np.arange(frames) / rate, rate


def scene_to_bvh(
    names: Sequence[str],
    parents: Sequence[int],
    rest: Float[np.ndarray, "joints 4 4"],
    world: Float[np.ndarray, "joints frames 4 4"],
    fps: float,
    notes: tuple[str, ...] = (),
) -> Bvh:
    """The `Bvh` of joints whose transforms to the world are given, at rest and over time."""
    if not ((np.abs(rest) < MAX_VALUE).all() and (np.abs(world) < MAX_VALUE).all()):  # false for NaN
        raise MotionError(f"its nodes have places that are NaN, infinite or beyond {MAX_VALUE:.0e}; export it again.")
    above = np.array(parents)
    offsets, places, angles = _localize(above, rest, world)
    size = max(float(np.linalg.norm(offsets[above >= 0], axis=-1).max(initial=0.0)), 1e-9)
    moves = (np.abs(places - offsets[:, None]).max(axis=(1, 2), initial=0.0) > _MOVES * size) | (above < 0)
    channels, columns = [], []
    for joint, moving in enumerate(moves):
        turned = tuple(f"{axis}rotation" for axis in "ZXY")
        channels.append((("Xposition", "Yposition", "Zposition") if moving else ()) + turned)
        columns += [places[joint]] * bool(moving) + [angles[:, joint]]
    return Bvh(
        tuple(names), tuple(parents), offsets, tuple(channels), (), np.concatenate(columns, axis=1), 1.0 / fps, notes
    )


def _localize(
    above: Int[np.ndarray, "joints"], rest: Float[np.ndarray, "joints 4 4"],
    world: Float[np.ndarray, "joints frames 4 4"],
) -> tuple[
    Float[np.ndarray, "joints 3"], Float[np.ndarray, "joints frames 3"], Float[np.ndarray, "frames joints 3"]
]:  # fmt: skip
    """Relative to the joints `above` (-1 for none): offsets at rest, translations, and ZXY angles in degrees."""
    rest_turns, turns = _orthonormalize(rest[:, :3, :3]), _orthonormalize(world[..., :3, :3])
    turns = turns @ rest_turns.swapaxes(-1, -2)[:, None]
    has_parent = (above >= 0)[:, None]
    offsets = rest[:, :3, 3] - np.where(has_parent, rest[above, :3, 3], 0.0)
    places = world[..., :3, 3] - np.where(has_parent[..., None], world[above, :, :3, 3], 0.0)
    before = np.where(has_parent[..., None, None], turns[above], np.eye(3))
    places = np.einsum("jfba,jfb->jfa", before, places)
    local = before.swapaxes(-1, -2) @ turns
    angles = np.degrees(unwrap_euler(np.moveaxis(matrix_to_euler(local, "ZXY"), 0, 1)))
    return offsets, places, angles


def _orthonormalize(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rotations from matrices with a scale, by Gram-Schmidt on the first two columns; identity for a mirror image."""
    x, y = normalize(matrix[..., 0]), matrix[..., 1]
    y = normalize(y - np.einsum("...i,...i->...", x, y)[..., None] * x)
    rotation = np.stack([x, y, np.cross(x, y)], axis=-1)
    return np.where((np.linalg.det(rotation) > 0.5)[..., None, None], rotation, np.eye(3))
