"""The finish of generated motion: its steps in order, one switch for the feet, one skeleton for all."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead import Motion
from lead.eval.metrics import foot_skate_ratio
from lead.motion.kit import features_to_clip, features_to_toe_contacts
from lead.motion.processing.floor import settle
from lead.motion.processing.foot_cleanup import clean_feet
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.foot_path import correct_foot_path
from lead.motion.processing.rigid import is_rigid, make_rigid
from lead.motion.processing.seams import mend_seams
from lead.motion.skeleton import KIT


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


def test_on_one_skeleton_feet_are_held_too():
    features = sliding_features()
    for clean in (False, True):
        motion = Motion.from_features(features, clean_feet=clean, rigid=True)
        assert is_rigid(motion.joints)
    assert foot_skate_ratio(motion.joints) < foot_skate_ratio(Motion.from_features(features).joints)
    joints, fps = features_to_clip(features)
    cleaned = clean_feet(joints, features_to_toe_contacts(features), fps, rigid=True)
    np.testing.assert_array_equal(motion.joints, cleaned)
    assert is_rigid(Motion.from_features(features[:1], clean_feet=True, rigid=True).joints)


@pytest.mark.parametrize("realign", [True, False])
@pytest.mark.parametrize("clean", [True, False])
def test_whatever_leaves_a_base_is_on_one_skeleton(tiny_base, clean, realign):
    options = {"seconds": 2.0, "steps": 2, "seed": 1, "clean_feet": clean, "realign": realign}
    (motion,) = tiny_base.generate(["a person walks"], **options)
    assert is_rigid(motion.joints)
    assert is_rigid(motion.resample(30.0).joints)
    (again,) = tiny_base.reconstruct([motion], realign=realign)
    assert is_rigid(again.joints)


def test_kit_mls_features_come_on_the_same_skeleton():
    features = synthesize_walk().features(KIT)
    for clean in (False, True):
        motion = Motion.from_features(features, clean_feet=clean, rigid=True, frames_per_token=4)
        assert motion.fps == KIT.fps
        assert is_rigid(motion.joints)


def test_the_finish_has_five_steps_in_order(tiny_base):
    options = {"seconds": 2.0, "steps": 2, "seed": 1}
    features = catch_features(tiny_base, options)
    contacts = features_to_toe_contacts(features)
    whole = mend_seams(features_to_clip(features)[0], tiny_base.config.vae.frames_per_token)
    path = correct_foot_path(whole, contacts, 20.0)
    (clean,) = tiny_base.generate(["a person walks"], **options)
    (raw,) = tiny_base.generate(["a person walks"], clean_feet=False, **options)
    np.testing.assert_array_equal(raw.joints, make_rigid(whole).astype(np.float32))
    locked = lock_feet(settle(make_rigid(path), 20.0).astype(np.float32), 20.0).astype(np.float32)
    np.testing.assert_array_equal(clean.joints, locked)
    assert np.abs(clean.joints - raw.joints).max() > 0


def catch_features(base, options) -> np.ndarray:
    """The features of the one motion as the decoder gives them, caught on their way."""
    caught = []
    plain = Motion.from_features
    Motion.from_features = lambda features, **others: caught.append(features) or plain(features, **others)
    try:
        base.generate(["a person walks"], **options)
    finally:
        Motion.from_features = plain
    return caught[0]
