"""A plain mannequin around the 22 joints at rest: vertices, triangles, normals and skin weights, made by code.

The body is the zero level of a smooth union of rounded cones along the bones. Naive surface nets (Gibson, "Constrained
Elastic Surface Nets", 1998) find it on a grid; a Newton step pulls the vertices onto the level. Normals are the
gradient of the distance. Skin weights fall with a vertex's distance from the bones; only bones that meet at a joint
share a vertex.
Conventions: meters, Y up, a T-pose that faces +Z. Knows nothing of motions and files.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from lead.motion.rotations import normalize
from lead.motion.skeleton import PARENTS

CELL = 0.021
"""Meters between the grid's points. A smaller cell makes a smoother and larger mesh."""
LIMB_BLEND, TRUNK_BLEND = 0.014, 0.06
"""Meters over which a part flows into those before it."""
SHARED = 4
"""Bones that may hold one vertex; every viewer supports four."""
_FALLOFF = 5.0
"""The power of the distance with which a bone's weight falls."""
_ROUNDS = 4
"""Times that weights are averaged with those of a vertex's neighbors."""
LEG = 0.82
"""Meters: the length of leg that the radii below fit. Other bodies are in proportion."""
MOST_REACH = 4.0
"""Meters from end to end of a body with such legs. A body that reaches farther for its legs gets thicker limbs, so that
the grid around a body is bounded, whatever its size."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A skinned surface."""

    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    triangles: Int[np.ndarray, "triangles 3"]
    """Counter-clockwise seen from outside."""
    joints: Int[np.ndarray, "vertices 4"]
    weights: Float[np.ndarray, "vertices 4"]
    """Sum to 1 a vertex."""


@dataclass(frozen=True, eq=False)
class Part:
    """A rounded cone: a line with one radius at its start and another at its end."""

    start: Float[np.ndarray, "3"]
    end: Float[np.ndarray, "3"]
    radius: tuple[float, float]
    flat: float
    """Its depth relative to its width."""
    blend: float
    """Meters over which it flows into the parts before it."""

    def distance(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
        """The approximate distance from the surface, negative inside; depth is squeezed by `flat`."""
        squeeze = np.array([1.0, 1.0, 1.0 / self.flat])
        axis, offset = (self.end - self.start) * squeeze, (points - self.start) * squeeze
        along = np.clip(offset @ axis / max(float(axis @ axis), 1e-12), 0.0, 1.0)
        first, second = self.radius
        radius = first + (second - first) * along
        distance: np.ndarray = np.linalg.norm(offset - along[..., None] * axis, axis=-1) - radius
        return distance


def mannequin(rest: Float[np.ndarray, "22 3"], cell: float = CELL) -> Mesh:
    """The mannequin of a body whose joints at rest are these; `cell` is in meters, for a body with legs of LEG."""
    legs = sum(float(np.linalg.norm(rest[a] - rest[b])) for a, b in ((1, 4), (4, 7), (2, 5), (5, 8))) / 2
    size = max(legs / LEG, float(np.ptp(rest, axis=0).max()) / MOST_REACH, 1e-3)
    parts = _parts(rest, size)
    vertices, triangles = _extract_surface(parts, cell * size)
    level, normals = _level(parts, vertices, 1e-4 * size)
    steepness = np.maximum((normals * normals).sum(axis=-1, keepdims=True), 0.04)
    vertices = vertices - np.clip(level[:, None] * normals / steepness, -cell * size / 2, cell * size / 2)
    normals = _level(parts, vertices, 1e-4 * size)[1]
    joints, weights = _skin(vertices, triangles, rest)
    return Mesh(vertices, normalize(normals), triangles, joints, weights)


def _parts(rest: Float[np.ndarray, "22 3"], size: float) -> list[Part]:
    """The body as rounded cones."""

    def limb(start: np.ndarray, end: np.ndarray, first: float, second: float, flat: float = 1.0) -> Part:
        return Part(start, end, (first * size, second * size), flat, LIMB_BLEND * size)

    def trunk(start: np.ndarray, end: np.ndarray, first: float, second: float, flat: float = 1.0) -> Part:
        return Part(start, end, (first * size, second * size), flat, TRUNK_BLEND * size)

    up, ahead = np.array([0.0, size, 0.0]), np.array([0.0, 0.0, size])
    pelvis, belly, chest, neck, head = (rest[joint] for joint in (0, 6, 9, 12, 15))
    wide = np.array([0.055 * size, 0.0, 0.0])
    apart = float(np.linalg.norm(rest[4] - rest[5])) / size
    thigh = min(0.08, max(0.056, apart / 2 - LIMB_BLEND))  # thighs that touch would be one skin
    parts = [
        trunk(rest[1] + 0.03 * up, rest[2] + 0.03 * up, 0.085, 0.085),
        trunk(pelvis - 0.6 * wide, belly - 0.6 * wide, 0.1, 0.095, 0.95),
        trunk(pelvis + 0.6 * wide, belly + 0.6 * wide, 0.1, 0.095, 0.95),
        trunk(belly - 0.8 * wide, (chest + rest[14]) / 2 - 0.6 * wide, 0.095, 0.1),
        trunk(belly + 0.8 * wide, (chest + rest[13]) / 2 + 0.6 * wide, 0.095, 0.1),
        trunk(rest[13], rest[16], 0.06, 0.05),
        trunk(rest[14], rest[17], 0.06, 0.05),
        trunk(neck - 0.03 * up, head + 0.02 * up, 0.052, 0.05),
        limb(head + 0.03 * up + 0.03 * ahead, head + 0.11 * up + 0.012 * ahead, 0.066, 0.088, 1.12),
    ]
    for hip, knee, ankle, toe, shoulder, elbow, wrist in ((1, 4, 7, 10, 16, 18, 20), (2, 5, 8, 11, 17, 19, 21)):
        heel = np.array([rest[ankle][0], rest[toe][1] + 0.014 * size, rest[ankle][2] - 0.035 * size])
        shin, hand = rest[ankle] - rest[knee], size * normalize(rest[wrist] - rest[elbow])
        parts += [
            trunk(rest[hip], rest[hip] + 0.12 * (rest[knee] - rest[hip]), 0.083, thigh),
            limb(rest[hip] + 0.12 * (rest[knee] - rest[hip]), rest[knee], thigh, 0.053),
            limb(rest[knee], rest[ankle], 0.053, 0.036),
            limb(rest[knee] + 0.15 * shin - 0.012 * ahead, rest[knee] + 0.45 * shin - 0.012 * ahead, 0.046, 0.042),
            limb(rest[ankle], heel, 0.037, 0.036),
            limb(heel, rest[toe] + 0.016 * up, 0.036, 0.034),
            limb(rest[toe] + 0.016 * up, rest[toe] + 0.01 * up + 0.055 * ahead, 0.034, 0.028),
            limb(rest[shoulder], rest[elbow], 0.05, 0.04),
            limb(rest[elbow], rest[wrist], 0.04, 0.027),
            limb(rest[wrist], rest[wrist] + 0.09 * hand, 0.026, 0.034, 1.35),
            limb(rest[wrist] + 0.09 * hand, rest[wrist] + 0.16 * hand, 0.03, 0.02, 1.35),
        ]
    return parts


def _union(a: Float[np.ndarray, "*batch"], b: Float[np.ndarray, "*batch"], blend: float) -> Float[np.ndarray, "*batch"]:
    """The smaller of two distances, rounded off where they are within `blend` of each other."""
    overlap = np.maximum(blend - np.abs(a - b), 0.0)
    union: np.ndarray = np.minimum(a, b) - overlap * overlap / (4 * blend)
    return union


def _level(
    parts: list[Part], points: Float[np.ndarray, "n 3"], step: float
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """The union's distance at points, and its gradient by differences of `step` meters."""
    spread = points + np.concatenate([np.zeros((1, 3)), step * np.eye(3)])[:, None]
    level = np.full(spread.shape[:-1], np.inf)
    for part in parts:
        level = _union(level, part.distance(spread), part.blend)
    return level[0], ((level[1:] - level[0]) / step).T


def _sample_grid(parts: list[Part], cell: float) -> tuple[Float[np.ndarray, "x y z 3"], Float[np.ndarray, "x y z"]]:
    """A grid around the parts, and their union's distance there: exact near the surface, never too small beyond."""
    ends = np.array([[part.start, part.end] for part in parts])
    reach = np.array([max(part.radius) * max(part.flat, 1.0) + 2 * part.blend + cell for part in parts])[:, None]
    low, high = ends.min(axis=1) - reach, ends.max(axis=1) + reach
    start = low.min(axis=0)
    axes = [np.arange(a, b + cell, cell) for a, b in zip(start, high.max(axis=0), strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    level = np.full(points.shape[:-1], np.inf)
    for part, first, last in zip(parts, (low - start) // cell, (high - start) // cell + 2, strict=True):
        box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        level[box] = _union(level[box], part.distance(points[box]), part.blend)
    return points, np.minimum(level, 1.0)


def _extract_surface(
    parts: list[Part], cell: float
) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "triangles 3"]]:
    """Naive surface nets: a vertex in each cell that the zero level crosses, a quad for each edge that it crosses."""
    points, level = _sample_grid(parts, cell)
    cells = (level.shape[0] - 1, level.shape[1] - 1, level.shape[2] - 1)
    total, count = np.zeros((*cells, 3)), np.zeros(cells)
    for axis in range(3):  # a vertex is the mean of the crossings on its cell's twelve edges
        a, b = _edge_ends(level, axis)
        crossing = (a < 0) != (b < 0)
        start, end = _edge_ends(points, axis)
        part = np.where(crossing, a / np.where(crossing, a - b, 1.0), 0.0)[..., None]
        place = np.where(crossing[..., None], start + part * (end - start), 0.0)
        for corner in product((0, 1), repeat=2):
            cut = _edges_at_corner(axis, corner, cells)
            total += place[cut]
            count += crossing[cut]
    inside = count > 0
    number = np.full(cells, -1)
    number[inside] = np.arange(int(inside.sum()))
    return total[inside] / count[inside, None], _connect(level, number)


def _connect(
    level: Float[np.ndarray, "x y z"], number: Int[np.ndarray, "x-1 y-1 z-1"]
) -> Int[np.ndarray, "triangles 3"]:
    """Two triangles for each inner edge that the zero level crosses, between the vertices of the four cells around it.

    `number` is each cell's vertex.
    """
    triangles = []
    for axis in range(3):
        a, b = _edge_ends(level, axis)
        inner = tuple(slice(None) if n == axis else slice(1, -1) for n in range(3))
        for sign in (True, False):
            edge = np.argwhere(((a < 0) & (b >= 0) if sign else (a >= 0) & (b < 0))[inner])
            quad = []
            for shift in ((0, 0), (1, 0), (1, 1), (0, 1)):
                step = np.insert(np.array(shift), axis, 0)
                quad.append(number[tuple((edge + step).T)])
            corners = np.stack(quad if sign == (axis != 1) else quad[::-1], axis=-1)
            triangles += [corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]
    return np.concatenate(triangles)


def _edge_ends(grid: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The grid's values at the two ends of each of its edges along an axis."""
    first: list[slice] = [slice(None)] * 3
    last = list(first)
    first[axis], last[axis] = slice(None, -1), slice(1, None)
    return grid[tuple(first)], grid[tuple(last)]


def _edges_at_corner(axis: int, corner: tuple[int, ...], cells: tuple[int, ...]) -> tuple[slice, ...]:
    """The edges along the axis that lie at that corner of each cell."""
    steps = iter(corner)
    return tuple(
        slice(None) if n == axis else slice(step, step + size)
        for n, size in enumerate(cells)
        for step in ([0] if n == axis else [next(steps)])
    )


def _skin(
    vertices: Float[np.ndarray, "vertices 3"],
    triangles: Int[np.ndarray, "triangles 3"],
    rest: Float[np.ndarray, "22 3"],
) -> tuple[Int[np.ndarray, "vertices 4"], Float[np.ndarray, "vertices 4"]]:
    """The joints that hold each vertex, and their weights."""
    distance = np.full((len(vertices), 22), np.inf)
    for joint, start, end in _bones(rest):
        axis = end - start
        along = np.clip((vertices - start) @ axis / max(float(axis @ axis), 1e-12), 0.0, 1.0)
        nearest = np.linalg.norm(vertices - start - along[:, None] * axis, axis=-1)
        distance[:, joint] = np.minimum(distance[:, joint], nearest)
    owner = distance.argmin(axis=1)
    meets = np.eye(22, dtype=bool)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        meets[joint, parent] = meets[parent, joint] = True
    closest = distance.min(axis=1, keepdims=True)
    weights = np.where(meets[owner], (closest / distance) ** _FALLOFF, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    neighbors = np.bincount(edges[:, 0], minlength=len(vertices))[:, None]
    for _ in range(_ROUNDS):
        mean = np.zeros_like(weights)
        np.add.at(mean, edges[:, 0], weights[edges[:, 1]])
        weights = (weights + mean / np.maximum(neighbors, 1)) / 2
    joints = np.argsort(-weights, axis=1)[:, :SHARED]
    held = np.take_along_axis(weights, joints, axis=1)
    return joints, held / held.sum(axis=1, keepdims=True)


def _bones(rest: Float[np.ndarray, "22 3"]) -> list[tuple[int, Float[np.ndarray, "3"], Float[np.ndarray, "3"]]]:
    """The lines that each joint turns, as (joint, start, end).

    They lead to the joint's children. From a toe, a wrist or the head, which have none, they go on for 15 cm.
    """
    bones = [(parent, rest[parent], rest[joint]) for joint, parent in enumerate(PARENTS) if parent >= 0]
    for joint in set(range(22)) - set(PARENTS):
        bone = rest[joint] - rest[PARENTS[joint]]
        ahead = np.array([0.0, 0.0, 1.0]) if joint in (10, 11) else normalize(bone)
        bones.append((joint, rest[joint], rest[joint] + ahead * 0.15))
    return bones
