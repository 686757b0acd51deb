"""`BakedAnimation`: a skeleton and its motion as scene formats hold them, with a key in every frame.

BVH has Euler angles in the file's units and axes. glTF, FBX and USD have quaternions. Files are written in meters with
Y up, whatever the rig has.
Conventions: parents come before children. Rotations are as in a BVH: at rest no joint is turned. A joint's own axes at
rest, where a file has others than the world's, stand beside them.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from lead.motion.formats.bvh import Bvh, Offset
from lead.motion.formats.scene import make_names_unique
from lead.motion.rotations import matrix_to_quaternion, quaternion_to_matrix, unwrap_quaternions

CENTIMETERS: Float[np.ndarray, "3 3"] = 0.01 * np.eye(3)
"""From centimeters with Y up, as our own BVH files have them, to meters."""
_MOVES = 1e-6
"""Meters: a joint that leaves its place at rest by more has keys of its translation."""
_STILL = 1e-4
"""Meters and half radians by which a joint that stands still may move and turn."""
_END = "_end"
"""What Blender adds to a joint's name for the tip of its bone."""


@dataclass(frozen=True, eq=False)
class BakedAnimation:
    """A skeleton, and its transforms in each frame."""

    names: tuple[str, ...]
    """All different."""
    parents: tuple[int, ...]
    """-1 for a root."""
    rest: Float[np.ndarray, "joints 3"]
    """Each joint from its parent at rest, in meters."""
    translations: Float[np.ndarray, "frames joints 3"]
    """Each joint from its parent, in meters and the parent's axes."""
    rotations: Float[np.ndarray, "frames joints 4"]
    """Unit quaternions (x, y, z, w) under the parent, each near the one of the frame before."""
    moving: Bool[np.ndarray, "joints"]
    """Which joints change their place under their parents; roots do."""
    end_sites: tuple[tuple[int, Offset], ...]
    """The joint that each tip belongs to, and the way to it in meters."""
    fps: float
    axes: Float[np.ndarray, "joints 3 3"]
    """Each joint's orientation at rest in the world; those of FBX and glTF rigs are as in their files."""

    def places_at_rest(self) -> Float[np.ndarray, "joints 3"]:
        """The joints' positions at rest, in meters."""
        places = self.rest.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                places[joint] += places[parent]
        return places

    def stand_at_rest(self) -> "BakedAnimation":
        """The same motion of a skeleton whose lowest joint at rest is on the floor."""
        rest = self.rest.copy()
        rest[[parent < 0 for parent in self.parents], 1] -= self.places_at_rest()[:, 1].min()
        return replace(self, rest=rest)

    def parent_axes(self) -> Float[np.ndarray, "joints 3 3"]:
        """The axes of each joint's parent; a root's are the world's."""
        roots = np.array(self.parents) < 0
        return np.where(roots[:, None, None], np.eye(3), self.axes[list(self.parents)])

    def drop_root(self) -> "BakedAnimation":
        """The same motion without the first joint, a root that stands still; those on it become roots."""
        on_it = np.array(self.parents[1:]) == 0
        way = on_it[:, None] * self.rest[0]
        return BakedAnimation(
            self.names[1:], tuple(max(parent - 1, -1) for parent in self.parents[1:]), self.rest[1:] + way,
            self.translations[:, 1:] + way, self.rotations[:, 1:], self.moving[1:] | on_it,
            tuple((joint - 1, offset) for joint, offset in self.end_sites if joint), self.fps, self.axes[1:],
        )  # fmt: skip

    def is_still(self, joint: int) -> bool:
        """Whether a joint keeps its place and its rotation at rest."""
        moved = np.abs(self.translations[:, joint] - self.rest[joint]).max(initial=0.0)
        turned = np.linalg.norm(self.rotations[:, joint, :3], axis=-1).max(initial=0.0)
        return bool(max(moved, turned) < _STILL)

    def add_tips(self) -> "BakedAnimation":
        """The skeleton with a joint of its own for each tip, called `<joint>_end`."""
        tips = [(joint, np.array(offset)) for joint, offset in self.end_sites if np.linalg.norm(offset) > _MOVES]
        frames, count = len(self.translations), len(tips)
        owners = [joint for joint, _ in tips]
        offsets = np.array([offset for _, offset in tips]).reshape(count, 3)
        still = np.broadcast_to([0.0, 0.0, 0.0, 1.0], (frames, count, 4))
        return replace(
            self,
            names=tuple(make_names_unique([*self.names, *(f"{self.names[joint]}{_END}" for joint in owners)])),
            parents=(*self.parents, *owners),
            rest=np.concatenate([self.rest, offsets]),
            translations=np.concatenate([self.translations, np.tile(offsets, (frames, 1, 1))], axis=1),
            rotations=np.concatenate([self.rotations, still], axis=1),
            moving=np.concatenate([self.moving, np.zeros(count, dtype=bool)]),
            end_sites=(),
            axes=np.concatenate([self.axes, self.axes[owners]]),
        )


def turn_rotations(
    rotations: Float[np.ndarray, "frames joints 4"],
    before: Float[np.ndarray, "joints 3 3"],
    after: Float[np.ndarray, "joints 3 3"],
) -> Float[np.ndarray, "frames joints 4"]:
    """B^T R A for each rotation R, with B `before` and A `after`; each quaternion near that of the frame before."""
    turned = before.swapaxes(1, 2) @ quaternion_to_matrix(rotations) @ after
    return unwrap_quaternions(matrix_to_quaternion(turned))


def bake(bvh: Bvh, to_world: Float[np.ndarray, "3 3"] = CENTIMETERS) -> BakedAnimation:
    """The motion of a BVH; `to_world` is the matrix from the file's axes and units to meters with Y up.

    With C the rotation in it, a rotation R of the file becomes C R C^T.
    """
    C = to_world / np.cbrt(np.linalg.det(to_world))
    translations, rotations = bvh.local()
    translations = translations @ to_world.T
    rest = bvh.offsets @ to_world.T
    roots = np.array(bvh.parents) < 0
    return BakedAnimation(
        tuple(make_names_unique(bvh.names)), bvh.parents, rest, translations,
        unwrap_quaternions(matrix_to_quaternion(C @ rotations @ C.T)),
        roots | (np.abs(translations - rest).max(axis=(0, 2), initial=0.0) > _MOVES),
        tuple((joint, tuple((to_world @ np.array(offset)).tolist())) for joint, offset in bvh.end_sites), bvh.fps,
        np.tile(np.eye(3), (len(rest), 1, 1)) if bvh.axes is None else C @ bvh.axes,
    )  # fmt: skip
