"""Foot clean-up: both stages in order, one switch."""

import numpy as np
from walks import synthesize_walk

from lead import Motion
from lead.eval.metrics import foot_skate_ratio
from lead.motion.kit import features_to_clip, features_to_toe_contacts
from lead.motion.processing.foot_cleanup import clean_feet
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.foot_path import correct_foot_path


def sliding_features() -> np.ndarray:
    features = synthesize_walk().features()
    features[:, 1:3] *= 1.3
    return features


def test_it_is_the_foot_path_and_then_the_foot_lock():
    features = sliding_features()
    joints, fps = features_to_clip(features)
    contacts = features_to_toe_contacts(features)
    on_its_path = correct_foot_path(joints, contacts, fps).astype(np.float32)
    cleaned = clean_feet(joints, contacts, fps)
    np.testing.assert_array_equal(cleaned, lock_feet(on_its_path, fps).astype(np.float32))
    assert foot_skate_ratio(cleaned) <= foot_skate_ratio(on_its_path) <= foot_skate_ratio(joints)
    assert foot_skate_ratio(cleaned) < foot_skate_ratio(joints)


def test_a_motion_of_features_is_cleaned_where_it_is_asked_for():
    features = sliding_features()
    joints, fps = features_to_clip(features)
    np.testing.assert_array_equal(Motion.from_features(features).joints, joints)
    cleaned = clean_feet(joints, features_to_toe_contacts(features), fps)
    np.testing.assert_array_equal(Motion.from_features(features, clean_feet=True).joints, cleaned)


def test_one_frame_stays_as_it_is():
    features = sliding_features()[:1]
    plain, cleaned = (Motion.from_features(features, clean_feet=clean).joints for clean in (False, True))
    np.testing.assert_array_equal(plain, cleaned)


def test_generated_motions_are_cleaned_unless_told_otherwise(tiny_base):
    options = {"seconds": 2.0, "steps": 2, "seed": 1}
    (clean,) = tiny_base.generate(["a person walks"], **options)
    (raw,) = tiny_base.generate(["a person walks"], clean_feet=False, **options)
    again = clean_feet(raw.joints, _contacts(tiny_base, options), raw.fps)
    np.testing.assert_allclose(clean.joints, again, atol=1e-6)
    assert np.abs(clean.joints - raw.joints).max() > 0


def _contacts(base, options) -> np.ndarray:
    """The toes' contact features as the decoder gives them, caught on their way."""
    caught = []
    plain = Motion.from_features
    Motion.from_features = lambda features, **others: caught.append(features) or plain(features, **others)
    try:
        base.generate(["a person walks"], **options)
    finally:
        Motion.from_features = plain
    return features_to_toe_contacts(caught[0])
