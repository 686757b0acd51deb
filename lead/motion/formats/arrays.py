"""NPY and NPZ files: arrays of numbers in, joints out.

Arrays are never unpickled, and the size that a file claims is checked before memory is taken.
Knows nothing of what the arrays mean: see `lead.motion.read`.
"""

import io
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.errors import MotionError
from lead.motion.formats.limits import MAX_ARRAY_BYTES, MAX_VALUE

WANTED = (
    "joints [frames, 22, 3] (24, 52, 55 and more of SMPL's family too), [frames, 66] or [motions, 22, 3, frames], "
    "features [frames, 263] or [frames, 251], or SMPL's poses and trans"
)
"""What a motion file of arrays should hold, for messages."""
_UNPICKLE = (
    'python -c "import numpy as np; '
    "np.save('motion.npy', np.load('results.npy', allow_pickle=True).item()['motion'])\""
)
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""What `zipfile` raises for an archive that it cannot read."""
_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, eq=False)
class Npz:
    """What was read of an NPZ file."""

    arrays: dict[str, Float[np.ndarray, "..."]]
    members: tuple[str, ...]
    """The names of all arrays in the file, sorted."""


def read_npy(path: Path) -> Float[np.ndarray, "..."]:
    """The array of an NPY file."""
    with path.open("rb") as file:
        array = read_array(file, os.fstat(file.fileno()).st_size, "the array")
    return check_magnitude(array, "the array")


def read_npz(path: Path, wanted: Collection[str], beside: Collection[str] = ()) -> Npz:
    """The wanted arrays of an NPZ file and those beside them; if it has none of the wanted, its only other array."""
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            extra = set(members) & set(beside)
            names = set(wanted) & set(members) or set(members) - extra
            names = extra | (names if len(names) == 1 or names <= set(wanted) else set())
            for name in sorted(names):
                with archive.open(members[name]) as file:
                    array = read_array(file, members[name].file_size, repr(name))
                arrays[name] = check_magnitude(array, repr(name))
    except DAMAGED_ZIP as error:
        raise MotionError(f"not a readable NPZ file ({error}); expected {WANTED}.") from None
    return Npz(arrays, tuple(sorted(members)))


def read_array(file: IO[bytes] | io.BufferedIOBase, size: int, name: str) -> Float[np.ndarray, "..."]:
    """One finite array in NPY format from a file of `size` bytes, as float64.

    Raises MotionError with the array's name if it is too large, truncated, not of numbers, or has a NaN or infinity.
    """
    if size > MAX_ARRAY_BYTES + 65536:
        raise MotionError(f"{name} has {size} bytes; at most {MAX_ARRAY_BYTES} are read.")
    shape, fortran, dtype = _read_header(file, name)
    _check_claim(shape, dtype, name)
    claimed = math.prod(shape) * dtype.itemsize
    content = file.read(claimed)
    if len(content) != claimed:
        raise MotionError(f"{name} of shape {shape} has {len(content)} of {claimed} bytes: it is truncated.")
    flat = np.frombuffer(content, dtype=dtype) if claimed else np.zeros(0)
    with np.errstate(all="ignore"):  # NaN and overflow are found next
        array = flat.reshape(shape, order="F" if fortran else "C").astype(np.float64)
    if not np.isfinite(array).all():
        frame = int(np.argwhere(~np.isfinite(array))[0][0]) if array.ndim else 0
        raise MotionError(f"{name} is NaN or infinite in frame {frame}; repair or cut that frame.")
    return array


def _read_header(file: IO[bytes] | io.BufferedIOBase, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the order is Fortran's, and dtype."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"version {version}")
        with warnings.catch_warnings():  # NumPy warns of headers of Python 2 and of old names of dtypes
            warnings.simplefilter("ignore")
            return _HEADER_READERS[version](file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        reason = str(error)[:120]
        raise MotionError(f"{name} is not in NPY format ({reason}); expected {WANTED}.") from None


def _check_claim(shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
    """MotionError unless the header describes numbers that fit into memory."""
    if dtype.kind in "SU":
        raise MotionError(f"{name} holds text, expected numbers; save it as a number.")
    if dtype.hasobject or dtype.kind not in "fiu":
        raise MotionError(
            f"{name} holds {dtype}, not numbers; pickled objects are never loaded. Save a plain array; of MDM's "
            f"results, if you trust them, by {_UNPICKLE}"
        )
    count = math.prod(shape)
    if min(shape, default=0) < 0 or max(count * dtype.itemsize, count * 4) > MAX_ARRAY_BYTES:
        raise MotionError(f"{name} claims the shape {shape}; at most {MAX_ARRAY_BYTES} bytes are read.")
    if len(shape) > 8 or any(type(size) is not int for size in shape) or max(shape, default=0) > MAX_ARRAY_BYTES:
        raise MotionError(f"{name} claims the shape {shape}; expected whole numbers within what is read.")


def check_magnitude(array: Float[np.ndarray, "*shape"], name: str) -> Float[np.ndarray, "*shape"]:
    """Return the array; raises MotionError if a number is too large for a position or an angle."""
    if array.size and np.abs(array).max() > MAX_VALUE:
        raise MotionError(f"{name} has the value {np.abs(array).max():.3g}; expected meters or radians.")
    return array


def write_joints(path: Path, joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Path:
    """Write the joints alone as .npy, or `joints` and `fps` as .npz."""
    content = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(content, joints, allow_pickle=False)
    else:
        np.savez(content, joints=joints, fps=np.float64(fps))
    return write_atomically(path, content.getvalue())
