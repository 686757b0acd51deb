"""Limbs in pixels: shaded, round capsules drawn over pictures, several pictures at a time.

Each pixel is shaded by its distance from the limb's axis in the picture. Limbs are drawn from far to near with a depth
buffer. An edge fades over one pixel, so no supersampling is needed. Calls of NumPy cost more than the pixels of one
limb, therefore a limb is drawn into all pictures at once: into a box of one size at the limb's place in each.

Conventions: pixels x to the right, y down; depths in meters from the camera. Knows nothing of joints and of the ground.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from lead.motion.render.figure import FIGURE_COLORS

LIGHT: Float[np.ndarray, "3"] = np.array([-0.42, 0.74, 0.53], dtype=np.float32)
"""The direction to the light, seen from the camera: right, up, towards us."""
AMBIENT, DIFFUSE, FACING = 0.40, 0.78, 0.28
"""Brightness in the dark; of the light; and the part of the light that is lost where a surface turns away from us."""


def draw_limbs(
    pictures: UInt8[np.ndarray, "pictures 3 height width"],
    xy: Float[np.ndarray, "pictures capsules 2 2"],
    depths: Float[np.ndarray, "pictures capsules 2"],
    radii: Float[np.ndarray, "capsules 2"],
    focal: float,
) -> None:
    """Draw a figure over each picture. Radii are in meters.

    The limbs have one order for all pictures, from the farthest on average; give pictures of about the same pose.
    """
    count, _, height, width = pictures.shape
    nearest = np.full((count, height, width), np.inf, dtype=np.float32)
    seen = radii * focal / depths
    low = np.floor((xy - seen[..., None]).min(axis=2)).astype(int) - 1
    high = np.ceil((xy + seen[..., None]).max(axis=2)).astype(int) + 2
    for limb in np.argsort(-depths.mean(axis=(0, 2))):
        inside = (low[:, limb] < (width, height)) & (high[:, limb] > 0)
        if not inside.all(axis=1).any():
            continue
        size = np.minimum((high - low)[:, limb].max(axis=0), (width, height))
        corner = np.clip(low[:, limb], 0, (width, height) - size)
        ends = np.concatenate([xy[:, limb], seen[:, limb, :, None], depths[:, limb, :, None]], axis=-1)
        _draw_limb(pictures, nearest, corner, size, ends.astype(np.float32), radii[limb], FIGURE_COLORS[limb])


def _draw_limb(
    pictures: UInt8[np.ndarray, "pictures 3 height width"],
    nearest: Float[np.ndarray, "pictures height width"],
    corner: Int[np.ndarray, "pictures 2"],
    size: Int[np.ndarray, "2"],
    ends: Float[np.ndarray, "pictures 2 4"],
    radii: Float[np.ndarray, "2"],
    color: Float[np.ndarray, "3"],
) -> None:
    """Draw one limb into a box of each picture; `ends` are x, y, radius in pixels and depth."""
    w, h = (int(number) for number in size)
    place = np.arange(len(pictures)), corner[:, 1], corner[:, 0]
    start, change = ends[:, 0, :, None, None], (ends[:, 1] - ends[:, 0])[:, :, None, None]
    x = (corner[:, :1] + np.arange(w)).astype(np.float32)[:, None, :] - start[:, 0]
    y = (corner[:, 1:] + np.arange(h)).astype(np.float32)[:, :, None] - start[:, 1]
    ax, ay = change[:, 0], change[:, 1]
    squares = ax * ax + ay * ay + np.float32(1e-3)
    along = x * (ax / squares) + y * (ay / squares)
    np.clip(along, 0, 1, out=along)
    radius = along * change[:, 2]
    radius += start[:, 2]
    right = _across(x, along, ax, radius)
    down = _across(y, along, ay, radius)
    squared = right * right
    squared += down * down
    cover = np.sqrt(squared)
    np.subtract(1, cover, out=cover)
    cover *= radius
    cover += np.float32(0.5)
    np.clip(cover, 0, 1, out=cover)
    np.subtract(1, squared, out=squared)
    towards = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
    near = along * change[:, 3]
    near += start[:, 3]
    along *= np.float32(radii[1] - radii[0])
    along += np.float32(radii[0])
    along *= towards
    near -= along
    depths = sliding_window_view(nearest, (h, w), axis=(1, 2), writeable=True)
    behind = depths[place]
    cover *= near < behind
    np.copyto(behind, near, where=cover > 0.5)
    depths[place] = behind
    boxes = sliding_window_view(pictures, (h, w), axis=(2, 3), writeable=True)
    below = boxes[place[0], :, place[1], place[2]].astype(np.float32)
    shown = _light(right, down, towards)[:, None] * color[:, None, None]
    shown -= below
    shown *= cover[:, None]
    shown += below
    shown += np.float32(0.5)
    boxes[place[0], :, place[1], place[2]] = np.minimum(shown, 255, out=shown).astype(np.uint8)


def _across(
    at: Float[np.ndarray, "pictures #h #w"],
    along: Float[np.ndarray, "pictures h w"],
    axis: Float[np.ndarray, "pictures 1 1"],
    radius: Float[np.ndarray, "pictures h w"],
) -> Float[np.ndarray, "pictures h w"]:
    """How far a pixel is from the limb's axis in x or y, in radii."""
    across: np.ndarray = along * -axis
    across += at
    across /= radius
    return across


def _light(
    right: Float[np.ndarray, "pictures h w"],
    down: Float[np.ndarray, "pictures h w"],
    towards: Float[np.ndarray, "pictures h w"],
) -> Float[np.ndarray, "pictures h w"]:
    """How bright a surface is, by its normal: soft light from above, darker where it turns away. Overwrites `right`
    and `down`."""
    right *= np.float32(0.5 * DIFFUSE * LIGHT[0])
    down *= np.float32(-0.5 * DIFFUSE * LIGHT[1])
    bright: np.ndarray = towards * np.float32(0.5 * DIFFUSE * LIGHT[2])
    bright += right
    bright += down
    bright += np.float32(0.5 * DIFFUSE)
    shade = towards * np.float32(FACING)
    shade += np.float32(1 - FACING)
    bright *= shade
    bright += np.float32(AMBIENT)
    return bright
