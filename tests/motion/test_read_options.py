"""Real-world files: what is guessed, corrected, cut and noted, and what a user can state instead."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pack import has_pack, pack_folder, read_joints
from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.formats.bvh import Bvh, format_bvh, write_bvh
from lead.motion.read_options import UPS
from lead.motion.rigs.frame_rate import doubt_rate
from lead.motion.rigs.leading_tpose import count_lead_in
from lead.motion.rigs.retarget import motion_to_rig
from lead.motion.rigs.rig import read_rig
from lead.motion.rigs.units import UP_TO_WORLD, nearest_axis
from lead.motion.rotations import matrix_to_euler
from lead.motion.skeleton import tpose

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
DAZ = ("cmu_daz_02_01", "cmu_daz_07_03", "cmu_daz_08_05", "cmu_daz_10_04")


@pytest.fixture
def mixamo(schemes, make_rig_bvh) -> Bvh:
    return make_rig_bvh(schemes["Mixamo"])


def replace_values(bvh: Bvh, values: np.ndarray) -> Bvh:
    return replace(bvh, values=values)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fps": 0.0}, "0.0 frames a second"),
        ({"fps": float("nan")}, "nan frames a second"),
        ({"unit": "foot"}, "unit 'foot'; expected one of m, cm, mm, inch"),
        ({"up": "W"}, "up axis 'W'; expected one of X, Y, Z, -X, -Y, -Z"),
        ({"rig_map": {"left_paw": "x"}}, "a rig map with 'left_paw'; expected names among pelvis"),
    ],
)
def test_invalid_reading_options_are_refused(options, says):
    with pytest.raises(MotionError, match=says):
        ReadOptions(**options)


def test_stated_options_are_used(tmp_path, mixamo):
    path = write_bvh(mixamo, tmp_path / "clip.bvh")
    plain = Motion.read(path)
    assert (plain.notes, plain.fps) == ((), 30)
    assert Motion.read(path, ReadOptions(fps=60.0)).fps == 60
    assert Motion.read(path, ReadOptions(fps=60.0)).rig.fps == 60
    inches = Motion.read(path, ReadOptions(unit="inch"))
    np.testing.assert_allclose(inches.joints, 2.54 * plain.joints, rtol=1e-5)
    np.testing.assert_allclose(Motion.read(path, ReadOptions(up="Z")).joints[..., 1], plain.joints[..., 2], atol=1e-6)
    np.save(tmp_path / "joints.npy", plain.joints[..., [0, 2, 1]] * [100, -100, 100])
    stated = Motion.read(tmp_path / "joints.npy", ReadOptions(fps=30.0, unit="cm", up="Z"))
    np.testing.assert_allclose(stated.joints, plain.joints, atol=1e-5)
    assert stated.fps == 30


@pytest.mark.parametrize("stretch", [0.56, 0.7, 1.3])
@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001])
def test_children_and_giants_keep_their_size(stretch, unit, schemes, make_rig_bvh):
    rig, _ = read_rig(make_rig_bvh(schemes["Mixamo"], unit=unit, stretch=stretch))
    assert rig.scale == unit


def test_an_unusual_size_is_reported(schemes, make_rig_bvh):
    assert read_rig(make_rig_bvh(schemes["Mixamo"]))[0].notes == ()
    note = read_rig(make_rig_bvh(schemes["Mixamo"], stretch=0.56))[0].notes[0]
    assert "legs of 0.46 m if lengths are in cm: state the unit" in note


def test_a_clip_that_stands_along_another_axis_than_its_rest_pose(mixamo):
    """As files whose root turns a skeleton made for Y up to stand on a floor with Z up."""
    to_z = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    channels = ((*mixamo.channels[0][:3], "Xrotation", "Yrotation", "Zrotation"), *mixamo.channels[1:])
    values = mixamo.values.copy()
    values[:, :3], values[:, 3:6] = values[:, :3] @ to_z.T, [90, 0, 0]
    rig, joints = read_rig(replace(mixamo, channels=channels, values=values))
    assert rig.up == "Z"
    assert rig.notes == ("the person stands along Z, not along Y: Z was taken to point up",)
    np.testing.assert_allclose(joints, read_rig(mixamo)[1], atol=1e-9)
    assert (joints[:, 10, 2] > joints[:, 7, 2] - 0.3).all()


def test_a_lying_person_does_not_change_the_up_axis(mixamo):
    values = mixamo.values.copy()
    values[:, :3], values[:, 4] = [0, 12, 0], 90  # on the back, ZXY turns: X is the second
    rig, joints = read_rig(replace_values(mixamo, values))
    assert (rig.up, rig.notes) == ("Y", ())
    assert np.ptp(joints[..., 1]) < 1.2


def test_a_body_on_its_head_throughout_turns_the_up_axis_but_a_handstand_does_not(mixamo, tmp_path):
    values = mixamo.values.copy()
    values[:, 1:3] *= -1
    values[:, 4] = 180
    rig, joints = read_rig(replace_values(mixamo, values))
    assert (rig.up, rig.notes) == ("-Y", ("the person stands along -Y, not along Y: -Y was taken to point up",))
    np.testing.assert_allclose(joints, read_rig(mixamo)[1], atol=1e-9)
    back = read_rig(motion_to_rig(joints, rig, same_body=True))[1]
    np.testing.assert_allclose(back, joints, atol=1e-6)
    stated, upright = read_rig(replace_values(mixamo, values), ReadOptions(up="-Y"))
    assert (stated.up, stated.notes) == ("-Y", ())
    np.testing.assert_array_equal(upright, joints)
    arms = [mixamo.names.index(f"mixamorig:{side}Arm") for side in ("Left", "Right")]
    values[:, mixamo.list_columns(arms)] = [85, 0, 0, -85, 0, 0]  # both arms up beside the head
    rig, _ = read_rig(replace_values(mixamo, values))
    assert (rig.up, len(rig.notes)) == ("Y", 1)
    assert "upside down if Y points up" in rig.notes[0]


@pytest.mark.parametrize("up", UPS)
def test_every_axis_can_be_stated_and_is_written_back(up, mixamo, tmp_path):
    plain = read_rig(mixamo)[1]
    turn = UP_TO_WORLD[up].T  # from Y up to this axis up
    angles = np.degrees(matrix_to_euler(turn, "ZXY"))
    values = mixamo.values.copy()
    values[:, :3], values[:, 3:6] = values[:, :3] @ turn.T, angles
    rig, joints = read_rig(replace_values(mixamo, values), ReadOptions(up=up))
    np.testing.assert_allclose(joints, plain, atol=1e-6)
    back = read_rig(motion_to_rig(joints, rig, same_body=True), ReadOptions(up=up))[1]
    np.testing.assert_allclose(back, plain, atol=1e-6)
    np.save(tmp_path / "clip.npy", plain @ turn.T)
    np.testing.assert_allclose(Motion.read(tmp_path / "clip.npy", ReadOptions(up=up)).joints, plain, atol=1e-6)
    assert nearest_axis(turn[:, 1]) == up


def test_a_rest_pose_before_the_motion_is_cut(tmp_path, mixamo):
    moving = mixamo.values[:, 6:] + 0.0
    moving[:, 0::3] += 5.0  # so that nothing rests
    values = np.concatenate([mixamo.values[:, :6], moving], axis=1)
    rest = np.zeros_like(values[:1])
    rest[:, :3] = values[0, :3]
    blend = [rest + part * (values[:1] - rest) for part in (0.0, 0.3, 0.7)]
    for lead, count in ((rest, 1), (np.repeat(rest, 9, axis=0), 9), (np.concatenate(blend), 3)):
        path = write_bvh(replace_values(mixamo, np.concatenate([lead, values])), tmp_path / "clip.bvh")
        motion = Motion.read(path)
        assert abs(len(motion.joints) - 60) <= (count == 3)  # the end of a blend may pass for motion
        assert motion.notes[0].startswith(f"{len(lead) + 60 - len(motion.joints)} frame")
        assert "of a T-pose or rest pose at the start cut" in motion.notes[0]
        assert len(Motion.read(path, ReadOptions(trim=False)).joints) == 60 + count


def test_who_holds_a_t_pose_and_who_moves_out_of_one(make_walk):
    rest, walk = tpose(), make_walk(60)
    arms_down = np.concatenate([np.linspace(1, 0, 12)[:, None, None] * (rest - walk[0]) + walk[0], walk])
    held = np.concatenate([np.repeat(rest[None], 20, axis=0), arms_down])
    assert 18 <= count_lead_in(held, 20.0) <= 26
    assert count_lead_in(arms_down, 20.0) == 0  # lowers the arms at leisure: a movement
    assert count_lead_in(np.repeat(rest[None], 40, axis=0), 20.0) == 0  # nothing but a T-pose
    assert count_lead_in(walk, 20.0) == 0
    strike = np.repeat(walk[:1], 90, axis=0)  # stands at rest, strikes once, stands again
    strike[20:26, 20] += np.sin(np.linspace(0, np.pi, 6))[:, None] * [0, 0.3, 0.4]
    assert count_lead_in(strike, 20.0, turns=np.where(np.arange(30) < 20, 0.0, 9.0)) == 0
    assert count_lead_in(walk[:1], 20.0) == 0


@needs_pack
def test_the_t_pose_in_recorded_files_is_cut_and_only_there():
    for clip in DAZ:
        path = pack_folder() / "raw_bvh" / f"{clip}.bvh"
        motion, whole = Motion.read(path), Motion.read(path, ReadOptions(trim=False))
        cut = len(whole.joints) - len(motion.joints)
        assert 5 <= cut <= 6
        np.testing.assert_array_equal(motion.joints, whole.joints[cut:])
        speed = np.linalg.norm(np.diff(motion.joints - motion.joints[:, :1], axis=0), axis=-1).max(axis=1) * 120
        assert speed[:20].max() < 8  # m/s; it was 26
    for path in sorted(pack_folder().glob("exemplars/*/*.bvh")):
        assert Motion.read(path).notes == (), path


def test_the_person_among_several_roots(mixamo):
    sword = Bvh(("sword",), (-1,), np.zeros((1, 3)), (("Xposition",),), (), np.ones((60, 1)), 1 / 30)
    width = len(mixamo.names)
    both = Bvh(
        sword.names + mixamo.names, (-1, -1, *(parent + 1 for parent in mixamo.parents[1:])),
        np.concatenate([sword.offsets, mixamo.offsets]), sword.channels + mixamo.channels, (),
        np.concatenate([sword.values, mixamo.values], axis=1), 1 / 30,
    )  # fmt: skip
    rig, joints = read_rig(both)
    assert len(rig.names) == width
    assert rig.notes == ("several ROOTs: 'mixamorig:Hips' is the person, 'sword' was left out",)
    np.testing.assert_array_equal(joints, read_rig(mixamo)[1])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_damage_is_an_error_or_a_motion(tmp_path_factory, make_rig_bvh, schemes, data):
    """Words of a BVH changed, lost or doubled."""
    path = tmp_path_factory.getbasetemp() / "damaged.bvh"
    words = re.split(r"(\s+)", format_bvh(make_rig_bvh(schemes["Mixamo"]).take_first(3)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(
            st.sampled_from(["", "{", "}", "nan", "1e9", "-3", "JOINT", "ROOT", "0\n0", "x", "\0"])
        )
    path.write_text("".join(words[: data.draw(st.integers(0, len(words)))] if data.draw(st.booleans()) else words))
    try:
        said = str(Motion.read(path).notes)
    except MotionError as error:
        said = str(error)
    assert said.startswith((f"{path}: ", "("))


def make_hops(fps: float, hop: float = 0.3) -> np.ndarray:
    """Hops that last as gravity has it, at a rate."""
    flight = 2 * np.sqrt(2 * hop / 9.81)
    phase = np.arange(int(4 * fps)) / fps % (flight + 0.4)
    rise = np.where(phase < flight, 9.81 / 2 * phase * (flight - phase), 0)
    return tpose() + rise[:, None, None] * [0, 1, 0]


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_a_rate_at_which_bodies_fall_too_fast(fps):
    assert doubt_rate(make_hops(fps), fps) == ""
    assert doubt_rate(make_hops(fps), fps / 2) == ""
    note = doubt_rate(make_hops(fps), 2 * fps)
    assert note.startswith("the body falls ")
    assert note.endswith(f"at {2 * fps:g} frames a second: {fps:g} may be the true rate")


def test_a_rate_whose_half_nobody_records_at_is_not_doubted(make_walk):
    for stated in (20.0, 24.0, 30.0):
        assert doubt_rate(make_hops(stated / 2), stated) == ""
    assert doubt_rate(make_hops(20.0), 40.0) != ""


@needs_pack
def test_hand_keyed_jumps_are_not_doubted_at_their_own_rate():
    for clip in ("hk_k_jump", "hk_q_hop", "cmu_05_16"):
        assert doubt_rate(read_joints(clip), 20.0) == "", clip


@needs_pack
def test_rates_of_recorded_motion():
    runs = ("dataset-2_run_normal_001", "dataset-1_dash_happy_001", "cmu_13_19")
    for clip in runs:
        assert doubt_rate(read_joints(clip), 20.0) == "", clip
        assert doubt_rate(read_joints(clip), 40.0).endswith("20 may be the true rate"), clip
    walk = read_joints("dataset-1_walk_angry_001")
    assert doubt_rate(walk, 20.0) == ""
    assert "walking steps a second at 40 frames a second: 20 may" in doubt_rate(walk, 40.0)


@needs_pack
def test_a_wrong_rate_is_reported_but_never_corrected(tmp_path):
    motion = Motion(read_joints("dataset-2_run_normal_001"))
    path = motion.save(tmp_path / "run.bvh")
    path.write_text(path.read_text().replace("Frame Time: 0.05", "Frame Time: 0.025"))
    lying = Motion.read(path)
    assert lying.fps == 40
    assert lying.notes[-1].endswith("20 may be the true rate")
    assert Motion.read(path, ReadOptions(fps=20.0)).notes == ()
