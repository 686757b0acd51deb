"""The contact sheet: sides, framing, and motions that are hard to frame."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lead.motion.motion import Motion
from lead.motion.motion_like import TimeMark
from lead.motion.render.figure import COLORS
from lead.motion.render.sheets import CELL_HEIGHT, CELL_WIDTH, GAP, MARGIN, TITLE_HEIGHT, _divide, contact_sheet
from lead.motion.skeleton import tpose


def make_stroll(heading: float = 0.0, frames: int = 60) -> Motion:
    """A T-pose that glides 3 m in its own direction."""
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    path = np.linspace(0, 3, frames)[:, None, None] * np.array([sin, 0, cos])
    return Motion((tpose() @ turn.T + path).astype(np.float32), name="stroll")


def cells(sheet: Image.Image, row: int = 0, columns: int = 8) -> list[np.ndarray]:
    top = MARGIN + row * (TITLE_HEIGHT + CELL_HEIGHT + GAP) + TITLE_HEIGHT
    lefts = [MARGIN + column * (CELL_WIDTH + GAP) for column in range(columns)]
    return [np.asarray(sheet.crop((left, top, left + CELL_WIDTH, top + CELL_HEIGHT))).astype(int) for left in lefts]


def of(cell: np.ndarray, part: str) -> np.ndarray:
    """Where a part's color is, however bright: shading changes its length only."""
    color = np.array(COLORS[part])
    return cell @ color / np.linalg.norm(cell, axis=-1) / np.linalg.norm(color) > 0.995


@pytest.mark.parametrize("heading", [0.0, 1.0, np.pi / 2, np.pi, -2.0])
def test_seen_from_the_front_the_left_side_is_on_the_right(heading: float) -> None:
    for cell in cells(contact_sheet([make_stroll(heading)])):
        left, right = np.nonzero(of(cell, "left"))[1], np.nonzero(of(cell, "right"))[1]
        assert left.mean() > right.mean() + 20


def test_figures_stay_inside_their_cells() -> None:
    for cell in cells(contact_sheet([make_stroll()])):
        drawn = of(cell, "left") | of(cell, "right")
        edges = np.concatenate([drawn[:2].ravel(), drawn[-2:].ravel(), drawn[:, :2].ravel(), drawn[:, -2:].ravel()])
        assert drawn.any()
        assert not edges.any()


def test_every_motion_has_a_row() -> None:
    one, three = contact_sheet([make_stroll()]), contact_sheet([make_stroll()] * 3, heading="Three")
    assert three.width == one.width
    assert three.height > one.height + 2 * CELL_HEIGHT


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_short_motions(frames: int) -> None:
    sheet = contact_sheet([make_stroll(frames=frames)], ["a title " * 60])
    assert all(of(cell, "left").any() for cell in cells(sheet))


def test_lying_and_spinning() -> None:
    lying = Motion(tpose()[None].repeat(10, 0)[..., [0, 2, 1]].astype(np.float32))
    turns = np.linspace(0, 4 * np.pi, 40)
    spinning = Motion(np.concatenate([make_stroll(turn, frames=1).joints for turn in turns]))
    sheet = contact_sheet([lying, spinning], ["lying", "spinning"])
    assert all(of(cell, "left").any() for row in range(2) for cell in cells(sheet, row))


def test_same_motion_same_picture() -> None:
    assert contact_sheet([make_stroll()]).tobytes() == contact_sheet([make_stroll()]).tobytes()


def test_a_motion_of_segments_has_a_row_for_each() -> None:
    marks = (TimeMark(0.0, 1.0, "first"), TimeMark(1.0, 3.0, "second"))
    for shown, rows in ((marks, 2), (marks[:1], 1), ((TimeMark(1.0, 1.0, "key"), TimeMark(2.0, 2.0, "key")), 1)):
        sheet = contact_sheet([replace(make_stroll(), marks=shown)])
        assert sheet.height == contact_sheet([make_stroll()] * rows).height


def test_marked_moments_are_among_the_figures() -> None:
    """In the row of their segment too."""
    segments = (TimeMark(0.0, 1.0, "first"), TimeMark(1.0, 3.0, "second"))
    moment = TimeMark(1.35, 1.35, "reach")
    (whole,) = _divide(replace(make_stroll(), marks=(moment,)), "stroll")
    first, second = _divide(replace(make_stroll(), marks=(*segments, moment)), "stroll")
    assert (whole.moments, first.moments, second.moments) == ((27,), (), (7,))
