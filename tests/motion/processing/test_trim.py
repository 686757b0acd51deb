"""The part of a clip that moves."""

import numpy as np
import pytest
from walks import synthesize_wave

from lead.motion import MotionError
from lead.motion.processing.trim import MARGIN, find_movement


@pytest.mark.parametrize("fps", [20.0, 120.0])
def test_quiet_ends_are_found(fps):
    wave = synthesize_wave(2.0, fps).joints.astype(np.float64)
    before, after = (np.repeat(wave[[end]], int(seconds * fps), axis=0) for end, seconds in ((0, 1.5), (-1, 0.8)))
    joints = np.concatenate([before, wave, after])
    joints += 0.001 * np.sin(np.arange(len(joints)) / fps)[:, None, None]  # who stands still breathes
    first, last = find_movement(joints, fps)
    assert first / fps == pytest.approx(1.5 - MARGIN, abs=0.2)
    assert last / fps == pytest.approx(3.5 + MARGIN, abs=0.2)


def test_a_clip_that_moves_throughout_stays():
    wave = synthesize_wave(2.0).joints
    first, last = find_movement(wave, 20.0)
    assert first <= 2 and last >= len(wave) - 3


def test_a_clip_that_does_not_move_is_an_error():
    still = np.repeat(synthesize_wave().joints[:1], 40, axis=0)
    with pytest.raises(MotionError, match=r"nothing moves: no joint is faster than 0.00 m/s.*Trim it by time"):
        find_movement(still, 20.0)
    with pytest.raises(MotionError, match="one frame does not move"):
        find_movement(still[:1], 20.0)
