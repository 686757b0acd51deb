"""Drawing of shaded figures on a ground: poses in, pixels out, with NumPy alone.

A limb is drawn as a lit, round capsule: each pixel by its distance from the limb's axis in the picture, from far to
near with a depth buffer. Its edge fades over one pixel, so no supersampling is needed. The ground has grid lines of
half a meter that stand still in the world, and a soft shadow that fades as a limb rises. The camera keeps its direction
and its distance from a target that follows the person. Where the ground is seen, relative to the target, is therefore
computed once for all pictures of a motion.

Conventions: meters, Y up; pixels x to the right, y down. Knows nothing of files, sheets and videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, sin

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from lead.motion.render.figure import FIGURE_COLORS, Color, figure_ends, figure_radii, stand_figure
from lead.motion.smoothing import running_mean

GROUND: Color = (245, 246, 248)
GRID: Color = (206, 212, 221)
SHADOW: Color = (176, 182, 193)

GRID_STEP, GRID_REACH = 0.5, 3.2
"""Meters between the grid's lines; meters from the target at which they have faded."""
SHADOW_REACH, SHADOW_CELLS = 1.6, 80
"""Meters of the shadow's map to each side of the target; cells along its whole side."""
LIGHT: Float[np.ndarray, "3"] = np.array([-0.42, 0.74, 0.53], dtype=np.float32)
"""The direction to the light, seen from the camera: right, up, towards us."""
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

    def at(self, frames: Sequence[int]) -> "Figures":
        """The figures of some frames."""
        return replace(self, ends=self.ends[frames], targets=self.targets[frames])


def pose_figures(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> Figures:
    """The figures of a motion; the camera follows the root's mean over one second."""
    standing = stand_figure(joints)
    path = running_mean(standing[:, 0], max(1, round(fps)))
    path[:, 1] = EYE_HEIGHT
    radii = np.maximum(figure_radii(joints), 1e-3)  # a stranger's file may show a person of no size
    return Figures(figure_ends(standing), radii, path)


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
        self.per_meter = 1 / np.maximum(np.stack([np.hypot(*np.gradient(axis)) for axis in self.ground]), 1e-6)
        self.fade = np.clip(1 - np.hypot(*self.ground) / GRID_REACH, 0, 1)
        self.under = _bounding_box(np.abs(self.ground).max(axis=0) < SHADOW_REACH)
        """The pixels on the shadow's map. `cell` says in which of the map's cells each is, `part` where in the cell."""
        at = (self.ground[:, *self.under] / SHADOW_REACH + 1) * (SHADOW_CELLS / 2) - 0.5
        at = np.clip(at, 0, SHADOW_CELLS - 1.001)
        self.cell, self.part = (at.astype(int) * [[[SHADOW_CELLS]], [[1]]]).sum(axis=0), at % 1

    def draw(
        self,
        ends: Float[np.ndarray, "capsules 2 3"],
        radii: Float[np.ndarray, "capsules 2"],
        target: Float[np.ndarray, "3"],
    ) -> UInt8[np.ndarray, "height width 3"]:
        """A picture of one figure on its ground."""
        offsets = ends - target
        picture = np.empty((3, self.view.height, self.view.width), dtype=np.float32)
        picture[:] = _rgb(GROUND)
        ground = picture[:, self.first_row :]
        ground += self._lines(target) * (_rgb(GRID) - ground)
        shaded = ground[:, *self.under]
        shaded += self._shadow(offsets, ends[..., 1], radii) * (_rgb(SHADOW) - shaded)
        _draw_capsules(picture, *self.view.project(offsets), radii, self.view.focal)
        return (picture + 0.5).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)

    def _lines(self, target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "rows width"]:
        """The share of the grid's lines in each pixel; it fades with the distance from the target."""
        at = (self.ground + target[[0, 2]].astype(np.float32)[:, None, None]) / np.float32(GRID_STEP)
        pixels = np.abs(at - np.rint(at)) * self.per_meter
        lines: np.ndarray = np.clip(np.float32(1.1) - pixels.min(axis=0) * np.float32(GRID_STEP), 0, 1) * self.fade
        return lines

    def _shadow(
        self,
        offsets: Float[np.ndarray, "capsules 2 3"],
        heights: Float[np.ndarray, "capsules 2"],
        radii: Float[np.ndarray, "capsules 2"],
    ) -> Float[np.ndarray, "shaded_rows shaded_width"]:
        """How dark the pixels of `under` are, read from a coarse map of the ground between its cells."""
        darkness = _shadow_map(offsets[..., [0, 2]], heights.mean(axis=-1), radii.mean(axis=-1))
        darkness[[0, -1]] = darkness[:, [0, -1]] = 0  # nothing is dark outside of the map
        flat, (u, v) = darkness.ravel(), self.part
        near, far = (flat[self.cell + side] for side in (0, SHADOW_CELLS))
        near_z, far_z = (flat[self.cell + side + 1] for side in (0, SHADOW_CELLS))
        near, far = near + u * (far - near), near_z + u * (far_z - near_z)
        shadow: np.ndarray = near + v * (far - near)
        return shadow


def _rgb(color: Color) -> Float[np.ndarray, "3 1 1"]:
    """A color for a picture whose channels come first."""
    return np.array(color, dtype=np.float32)[:, None, None]


def _bounding_box(mask: Bool[np.ndarray, "rows width"]) -> tuple[slice, slice]:
    """The smallest rows and columns that hold all that is true."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


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


def _shadow_map(
    ends: Float[np.ndarray, "capsules 2 2"],
    heights: Float[np.ndarray, "capsules"],
    radii: Float[np.ndarray, "capsules"],
) -> Float[np.ndarray, "cells cells"]:
    """How dark the ground around the target is, 0 to 1: under each limb, softer and fainter the higher it is."""
    middle = (np.arange(SHADOW_CELLS, dtype=np.float32) + 0.5) * (2 * SHADOW_REACH / SHADOW_CELLS) - SHADOW_REACH
    ends, heights, radii = (values.astype(np.float32) for values in (ends, heights, radii))
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    dx, dz = middle[None, :, None] - start[:, :1, None], middle[None, None, :] - start[:, 1:, None]
    ax, az = along[:, :1, None], along[:, 1:, None]
    t = np.clip((dx * ax + dz * az) / (ax**2 + az**2 + 1e-6), 0, 1)
    squared = (dx - t * ax) ** 2 + (dz - t * az) ** 2
    lift = np.maximum(heights, 0)[:, None, None]
    reach = 1.15 * radii[:, None, None] + 0.03 + 0.12 * lift
    darkness: np.ndarray = (np.clip(1 - squared / reach**2, 0, 1) ** 1.5 / (1 + 1.1 * lift)).max(axis=0)
    return darkness


def _draw_capsules(
    picture: Float[np.ndarray, "3 height width"],
    xy: Float[np.ndarray, "capsules 2 2"],
    depths: Float[np.ndarray, "capsules 2"],
    radii: Float[np.ndarray, "capsules 2"],
    focal: float,
) -> None:
    """Draw lit limbs over the picture, from far to near. Depths and radii are in meters."""
    _, height, width = picture.shape
    nearest = np.full((height, width), np.inf, dtype=np.float32)
    for limb in np.argsort(-depths.mean(axis=1)):
        seen = radii[limb] * focal / depths[limb]
        low = np.maximum(np.floor((xy[limb] - seen[:, None]).min(axis=0)) - 1, 0).astype(int)
        high = np.minimum(np.ceil((xy[limb] + seen[:, None]).max(axis=0)) + 2, (width, height)).astype(int)
        if (high <= low).any():
            continue
        box = slice(low[1], high[1]), slice(low[0], high[0])
        cover, normal, along = _capsule(low, high, xy[limb], seen)
        near = _mix(depths[limb], along) - normal[2] * _mix(radii[limb], along)
        cover *= near < nearest[box]
        nearest[box] = np.where(cover > 0.5, near, nearest[box])
        below = picture[:, *box]
        below += cover * (_light(normal) * FIGURE_COLORS[limb][:, None, None] - below)


def _capsule(
    low: Int[np.ndarray, "2"],
    high: Int[np.ndarray, "2"],
    ends: Float[np.ndarray, "2 2"],
    radii: Float[np.ndarray, "2"],
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "3 h w"], Float[np.ndarray, "h w"]]:
    """A capsule on the pixels from low to high.

    Returns its share of each pixel, its normal there (right, up, towards us), and the place along it (0 to 1).
    """
    x = np.arange(low[0], high[0], dtype=np.float32)[None, :] - np.float32(ends[0, 0])
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - np.float32(ends[0, 1])
    ax, ay = (ends[1] - ends[0]).astype(np.float32)
    along = np.clip((x * ax + y * ay) / (ax * ax + ay * ay + np.float32(1e-3)), 0, 1)
    radius = _mix(radii, along)
    right, down = (x - along * ax) / radius, (y - along * ay) / radius
    squared = right * right + down * down
    cover = np.clip((1 - np.sqrt(squared)) * radius + 0.5, 0, 1)
    return cover, np.stack([right, -down, np.sqrt(np.maximum(1 - squared, 0))]), along


def _mix(pair: Float[np.ndarray, "2"], share: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The first of a pair, with `share` of the second in it."""
    first, second = pair.astype(np.float32)
    mixed: np.ndarray = first + share * (second - first)
    return mixed


def _light(normal: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "h w"]:
    """How bright a surface is: soft light from above, darker where it turns away from us."""
    right, up, towards = normal
    light = 0.5 + 0.5 * (right * LIGHT[0] + up * LIGHT[1] + towards * LIGHT[2])
    bright: np.ndarray = np.float32(0.40) + np.float32(0.78) * light * (0.72 + 0.28 * towards)
    return bright
