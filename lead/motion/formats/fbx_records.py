"""The records of a binary FBX file (version 7): named nodes with properties and children.

Conventions: little-endian; a record states its end, its name and its number of properties. What a file claims is
checked against its size before memory is taken. Records that the caller does not want are skipped unread. Arrays stay
packed until they are asked for.
Knows nothing of what the records mean: see `fbx`.
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from lead.motion.errors import MotionError

MAGIC = b"Kaydara FBX Binary  \x00"
MAX_ARRAY_BYTES = 1 << 28
"""Less than `limits.MAX_ARRAY_BYTES`: one curve or mesh."""
MAX_RECORDS = 1 << 21
MAX_DEPTH = 32
_SINGLE = {b"Y": "<h", b"C": "<?", b"I": "<i", b"F": "<f", b"D": "<d", b"L": "<q"}
_ARRAYS = {b"f": "<f4", b"d": "<f8", b"l": "<i8", b"i": "<i4", b"b": "u1"}

_CONVERTER = "open it in Blender 4.5 or newer, which is free, and export it from there as glTF (.glb)"


@dataclass(frozen=True, eq=False)
class PackedArray:
    """An array as it is in the file."""

    dtype: np.dtype
    count: int
    content: memoryview
    packed: bool

    def __len__(self) -> int:
        return self.count

    def unpack(self) -> np.ndarray:
        """Its values. Raises MotionError if they are not as many as it claims."""
        raw: bytes | memoryview = self.content
        size = self.count * self.dtype.itemsize
        if self.packed:
            try:
                raw = zlib.decompressobj().decompress(raw, size)
            except zlib.error as error:
                raise MotionError(f"an array that cannot be unpacked ({error}): the file is damaged.") from None
        if len(raw) != size:
            raise MotionError(f"an array with {len(raw)} of {size} bytes: the file is truncated.")
        return np.frombuffer(raw, self.dtype)


Property = int | float | bool | str | PackedArray


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One node of the file."""

    name: str
    properties: tuple[Property, ...]
    children: tuple["Record", ...] = ()

    def find_all(self, name: str) -> Iterator["Record"]:
        """The children of this name."""
        return (child for child in self.children if child.name == name)

    def find(self, name: str) -> "Record":
        """The first child of this name; an empty record if there is none."""
        return next(self.find_all(name), Record(name, ()))


def parse_records(content: bytes, skip: Collection[str] = ()) -> Record:
    """The file's records, as children of a record without a name; those named in `skip` are left out.

    Raises MotionError for text FBX, other versions, and files that are truncated or damaged.
    """
    if not content.startswith(MAGIC):
        text = content[:200].lstrip().startswith(b";") or b"FBXHeaderExtension" in content[:2000]
        raise MotionError(f"FBX as text, which is not read; {_CONVERTER}." if text else "not an FBX file.")
    version = struct.unpack_from("<I", content, 23)[0] if len(content) >= 27 else 0
    if not 7000 <= version < 8000:
        raise MotionError(f"FBX of version {version / 1000:g}; expected 7.0 to 7.9. If it is older, {_CONVERTER}.")
    return Record("", (), _Parser(content, version >= 7500, frozenset(skip)).read_records(27, len(content), 0))


class _Parser:
    """Reads records; counts them."""

    def __init__(self, content: bytes, wide: bool, skip: frozenset[str]) -> None:
        self._content, self._skip, self._count = content, skip, 0
        self._head = struct.Struct("<QQQB" if wide else "<IIIB")

    def read_records(self, place: int, end: int, depth: int) -> tuple[Record, ...]:
        """The records from `place` on, up to the empty record that ends a list."""
        found: list[Record] = []
        if depth > MAX_DEPTH:
            raise MotionError("its records are nested too deeply: the file is damaged.")
        while place + self._head.size <= end:
            stop, properties, length, name_length = self._head.unpack_from(self._content, place)
            if not stop:
                break
            start = place + self._head.size + name_length
            self._count += 1
            if not start + length <= stop <= end or self._count > MAX_RECORDS:
                raise MotionError("a record ends where it cannot: the file is truncated or damaged.")
            name = self._content[start - name_length : start].decode("utf-8", "replace")
            if name not in self._skip:
                values = self._read_properties(start, start + length, properties)
                found.append(Record(name, values, self.read_records(start + length, stop, depth + 1)))
            place = stop
        return tuple(found)

    def _read_properties(self, place: int, end: int, count: int) -> tuple[Property, ...]:
        values: list[Property] = []
        while len(values) < count and place < end:
            kind, place = self._content[place : place + 1], place + 1
            if kind in _SINGLE:
                values.append(struct.unpack_from(_SINGLE[kind], self._content, place)[0])
                place += struct.calcsize(_SINGLE[kind])
            elif kind in (b"S", b"R"):
                length = struct.unpack_from("<I", self._content, place)[0]
                raw = self._content[place + 4 : min(place + 4 + length, end)] if kind == b"S" else b""
                values.append(raw.decode("utf-8", "replace"))
                place += 4 + length
            elif kind in _ARRAYS:
                array, place = self._read_array(np.dtype(_ARRAYS[kind]), place)
                values.append(array)
            else:
                raise MotionError(f"a property of unknown kind {kind!r}: the file is damaged.")
        if place > end:
            raise MotionError("a property reaches beyond its record: the file is damaged.")
        return tuple(values)

    def _read_array(self, dtype: np.dtype, place: int) -> tuple[PackedArray, int]:
        count, packed, length = struct.unpack_from("<III", self._content, place)
        place += 12
        size = count * dtype.itemsize
        if size > MAX_ARRAY_BYTES or packed not in (0, 1):
            raise MotionError(f"an array that claims {size} bytes: the file is damaged.")
        end = place + (length if packed else size)
        return PackedArray(dtype, count, memoryview(self._content)[place:end], bool(packed)), end
