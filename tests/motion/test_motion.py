"""`Motion`: resampling, mirroring, and the round trip motion -> features -> motion -> BVH -> motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from benchmarks.pack import has_pack, pack_folder, read_joints
from lead.motion import Motion, MotionError
from lead.motion.features import canonical, retarget
from lead.motion.formats.bvh import read_bvh, write_bvh
from lead.motion.heading import facing
from lead.motion.processing.rigid import is_rigid
from lead.motion.skeleton import BONE_LENGTHS, JOINTS, KIT, PARENTS, bone_lengths

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")


def worst(a: np.ndarray, b: np.ndarray) -> float:
    """Meters."""
    assert a.shape == b.shape
    return float(np.linalg.norm(a - b, axis=-1).max())


def test_features_are_the_callers_own(make_walk):
    motion = Motion(make_walk(60))
    first = motion.features()
    expected = first.copy()
    first += 1.0
    np.testing.assert_array_equal(motion.features(), expected)
    np.testing.assert_array_equal(motion.mirror().mirror().features(), expected)
    assert motion.features(KIT).shape[1] == 251


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("turn", range(8))
def test_any_heading_survives_features_and_bvh(tmp_path, make_walk, turn, backward):
    walk = make_walk(60, heading=turn * np.pi / 4, backward=backward)
    motion = Motion(walk)
    again = Motion.from_features(motion.features())
    assert worst(again.joints, canonical(retarget(walk.astype(float)))[:-1]) < 0.001
    back = Motion.read(again.save(tmp_path / "clip.bvh"))
    assert back.fps == 20
    assert worst(back.joints, again.joints) < 0.001
    ahead = back.joints[-1, 0, 2] - back.joints[0, 0, 2]
    assert ahead < -2 if backward else ahead > 2
    assert (back.joints[:, JOINTS.index("left_hip"), 0] > back.joints[:, JOINTS.index("right_hip"), 0]).all()
    # and as recorded, where nothing is made canonical
    as_recorded = Motion.read(motion.save(tmp_path / "recorded.bvh"))
    assert worst(as_recorded.joints, motion.joints) < 0.001


@needs_pack
@pytest.mark.parametrize("clip", ["dataset-1_walk-back_normal_001", "dataset-2_walk-turn-left_normal_013"])
@pytest.mark.parametrize("turn", range(8))
def test_real_clips_survive_in_any_heading(tmp_path, clip, turn):
    angle = turn * np.pi / 4
    about_y = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    again = Motion.from_features(Motion(read_joints(clip) @ about_y.T).features())
    back = Motion.read(again.save(tmp_path / "clip.bvh"))
    assert worst(back.joints, again.joints) < 0.002


@needs_pack
def test_every_source_of_the_pack_survives_to_a_centimeter_on_the_whole(tmp_path):
    """One rotation serves both hips and the spine: bodies whose hips move against it miss by millimeters."""
    for clip in ("cmu_02_04", "hdm05_mm_squat1Reps_037"):
        motion = Motion.from_features(Motion(read_joints(clip)).features())
        back = Motion.read(motion.save(tmp_path / "clip.bvh"))
        errors = np.linalg.norm(back.joints - motion.joints, axis=-1)
        assert errors.mean() < 0.01
        assert errors[:, [7, 8, 10, 11, 20, 21]].mean() < 0.005


def test_the_bvh_rests_in_a_t_pose(tmp_path, make_walk):
    path = Motion(make_walk(30, heading=2.0)).save(tmp_path / "clip.bvh")
    bvh = read_bvh(path)
    rest = {name: np.zeros(3) for name in bvh.names}
    for name, parent, offset in zip(bvh.names, bvh.parents, bvh.offsets, strict=True):
        rest[name] = offset + (rest[bvh.names[parent]] if parent >= 0 else 0)
    assert set(bvh.names) == set(JOINTS)
    for joint in JOINTS:
        assert (
            JOINTS[PARENTS[JOINTS.index(joint)]] == bvh.names[bvh.parents[bvh.names.index(joint)]] or joint == "pelvis"
        )
    for side, sign in (("left", 1), ("right", -1)):
        arm = rest[f"{side}_wrist"] - rest[f"{side}_shoulder"]
        leg = rest[f"{side}_ankle"] - rest[f"{side}_hip"]
        foot = rest[f"{side}_foot"] - rest[f"{side}_ankle"]
        np.testing.assert_allclose(arm / np.linalg.norm(arm), [sign, 0, 0], atol=1e-6)
        np.testing.assert_allclose(leg / np.linalg.norm(leg), [0, -1, 0], atol=1e-6)
        assert foot[0] == pytest.approx(0, abs=1e-6)
        assert -0.6 < foot[1] / foot[2] < -0.4  # soles flat, toes ahead
    assert rest["head"][1] > 50
    names = [JOINTS.index(name) for name in bvh.names]
    np.testing.assert_allclose(np.linalg.norm(bvh.offsets, axis=-1)[1:], 100 * BONE_LENGTHS[names[1:]], atol=1e-3)


@needs_pack
def test_the_rest_poses_feet_slope_as_standing_feet_of_the_clip_do(tmp_path):
    for clip, degrees in (("dataset-2_wave-both-hands_normal_023", -39.6), ("cmu_02_04", -19.0)):
        bvh = read_bvh(Motion(read_joints(clip)).save(tmp_path / "clip.bvh"))
        foot = bvh.offsets[bvh.names.index("left_foot")]
        assert np.degrees(np.arctan2(foot[1], foot[2])) == pytest.approx(degrees, abs=6)


@needs_pack
def test_written_rotations_have_no_jumps(tmp_path):
    for clip in ("dataset-1_walk-back_normal_001", "dataset-2_walk-turn-left_normal_013", "cmu_02_04"):
        bvh = read_bvh(Motion(read_joints(clip)).save(tmp_path / "clip.bvh"))
        assert np.abs(np.diff(bvh.values[:, 3:], axis=0)).max() < 60, clip


def test_a_motion_is_written_on_the_rig_of_a_clip(tmp_path, make_walk, make_rig_bvh, schemes):
    exemplar = Motion.read(write_bvh(make_rig_bvh(schemes["Mixamo"], unit=0.0254, up="Z"), tmp_path / "rig.bvh"))
    assert exemplar.rig is not None
    motion = Motion(make_walk(61))
    path = motion.save(tmp_path / "out.bvh", rig=exemplar.rig)
    bvh = read_bvh(path)
    assert bvh.names == exemplar.rig.names
    assert bvh.fps == 30
    assert len(bvh.values) == 91
    back = Motion.read(path)
    assert back.rig is not None
    assert (back.rig.up, back.rig.scale) == ("Z", 0.0254)
    lift = np.array([0, back.joints[..., 1].min() - motion.resample(30.0).joints[..., 1].min(), 0])
    assert worst(back.joints, motion.resample(30.0).joints + lift) < 0.002


def test_resampling_hits_the_frames_that_both_rates_share(make_walk):
    motion = Motion(make_walk(61), 30.0)
    double, half, other = motion.resample(60.0), motion.resample(15.0), motion.resample(24.0)
    assert (len(double.joints), len(half.joints), len(other.joints)) == (121, 31, 49)
    np.testing.assert_allclose(double.joints[::2], motion.joints, atol=1e-6)
    np.testing.assert_allclose(half.joints, motion.joints[::2], atol=1e-6)
    np.testing.assert_allclose(other.joints[-1], motion.joints[-1], atol=1e-6)
    assert double.seconds == pytest.approx(motion.seconds, abs=1 / 30)
    assert motion.resample(30.0) is motion


def test_resampling_follows_the_curve_between_frames():
    def curve(times: np.ndarray) -> np.ndarray:
        return np.sin(times * 7)[:, None, None] * np.arange(1, 67).reshape(22, 3) / 66

    motion = Motion(curve(np.arange(40) / 20), 20.0).resample(120.0)
    wanted = curve(np.arange(len(motion.joints)) / 120)
    assert np.abs(motion.joints - wanted)[18:-18].max() < 2e-4
    assert np.abs(motion.joints - wanted).max() < 0.02


def test_resampling_keeps_the_one_skeleton(walk):
    on_it = walk.on_one_skeleton()
    for fps in (12.5, 24.0, 60.0):
        assert is_rigid(on_it.resample(fps).joints)
    assert not is_rigid(walk.resample(60.0).joints)
    there = on_it.resample(60.0).resample(20.0)
    assert worst(there.joints[: len(walk.joints)], on_it.joints[: len(there.joints)]) < 0.01


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 40),
    st.sampled_from([12.5, 20.0, 24.0, 29.97, 30.0, 60.0, 119.88, 120.0]),
    st.floats(5, 240),
)
def test_resampling_a_straight_line_is_exact(frames, fps, target):
    line = np.arange(frames)[:, None, None] / fps * np.ones((22, 3))
    motion = Motion(line, fps).resample(target)
    np.testing.assert_allclose(
        motion.joints, np.arange(len(motion.joints))[:, None, None] / target * np.ones((22, 3)), atol=1e-5
    )
    assert (len(motion.joints) - 1) / target <= (frames - 1) / fps + 1e-6
    assert len(motion.joints) / target > (frames - 1) / fps - 1e-6


def test_a_mirror_swaps_the_sides_and_is_its_own_inverse(make_walk):
    motion = Motion(make_walk(20, heading=0.4))
    mirrored = motion.mirror()
    np.testing.assert_array_equal(mirrored.mirror().joints, motion.joints)
    np.testing.assert_allclose(mirrored.joints[:, 1], motion.joints[:, 2] * [-1, 1, 1])
    np.testing.assert_allclose(facing(mirrored.joints), facing(motion.joints) * [-1, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("joints", "fps", "says"),
    [
        (np.zeros((4, 21, 3)), 20.0, r"shape \(4, 21, 3\)|f64\[4,21,3\]"),
        (np.zeros((0, 22, 3)), 20.0, "without frames"),
        (np.full((4, 22, 3), np.nan), 20.0, "frame 0 has joints that are NaN"),
        (np.full((4, 22, 3), 1e300), 20.0, "NaN or infinite"),
        (np.full((4, 22, 3), 1e6), 20.0, "m from the origin"),
        (np.zeros((4, 22, 3)), 0.0, "0.0 frames a second"),
        (np.zeros((4, 22, 3)), float("nan"), "nan frames a second"),
    ],
)
def test_invalid_motions_are_refused(joints, fps, says):
    with pytest.raises((MotionError, TypeCheckError), match=says):  # the latter where shapes are checked
        Motion(joints, fps)


def test_one_frame_is_a_motion(tmp_path, make_walk):
    motion = Motion(make_walk(1))
    assert len(motion.resample(30.0).joints) == 1
    assert worst(Motion.read(motion.save(tmp_path / "pose.bvh")).joints, motion.joints) < 0.001


def test_a_pose_that_is_no_body_is_still_written(tmp_path):
    """All joints in one place: no direction at all, and yet no NaN."""
    path = Motion(np.zeros((3, 22, 3))).save(tmp_path / "nothing.bvh")
    assert np.isfinite(read_bvh(path).values).all()


def test_unknown_suffixes_are_refused_and_leave_nothing(tmp_path, make_walk):
    with pytest.raises(MotionError, match=r"cannot write .dae; use one of .bvh, .fbx, .usda, .glb, .vrma, .npz"):
        Motion(make_walk(2)).save(tmp_path / "clip.dae")
    with pytest.raises(MotionError, match="cannot write a file without suffix"):
        Motion(make_walk(2)).save(tmp_path / "clip")
    assert not list(tmp_path.iterdir())


@needs_pack
def test_exemplars_are_mapped_as_the_packs_clips_are():
    """The pack's joints come from these files: its spine2 lies between Spine and Chest."""
    for path in sorted(pack_folder().glob("exemplars/*/*.bvh")):
        motion = Motion.read(path).resample(20.0)
        wanted = read_joints(path.stem)
        assert np.linalg.norm(motion.joints - wanted, axis=-1).mean() < 0.0015, path
        assert bone_lengths(motion.joints)[:, 1:].min() > 0.02
