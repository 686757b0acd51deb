"""A motion as an animated, skinned mannequin in one binary glTF 2.0 file.

The 22 joints are nodes whose rest is the BVH's T-pose (`lead.motion.rigs.retarget`). The mesh (`mannequin`) stands in
that pose. Each joint has one rotation a frame; the pelvis has a translation too.
Conventions: meters, Y up, facing +Z, as glTF requires. Knows nothing of other skins.
Source: Khronos, glTF 2.0 specification.
"""

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from lead.motion.atomic import write_atomically
from lead.motion.bodies.mannequin import Mesh, mannequin
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import matrix_to_quaternion, unwrap_quaternions
from lead.motion.skeleton import PARENTS

METERS = 0.01
"""Meters in a unit of our BVH, a centimeter."""
COLOR = (0.62, 0.59, 0.55, 1.0)
_FLOAT, _USHORT, _UBYTE = 5126, 5123, 5121  # glTF's numbers for types, targets and buffer views
_DTYPES = {_FLOAT: "<f4", _USHORT: "<u2", _UBYTE: "u1"}
_VERTICES, _INDICES = 34962, 34963
_FULL = 65535
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

Json = Mapping[str, object]
"""An object of glTF's JSON."""


def write_glb(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, path: str | os.PathLike[str], name: str = ""
) -> Path:
    """Write the motion as a GLB, atomically."""
    return write_atomically(Path(path), format_glb(motion_to_bvh(joints, fps), name))


def format_glb(bvh: Bvh, name: str = "") -> bytes:
    """The bytes of a GLB. The motion is on our own 22 joints, as `motion_to_bvh` gives it."""
    offsets = bvh.offsets * METERS
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        rest[joint] = rest[parent] + offsets[joint]
    body = _Buffer()
    meshes = [_add_mesh(body, mannequin(rest))]
    bind = np.tile(np.eye(4), (22, 1, 1))
    bind[:, 3, :3] = -rest  # column-major: the last row in memory is the translation
    skin = {"joints": list(range(22)), "skeleton": 0, "inverseBindMatrices": body.add(bind.reshape(22, 16))}
    document = {
        **_scene(bvh, offsets),
        "meshes": meshes,
        "skins": [skin],
        "animations": [_add_animation(body, bvh, name or "motion")],
        "accessors": body.accessors,
        "bufferViews": body.views,
        "buffers": [{"byteLength": len(body.content)}],
    }
    return _pack_chunks(document, bytes(body.content))


def _scene(bvh: Bvh, offsets: Float[np.ndarray, "22 3"]) -> Json:
    """Scene, nodes (the joints, then the mesh) and material."""
    nodes: list[Json] = []
    for joint, joint_name in enumerate(bvh.names):
        children = [child for child, parent in enumerate(PARENTS) if parent == joint]
        node = {"name": joint_name, "translation": offsets[joint].astype(np.float32).tolist()}
        nodes.append({**node, "children": children} if children else node)
    nodes.append({"name": "mannequin", "mesh": 0, "skin": 0})
    surface = {"baseColorFactor": COLOR, "metallicFactor": 0.0, "roughnessFactor": 0.75}
    return {
        "asset": {"version": "2.0", "generator": "lead-invert"},
        "scene": 0,
        "scenes": [{"nodes": [0, len(nodes) - 1]}],
        "nodes": nodes,
        "materials": [{"name": "plain", "pbrMetallicRoughness": surface}],
    }


def _add_mesh(body: "_Buffer", mesh: Mesh) -> Json:
    """The mesh's arrays in the buffer; its JSON."""
    normals = mesh.normals / np.linalg.norm(mesh.normals, axis=-1, keepdims=True)
    weights = np.floor(mesh.weights * _FULL)
    weights[:, 0] += _FULL - weights.sum(axis=1)  # the largest weight takes the rounding, so that each row sums to 1
    attributes = {
        "POSITION": body.add(mesh.vertices, target=_VERTICES, bounds=True),
        "NORMAL": body.add(normals, target=_VERTICES),
        "JOINTS_0": body.add(np.where(weights > 0, mesh.joints, 0), _UBYTE, _VERTICES),
        "WEIGHTS_0": body.add(weights, _USHORT, _VERTICES, normalized=True),
    }
    indices = body.add(mesh.triangles.reshape(-1, 1), _USHORT, _INDICES)
    return {"name": "mannequin", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}


def _add_animation(body: "_Buffer", bvh: Bvh, name: str) -> Json:
    """A rotation for each joint and frame, and the place of the pelvis, in the buffer; the animation's JSON."""
    translations, rotations = bvh.local()
    quaternions = unwrap_quaternions(matrix_to_quaternion(rotations))
    times = body.add(np.arange(len(quaternions))[:, None] / bvh.fps, bounds=True)
    samplers = [{"input": times, "output": body.add(translations[:, 0] * METERS)}]
    channels: list[Json] = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(22):
        channels.append({"sampler": len(samplers), "target": {"node": joint, "path": "rotation"}})
        samplers.append({"input": times, "output": body.add(quaternions[:, joint])})
    return {"name": name, "samplers": samplers, "channels": channels}


class _Buffer:
    """The binary part of a GLB, and what describes it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.accessors: list[Json] = []
        self.views: list[Json] = []

    def add(
        self,
        values: Float[np.ndarray, "count width"] | Int[np.ndarray, "count width"],
        kind: int = _FLOAT,
        target: int | None = None,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        """Append an array as glTF's type `kind`; returns the number of its accessor.

        `bounds` states each column's smallest and largest value; `normalized` says that whole numbers stand for 0 to 1.
        """
        array = np.ascontiguousarray(values, dtype=_DTYPES[kind])
        accessor: dict[str, object] = {
            "bufferView": len(self.views), "componentType": kind, "count": len(array), "type": _TYPES[array.shape[1]],
        }  # fmt: skip
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        if normalized:
            accessor["normalized"] = True
        view = {"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes}
        self.views.append({**view, "target": target} if target else view)
        self.accessors.append(accessor)
        self.content += array.tobytes() + bytes(-array.nbytes % 4)
        return len(self.accessors) - 1


def _pack_chunks(document: Json, binary: bytes) -> bytes:
    """The chunks of a GLB: the JSON, padded with spaces, then the buffer."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    return header + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
