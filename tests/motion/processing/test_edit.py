"""Edits keep bone lengths, and everything that they do not name."""

import numpy as np

from lead.motion.processing.edit import UPPER_BODY, mirror_joints, replace_upper_body
from lead.motion.skeleton import MIRROR, bone_lengths


def test_mirroring_twice_is_nothing(walk):
    mirrored = mirror_joints(walk.joints)
    np.testing.assert_array_equal(mirrored[:, MIRROR] * [-1.0, 1.0, 1.0], walk.joints)
    np.testing.assert_array_equal(mirror_joints(mirrored), walk.joints)


def test_the_legs_of_one_clip_and_the_upper_body_of_another(walk):
    joined = replace_upper_body(walk.joints, walk.joints[:7])
    np.testing.assert_allclose(joined[:, [0, 1, 4, 7, 10]], walk.joints[:, [0, 1, 4, 7, 10]], atol=1e-6)
    upper = list(UPPER_BODY)
    relative = walk.joints[1, upper] - walk.joints[1, 0]  # frames go 0 to 6 and back: frame 11 has that of frame 1
    np.testing.assert_allclose(joined[11, upper] - joined[11, 0], relative, atol=0.02)
    lengths = bone_lengths(joined)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-5)
