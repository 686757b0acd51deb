"""glTF files for tests: a GLB to its JSON and buffer and back, and further arrays in the buffer."""

import json
import struct
from typing import Any

import numpy as np

Document = dict[str, Any]


def split_glb(glb: bytes) -> tuple[Document, bytes]:
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length]), glb[28 + length :]


def join_glb(document: Document, binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def read_accessor(document: Document, binary: bytes, accessor: Document) -> np.ndarray:
    view = document["bufferViews"][accessor["bufferView"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    return np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"]).reshape(-1, width).astype(float)


def add_view(document: Document, binary: bytes, values: np.ndarray) -> tuple[int, bytes]:
    """The number of a new buffer view that holds the values, and the buffer with them."""
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
    binary += values.tobytes() + bytes(-values.nbytes % 4)
    document["buffers"][0]["byteLength"] = len(binary)
    return len(document["bufferViews"]) - 1, binary


def add_accessor(document: Document, binary: bytes, values: np.ndarray) -> tuple[int, bytes]:
    """The number of a new accessor of rows of floats, and the buffer with them."""
    view, binary = add_view(document, binary, values.astype("<f4"))
    kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
    document["accessors"].append({"bufferView": view, "componentType": 5126, "count": len(values), "type": kind})
    return len(document["accessors"]) - 1, binary


def add_animation(document: Document, binary: bytes, name: str, times: np.ndarray, rotations: np.ndarray) -> bytes:
    """An animation of rotations [joints, frames, 4] of the first nodes; returns the buffer with it."""
    start, binary = add_accessor(document, binary, times[:, None])
    samplers, channels = [], []
    for node, values in enumerate(rotations):
        output, binary = add_accessor(document, binary, values)
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": "rotation"}})
        samplers.append({"input": start, "output": output})
    document["animations"].append({"name": name, "samplers": samplers, "channels": channels})
    return binary
