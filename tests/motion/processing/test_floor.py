"""A generated body is put on the floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead.motion.processing.floor import HEIGHT, settle
from lead.motion.skeleton import BONE_LENGTHS, bone_lengths, tpose

FPS = 20.0


def lift(height: float) -> np.ndarray:
    """What is added to joints to move them up."""
    return np.array([0.0, height, 0.0])


def _lying(frames: int, height: float) -> np.ndarray:
    pose = tpose()[:, [0, 2, 1]]
    pose[:, 1] -= pose[:, 1].min()
    return np.repeat(pose[None], frames, axis=0) + lift(height)


@given(st.floats(-1.0, 1.0))
def test_a_standing_body_is_moved_to_the_floor_as_a_whole(height: float) -> None:
    standing = np.repeat(tpose()[None], 40, axis=0) + lift(height)
    lowest = settle(standing, FPS)[..., 1].min(axis=1)
    assert (lowest > -1e-9).all() and (lowest < HEIGHT + 1e-9).all()


def test_a_body_on_the_floor_stays() -> None:
    standing = np.repeat(tpose()[None], 40, axis=0) + lift(0.5 * HEIGHT)
    assert np.abs(settle(standing, FPS) - standing).max() < 1e-9


def test_a_lying_body_that_rises_comes_back_to_the_floor() -> None:
    lying = _lying(60, 0.0)
    lying[30:, :, 1] += np.linspace(0, 0.4, 30)[:, None]
    assert settle(lying, FPS)[..., 1].min(axis=1).max() < 0.08


def test_a_jump_and_a_climb_leave_the_floor() -> None:
    standing = np.repeat(tpose()[None], 60, axis=0)
    jump = standing.copy()
    jump[20:40, :, 1] += 0.4 * np.sin(np.linspace(0, np.pi, 20))[:, None]
    assert settle(jump, FPS)[..., 1].min(axis=1).max() == pytest.approx(0.4, abs=0.02)
    climb = standing + np.stack([np.zeros(60), np.linspace(0, 1, 60), np.zeros(60)], axis=1)[:, None]
    assert settle(climb, FPS)[-1, :, 1].min() > 0.9


def test_what_is_below_the_floor_is_lifted() -> None:
    sinking = np.repeat(tpose()[None], 60, axis=0)
    sinking[40:45, :, 1] -= 0.2
    settled = settle(sinking, FPS)
    assert settled[..., 1].min() > -0.15 and settled[:30, :, 1].min() < HEIGHT


def test_someone_who_stood_above_the_floor_and_lies_below_it_does_both_on_it() -> None:
    standing = np.repeat(tpose()[None], 30, axis=0) + lift(0.2)
    settled = settle(np.concatenate([standing, _lying(30, -0.5)]), FPS)
    lowest = settled[..., 1].min(axis=1)
    assert lowest[:24].max() < 0.05 and abs(lowest[40:]).max() < 0.05


def test_poses_and_path_stay() -> None:
    rng = np.random.default_rng(0)
    joints = _lying(30, 0.3) + np.cumsum(rng.normal(0, 0.01, (30, 1, 3)), axis=0)
    settled = settle(joints, FPS)
    assert np.allclose(settled[..., [0, 2]], joints[..., [0, 2]])
    assert np.allclose(bone_lengths(settled), bone_lengths(joints))
    assert np.allclose(bone_lengths(settled)[0], BONE_LENGTHS)
