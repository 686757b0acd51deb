"""Measures on made-up bodies whose values are known, and what no measure may depend on: place, heading, side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_walk

from lead.motion import measures
from lead.motion.skeleton import MIRROR, tpose

WALK = synthesize_walk(3.0).joints.astype(float)


def standing(frames: int = 40) -> np.ndarray:
    return np.repeat(tpose()[None], frames, axis=0)


def turned(joints: np.ndarray, degrees: float | np.ndarray, move: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Turned to the left about the vertical axis through the origin, by an angle or one a frame."""
    angle = np.radians(np.broadcast_to(degrees, len(joints)))[:, None]
    x, y, z = np.moveaxis(joints, -1, 0)
    out = np.stack([np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x], axis=-1)
    return out + np.array(move)


def mirrored(joints: np.ndarray) -> np.ndarray:
    return joints[:, list(MIRROR)] * np.array([-1.0, 1.0, 1.0])


def test_turns_are_positive_to_the_left():
    spin = turned(standing(), np.linspace(0, 270, 40))
    assert measures.heading_change(spin) == pytest.approx(270, abs=10)
    assert measures.heading_change(mirrored(spin)) == pytest.approx(-270, abs=10)
    there_and_back = turned(standing(), np.concatenate([np.linspace(0, -120, 20), np.linspace(-120, 0, 20)]))
    assert measures.heading_change(there_and_back) == pytest.approx(0, abs=2)
    assert measures.largest_turn(there_and_back) == pytest.approx(-115, abs=8)


def test_travel_is_seen_from_the_body():
    forward, left = measures.travel(turned(WALK, 73.0))
    assert forward == pytest.approx(1.1 * 59 / 20, rel=0.05) and left == pytest.approx(0, abs=0.05)
    backward = WALK * np.array([-1.0, 1.0, 1.0])  # the body is turned inside out, so left is where right was
    assert measures.travel(backward)[0] == pytest.approx(-forward, rel=0.02)
    to_its_left = standing() + np.linspace(0, 1, 40)[:, None, None] * np.array([1.0, 0, 0])
    assert measures.travel(to_its_left) == pytest.approx((0, 1), abs=0.05)
    assert measures.mean_speed(WALK) == pytest.approx(1.1, rel=0.05)


def test_a_standing_body():
    joints = standing()
    assert 0.9 < measures.pelvis_height(joints)[0] < 1.3
    assert measures.torso_pitch(joints)[0] < 10
    assert measures.stillness(joints) < 1e-9 and measures.step_count(joints) == 0 and not measures.flights(joints)
    for side in measures.SIDES:
        assert measures.arm_direction(joints, side)[0, 0] > 0.95
        assert measures.arm_extension(joints, side)[0] == pytest.approx(1, abs=0.02)
        assert measures.knee_angle(joints, side)[0] > 170
        assert measures.kick_height(joints, side)[0] == pytest.approx(0, abs=0.02)
        assert measures.knee_lift(joints, side)[0] == pytest.approx(-1, abs=0.05)


def test_jumps_are_counted():
    joints = standing(60)
    for start in (10, 35):
        joints[start : start + 9, :, 1] += 0.3 * np.sin(np.linspace(0, np.pi, 9))[:, None]
    assert len(measures.flights(joints)) == 2
    assert not measures.flights(joints[:10])


def test_a_kick_has_a_side():
    joints = standing()
    joints[10:20, [7, 10]] += np.array([0, 0.5, 0.5])
    assert measures.kick_height(joints, "left").max() > 0.5 > measures.kick_height(joints, "right").max()
    assert measures.foot_height(joints, "left").max() > 0.4


@pytest.mark.parametrize(("values", "amplitude", "turns"), [
    ([0, 1, 0, 1, 0], 0.5, 3), ([0, 1, 0, 1, 0], 2.0, 0), ([0, 1, 2, 3], 0.5, 0), ([0, 0.1, 0, 1, 0.9, 0], 0.5, 1),
    ([1, 0, 1], 0.5, 1),
])  # fmt: skip
def test_swings(values, amplitude, turns):
    assert measures.swings(np.array(values, dtype=float), amplitude) == turns


def test_a_climb_lifts_feet_and_pelvis():
    up = WALK + np.linspace(0, 1.0, len(WALK))[:, None, None] * np.array([0, 1.0, 0])
    assert measures.climb(up) == pytest.approx(0.83, abs=0.1)
    assert measures.climb(up[::-1].copy()) == pytest.approx(-0.83, abs=0.1)
    assert abs(measures.climb(WALK)) < 0.1


def test_stretches():
    flags = np.array([True, True, False, True, True, True])
    assert measures.stretches(flags) == [(0, 2), (3, 6)]
    assert measures.longest(flags) == pytest.approx(0.15)
    assert measures.longest(~flags[:2]) == 0


@settings(max_examples=15, deadline=None)
@given(st.floats(-180, 180), st.floats(-5, 5), st.floats(-5, 5), st.floats(-1, 1))
def test_no_measure_depends_on_place_or_heading(degrees, x, z, y):
    moved = turned(WALK, degrees, (x, y, z))
    for values in zip(all_measures(WALK), all_measures(moved), strict=True):
        np.testing.assert_allclose(*values, atol=1e-4)


def test_mirroring_swaps_the_sides():
    other = mirrored(WALK)
    for measure in (
        measures.hand_over_shoulder, measures.arm_direction, measures.kick_height, measures.hand_speed,
        measures.foot_height, measures.knee_angle, measures.leg_direction, measures.hand_position,
    ):  # fmt: skip
        np.testing.assert_allclose(measure(WALK, "left"), measure(other, "right"), atol=1e-6)
    forward, left = measures.travel(WALK)
    assert measures.travel(other) == pytest.approx((forward, -left), abs=1e-6)


def all_measures(joints):
    yield measures.heading_change(joints)
    yield measures.path_length(joints)
    yield measures.net_distance(joints)
    yield np.array(measures.travel(joints))
    yield measures.path_turn(joints)
    yield measures.climb(joints)
    yield measures.pelvis_height(joints)
    yield measures.head_height(joints)
    yield measures.torso_pitch(joints)
    yield np.array(measures.torso_lean(joints))
    yield measures.head_direction(joints)
    yield measures.step_count(joints)
    yield measures.stillness(joints)
    yield measures.hands_distance(joints)
    for side in measures.SIDES:
        yield measures.hand_position(joints, side)
        yield measures.hand_swings(joints, side)
        yield measures.foot_speed(joints, side)
        yield measures.knee_lift(joints, side)
        yield measures.arm_extension(joints, side)
