"""FBX skeletons and their animations to a `Scene`: binary files of version 7, which all tools write.

What is read: bones, what moves them, and the animations of it. Keys are joined by straight lines, for recordings are
baked frame by frame. Meshes, constraints and further layers are ignored.
Conventions: centimeters, Y up, by the unit and axes that the file states. A node's transform under its parent, with
T, R and S animated and the rest fixed, is

    x -> T + R_off + R_p + R_pre R R_post^-1 (S_off + S_p - R_p + S (x - S_p)),

with rotations as Euler angles in the node's own order, X innermost in the usual one.
Source: Autodesk's FBX documentation.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.fbx_records import PackedArray, Property, Record, parse_records
from lead.motion.formats.key_times import Times
from lead.motion.formats.limits import MAX_NODES, MAX_SAMPLES, read_bytes
from lead.motion.formats.scene import Animation, Scene, Track, Values, make_names_unique, report_damage
from lead.motion.read_options import ReadOptions
from lead.motion.rotations import euler_to_matrix

_TICKS = 46186158000
"""In a second."""
_SKIP = ("Geometry", "Video", "Texture", "Material", "Deformer", "Pose", "NodeAttribute", "Definitions", "References")
_ORDERS = ("ZYX", "YZX", "XZY", "ZXY", "YXZ", "XYZ", "ZYX")
"""Rotation orders by their number in the file, first axis outermost."""
_ANIMATED = {"Lcl Translation": 0.0, "Lcl Rotation": 0.0, "Lcl Scaling": 1.0}
"""The properties that curves may move, and their defaults."""
_BONES = ("LimbNode", "Limb", "Root")
_PROPS = ("Camera", "CameraStereo", "CameraSwitcher", "Light")
_RATES = {1: 120.0, 2: 100.0, 3: 60.0, 4: 50.0, 5: 48.0, 6: 30.0, 7: 30.0, 8: 30 / 1.001, 9: 30 / 1.001, 10: 25.0,
          11: 24.0, 13: 24 / 1.001, 15: 96.0, 16: 72.0, 17: 60 / 1.001, 18: 120 / 1.001}  # fmt: skip
"""Frames a second by the number of the file's time mode."""
_CUSTOM_RATE = 14
_SAME = 1e-4
"""Values that differ by less, in units and degrees, are one."""

Settings = Mapping[str, tuple[Property, ...]]
"""Values by name."""
Link = tuple[Property, ...]
"""A connection: its kind, from, to, and for "OP" the property of the latter."""


@dataclass(frozen=True, eq=False)
class _Node:
    """A Model of the file."""

    name: str
    kind: str
    settings: Settings

    def read_vector(self, name: str, default: float = 0.0) -> Float[np.ndarray, "3"]:
        """A fixed property."""
        return np.array(self.settings.get(name, (default,) * 3)[:3], dtype=float)


@dataclass(eq=False)
class _Curve:
    """The keys of one axis. They are unpacked each time that they are asked for."""

    record: Record

    def __post_init__(self) -> None:
        arrays = [self.record.find(name).properties[0] for name in ("KeyTime", "KeyValueFloat")]
        self.ticks, self.values = (one for one in arrays if isinstance(one, PackedArray))
        self.count = len(self.ticks)
        if self.count != len(self.values):
            raise MotionError("an animation curve whose times and values do not fit each other.")
        if self.count > MAX_SAMPLES:
            raise MotionError(f"an animation curve of {self.count} keys; at most {MAX_SAMPLES} are read.")

    def unpack_times(self) -> Float[np.ndarray, "keys"]:
        """Seconds."""
        return self.ticks.unpack() / _TICKS

    @cached_property
    def changes(self) -> bool:
        """Whether it has more than one value."""
        return bool(np.ptp(self.values.unpack()) > _SAME)


@dataclass(frozen=True, eq=False)
class _Track(Track):
    """The curves of one property of one node, by axis."""

    node: _Node
    name: str
    curves: dict[int, _Curve] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return 2 * sum(curve.count for curve in self.curves.values())

    def list_times(self) -> list[Times]:
        return [curve.unpack_times() for curve in self.curves.values()]

    def changes(self) -> bool:
        return any(curve.changes for curve in self.curves.values())

    def sample(self, times: Float[np.ndarray, "frames"]) -> Float[np.ndarray, "frames 3"]:
        values = np.tile(self.node.read_vector(self.name, _ANIMATED[self.name]), (len(times), 1))
        for axis, curve in self.curves.items():
            values[:, axis] = np.interp(times, curve.unpack_times(), curve.values.unpack())
        return values


def read_scene(path: Path, options: ReadOptions = ReadOptions()) -> Scene:
    """The nodes of an FBX file and its animations. A unit that the user states overrules the file's.

    Raises MotionError naming the file and what is wrong with it.
    """
    with name_file_in_errors(path), report_damage("FBX"):
        content = read_bytes(path, "export the skeleton without its meshes")
        return _file_to_scene(parse_records(content, _SKIP), ignore_unit=options.unit is not None)


def _file_to_scene(file: Record, ignore_unit: bool) -> Scene:
    objects = file.find("Objects")
    links = [link.properties for link in file.find("Connections").find_all("C")]
    nodes, parents, place = _read_nodes(objects, links)
    settings = _read_settings(file.find("GlobalSettings"))
    unit = 1.0 if ignore_unit else _read_number(settings, "UnitScaleFactor", 1.0)
    return Scene(
        "FBX", make_names_unique([node.name for node in nodes]), parents,
        frozenset(n for n, node in enumerate(nodes) if node.kind in _BONES),
        frozenset(n for n, node in enumerate(nodes) if node.kind in _PROPS),
        tuple(_read_animations(objects, links, nodes, place)),
        lambda node, values, frames: _compute_local(nodes[node], values, frames),
        _read_axes(settings) * unit, _read_rate(settings),
    )  # fmt: skip


def _read_settings(record: Record) -> Settings:
    """A record's Properties70."""
    return {str(p.properties[0]): p.properties[4:] for p in record.find("Properties70").find_all("P")}


def _read_number(settings: Settings, name: str, default: float) -> float:
    value = settings.get(name, (default,))[0]
    if isinstance(value, PackedArray):
        raise TypeError(f"an array for {name}")
    return float(value)


def _read_rate(settings: Settings) -> float | None:
    """The frames a second that the file states."""
    mode, custom = (_read_number(settings, name, 0.0) for name in ("TimeMode", "CustomFrameRate"))
    rate = custom if mode == _CUSTOM_RATE else _RATES.get(int(mode), 0.0)
    return rate if 1.0 <= rate <= 1000.0 else None


def _read_nodes(objects: Record, links: Sequence[Link]) -> tuple[list[_Node], list[int], dict[Property, int]]:
    """The nodes, parents first, the place of each one's parent, and the place of each by its identity.

    A Model is linked to other objects too, as to the clusters of a skin. Its parent is the Model that it is linked to.
    """
    models = {record.properties[0]: record for record in objects.find_all("Model")}
    if not 0 < len(models) <= MAX_NODES:
        raise MotionError(f"{len(models)} nodes; expected 1 to {MAX_NODES}.")
    above: dict[Property, Property] = {}
    for link in links:
        if link[0] == "OO" and link[1] in models and link[2] in models:
            above.setdefault(link[1], link[2])
    place = _order_parents_first(list(models), above)
    parents = [place[above[identity]] if identity in above else -1 for identity in place]
    return [_read_node(models[identity]) for identity in place], parents, place


def _order_parents_first(models: Sequence[Property], above: Mapping[Property, Property]) -> dict[Property, int]:
    """The models' places in an order with parents first; `above` gives the parent of each that has one."""
    placed: dict[Property, int] = {}
    for identity in models:
        path = [identity]
        while path[-1] not in placed and path[-1] in above and len(path) <= len(models):
            path.append(above[path[-1]])
        if len(path) > len(models):
            raise MotionError("its nodes go round in a circle; expected a tree.")
        for one in reversed(path):
            placed.setdefault(one, len(placed))
    return placed


def _read_node(record: Record) -> _Node:
    name = str(record.properties[1]).partition("\x00\x01")[0]
    return _Node(name, str(record.properties[2]), _read_settings(record))


def _read_animations(
    objects: Record, links: Sequence[Link], nodes: Sequence[_Node], place: Mapping[Property, int]
) -> Iterable[Animation]:
    """The animation stacks in the file's order, each with the first of its layers that moves a node."""
    curves = {record.properties[0]: record for record in objects.find_all("AnimationCurve")}
    curve_nodes = {record.properties[0] for record in objects.find_all("AnimationCurveNode")}
    layers = {record.properties[0] for record in objects.find_all("AnimationLayer")}
    titles = {record.properties[0]: str(record.properties[1]) for record in objects.find_all("AnimationStack")}
    stacks = {stack: title.partition("\x00")[0] for stack, title in titles.items()}
    targets: dict[Property, tuple[int, str]] = {}
    axes: defaultdict[Property, dict[int, Record]] = defaultdict(dict)
    inside: defaultdict[Property, list[Property]] = defaultdict(list)
    for link in links:
        kind, child, parent, prop = (*link[:3], str(link[3]) if link[0] == "OP" else "")
        if kind == "OO" and ((child in layers and parent in stacks) or (child in curve_nodes and parent in layers)):
            inside[parent].append(child)
        elif kind == "OP" and child in curve_nodes and parent in place and prop in _ANIMATED:
            targets[child] = place[parent], prop
        elif kind == "OP" and child in curves and parent in curve_nodes and prop[-1:] in ("X", "Y", "Z"):
            axes[parent]["XYZ".index(prop[-1])] = curves[child]
    every = {one: _read_track(nodes[node], prop, axes[one]) for one, (node, prop) in targets.items()}
    tracks = {one: track for one, track in every.items() if track.curves}
    for stack, title in stacks.items():
        moving = [its for layer in inside[stack] if (its := [one for one in inside[layer] if one in tracks])]
        moved: defaultdict[int, dict[str, _Track]] = defaultdict(dict)
        for one in moving[0] if moving else ():
            node, prop = targets[one]
            moved[node][prop] = tracks[one]
        notes = ("an animation in several layers: the first was read",) if len(moving) > 1 else ()
        yield Animation(title[:200], moved, notes)


def _read_track(node: _Node, name: str, axes: Mapping[int, Record]) -> _Track:
    curves = {axis: _Curve(record) for axis, record in axes.items()}
    return _Track(node, name, {axis: curve for axis, curve in curves.items() if curve.count})


def _read_axes(settings: Settings) -> Float[np.ndarray, "3 3"]:
    """What turns the file's axes to Y up and Z to the front."""

    def read_axis(name: str, usual: float) -> Float[np.ndarray, "3"]:
        number, sign = _read_number(settings, f"{name}Axis", usual), _read_number(settings, f"{name}AxisSign", 1.0)
        return np.asarray(np.eye(3)[int(number) % 3] * sign)

    up, front = read_axis("Up", 1.0), read_axis("Front", 2.0)
    return np.array([np.cross(up, front), up, front])


def _compute_local(node: _Node, values: Values, frames: int) -> Float[np.ndarray, "frames 4 4"]:
    """A node's transform under its parent, by its animated properties."""

    def moving(name: str) -> Float[np.ndarray, "_ 3"]:
        return values[name] if name in values else node.read_vector(name, _ANIMATED[name])[None]

    order = _ORDERS[int(_read_number(node.settings, "RotationOrder", 0.0))]
    before, after = (
        euler_to_matrix(np.radians(node.read_vector(name)[::-1]), "ZYX") for name in ("PreRotation", "PostRotation")
    )
    angles = np.radians(moving("Lcl Rotation"))[:, ["XYZ".index(axis) for axis in order]]
    turn = before @ euler_to_matrix(angles, order) @ after.T
    scale = moving("Lcl Scaling")
    pivot, scale_pivot = node.read_vector("RotationPivot"), node.read_vector("ScalingPivot")
    inner = node.read_vector("ScalingOffset") + scale_pivot - pivot - scale * scale_pivot
    local = np.zeros((frames, 4, 4))
    local[:, :3, :3] = turn * scale[:, None]
    local[:, :3, 3] = moving("Lcl Translation") + node.read_vector("RotationOffset") + pivot
    local[:, :3, 3] += (turn @ inner[..., None])[..., 0]
    local[:, 3, 3] = 1.0
    return local
