"""Figures in pixels: their places, near parts hide far parts, the ground stands still."""

from dataclasses import replace

import numpy as np
import pytest

from lead.motion.motion import Motion
from lead.motion.render.figure import COLORS, FIGURE, SOLE, figure_ends, figure_radii, stand_figure
from lead.motion.render.rasterizer import SHADOW_CELLS, SHADOW_REACH, Stage, View, _shadow_maps, fit_view, pose_figures
from lead.motion.skeleton import tpose

VIEW = View(120, 160)


def make_motion_to_east(frames: int = 30) -> Motion:
    """A T-pose that faces +X and glides 2 m that way, recorded far from the origin."""
    to_east = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    path = np.linspace([5.0, 0.3, -7.0], [7.0, 0.3, -7.0], frames)
    return Motion((tpose() @ to_east.T + path[:, None]).astype(np.float32), fps=30.0)


def draw(motion: Motion, frame: int = 0, view: View = VIEW) -> np.ndarray:
    figures = pose_figures(motion.joints, motion.fps)
    stage = Stage(fit_view(view, [figures]))
    return stage.draw(figures.ends[frame], figures.radii, figures.targets[frame]).astype(int)


def find_part(picture: np.ndarray, part: str) -> np.ndarray:
    color = np.array(COLORS[part])
    return picture @ color / np.linalg.norm(picture, axis=-1) / np.linalg.norm(color) > 0.995


def test_is_placed_on_the_floor_facing_us() -> None:
    joints = stand_figure(make_motion_to_east().joints)
    assert joints[..., 1].min() == pytest.approx(SOLE, abs=1e-4)
    np.testing.assert_allclose(joints[0, 0, [0, 2]], 0, atol=1e-5)
    np.testing.assert_allclose(joints[-1, 0], joints[0, 0] + [0, 0, 2], atol=1e-4)
    np.testing.assert_allclose(joints[0], tpose() + np.array([0, SOLE, 0]), atol=1e-4)


def test_a_turn_all_round_starts_facing_us() -> None:
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False) + 1.0
    around = np.stack([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in turns])
    joints = stand_figure(tpose() @ around.transpose(0, 2, 1))
    np.testing.assert_allclose(joints[0], tpose() + np.array([0, SOLE, 0]), atol=1e-3)


def test_the_figure_is_symmetric_and_grows_with_the_body() -> None:
    ends = figure_ends(tpose())
    sides = {part: ends[[limb.part == part for limb in FIGURE]] for part in ("left", "right")}
    np.testing.assert_allclose(sides["left"] * [-1, 1, 1], sides["right"], atol=0.02)
    small, large = ((tpose() * size)[None] for size in (1.0, 1.5))
    np.testing.assert_allclose(figure_radii(large), 1.5 * figure_radii(small), rtol=1e-5)


def test_left_is_seen_on_the_right_and_all_is_within() -> None:
    picture = draw(make_motion_to_east())
    assert np.nonzero(find_part(picture, "left"))[1].mean() > np.nonzero(find_part(picture, "right"))[1].mean() + 20
    limbs = find_part(picture, "left") | find_part(picture, "right")
    assert not np.concatenate([limbs[0], limbs[-1], limbs[:, 0], limbs[:, -1]]).any()


def test_what_is_nearer_hides_what_is_farther() -> None:
    view = replace(VIEW, azimuth=np.pi / 2, elevation=0.05)  # from the person's left
    seen = {part: find_part(draw(make_motion_to_east(), view=view), part).sum() for part in ("left", "right")}
    assert seen["left"] > 4 * seen["right"] > 0


def test_the_ground_stands_still_while_the_camera_follows() -> None:
    """Half a meter on, the grid looks the same; a quarter of a meter on, it does not."""
    stage = Stage(replace(VIEW, focal=200.0, center=(60.0, 80.0)))
    nobody = np.tile([0.0, 50.0, 0.0], (len(FIGURE), 2, 1))
    radii = np.full((len(FIGURE), 2), 0.01)
    here, half, quarter = (stage.draw(nobody, radii, np.array([0.1, 0.93, z])).astype(int) for z in (0.0, 0.5, 0.25))
    np.testing.assert_allclose(here, half, atol=1)
    assert (np.abs(here - quarter).sum(axis=-1) > 20).sum() > 100


def test_the_shadow_is_under_the_figure_and_fades_with_its_height() -> None:
    ends = figure_ends(tpose())
    radii = figure_radii(make_motion_to_east().joints)
    both = ends + np.array([0.0, 1.0])[:, None, None, None] * [0, 1, 0]
    low, high = _shadow_maps(both[..., [0, 2]], both[..., 1].mean(axis=-1), radii.mean(axis=-1))
    middle = SHADOW_CELLS // 2
    foot = int(middle + tpose()[10, 0] / (2 * SHADOW_REACH) * SHADOW_CELLS)
    assert low[foot, middle] > 0.85 > 1.5 * high[foot, middle] > 0
    assert low[middle, 0] == low[middle, -1] == 0  # arms point to both sides, nothing to the front or back
    assert 0 < low[middle - 16, middle] < 0.5  # an arm's


def test_seen_from_above() -> None:
    assert find_part(draw(make_motion_to_east(), view=replace(VIEW, elevation=1.5)), "left").any()


def test_a_person_of_no_size_is_drawn_too() -> None:
    nobody = pose_figures(np.zeros((20, 22, 3)), 20.0)
    view = fit_view(View(100, 100), [nobody])
    assert np.isfinite(view.focal) and view.focal > 0
    assert (nobody.radii > 0).all()


def test_pictures_of_similar_poses_drawn_together_are_those_drawn_alone() -> None:
    motion = make_motion_to_east()
    figures = pose_figures(motion.joints, motion.fps)
    stage = Stage(fit_view(VIEW, [figures]))
    together = stage.draw_all(figures.at(range(10, 15))).astype(int)
    for place, frame in enumerate(range(10, 15)):
        alone = stage.draw(figures.ends[frame], figures.radii, figures.targets[frame]).astype(int)
        assert np.abs(together[place] - alone).max() <= 1
    assert (together[0] != together[4]).any()


def test_a_figure_outside_of_the_picture_draws_nothing() -> None:
    stage = Stage(replace(VIEW, focal=200.0, center=(60.0, 80.0)))
    far, radii, target = np.tile([50.0, 0.0, 0.0], (len(FIGURE), 2, 1)), np.full((len(FIGURE), 2), 0.05), np.zeros(3)
    nobody = np.tile([0.0, 50.0, 0.0], (len(FIGURE), 2, 1))
    pictures = (stage.draw(ends, radii, target).astype(int) for ends in (far, nobody))
    np.testing.assert_allclose(*pictures, atol=2)  # a faint shadow falls from 50 m
