"""Joints to HumanML3D's 263 features a frame, and back.

Stages: retarget to the uniform skeleton -> floor -> start at x = z = 0 -> face +Z -> contacts -> IK -> features.
Conventions: metres, 20 fps, Y up, the first frame faces +Z.  T frames of joints give T - 1 rows, laid out as in
`SLICES`.  Headings are kept as *half* angles, as the features store them.  Slice `rotations` comes from an IK that
leaves twist undefined: it is a feature for a network, never a pose for a skeleton.
Knows nothing of files or models.  Source: HumanML3D (Guo et al., "Generating Diverse and Natural 3D Human Motions
from Text", CVPR 2022).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.skeleton import (
    BONE_LENGTHS,
    CHAINS,
    L_ANKLE,
    L_FOOT,
    L_HIP,
    L_SHOULDER,
    PARENTS,
    R_ANKLE,
    R_FOOT,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    REST_DIRECTIONS,
    bone_lengths,
)

FEATURES = 263
CONTACT_SPEED = 0.002
"""A foot touches the floor where its squared displacement a frame is below this (m^2)."""
FORWARD_SIGMA = 20.0
"""Frames; the facing direction is smoothed by a Gaussian of this width before the IK."""

SLICES = {
    "yaw_velocity": slice(0, 1),
    "root_velocity": slice(1, 3),
    "root_height": slice(3, 4),
    "positions": slice(4, 67),
    "rotations": slice(67, 193),
    "velocities": slice(193, 259),
    "contacts": slice(259, 263),
}


def joints_to_features(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames-1 263"]:
    """HumanML3D's features of a clip at 20 fps; finite wherever the joints are.

    Raises MotionError if the array is not [frames >= 2, 22, 3] of finite numbers.
    """
    joints = _checked(joints)
    joints = canonical(retarget(joints))
    half_yaw = _smooth_half_yaw(joints)

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
            local[:-1, 1:].reshape(frames, 63),
            _rotations(joints, half_yaw)[:-1].reshape(frames, 126),
            velocities.reshape(frames, 66),
            _contacts(displacement),
        ],
        axis=-1,
    ).astype(np.float32)


def features_to_joints(features: Float[np.ndarray, "*batch frames 263"]) -> Float[np.ndarray, "*batch frames 22 3"]:
    """Joints from slices 0:67: heading and root path by cumulative sums, the joints turned back and placed on it."""
    features = np.asarray(features, dtype=np.float64)
    half_yaw = np.zeros(features.shape[:-1])
    half_yaw[..., 1:] = np.cumsum(features[..., :-1, 0], axis=-1)
    step = np.zeros((*features.shape[:-1], 1, 3))
    step[..., 1:, 0, 0] = features[..., :-1, 1]
    step[..., 1:, 0, 2] = features[..., :-1, 2]
    root = np.cumsum(_turn(-half_yaw, step), axis=-3)
    root[..., 0, 1] = features[..., 3]
    local = features[..., SLICES["positions"]].reshape(*features.shape[:-1], 21, 3)
    joints = _turn(-half_yaw, local)
    joints[..., [0, 2]] += root[..., [0, 2]]
    return np.concatenate([root, joints], axis=-2).astype(np.float32)


def retarget(
    joints: Float[np.ndarray, "frames 22 3"], lengths: Float[np.ndarray, "22"] = BONE_LENGTHS
) -> Float[np.ndarray, "frames 22 3"]:
    """The same bone directions on a skeleton of `lengths`; the root path is scaled by the legs' length."""
    own = bone_lengths(joints[0])
    legs = (R_KNEE, R_ANKLE)
    scale = lengths[list(legs)].sum() / max(own[list(legs)].sum(), 1e-6)
    placed = np.empty_like(joints)
    placed[:, 0] = joints[:, 0] * scale
    for joint in range(1, 22):
        parent = PARENTS[joint]
        placed[:, joint] = placed[:, parent] + _unit(joints[:, joint] - joints[:, parent]) * lengths[joint]
    return placed


def canonical(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 22 3"]:
    """The clip on the floor (lowest y = 0), starting at x = z = 0, its first frame facing +Z."""
    joints = joints - np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    return _turn(np.full(len(joints), _half_yaw(facing(joints[:1]))[0]), joints)


def facing(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 3"]:
    """The horizontal direction that hips and shoulders face: Y x ((r_hip - l_hip) + (r_shoulder - l_shoulder))."""
    across = _unit(joints[:, R_HIP] - joints[:, L_HIP] + joints[:, R_SHOULDER] - joints[:, L_SHOULDER])
    return _forward(across)


def _smooth_half_yaw(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames"]:
    """Half the angle that turns each frame's smoothed facing direction to +Z; the first frame's is 0.

    HumanML3D's code swaps left and right hip here, so the hips count *against* the shoulders.  Features made
    otherwise differ from everyone's by up to 0.04, so the swap is kept.
    """
    across = _unit(joints[:, L_HIP] - joints[:, R_HIP] + joints[:, R_SHOULDER] - joints[:, L_SHOULDER])
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


def _rotations(joints: np.ndarray, half_yaw: np.ndarray) -> Float[np.ndarray, "frames 21 6"]:
    """Each bone's shortest arc from rest, relative to the bone before it; chains restart at the root's rotation."""
    cos, sin, zero, one = np.cos(2 * half_yaw), np.sin(2 * half_yaw), np.zeros_like(half_yaw), np.ones_like(half_yaw)
    root = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=-1).reshape(-1, 3, 3)
    out = np.empty((len(joints), 21, 6))
    for chain in CHAINS:
        before = root
        for parent, joint in pairwise(chain):
            world = _shortest_arc(REST_DIRECTIONS[joint], _unit(joints[:, joint] - joints[:, parent]))
            local = before.swapaxes(-1, -2) @ world
            out[:, joint - 1, :3], out[:, joint - 1, 3:] = local[..., 0], local[..., 1]
            before = world
    return out


def _shortest_arc(u: Float[np.ndarray, "3"], v: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """The smallest rotation that takes the unit vector u to each v: I + [w] + [w]^2 / (1 + u.v), w = u x v.

    Where v = -u every axis across u serves; one is chosen, so the result stays finite.
    """
    w = np.cross(u, v)
    cos = v @ u
    K = np.zeros((len(v), 3, 3))
    K[:, 0, 1], K[:, 0, 2], K[:, 1, 2] = -w[:, 2], w[:, 1], -w[:, 0]
    K -= K.swapaxes(-1, -2)
    R = np.eye(3) + K + K @ K / np.maximum(1 + cos, 1e-9)[:, None, None]
    axis = np.roll(u, 1)
    R[cos < -1 + 1e-8] = 2 * np.outer(axis, axis) - np.eye(3)
    return R


def _contacts(displacement: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "frames 4"]:
    """1 where left ankle, left toe, right ankle, right toe rest."""
    feet = displacement[:, [L_ANKLE, L_FOOT, R_ANKLE, R_FOOT]]
    return (np.square(feet).sum(axis=-1) < CONTACT_SPEED).astype(np.float64)


def _gaussian(values: Float[np.ndarray, "frames n"], sigma: float) -> Float[np.ndarray, "frames n"]:
    """Gaussian smoothing over time, cut at 4 sigma, the end values repeated."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T], axis=-1)


def _unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _checked(joints: np.ndarray) -> Float[np.ndarray, "frames 22 3"]:
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (22, 3) or len(joints) < 2:
        raise MotionError(f"joints have shape {joints.shape}; expected [frames >= 2, 22, 3] in metres")
    if not np.isfinite(joints).all():
        raise MotionError(f"joints hold {np.count_nonzero(~np.isfinite(joints))} numbers that are NaN or infinite")
    return joints


@dataclass(frozen=True, eq=False)
class Stats:
    """What features are normalised with: a mean for each number, a standard deviation shared within each slice."""

    mean: Float[np.ndarray, "feats"]
    std: Float[np.ndarray, "feats"]

    def normalise(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        return (features - self.mean) / self.std

    def denormalise(self, features: Float[np.ndarray, "*batch feats"]) -> Float[np.ndarray, "*batch feats"]:
        return features * self.std + self.mean

    @classmethod
    def from_features(cls, rows: Float[np.ndarray, "rows 263"]) -> "Stats":
        """Mean of each number; standard deviation averaged within each of `SLICES` (HumanML3D's rule)."""
        mean = rows.mean(axis=0, dtype=np.float64)
        std = rows.std(axis=0, dtype=np.float64)
        for part in SLICES.values():
            std[part] = max(std[part].mean(), 1e-6)
        return cls(mean.astype(np.float32), std.astype(np.float32))

    @classmethod
    def read(cls, folder: Path) -> "Stats":
        """`Mean.npy` and `Std.npy` of a data set in HumanML3D's layout."""
        return cls(*(np.load(Path(folder) / name, allow_pickle=False) for name in ("Mean.npy", "Std.npy")))

    def write(self, folder: Path) -> None:
        np.save(Path(folder) / "Mean.npy", self.mean)
        np.save(Path(folder) / "Std.npy", self.std)
