"""What glTF 2.0 files are written from: a skeleton's nodes, its animation, arrays in a buffer, chunks.

Conventions: meters, Y up, facing +Z, as glTF requires; the joints are the first nodes. The reverse is `gltf`.
Source: Khronos, glTF 2.0 specification.
"""

import json
import struct
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from lead.motion.formats.baked import BakedAnimation
from lead.motion.formats.joint_tree import list_children

FLOAT, USHORT, UBYTE = 5126, 5123, 5121
"""glTF's numbers for types of numbers."""
VERTICES, INDICES = 34962, 34963
"""glTF's numbers for what a buffer view is for."""
ASSET = {"version": "2.0", "generator": "lead-invert"}
_DTYPES = {FLOAT: "<f4", USHORT: "<u2", UBYTE: "u1"}
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

Json = Mapping[str, object]
"""An object of glTF's JSON."""


def list_nodes(motion: BakedAnimation) -> list[Json]:
    """A node for each joint, at rest."""
    nodes: list[Json] = []
    for name, rest, children in zip(motion.names, motion.rest, list_children(motion.parents), strict=True):
        node = {"name": name, "translation": rest.astype(np.float32).tolist()}
        nodes.append({**node, "children": children} if children else node)
    return nodes


class GltfBuffer:
    """The binary part of a GLB, and what describes it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.accessors: list[Json] = []
        self.views: list[Json] = []

    def add(
        self,
        values: Float[np.ndarray, "count width"] | Int[np.ndarray, "count width"],
        kind: int = FLOAT,
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

    def add_animation(self, motion: BakedAnimation, name: str) -> Json:
        """A rotation for each joint and frame, and places of those that move, in the buffer; the animation's JSON."""
        times = self.add(np.arange(len(motion.rotations))[:, None] / motion.fps, bounds=True)
        samplers: list[Json] = []
        channels: list[Json] = []
        for path, values, joints in (
            ("translation", motion.translations, np.flatnonzero(motion.moving).tolist()),
            ("rotation", motion.rotations, range(len(motion.names))),
        ):
            for joint in joints:
                channels.append({"sampler": len(samplers), "target": {"node": joint, "path": path}})
                samplers.append({"input": times, "output": self.add(values[:, joint])})
        return {"name": name, "samplers": samplers, "channels": channels}

    def describe(self) -> dict[str, object]:
        """The entries of the document that describe the buffer."""
        return {
            "accessors": self.accessors, "bufferViews": self.views, "buffers": [{"byteLength": len(self.content)}],
        }  # fmt: skip


def pack_glb(document: Json, binary: bytes) -> bytes:
    """The chunks of a GLB: the JSON, padded with spaces, then the buffer."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    return header + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
