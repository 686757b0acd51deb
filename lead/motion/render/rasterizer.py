"""Drawing of shaded figures on a ground: poses in, pixels out, with NumPy alone.

A limb is drawn as a lit, round capsule by its distance from the limb's axis on the picture, from far to near
with a depth buffer, its edge faded over one pixel: no supersampling is needed. The ground has grid lines of
half a meter that stand still in the world, and a soft shadow that fades as a limb rises. The camera keeps its
direction and its distance from a target that follows the person; so where the ground is seen, relative to the
target, is worked out once for all pictures of a motion.

Conventions: meters, Y up; pixels x to the right, y down. Knows nothing of files, sheets and videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, sin

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import ImageFont

from lead.motion.motion import Motion
from lead.motion.render.figure import FIGURE_COLORS, Color, figure_ends, figure_radii, placed

GROUND: Color = (245, 246, 248)
GRID: Color = (206, 212, 221)
SHADOW: Color = (176, 182, 193)

GRID_STEP, GRID_REACH = 0.5, 3.2  # meters
SHADOW_REACH, SHADOW_CELLS = 1.6, 80  # meters to each side of the target, cells over all of it
LIGHT = np.array([-0.42, 0.74, 0.53], dtype=np.float32)  # to the light, seen from the camera: right, up, towards us
EYE_HEIGHT = 0.93  # meters: what the camera looks at


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
class Shots:
    """A motion as it is drawn."""

    ends: Float[np.ndarray, "frames capsules 2 3"]
    """Where the limbs start and end."""
    radii: Float[np.ndarray, "capsules 2"]
    targets: Float[np.ndarray, "frames 3"]
    """What the camera looks at: the root's smoothed path, at the height of the eye."""

    def at(self, frames: Sequence[int]) -> "Shots":
        return replace(self, ends=self.ends[frames], targets=self.targets[frames])


def shots(motion: Motion) -> Shots:
    """The figure of each frame, and the camera's path."""
    joints = placed(motion)
    path = _smoothed(joints[:, 0], max(1, round(motion.fps)))
    path[:, 1] = EYE_HEIGHT
    radii = np.maximum(figure_radii(motion), 1e-3)  # a stranger's file may show a person of no size
    return Shots(figure_ends(joints), radii, path)


def framed(view: View, several: Sequence[Shots], top: float = 0.0, margin: float = 5.0) -> View:
    """The view zoomed so that all figures fit below `top` and within `margin`, in pixels."""
    low, high, half = np.inf, -np.inf, 0.0
    for shot in several:
        xy, depth = replace(view, focal=1.0, center=(0.0, 0.0)).project(shot.ends - shot.targets[:, None, None])
        reach = shot.radii / depth
        low, high = min(low, float((xy[..., 1] - reach).min())), max(high, float((xy[..., 1] + reach).max()))
        half = max(half, float((np.abs(xy[..., 0]) + reach).max()))
    room = view.height - top - 2 * margin
    focal = min(room / (high - low), (view.width - 2 * margin) / (2 * half))
    return replace(view, focal=focal, center=(view.width / 2, top + margin + room / 2 - focal * (low + high) / 2))


class Stage:
    """Draws figures into pictures of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.first_row, self.ground = _seen_ground(view)
        """The first row of pixels in which ground is seen, and where it is: [(x, z), rows, width]."""
        self.per_meter = 1 / np.maximum(np.stack([np.hypot(*np.gradient(axis)) for axis in self.ground]), 1e-6)
        self.fade = np.clip(1 - np.hypot(*self.ground) / GRID_REACH, 0, 1)
        self.under = _box(np.abs(self.ground).max(axis=0) < SHADOW_REACH)
        """The pixels that the shadow's map lies under; below, in which of its cells each is, and where in it."""
        at = (self.ground[:, *self.under] / SHADOW_REACH + 1) * (SHADOW_CELLS / 2) - 0.5
        at = np.clip(at, 0, SHADOW_CELLS - 1.001)
        self.cell, self.part = (at.astype(int) * [[[SHADOW_CELLS]], [[1]]]).sum(axis=0), at % 1

    def draw(
        self, ends: Float[np.ndarray, "capsules 2 3"], radii: Float[np.ndarray, "capsules 2"], target: np.ndarray
    ) -> UInt8[np.ndarray, "height width 3"]:
        """One figure on its ground."""
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
        """How much of each pixel the grid's lines take, fading with the distance from the target."""
        at = (self.ground + target[[0, 2]].astype(np.float32)[:, None, None]) / np.float32(GRID_STEP)
        pixels = np.abs(at - np.rint(at)) * self.per_meter
        return np.clip(np.float32(1.1) - pixels.min(axis=0) * np.float32(GRID_STEP), 0, 1) * self.fade

    def _shadow(
        self,
        offsets: Float[np.ndarray, "capsules 2 3"],
        heights: Float[np.ndarray, "capsules 2"],
        radii: Float[np.ndarray, "capsules 2"],
    ) -> Float[np.ndarray, "rows width"]:
        """What the limbs take of the light from above, of a coarse map of the ground onto the pixels under it."""
        darkness = _shadow_map(offsets[..., [0, 2]], heights.mean(axis=-1), radii.mean(axis=-1))
        darkness[[0, -1]] = darkness[:, [0, -1]] = 0  # so that nothing is dark outside of the map
        flat, (u, v) = darkness.ravel(), self.part
        near, far = (flat[self.cell + side] for side in (0, SHADOW_CELLS))
        near_z, far_z = (flat[self.cell + side + 1] for side in (0, SHADOW_CELLS))
        near, far = near + u * (far - near), near_z + u * (far_z - near_z)
        return near + v * (far - near)


def _rgb(color: Color) -> Float[np.ndarray, "3 1 1"]:
    return np.array(color, dtype=np.float32)[:, None, None]


def _box(mask: Bool[np.ndarray, "rows width"]) -> tuple[slice, slice]:
    """The smallest rows and columns that hold all that is true."""
    rows, columns = np.nonzero(mask)
    return (
        (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)) if len(rows) else (slice(0),) * 2
    )


def _seen_ground(view: View) -> tuple[int, Float[np.ndarray, "2 rows width"]]:
    """Where the floor is seen at each pixel, relative to the target; rows without any floor are left out."""
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
    return (np.clip(1 - squared / reach**2, 0, 1) ** 1.5 / (1 + 1.1 * lift)).max(axis=0)


def _draw_capsules(
    picture: Float[np.ndarray, "3 height width"],
    xy: Float[np.ndarray, "capsules 2 2"],
    depths: Float[np.ndarray, "capsules 2"],
    radii: Float[np.ndarray, "capsules 2"],
    focal: float,
) -> None:
    """Lit limbs over the picture, from far to near; depths and radii are in meters."""
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
        near = _mixed(depths[limb], along) - normal[2] * _mixed(radii[limb], along)
        cover *= near < nearest[box]
        nearest[box] = np.where(cover > 0.5, near, nearest[box])
        below = picture[:, *box]
        below += cover * (_light(normal) * FIGURE_COLORS[limb][:, None, None] - below)


def _capsule(
    low: Float[np.ndarray, "2"],
    high: Float[np.ndarray, "2"],
    ends: Float[np.ndarray, "2 2"],
    radii: Float[np.ndarray, "2"],
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "3 h w"], Float[np.ndarray, "h w"]]:
    """A capsule on the pixels low to high: its share of each, its normal (right, up, towards us), where along it."""
    x = np.arange(low[0], high[0], dtype=np.float32)[None, :] - np.float32(ends[0, 0])
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - np.float32(ends[0, 1])
    ax, ay = (ends[1] - ends[0]).astype(np.float32)
    along = np.clip((x * ax + y * ay) / (ax * ax + ay * ay + np.float32(1e-3)), 0, 1)
    radius = _mixed(radii, along)
    right, down = (x - along * ax) / radius, (y - along * ay) / radius
    squared = right * right + down * down
    cover = np.clip((1 - np.sqrt(squared)) * radius + 0.5, 0, 1)
    return cover, np.stack([right, -down, np.sqrt(np.maximum(1 - squared, 0))]), along


def _mixed(pair: Float[np.ndarray, "2"], share: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The first of a pair, with `share` of the second in it."""
    first, second = pair.astype(np.float32)
    return first + share * (second - first)


def _light(normal: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "h w"]:
    """How bright a surface is: soft light from above, darker where it turns away from us."""
    right, up, towards = normal
    light = 0.5 + 0.5 * (right * LIGHT[0] + up * LIGHT[1] + towards * LIGHT[2])
    return np.float32(0.40) + np.float32(0.78) * light * (0.72 + 0.28 * towards)


def _smoothed(path: Float[np.ndarray, "frames 3"], window: int) -> Float[np.ndarray, "frames 3"]:
    """Running mean over `window` frames, the ends held."""
    padded = np.concatenate([path[:1].repeat(window // 2, 0), path, path[-1:].repeat(window - 1 - window // 2, 0)])
    kernel = np.full(window, 1.0 / window)
    return np.stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in range(3)], axis=-1)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def shortened(text: str, width: float, size: int) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if font(size).getlength(line) <= width:
        return line
    while line and font(size).getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
