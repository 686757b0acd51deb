"""Feet that stay where they stand."""

import numpy as np
from walks import walking

from lead import Motion
from lead.eval.metrics import foot_skate_ratio
from lead.motion.skeleton import KIT


def standing(frames: int = 60) -> Motion:
    return Motion(np.repeat(walking().joints[:1], frames, axis=0))


def test_a_standing_person_stays_where_the_root_drifts():
    features = standing().features()
    features[:, 2] += 0.01  # 20 cm a second, forward
    drift, held = (Motion.from_features(features, planted=planted).joints[-1, 0, 2] for planted in (False, True))
    assert drift > 0.5
    assert abs(held) < 0.02


def test_a_real_walk_that_slides_walks_as_far_as_its_feet_carry_it(pack):
    features = Motion.read(sorted((pack / "exemplars" / "angry-walk").glob("*.bvh"))[0]).features()
    true = Motion.from_features(features)
    features[:, 1:3] *= 1.3
    sliding, planted = Motion.from_features(features), Motion.from_features(features, planted=True)
    assert foot_skate_ratio(planted.joints) < 0.5 * foot_skate_ratio(sliding.joints)
    assert _error(planted, true) < 0.5 * _error(sliding, true)


def test_poses_heading_and_heights_stay():
    features = walking().features()
    plain, planted = (Motion.from_features(features, planted=p).joints for p in (False, True))
    np.testing.assert_allclose(plain - plain[:, :1], planted - planted[:, :1], atol=1e-5)
    np.testing.assert_array_equal(plain[..., 1], planted[..., 1])


def test_a_clip_in_the_air_is_left_alone():
    features = walking().features()
    features[:, 259:263] = 0.0
    plain, planted = Motion.from_features(features), Motion.from_features(features, planted=True)
    assert np.abs(planted.joints - plain.joints).max() < 0.01 * plain.joints[-1, 0, 2]


def test_kit_features_are_planted_too():
    features = standing(80).features(KIT)
    features[:, 2] += 10.0  # millimeters a frame
    held = Motion.from_features(features, planted=True).joints[-1, 0, 2]
    assert abs(held) < 0.05 < abs(Motion.from_features(features).joints[-1, 0, 2])


def _error(one: Motion, other: Motion) -> float:
    return float(np.abs(one.joints[:, 0] - other.joints[:, 0]).mean())
