"""FBX skeletons and their animation to a `Bvh`: binary files of version 7, which all tools write.

What is read: bones, what moves them, one animation. Keys are joined by straight lines, for recordings are baked frame
by frame. Meshes, constraints and further layers are ignored.
Conventions: centimeters, Y up, by the unit and axes that the file states. A node's transform under its parent, with
T, R and S animated and the rest fixed, is

    x -> T + R_off + R_p + R_pre R R_post^-1 (S_off + S_p - R_p + S (x - S_p)),

with rotations as Euler angles in the node's own order, X innermost in the usual one.
Source: Autodesk's FBX documentation.
"""

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.fbx_records import Property, Record, parse_records
from lead.motion.formats.limits import MAX_NODES, read_bytes
from lead.motion.formats.scene import list_nearest_kept, sample_key_times, scene_to_bvh, select_skeleton
from lead.motion.read_options import ReadOptions
from lead.motion.rotations import euler_to_matrix

_TICKS = 46186158000
"""In a second."""
_SKIP = ("Geometry", "Video", "Texture", "Material", "Deformer", "Pose", "NodeAttribute", "Definitions", "References")
_ORDERS = ("ZYX", "YZX", "XZY", "ZXY", "YXZ", "XYZ", "ZYX")
"""Rotation orders by their number in the file, first axis outermost."""
_ANIMATED = {"Lcl Translation": 0.0, "Lcl Rotation": 0.0, "Lcl Scaling": 1.0}
"""The properties that curves may move, and their defaults."""

Curve = tuple[Float[np.ndarray, "keys"], Float[np.ndarray, "keys"]]
"""Seconds and values."""
Settings = Mapping[str, tuple[Property, ...]]
"""Values by name."""


@dataclass(eq=False)
class _Node:
    """A Model of the file."""

    name: str
    bone: bool
    settings: Settings
    parent: int = -1
    """Its number among the nodes."""
    curves: dict[tuple[str, int], Curve] = field(default_factory=dict)
    """By property and axis."""


def read_skeleton(path: Path, options: ReadOptions = ReadOptions()) -> Bvh:
    """Read an FBX file; see `read_fbx`. A unit that the user states overrules the file's."""
    return read_fbx(path, options.fps, ignore_unit=options.unit is not None)


def read_fbx(path: str | os.PathLike[str], fps: float | None = None, ignore_unit: bool = False) -> Bvh:
    """The skeleton of an FBX file and its first animation; `fps` replaces the rate of the keys.

    With `ignore_unit` lengths stay as they are in the file, whatever unit it states.
    Raises MotionError naming the file and what is wrong with it.
    """
    with name_file_in_errors(path):
        try:
            content = read_bytes(Path(path), "export the skeleton without its meshes")
            with np.errstate(all="ignore"):  # `scene_to_bvh` finds overflow and NaN
                return _file_to_bvh(parse_records(content, _SKIP), fps, ignore_unit)
        except MotionError:
            raise
        except (IndexError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            raise MotionError(f"not a valid FBX file ({type(error).__name__}: {str(error)[:80]}).") from None


def _file_to_bvh(file: Record, fps: float | None, ignore_unit: bool) -> Bvh:
    nodes, notes = _read_nodes(file)
    moved = {number for number, node in enumerate(nodes) if node.curves}
    if not moved:
        raise MotionError("no animation in it; export the skeleton with its motion, baked.")
    parents = [node.parent for node in nodes]
    keep = select_skeleton(parents, {number for number, node in enumerate(nodes) if node.bone}, moved)
    keys = [times for number in keep for times, _ in nodes[number].curves.values()]
    if not keys:
        raise MotionError("no animation of its bones; export the skeleton with its motion, baked.")
    times, rate = sample_key_times(keys, len(nodes))
    settings = _read_settings(file.find("GlobalSettings"))
    unit = 1.0 if ignore_unit else _read_number(settings, "UnitScaleFactor", 1.0)
    axes = _read_axes(settings) * unit
    rest, world = _compute_worlds(nodes, None, axes), _compute_worlds(nodes, times, axes)
    names = [nodes[number].name[:200] or f"node_{number}" for number in keep]
    above = list_nearest_kept(keep, parents)
    return scene_to_bvh(names, above, rest[keep, 0], world[keep], rate if fps is None else fps, notes)


def _read_settings(record: Record) -> Settings:
    """A record's Properties70."""
    return {str(p.properties[0]): p.properties[4:] for p in record.find("Properties70").find_all("P")}


def _read_number(settings: Settings, name: str, default: float) -> float:
    return float(settings.get(name, (default,))[0])


def _read_nodes(file: Record) -> tuple[list[_Node], tuple[str, ...]]:
    """The nodes, parents first, with the curves of the first animation that moves any; and notes about it."""
    objects = file.find("Objects")
    links = [link.properties for link in file.find("Connections").find_all("C")]
    above = {link[1]: link[2] for link in links if link[0] == "OO"}
    models = {record.properties[0]: record for record in objects.find_all("Model")}
    if not 0 < len(models) <= MAX_NODES:
        raise MotionError(f"{len(models)} nodes; expected 1 to {MAX_NODES}.")
    placed = _order_parents_first(list(models), above)
    parents = [placed.get(above[identity], -1) if identity in above else -1 for identity in placed]
    nodes = [_read_node(models[identity], parent) for identity, parent in zip(placed, parents, strict=True)]
    takes = _list_takes(objects, links, _read_targets(objects, links, placed))
    if not takes:
        return nodes, ()
    _attach_curves(nodes, objects, links, takes[0].targets[0])
    several = (f"{len(takes)} animations: the first, {takes[0].title[:80]!r}, was read",) if len(takes) > 1 else ()
    layered = ("an animation in several layers: the first was read",) if len(takes[0].targets) > 1 else ()
    return nodes, (*several, *layered)


def _order_parents_first(models: Sequence[Property], above: Mapping[Property, Property]) -> dict[Property, int]:
    """The models' places in an order with parents first; `above` gives the parent of each."""
    known = set(models)
    placed: dict[Property, int] = {}
    for identity in models:
        path = [identity]
        while path[-1] not in placed and path[-1] in above and above[path[-1]] in known and len(path) <= len(models):
            path.append(above[path[-1]])
        if len(path) > len(models):
            raise MotionError("its nodes go round in a circle; expected a tree.")
        for one in reversed(path):
            placed.setdefault(one, len(placed))
    return placed


def _read_node(record: Record, parent: int) -> _Node:
    name = str(record.properties[1]).partition("\x00\x01")[0]
    return _Node(name, record.properties[2] in ("LimbNode", "Limb", "Root"), _read_settings(record), parent)


Link = tuple[Property, ...]
"""A connection: its kind, from, to, and for "OP" the property of the latter."""
Targets = dict[Property, tuple[int, str]]
"""For curve nodes the number of the node and the property that each moves."""


@dataclass(frozen=True, eq=False)
class _Take:
    """An animation that moves something."""

    title: str
    targets: list[Targets]
    """Of its layers that move something."""


def _read_targets(objects: Record, links: Sequence[Link], placed: Mapping[Property, int]) -> Targets:
    curve_nodes = {record.properties[0] for record in objects.find_all("AnimationCurveNode")}
    return {
        link[1]: (placed[link[2]], str(link[3]))
        for link in links
        if link[0] == "OP" and link[1] in curve_nodes and link[2] in placed and link[3] in _ANIMATED
    }


def _list_takes(objects: Record, links: Sequence[Link], targets: Targets) -> list[_Take]:
    """The animation stacks that move a node, in the file's order."""
    layers = {record.properties[0] for record in objects.find_all("AnimationLayer")}
    inside = [(link[1], link[2]) for link in links if link[0] == "OO"]
    titles = {r.properties[0]: str(r.properties[1]).partition("\x00")[0] for r in objects.find_all("AnimationStack")}
    takes = []
    for stack, title in titles.items():
        its_layers = [child for child, parent in inside if parent == stack and child in layers]
        moving = [{c: targets[c] for c, parent in inside if parent == layer and c in targets} for layer in its_layers]
        if any(moving):
            takes.append(_Take(title, [layer for layer in moving if layer]))
    return takes


def _attach_curves(nodes: list[_Node], objects: Record, links: Sequence[Link], targets: Targets) -> None:
    """Give the nodes the curves of one layer."""
    curves = {record.properties[0]: record for record in objects.find_all("AnimationCurve")}
    parts = {link[1]: (link[2], link[3]) for link in links if link[0] == "OP" and link[1] in curves}
    for curve, (curve_node, axis) in parts.items():
        if curve_node in targets and str(axis)[-1:] in "XYZ":
            number, prop = targets[curve_node]
            nodes[number].curves[prop, "XYZ".index(str(axis)[-1])] = _read_curve(curves[curve])


def _read_curve(record: Record) -> Curve:
    ticks, values = (np.asarray(record.find(name).properties[0], float) for name in ("KeyTime", "KeyValueFloat"))
    times = ticks / _TICKS
    if times.ndim != 1 or len(times) != len(values) or not len(times) or (np.diff(times) < 0).any():
        raise MotionError("an animation curve whose times and values do not fit each other.")
    return times, values


def _read_axes(settings: Settings) -> Float[np.ndarray, "3 3"]:
    """What turns the file's axes to Y up and Z to the front."""
    up, front = (
        np.eye(3)[int(settings.get(f"{axis}Axis", (n,))[0]) % 3] * _read_number(settings, f"{axis}AxisSign", 1.0)
        for n, axis in ((1, "Up"), (2, "Front"))
    )
    return np.array([np.cross(up, front), up, front])


def _compute_worlds(
    nodes: Sequence[_Node], times: Float[np.ndarray, "frames"] | None, axes: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "nodes frames 4 4"]:
    """The nodes' transforms to the world at the times; with None one frame, without animation."""
    top = np.eye(4)
    top[:3, :3] = axes
    world = np.empty((len(nodes), 1 if times is None else len(times), 4, 4))
    for number, node in enumerate(nodes):
        world[number] = (world[node.parent] if node.parent >= 0 else top) @ _compute_local(node, times)
    return world


def _compute_local(node: _Node, times: Float[np.ndarray, "frames"] | None) -> Float[np.ndarray, "frames 4 4"]:
    def fixed(name: str) -> Float[np.ndarray, "3"]:
        return np.array(node.settings.get(name, (0.0, 0.0, 0.0))[:3], dtype=float)

    def moving(name: str) -> Float[np.ndarray, "frames 3"]:
        still = np.array(node.settings.get(name, (_ANIMATED[name],) * 3)[:3], dtype=float)
        values = np.tile(still, (1 if times is None else len(times), 1))
        for axis in range(3):
            if times is not None and (name, axis) in node.curves:
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
