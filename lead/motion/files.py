"""Motion files to joint positions and back: BVH, AMASS/SMPL NPZ, NPZ and NPY of joints or of a data set's features.

Conventions: what is returned is in metres with Y up; AMASS is Z up. Arrays are never unpickled, and the size
that a file claims is checked before memory is taken.
Knows nothing of networks, and of bodies only our own 22 joints: SMPL poses are set on a rest pose of our own,
so that no licensed body model is needed; joints come out within some centimetres of SMPL's.
"""

import io
import math
import os
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from lead.motion.bvh import read_bvh, write_whole
from lead.motion.errors import MotionError
from lead.motion.kit import features_to_clip
from lead.motion.rigs import UP_TO_WORLD, Rig, read_rig
from lead.motion.rotations import axis_angle_to_matrix, normalise
from lead.motion.skeleton import BONE_LENGTHS, FPS, HUMANML3D, KIT, PARENTS

MAX_ARRAY_BYTES = 1 << 29
"""Of one array in memory; 512 MiB are over four hours of AMASS at 120 fps in single precision."""

_SMPL_KEYS = ("poses", "root_orient", "pose_body", "trans")
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps")
_WANTED = "joints [frames, 22, 3] in metres, features [frames, 263] or [frames, 251], or AMASS's poses and trans"

# Directions of the bones where all SMPL angles are zero: a person in a T-pose, to about five degrees.
_SMPL_REST = normalise(np.array([
    [0, 0, 0], [0.6, -0.8, -0.1], [-0.6, -0.8, -0.1], [0, 1, -0.3], [0.1, -1, 0], [-0.1, -1, 0], [0, 1, 0.2],
    [0, -1, -0.1], [0, -1, -0.1], [0, 1, 0], [0.3, -0.4, 0.9], [-0.3, -0.4, 0.9], [0, 1, -0.2],
    [0.5, 0.8, -0.1], [-0.5, 0.8, -0.1], [0, 0.9, 0.5], [0.9, 0.3, -0.1], [-0.9, 0.3, -0.1],
    [1, -0.1, -0.1], [-1, -0.1, -0.1], [1, 0, 0], [-1, 0, 0],
]))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Clip:
    """What a file holds."""

    joints: Float[np.ndarray, "frames 22 3"]
    fps: float
    rig: Rig | None = None


def read_clip(path: Path) -> Clip:
    """Read a motion file by its suffix; raises MotionError naming the file."""
    readers = {".bvh": _read_bvh, ".npz": _read_npz, ".npy": _read_npy}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise MotionError(f"{path}: {path.suffix or 'no suffix'}: expected a file ending in {', '.join(readers)}.")
    if not path.is_file():
        raise MotionError(f"{path}: no such file.")
    try:
        return reader(path)
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MotionError as error:
        raise error if str(error).startswith(str(path)) else MotionError(f"{path}: {error}") from None


def _read_bvh(path: Path) -> Clip:
    bvh = read_bvh(path)
    rig, joints = read_rig(bvh)
    return Clip(joints, rig.fps, rig)


def _read_npy(path: Path) -> Clip:
    with path.open("rb") as file:
        return _array_to_clip(read_array(file, os.fstat(file.fileno()).st_size, "the array"), None)


def _read_npz(path: Path) -> Clip:
    arrays: dict[str, np.ndarray] = {}
    wanted = {*_SMPL_KEYS, *_RATE_KEYS, "joints", "features"}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            names = wanted & set(members) or (set(members) if len(members) == 1 else set())
            for name in sorted(names):
                with archive.open(members[name]) as file:
                    arrays[name] = read_array(file, members[name].file_size, repr(name))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise MotionError(f"not a readable NPZ file ({error}); expected {_WANTED}.") from None
    fps = _frame_rate(arrays)
    if "poses" in arrays or "pose_body" in arrays:
        if fps is None:
            raise MotionError("poses without mocap_framerate or mocap_frame_rate; add the frames a second.")
        return Clip(smpl_to_joints(*_smpl_arrays(arrays)), fps)
    for name in ("joints", "features"):
        if name in arrays:
            return _array_to_clip(arrays[name], fps)
    if len(arrays) == 1:
        return _array_to_clip(next(iter(arrays.values())), fps)
    raise MotionError(f"an NPZ with {', '.join(sorted(members)[:20]) or 'no arrays'}; expected {_WANTED}.")


def read_array(file: IO[bytes] | io.BufferedIOBase, size: int, name: str) -> np.ndarray:
    """One finite array in NPY format from `size` bytes, as float64; what it claims is checked first."""
    if size > MAX_ARRAY_BYTES + 65536:
        raise MotionError(f"{name} has {size} bytes; at most {MAX_ARRAY_BYTES} are read.")
    shape, fortran, dtype = _read_header(file, name)
    if dtype.hasobject or dtype.kind not in "fiu":
        raise MotionError(f"{name} holds {dtype}, not numbers; pickled objects are never loaded. Save a plain array.")
    count = math.prod(shape)
    claimed = count * dtype.itemsize
    if min(shape, default=0) < 0 or max(claimed, count * 4) > MAX_ARRAY_BYTES:
        raise MotionError(f"{name} claims the shape {shape}; at most {MAX_ARRAY_BYTES} bytes are read.")
    content = file.read(claimed)
    if len(content) != claimed:
        raise MotionError(f"{name} of shape {shape} has {len(content)} of {claimed} bytes: it is truncated.")
    flat = np.frombuffer(content, dtype=dtype) if claimed else np.zeros(0)
    array = flat.reshape(shape, order="F" if fortran else "C").astype(np.float64)
    if not np.isfinite(array).all():
        frame = int(np.argwhere(~np.isfinite(array))[0][0]) if array.ndim else 0
        raise MotionError(f"{name} is NaN or infinite in frame {frame}; repair or cut that frame.")
    return array


def _read_header(file: IO[bytes] | io.BufferedIOBase, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        if version not in readers:
            raise ValueError(f"version {version}")
        return readers[version](file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        reason = str(error)[:120]
        raise MotionError(f"{name} is not in NPY format ({reason}); expected {_WANTED}.") from None


def _frame_rate(arrays: dict[str, np.ndarray]) -> float | None:
    for name in _RATE_KEYS:
        if name in arrays:
            if arrays[name].size != 1:
                raise MotionError(f"{name!r} has shape {arrays[name].shape}; expected one number.")
            return float(arrays[name].reshape(()))
    return None


def _smpl_arrays(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Poses [frames, 66] of the 22 body joints and translations [frames, 3]."""
    if "poses" in arrays:
        poses = arrays["poses"]
    elif "root_orient" in arrays and all(arrays[n].ndim == 2 for n in ("root_orient", "pose_body")):
        if len(arrays["root_orient"]) != len(arrays["pose_body"]):
            raise MotionError("root_orient and pose_body differ in their number of frames.")
        poses = np.concatenate([arrays["root_orient"], arrays["pose_body"]], axis=-1)
    else:
        raise MotionError(f"pose_body without root_orient; expected {_WANTED}.")
    if poses.ndim == 3 and poses.shape[-1] == 3:
        poses = poses.reshape(len(poses), -1)
    if poses.ndim != 2 or poses.shape[1] < 66 or poses.shape[1] % 3:
        raise MotionError(f"poses of shape {poses.shape}; expected [frames, 66 or more] axis-angle numbers.")
    trans = arrays.get("trans", np.zeros((len(poses), 3)))
    if trans.shape != (len(poses), 3):
        raise MotionError(f"trans of shape {trans.shape}; expected {(len(poses), 3)} as there are {len(poses)} poses.")
    return poses[:, :66], trans


def smpl_to_joints(
    poses: Float[np.ndarray, "frames 66"], trans: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 22 3"]:
    """Forward kinematics of axis-angle poses (Z up) on our own rest pose; joints are Y up."""
    local = axis_angle_to_matrix(poses.reshape(len(poses), 22, 3))
    offsets = _SMPL_REST * BONE_LENGTHS[:, None]
    turned, joints = local.copy(), np.empty((len(poses), 22, 3))
    joints[:, 0] = trans
    for joint in range(1, 22):
        parent = PARENTS[joint]
        joints[:, joint] = joints[:, parent] + turned[:, parent] @ offsets[joint]
        turned[:, joint] = turned[:, parent] @ local[:, joint]
    return joints @ UP_TO_WORLD["Z"].T


def _array_to_clip(array: np.ndarray, fps: float | None) -> Clip:
    if array.ndim == 3 and array.shape[1:] == (22, 3):
        return Clip(array, FPS if fps is None else fps)
    if array.ndim == 2 and array.shape[1] in (HUMANML3D.features, KIT.features):
        joints, own_fps = features_to_clip(array)
        return Clip(joints, own_fps if fps is None else fps)
    raise MotionError(f"an array of shape {array.shape}; expected {_WANTED}.")


def write_joints(path: Path, joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Path:
    """NPY with the joints alone, or NPZ with `joints` and `fps`, whole or not at all."""
    content = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(content, joints, allow_pickle=False)
    else:
        np.savez(content, joints=joints, fps=np.float64(fps))
    return write_whole(path, content.getvalue())
