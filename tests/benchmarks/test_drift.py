"""The benchmark of drift: lines that are known."""

import numpy as np
import pytest

from benchmarks.inversion.drift import leave_line, travel
from lead import Motion


def along(path) -> Motion:
    joints = np.zeros((len(path), 22, 3))
    joints[:, :, [0, 2]] = np.asarray(path)[:, None]
    return Motion(joints.astype(np.float32))


def test_a_straight_line_aside_is_no_curve():
    aside, off = leave_line(along([(3, 1), (4, 2), (5, 3)]))
    assert (aside, off) == pytest.approx((2, 0), abs=1e-6)


def test_a_bulge_is_measured_from_the_line():
    motion = along([(0, 0), (0.3, 1), (0, 2)])
    assert leave_line(motion) == pytest.approx((0, 0.3), abs=1e-6)
    assert travel(motion) == pytest.approx(2)
