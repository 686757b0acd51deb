"""The 22-joint skeleton of everything in this package, and the two skeletons that data sets' features describe.

Conventions: meters, seconds, Y up, right-handed, 20 fps; a person at rest faces +Z, with the left side at +X.
`Skeleton` holds what the features need to know of a data set. HumanML3D's skeleton is our own: SMPL's first 22 joints.
KIT-ML's 21 joints have their own units and axes; `lead.motion.kit` explains and converts them.
Knows nothing of files, rigs or models. Source: HumanML3D (Guo et al., CVPR 2022), its `paramUtil` for KIT-ML.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError

FPS = 20.0

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
CHAINS = ((0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20))

L_HIP, R_HIP, L_KNEE, R_KNEE, L_ANKLE, R_ANKLE, L_FOOT, R_FOOT = 1, 2, 4, 5, 7, 8, 10, 11
L_SHOULDER, R_SHOULDER = 16, 17

MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20)
"""The joint on the other side of the body, for each joint."""

_AXES = {"+x": (1, 0, 0), "-x": (-1, 0, 0), "+y": (0, 1, 0), "-y": (0, -1, 0), "+z": (0, 0, 1)}
_REST = (
    "+y", "+x", "-x", "+y", "-y", "-y", "+y", "-y", "-y", "+y", "+z", "+z", "+y", "+x", "-x", "+z",
    "-y", "-y", "-y", "-y", "-y", "-y",
)  # fmt: skip
REST_DIRECTIONS: Float[np.ndarray, "22 3"] = np.array([_AXES[a] for a in _REST], dtype=np.float64)
"""The direction of each joint's bone, from its parent, at HumanML3D's rest (arms hang); the pelvis' is unused."""

BONE_LENGTHS: Float[np.ndarray, "22"] = np.array([
    0.0, 0.103074, 0.109883, 0.131568, 0.393623, 0.390188, 0.143190, 0.432433, 0.425643, 0.057365, 0.143382,
    0.149419, 0.219360, 0.137487, 0.143383, 0.103039, 0.131614, 0.122984, 0.256840, 0.263092, 0.266012, 0.269876,
])  # fmt: skip
"""Meters from each joint's parent, of HumanML3D's one uniform skeleton."""

SYMMETRIC_LENGTHS: Float[np.ndarray, "22"] = (BONE_LENGTHS + BONE_LENGTHS[list(MIRROR)]) / 2
"""HumanML3D's lengths with left equal to right: the one body of generated motion."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The skeleton of a data set's features."""

    name: str
    """The data set's name."""
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    chains: tuple[tuple[int, ...], ...]
    rest_directions: Float[np.ndarray, "joints 3"]
    bone_lengths: Float[np.ndarray, "joints"]
    """Of the uniform skeleton, in the data set's units."""
    facing: tuple[int, int, int, int]
    """Right hip, left hip, right shoulder, left shoulder, as the data set's own code uses them."""
    legs: tuple[int, int]
    """Knee and ankle of a leg: the lengths of their bones scale the root's path."""
    feet: tuple[int, int, int, int]
    """Ankle and toe of one foot, then of the other, in the order of the contacts."""
    contact_speed: float
    """A foot rests where its squared displacement a frame is below this, in the data set's units squared."""
    fps: float
    meters: float
    """One unit of the body, in meters."""

    @property
    def features(self) -> int:
        """Numbers a frame: 4 for the root, 9 for each other joint, 3 of velocity for each joint, 4 contacts."""
        return 12 * len(self.joints) - 1

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The place of each kind of number in a row of features."""
        joints = len(self.joints)
        widths = {
            "yaw_velocity": 1, "root_velocity": 2, "root_height": 1, "positions": 3 * (joints - 1),
            "rotations": 6 * (joints - 1), "velocities": 3 * joints, "contacts": 4,
        }  # fmt: skip
        ends = np.cumsum(list(widths.values())).tolist()
        return {name: slice(end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}


HUMANML3D = Skeleton(
    "HumanML3D", JOINTS, PARENTS, CHAINS, REST_DIRECTIONS, BONE_LENGTHS,
    facing=(R_HIP, L_HIP, R_SHOULDER, L_SHOULDER), legs=(R_KNEE, R_ANKLE), feet=(L_ANKLE, L_FOOT, R_ANKLE, R_FOOT),
    contact_speed=0.002, fps=FPS, meters=1.0,
)  # fmt: skip

_KIT_REST = (
    "+y", "+y", "+y", "+y", "+y", "+x", "-y", "-y", "-x", "-y", "-y", "+x", "-y", "-y", "+z", "+z",
    "-x", "-y", "-y", "+z", "+z",
)  # fmt: skip
_KIT_LENGTHS = (
    0.0, 80.0, 120.0, 44.0, 30.0, 110.0, 188.0, 145.0, 110.0, 188.0, 145.0, 52.0, 245.0, 246.0, 30.27, 56.29,
    52.0, 245.0, 246.0, 30.27, 56.29,
)  # fmt: skip
KIT = Skeleton(
    "KIT-ML",
    (
        "pelvis", "spine1", "spine3", "neck", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
        "right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "left_midfoot", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_midfoot", "right_foot",
    ),
    (-1, 0, 1, 2, 3, 3, 5, 6, 3, 8, 9, 0, 11, 12, 13, 14, 0, 16, 17, 18, 19),
    ((0, 11, 12, 13, 14, 15), (0, 16, 17, 18, 19, 20), (0, 1, 2, 3, 4), (3, 5, 6, 7), (3, 8, 9, 10)),
    np.array([_AXES[a] for a in _KIT_REST], dtype=np.float64), np.array(_KIT_LENGTHS),
    facing=(11, 16, 5, 8), legs=(17, 18), feet=(19, 20, 14, 15), contact_speed=0.05, fps=12.5,
    meters=float(BONE_LENGTHS[[R_KNEE, R_ANKLE]].sum() / 491.0),
)  # fmt: skip
"""Bone lengths are the MMM body model's, in thousandths of the body's height; a body as tall as our own in meters."""


def skeleton_of(width: int) -> Skeleton:
    """The skeleton whose features have `width` numbers a frame."""
    for skeleton in (HUMANML3D, KIT):
        if skeleton.features == width:
            return skeleton
    raise MotionError(f"features of {width} numbers a frame; expected 263 (HumanML3D, 22 joints) or 251 (KIT-ML, 21)")


def bone_lengths(
    joints: Float[np.ndarray, "*batch joints 3"], parents: tuple[int, ...] = PARENTS
) -> Float[np.ndarray, "*batch joints"]:
    """The distance from each joint to its parent; 0 for the pelvis."""
    lengths = np.zeros(joints.shape[:-1], dtype=joints.dtype)
    lengths[..., 1:] = np.linalg.norm(joints[..., 1:, :] - joints[..., parents[1:], :], axis=-1)
    return lengths


def place_bones(
    root: Float[np.ndarray, "*batch 3"],
    directions: Float[np.ndarray, "*batch joints 3"],
    lengths: Float[np.ndarray, "joints"],
    parents: tuple[int, ...] = PARENTS,
) -> Float[np.ndarray, "*batch joints 3"]:
    """Joint positions from the root's, and each bone's unit direction and length; the inverse of taking them apart."""
    joints = np.empty_like(directions)
    joints[..., 0, :] = root
    for joint in range(1, len(parents)):
        joints[..., joint, :] = joints[..., parents[joint], :] + directions[..., joint, :] * lengths[joint]
    return joints


def tpose(lengths: Float[np.ndarray, "22"] = BONE_LENGTHS) -> Float[np.ndarray, "22 3"]:
    """Joint positions of a person standing in a T-pose, soles at y = 0, pelvis at x = z = 0, facing +Z."""
    directions = REST_DIRECTIONS.copy()
    directions[[18, 20]] = _AXES["+x"]
    directions[[19, 21]] = _AXES["-x"]
    directions[16], directions[17], directions[15] = _AXES["+x"], _AXES["-x"], _AXES["+y"]
    joints = place_bones(np.zeros(3), directions, lengths)
    joints[:, 1] -= joints[:, 1].min()
    return joints
