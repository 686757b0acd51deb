"""Small binary FBX files for tests: any records, and a skeleton with curves."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TICKS = 46186158000
Fields = tuple[str, list[Any], list[Any]]


def record(name: str, properties: Sequence[Any] = (), children: Sequence[Fields] = ()) -> Fields:
    return name, list(properties), list(children)


def fbx_bytes(records: Sequence[Fields], version: int = 7400) -> bytes:
    head = b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", version)
    body = b""
    for one in records:
        body += _encode(one, len(head) + len(body), version)
    return head + body + bytes(25 if version >= 7500 else 13)


def _encode(fields: Fields, start: int, version: int) -> bytes:
    name, properties, children = fields
    layout = "<QQQB" if version >= 7500 else "<IIIB"
    values = b"".join(map(_property, properties))
    inner = b""
    place = start + struct.calcsize(layout) + len(name) + len(values)
    for child in children:
        inner += _encode(child, place + len(inner), version)
    if children:
        inner += bytes(struct.calcsize(layout))
    end = place + len(inner)
    return struct.pack(layout, end, len(properties), len(values), len(name)) + name.encode() + values + inner


def _property(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        kind = {"f": b"f", "d": b"d", "q": b"l", "l": b"l", "i": b"i"}[value.dtype.char]
        packed = zlib.compress(value.tobytes())
        return kind + struct.pack("<III", len(value), 1, len(packed)) + packed
    if isinstance(value, str):
        return b"S" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, float):
        return b"D" + struct.pack("<d", value)
    return b"L" + struct.pack("<q", value)


def skeleton_fbx(
    names: Sequence[str],
    parents: Sequence[int],
    settings: Sequence[Mapping[str, Sequence[float]]],
    curves: Mapping[tuple[int, str], np.ndarray] | Sequence[Mapping[tuple[int, str], np.ndarray]],
    times: np.ndarray | Mapping[tuple[int, str], np.ndarray],
    scene: Mapping[str, float] | None = None,
    version: int = 7400,
    stacks: Sequence[str] = ("Take 001",),
    skin: bool = False,
) -> bytes:
    """Limb nodes with Properties70, and curves [frames, 3] by node and property on the last of the stacks.

    `curves` may be several of these: the last stacks have one each. `times` may be given by node and property. With
    `skin` there is a mesh too, to whose clusters each node is linked, half of them before the link to the parent.
    """

    def table(values: Mapping[str, Sequence[float]]) -> Fields:
        rows = [record("P", [name, "", "", "A", *map(float, value)]) for name, value in values.items()]
        return record("Properties70", [], rows)

    objects, links = [], []
    for n, name in enumerate(names):
        objects.append(record("Model", [100 + n, f"{name}\x00\x01Model", "LimbNode"], [table(settings[n])]))
        links.append(("OO", 100 + n, 100 + parents[n] if parents[n] >= 0 else 0))
    for n, stack in enumerate(stacks):
        objects.append(record("AnimationStack", [10 + n, f"{stack}\x00\x01AnimStack", ""]))
        objects.append(record("AnimationLayer", [20 + n, "Base\x00\x01AnimLayer", ""]))
        links.append(("OO", 20 + n, 10 + n))
    if skin:
        objects += [record("Geometry", [9000, "Body\x00\x01Geometry", "Mesh"]),
                    record("Model", [9001, "Body\x00\x01Model", "Mesh"]),
                    record("Deformer", [9002, "\x00\x01Deformer", "Skin"])]  # fmt: skip
        links += [("OO", 9001, 0), ("OO", 9000, 9001), ("OO", 9002, 9000)]
        for n, name in enumerate(names):
            objects.append(record("Deformer", [9100 + n, f"{name}\x00\x01SubDeformer", "Cluster"]))
            links += [("OO", 9100 + n, 9002)]
            links.insert(0 if n % 2 else len(links), ("OO", 100 + n, 9100 + n))
    animations = [curves] if isinstance(curves, Mapping) else curves
    layers = range(20 + len(stacks) - len(animations), 20 + len(stacks))
    every = [(layer, target, values) for layer, its in zip(layers, animations, strict=True)
             for target, values in its.items()]  # fmt: skip
    for n, (layer, (node, kind), values) in enumerate(every):
        when = times[node, kind] if isinstance(times, Mapping) else times
        objects.append(record("AnimationCurveNode", [1000 + n, "T\x00\x01AnimCurveNode", ""]))
        links += [("OO", 1000 + n, layer), ("OP", 1000 + n, 100 + node, kind)]
        for axis in range(3):
            number = 5000 + 3 * n + axis
            keys = [record("KeyTime", [np.round(when * TICKS).astype(np.int64)]),
                    record("KeyValueFloat", [values[:, axis].astype(np.float32)]),
                    record("KeyAttrFlags", [np.array([4], dtype=np.int32)]),
                    record("KeyAttrDataFloat", [np.zeros(4, dtype=np.float32)]),
                    record("KeyAttrRefCount", [np.array([len(when)], dtype=np.int32)])]  # fmt: skip
            objects.append(record("AnimationCurve", [number, "\x00\x01AnimCurve", ""], keys))
            links.append(("OP", number, 1000 + n, f"d|{'XYZ'[axis]}"))
    settings_table = {name: [value] for name, value in (scene or {}).items()}
    records = [
        record("FBXHeaderExtension", [], [record("FBXVersion", [version])]),
        record("GlobalSettings", [], [table(settings_table)]),
        record("Objects", [], objects),
        record("Connections", [], [record("C", list(link)) for link in links]),
    ]
    return fbx_bytes(records, version)
