"""glTF 2.0 skeletons and their animation, binary (.glb) or text (.gltf), to a `Bvh`.

What is read: nodes, skins and one animation of translations, rotations and scales (linear, step and cubic). Meshes,
materials and morph targets are ignored. Buffers stand in the file, in data URIs, or in files beside it.
Conventions: as in the file; glTF is in meters with Y up. What a file claims is checked against its size.
Source: Khronos, glTF 2.0 specification.
"""

import base64
import binascii
import json
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.limits import MAX_FILE_BYTES, MAX_NODES, read_bytes
from lead.motion.formats.scene import list_nearest_kept, sample_key_times, scene_to_bvh, select_skeleton
from lead.motion.read_options import ReadOptions
from lead.motion.rotations import quaternion_to_matrix

Json = dict[str, Any]
"""An object of the file's JSON. Readers of it raise what `_FAULTS` lists if it is not as the specification has it."""
_FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_STILL = {"rotation": (0, 0, 0, 1), "scale": (1, 1, 1), "translation": (0, 0, 0)}
"""The properties of a node that may move, and their defaults."""
_ROUNDING = 1e-5
"""Seconds by which a key may lie after its frame, for times are in single precision."""


class _Track(NamedTuple):
    """The keys of one property of one node."""

    times: Float[np.ndarray, "keys"]
    """Seconds."""
    values: Float[np.ndarray, "rows width"]
    """A row for each key; of a cubic track three: slope in, value, slope out."""
    interpolation: str


_Tracks = dict[tuple[int, str], _Track]
"""By node and property."""


def read_skeleton(path: Path, options: ReadOptions = ReadOptions()) -> Bvh:
    """Read a glTF file; see `read_gltf`."""
    return read_gltf(path, options.fps)


def read_gltf(path: str | os.PathLike[str], fps: float | None = None) -> Bvh:
    """The skeleton of a glTF file and its first animation; `fps` replaces the rate of the keys.

    Raises MotionError naming the file and what is wrong with it.
    """
    with name_file_in_errors(path):
        try:
            return _document_to_bvh(_Document(Path(path)), fps)
        except MotionError:
            raise
        except _FAULTS as error:
            raise MotionError(f"not a valid glTF file ({type(error).__name__}: {str(error)[:80]}).") from None


class _Document:
    """A file's JSON and its buffers."""

    def __init__(self, path: Path) -> None:
        content = read_bytes(path, "export the skeleton without its meshes")
        binary = b""
        if content[:4] == b"glTF":
            content, binary = _split_glb(content)
        self.json: Json = json.loads(content)
        if not isinstance(self.json, dict) or not str(self.json["asset"]["version"]).startswith("2."):
            raise MotionError("not glTF 2.0; export it in that version.")
        if "EXT_meshopt_compression" in self.json.get("extensionsRequired", ()):
            raise MotionError("its buffers are compressed (EXT_meshopt_compression); export it without compression.")
        self._folder, self._binary = path.parent, binary
        self._buffers: dict[int, bytes] = {}

    def read_accessor(self, number: int) -> Float[np.ndarray, "count width"]:
        """An accessor's values as floats; integers become fractions of their type's largest, as glTF has it."""
        accessor = _get_item(self.json["accessors"], number)
        dtype, width, count = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]], accessor["count"]
        if "sparse" in accessor:
            raise MotionError("its animation is in sparse accessors, which are not read; export it without them.")
        view = _get_item(self.json["bufferViews"], accessor["bufferView"])
        content = memoryview(self._read_buffer(view["buffer"]))
        start, length = view.get("byteOffset", 0), view["byteLength"]
        stride = view.get("byteStride") or width * dtype.itemsize
        offset = accessor.get("byteOffset", 0)
        if min(start, length, offset, count) < 0 or stride < width * dtype.itemsize or count < 1:
            raise MotionError(f"accessor {number} has sizes that cannot be.")
        if start + length > len(content) or offset + (count - 1) * stride + width * dtype.itemsize > length:
            raise MotionError(f"accessor {number} reaches beyond its buffer: the file is truncated.")
        rows = np.ndarray((count, width), dtype, content[start : start + length], offset, (stride, dtype.itemsize))
        with np.errstate(invalid="ignore"):  # NaN is found next
            values = rows.astype(np.float64)
        if not np.isfinite(values).all():
            raise MotionError(f"accessor {number} has values that are NaN or infinite.")
        return values if dtype.kind == "f" else np.maximum(values / np.iinfo(dtype).max, -1.0)

    def _read_buffer(self, number: int) -> bytes:
        if number not in self._buffers:
            self._buffers[number] = self._load_buffer(_get_item(self.json["buffers"], number).get("uri"))
        return self._buffers[number]

    def _load_buffer(self, uri: str | None) -> bytes:
        if uri is None:
            return self._binary
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except binascii.Error as error:
                raise MotionError(f"a buffer's data URI is not base64 ({error}).") from None
        place = (self._folder / unquote(uri)).resolve()
        if not place.is_relative_to(self._folder.resolve()):
            raise MotionError(f"its buffer {uri[:80]!r} is not in its folder; put the file beside it.")
        if not place.is_file():
            raise MotionError(f"its buffer {uri[:80]!r} is missing; put the file beside it.")
        if place.stat().st_size > MAX_FILE_BYTES:
            raise MotionError(f"its buffer {uri[:80]!r} is larger than {MAX_FILE_BYTES} bytes.")
        return place.read_bytes()


def _get_item(items: Sequence[Json], number: int) -> Json:
    """An item by its number; unlike a list, refuses negative numbers. Raises IndexError."""
    if not isinstance(number, int) or not 0 <= number < len(items):
        raise IndexError(f"number {number} of {len(items)}")
    return items[number]


def _split_glb(content: bytes) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a GLB."""
    if len(content) < 20:
        raise MotionError("the GLB ends before its first chunk: it is truncated.")
    version, length = struct.unpack_from("<II", content, 4)
    if version != 2 or length > len(content):
        raise MotionError(f"a GLB of version {version} and {length} bytes, of which {len(content)} are there.")
    parts: list[bytes] = []
    place = 12
    while place + 8 <= length and len(parts) < 2:
        size, kind = struct.unpack_from("<I4s", content, place)
        if place + 8 + size > length or kind != (b"JSON", b"BIN\0")[len(parts)]:
            raise MotionError("a chunk of the GLB is not what it has to be: the file is damaged.")
        parts.append(content[place + 8 : place + 8 + size])
        place += 8 + size + -size % 4
    return parts[0], parts[1] if len(parts) > 1 else b""


def _document_to_bvh(document: _Document, fps: float | None) -> Bvh:
    nodes, parents, order = _order_nodes(document.json)
    animations = document.json.get("animations") or []
    if not animations:
        raise MotionError("no animation in it; export the skeleton with its motion.")
    by_number = _read_tracks(document, animations[0])
    place = {number: n for n, number in enumerate(order)}
    tracks = {(place[number], kind): track for (number, kind), track in by_number.items()}
    skinned = {place[number] for skin in document.json.get("skins") or [] for number in skin["joints"]}
    keep = select_skeleton(parents, skinned, {node for node, _ in tracks})
    keys = [track.times for (node, _), track in tracks.items() if node in keep]
    if not keys:
        raise MotionError("its first animation does not move its skeleton.")
    times, own_fps = sample_key_times(keys, len(nodes))
    rest, world = _compute_worlds(nodes, parents, {}, times[:1]), _compute_worlds(nodes, parents, tracks, times)
    names = [str(nodes[node].get("name") or f"node_{order[node]}")[:200] for node in keep]
    title = animations[0].get("name", "without a name")
    several = f"{len(animations)} animations: the first, {str(title)[:80]!r}, was read"
    return scene_to_bvh(
        names, list_nearest_kept(keep, parents), rest[keep, 0], world[keep], own_fps if fps is None else fps,
        (several,) if len(animations) > 1 else (),
    )  # fmt: skip


def _order_nodes(document: Json) -> tuple[list[Json], list[int], list[int]]:
    """The nodes with parents first, their parents' places among them, and their numbers in the file."""
    nodes = document.get("nodes") or []
    if not 0 < len(nodes) <= MAX_NODES:
        raise MotionError(f"{len(nodes)} nodes; expected 1 to {MAX_NODES}.")
    parent_of = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            _get_item(nodes, child)
            if parent_of[child] >= 0 or child == number:
                raise MotionError(f"node {child} has two parents; its nodes are no tree.")
            parent_of[child] = number
    order: list[int] = []
    parents: list[int] = []
    todo = [(number, -1) for number in reversed(range(len(nodes))) if parent_of[number] < 0]
    while todo:
        number, parent = todo.pop()
        order.append(number)
        parents.append(parent)
        todo += [(child, len(order) - 1) for child in reversed(nodes[number].get("children", ()))]
    if len(order) < len(nodes):
        raise MotionError("its nodes go round in a circle; expected a tree.")
    return [nodes[number] for number in order], parents, order


def _read_tracks(document: _Document, animation: Json) -> _Tracks:
    """What an animation moves; nodes by their numbers in the file."""
    tracks: _Tracks = {}
    for channel in animation["channels"]:
        node, kind = channel["target"].get("node"), channel["target"]["path"]
        if node is None or kind not in _STILL:
            continue
        _get_item(document.json["nodes"], node)
        sampler = _get_item(animation["samplers"], channel["sampler"])
        times, values = document.read_accessor(sampler["input"])[:, 0], document.read_accessor(sampler["output"])
        how = sampler.get("interpolation", "LINEAR")
        if how not in ("LINEAR", "STEP", "CUBICSPLINE"):
            raise MotionError(f"an interpolation {str(how)[:20]!r}; expected LINEAR, STEP or CUBICSPLINE.")
        if values.shape != (len(times) * (3 if how == "CUBICSPLINE" else 1), len(_STILL[kind])):
            raise MotionError(f"an animation of {len(times)} times and values of shape {values.shape} for a {kind}.")
        if (np.diff(times) < 0).any():
            raise MotionError("an animation whose times go back.")
        tracks[node, kind] = _Track(times, values, how)
    if not tracks:
        raise MotionError("its first animation moves no node.")
    return tracks


def _compute_worlds(
    nodes: Sequence[Json], parents: Sequence[int], tracks: Mapping[tuple[int, str], _Track],
    times: Float[np.ndarray, "frames"],
) -> Float[np.ndarray, "nodes frames 4 4"]:  # fmt: skip
    """The nodes' transforms to the world at the times; nodes have parents first."""
    world = np.empty((len(nodes), len(times), 4, 4))
    for number, node in enumerate(nodes):
        if "matrix" in node:
            local = np.broadcast_to(np.array(node["matrix"], dtype=float).reshape(4, 4).T, (len(times), 4, 4))
        else:
            rotation, scale, translation = (
                _sample_track(tracks[number, kind], times)
                if (number, kind) in tracks
                else np.tile(np.array(node.get(kind, still), dtype=float).reshape(len(still)), (len(times), 1))
                for kind, still in _STILL.items()
            )
            local = np.zeros((len(times), 4, 4))
            local[:, :3, :3] = quaternion_to_matrix(rotation) * scale[:, None]
            local[:, :3, 3], local[:, 3, 3] = translation, 1.0
        with np.errstate(all="ignore"):  # `scene_to_bvh` finds overflow
            world[number] = world[parents[number]] @ local if parents[number] >= 0 else local
    return world


def _sample_track(track: _Track, at: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames width"]:
    """A track's values at times; before its first and after its last key they stay as there.

    Rotations (x, y, z, w) turn the shorter way. Between nearby keys they are interpolated linearly, so the result may
    not have length 1: `quaternion_to_matrix` normalizes it.
    """
    times, values, how = track
    low = np.clip(np.searchsorted(times, at + _ROUNDING, side="right") - 1, 0, len(times) - 1)
    high = np.minimum(low + 1, len(times) - 1)
    span = times[high] - times[low]
    u = np.clip((at - times[low]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
    if how == "STEP":
        return values[low]
    if how == "CUBICSPLINE":
        into, value, out = values.reshape(len(times), 3, -1).swapaxes(0, 1)
        hermite = (1 + 2 * u) * (1 - u) ** 2 * value[low] + u**2 * (3 - 2 * u) * value[high]
        return np.asarray(hermite + span[:, None] * (u * (1 - u) ** 2 * out[low] - u**2 * (1 - u) * into[high]))
    first, last = values[low], values[high]
    return _slerp(first, last, u) if values.shape[1] == 4 else np.asarray(first + u * (last - first))


def _slerp(
    first: Float[np.ndarray, "frames 4"], last: Float[np.ndarray, "frames 4"], u: Float[np.ndarray, "frames 1"]
) -> Float[np.ndarray, "frames 4"]:
    """sin((1-u) a) / sin(a) first + sin(u a) / sin(a) last, with a the angle between the two, the shorter way."""
    cosine = np.einsum("fi,fi->f", first, last)[:, None]
    last, cosine = np.where(cosine < 0, -last, last), np.minimum(np.abs(cosine), 1.0)
    angle = np.arccos(cosine)
    near = angle < 1e-4
    sine = np.where(near, 1.0, np.sin(angle))
    of_first = np.where(near, 1 - u, np.sin((1 - u) * angle) / sine)
    of_last = np.where(near, u, np.sin(u * angle) / sine)
    return np.asarray(of_first * first + of_last * last)
