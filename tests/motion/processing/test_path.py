"""Bent and stepped paths: as much turn and rise as asked, the same bones, feet that stand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_steps

from lead.motion import measures as m
from lead.motion.heading import turn
from lead.motion.processing.path import bend_path, climb_steps
from lead.motion.skeleton import bone_lengths

STEPS = synthesize_steps(6.0).joints.astype(np.float64)
FEET = [10, 11]
FEET_STAND = np.linalg.norm(np.gradient(STEPS[:, FEET], axis=0), axis=-1) * 20 < 0.02


def measure_slide(joints: np.ndarray) -> float:
    """Meters that the foot that moves less slides over the floor, over all frames."""
    steps = np.linalg.norm(np.diff(joints[:, FEET][..., [0, 2]], axis=0), axis=-1)
    return float(steps.min(axis=1).sum())


def bend_about_pelvis(joints: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The naive way: each step of the pelvis is turned, and the body with it."""
    steps = turn(angles[1:] / 2, np.diff(joints[:, :1], axis=0))
    root = np.concatenate([joints[:1, :1], joints[:1, :1] + np.cumsum(steps, axis=0)])
    return turn(angles / 2, joints - joints[:, :1]) + root


@settings(max_examples=20, deadline=None)
@given(st.floats(-400, 400), st.integers(30, 120))
def test_a_bent_path_turns_as_asked_and_keeps_bones(degrees, frames):
    joints = STEPS[:frames]
    bent = bend_path(joints, np.radians(np.linspace(0, degrees, frames)), 20.0)
    turned = np.diff(np.unwrap(np.arctan2(*m.heading.facing(bent)[:, [0, 2]].T))).sum()
    assert np.degrees(turned) == pytest.approx(degrees, abs=0.01)
    np.testing.assert_allclose(bone_lengths(bent), bone_lengths(joints), atol=1e-9)
    np.testing.assert_allclose(bent[..., 1], joints[..., 1], atol=1e-12)


def test_no_angle_changes_nothing():
    np.testing.assert_allclose(bend_path(STEPS, np.zeros(len(STEPS)), 20.0), STEPS, atol=1e-9)
    turned = bend_path(STEPS, np.full(len(STEPS), np.pi / 2), 20.0)  # all of it, from the start
    np.testing.assert_allclose(turned[:, :, 0] - turned[0, 0, 0], STEPS[:, :, 2] - STEPS[0, 0, 2], atol=1e-9)
    assert bend_path(STEPS[:1], np.array([1.0]), 20.0).shape == (1, 22, 3)


@pytest.mark.parametrize("degrees", [90, -180])
def test_standing_feet_stay_on_a_bent_path(degrees):
    angles = np.radians(np.linspace(0, degrees, len(STEPS)))
    bent, naive = bend_path(STEPS, angles, 20.0), bend_about_pelvis(STEPS, angles)
    assert measure_slide(STEPS) < 0.001
    assert measure_slide(bent) < 0.5 * measure_slide(naive)
    assert measure_slide(bent) < 0.0015 * abs(degrees)  # 14 cm for a quarter turn in 6 s
    assert m.path_length(bent) == pytest.approx(m.path_length(STEPS), rel=0.15)


@pytest.mark.parametrize("slope", [0.35, -0.35])
def test_steps_rise_by_slope_times_way_and_keep_bones(slope):
    climbed = climb_steps(STEPS, slope, 20.0)
    step = abs(slope) * 0.9  # a stride is 0.9 m long
    assert m.climb(climbed) == pytest.approx(slope * m.path_length(STEPS), abs=step)
    assert climbed[-1, 0, 1] - climbed[0, 0, 1] == pytest.approx(slope * m.path_length(STEPS), abs=step)
    np.testing.assert_allclose(bone_lengths(climbed), bone_lengths(STEPS), atol=1e-9)
    np.testing.assert_allclose(climbed[:, 0, [0, 2]], STEPS[:, 0, [0, 2]], atol=1e-12)


@pytest.mark.parametrize("slope", [0.35, -0.35])
def test_a_foot_that_stands_on_a_step_is_level(slope):
    """Until the body, which rises evenly, is too high for the leg behind: then the foot leaves its step early."""
    climbed = climb_steps(STEPS, slope, 20.0)
    heights = climbed[:, FEET, 1] - STEPS[:, FEET, 1]
    levels = []
    for foot in (0, 1):
        edges = np.flatnonzero(np.diff(FEET_STAND[:, foot].astype(int), prepend=0, append=0)).reshape(-1, 2)
        stances = [heights[first:last, foot] for first, last in edges if last - first > 5]
        assert max(np.ptp(stance[:6] if slope > 0 else stance[-6:]) for stance in stances[1:-1]) < 0.01
        assert max(np.ptp(stance) for stance in stances) < 0.09
        levels.append([np.median(stance) for stance in stances])
    for of_foot in levels:
        assert np.diff(of_foot)[1:-1] == pytest.approx(slope * 0.9, abs=0.06)


def test_who_stands_still_climbs_nothing():
    still = np.repeat(STEPS[:1], 30, axis=0)
    np.testing.assert_allclose(climb_steps(still, 0.4, 20.0), still, atol=1e-9)
