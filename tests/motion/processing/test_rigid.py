"""One rigid skeleton: whatever the joints, bones have the same lengths, and what is rigid already stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lead.eval.metrics import foot_skate_ratio
from lead.motion.heading import turn
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.ik import ANKLES, HIPS, KNEES, TOES, legs_ahead
from lead.motion.processing.rigid import is_rigid, make_rigid, move_to_rigid
from lead.motion.skeleton import BONE_LENGTHS, MIRROR, PARENTS, SYMMETRIC_LENGTHS, bone_lengths, place_bones, tpose

Draw = np.random.Generator


def draw_poses(seed: int, frames: int = 12) -> np.ndarray:
    """Rigid people in poses that bodies have: every bone within about 40 degrees of rest, knees bent ahead."""
    rng = np.random.default_rng(seed)
    rest = tpose(SYMMETRIC_LENGTHS)
    bones = np.zeros((frames, 22, 3))
    bones[:, 1:] = rest[1:] - rest[list(PARENTS[1:])]
    bones += 0.3 * np.linalg.norm(bones, axis=-1, keepdims=True) * rng.uniform(-1, 1, (frames, 22, 3))
    thighs, shins = rng.uniform(0.3, 1.2, (2, frames, 2))
    bones[:, KNEES] += np.stack([0 * thighs, 0 * thighs, 0.4 * thighs], axis=-1)
    bones[:, ANKLES] -= np.stack([0 * shins, 0 * shins, 0.4 * shins], axis=-1)
    directions = bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    return place_bones(rng.uniform(-3, 3, (frames, 3)), directions, SYMMETRIC_LENGTHS)


def test_the_lengths_are_humanml3ds_with_left_equal_to_right():
    np.testing.assert_array_equal(SYMMETRIC_LENGTHS, SYMMETRIC_LENGTHS[list(MIRROR)])
    np.testing.assert_allclose(SYMMETRIC_LENGTHS, BONE_LENGTHS, atol=0.005)
    assert SYMMETRIC_LENGTHS[15] == BONE_LENGTHS[15]


@settings(deadline=None, max_examples=150)
@given(arrays(np.float64, (3, 22, 3), elements=st.one_of(st.floats(-60, 60), st.sampled_from([0.0, 1.0, 1e-12]))))
def test_any_finite_joints_get_the_lengths(joints):
    rigid = make_rigid(joints)
    assert np.isfinite(rigid).all()
    np.testing.assert_allclose(bone_lengths(rigid), np.broadcast_to(SYMMETRIC_LENGTHS, (3, 22)), atol=1e-6)
    assert is_rigid(rigid.astype(np.float32))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0, 0.1))
def test_bodies_that_stretch_get_the_lengths(seed, noise):
    joints = draw_poses(seed) + np.random.default_rng(seed).normal(0, noise, (12, 22, 3))
    rigid = make_rigid(joints.astype(np.float32)).astype(np.float32)
    np.testing.assert_allclose(bone_lengths(rigid), np.broadcast_to(SYMMETRIC_LENGTHS, (12, 22)), atol=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_what_is_rigid_stays(seed):
    joints = draw_poses(seed)
    np.testing.assert_allclose(make_rigid(joints), joints, atol=1e-5)


@pytest.mark.parametrize("frame", [tpose(SYMMETRIC_LENGTHS), np.zeros((22, 3)), np.ones((22, 3))])
def test_straight_and_collapsed_bodies(frame):
    rigid = make_rigid(frame[None])
    assert is_rigid(rigid)
    np.testing.assert_allclose(make_rigid(rigid), rigid, atol=1e-5)
    assert rigid[0, 12, 1] > rigid[0, 0, 1]  # a body without any direction stands upright and faces +Z
    assert rigid[0, 1, 0] > rigid[0, 2, 0]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(-np.pi, np.pi))
def test_place_heading_and_side_do_not_matter(seed, half_yaw):
    joints = draw_poses(seed) + np.random.default_rng(seed).normal(0, 0.02, (12, 22, 3))
    rigid, turns = make_rigid(joints), np.full(12, half_yaw)
    shift = np.array([3.0, 0.2, -5.0])
    np.testing.assert_allclose(make_rigid(turn(turns, joints) + shift), turn(turns, rigid) + shift, atol=1e-9)
    np.testing.assert_allclose(make_rigid(mirror_joints(joints)), mirror_joints(rigid), atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_feet_stay_where_legs_reach_and_keep_their_direction(seed):
    joints = draw_poses(seed)
    joints[:, [*ANKLES, *TOES]] += np.random.default_rng(seed).normal(0, 0.01, (12, 4, 3))
    rigid = make_rigid(joints)
    reach = np.linalg.norm(joints[:, ANKLES] - joints[:, HIPS], axis=-1) / SYMMETRIC_LENGTHS[[4, 7]].sum()
    moved = np.linalg.norm(rigid[:, TOES] - joints[:, TOES], axis=-1)
    assert moved[reach < 0.93].max(initial=0.0) < 1e-9
    assert moved.max() < 0.06
    feet = [motion[:, TOES] - motion[:, ANKLES] for motion in (rigid, joints)]
    units = [foot / np.linalg.norm(foot, axis=-1, keepdims=True) for foot in feet]
    np.testing.assert_allclose(units[0], units[1], atol=1e-9)


def test_no_knee_pops_while_a_leg_straightens():
    """The ankle goes down past the leg's length, evenly: the knee comes in evenly and stays ahead."""
    joints = np.repeat(draw_standing()[None], 60, axis=0)
    down = np.linspace(0.0, 0.08, 60)
    joints[:, [*ANKLES, *TOES], 1] -= down[:, None]
    rigid = make_rigid(joints)
    knees = rigid[:, KNEES] - rigid[:, HIPS]
    assert (knees[..., 2] > 0).all()
    assert np.abs(np.diff(knees, axis=0)).max() < 0.012
    assert np.abs(np.diff(knees, n=2, axis=0)).max() < 0.004


def test_knees_that_are_bent_backward_bend_ahead():
    joints = np.repeat(draw_standing()[None], 3, axis=0)
    joints[:, KNEES, 2] -= 2 * joints[:, KNEES, 2] - 2 * joints[:, HIPS, 2]
    joints[:, KNEES, 2] *= np.array([0.1, 0.2, 0.3])[:, None]
    rigid = make_rigid(joints)
    bend = rigid[:, KNEES] - (rigid[:, HIPS] + rigid[:, ANKLES]) / 2
    assert ((bend * legs_ahead(joints)).sum(axis=-1) > 0).all()


def test_a_walk_slides_as_before(make_walk):
    walk = make_walk(80)
    walk += np.random.default_rng(0).normal(0, 0.004, (1, 22, 3))
    assert foot_skate_ratio(make_rigid(walk)) == pytest.approx(foot_skate_ratio(walk), abs=0.02)


@pytest.mark.parametrize("size", [0.5, 1.0, 1.7])
def test_people_of_any_size_move_to_the_one_skeleton(make_walk, size):
    walk = make_walk(40)
    moved = move_to_rigid(walk * size)
    assert is_rigid(moved)
    assert moved[..., 1].min() == pytest.approx((walk * size)[..., 1].min(), abs=0.01)
    start = moved[:, 0] - moved[:1, 0]
    np.testing.assert_allclose(start, walk[:, 0] - walk[:1, 0], atol=0.01)


def draw_standing() -> np.ndarray:
    """A rigid person who stands with knees a little bent."""
    joints = tpose(SYMMETRIC_LENGTHS)
    upper = [joint for joint in range(22) if joint not in (*KNEES, *ANKLES, *TOES)]
    joints[upper, 1] -= 0.03
    reach = joints[1, 1] - joints[7, 1]
    thigh, shin = SYMMETRIC_LENGTHS[[4, 7]]
    along = (thigh**2 - shin**2 + reach**2) / (2 * reach)
    joints[KNEES, 1] = joints[1, 1] - along
    joints[KNEES, 2] = np.sqrt(thigh**2 - along**2)
    return joints
