"""Motions joined, repeated, held and reversed: without jumps, with the same bones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_steps, synthesize_wave

from lead.motion import measures as m
from lead.motion.heading import facing, turn
from lead.motion.processing.join import (
    change_tempo,
    cross_fade,
    find_cycle,
    hold,
    join,
    place_after,
    pose_distance,
    repeat_cycle,
    reverse,
)
from lead.motion.skeleton import bone_lengths

STEPS = synthesize_steps(4.0).joints.astype(np.float64)
WAVE = synthesize_wave(2.0).joints.astype(np.float64)


def turn_and_move(joints: np.ndarray, degrees: float) -> np.ndarray:
    return turn(np.full(len(joints), np.radians(degrees) / 2), joints) + np.array([5.0, 0.0, -3.0])


def largest_jump(joints: np.ndarray) -> float:
    """Meters a joint moves from a frame to the next, at most."""
    return float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).max())


def largest_turn(joints: np.ndarray) -> float:
    """Degrees the heading turns from a frame to the next, at most."""
    forward = facing(joints)
    angles = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    return float(np.degrees(np.abs(np.diff(angles)).max()))


def assert_same_bones(joints: np.ndarray, like: np.ndarray) -> None:
    lengths = np.broadcast_to(bone_lengths(like[0]), joints.shape[:2])
    np.testing.assert_allclose(bone_lengths(joints), lengths, atol=1e-5)


def test_reversed_twice_is_nothing():
    np.testing.assert_array_equal(reverse(reverse(STEPS)), STEPS)
    assert m.travel(reverse(STEPS))[0] == pytest.approx(-m.travel(STEPS)[0], rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.45, 2.0))
def test_tempo_changes_duration_alone(tempo):
    changed = change_tempo(STEPS, tempo, 20.0)
    assert len(changed) == pytest.approx((len(STEPS) - 1) / tempo + 1, abs=1)
    np.testing.assert_allclose(changed[0], STEPS[0], atol=1e-9)
    assert m.path_length(changed) == pytest.approx(m.path_length(STEPS), rel=0.08)


@settings(max_examples=20, deadline=None)
@given(st.floats(-180, 180))
def test_a_motion_is_placed_where_another_ends(degrees):
    placed = place_after(STEPS[-1], turn_and_move(STEPS, degrees))
    np.testing.assert_allclose(placed[0, 0, [0, 2]], STEPS[-1, 0, [0, 2]], atol=1e-9)
    np.testing.assert_allclose(facing(placed[:1]), facing(STEPS[-1:]), atol=1e-6)
    np.testing.assert_allclose(place_after(STEPS[0], placed), STEPS, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(12, 80), st.integers(12, 40), st.floats(-180, 180))
def test_joined_motions_have_no_jump(a, b, degrees):
    first, second = STEPS[:a], turn_and_move(WAVE[:b], degrees)
    joined = join(first, second, 20.0)
    assert max(a, b) <= len(joined) < a + b
    np.testing.assert_array_equal(joined[: a - a // 2], first[: a - a // 2])
    assert largest_jump(joined) < 2 * max(largest_jump(first), largest_jump(second))
    assert largest_turn(joined) < 5
    assert_same_bones(joined, STEPS)
    ends = joined[-1], second[-1]
    assert float(pose_distance(*ends)) < 1e-6  # how it ends is how the second one does


def test_a_cross_fade_is_longer_between_unlike_poses():
    lying = WAVE[..., [0, 2, 1]] * [1, 1, -1]
    near, far = join(STEPS[:61], STEPS, 20.0), join(STEPS, lying, 20.0)
    assert 61 + len(STEPS) - len(near) == 6  # 0.3 s at least
    assert len(STEPS) + len(WAVE) - len(far) == 20  # 1 s at most
    assert len(join(STEPS[:3], STEPS[:3], 20.0)) == 5


def test_a_cross_fade_of_a_motion_with_itself_is_the_motion():
    np.testing.assert_allclose(cross_fade(STEPS, STEPS), STEPS, atol=1e-6)


def test_the_pose_distance_knows_neither_place_nor_heading():
    moved = turn_and_move(STEPS, 70)
    np.testing.assert_allclose(pose_distance(STEPS, moved), 0, atol=1e-7)
    assert pose_distance(STEPS[0], WAVE[3]).shape == () and float(pose_distance(STEPS[0], STEPS[10])) > 0.02


def test_a_walks_cycle_is_found():
    first, last = find_cycle(STEPS, 20.0)
    assert (last - first) % 20 == 0  # a stride takes a second
    assert find_cycle(STEPS[:5], 20.0) == (0, 4)


@settings(max_examples=15, deadline=None)
@given(st.integers(24, 80), st.integers(1, 197))
def test_a_repeated_cycle_has_the_length_and_no_jump(own, frames):
    joints = STEPS[:own]
    repeated = repeat_cycle(joints, frames, 20.0)
    assert len(repeated) >= min(frames - 5, own) and len(repeated) <= max(frames, own) + own
    np.testing.assert_allclose(repeated[:12], joints[:12], atol=1e-9)
    assert largest_jump(repeated) < 2.5 * largest_jump(joints)
    assert_same_bones(repeated, STEPS)
    if own >= 45:
        assert m.mean_speed(repeated) == pytest.approx(m.mean_speed(joints), rel=0.15)
        assert abs(m.heading_change(repeated)) < 3


def test_a_motion_that_is_long_enough_is_not_repeated():
    assert repeat_cycle(STEPS, len(STEPS), 20.0) is STEPS


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 80), st.integers(0, 99))
def test_a_held_pose_breathes_and_stands(frames, seed):
    held = hold(STEPS, frames, np.random.default_rng(seed), 20.0)
    assert len(held) == len(STEPS) + frames
    np.testing.assert_array_equal(held[: len(STEPS)], STEPS)
    rest = held[len(STEPS) :]
    assert np.abs(rest[:, [0, 1, 2, 4, 5, 7, 8, 10, 11]] - STEPS[-1, [0, 1, 2, 4, 5, 7, 8, 10, 11]]).max() < 0.02
    assert np.abs(rest - STEPS[-1]).max() < 0.12 and largest_jump(held[len(STEPS) - 1 :]) < 0.03
    assert_same_bones(rest, STEPS[-1:])
    again = hold(STEPS, frames, np.random.default_rng(seed), 20.0)
    np.testing.assert_array_equal(again, held)


def test_nothing_is_held_for_no_time():
    assert hold(STEPS, 0, np.random.default_rng(0), 20.0) is STEPS
