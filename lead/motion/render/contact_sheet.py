"""A contact sheet: motions as rows of drawn figures, so that a result can be looked at without other tools.

Each row is one motion: figures at even times from first to last frame, and a plan of the root's path from
above. The camera looks at the figure in three-quarter view, from the side on which the person faces, and
follows the root; the ground grid (0.5 m squares) stands still in the world, so that travel shows. Left limbs
are blue, right limbs orange. All rows share one scale.

A thumbnail is a few of these figures in a square.

Knows nothing of models and prompts: joints [frames, 22, 3] in meters, Y up, in; pixels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil

import numpy as np
from PIL import Image, ImageDraw

from lead.motion.features import facing
from lead.motion.motion import Motion
from lead.motion.render.figure import COLORS, Color
from lead.motion.render.rasterizer import GRID, Stage, View, font, framed, shortened, shots

INK: Color = (34, 38, 45)
FAINT: Color = (104, 112, 124)
WHITE: Color = (255, 255, 255)

CELL_WIDTH, CELL_HEIGHT, GAP, MARGIN, TITLE_HEIGHT, FOOT_HEIGHT = 156, 216, 6, 18, 30, 26
THUMBNAIL_SIDE, THUMBNAIL_FIGURES, THUMBNAIL_COLORS = 256, 3, 48
TIME_HEIGHT = 18  # of the time in a cell's corner
PLAN_SUPERSAMPLING = 3


def contact_sheet(
    motions: Sequence[Motion], titles: Sequence[str] | None = None, heading: str = "", columns: int = 8
) -> Image.Image:
    """One row a motion: `columns` figures over time and the root's path from above."""
    assert motions, "a contact sheet needs a motion"
    titles = titles or [motion.name for motion in motions]
    assert len(titles) == len(motions), f"{len(titles)} titles for {len(motions)} motions"
    width = 2 * MARGIN + (columns + 1) * CELL_WIDTH + columns * GAP
    head = MARGIN + (TITLE_HEIGHT + 6 if heading else 0)
    row = TITLE_HEIGHT + CELL_HEIGHT + GAP
    sheet = Image.new("RGB", (width, head + row * len(motions) + FOOT_HEIGHT + MARGIN // 2), WHITE)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((MARGIN, MARGIN - 4), shortened(heading, width - 2 * MARGIN, 20), INK, font(20))
    frames = [np.round(np.linspace(0, len(motion.joints) - 1, columns)).astype(int).tolist() for motion in motions]
    drawn = [shots(motion).at(some) for motion, some in zip(motions, frames, strict=True)]
    stage = Stage(framed(View(CELL_WIDTH, CELL_HEIGHT), drawn, top=TIME_HEIGHT))
    for index, (motion, title) in enumerate(zip(motions, titles, strict=True)):
        top = head + index * row
        draw.text((MARGIN, top + 4), shortened(title, width - 2 * MARGIN - 220, 17), INK, font(17))
        told = f"{motion.seconds:.1f} s at {motion.fps:.4g} fps"
        draw.text((width - MARGIN, top + 7), told, FAINT, font(14), anchor="ra")
        for column, frame in enumerate(frames[index]):
            left = MARGIN + column * (CELL_WIDTH + GAP)
            pixels = stage.draw(drawn[index].ends[column], drawn[index].radii, drawn[index].targets[column])
            sheet.paste(Image.fromarray(pixels), (left, top + TITLE_HEIGHT))
            draw.text((left + 8, top + TITLE_HEIGHT + 6), f"{frame / motion.fps:.1f} s", FAINT, font(12))
        plan = _plan_cell(motion, frames[index])
        sheet.paste(plan, (MARGIN + columns * (CELL_WIDTH + GAP), top + TITLE_HEIGHT))
    _legend(draw, sheet.height - FOOT_HEIGHT)
    return sheet


def thumbnail(motion: Motion) -> bytes:
    """A small square PNG: a few moments of the motion side by side."""
    width = THUMBNAIL_SIDE // THUMBNAIL_FIGURES
    shares = (np.arange(THUMBNAIL_FIGURES) + 0.5) / THUMBNAIL_FIGURES
    drawn = shots(motion).at((shares * len(motion.joints)).astype(int).tolist())
    stage = Stage(framed(View(width, THUMBNAIL_SIDE), [drawn]))
    cells = [stage.draw(ends, drawn.radii, target) for ends, target in zip(drawn.ends, drawn.targets, strict=True)]
    buffer = BytesIO()
    picture = Image.fromarray(np.concatenate(cells, axis=1)).quantize(THUMBNAIL_COLORS)
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _plan_cell(motion: Motion, frames: Sequence[int]) -> Image.Image:
    """The root's path from above, first facing up; dots with a nose at the drawn frames, and a scale bar."""
    scale = PLAN_SUPERSAMPLING
    width, height = CELL_WIDTH * scale, CELL_HEIGHT * scale
    cell = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(cell)
    draw.rectangle([0, 0, width - 1, height - 1], outline=GRID, width=scale)
    joints = np.asarray(motion.joints, dtype=np.float64)
    directions = facing(joints)[:, [0, 2]]
    x0, z0 = directions[0]
    turn = np.array([[-z0, x0], [-x0, -z0]])  # the first facing points up; the screen's y points down
    path, noses = joints[:, 0, [0, 2]] @ turn.T, directions @ turn.T
    low, high = path.min(axis=0), path.max(axis=0)
    room = np.array([width - 56 * scale, height - 84 * scale])
    pixels = float(min(room / np.maximum(high - low, 1.0)))
    spots = (path - (low + high) / 2) * pixels + np.array([width / 2, height / 2 - 4 * scale])
    draw.line([tuple(p) for p in spots], FAINT, width=2 * scale, joint="curve")
    for order, frame in enumerate(frames):
        shade = _mixed(INK, GRID, 0.75 * (1 - order / max(len(frames) - 1, 1)))
        x, y = spots[frame]
        r = 5 * scale
        tip = spots[frame] + noses[frame] * 11 * scale
        draw.line([(x, y), tuple(tip)], shade, width=2 * scale)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=shade)
    bar = 1.0 if pixels > 30 * scale else float(ceil(30 * scale / pixels))
    left, floor = (width - bar * pixels) / 2, height - 14 * scale
    draw.line([(left, floor), (left + bar * pixels, floor)], FAINT, width=2 * scale)
    cell = cell.resize((CELL_WIDTH, CELL_HEIGHT), Image.Resampling.LANCZOS)
    labels = ImageDraw.Draw(cell)
    labels.text((8, 6), "from above", FAINT, font(12))
    labels.text((CELL_WIDTH / 2, CELL_HEIGHT - 19), f"{bar:.0f} m", FAINT, font(12), anchor="md")
    return cell


def _legend(draw: ImageDraw.ImageDraw, top: float) -> None:
    x = float(MARGIN)
    for color, label in ((COLORS["left"], "left"), (COLORS["right"], "right")):
        draw.ellipse([x, top + 5, x + 10, top + 15], fill=color)
        draw.text((x + 16, top + 2), label, FAINT, font(13))
        x += 66
    draw.text((x, top + 2), "the camera follows the root; ground squares are 0.5 m", FAINT, font(13))


def _mixed(color: Color, other: Color, share: float) -> Color:
    """`color` with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue
