"""Joints to HumanML3D's 263 or KIT-ML's 251 features a frame, and back.

Stages: retarget to the uniform skeleton -> floor -> start at x = z = 0 -> face +Z -> contacts -> IK -> features.
Conventions: Y up, the first frame faces +Z; the data set's own units and rate (`Skeleton`: meters at 20 fps for
HumanML3D; for KIT-ML see `lead.motion.kit`).  T frames of joints give T - 1 rows, laid out as in `Skeleton.slices`.
Headings are kept as *half* angles, as the features store them.  Slice `rotations` comes from an IK that leaves twist
undefined: it is a feature for a network, never a pose for a skeleton.
Knows nothing of files or models.  Source: HumanML3D (Guo et al., "Generating Diverse and Natural 3D Human Motions
from Text", CVPR 2022).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.skeleton import HUMANML3D, Skeleton, bone_lengths, skeleton_of

FORWARD_SIGMA = 20.0
"""Frames; the facing direction is smoothed by a Gaussian of this width before the IK."""
NOT_NPY = (
    ValueError, EOFError, TypeError, SyntaxError, TokenError, OverflowError, MemoryError, RecursionError, BadZipFile,
)  # fmt: skip
"""What `numpy.load` raises of a file that is none of its own."""
EVALUATOR_DIVISOR = 25.0
"""How much smaller the published evaluators' deviations of root and contacts are than their data sets' `Std.npy`."""


def joints_to_features(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames-1 feats"]:
    """A data set's features of a clip in that data set's joints, units and rate; finite wherever the joints are.

    Raises MotionError if the array is not [frames >= 2, joints, 3] of finite numbers.
    """
    joints = _checked(joints, skeleton)
    joints = canonical(retarget(joints, skeleton), skeleton)
    half_yaw = _smooth_half_yaw(joints, skeleton)

    local = joints.copy()
    local[..., [0, 2]] -= joints[:, :1, [0, 2]]
    local = _turn(half_yaw, local)
    displacement = np.diff(joints, axis=0)
    root_velocity = _turn(half_yaw[1:], displacement[:, :1])[:, 0]
    velocities = _turn(half_yaw[:-1], displacement)
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
    """Joints from the root's numbers and the positions: heading and root path by cumulative sums, the joints turned
    back and placed on it; in the units of the data set that the width tells.
    """
    positions = skeleton_of(np.shape(features)[-1]).slices["positions"]
    features = np.asarray(features, dtype=np.float64)
    half_yaw = np.zeros(features.shape[:-1])
    half_yaw[..., 1:] = np.cumsum(features[..., :-1, 0], axis=-1)
    step = np.zeros((*features.shape[:-1], 1, 3))
    step[..., 1:, 0, 0] = features[..., :-1, 1]
    step[..., 1:, 0, 2] = features[..., :-1, 2]
    root = np.cumsum(_turn(-half_yaw, step), axis=-3)
    root[..., 0, 1] = features[..., 3]
    local = features[..., positions].reshape(*features.shape[:-1], -1, 3)
    joints = _turn(-half_yaw, local)
    joints[..., [0, 2]] += root[..., [0, 2]]
    return np.concatenate([root, joints], axis=-2).astype(np.float32)


def retarget(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames joints 3"]:
    """The same bone directions with the uniform skeleton's lengths; the root path is scaled by the legs' length."""
    lengths, legs = skeleton.bone_lengths, list(skeleton.legs)
    own = bone_lengths(joints[0], skeleton.parents)
    scale = lengths[legs].sum() / max(own[legs].sum(), 1e-6)
    placed = np.empty_like(joints)
    placed[:, 0] = joints[:, 0] * scale
    for joint in range(1, len(skeleton.joints)):
        parent = skeleton.parents[joint]
        placed[:, joint] = placed[:, parent] + _unit(joints[:, joint] - joints[:, parent]) * lengths[joint]
    return placed


def canonical(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames joints 3"]:
    """The clip on the floor (lowest y = 0), starting at x = z = 0, its first frame facing +Z."""
    joints = joints - np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    return _turn(np.full(len(joints), _half_yaw(facing(joints[:1], skeleton))[0]), joints)


def facing(
    joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton = HUMANML3D
) -> Float[np.ndarray, "frames 3"]:
    """The horizontal direction that hips and shoulders face: Y x ((r_hip - l_hip) + (r_shoulder - l_shoulder))."""
    r_hip, l_hip, r_shoulder, l_shoulder = (joints[:, joint] for joint in skeleton.facing)
    across = _unit(r_hip - l_hip + r_shoulder - l_shoulder)
    return _forward(across)


def _smooth_half_yaw(joints: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns each frame's smoothed facing direction to +Z; the first frame's is 0.

    HumanML3D's code swaps left and right hip here, so the hips count *against* the shoulders.  Features made
    otherwise differ from everyone's by up to 0.04, so the swap is kept.
    """
    r_hip, l_hip, r_shoulder, l_shoulder = (joints[:, joint] for joint in skeleton.facing)
    across = _unit(l_hip - r_hip + r_shoulder - l_shoulder)
    half_yaw = _half_yaw(_gaussian(_forward(across), FORWARD_SIGMA))
    half_yaw[0] = 0.0
    return half_yaw


def _forward(across: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
    """Y x across."""
    return np.stack([across[:, 2], np.zeros(len(across)), -across[:, 0]], axis=-1)


def _half_yaw(forward: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns a horizontal direction to +Z, in [-pi/2, pi/2]."""
    return -0.5 * np.arctan2(forward[:, 0], forward[:, 2])


def _turn(half_yaw: Float[np.ndarray, "*batch"], vectors: Float[np.ndarray, "*batch n 3"]) -> np.ndarray:
    """Vectors rotated about Y by twice `half_yaw`."""
    cos, sin = np.cos(2 * half_yaw)[..., None], np.sin(2 * half_yaw)[..., None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)


def _rotations(joints: np.ndarray, half_yaw: np.ndarray, skeleton: Skeleton) -> Float[np.ndarray, "frames bones 6"]:
    """Each bone's shortest arc from rest, relative to the bone before it; chains restart at the root's rotation."""
    cos, sin, zero, one = np.cos(2 * half_yaw), np.sin(2 * half_yaw), np.zeros_like(half_yaw), np.ones_like(half_yaw)
    root = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=-1).reshape(-1, 1, 3, 3)
    bones = [bone for chain in skeleton.chains for bone in pairwise(chain)]
    parents, ends = map(list, zip(*bones, strict=True))
    bone_to = {joint: number for number, joint in enumerate(ends, 1)}
    before = [0 if parent == chain[0] else bone_to[parent] for chain in skeleton.chains for parent in chain[:-1]]
    world = _shortest_arcs(skeleton.rest_directions[ends], _unit(joints[:, ends] - joints[:, parents]))
    local = np.concatenate([root, world], axis=1)[:, before].swapaxes(-1, -2) @ world
    out = np.empty((len(joints), len(skeleton.joints) - 1, 6))
    out[:, np.array(ends) - 1] = np.concatenate([local[..., 0], local[..., 1]], axis=-1)
    return out


def _shortest_arcs(
    u: Float[np.ndarray, "bones 3"], v: Float[np.ndarray, "frames bones 3"]
) -> Float[np.ndarray, "frames bones 3 3"]:
    """The smallest rotations that take unit vectors u to v: I + [w] + [w]^2 / (1 + u.v), w = u x v.

    Where v = -u every axis across u serves; one is chosen, so the result stays finite.
    """
    w = np.cross(u, v)
    cos = (u * v).sum(axis=-1)
    K = np.zeros((*cos.shape, 3, 3))
    K[..., 0, 1], K[..., 0, 2], K[..., 1, 2] = -w[..., 2], w[..., 1], -w[..., 0]
    K -= K.swapaxes(-1, -2)
    R = np.eye(3) + K + K @ K / np.maximum(1 + cos, 1e-9)[..., None, None]
    axis = np.roll(u, 1, axis=-1)
    half_turns = 2 * axis[:, :, None] * axis[:, None] - np.eye(3)
    return np.where((cos < -1 + 1e-8)[..., None, None], half_turns, R)


def _contacts(displacement: Float[np.ndarray, "frames joints 3"], skeleton: Skeleton) -> Float[np.ndarray, "frames 4"]:
    """1 where ankle and toe of one foot and of the other rest."""
    feet = displacement[:, list(skeleton.feet)]
    return (np.square(feet).sum(axis=-1) < skeleton.contact_speed).astype(np.float64)


def _gaussian(values: Float[np.ndarray, "frames n"], sigma: float) -> Float[np.ndarray, "frames n"]:
    """Gaussian smoothing over time, cut at 4 sigma, the end values repeated."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T], axis=-1)


def _unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _checked(joints: np.ndarray, skeleton: Skeleton) -> Float[np.ndarray, "frames joints 3"]:
    joints, count = np.asarray(joints, dtype=np.float64), len(skeleton.joints)
    if joints.ndim != 3 or joints.shape[1:] != (count, 3) or len(joints) < 2:
        raise MotionError(f"joints have shape {joints.shape}; {skeleton.name} wants [frames >= 2, {count}, 3]")
    if not np.isfinite(joints).all():
        raise MotionError(f"joints hold {np.count_nonzero(~np.isfinite(joints))} numbers that are NaN or infinite")
    return joints


@dataclass(frozen=True, eq=False)
class Stats:
    """What features are normalized with: a mean for each number, a standard deviation shared within each slice."""

    mean: Float[np.ndarray, "feats"]
    std: Float[np.ndarray, "feats"]

    def normalize(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        return (features - self.mean) / self.std

    def denormalize(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        return features * self.std + self.mean

    def for_evaluator(self) -> "Stats":
        """What the published text-motion evaluators read with, of a data set's own `Mean.npy` and `Std.npy`.

        Their training divides the deviations of the root's four numbers and of the contacts by a `feat_bias` of 5, in
        place, once for the training and once for the validation set: by 25 in all, as their `meta/std.npy` has it.
        """
        parts, std = skeleton_of(len(self.std)).slices, self.std.copy()
        for name in ("yaw_velocity", "root_velocity", "root_height", "contacts"):
            std[parts[name]] /= EVALUATOR_DIVISOR
        return Stats(self.mean, std)

    @classmethod
    def from_features(cls, rows: Float[np.ndarray, "rows feats"]) -> "Stats":
        """Mean of each number; standard deviation averaged within each of `Skeleton.slices` (the authors' rule)."""
        mean = rows.mean(axis=0, dtype=np.float64)
        std = rows.std(axis=0, dtype=np.float64)
        for part in skeleton_of(rows.shape[1]).slices.values():
            std[part] = max(std[part].mean(), 1e-6)
        return cls(mean.astype(np.float32), std.astype(np.float32))

    @classmethod
    def read(cls, folder: Path) -> "Stats":
        """`Mean.npy` and `Std.npy` of a data set in HumanML3D's layout; MotionError where they cannot be used."""
        mean, std = (_read_row(Path(folder) / name) for name in ("Mean.npy", "Std.npy"))
        if mean.shape != std.shape or not (std > 1e-12).all():
            raise MotionError(
                f"{folder}: Mean.npy of shape {mean.shape} with Std.npy of shape {std.shape}; expected as many numbers "
                "in both, the deviations above 0."
            )
        return cls(mean, std)

    def write(self, folder: Path) -> None:
        np.save(Path(folder) / "Mean.npy", self.mean)
        np.save(Path(folder) / "Std.npy", self.std)


def _read_row(path: Path) -> Float[np.ndarray, "feats"]:
    try:
        with path.open("rb") as file:
            row = np.load(file, allow_pickle=False)
    except NOT_NPY as error:
        raise MotionError(f"{path}: not in NPY format ({str(error)[:80]}); get or compute it again.") from None
    with np.errstate(all="ignore"):  # what is no number is no less than anything
        usable = isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype.kind == "f" and (abs(row) < 1e5).all()
    if not usable:
        raise MotionError(f"{path}: expected a row of finite numbers; get or compute it again.")
    return row
