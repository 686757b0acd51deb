"""The foot path: the body moves so that standing toes do not slide."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead import Motion
from lead.eval.metrics import foot_skate_ratio
from lead.motion.kit import features_to_clip, features_to_toe_contacts
from lead.motion.processing.foot_path import correct_foot_path
from lead.motion.skeleton import KIT


def make_standing_motion(frames: int = 60) -> Motion:
    return Motion(np.repeat(synthesize_walk().joints[:1], frames, axis=0))


def clean_and_compare(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The joints of features, and the same on the corrected path."""
    joints, fps = features_to_clip(features)
    return joints, correct_foot_path(joints, features_to_toe_contacts(features), fps)


def test_a_standing_person_stays_where_the_root_drifts():
    features = make_standing_motion().features()
    features[:, 2] += 0.01  # 20 cm a second, forward
    drifting, held = clean_and_compare(features)
    assert drifting[-1, 0, 2] > 0.5
    assert abs(held[-1, 0, 2]) < 0.02


def test_a_real_walk_that_slides_walks_as_far_as_its_feet_carry_it(pack):
    features = Motion.read(sorted((pack / "exemplars" / "angry-walk").glob("*.bvh"))[0]).features()
    true, _ = clean_and_compare(features)
    features[:, 1:3] *= 1.3
    sliding, corrected = clean_and_compare(features)
    assert foot_skate_ratio(corrected) < 0.5 * foot_skate_ratio(sliding)
    assert _error(corrected, true) < 0.5 * _error(sliding, true)


def test_poses_heading_and_heights_stay():
    plain, corrected = clean_and_compare(synthesize_walk().features())
    np.testing.assert_allclose(plain - plain[:, :1], corrected - corrected[:, :1], atol=1e-5)
    np.testing.assert_array_equal(plain[..., 1], corrected[..., 1])


def test_a_clip_in_the_air_is_left_alone():
    features = synthesize_walk().features()
    features[:, 259:263] = 0.0
    plain, corrected = clean_and_compare(features)
    assert np.abs(corrected - plain).max() < 0.01 * plain[-1, 0, 2]


def test_kit_features_are_corrected_too():
    features = make_standing_motion(80).features(KIT)
    features[:, 2] += 10.0  # millimeters a frame
    drifting, held = clean_and_compare(features)
    assert abs(held[-1, 0, 2]) < 0.05 < abs(drifting[-1, 0, 2])


@pytest.mark.parametrize(("width", "left", "right"), [(263, 260, 262), (251, 250, 248)])
def test_the_contacts_are_the_left_and_the_right_toes(width, left, right):
    """HumanML3D's contacts begin with the left foot, KIT-ML's with the right."""
    features = np.arange(2.0 * width, dtype=np.float32).reshape(2, width)
    np.testing.assert_array_equal(features_to_toe_contacts(features)[0], [left, right])


def _error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one[:, 0] - other[:, 0]).mean())
