"""Contact sheets: motions as rows of drawn figures, so that a result can be looked at without other tools.

Each row is one motion: figures from its first to its last frame, at times chosen by motion
(`lead.motion.render.key_frames`), and a plan of the root's path from above. The camera looks at the figure in
three-quarter view, from the side that the person faces, and follows the root. The ground grid (0.5 m squares) stands
still in the world, so that travel shows. Left limbs are blue, right limbs orange. All rows share one scale. A thumbnail
is a few of these figures in a square.

Conventions: meters, Y up. Knows nothing of models and prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from math import ceil

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from lead.motion.heading import facing
from lead.motion.motion_like import MotionLike, list_marks
from lead.motion.render.figure import COLORS, Color
from lead.motion.render.key_frames import choose_key_frames
from lead.motion.render.rasterizer import GRID, Figures, Stage, View, fit_view, pose_figures
from lead.motion.render.text import FAINT, INK, WHITE, load_font, shorten, to_drawable
from lead.motion.render.view_options import ViewOptions

CELL_WIDTH, CELL_HEIGHT, GAP, MARGIN, TITLE_HEIGHT, FOOT_HEIGHT = 156, 216, 6, 18, 30, 26
"""Pixels, as all sizes here."""
THUMBNAIL_SIDE, THUMBNAIL_FIGURES, THUMBNAIL_COLORS = 256, 3, 48
TIME_HEIGHT = 18.0
"""Of the time in a cell's corner."""
PLAN_SUPERSAMPLING = 3
MOST_PARTS = 24
"""Parts of a motion that have a row each."""


def contact_sheet(
    motions: Sequence[MotionLike],
    titles: Sequence[str] | None = None,
    heading: str = "",
    columns: int = 8,
    options: ViewOptions = ViewOptions(),
) -> Image.Image:
    """One row a motion: `columns` figures over time and the root's path from above.

    Without titles the motions' own names are used. `options` switch on trails and foot contacts. A motion whose marks
    follow each other, as the segments of a timeline do, has a row for each, with the mark's title. Marked moments, as
    those of keyframes and places, are among a row's figures, up to half of them.
    """
    assert motions, "a contact sheet needs a motion"
    titles = titles or [motion.name for motion in motions]
    assert len(titles) == len(motions), f"{len(titles)} titles for {len(motions)} motions"
    rows = _list_rows(motions, titles)
    motions, titles = [row.motion for row in rows], to_drawable([row.title for row in rows])
    width = 2 * MARGIN + (columns + 1) * CELL_WIDTH + columns * GAP
    head = MARGIN + (TITLE_HEIGHT + 6 if heading else 0)
    row = TITLE_HEIGHT + CELL_HEIGHT + GAP
    sheet = Image.new("RGB", (width, head + row * len(motions) + FOOT_HEIGHT + MARGIN // 2), WHITE)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((MARGIN, MARGIN - 4), shorten(heading, width - 2 * MARGIN, 20), INK, load_font(20, heading))
    frames = [
        choose_key_frames(one.motion.joints, one.motion.fps, columns, one.moments[: columns // 2]) for one in rows
    ]
    figures = [pose_figures(m.joints, m.fps, options).at(some) for m, some in zip(motions, frames, strict=True)]
    stage = Stage(fit_view(View(CELL_WIDTH, CELL_HEIGHT), figures, top=TIME_HEIGHT))
    for index, (motion, title) in enumerate(zip(motions, titles, strict=True)):
        top = head + index * row
        _draw_title(draw, title, motion, top, width)
        seconds = [rows[index].start + frame / motion.fps for frame in frames[index]]
        _draw_row(sheet, stage, figures[index], seconds, top + TITLE_HEIGHT)
        plan = _draw_plan(motion.joints, frames[index])
        sheet.paste(plan, (MARGIN + columns * (CELL_WIDTH + GAP), top + TITLE_HEIGHT))
    _draw_legend(draw, sheet.height - FOOT_HEIGHT)
    return sheet


@dataclass(frozen=True)
class _Row:
    """A motion in a row, or a part of one."""

    motion: MotionLike
    title: str
    start: float = 0.0
    """Seconds from the start of the whole motion."""
    moments: tuple[int, ...] = ()
    """Frames of the row that are marked, as those of keyframes and places."""


@dataclass(frozen=True, eq=False)
class _Part:
    """A stretch of a motion."""

    joints: Float[np.ndarray, "frames 22 3"]
    fps: float
    name: str


def list_row_titles(motions: Sequence[MotionLike], titles: Sequence[str]) -> list[str]:
    """The titles of a contact sheet's rows, of which a motion may have several."""
    return [row.title for row in _list_rows(motions, titles)]


def _list_rows(motions: Sequence[MotionLike], titles: Sequence[str]) -> list[_Row]:
    return [row for motion, title in zip(motions, titles, strict=True) for row in _divide(motion, title)]


def _divide(motion: MotionLike, title: str) -> list[_Row]:
    """The motion's parts by its marks, where these follow each other; else the motion as a whole."""
    marks = [mark for mark in list_marks(motion) if mark.end > mark.start]
    if not 1 < len(marks) <= MOST_PARTS or any(a.end != b.start for a, b in pairwise(marks)):
        return [_Row(motion, title, moments=_find_moments(motion, 0, len(motion.joints)))]
    rows = []
    for number, mark in enumerate(marks, start=1):
        first, end = round(mark.start * motion.fps), round(mark.end * motion.fps)
        frames = motion.joints[first:end]
        if len(frames):
            part, moments = _Part(frames, motion.fps, mark.title), _find_moments(motion, first, first + len(frames))
            rows.append(_Row(part, f"{number}. {mark.title}", mark.start, moments))
    return rows


def _find_moments(motion: MotionLike, first: int, end: int) -> tuple[int, ...]:
    """The marked moments within a part of the motion, in frames of the part."""
    frames = [round(mark.start * motion.fps) for mark in list_marks(motion) if mark.end == mark.start]
    return tuple(frame - first for frame in frames if first <= frame < end)


def thumbnail(motion: MotionLike) -> bytes:
    """A small square PNG: a few moments of the motion side by side."""
    width = THUMBNAIL_SIDE // THUMBNAIL_FIGURES
    frames = choose_key_frames(motion.joints, motion.fps, THUMBNAIL_FIGURES + 2)[1:-1]
    figures = pose_figures(motion.joints, motion.fps).at(frames)
    stage = Stage(fit_view(View(width, THUMBNAIL_SIDE), [figures]))
    cells = [stage.draw_all(figures.at([index]))[0] for index in range(len(frames))]
    buffer = BytesIO()
    picture = Image.fromarray(np.concatenate(cells, axis=1)).quantize(THUMBNAIL_COLORS)
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _draw_title(draw: ImageDraw.ImageDraw, title: str, motion: MotionLike, top: int, width: int) -> None:
    """A row's title on the left, its length and rate on the right."""
    draw.text((MARGIN, top + 4), shorten(title, width - 2 * MARGIN - 220, 17), INK, load_font(17, title))
    length = f"{len(motion.joints) / motion.fps:.1f} s at {motion.fps:.4g} fps"
    draw.text((width - MARGIN, top + 7), length, FAINT, load_font(14), anchor="ra")


def _draw_row(sheet: Image.Image, stage: Stage, figures: Figures, seconds: Sequence[float], top: int) -> None:
    """A row's figures, each with its time in the corner."""
    draw = ImageDraw.Draw(sheet)
    for column, time in enumerate(seconds):
        left = MARGIN + column * (CELL_WIDTH + GAP)
        pixels = stage.draw_all(figures.at([column]))[0]
        sheet.paste(Image.fromarray(pixels), (left, top))
        draw.text((left + 8, top + 6), f"{time:.1f} s", FAINT, load_font(12))


def _draw_plan(joints: Float[np.ndarray, "frames 22 3"], frames: Sequence[int]) -> Image.Image:
    """The root's path from above, the first facing up; dots with a nose at the drawn frames, and a scale bar."""
    scale = PLAN_SUPERSAMPLING
    width, height = CELL_WIDTH * scale, CELL_HEIGHT * scale
    cell = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(cell)
    draw.rectangle([0, 0, width - 1, height - 1], outline=GRID, width=scale)
    joints = np.asarray(joints, dtype=np.float64)
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
        shade = _mix(INK, GRID, 0.75 * (1 - order / max(len(frames) - 1, 1)))
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
    labels.text((8, 6), "from above", FAINT, load_font(12))
    labels.text((CELL_WIDTH / 2, CELL_HEIGHT - 19), f"{bar:.0f} m", FAINT, load_font(12), anchor="md")
    return cell


def _draw_legend(draw: ImageDraw.ImageDraw, top: int) -> None:
    """The colors of both sides, and what the ground shows."""
    x = float(MARGIN)
    for color, label in ((COLORS["left"], "left"), (COLORS["right"], "right")):
        draw.ellipse([x, top + 5, x + 10, top + 15], fill=color)
        draw.text((x + 16, top + 2), label, FAINT, load_font(13))
        x += 66
    draw.text((x, top + 2), "the camera follows the root; ground squares are 0.5 m", FAINT, load_font(13))


def _mix(color: Color, other: Color, share: float) -> Color:
    """`color` with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue
