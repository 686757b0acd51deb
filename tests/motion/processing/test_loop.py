"""Loops: cycles are found, their seams closed, and they go on where they end."""

import numpy as np
import pytest
from walks import synthesize_steps, synthesize_wave

from benchmarks.pack import read_joints
from lead.motion import MotionError
from lead.motion.heading import facing, turn
from lead.motion.processing.foot_lock import measure_contacts
from lead.motion.processing.ik import TOES
from lead.motion.processing.join import place_after
from lead.motion.processing.loop import (
    close_cycle,
    find_best_cycle,
    is_closed,
    measure_cycle,
    measure_seam,
    repeat_cycle,
    resample_cycle,
)
from lead.motion.processing.path import bend_path
from lead.motion.resample import spline
from lead.motion.skeleton import bone_lengths, tpose

STEPS = synthesize_steps(4.0).joints
"""A walk whose cycle takes a second."""


def drift(joints: np.ndarray) -> np.ndarray:
    """The motion with an arm that sinks and a trunk that leans more and more, so that no cycle is perfect."""
    part = np.linspace(0, 1, len(joints))[:, None]
    drifted = joints.astype(np.float64)
    drifted[:, [18, 20], 1] -= 0.3 * part
    drifted[:, 9:10, 0] += 0.02 * part[..., None][:, 0]
    return drifted


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    """How far the one body faces to the left of the other."""
    ahead = facing(np.stack([a, b]))
    angles = np.degrees(np.arctan2(ahead[:, 0], ahead[:, 2]))
    return float((angles[1] - angles[0] + 180) % 360 - 180)


@pytest.mark.parametrize("fps", [20.0, 30.0, 120.0])
def test_the_cycle_of_a_walk_is_found(fps):
    cycle = find_best_cycle(synthesize_steps(4.0, fps=fps).joints, fps)
    assert cycle.is_good
    assert cycle.frames / fps == pytest.approx(1.0, abs=1.01 / fps)
    assert cycle.gap < 1e-3


def test_a_standing_gesture_has_a_cycle_and_stays():
    wave = synthesize_wave(4.0)
    joints = wave.joints + np.linspace(0, 0.05, len(wave.joints))[:, None, None] * [1, 0, 0]  # who stands sways
    cycle = find_best_cycle(joints, 20.0)
    assert cycle.is_good and cycle.frames == 20
    closed = repeat_cycle(close_cycle(joints, 20.0, cycle), 10)
    np.testing.assert_allclose(closed[-1], closed[0], atol=1e-6)


def test_a_stretch_without_movement_is_not_the_cycle_of_a_walk():
    still = np.repeat(STEPS[:1], 100, axis=0)
    cycle = find_best_cycle(np.concatenate([still, STEPS - STEPS[0, 0] + still[-1, 0]]), 20.0)
    assert cycle.last > 105


def test_a_movement_at_the_very_end_does_not_make_the_stillness_before_it_a_cycle():
    joints = np.repeat(STEPS[:1], 60, axis=0)
    joints[-1, :, 2] += 0.5
    assert not find_best_cycle(joints, 20.0).is_good


def test_what_does_not_come_back_is_no_cycle():
    joints = np.repeat(tpose()[None], 60, axis=0)
    angles = np.linspace(0, 2.5, 60)
    arm = joints[:, [18, 20]] - joints[:, [16]]
    up = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    joints[:, [18, 20]] = joints[:, [16]] + arm[..., :1] * up[:, None]
    cycle = find_best_cycle(joints, 20.0)
    assert not cycle.is_good
    with pytest.raises(
        MotionError, match=r"no cycle: the best goes from .* s to .* cm and .* m/s apart.*state the cycle"
    ):
        cycle.require_good(20.0)


def test_too_short_and_wrong_stretches_are_errors():
    with pytest.raises(MotionError, match=r"0\.40 s are too short for a loop; expected more than 0\.5 s"):
        find_best_cycle(STEPS[:8], 20.0)
    for first, last in ((-1, 20), (20, 20), (0, len(STEPS))):
        with pytest.raises(MotionError, match="expected an end that is at least two frames after the start"):
            measure_cycle(STEPS, 20.0, first, last)


@pytest.mark.parametrize("fps", [20.0, 60.0])
def test_a_closed_cycle_goes_on_as_smoothly_as_it_is_inside(fps):
    joints = drift(synthesize_steps(4.0, fps=fps).joints)
    cycle = measure_cycle(joints, fps, round(0.7 * fps), round(1.7 * fps))
    closed = close_cycle(joints, fps, cycle)
    assert len(closed) == cycle.frames + 1 and is_closed(closed)
    stretch = slice(cycle.first, cycle.last + 1)
    raw, seam = measure_seam(joints[stretch], fps), measure_seam(closed, fps)
    perfect = measure_seam(synthesize_steps(4.0, fps=fps).joints[stretch], fps)
    assert seam.jump < 1.1 * perfect.jump and seam.step < 1.1 * perfect.step
    assert raw.jump > 1.3 * seam.jump
    assert np.linalg.norm(closed - joints[stretch], axis=-1).max() < 0.06


def test_bones_keep_their_lengths():
    joints = bend_path(STEPS, np.radians(np.linspace(0, 240, len(STEPS))), 20.0)
    closed = close_cycle(joints, 20.0, measure_cycle(joints, 20.0, 10, 35))
    np.testing.assert_allclose(bone_lengths(closed), bone_lengths(joints[:26]), atol=1e-6)


def test_feet_that_stand_do_not_slide_for_the_seam():
    joints = drift(STEPS)
    cycle = measure_cycle(joints, 20.0, 14, 34)
    closed = close_cycle(joints, 20.0, cycle)
    stands = measure_contacts(joints, 20.0)[14:34] > 0.9
    slide = np.linalg.norm(np.diff(closed[:, TOES][..., [0, 2]], axis=0), axis=-1)[stands]
    assert stands.sum() > 15 and slide.max() < 2e-3


def test_cycles_go_straight_on_or_turn_as_they_do():
    slightly = bend_path(STEPS, np.radians(np.linspace(0, 20, len(STEPS))), 20.0)
    closed = close_cycle(slightly, 20.0, measure_cycle(slightly, 20.0, 14, 34))
    assert degrees_between(closed[0], closed[-1]) == pytest.approx(0, abs=1e-3)
    circle = bend_path(STEPS, np.radians(np.linspace(0, 240, len(STEPS))), 20.0)
    closed = close_cycle(circle, 20.0, measure_cycle(circle, 20.0, 14, 34))
    assert degrees_between(closed[0], closed[-1]) == pytest.approx(20 * 240 / 79, abs=1)
    around = repeat_cycle(closed, 6)
    assert degrees_between(closed[0], around[-1]) == pytest.approx(
        6 * degrees_between(closed[0], closed[-1]) - 360, abs=1e-3
    )


def test_repeated_cycles_begin_where_the_last_ended():
    closed = close_cycle(STEPS, 20.0, measure_cycle(STEPS, 20.0, 14, 34))
    ten = repeat_cycle(closed, 10)
    assert len(ten) == 201
    way = closed[-1] - closed[0]
    for number in range(10):
        np.testing.assert_allclose(ten[20 * number : 20 * number + 21], closed + number * way, atol=1e-6)


@pytest.mark.parametrize("turned", [0, 240])
@pytest.mark.parametrize("frames", [13, 20, 33, 60])
def test_a_cycle_has_any_number_of_frames(frames, turned):
    joints = bend_path(STEPS, np.radians(np.linspace(0, turned, len(STEPS))), 20.0)
    closed = close_cycle(joints, 20.0, measure_cycle(joints, 20.0, 14, 34))
    other = resample_cycle(closed, frames)
    assert len(other) == frames + 1 and is_closed(other)
    np.testing.assert_allclose(other[[0, -1]], closed[[0, -1]], atol=1e-6)
    inside = spline(repeat_cycle(closed, 5), 40 + np.linspace(0, 20, frames + 1))
    np.testing.assert_allclose(other, place_after(closed[0], inside), atol=1e-5, err_msg="as inside of a long walk")
    if frames % 20 == 0:
        np.testing.assert_allclose(other[:: frames // 20], closed, atol=1e-6, err_msg="frames that both rates share")


def test_place_and_heading_do_not_matter():
    moved = turn(np.full(len(STEPS), 0.7), STEPS.astype(np.float64)) + np.array([3.0, 0.0, -2.0])
    assert find_best_cycle(moved, 20.0).first == find_best_cycle(STEPS, 20.0).first


def test_real_walks_and_waves_loop(pack):
    for clip in ("dataset-2_walk_normal_024", "dataset-2_run_masculine_046", "dataset-2_wave-left-hand_masculine_028"):
        joints = read_joints(clip)
        cycle = find_best_cycle(joints, 20.0)
        seam = measure_seam(close_cycle(joints, 20.0, cycle), 20.0)
        assert cycle.is_good and seam.jump < 2 * seam.median_jump
