"""glTF 2.0 skeletons and their animation, binary (.glb) or text (.gltf), to a `Bvh`.

What is read: nodes, skins and one animation of translations, rotations and scales (linear, step and cubic).  Meshes,
materials and morph targets are passed over.  Buffers stand in the file, in data URIs, or beside it.
Conventions: as the file has it; glTF is in meters with Y up.  What a file claims is checked against its size.
Source: Khronos, glTF 2.0 specification.
"""

import base64
import binascii
import json
import os
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import MAX_FILE_BYTES, Bvh
from lead.motion.formats.scene import MAX_NODES, key_times, nearest_kept, scene_to_bvh, skeleton_nodes
from lead.motion.rotations import quaternion_to_matrix

_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_STILL = {"rotation": (0, 0, 0, 1), "scale": (1, 1, 1), "translation": (0, 0, 0)}
"""What moves of a node, and what it is where the file does not say it."""
_ROUNDING = 1e-5
"""Seconds by which a key may lie after the frame that is meant: times are in single precision."""
_Track = tuple[Float[np.ndarray, "keys"], Float[np.ndarray, "keys width"], str]
"""Times in seconds, values (for cubic tracks three rows a key: slope in, value, slope out), interpolation."""


def read_gltf(path: str | os.PathLike[str], fps: float | None = None) -> Bvh:
    """The skeleton of a glTF file and its first animation; `fps` stands in place of the keys' own rate.

    Raises MotionError naming the file and what is wrong with it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise MotionError(f"larger than {MAX_FILE_BYTES} bytes; export the skeleton without its meshes.")
        return _document_to_bvh(_Document(path), fps)
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise MotionError(f"{path}: not a valid glTF file ({type(error).__name__}: {str(error)[:80]}).") from None


class _Document:
    """A file's JSON and its buffers."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        binary = b""
        if content[:4] == b"glTF":
            content, binary = _chunks(content)
        self.json: dict[str, Any] = json.loads(content)
        if not isinstance(self.json, dict) or not str(self.json["asset"]["version"]).startswith("2."):
            raise MotionError("not glTF 2.0; export it in that version.")
        needs = [name for name in self.json.get("extensionsRequired", ()) if "meshopt" in name or "quantiz" in name]
        if "EXT_meshopt_compression" in needs:
            raise MotionError("its buffers are compressed (EXT_meshopt_compression); export it without compression.")
        self._folder, self._binary = path.parent, binary
        self._buffers: dict[int, bytes] = {}

    def array(self, number: int) -> Float[np.ndarray, "count width"]:
        """An accessor's values as floats; integers are fractions of their type's largest, as glTF normalizes them."""
        accessor = _item(self.json["accessors"], number)
        dtype, width, count = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]], accessor["count"]
        if "sparse" in accessor:
            raise MotionError("its animation is in sparse accessors, which are not read; export it without them.")
        view = _item(self.json["bufferViews"], accessor["bufferView"])
        content = memoryview(self._buffer(view["buffer"]))
        start, length = view.get("byteOffset", 0), view["byteLength"]
        stride = view.get("byteStride") or width * dtype.itemsize
        offset = accessor.get("byteOffset", 0)
        if min(start, length, offset, count) < 0 or stride < width * dtype.itemsize or count < 1:
            raise MotionError(f"accessor {number} has sizes that cannot be.")
        if start + length > len(content) or offset + (count - 1) * stride + width * dtype.itemsize > length:
            raise MotionError(f"accessor {number} reaches beyond its buffer: the file is truncated.")
        rows = np.ndarray((count, width), dtype, content[start : start + length], offset, (stride, dtype.itemsize))
        with np.errstate(invalid="ignore"):  # what is no number is found next
            values = rows.astype(np.float64)
        if not np.isfinite(values).all():
            raise MotionError(f"accessor {number} has values that are NaN or infinite.")
        return values if dtype.kind == "f" else np.maximum(values / np.iinfo(dtype).max, -1.0)

    def _buffer(self, number: int) -> bytes:
        if number not in self._buffers:
            self._buffers[number] = self._load(_item(self.json["buffers"], number).get("uri"))
        return self._buffers[number]

    def _load(self, uri: str | None) -> bytes:
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


def _item(items: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """The numbered one; a list would take negative numbers too."""
    if not isinstance(number, int) or not 0 <= number < len(items):
        raise IndexError(f"number {number} of {len(items)}")
    return items[number]


def _chunks(content: bytes) -> tuple[bytes, bytes]:
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
    nodes, parents, order = _hierarchy(document.json)
    animations = document.json.get("animations") or []
    if not animations:
        raise MotionError("no animation in it; export the skeleton with its motion.")
    tracks = _tracks(document, animations[0])
    place = {node: n for n, node in enumerate(order)}
    skinned = {place[node] for skin in document.json.get("skins") or [] for node in skin["joints"]}
    keep = skeleton_nodes(parents, skinned, {place[node] for node, _ in tracks})
    keys = [times for (node, _), (times, _, _) in tracks.items() if place[node] in keep]
    if not keys:
        raise MotionError("its first animation does not move its skeleton.")
    times, own_fps = key_times(keys, len(order))
    rest, world = (
        _worlds([nodes[node] for node in order], parents, {}, times[:1]),
        _worlds(
            [nodes[node] for node in order],
            parents,
            {(place[node], kind): t for (node, kind), t in tracks.items()},
            times,
        ),
    )
    names = [str(nodes[order[node]].get("name") or f"node_{order[node]}")[:200] for node in keep]
    others = len(animations) - 1
    title = animations[0].get("name", "without a name")
    notes = (f"{others + 1} animations: the first, {str(title)[:80]!r}, was read",) if others else ()
    return scene_to_bvh(
        names, nearest_kept(keep, parents), rest[keep, 0], world[keep], own_fps if fps is None else fps, notes
    )


def _hierarchy(document: dict[str, Any]) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """The nodes; and in an order with parents first, their parents' places in it, and their numbers."""
    nodes = document.get("nodes") or []
    if not 0 < len(nodes) <= MAX_NODES:
        raise MotionError(f"{len(nodes)} nodes; expected 1 to {MAX_NODES}.")
    parent_of = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            _item(nodes, child)
            if parent_of[child] >= 0 or child == number:
                raise MotionError(f"node {child} has two parents; its nodes are no tree.")
            parent_of[child] = number
    order, parents = [], []
    todo = [(number, -1) for number in reversed(range(len(nodes))) if parent_of[number] < 0]
    while todo:
        number, parent = todo.pop()
        order.append(number)
        parents.append(parent)
        todo += [(child, len(order) - 1) for child in reversed(nodes[number].get("children", ()))]
    if len(order) < len(nodes):
        raise MotionError("its nodes go round in a circle; expected a tree.")
    return nodes, parents, order


def _tracks(document: _Document, animation: dict[str, Any]) -> dict[tuple[int, str], _Track]:
    """What moves: by node and path the keys."""
    tracks: dict[tuple[int, str], _Track] = {}
    for channel in animation["channels"]:
        node, kind = channel["target"].get("node"), channel["target"]["path"]
        if node is None or kind not in _STILL:
            continue
        _item(document.json["nodes"], node)
        sampler = _item(animation["samplers"], channel["sampler"])
        times, values = document.array(sampler["input"])[:, 0], document.array(sampler["output"])
        how = sampler.get("interpolation", "LINEAR")
        if how not in ("LINEAR", "STEP", "CUBICSPLINE"):
            raise MotionError(f"an interpolation {str(how)[:20]!r}; expected LINEAR, STEP or CUBICSPLINE.")
        if values.shape != (len(times) * (3 if how == "CUBICSPLINE" else 1), len(_STILL[kind])):
            raise MotionError(f"an animation of {len(times)} times and values of shape {values.shape} for a {kind}.")
        if (np.diff(times) < 0).any():
            raise MotionError("an animation whose times go back.")
        tracks[node, kind] = times, values, how
    if not tracks:
        raise MotionError("its first animation moves no node.")
    return tracks


def _worlds(
    nodes: list[dict[str, Any]], parents: list[int], tracks: dict[tuple[int, str], _Track], times: np.ndarray
) -> Float[np.ndarray, "nodes frames 4 4"]:
    """Where the nodes are in the world, of nodes with their parents first."""
    world = np.empty((len(nodes), len(times), 4, 4))
    for number, node in enumerate(nodes):
        if "matrix" in node:
            local = np.broadcast_to(np.array(node["matrix"], dtype=float).reshape(4, 4).T, (len(times), 4, 4))
        else:
            rotation, scale, translation = (
                _sample(tracks[number, kind], times)
                if (number, kind) in tracks
                else np.tile(np.array(node.get(kind, still), dtype=float).reshape(len(still)), (len(times), 1))
                for kind, still in _STILL.items()
            )
            local = np.zeros((len(times), 4, 4))
            local[:, :3, :3] = quaternion_to_matrix(rotation) * scale[:, None]
            local[:, :3, 3], local[:, 3, 3] = translation, 1.0
        with np.errstate(all="ignore"):  # what overflows is found by `scene_to_bvh`
            world[number] = world[parents[number]] @ local if parents[number] >= 0 else local
    return world


def _sample(track: _Track, at: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames width"]:
    """A track's values at times; before its first and after its last key it stays as it is there.

    Between the keys of a rotation (x, y, z, w) the shorter way is taken, and of two that are near the straight line:
    it is made a rotation again by whoever uses it.
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
        return hermite + span[:, None] * (u * (1 - u) ** 2 * out[low] - u**2 * (1 - u) * into[high])
    first, last = values[low], values[high]
    if values.shape[1] == 4:
        return _slerp(first, last, u)
    return first + u * (last - first)


def _slerp(first: np.ndarray, last: np.ndarray, u: np.ndarray) -> Float[np.ndarray, "frames 4"]:
    """sin((1-u) a) / sin(a) first + sin(u a) / sin(a) last, a the angle between the two, the shorter way."""
    cosine = np.einsum("fi,fi->f", first, last)[:, None]
    last, cosine = np.where(cosine < 0, -last, last), np.minimum(np.abs(cosine), 1.0)
    angle = np.arccos(cosine)
    near = angle < 1e-4
    sine = np.where(near, 1.0, np.sin(angle))
    return (
        np.where(near, 1 - u, np.sin((1 - u) * angle) / sine) * first
        + np.where(near, u, np.sin(u * angle) / sine) * last
    )
