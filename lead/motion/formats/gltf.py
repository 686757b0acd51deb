"""glTF 2.0 skeletons and their animations, binary (.glb, .vrm, .vrma) or text (.gltf), to a `Scene`.

What is read: nodes, skins, VRM's names of a person's bones, and animations of translations, rotations and scales
(linear, step and cubic). Meshes, materials and morph targets are ignored. Buffers stand in the file, in data URIs, or
in files beside it.
Conventions: as in the file; glTF is in meters with Y up. What a file claims is checked against its size. Keys stay in
their buffer until they are sampled, so that many channels may share them.
Source: Khronos, glTF 2.0 specification; VRM Consortium, VRM 0.0, VRMC_vrm 1.0 and VRMC_vrm_animation 1.0.
"""

import base64
import binascii
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float, Num

from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.key_times import Times
from lead.motion.formats.limits import MAX_FILE_BYTES, MAX_KEYS, MAX_NODES, read_bytes
from lead.motion.formats.scene import Animation, Scene, Track, Values, make_names_unique, report_damage
from lead.motion.read_options import ReadOptions
from lead.motion.rotations import quaternion_to_matrix

Json = dict[str, Any]
"""An object of the file's JSON. Readers of it raise what `report_damage` knows if it is not as the specification has
it."""
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_STILL = {"rotation": (0, 0, 0, 1), "scale": (1, 1, 1), "translation": (0, 0, 0)}
"""The properties of a node that may move, and their defaults."""
_ROUNDING = 1e-5
"""Seconds by which a key may lie after its frame, for times are in single precision."""
_SAME = 1e-5
"""Numbers that differ by less are one value."""
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
VRM_BONES = {
    "hips": "pelvis", "neck": "neck", "head": "head",
    **{f"{side}{theirs}": f"{side}_{ours}" for side in ("left", "right") for theirs, ours in (
        ("UpperLeg", "hip"), ("LowerLeg", "knee"), ("Foot", "ankle"), ("Toes", "foot"), ("Shoulder", "collar"),
        ("UpperArm", "shoulder"), ("LowerArm", "elbow"), ("Hand", "wrist"),
    )},
}  # fmt: skip
"""VRM's names of bones -> our joints. Those of the spine are told apart by the tree."""


def read_scene(path: Path, options: ReadOptions = ReadOptions()) -> Scene:
    """The nodes of a glTF file and its animations. Raises MotionError naming the file and what is wrong with it."""
    with name_file_in_errors(path), report_damage("glTF"):
        return _document_to_scene(_Document(path))


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
        self._folder, self._binary = path.parent, binary
        self._buffers: dict[int, bytes] = {}
        self._accessors: dict[int, Num[np.ndarray, "count width"]] = {}
        self.changing: dict[tuple[int, str], bool] = {}
        """Whether the values of an accessor, interpolated in this way, change."""

    def measure_accessor(self, number: int) -> int:
        """How many numbers an accessor claims to have."""
        accessor = _get_item(self.json["accessors"], number)
        if not isinstance(accessor["count"], int) or accessor["count"] < 1:
            raise MotionError(f"accessor {number} has sizes that cannot be.")
        return int(accessor["count"]) * _WIDTHS[accessor["type"]]

    def read_accessor(self, number: int) -> Num[np.ndarray, "count width"]:
        """An accessor's numbers as they are in the buffer (`to_floats`): a view of it, unless the accessor is sparse.

        Raises MotionError for one that reaches beyond its buffer.
        """
        if number not in self._accessors:
            self._accessors[number] = self._view_accessor(number)
        return self._accessors[number]

    def _view_accessor(self, number: int) -> Num[np.ndarray, "count width"]:
        if self.measure_accessor(number) > MAX_KEYS:
            raise MotionError(f"accessor {number} claims more than {MAX_KEYS} numbers; cut the animation.")
        accessor = _get_item(self.json["accessors"], number)
        kind, width, count = accessor["componentType"], _WIDTHS[accessor["type"]], accessor["count"]
        rows: Num[np.ndarray, "count width"] = np.broadcast_to(np.zeros(1, _DTYPES[kind]), (count, width))
        if "bufferView" in accessor:
            rows = self._view_rows(number, accessor, kind, count, width)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            if not isinstance(sparse["count"], int) or not 0 < sparse["count"] <= count:
                raise MotionError(f"accessor {number} has sizes that cannot be.")
            places = self._view_rows(number, sparse["indices"], sparse["indices"]["componentType"], sparse["count"], 1)
            rows = rows.copy()
            rows[places[:, 0]] = self._view_rows(number, sparse["values"], kind, sparse["count"], width)
        return rows

    def _view_rows(self, number: int, place: Json, kind: int, count: int, width: int) -> Num[np.ndarray, "count width"]:
        """Rows of a buffer view, at a place that states it and an offset."""
        view, dtype = _get_item(self.json["bufferViews"], place["bufferView"]), np.dtype(_DTYPES[kind])
        self._refuse_meshopt(view)
        content = memoryview(self._read_buffer(view["buffer"]))
        start, length, offset = view.get("byteOffset", 0), view["byteLength"], place.get("byteOffset", 0)
        stride = view.get("byteStride") or width * dtype.itemsize
        if min(start, length, offset) < 0 or stride < width * dtype.itemsize:
            raise MotionError(f"accessor {number} has sizes that cannot be.")
        if start + length > len(content) or offset + (count - 1) * stride + width * dtype.itemsize > length:
            raise MotionError(f"accessor {number} reaches beyond its buffer: the file is truncated.")
        return np.ndarray((count, width), dtype, content[start : start + length], offset, (stride, dtype.itemsize))

    def _refuse_meshopt(self, view: Json) -> None:
        """MotionError for a compressed buffer view, unless the file has it uncompressed too."""
        required = self.json.get("extensionsRequired") or ()
        buffer = _get_item(self.json["buffers"], view["buffer"])
        for name in _MESHOPT:
            packed = name in (view.get("extensions") or ())
            if packed and (name in required or name in (buffer.get("extensions") or ())):
                raise MotionError(
                    f"its animation is compressed ({name}), which is not read; unpack it by the free program gltfpack, "
                    "0.22 or newer: gltfpack -kn -i packed.glb -o plain.glb"
                )

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


def to_floats(rows: Num[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """An accessor's numbers as floats; integers become fractions of their type's largest, as glTF has it."""
    with np.errstate(invalid="ignore"):  # NaN is found where the result is used
        values = rows.astype(np.float64)
    return values if rows.dtype.kind == "f" else np.maximum(values / np.iinfo(rows.dtype).max, -1.0)


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


def _document_to_scene(document: _Document) -> Scene:
    nodes, parents, order = _order_nodes(document.json)
    place = {number: n for n, number in enumerate(order)}
    names = make_names_unique([str(node.get("name") or f"node_{order[n]}") for n, node in enumerate(nodes)])
    human = {bone: place[number] for bone, number in _list_human_bones(document.json) if number in place}
    skinned = {place[number] for skin in document.json.get("skins") or [] for number in skin["joints"]}
    props = {n for n, node in enumerate(nodes) if {"camera", "skin"} & node.keys() or _is_light(node)}
    animations = tuple(_read_animation(document, place, one) for one in document.json.get("animations") or [])
    return Scene(
        "glTF", names, parents, frozenset(human.values()) or frozenset(skinned), frozenset(props), animations,
        lambda node, values, frames: _compute_local(nodes[node], values, frames),
        joint_map={VRM_BONES[bone]: names[node] for bone, node in human.items() if bone in VRM_BONES},
    )  # fmt: skip


def _is_light(node: Json) -> bool:
    return "KHR_lights_punctual" in (node.get("extensions") or ())


def _list_human_bones(document: Json) -> Iterator[tuple[str, int]]:
    """VRM's name of each bone that the file names, and its node."""
    extensions = document.get("extensions") or {}
    for name in ("VRMC_vrm_animation", "VRMC_vrm", "VRM"):
        if name in extensions:
            bones = extensions[name]["humanoid"]["humanBones"]
            if isinstance(bones, list):  # VRM 0
                yield from ((bone["bone"], bone["node"]) for bone in bones)
            else:
                yield from ((bone, its["node"]) for bone, its in bones.items())
            return


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


def _read_animation(document: _Document, place: Mapping[int, int], animation: Json) -> Animation:
    """An animation; `place` gives a node's place by its number in the file."""
    tracks: dict[int, dict[str, _Track]] = {}
    for channel in animation["channels"]:
        number, kind = channel["target"].get("node"), channel["target"]["path"]
        if number is None or kind not in _STILL:
            continue
        _get_item(document.json["nodes"], number)
        sampler = _get_item(animation["samplers"], channel["sampler"])
        tracks.setdefault(place[number], {})[kind] = _Track(document, sampler, kind)
    return Animation(str(animation.get("name") or "")[:200], tracks)


class _Track(Track):
    """The keys of one property of one node. Nothing is read before it is asked for."""

    def __init__(self, document: _Document, sampler: Json, kind: str) -> None:
        self._document, self._width = document, len(_STILL[kind])
        self._input, self._output = sampler["input"], sampler["output"]
        self._how, self._kind = sampler.get("interpolation", "LINEAR"), kind

    @property
    def size(self) -> int:
        return self._document.measure_accessor(self._input) + self._document.measure_accessor(self._output)

    @cached_property
    def _keys(self) -> tuple[Num[np.ndarray, "keys"], Num[np.ndarray, "keys parts width"]]:
        """Times, and for each the value; of a cubic track slope in, value and slope out. In the file's types."""
        times, values = (self._document.read_accessor(number) for number in (self._input, self._output))
        if self._how not in ("LINEAR", "STEP", "CUBICSPLINE"):
            raise MotionError(f"an interpolation {str(self._how)[:20]!r}; expected LINEAR, STEP or CUBICSPLINE.")
        parts = 3 if self._how == "CUBICSPLINE" else 1
        if times.shape[1] != 1 or values.shape != (len(times) * parts, self._width):
            raise MotionError(
                f"an animation of {len(times)} times and values of shape {values.shape} for a {self._kind}."
            )
        return times[:, 0], values.reshape(len(times), parts, self._width)

    def list_times(self) -> list[Times]:
        times = self._keys[0]
        return [times if times.dtype.kind == "f" else to_floats(times)]

    def changes(self) -> bool:
        known = self._document.changing
        if (self._output, self._how) not in known:
            known[self._output, self._how] = self._compare_values()
        return known[self._output, self._how]

    def _compare_values(self) -> bool:
        values = self._keys[1]
        spread = np.abs(to_floats(values.max(axis=0)) - to_floats(values.min(axis=0)))
        slopes = np.abs(to_floats(values[:, ::2])) if self._how == "CUBICSPLINE" else np.zeros(1)
        return bool((spread > _SAME).any() or (slopes > _SAME).any())

    def sample(self, at: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames width"]:
        """Rotations (x, y, z, w) turn the shorter way.

        Between nearby keys they are interpolated linearly, so the result may not have length 1:
        `quaternion_to_matrix` normalizes it.
        """
        (times,), values = self.list_times(), self._keys[1]
        low = np.clip(np.searchsorted(times, at + _ROUNDING, side="right") - 1, 0, len(times) - 1)
        high = np.minimum(low + 1, len(times) - 1)
        span = (times[high] - times[low]).astype(float)
        u = np.clip((at - times[low]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
        first, last = to_floats(values[low]), to_floats(values[high])
        if self._how == "STEP":
            return first[:, 0]
        if self._how == "CUBICSPLINE":
            hermite = (1 + 2 * u) * (1 - u) ** 2 * first[:, 1] + u**2 * (3 - 2 * u) * last[:, 1]
            return np.asarray(hermite + span[:, None] * (u * (1 - u) ** 2 * first[:, 2] - u**2 * (1 - u) * last[:, 0]))
        if self._kind == "rotation":
            return _slerp(first[:, 0], last[:, 0], u)
        return np.asarray(first[:, 0] + u * (last - first)[:, 0])


def _compute_local(node: Json, values: Values, frames: int) -> Float[np.ndarray, "frames 4 4"]:
    """A node's transform under its parent, by its animated properties."""
    if "matrix" in node:
        return np.broadcast_to(np.array(node["matrix"], dtype=float).reshape(4, 4).T, (frames, 4, 4))
    rotation, scale, translation = (
        values[kind] if kind in values else np.array(node.get(kind, still), dtype=float).reshape(1, len(still))
        for kind, still in _STILL.items()
    )
    local = np.zeros((frames, 4, 4))
    local[:, :3, :3] = quaternion_to_matrix(rotation) * scale[:, None]
    local[:, :3, 3], local[:, 3, 3] = translation, 1.0
    return local


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
