"""A motion as an animated, skinned mannequin in one binary glTF 2.0 file.

The 22 joints are a chain of nodes whose rest is the T-pose that the BVH has (`retarget.own_offsets`), in meters, Y up,
facing +Z, as glTF wants them; the mesh (`mannequin`) stands in that pose; each joint has one rotation a frame, the
pelvis a translation too.  Knows nothing of other skins.
Source: Khronos, glTF 2.0 specification.
"""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.bodies.mannequin import Mesh, mannequin
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import matrix_to_quaternion, unwrap_quaternions
from lead.motion.skeleton import PARENTS

METRES = 0.01
"""Our BVH counts in centimeters."""
COLOR = (0.62, 0.59, 0.55, 1.0)
_FLOAT, _USHORT, _UBYTE = 5126, 5123, 5121
_DTYPES = {_FLOAT: "<f4", _USHORT: "<u2", _UBYTE: "u1"}
_VERTICES, _INDICES = 34962, 34963
_FULL = 65535
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


def write_glb(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, path: str | os.PathLike[str], name: str = ""
) -> Path:
    """Write the motion as a GLB, whole or not at all."""
    return write_atomically(Path(path), format_glb(motion_to_bvh(joints, fps), name))


def format_glb(bvh: Bvh, name: str = "") -> bytes:
    """The bytes of a GLB of a motion on our own 22 joints, as `motion_to_bvh` gives it."""
    offsets = bvh.offsets * METRES
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        rest[joint] = rest[parent] + offsets[joint]
    body = _Buffer()
    document = _document(bvh, offsets)
    document["meshes"] = [_mesh(body, mannequin(rest))]
    bind = np.tile(np.eye(4), (22, 1, 1))
    bind[:, 3, :3] = -rest  # column-major: the last row in memory is the translation
    document["skins"] = [
        {"joints": list(range(22)), "skeleton": 0, "inverseBindMatrices": body.add(bind.reshape(22, 16))}
    ]
    document["animations"] = [_animation(body, bvh, name or "motion")]
    document["accessors"], document["bufferViews"] = body.accessors, body.views
    document["buffers"] = [{"byteLength": len(body.content)}]
    return _container(document, bytes(body.content))


def _document(bvh: Bvh, offsets: Float[np.ndarray, "22 3"]) -> dict[str, Any]:
    """Scene, nodes (the joints, then the mesh) and material."""
    nodes: list[dict[str, Any]] = []
    for joint, joint_name in enumerate(bvh.names):
        children = [child for child, parent in enumerate(PARENTS) if parent == joint]
        node = {"name": joint_name, "translation": offsets[joint].astype(np.float32).tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    nodes.append({"name": "mannequin", "mesh": 0, "skin": 0})
    surface = {"baseColorFactor": COLOR, "metallicFactor": 0.0, "roughnessFactor": 0.75}
    return {
        "asset": {"version": "2.0", "generator": "lead-invert"},
        "scene": 0,
        "scenes": [{"nodes": [0, len(nodes) - 1]}],
        "nodes": nodes,
        "materials": [{"name": "plain", "pbrMetallicRoughness": surface}],
    }


def _mesh(body: "_Buffer", mesh: Mesh) -> dict[str, Any]:
    normals = mesh.normals / np.linalg.norm(mesh.normals, axis=-1, keepdims=True)
    weights = np.floor(mesh.weights * _FULL)
    weights[:, 0] += _FULL - weights.sum(axis=1)  # the heaviest takes what rounding left, so that each sums to 1
    attributes = {
        "POSITION": body.add(mesh.vertices, target=_VERTICES, bounds=True),
        "NORMAL": body.add(normals, target=_VERTICES),
        "JOINTS_0": body.add(np.where(weights > 0, mesh.joints, 0), _UBYTE, _VERTICES),
        "WEIGHTS_0": body.add(weights, _USHORT, _VERTICES, normalized=True),
    }
    indices = body.add(mesh.triangles.reshape(-1, 1), _USHORT, _INDICES)
    return {"name": "mannequin", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}


def _animation(body: "_Buffer", bvh: Bvh, name: str) -> dict[str, Any]:
    """A rotation a joint and frame, and where the pelvis is."""
    translations, rotations = bvh.local()
    quaternions = unwrap_quaternions(matrix_to_quaternion(rotations))
    times = body.add(np.arange(len(quaternions))[:, None] / bvh.fps, bounds=True)
    samplers = [{"input": times, "output": body.add(translations[:, 0] * METRES)}]
    channels = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(22):
        channels.append({"sampler": len(samplers), "target": {"node": joint, "path": "rotation"}})
        samplers.append({"input": times, "output": body.add(quaternions[:, joint])})
    return {"name": name, "samplers": samplers, "channels": channels}


class _Buffer:
    """The binary part of a GLB, and what describes it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []

    def add(
        self,
        values: Float[np.ndarray, "count width"],
        kind: int = _FLOAT,
        target: int | None = None,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        """Append an array; the number of its accessor."""
        array = np.ascontiguousarray(values, dtype=_DTYPES[kind])
        accessor: dict[str, Any] = {
            "bufferView": len(self.views), "componentType": kind, "count": len(array), "type": _TYPES[array.shape[1]],
        }  # fmt: skip
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        if normalized:
            accessor["normalized"] = True
        view = {"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes}
        self.views.append(view | ({"target": target} if target else {}))
        self.accessors.append(accessor)
        self.content += array.tobytes() + bytes(-array.nbytes % 4)
        return len(self.accessors) - 1


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """The chunks of a GLB: JSON padded with spaces, then the buffer."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    return header + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
