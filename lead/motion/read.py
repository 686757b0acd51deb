"""Motion files to joint positions: BVH, glTF and FBX skeletons, SMPL NPZ, NPZ and NPY of joints or of features.

Conventions: what is returned is in meters with Y up. Arrays are never unpickled, and the size that a file claims is
checked before memory is taken.
"""

import io
import math
import os
import tokenize
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.bodies.smpl_poses import SMPL_KEYS, has_poses, read_smpl
from lead.motion.errors import MotionError
from lead.motion.formats.bvh import MAX_VALUE, Bvh, read_bvh
from lead.motion.kit import features_to_clip
from lead.motion.read_options import UNITS, ReadOptions
from lead.motion.rigs.frame_rate import rate_note
from lead.motion.rigs.leading_tpose import SPAN, count_lead_in, rest_turns
from lead.motion.rigs.rig import Rig, read_rig
from lead.motion.rigs.units import UP_TO_WORLD
from lead.motion.skeleton import FPS, HUMANML3D, KIT
from lead.motion.suffixes import READS

MAX_ARRAY_BYTES = 1 << 29
"""Of one array in memory; 512 MiB are over four hours of AMASS at 120 fps in single precision."""

_WANTED = "joints [frames, 22, 3] in meters, features [frames, 263] or [frames, 251], or SMPL's poses and trans"


@dataclass(frozen=True, eq=False)
class Clip:
    """What a file holds."""

    joints: Float[np.ndarray, "frames 22 3"]
    fps: float
    rig: Rig | None = None
    notes: tuple[str, ...] = ()
    """What was guessed, corrected or cut, in words."""


def read_clip(path: Path, reading: ReadOptions = ReadOptions()) -> Clip:
    """Read a motion file by its suffix; raises MotionError naming the file."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise MotionError(f"{path}: {path.suffix or 'no suffix'}: expected a file ending in {', '.join(READS)}.")
    if not path.is_file():
        raise MotionError(f"{path}: no such file.")
    try:
        return reader(path, reading)
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MotionError as error:
        raise error if str(error).startswith(str(path)) else MotionError(f"{path}: {error}") from None


def read_skeleton(path: Path, reading: ReadOptions = ReadOptions()) -> Bvh:
    """The skeleton and channels of a file that has them, before its joints are matched."""
    if path.suffix.lower() in (".glb", ".gltf"):
        from lead.motion.formats.gltf import read_gltf

        return read_gltf(path, reading.fps)
    if path.suffix.lower() == ".fbx":
        from lead.motion.formats.fbx import read_fbx

        return read_fbx(path, reading.fps, own_unit=reading.unit is not None)
    return read_bvh(path, reading.fps)


def _read_rigged(path: Path, reading: ReadOptions) -> Clip:
    bvh = read_skeleton(path, reading)
    rig, joints = read_rig(bvh, reading)
    notes = bvh.notes
    if reading.trim:
        cut = count_lead_in(joints, bvh.fps, rest_turns(bvh, int(2 * SPAN * bvh.fps)))
        if cut:
            rig, joints = read_rig(replace(bvh, values=bvh.values[cut:]), reading)
            notes = (*notes, _lead_in_note(cut))
    return Clip(joints, rig.fps, rig, (*notes, *rig.notes, *_rate_notes(joints, rig.fps, reading)))


def _rate_notes(joints: np.ndarray, fps: float, reading: ReadOptions) -> tuple[str, ...]:
    """Of a rate that the file states; what a user states is not questioned."""
    note = "" if reading.fps else rate_note(joints, fps)
    return (note,) if note else ()


def _lead_in_note(frames: int) -> str:
    return f"{frames} frame{'s' * (frames > 1)} {LEAD_IN}"


def _read_npy(path: Path, reading: ReadOptions) -> Clip:
    with path.open("rb") as file:
        array = read_array(file, os.fstat(file.fileno()).st_size, "the array")
    return _array_to_clip(within(array, "the array"), None, reading)


def _read_npz(path: Path, reading: ReadOptions) -> Clip:
    arrays: dict[str, np.ndarray] = {}
    wanted = {*SMPL_KEYS, *_RATE_KEYS, "joints", "features"}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            names = wanted & set(members) or (set(members) if len(members) == 1 else set())
            for name in sorted(names):
                with archive.open(members[name]) as file:
                    arrays[name] = within(read_array(file, members[name].file_size, repr(name)), repr(name))
    except DAMAGED_ZIP as error:
        raise MotionError(f"not a readable NPZ file ({error}); expected {_WANTED}.") from None
    fps = reading.fps or _frame_rate(arrays)
    if has_poses(arrays):
        if fps is None:
            raise MotionError(f"poses without a rate ({', '.join(_RATE_KEYS)}); state the frames a second.")
        joints, notes = read_smpl(arrays, reading)
        cut = count_lead_in(joints, fps) if reading.trim else 0
        notes = (*notes, _lead_in_note(cut)) if cut else notes
        return Clip(joints[cut:], fps, notes=(*notes, *_rate_notes(joints[cut:], fps, reading)))
    for name in ("joints", "features"):
        if name in arrays:
            return _array_to_clip(arrays[name], fps, reading)
    if len(arrays) == 1:
        return _array_to_clip(next(iter(arrays.values())), fps, reading)
    raise MotionError(f"an NPZ with {', '.join(sorted(members)[:20]) or 'no arrays'}; expected {_WANTED}.")


DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""What `zipfile` raises of an archive that it cannot read."""
_READERS = {
    ".bvh": _read_rigged, ".npz": _read_npz, ".npy": _read_npy, ".glb": _read_rigged, ".gltf": _read_rigged,
    ".fbx": _read_rigged,
}  # fmt: skip
LEAD_IN = "of a T-pose or rest pose at the start cut"
"""How a clip's note of that ends."""
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate")


def within(array: np.ndarray, name: str) -> np.ndarray:
    """The array; MotionError where a number is of no body's places and angles."""
    if array.size and np.abs(array).max() > MAX_VALUE:
        raise MotionError(f"{name} has the value {np.abs(array).max():.3g}; expected meters or radians.")
    return array


def _frame_rate(arrays: dict[str, np.ndarray]) -> float | None:
    for name in _RATE_KEYS:
        if name in arrays:
            if arrays[name].size != 1:
                raise MotionError(f"{name!r} has shape {arrays[name].shape}; expected one number.")
            fps = float(arrays[name].reshape(()))
            if not 0.1 <= fps <= 10000:
                raise MotionError(f"{fps} frames a second as {name!r}; expected 0.1 to 10000.")
            return fps
    return None


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
    if len(shape) > 8 or any(type(size) is not int for size in shape) or max(shape, default=0) > MAX_ARRAY_BYTES:
        raise MotionError(f"{name} claims the shape {shape}; expected whole numbers within what is read.")
    content = file.read(claimed)
    if len(content) != claimed:
        raise MotionError(f"{name} of shape {shape} has {len(content)} of {claimed} bytes: it is truncated.")
    flat = np.frombuffer(content, dtype=dtype) if claimed else np.zeros(0)
    with np.errstate(all="ignore"):  # what is no number is found next
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


def _array_to_clip(array: np.ndarray, fps: float | None, reading: ReadOptions) -> Clip:
    fps = reading.fps or fps
    if array.ndim == 3 and array.shape[1:] == (22, 3):
        joints = array @ (UNITS[reading.unit or "m"] * UP_TO_WORLD[reading.up or "Y"].T)
        return Clip(joints, FPS if fps is None else fps)
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
    return write_atomically(path, content.getvalue())
