"""Writing on rigs: any heading, units and axes; bodies of another shape; smooth twist."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smpl_motion import smpl_joints
from walks import synthesize_walk

from benchmarks.pack import has_pack, pack_folder, read_joints
from lead.motion import Motion, read_bvh
from lead.motion.features import canonical
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
from lead.motion.rigs.rig import read_rig
from lead.motion.rotations import axis_angle_to_matrix
from lead.motion.skeleton import JOINTS

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scheme=st.sampled_from(["Mixamo", "Unreal", "LAFAN1", "VRM", "Rokoko", "3ds Max Biped"]),
    unit=st.sampled_from([1.0, 0.01, 0.0254]),
    up=st.sampled_from(["Y", "Z"]),
    heading=st.floats(-np.pi, np.pi),
    backward=st.booleans(),
)
def test_any_walk_comes_back_on_any_rig(schemes, make_rig_bvh, make_walk, scheme, unit, up, heading, backward):
    walk = make_walk(24, heading=heading, backward=backward)
    rig = read_rig(make_rig_bvh(schemes[scheme], unit=unit, up=up))[0]
    out = motion_to_rig(walk, rig, same_body=True)
    assert (out.names, out.channels, out.fps) == (rig.names, rig.channels, rig.fps)
    assert np.linalg.norm(read_rig(out)[1] - walk, axis=-1).max() < 0.001


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_what_has_true_bones_is_written_truly(seed):
    joints = smpl_joints(12, seed)
    out = motion_to_bvh(joints, 20.0)
    positions = out.world()[0][:, [out.names.index(name) for name in JOINTS]] / 100
    assert np.linalg.norm(positions - joints, axis=-1).max() < 0.001


def test_feet_stand_on_the_floor_of_a_body_with_other_hips(schemes, make_rig_bvh, make_walk):
    """The clip's hips hang 6 cm lower from the pelvis than the rig's: pelvis and hips cannot both agree."""
    walk = make_walk(40)
    lower = walk.copy()
    legs = [1, 2, 4, 5, 7, 8, 10, 11]
    lower[:, [joint for joint in range(22) if joint not in legs], 1] += 0.06
    rig = read_rig(make_rig_bvh(schemes["Mixamo"]))[0]
    plain, other = (read_rig(motion_to_rig(joints, rig))[1] for joints in (walk, lower))
    np.testing.assert_allclose(other[:, legs], plain[:, legs], atol=2e-3)
    assert other[..., 1].min() == pytest.approx(rig.floor, abs=2e-3)


@needs_pack
def test_a_strangers_clip_keeps_its_feet_on_a_rigs_floor():
    rig = Motion.read(pack_folder() / "raw_bvh" / "dataset-2_walk_normal_001.bvh").rig
    assert rig is not None
    joints = read_joints("cmu_02_04")
    back = read_rig(motion_to_rig(joints, rig))[1]
    feet = [7, 8, 10, 11]
    ours, theirs = joints[:, feet, 1].min(axis=1), back[:, feet, 1].min(axis=1)
    standing = ours < ours.min() + 0.01
    assert np.abs(theirs[standing] - rig.floor).max() < 0.04


@needs_pack
@pytest.mark.parametrize("clip", ["dataset-2_walk_normal_001", "dataset-1_kick_normal_001"])
def test_the_way_through_features_leads_back_onto_the_rig(tmp_path, clip):
    """The features' skeleton is another body: the path must be scaled back as it was scaled."""
    motion = Motion.read(pack_folder() / "raw_bvh" / f"{clip}.bvh")
    path = Motion.from_features(motion.features()).save(tmp_path / "clip.bvh", rig=motion.rig)
    back, was = (canonical(m.resample(20.0).joints.astype(float)) for m in (Motion.read(path), motion))
    frames = min(len(back), len(was))
    errors = np.linalg.norm(back[:frames] - was[:frames], axis=-1)
    assert errors.mean() < 0.005
    assert errors.max() < 0.03


@needs_pack
@pytest.mark.parametrize("clip", ["cmu_02_04", "hdm05_bd_lieDownFloor_002", "dataset-2_run_normal_001"])
def test_twist_is_filled_in_smoothly(tmp_path, clip):
    bvh = read_bvh(Motion(read_joints(clip)).save(tmp_path / "clip.bvh"))
    turns = bvh.local()[1]
    cosine = (np.einsum("fjab,fjab->fj", turns[1:], turns[:-1]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 65


def test_a_turned_clip_gives_the_same_pose(make_walk):
    """Only the root's channels know where north is."""
    walk = make_walk(30)
    about = axis_angle_to_matrix(np.array([0.0, 2.0, 0.0]))
    one, other = (motion_to_bvh(joints, 20.0).local()[1][:, 1:] for joints in (walk, walk @ about.T))
    np.testing.assert_allclose(one, other, atol=1e-6)


def give_a_finger(bvh: Bvh) -> Bvh:
    """The left hand gets a finger that bends all the time, and turns at its wrist."""
    wave = 40 * np.sin(np.arange(len(bvh.values)) / 5)
    values = bvh.values.copy()
    values[:, bvh.list_columns([20])] += wave[:, None] * [0.5, 0.2, 0.0]
    return replace(
        bvh, names=(*bvh.names, "LeftHandIndex1"), parents=(*bvh.parents, 20),
        offsets=np.concatenate([bvh.offsets, [[9.0, 0.0, 1.0]]]),
        channels=(*bvh.channels, ("Zrotation", "Xrotation", "Yrotation")),
        values=np.concatenate([values, wave[:, None] * [1.0, 0.1, 0.0]], axis=1),
    )  # fmt: skip


def test_fingers_and_twists_are_the_clips_own_where_it_goes_back_to_its_rig() -> None:
    bvh = give_a_finger(motion_to_bvh(synthesize_walk(3.0).joints, 20.0))
    rig, joints = read_rig(bvh)
    same = motion_to_rig(joints, rig, same_body=True)
    np.testing.assert_allclose(same.world()[1], bvh.world()[1], atol=1e-4)
    styled = joints.copy()
    styled[:, [18, 20]] += [0.0, 0.1, 0.1]  # the left elbow and wrist
    hand = bvh.list_columns([20, 22])
    restyled = motion_to_rig(styled, rig, same_body=True)
    np.testing.assert_allclose(restyled.values[:, hand], bvh.values[:, hand], atol=1e-3)
    assert np.abs(restyled.world()[1][:, 16] - bvh.world()[1][:, 16]).max() > 0.1
    np.testing.assert_allclose(motion_to_rig(styled[:-2], rig, True).values[:, hand], bvh.values[:-2, hand], atol=1e-3)
    # another clip, other frames, and a rig that kept no rotations: the hand rests
    for others in (motion_to_rig(joints, rig), motion_to_rig(joints[:40], rig, True),
                   motion_to_rig(joints, replace(rig, recorded=None), True)):  # fmt: skip
        assert np.ptp(others.values[:, hand], axis=0).max() < 1e-6


def test_a_mirrored_clip_keeps_no_rotations_of_the_other_side() -> None:
    rig, joints = read_rig(give_a_finger(motion_to_bvh(synthesize_walk(3.0).joints, 20.0)))
    motion = Motion(joints, 20.0, rig)
    assert motion.rig and motion.rig.recorded is not None
    mirrored = motion.mirror().rig
    assert mirrored and mirrored.recorded is None and mirrored.names == rig.names
