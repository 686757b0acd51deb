"""Drawing of shaded figures on a ground: poses in, pixels out, with NumPy alone.

Limbs are drawn by `lead.motion.render.limbs`. The ground has grid lines of half a meter that stand still in the world,
and a soft shadow that fades as a limb rises. The camera keeps its direction and its distance from a target that follows
the person. Where the ground is seen, relative to the target, is therefore computed once for all pictures of a motion.

Conventions: meters, Y up; pixels x to the right, y down. Knows nothing of files, sheets and videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import cos, sin

import numpy as np
from jaxtyping import Float, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from lead.motion.render.figure import Color, figure_ends, figure_radii, stand_figure
from lead.motion.render.limbs import draw_limbs
from lead.motion.render.marks import Polygon, draw_marks, find_marks
from lead.motion.render.view_options import ViewOptions
from lead.motion.smoothing import running_mean

GROUND: Color = (245, 246, 248)
GRID: Color = (206, 212, 221)
SHADOW: Color = (176, 182, 193)

GRID_STEP, GRID_REACH = 0.5, 3.2
"""Meters between the grid's lines; meters from the target at which they have faded."""
SHADOW_REACH, SHADOW_CELLS = 1.6, 80
"""Meters of the shadow's map to each side of the target; cells along its whole side."""
EYE_HEIGHT = 0.93
"""Meters: the height that the camera looks at."""


@dataclass(frozen=True)
class View:
    """A pinhole camera at a fixed direction and distance from its target, and the size of its picture."""

    width: int
    height: int
    focal: float = 1.0
    """Pixels."""
    center: tuple[float, float] = (0.0, 0.0)
    """Where the target is seen, in pixels."""
    azimuth: float = 0.62
    """Radians about Y, from +Z (the person's front) towards +X."""
    elevation: float = 0.24
    distance: float = 5.5

    @cached_property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Right, up and towards the camera, as rows."""
        a, e = self.azimuth, self.elevation
        right, away = (cos(a), 0.0, -sin(a)), (sin(a) * cos(e), sin(e), cos(a) * cos(e))
        return np.array([right, np.cross(away, right), away])

    def project(
        self, offsets: Float[np.ndarray, "*batch 3"]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        """Points relative to the target to pixels, and their depths in meters from the camera."""
        seen = offsets @ self.axes.T
        depth = np.maximum(self.distance - seen[..., 2], 0.1)
        return seen[..., :2] * (self.focal / depth)[..., None] * [1, -1] + np.array(self.center), depth


@dataclass(frozen=True)
class Figures:
    """A motion as it is drawn: the figure of each frame, and the camera's path."""

    ends: Float[np.ndarray, "frames capsules 2 3"]
    """Where the limbs start and end."""
    radii: Float[np.ndarray, "capsules 2"]
    targets: Float[np.ndarray, "frames 3"]
    """What the camera looks at: the root's smoothed path, at the height of the eye."""
    marks: Sequence[Sequence[tuple[Color, list[Polygon]]]] = ()
    """The polygons on the ground of each frame, by color; or nothing."""

    def at(self, frames: Sequence[int]) -> "Figures":
        """The figures of some frames."""
        marks = [self.marks[frame] for frame in frames] if self.marks else ()
        return replace(self, ends=self.ends[frames], targets=self.targets[frames], marks=marks)


def pose_figures(joints: Float[np.ndarray, "frames 22 3"], fps: float, options: ViewOptions = ViewOptions()) -> Figures:
    """The figures of a motion, with the marks that the options ask for.

    The camera follows the root's mean over one second.
    """
    standing = stand_figure(joints)
    path = running_mean(standing[:, 0], max(1, round(fps)))
    path[:, 1] = EYE_HEIGHT
    radii = np.maximum(figure_radii(joints), 1e-3)  # a stranger's file may show a person of no size
    marks: list[list[tuple[Color, list[Polygon]]]] = []
    if options.trail or options.contacts:
        found = find_marks(standing, fps, options)
        marks = [found.at(frame) for frame in range(len(standing))]
    return Figures(figure_ends(standing), radii, path, marks)


def fit_view(view: View, motions: Sequence[Figures], top: float = 0.0, margin: float = 5.0) -> View:
    """The view zoomed so that all figures fit below `top` and within `margin`, in pixels."""
    low, high, half = np.inf, -np.inf, 0.0
    for figures in motions:
        offsets = figures.ends - figures.targets[:, None, None]
        xy, depth = replace(view, focal=1.0, center=(0.0, 0.0)).project(offsets)
        reach = figures.radii / depth
        low, high = min(low, float((xy[..., 1] - reach).min())), max(high, float((xy[..., 1] + reach).max()))
        half = max(half, float((np.abs(xy[..., 0]) + reach).max()))
    room = view.height - top - 2 * margin
    focal = min(room / (high - low), (view.width - 2 * margin) / (2 * half))
    return replace(view, focal=focal, center=(view.width / 2, top + margin + room / 2 - focal * (low + high) / 2))


class Stage:
    """Draws figures into pictures of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.first_row, self.ground = _find_ground(view)
        """The first row of pixels in which ground is seen, and where each pixel's ground is: [(x, z), rows, width]."""
        self.per_meter = GRID_STEP / np.maximum(np.stack([np.hypot(*np.gradient(axis)) for axis in self.ground]), 1e-6)
        self.fade = np.clip(1 - np.hypot(*self.ground) / GRID_REACH, 0, 1)
        cells = np.clip((self.ground / SHADOW_REACH + 1) * (SHADOW_CELLS / 2) - 0.5, 0, SHADOW_CELLS - 1.001)
        corner = cells.astype(np.int32)
        self.corner, self.part = corner[0] * SHADOW_CELLS + corner[1], cells - corner
        """In which of the shadow map's cells each pixel's ground is, and where in the cell."""

    def draw(
        self,
        ends: Float[np.ndarray, "capsules 2 3"],
        radii: Float[np.ndarray, "capsules 2"],
        target: Float[np.ndarray, "3"],
    ) -> UInt8[np.ndarray, "height width 3"]:
        """A picture of one figure on its ground."""
        picture: np.ndarray = self.draw_all(Figures(ends[None], radii, target[None]))[0]
        return picture

    def draw_all(self, figures: Figures) -> UInt8[np.ndarray, "frames height width 3"]:
        """A picture of each figure on its ground. They are drawn together, as fits figures of about the same pose."""
        view, (lines_color, shadow_color, ground_color) = self.view, map(_rgb, (GRID, SHADOW, GROUND))
        offsets = figures.ends - figures.targets[:, None, None]
        pictures = np.empty((len(offsets), 3, view.height, view.width), dtype=np.uint8)
        pictures[:] = ground_color
        shadows = _shadow_maps(offsets[..., [0, 2]], figures.ends[..., 1].mean(axis=-1), figures.radii.mean(axis=-1))
        for picture, target, shadow in zip(pictures, figures.targets, shadows, strict=True):
            ground = picture[:, self.first_row :]
            lines = self._lines(target)
            rows, columns = np.nonzero(lines)
            drawn = ground_color + lines[rows, columns] * (lines_color - ground_color)
            ground[:, rows, columns] = drawn[:, 0] + np.float32(0.5)
            under = self._find_shaded(shadow)
            shaded = ground[:, *under].astype(np.float32)
            shaded += self._shadow(shadow, under) * (shadow_color - shaded)
            ground[:, *under] = shaded + np.float32(0.5)
        for picture, target, marks in zip(pictures, figures.targets, figures.marks, strict=False):
            draw_marks(picture, marks, partial(self._project_floor, target))
        draw_limbs(pictures, *view.project(offsets), figures.radii, view.focal)
        return np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))

    def _project_floor(
        self, target: Float[np.ndarray, "3"], points: Float[np.ndarray, "points 2"]
    ) -> Float[np.ndarray, "points 2"]:
        """Where points of the floor (x, z) are seen, in pixels."""
        xyz = np.stack([points[:, 0], np.zeros(len(points)), points[:, 1]], axis=-1)
        return self.view.project(xyz - target)[0]

    def _lines(self, target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "rows width"]:
        """The share of the grid's lines in each pixel; it fades with the distance from the target."""
        at = self.ground + target[[0, 2]].astype(np.float32)[:, None, None]
        at /= np.float32(GRID_STEP)
        at -= np.rint(at)
        np.abs(at, out=at)
        at *= self.per_meter
        lines: np.ndarray = np.minimum(at[0], at[1], out=at[0])
        np.subtract(np.float32(1.1), lines, out=lines)
        np.clip(lines, 0, 1, out=lines)
        lines *= self.fade
        return lines

    def _find_shaded(self, shadow: Float[np.ndarray, "cells cells"]) -> tuple[slice, slice]:
        """The rows and columns of the ground's pixels between which all of the shadow is."""
        spans = [np.nonzero(shadow.any(axis=axis))[0][[0, -1]] + (-1, 1) for axis in (1, 0)] if shadow.any() else []
        if not spans:
            return slice(0), slice(0)
        x, z = ((span + 0.5) * (2 * SHADOW_REACH / SHADOW_CELLS) - SHADOW_REACH for span in spans)
        corners = np.stack([*np.meshgrid(x, [-EYE_HEIGHT], z)], axis=-1).reshape(-1, 3)
        columns, rows = self.view.project(corners)[0].T
        height, width = self.fade.shape
        low, high = (int(np.clip(edge - self.first_row, 0, height)) for edge in (rows.min(), rows.max() + 2))
        left, right = (int(np.clip(edge, 0, width)) for edge in (columns.min(), columns.max() + 2))
        return slice(low, high), slice(left, right)

    def _shadow(
        self, shadow: Float[np.ndarray, "cells cells"], under: tuple[slice, slice]
    ) -> Float[np.ndarray, "shaded_rows shaded_width"]:
        """How dark these pixels are, read from a coarse map of the ground between its cells."""
        corner, (u, v), flat = self.corner[under], self.part[:, *under], shadow.ravel()
        near, far = (flat.take(corner + side) for side in (0, SHADOW_CELLS))
        near_z, far_z = (flat.take(corner + side + 1) for side in (0, SHADOW_CELLS))
        near, far = near + u * (far - near), near_z + u * (far_z - near_z)
        dark: np.ndarray = near + v * (far - near)
        return dark


def _rgb(color: Color) -> Float[np.ndarray, "3 1 1"]:
    """A color for a picture whose channels come first."""
    return np.array(color, dtype=np.float32)[:, None, None]


def _find_ground(view: View) -> tuple[int, Float[np.ndarray, "2 rows width"]]:
    """The first row that shows the floor, and each pixel's place on the floor (x, z), relative to the target."""
    x, y = np.meshgrid(np.arange(view.width), np.arange(view.height))
    seen = np.stack([x - view.center[0], view.center[1] - y, np.full(x.shape, -view.focal)], axis=-1) / view.focal
    rays = seen @ view.axes
    eye = view.axes[2] * view.distance
    downward = rays[:, 0, 1] < -1e-3  # all rays of a row sink alike
    first = int(np.argmax(downward)) if downward.any() else view.height
    far = -(eye[1] + EYE_HEIGHT) / rays[first:, :, 1]
    return first, np.stack([eye[axis] + far * rays[first:, :, axis] for axis in (0, 2)]).astype(np.float32)


def _shadow_maps(
    ends: Float[np.ndarray, "figures capsules 2 2"],
    heights: Float[np.ndarray, "figures capsules"],
    radii: Float[np.ndarray, "capsules"],
) -> Float[np.ndarray, "figures cells cells"]:
    """How dark the ground around the target is, 0 to 1: under each limb, softer and fainter the higher it is.

    The map's edge is light, so that nothing is dark outside of it.
    """
    ends, heights, radii = (values.astype(np.float32) for values in (ends, heights, radii))
    lift = np.maximum(heights, 0)
    reach = 1.15 * radii + 0.03 + 0.12 * lift
    size = 2 * SHADOW_REACH / SHADOW_CELLS
    low = np.floor((ends.min(axis=2) - reach[..., None] + SHADOW_REACH) / size).astype(int)
    high = np.ceil((ends.max(axis=2) + reach[..., None] + SHADOW_REACH) / size).astype(int)
    maps = np.zeros((len(ends), SHADOW_CELLS, SHADOW_CELLS), dtype=np.float32)
    figures = np.arange(len(ends))
    for limb in range(ends.shape[1]):
        if not ((low[:, limb] < SHADOW_CELLS) & (high[:, limb] > 0)).all(axis=1).any():
            continue
        rows, columns = np.minimum((high - low)[:, limb].max(axis=0), SHADOW_CELLS)
        first = np.clip(low[:, limb], 0, SHADOW_CELLS - np.array([rows, columns]))
        cells = first.astype(np.float32) * size + (size / 2 - SHADOW_REACH) - ends[:, limb, 0]
        dx = cells[:, 0, None, None] + size * np.arange(rows, dtype=np.float32)[:, None]
        dz = cells[:, 1, None, None] + size * np.arange(columns, dtype=np.float32)
        ax, az = (ends[:, limb, 1] - ends[:, limb, 0]).T[:, :, None, None]
        t = np.clip((dx * ax + dz * az) / (ax * ax + az * az + np.float32(1e-6)), 0, 1)
        near = 1 - ((dx - t * ax) ** 2 + (dz - t * az) ** 2) / np.square(reach[:, limb, None, None])
        np.maximum(near, 0, out=near)
        near *= np.sqrt(near)
        near /= 1 + np.float32(1.1) * lift[:, limb, None, None]
        windows = sliding_window_view(maps, (int(rows), int(columns)), axis=(1, 2), writeable=True)
        place = figures, first[:, 0], first[:, 1]
        windows[place] = np.maximum(windows[place], near)
    maps[:, [0, -1]] = maps[:, :, [0, -1]] = 0
    return maps
