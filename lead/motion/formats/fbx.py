"""FBX skeletons and their animation to a `Bvh`: binary files of version 7, as all tools have written for years.

What is read: bones, what moves them, one animation; keys are joined by straight lines, for a recording is baked frame
by frame.  Meshes, constraints and further layers are passed over.
Conventions: centimeters, Y up, by what the file states of its unit and axes.  A node's place under its parent is, with
T, R and S animated and the rest fixed,

    x -> T + R_off + R_p + R_pre R R_post^-1 (S_off + S_p - R_p + S (x - S_p)),

rotations as Euler angles in the node's own order, X innermost in the usual one.  Source: Autodesk's FBX documentation.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError
from lead.motion.formats.bvh import MAX_FILE_BYTES, Bvh
from lead.motion.formats.fbx_records import Record, parse_records
from lead.motion.formats.scene import MAX_NODES, key_times, nearest_kept, scene_to_bvh, skeleton_nodes
from lead.motion.rotations import euler_to_matrix

_TICKS = 46186158000
"""A second."""
_SKIP = ("Geometry", "Video", "Texture", "Material", "Deformer", "Pose", "NodeAttribute", "Definitions", "References")
_ORDERS = ("ZYX", "YZX", "XZY", "ZXY", "YXZ", "XYZ", "ZYX")
"""By the number in the file, first axis outermost."""
_MOVED = {"Lcl Translation": 0.0, "Lcl Rotation": 0.0, "Lcl Scaling": 1.0}

Curve = tuple[Float[np.ndarray, "keys"], Float[np.ndarray, "keys"]]
"""Seconds and values."""


@dataclass(eq=False)
class _Node:
    """A Model of the file."""

    name: str
    bone: bool
    settings: Mapping[str, tuple[Any, ...]]
    parent: int = -1
    """Its number among the nodes."""
    curves: dict[tuple[str, int], Curve] = field(default_factory=dict)
    """By property and axis."""


def read_fbx(path: str | os.PathLike[str], fps: float | None = None, own_unit: bool = False) -> Bvh:
    """The skeleton of an FBX file and its first animation; `fps` stands in place of the keys' own rate.

    With `own_unit` lengths stay as they are in the file, whatever unit it states.

    Raises MotionError naming the file and what is wrong with it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise MotionError(f"larger than {MAX_FILE_BYTES} bytes; export the skeleton without its meshes.")
        with np.errstate(all="ignore"):  # what overflows or is no number is found by `scene_to_bvh`
            return _to_bvh(parse_records(path.read_bytes(), _SKIP), fps, own_unit)
    except OSError as error:
        raise MotionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None
    except (IndexError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise MotionError(f"{path}: not a valid FBX file ({type(error).__name__}: {str(error)[:80]}).") from None


def _to_bvh(file: Record, fps: float | None, own_unit: bool) -> Bvh:
    nodes, notes = _scene(file)
    moved = {number for number, node in enumerate(nodes) if node.curves}
    if not moved:
        raise MotionError("no animation in it; export the skeleton with its motion, baked.")
    parents = [node.parent for node in nodes]
    keep = skeleton_nodes(parents, {number for number, node in enumerate(nodes) if node.bone}, moved)
    keys = [times for number in keep for times, _ in nodes[number].curves.values()]
    if not keys:
        raise MotionError("no animation of its bones; export the skeleton with its motion, baked.")
    times, rate = key_times(keys, len(nodes))
    settings = _settings(file.first("GlobalSettings"))
    axes = _axes(settings) * (1.0 if own_unit else float(settings.get("UnitScaleFactor", (1.0,))[0]))
    rest, world = _worlds(nodes, times[:0], axes), _worlds(nodes, times, axes)
    names = [nodes[number].name[:200] or f"node_{number}" for number in keep]
    above = nearest_kept(keep, parents)
    return scene_to_bvh(names, above, rest[keep, 0], world[keep], rate if fps is None else fps, notes)


def _settings(record: Record) -> dict[str, tuple[Any, ...]]:
    """A record's Properties70: by name the values."""
    return {str(p.properties[0]): p.properties[4:] for p in record.first("Properties70").all("P")}


def _scene(file: Record) -> tuple[list[_Node], tuple[str, ...]]:
    """The nodes, parents first, with the curves of the first animation that moves any; and what to say of it."""
    objects = file.first("Objects")
    links = [link.properties for link in file.first("Connections").all("C")]
    above = {link[1]: link[2] for link in links if link[0] == "OO"}
    models = {record.properties[0]: record for record in objects.all("Model")}
    if not 0 < len(models) <= MAX_NODES:
        raise MotionError(f"{len(models)} nodes; expected 1 to {MAX_NODES}.")
    order: list[Any] = []
    placed: dict[Any, int] = {}
    for identity in models:
        path = [identity]
        while path[-1] not in placed and above.get(path[-1]) in models and len(path) <= len(models):
            path.append(above[path[-1]])
        if len(path) > len(models):
            raise MotionError("its nodes go round in a circle; expected a tree.")
        for one in reversed(path):
            if one not in placed:
                placed[one] = len(order)
                order.append(one)
    nodes = [_node(models[identity], placed.get(above.get(identity), -1)) for identity in order]
    return nodes, _animate(nodes, placed, objects, links)


def _node(record: Record, parent: int) -> _Node:
    name = str(record.properties[1]).partition("\x00\x01")[0]
    return _Node(name, record.properties[2] in ("LimbNode", "Limb", "Root"), _settings(record), parent)


def _animate(
    nodes: list[_Node], placed: Mapping[Any, int], objects: Record, links: list[tuple[Any, ...]]
) -> tuple[str, ...]:
    """Give the nodes the curves of the first stack whose first layer moves any."""
    curves = {record.properties[0]: record for record in objects.all("AnimationCurve")}
    curve_nodes = {record.properties[0]: record for record in objects.all("AnimationCurveNode")}
    layers = {record.properties[0] for record in objects.all("AnimationLayer")}
    stacks = {
        record.properties[0]: str(record.properties[1]).partition("\x00")[0] for record in objects.all("AnimationStack")
    }
    moves = {link[1]: (placed[link[2]], link[3]) for link in links if link[0] == "OP" and link[1] in curve_nodes
             and link[2] in placed and link[3] in _MOVED}  # fmt: skip
    parts = {link[1]: (link[2], link[3]) for link in links if link[0] == "OP" and link[1] in curves}
    inside = [(link[1], link[2]) for link in links if link[0] == "OO"]
    takes = []
    for stack, title in stacks.items():
        its_layers = [child for child, parent in inside if parent == stack and child in layers]
        moving = [[c for c, parent in inside if parent == layer and c in moves] for layer in its_layers]
        takes += [(title, [layer for layer in moving if layer])] if any(moving) else []
    if not takes:
        return ()
    title, moving = takes[0]
    for curve, (curve_node, axis) in parts.items():
        if curve_node in moving[0] and str(axis)[-1:] in "XYZ":
            number, prop = moves[curve_node]
            nodes[number].curves[prop, "XYZ".index(axis[-1])] = _curve(curves[curve])
    several = (f"{len(takes)} animations: the first, {title[:80]!r}, was read",) if len(takes) > 1 else ()
    layered = ("an animation in several layers: the first was read",) if len(moving) > 1 else ()
    return (*several, *layered)


def _curve(record: Record) -> Curve:
    ticks, values = (np.asarray(record.first(name).properties[0], float) for name in ("KeyTime", "KeyValueFloat"))
    times = ticks / _TICKS
    if times.ndim != 1 or len(times) != len(values) or not len(times) or (np.diff(times) < 0).any():
        raise MotionError("an animation curve whose times and values do not fit each other.")
    return times, values


def _axes(settings: Mapping[str, tuple[Any, ...]]) -> Float[np.ndarray, "3 3"]:
    """What turns the file's axes to Y up and Z to the front."""
    up, front = (
        np.eye(3)[int(settings.get(f"{axis}Axis", (n,))[0]) % 3] * settings.get(f"{axis}AxisSign", (1,))[0]
        for n, axis in ((1, "Up"), (2, "Front"))
    )
    return np.array([np.cross(up, front), up, front])


def _worlds(
    nodes: list[_Node], times: Float[np.ndarray, "frames"], axes: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "nodes frames 4 4"]:
    """Where the nodes are at the times; with no times one frame of how they are without animation."""
    top = np.eye(4)
    top[:3, :3] = axes
    world = np.empty((len(nodes), max(len(times), 1), 4, 4))
    for number, node in enumerate(nodes):
        world[number] = (world[node.parent] if node.parent >= 0 else top) @ _local(node, times)
    return world


def _local(node: _Node, times: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames 4 4"]:
    def fixed(name: str) -> np.ndarray:
        return np.array(node.settings.get(name, (0.0, 0.0, 0.0))[:3], dtype=float)

    def moving(name: str) -> np.ndarray:
        still = np.array(node.settings.get(name, (_MOVED[name],) * 3)[:3], dtype=float)
        values = np.tile(still, (max(len(times), 1), 1))
        for axis in range(3):
            if len(times) and (name, axis) in node.curves:
                values[:, axis] = np.interp(times, *node.curves[name, axis])
        return values

    order = _ORDERS[int(node.settings.get("RotationOrder", (0,))[0])]
    before, after = (euler_to_matrix(np.radians(fixed(name)[::-1]), "ZYX") for name in ("PreRotation", "PostRotation"))
    angles = np.radians(moving("Lcl Rotation"))[:, ["XYZ".index(axis) for axis in order]]
    turn = before @ euler_to_matrix(angles, order) @ after.T
    scale, pivot, scale_pivot = moving("Lcl Scaling"), fixed("RotationPivot"), fixed("ScalingPivot")
    inner = fixed("ScalingOffset") + scale_pivot - pivot - scale * scale_pivot
    local = np.zeros((len(turn), 4, 4))
    local[:, :3, :3] = turn * scale[:, None]
    local[:, :3, 3] = moving("Lcl Translation") + fixed("RotationOffset") + pivot + np.einsum("fij,fj->fi", turn, inner)
    local[:, 3, 3] = 1.0
    return local
