import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_walk

from lead.motion import Motion, MotionError, features_to_joints, joints_to_features
from lead.motion.features import canonical, retarget
from lead.motion.kit import COMMON, features_to_clip, joints_to_kit, kit_to_joints
from lead.motion.skeleton import JOINTS, KIT, bone_lengths

OURS = [JOINTS.index(name) for name in COMMON]
LEFT_WRIST, RIGHT_WRIST, PELVIS = JOINTS.index("left_wrist"), JOINTS.index("right_wrist"), 0


def scale_to_kit(motion: Motion) -> Motion:
    """The motion on KIT-ML's uniform skeleton, as our joints."""
    return Motion(kit_to_joints(canonical(retarget(joints_to_kit(motion.joints), KIT), KIT)), motion.fps)


def unit_vectors(joints):
    """The directions between neighboring joints that both skeletons have."""
    pairs = [("left_hip", "left_knee"), ("right_knee", "right_ankle"), ("left_shoulder", "left_elbow"),
             ("right_elbow", "right_wrist"), ("neck", "head")]  # fmt: skip
    bones = np.stack([joints[:, JOINTS.index(b)] - joints[:, JOINTS.index(a)] for a, b in pairs], axis=1)
    return bones / np.linalg.norm(bones, axis=-1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(st.floats(1.0, 6.0), st.integers(0, 100), st.floats(-1, 1))
def test_22_joints_survive_kits_21(seconds, seed, sway):
    motion = scale_to_kit(synthesize_walk(seconds, KIT.fps, sway, seed))
    features = motion.features(KIT)
    assert features.shape == (len(motion.joints) - 1, 251) and np.isfinite(features).all()
    again = Motion.from_features(features)
    assert again.fps == 12.5
    expected = motion.joints[:-1, OURS]
    expected[..., 1] -= expected[..., 1].min()  # the floor is under the frames that features have
    np.testing.assert_allclose(again.joints[:, OURS], expected, atol=2e-4)


def test_kit_joints_round_trip(walk):
    kit = canonical(retarget(joints_to_kit(walk.joints), KIT), KIT)
    np.testing.assert_allclose(bone_lengths(kit, KIT.parents)[:, 1:], np.tile(KIT.bone_lengths[1:], (len(kit), 1)))
    np.testing.assert_allclose(features_to_joints(joints_to_features(kit, KIT)), kit[:-1], atol=0.05)  # mm


def test_other_proportions_keep_their_directions(walk):
    again = Motion.from_features(walk.features(KIT))
    np.testing.assert_allclose(unit_vectors(again.joints), unit_vectors(walk.resample(KIT.fps).joints)[:-1], atol=1e-3)


def test_sides_and_units_are_those_of_a_person(walk):
    joints = walk.joints.copy()
    joints[:, LEFT_WRIST] = joints[:, JOINTS.index("left_elbow")] + [0, 0.25, 0]  # the left hand is raised
    features = Motion(joints, walk.fps).features(KIT)
    kit = features_to_joints(features)
    assert kit[0, KIT.joints.index("left_hip"), 0] < 0 < kit[0, KIT.joints.index("right_hip"), 0]  # mirrored, in mm
    assert 450 < kit[0, 0, 1] < 620  # a pelvis at rest, in thousandths of the body's height
    again = Motion.from_features(features).joints
    assert again[0, LEFT_WRIST, 1] > again[0, RIGHT_WRIST, 1] + 0.3
    assert again[0, JOINTS.index("left_hip"), 0] > 0.05
    assert again[-1, PELVIS, 2] == pytest.approx(1.1 * (len(again) - 1) / 12.5, rel=0.05)  # walks 1.1 m/s along +Z
    assert again[..., 1].min() == pytest.approx(0, abs=1e-6)


def test_reading_a_file_of_kit_features(walk, tmp_path):
    np.save(tmp_path / "00001.npy", walk.features(KIT))
    motion = Motion.read(tmp_path / "00001.npy")
    assert motion.fps == 12.5
    np.testing.assert_allclose(motion.joints, Motion.from_features(walk.features(KIT)).joints, atol=1e-5)


@pytest.mark.parametrize("width", [251, 263])
def test_features_without_frames_are_refused(width):
    with pytest.raises(MotionError, match="without frames"):
        features_to_clip(np.zeros((0, width)))
