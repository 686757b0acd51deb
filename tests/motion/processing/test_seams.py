"""Seams: jumps between groups of frames go, and motion itself stays."""

import numpy as np
import pytest

from lead.eval.metrics import jitter
from lead.motion.processing.seams import mend_seams


def make_waves(frames: int = 60, hertz: float = 1.0) -> np.ndarray:
    """Joints that swing evenly, each at its own phase."""
    phase = 2 * np.pi * (hertz * np.arange(frames)[:, None] / 20 + np.arange(22) / 22)
    return 0.2 * np.stack([np.sin(phase), np.cos(phase), np.sin(phase + 1)], axis=-1)


def add_jumps(joints: np.ndarray, size: float) -> np.ndarray:
    """Each group of four frames put a little off."""
    groups = np.random.default_rng(0).normal(0, size, (-(-len(joints) // 4), *joints.shape[1:]))
    return joints + groups.repeat(4, axis=0)[: len(joints)]


@pytest.mark.parametrize("frames", [58, 59, 60, 61])
def test_jumps_go(frames):
    smooth = make_waves(frames)
    shaken = add_jumps(smooth, 0.01)
    mended = mend_seams(shaken, 4)
    assert jitter(mended) - jitter(smooth) < 0.45 * (jitter(shaken) - jitter(smooth))
    assert np.abs(mended - smooth).mean() < np.abs(shaken - smooth).mean()


@pytest.mark.parametrize("hertz", [0.5, 2.0, 4.0])
def test_motion_without_jumps_stays(hertz):
    joints = make_waves(hertz=hertz)
    mended = mend_seams(joints, 4)
    assert np.abs(mended - joints).mean() < 0.004
    assert np.abs(np.diff(mended, axis=0)).max() > 0.97 * np.abs(np.diff(joints, axis=0)).max()


@pytest.mark.parametrize(("frames", "frames_per_token"), [(60, 1), (60, 2), (60, 3), (4, 4), (1, 4), (5, 4)])
def test_without_groups_there_are_no_seams(frames, frames_per_token):
    joints = add_jumps(make_waves(frames), 0.01)
    np.testing.assert_array_equal(mend_seams(joints, frames_per_token), joints)


def test_place_and_direction_of_time_do_not_matter():
    joints = add_jumps(make_waves(), 0.01)
    mended = mend_seams(joints, 4)
    np.testing.assert_allclose(mend_seams(joints + 7.0, 4), mended + 7.0, atol=1e-9)
    np.testing.assert_allclose(mend_seams(joints[::-1], 4)[::-1], mended, atol=1e-9)
