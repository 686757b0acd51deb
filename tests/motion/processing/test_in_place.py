"""In place: the path goes, poses and small sway stay, and loops stay loops."""

import numpy as np
import pytest
from walks import synthesize_steps

from lead.motion.processing.in_place import LIMIT, stay_in_place
from lead.motion.processing.loop import close_cycle, is_closed, measure_cycle, measure_seam
from lead.motion.processing.path import bend_path

STEPS = synthesize_steps(4.0).joints


@pytest.mark.parametrize("sway", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("turned", [0, 200])
def test_the_pelvis_stays_within_two_centimeters(sway, turned):
    joints = bend_path(STEPS, np.radians(np.linspace(0, turned, len(STEPS))), 20.0)
    joints[..., 0] += sway * np.sin(2 * np.pi * np.arange(len(joints)) / 20)[:, None]
    placed = stay_in_place(joints, 20.0)
    assert np.linalg.norm(placed[:, 0, [0, 2]], axis=-1).max() <= LIMIT
    np.testing.assert_allclose(placed - placed[:, :1], joints - joints[:, :1], atol=1e-9)
    np.testing.assert_allclose(placed[..., 1], joints[..., 1])


def test_small_sway_stays():
    joints = STEPS.astype(np.float64)
    sway = 0.005 * np.sin(2 * np.pi * np.arange(len(joints)) / 20)
    joints[..., 0] += sway[:, None]
    placed = stay_in_place(joints, 20.0)
    np.testing.assert_allclose(placed[20:-20, 0, 0], sway[20:-20], atol=5e-4)


@pytest.mark.parametrize("turned", [0, 240])
def test_a_loop_stays_a_loop(turned):
    joints = bend_path(STEPS, np.radians(np.linspace(0, turned, len(STEPS))), 20.0)
    joints[..., 0] += 0.03 * np.sin(2 * np.pi * np.arange(len(joints)) / 20)[:, None]
    placed = stay_in_place(close_cycle(joints, 20.0, measure_cycle(joints, 20.0, 14, 34)), 20.0)
    assert is_closed(placed)
    seam = measure_seam(placed, 20.0)
    assert seam.jump < 2 * seam.median_jump
    if not turned:
        np.testing.assert_allclose(placed[0], placed[-1], atol=1e-4)


def test_one_frame_goes_to_the_origin():
    placed = stay_in_place(STEPS[30:31], 20.0)
    np.testing.assert_allclose(placed[0, 0, [0, 2]], 0, atol=1e-9)
