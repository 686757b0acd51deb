"""Poses of SMPL, SMPL-H and SMPL-X, as AMASS and the tools around these bodies store them, to our 22 joints.

Conventions: the arrays come from an NPZ of any writer. Either `poses` of axis-angle numbers, 66 or more a frame (SMPL
72, SMPL-H 156, SMPL-X 165; the first 22 joints are the same in all of them and in ours), or `root_orient` and
`pose_body` (AMASS's SMPL-X; smplx calls them `global_orient` and `body_pose`). Rotation matrices [..., 3, 3] may
stand in the place of axis-angle numbers. With them `trans` or `transl`. AMASS's Z is up; where a clip's body stands
along another axis, that one is up. AIST++ states by `smpl_scaling` how many of its units of length are one of SMPL's.
A path in centimeters or millimeters is found out by a floor far away, or by strides that nobody makes.
Knows nothing of body models. Poses are set on a rest pose of our own, so that no model has to be licensed; joints come
out within some centimeters of SMPL's.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.limits import MAX_VALUE
from lead.motion.read_options import UNITS, ReadOptions
from lead.motion.rigs.units import UP_TO_WORLD, standing_axis
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_axis_angle, nearest_rotation, normalize
from lead.motion.skeleton import BONE_LENGTHS, PARENTS

_WHOLE = ("poses", "smpl_poses", "fullpose", "pose")
_ROOT = ("root_orient", "global_orient")
_BODY = ("pose_body", "body_pose")
_PATH = ("trans", "transl", "smpl_trans")
_SCALING = "smpl_scaling"
SMPL_KEYS = (*_WHOLE, *_ROOT, *_BODY, *_PATH, _SCALING)
_WANTED = (
    "poses [frames, 66 or more], or root_orient [frames, 3] and pose_body [frames, 63], of axis-angle numbers, or of "
    "matrices [..., 3, 3]"
)
_AWAY, _AT = 10.0, 0.35
"""Meters: the median height of the lowest joint over a floor at zero; beyond the first the unit is doubted, below the
second another one is right."""
_STRIDE = 0.7
"""Meters in a frame that no body makes in a quarter of the frames: a sprint has 0.6 at 20 frames a second."""
_ORTHOGONAL = 0.05
"""The most by which R R^T of a rotation differs from 1; files of 16 bits have 0.002."""
_LYING = (-0.05, 0.35)
"""Meters: the height of the lowest joint of a body that lies or crawls on a floor at zero."""

SMPL_REST: Float[np.ndarray, "22 3"] = normalize(np.array([
    [0, 0, 0], [0.6, -0.8, -0.1], [-0.6, -0.8, -0.1], [0, 1, -0.3], [0.1, -1, 0], [-0.1, -1, 0], [0, 1, 0.2],
    [0, -1, -0.1], [0, -1, -0.1], [0, 1, 0], [0.3, -0.4, 0.9], [-0.3, -0.4, 0.9], [0, 1, -0.2],
    [0.5, 0.8, -0.1], [-0.5, 0.8, -0.1], [0, 0.9, 0.5], [0.9, 0.3, -0.1], [-0.9, 0.3, -0.1],
    [1, -0.1, -0.1], [-1, -0.1, -0.1], [1, 0, 0], [-1, 0, 0],
]))  # fmt: skip
"""Directions of the bones where all SMPL angles are zero: a person in a T-pose, to about five degrees."""


def has_poses(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether an NPZ has SMPL's poses, or parts of them."""
    return any(name in arrays for name in (*_WHOLE, *_ROOT, *_BODY))


def read_smpl(
    arrays: Mapping[str, np.ndarray], reading: ReadOptions = ReadOptions()
) -> tuple[Float[np.ndarray, "frames 22 3"], tuple[str, ...]]:
    """Our joints in meters, Y up, and notes of what was guessed. Raises MotionError that names missing keys."""
    poses = _poses(arrays)
    trans = _first(arrays, _PATH)
    notes = () if trans is not None else ("no trans: the person stays in one place",)
    if trans is None:
        trans = np.zeros((len(poses), 3))
    if trans.shape != (len(poses), 3):
        raise MotionError(f"trans of shape {trans.shape}; expected {(len(poses), 3)} as there are {len(poses)} poses.")
    unit = reading.unit or ("m" if _SCALING in arrays else _guess_unit(poses, trans, reading.up))
    if unit != "m" and reading.unit is None:
        notes = (*notes, f"the path was taken to be in {unit}, not in m: state the unit if that is wrong")
    joints = smpl_to_joints(poses, trans * (UNITS[unit] / _read_scaling(arrays)))
    up = reading.up
    if up is None:
        floating = _is_floating(joints)
        up, guessed = standing_axis(joints[:, [7, 8]], joints[:, [20, 21]], joints[:, 12], "Z", floating)
        notes = (*notes, *guessed)
    return joints @ UP_TO_WORLD[up].T, notes


def _guess_unit(poses: Float[np.ndarray, "frames 66"], path: Float[np.ndarray, "frames 3"], up: str | None) -> str:
    """The unit of the path. The body's own is the meter, so it tells nothing.

    Where meters put the floor far away, it is the unit that puts it at zero. Where they make the body fly over a floor
    that is not at zero, it is the unit with which one foot or the other stands most.
    """
    if len(path) < 2 or not np.isfinite(path).all() or np.abs(path).max() > MAX_VALUE:
        return "m"
    joints = smpl_to_joints(poses, np.zeros((len(poses), 3)))
    axis = up or standing_axis(joints[:, [7, 8]], joints[:, [20, 21]], joints[:, 12], "Z", floating=True)[0]
    vertical = UP_TO_WORLD[axis][1]
    lowest, height = (joints @ vertical).min(axis=1), path @ vertical
    floors = {unit: abs(float(np.median(lowest + UNITS[unit] * height))) for unit in ("m", "cm", "mm")}
    near = [unit for unit in ("cm", "mm") if floors[unit] < _AT]
    if floors["m"] > _AWAY and near:
        return near[0]
    strides = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    if floors["m"] < _AT or np.percentile(strides, 75) < _STRIDE:
        return "m"
    slides = {}
    for unit in ("m", "cm", "mm"):
        steps = np.diff(joints[:, [7, 8]] + UNITS[unit] * path[:, None], axis=0)
        slides[unit] = float(np.median(np.linalg.norm(steps, axis=-1).min(axis=1)))
    return min(slides, key=slides.__getitem__)


def _read_scaling(arrays: Mapping[str, np.ndarray]) -> float:
    """Units of the path in a meter of the body."""
    scaling = arrays.get(_SCALING, np.ones(1))
    if scaling.size != 1 or not scaling.item() > 0:
        raise MotionError(f"{_SCALING!r} of shape {scaling.shape}; expected one number above 0.")
    return float(scaling.item())


def _is_floating(joints: Float[np.ndarray, "frames 22 3"]) -> bool:
    """Whether no floor at Z = 0 is known: the root stays in one place, or the body is far above or below it.

    So are poses that were found in pictures: their root is centered, or in the camera's space.
    """
    if not len(joints):
        return False
    low, high = _LYING
    return not np.ptp(joints[:, 0], axis=0).any() or not low < np.median(joints[..., 2].min(axis=1)) < high


def _first(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    """The array of the first name that there is."""
    return next((arrays[name] for name in names if name in arrays), None)


def _poses(arrays: Mapping[str, np.ndarray]) -> Float[np.ndarray, "frames 66"]:
    """Axis-angle numbers of the 22 body joints; MotionError where keys or shapes are wrong."""
    whole, root, body = (_to_axis_angle(_first(arrays, names)) for names in (_WHOLE, _ROOT, _BODY))
    if whole is None:
        if root is None or body is None:
            there, lacks = (_BODY, _ROOT) if root is None else (_ROOT, _BODY)
            given = next(name for name in there if name in arrays)
            raise MotionError(f"{given} without {' or '.join(lacks)}; expected {_WANTED}.")
        if not root.ndim or not body.ndim or len(root) != len(body):
            raise MotionError("root_orient and pose_body differ in their number of frames.")
        root, body = (part.reshape(len(part), -1) for part in (root, body))
        if root.shape[1] != 3:
            raise MotionError(f"root_orient of shape {root.shape}; expected {_WANTED}.")
        whole = np.concatenate([root, body], axis=1)
    elif whole.ndim == 3 and whole.shape[-1] == 3:
        whole = whole.reshape(len(whole), -1)
    if whole.ndim != 2 or whole.shape[1] < 66 or whole.shape[1] % 3:
        raise MotionError(f"poses of shape {whole.shape}; expected {_WANTED}.")
    return whole[:, :66]


def _to_axis_angle(rotations: np.ndarray | None) -> np.ndarray | None:
    """Rotation matrices [frames, ..., 3, 3] as axis-angle numbers; other arrays as they are."""
    if rotations is None or rotations.ndim < 3 or rotations.shape[-2:] != (3, 3):
        return rotations
    if not np.allclose(rotations @ np.swapaxes(rotations, -1, -2), np.eye(3), atol=_ORTHOGONAL):
        return rotations
    return matrix_to_axis_angle(nearest_rotation(rotations)).reshape(len(rotations), -1)


def smpl_to_joints(
    poses: Float[np.ndarray, "frames 66"], trans: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """Forward kinematics of axis-angle poses on our own rest pose, in the axes of the file."""
    local = axis_angle_to_matrix(poses.reshape(len(poses), 22, 3))
    offsets = SMPL_REST * BONE_LENGTHS[:, None]
    turned, joints = local.copy(), np.empty((len(poses), 22, 3))
    joints[:, 0] = trans
    for joint in range(1, 22):
        parent = PARENTS[joint]
        joints[:, joint] = joints[:, parent] + turned[:, parent] @ offsets[joint]
        turned[:, joint] = turned[:, parent] @ local[:, joint]
    return joints
