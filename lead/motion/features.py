"""Joints to HumanML3D's 263 or KIT-ML's 251 features a frame, and back.

Stages: retarget to the uniform skeleton -> floor -> start at x = z = 0 -> face +Z -> contacts -> IK -> features.
Conventions: Y up, the first frame faces +Z, in the data set's own units and rate (`Skeleton`: meters at 20 fps for
HumanML3D; for KIT-ML see `lead.motion.kit`). T frames of joints give T - 1 rows, laid out as in `Skeleton.slices`.
Headings are *half* angles, as the features store them. Slice `rotations` comes from an IK that leaves twist undefined:
it is a feature for a network, never a pose for a skeleton.
Knows nothing of models. Reads and writes only the statistics' own files. Source: HumanML3D (Guo et al., "Generating
Diverse and Natural 3D Human Motions from Text", CVPR 2022).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.heading import across_to_forward, facing, forward_to_half_yaw, turn
from lead.motion.rotations import cross, cross_matrix, normalize
from lead.motion.skeleton import HUMANML3D, Skeleton, bone_lengths, place_bones, skeleton_of
from lead.motion.smoothing import gaussian_smooth

FORWARD_SIGMA = 20.0
"""Frames: the Gaussian that smooths the facing direction before the IK."""
NOT_NPY = (
    ValueError, EOFError, TypeError, SyntaxError, TokenError, OverflowError, MemoryError, RecursionError, BadZipFile,
)  # fmt: skip
"""What `numpy.load` raises for a file that is not in its format."""
EVALUATOR_DIVISOR = 25.0
"""By this the published evaluators divide the deviations of root and contacts in their data sets' `Std.npy`."""


def joints_to_features(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames-1 feats"]:
    """A clip's features. The joints are in the data set's order, units and rate. Finite joints give finite features.

    Raises MotionError if the array is not [frames >= 2, joints, 3] of finite numbers.
    """
    joints = _check_joints(joints, skeleton)
    joints = canonical(retarget(joints, skeleton), skeleton)
    half_yaw = _smooth_half_yaw(joints, skeleton)

    local = joints.copy()
    local[..., [0, 2]] -= joints[:, :1, [0, 2]]
    local = turn(half_yaw, local)
    displacement = np.diff(joints, axis=0)
    root_velocity = turn(half_yaw[1:], displacement[:, :1])[:, 0]
    velocities = turn(half_yaw[:-1], displacement)
    # The quaternions q and -q are one rotation: the difference of half angles counts modulo pi.
    yaw_velocity = np.arcsin(np.sin(np.diff(half_yaw)) * np.sign(np.cos(np.diff(half_yaw))))

    frames = len(joints) - 1
    return np.concatenate(
        [
            yaw_velocity[:, None],
            root_velocity[:, [0, 2]],
            local[:-1, 0, 1:2],
            local[:-1, 1:].reshape(frames, -1),
            _rotations(joints, half_yaw, skeleton)[:-1].reshape(frames, -1),
            velocities.reshape(frames, -1),
            _contacts(displacement, skeleton),
        ],
        axis=-1,
    ).astype(np.float32)


def features_to_joints(features: Float[np.ndarray, "*batch frames feats"]) -> Float[np.ndarray, "*batch frames _ 3"]:
    """Joints in the units of the data set, which the width identifies (263 or 251).

    Heading and root path are cumulative sums of the root's numbers. The positions are turned back by the heading and
    put onto the path.
    """
    positions = skeleton_of(np.shape(features)[-1]).slices["positions"]
    features = np.asarray(features, dtype=np.float64)
    half_yaw = np.zeros(features.shape[:-1])
    half_yaw[..., 1:] = np.cumsum(features[..., :-1, 0], axis=-1)
    step = np.zeros((*features.shape[:-1], 1, 3))
    step[..., 1:, 0, 0] = features[..., :-1, 1]
    step[..., 1:, 0, 2] = features[..., :-1, 2]
    root = np.cumsum(turn(-half_yaw, step), axis=-3)
    root[..., 0, 1] = features[..., 3]
    local = features[..., positions].reshape(*features.shape[:-1], -1, 3)
    joints = turn(-half_yaw, local)
    joints[..., [0, 2]] += root[..., [0, 2]]
    return np.concatenate([root, joints], axis=-2).astype(np.float32)


def retarget(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames joints 3"]:
    """The same bone directions with the uniform skeleton's lengths; the root path is scaled by the legs' length."""
    lengths, legs = skeleton.bone_lengths, list(skeleton.legs)
    own = bone_lengths(joints[0], skeleton.parents)
    scale = lengths[legs].sum() / max(own[legs].sum(), 1e-6)
    directions = np.zeros_like(joints)
    directions[:, 1:] = normalize(joints[:, 1:] - joints[:, skeleton.parents[1:]])
    return place_bones(joints[:, 0] * scale, directions, lengths, skeleton.parents)


def canonical(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames joints 3"]:
    """The clip on the floor (lowest y = 0), starting at x = z = 0, its first frame facing +Z."""
    joints = joints - np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    return turn(np.full(len(joints), forward_to_half_yaw(facing(joints[:1], skeleton))[0]), joints)


def _smooth_half_yaw(joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns each frame's smoothed facing direction to +Z; the first frame's is 0.

    HumanML3D's code swaps left and right hip here, so the hips count *against* the shoulders. We do the same: without
    the swap, features differ from everyone else's by up to 0.04.
    """
    r_hip, l_hip, r_shoulder, l_shoulder = (joints[:, joint] for joint in skeleton.facing)
    across = normalize(l_hip - r_hip + r_shoulder - l_shoulder)
    half_yaw = forward_to_half_yaw(gaussian_smooth(across_to_forward(across), FORWARD_SIGMA))
    half_yaw[0] = 0.0
    return half_yaw


def _rotations(
    joints: Float[np.ndarray, "frames joints 3"], half_yaw: Float[np.ndarray, "frames"], skeleton: Skeleton
) -> Float[np.ndarray, "frames joints-1 6"]:
    """Each bone's shortest arc from rest, relative to the bone before it; chains restart at the root's rotation."""
    cos, sin, zero, one = np.cos(2 * half_yaw), np.sin(2 * half_yaw), np.zeros_like(half_yaw), np.ones_like(half_yaw)
    root = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=-1).reshape(-1, 1, 3, 3)
    bones = [bone for chain in skeleton.chains for bone in pairwise(chain)]
    parents, ends = map(list, zip(*bones, strict=True))
    bone_to = {joint: number for number, joint in enumerate(ends, 1)}
    before = [0 if parent == chain[0] else bone_to[parent] for chain in skeleton.chains for parent in chain[:-1]]
    world = _shortest_arcs(skeleton.rest_directions[ends], normalize(joints[:, ends] - joints[:, parents]))
    local = np.concatenate([root, world], axis=1)[:, before].swapaxes(-1, -2) @ world
    out = np.empty((len(joints), len(skeleton.joints) - 1, 6))
    out[:, np.array(ends) - 1] = np.concatenate([local[..., 0], local[..., 1]], axis=-1)
    return out


def _shortest_arcs(
    u: Float[np.ndarray, "bones 3"], v: Float[np.ndarray, "frames bones 3"]
) -> Float[np.ndarray, "frames bones 3 3"]:
    """The smallest rotations that take unit vectors u to v: I + K + K K / (1 + u.v), with K the cross matrix of u x v.

    `rotations.shortest_arc` normalizes its vectors first, which moves last bits. Features are compared with HumanML3D's
    own, so unit vectors are taken as they are. Where v = -u, every axis across u serves; one is chosen.
    """
    cos = (u * v).sum(axis=-1)
    K = cross_matrix(cross(u, v))
    R = np.eye(3) + K + K @ K / np.maximum(1 + cos, 1e-9)[..., None, None]
    axis = np.roll(u, 1, axis=-1)
    half_turns = 2 * axis[:, :, None] * axis[:, None] - np.eye(3)
    return np.where((cos < -1 + 1e-8)[..., None, None], half_turns, R)


def _contacts(displacement: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton) -> Float[np.ndarray, "frames 4"]:
    """1 where ankle and toe of one foot and of the other rest, in the order of `Skeleton.feet`."""
    feet = displacement[:, list(skeleton.feet)]
    contacts: np.ndarray = (np.square(feet).sum(axis=-1) < skeleton.contact_speed).astype(np.float64)
    return contacts


def _check_joints(joints: np.ndarray, skeleton: Skeleton) -> Float[np.ndarray, "frames joints 3"]:
    """The joints as float64; MotionError where they are not the skeleton's or not finite."""
    joints, count = np.asarray(joints, dtype=np.float64), len(skeleton.joints)
    if joints.ndim != 3 or joints.shape[1:] != (count, 3) or len(joints) < 2:
        raise MotionError(f"joints have shape {joints.shape}; {skeleton.name} wants [frames >= 2, {count}, 3]")
    if not np.isfinite(joints).all():
        raise MotionError(f"joints hold {np.count_nonzero(~np.isfinite(joints))} numbers that are NaN or infinite")
    return joints


@dataclass(frozen=True, eq=False)
class Stats:
    """Statistics of features: a mean for each number, a standard deviation shared within each slice."""

    mean: Float[np.ndarray, "feats"]
    std: Float[np.ndarray, "feats"]

    def normalize(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        """Features of zero mean and about unit spread."""
        normalized: np.ndarray = (features - self.mean) / self.std
        return normalized

    def denormalize(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        """The inverse of `normalize`."""
        denormalized: np.ndarray = features * self.std + self.mean
        return denormalized

    def for_evaluator(self) -> "Stats":
        """The statistics of the published text-motion evaluators, from a data set's own `Mean.npy` and `Std.npy`.

        The evaluators' training code divides the deviations of the root's four numbers and of the contacts by a
        `feat_bias` of 5, in place, once for the training and once for the validation set. That makes 25 in all, as in
        their `meta/std.npy`.
        """
        parts, std = skeleton_of(len(self.std)).slices, self.std.copy()
        for name in ("yaw_velocity", "root_velocity", "root_height", "contacts"):
            std[parts[name]] /= EVALUATOR_DIVISOR
        return Stats(self.mean, std)

    @classmethod
    def from_features(cls, rows: Float[np.ndarray, "rows feats"]) -> "Stats":
        """The mean of each number, and the standard deviation averaged within each slice (HumanML3D's rule)."""
        mean = rows.mean(axis=0, dtype=np.float64)
        std = rows.std(axis=0, dtype=np.float64)
        for part in skeleton_of(rows.shape[1]).slices.values():
            std[part] = max(std[part].mean(), 1e-6)
        return cls(mean.astype(np.float32), std.astype(np.float32))

    @classmethod
    def read(cls, folder: Path) -> "Stats":
        """`Mean.npy` and `Std.npy` of a data set in HumanML3D's layout. Raises MotionError where they are unusable."""
        mean, std = (_read_row(Path(folder) / name) for name in ("Mean.npy", "Std.npy"))
        if mean.shape != std.shape or not (std > 1e-12).all():
            raise MotionError(
                f"{folder}: Mean.npy of shape {mean.shape} with Std.npy of shape {std.shape}; expected as many numbers "
                "in both, the deviations above 0."
            )
        return cls(mean, std)

    def write(self, folder: Path) -> None:
        """Write `Mean.npy` and `Std.npy`; the inverse of `read`."""
        np.save(Path(folder) / "Mean.npy", self.mean)
        np.save(Path(folder) / "Std.npy", self.std)


def _read_row(path: Path) -> Float[np.ndarray, "feats"]:
    """One row of finite numbers in NPY format; MotionError naming the file."""
    try:
        with path.open("rb") as file:
            row: np.ndarray = np.load(file, allow_pickle=False)
    except NOT_NPY as error:
        raise MotionError(f"{path}: not in NPY format ({str(error)[:80]}); get or compute it again.") from None
    with np.errstate(all="ignore"):  # a NaN is below no bound, so `usable` is false
        usable = isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype.kind == "f" and (abs(row) < 1e5).all()
    if not usable:
        raise MotionError(f"{path}: expected a row of finite numbers; get or compute it again.")
    return row
