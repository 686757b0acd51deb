"""Trail and contacts: where they are, and that they are off unless asked for."""

import numpy as np
import pytest

from lead.motion.motion import Motion
from lead.motion.render.figure import COLORS, stand_figure
from lead.motion.render.marks import PRINT_RADIUS, TRAIL, TRAIL_WIDTH, find_marks
from lead.motion.render.rasterizer import Stage, View, fit_view, pose_figures
from lead.motion.render.view_options import ViewOptions
from lead.motion.skeleton import JOINTS, tpose


def make_slide(frames: int = 40) -> Motion:
    """A T-pose that glides 2 m ahead; its left foot is in the air."""
    joints = tpose()[None].repeat(frames, 0) + np.linspace(0, 2, frames)[:, None, None] * [0, 0, 1.0]
    joints[:, [JOINTS.index(f"left_{name}") for name in ("ankle", "foot")], 1] += 0.4
    return Motion(joints.astype(np.float32), fps=10.0)


def draw(options: ViewOptions, frame: int = -1) -> np.ndarray:
    motion = make_slide()
    figures = pose_figures(motion.joints, motion.fps, options)
    stage = Stage(fit_view(View(240, 280), [figures]))
    return stage.draw_all(figures.at([frame % len(figures.ends)]))[0].astype(int)


def count_marked(options: ViewOptions, frame: int = -1) -> int:
    """Pixels that the options change."""
    return int((np.abs(draw(options, frame) - draw(ViewOptions(), frame)).sum(axis=-1) > 60).sum())


def test_nothing_is_marked_unless_asked_for() -> None:
    motion = make_slide()
    assert not pose_figures(motion.joints, motion.fps).marks
    assert not pose_figures(motion.joints, motion.fps, ViewOptions(loop=True)).marks


def test_the_trail_is_the_way_so_far() -> None:
    standing = stand_figure(make_slide().joints)
    marks = find_marks(standing, 10.0, ViewOptions(trail=True))
    (color, ribbon), = marks.at(20)
    points = np.concatenate(ribbon)
    assert color == TRAIL
    assert points[:, 1].max() == pytest.approx(standing[20, 0, 2], abs=0.05)
    assert np.abs(points[:, 0] - standing[0, 0, 0]).max() == pytest.approx(TRAIL_WIDTH / 2, abs=1e-6)
    trail = ViewOptions(trail=True)
    assert count_marked(trail) > count_marked(trail, 15) > 10 > count_marked(trail, 0)
    assert marks.at(0)[0][1] == []


def test_prints_are_under_standing_feet() -> None:
    standing = stand_figure(make_slide().joints)
    marks = find_marks(standing, 10.0, ViewOptions(contacts=True))
    ((color, (outline,)),) = marks.at(20)
    assert color == COLORS["right"]
    ankle, toe = (standing[20, JOINTS.index(f"right_{name}"), [0, 2]] for name in ("ankle", "foot"))
    assert outline[:, 1].min() == pytest.approx(ankle[1] - PRINT_RADIUS, abs=0.02)
    assert outline[:, 1].max() > toe[1] + PRINT_RADIUS
    assert 20 < count_marked(ViewOptions(contacts=True)) < 3000


def test_a_fast_foot_has_no_print() -> None:
    fast = stand_figure(make_slide(8).joints)  # 2 m in 0.7 s
    assert find_marks(fast, 10.0, ViewOptions(contacts=True)).at(4) == []
