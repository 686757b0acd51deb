"""The foot lock: standing feet are held, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.eval.metrics import foot_skate_ratio
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.ik import LEGS, move_ankle, two_bone_ik
from lead.motion.skeleton import bone_lengths, tpose

HIPS_DOWN = [joint for leg in LEGS for joint in leg[1:]]


def make_crouch(frames: int = 40) -> np.ndarray:
    """A person who stands with bent knees."""
    joints = np.repeat(tpose()[None], frames, axis=0)
    joints[:, [7, 8, 10, 11], 1] = 0.03
    for hip, knee, ankle, _ in LEGS:
        joints[:, [hip], 1] = 0.7
        joints[:, ankle, 2] = 0.05
        thigh, shin = bone_lengths(tpose())[[knee, ankle]]
        span = joints[:, ankle] - joints[:, hip]
        reach = np.linalg.norm(span, axis=-1, keepdims=True)
        along = (thigh**2 - shin**2 + reach**2) / (2 * reach)
        ahead = np.cross(span, [1.0, 0, 0])
        ahead *= -np.sqrt(thigh**2 - along**2) / np.linalg.norm(ahead, axis=-1, keepdims=True)
        joints[:, knee] = joints[:, hip] + along * span / reach + ahead * np.sign(ahead[..., 2:])
    return joints


def worst(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).max())


@pytest.mark.parametrize("fps", [20.0, 30.0, 120.0])
def test_a_sliding_foot_is_held(fps):
    joints = make_crouch(int(2 * fps))
    slide = np.linspace(0, 0.1, len(joints))
    joints[:, [4, 7, 10], 2] += slide[:, None] * np.array([0.5, 1.0, 1.0])
    locked = lock_feet(joints, fps)
    assert np.ptp(joints[:, 10, 2]) == pytest.approx(0.1)
    speed = np.abs(np.diff(locked[:, 10, 2])) * fps
    assert speed.mean() < 0.6 * 0.05  # half of what it was, as slow as a turn on the spot
    np.testing.assert_allclose(locked[:, [5, 8, 11]], joints[:, [5, 8, 11]], atol=1e-3)


def test_skate_goes_and_the_upper_body_stays(make_walk):
    walk = make_walk(80)
    walk[..., 1] -= walk[..., 1].min()
    walk[..., 2] *= 1.2
    locked = lock_feet(walk, 20.0)
    assert foot_skate_ratio(locked) < foot_skate_ratio(walk)
    others = [joint for joint in range(22) if joint not in HIPS_DOWN]
    np.testing.assert_array_equal(locked[:, others], walk[:, others])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 0.2), st.sampled_from([20.0, 60.0]))
def test_bones_keep_their_lengths_and_no_knee_snaps(seed, noise, fps):
    rng = np.random.default_rng(seed)
    joints = make_crouch(30)
    wander = np.cumsum(rng.normal(0, noise / 10, (30, 1, 3)), axis=0)
    joints += wander * np.array([1, 0.2, 1])
    locked = lock_feet(joints, fps)
    assert np.isfinite(locked).all()
    np.testing.assert_allclose(bone_lengths(locked), bone_lengths(joints), atol=1e-4)
    for hip, knee, ankle, toe in LEGS:
        length = bone_lengths(joints)[:, [knee, ankle]].sum(axis=-1)
        reach = np.linalg.norm(locked[:, ankle] - locked[:, hip], axis=-1)
        before = np.linalg.norm(joints[:, ankle] - joints[:, hip], axis=-1)
        assert (reach <= np.maximum(before, 0.9981 * length) + 1e-5).all()
        assert (locked[:, knee, 2] > (locked[:, hip, 2] + locked[:, ankle, 2]) / 2 - 0.02).all()  # never backward
        np.testing.assert_allclose(locked[:, toe] - locked[:, ankle], joints[:, toe] - joints[:, ankle], atol=1e-5)


def test_what_does_not_slide_is_left_as_it_is():
    assert worst(lock_feet(make_crouch(), 20.0), make_crouch()) < 1e-6
    flying = make_crouch()
    flying[..., 2] += np.linspace(0, 3, len(flying))[:, None]
    flying[0, [10, 11], 1] = -1.0  # the floor is far below
    flying[-1, [10, 11], 1] = -1.0
    assert worst(lock_feet(flying, 20.0), flying) < 0.35  # only the two frames on the floor are eased
    np.testing.assert_array_equal(lock_feet(make_crouch(1), 20.0), make_crouch(1))


def test_a_displacement_comes_and_goes_evenly():
    """A foot that slides for a third of the clip, in the air before and after: no jump at the ends."""
    joints = make_crouch(60)
    joints[:20, [7, 10], 1] += 0.2
    joints[40:, [7, 10], 1] += 0.2
    joints[20:40, [7, 10], 2] += np.linspace(0, 0.06, 20)[:, None]
    joints[40:, [7, 10], 2] += 0.06
    locked = lock_feet(joints, 20.0)
    moved = (locked - joints)[:, 10, 2]
    assert np.abs(np.diff(moved)).max() < 0.012
    assert abs(moved[0]) < 0.01
    assert abs(moved[-1]) < 0.01


def test_an_ankle_goes_as_far_as_the_leg_is_long():
    hip, knee, ankle = np.array([[0, 1.0, 0]]), np.array([[0, 0.6, 0.1]]), np.array([[0, 0.2, 0.0]])
    upper, lower = np.linalg.norm(knee - hip), np.linalg.norm(ankle - knee)
    ahead = np.array([[0, 0, 1.0]])
    near = ankle + np.array([0.1, 0.05, 0.1])
    bent, reached = move_ankle(hip, knee, ankle, near, ahead)
    np.testing.assert_allclose(reached, near, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(bent - hip), upper)
    np.testing.assert_allclose(np.linalg.norm(reached - bent), lower)
    previous = 0.0
    for far in np.linspace(0.0, 1.0, 50):
        bent, reached = move_ankle(hip, knee, ankle, ankle - [0, far, 0], ahead)
        reach = float(np.linalg.norm(reached - hip))
        assert previous <= reach <= 0.9981 * (upper + lower)
        assert bent[0, 2] > 0  # the knee stays ahead
        previous = reach
    same = move_ankle(hip, knee, ankle, ankle, ahead)
    np.testing.assert_allclose(np.concatenate(same), np.concatenate([knee, ankle]), atol=1e-9)


@given(st.floats(0.1, 0.6), st.floats(0.1, 0.6), st.floats(0.0, 1.0))
def test_two_bone_ik_keeps_both_bones(upper, lower, share):
    reach = abs(upper - lower) + share * (upper + lower - abs(upper - lower))
    hip, down, pole = np.array([[0.0, 1.0, 0.0]]), np.array([[0.0, -1.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    knee, ankle = two_bone_ik(hip, down, np.array([reach]), pole, upper, lower)
    np.testing.assert_allclose(ankle, hip + reach * down)
    np.testing.assert_allclose(np.linalg.norm(knee - hip), upper, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(ankle - knee), lower, atol=1e-6)
    assert knee[0, 2] >= 0
