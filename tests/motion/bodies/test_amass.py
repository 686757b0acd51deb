"""Writing AMASS-style files: the inverse of reading them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpl_motion import smpl_joints

from benchmarks.pack import has_pack, read_joints
from lead.motion import Motion, MotionError
from lead.motion.bodies.amass import joints_to_smpl
from lead.motion.rotations import axis_angle_to_matrix

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
FROM_KNEES_DOWN = [4, 5, 7, 8, 10, 11]


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1000), st.sampled_from([20.0, 30.0, 120.0]))
def test_smpl_poses_survive_a_round_trip(tmp_path_factory, seed, fps):
    motion = Motion(smpl_joints(12, seed), fps)
    back = Motion.read(motion.save_amass(tmp_path_factory.mktemp("amass") / "clip.npz"))
    assert back.fps == fps
    assert np.linalg.norm(back.joints - motion.joints, axis=-1).max() < 0.001


def test_the_file_is_as_amass_has_them(tmp_path, make_walk):
    path = Motion(make_walk(40, heading=0.7), 30.0).save_amass(tmp_path / "clip.npz")
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["betas", "gender", "mocap_framerate", "poses", "trans"]
        poses, trans = arrays["poses"], arrays["trans"]
        assert str(arrays["gender"]) == "neutral"
        assert float(arrays["mocap_framerate"]) == 30
        assert poses.shape == (40, 156)
        assert not arrays["betas"].any()
        assert not poses[:, 66:].any()
        assert trans[:, 2].std() < 0.1 < np.ptp(trans[:, 1])  # Z is up
    up = axis_angle_to_matrix(poses[:, :3])[:, 2, 1]
    assert up.min() > 0.9  # the root takes SMPL's Y, which is up at rest, to Z


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("turn", range(8))
def test_any_heading_keeps_legs_and_path(tmp_path, make_walk, turn, backward):
    walk = make_walk(40, heading=turn * np.pi / 4, backward=backward)
    back = Motion.read(Motion(walk).save_amass(tmp_path / "clip.npz")).joints
    assert np.linalg.norm(back - walk, axis=-1)[:, FROM_KNEES_DOWN].max() < 0.01


@needs_pack
def test_rotations_go_smoothly():
    for clip in ("dataset-2_walk-turn-left_normal_013", "hdm05_mm_squat1Reps_037"):
        joints = read_joints(clip)
        rotations, _ = joints_to_smpl(joints, 20.0)
        cosine = (np.einsum("fjab,fjab->fj", rotations[1:], rotations[:-1]) - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 60, clip
        assert np.abs(np.linalg.det(rotations) - 1).max() < 1e-9


def test_another_suffix_is_refused(tmp_path, make_walk):
    with pytest.raises(MotionError, match=r"AMASS's poses are written as .npz"):
        Motion(make_walk(2)).save_amass(tmp_path / "clip.bvh")
    assert not list(tmp_path.iterdir())
