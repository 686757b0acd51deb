"""Rigs of many makers: names, units, axes, missing joints; and writing on them."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pack import has_pack, pack_folder
from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh, format_bvh, parse_bvh, read_bvh
from lead.motion.rigs.joint_names import MAKERS, Maker
from lead.motion.rigs.match_names import guess_maker, list_missing_joints, match_names, simplify_name
from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
from lead.motion.rigs.rig import read_rig
from lead.motion.rigs.units import UP_TO_WORLD
from lead.motion.skeleton import BONE_LENGTHS, JOINTS, bone_lengths

needs_pack = pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")


def write_and_parse(bvh: Bvh) -> Bvh:
    return parse_bvh(format_bvh(bvh).encode())


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Meters."""
    assert a.shape == b.shape
    return np.linalg.norm(a - b, axis=-1)


def maker_id(maker: Maker) -> str:
    return f"{maker.name} {maker.pattern}"


@pytest.mark.parametrize("maker", MAKERS, ids=maker_id)
def test_every_makers_names_are_known(maker, make_rig_bvh):
    names = maker.joints.split()
    there = [joint for joint in range(22) if names[joint] != "-"]
    absent = tuple(sorted({*range(22)} - {*there}))
    rig, joints = read_rig(make_rig_bvh(names, leave=absent))
    assert not any("shape of the skeleton" in note for note in rig.notes)
    assert [rig.names[rig.nodes[joint]] for joint in there if joint != 6] == [
        names[joint] for joint in there if joint != 6
    ]
    assert rig.nodes[6] == -1 or rig.names[rig.nodes[6]] == names[6]
    assert distances(joints, read_rig(make_rig_bvh(list(JOINTS), leave=absent))[1]).max() < 1e-9


@pytest.mark.parametrize("maker", MAKERS, ids=maker_id)
def test_makers_are_recognized_by_joint_names(maker):
    names = {*maker.joints.split(), *maker.others.split()} - {"-"}
    assert guess_maker(sorted(names)) == maker.name


def test_our_own_names_are_smpls_and_unknown_names_are_nobodys():
    assert guess_maker(JOINTS) == "SMPL"
    assert guess_maker(["root", "bone1", "bone2"]) == ""


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("mixamorig1:LeftUpLeg", "left_upleg"),
        ("mixamorigLeftUpLeg", "left_upleg"),
        ("Bip01 L UpperArm", "left_upperarm"),
        ("ValveBiped.Bip01_R_Thigh", "right_thigh"),
        ("rShldr", "right_shldr"),
        ("lfemur", "left_femur"),
        ("lowerback", "lowerback"),
        ("UpperLeg_L", "left_upperleg"),
        ("ball_l", "left_ball"),
        ("neck_01", "neck1"),
        ("joint_Root", "root"),
        ("Character1_RightHand", "right_hand"),
        ("a|b|Left Foot", "left_foot"),
        ("DEF-upper_arm.L.001", "left_upperarm1"),
    ],
)
def test_plain_names(name, plain):
    assert simplify_name(name) == plain


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001, 0.0254, 0.0254 / 0.45])
@pytest.mark.parametrize("stretch", [0.85, 1.1])
def test_units_and_axes(up, unit, stretch, schemes, make_rig_bvh):
    rig, joints = read_rig(make_rig_bvh(schemes["Mixamo"], unit=unit, up=up, stretch=stretch))
    assert (rig.up, rig.scale) == (up, unit)
    reference = read_rig(make_rig_bvh(schemes["Mixamo"], stretch=stretch))[1]
    assert distances(joints, reference).max() < 1e-6


def test_left_is_left_and_forward_is_forward(schemes, make_rig_bvh):
    for up in ("Y", "Z"):
        rig, joints = read_rig(make_rig_bvh(schemes["Unreal"], up=up))
        assert (joints[:, JOINTS.index("left_hip"), 0] > joints[:, JOINTS.index("right_hip"), 0]).all()
        assert (
            joints[:, JOINTS.index("left_foot"), 2] > joints[:, JOINTS.index("left_ankle"), 2] - 0.3
        ).all()
        assert joints[-1, 0, 2] > joints[0, 0, 2] + 1
        back, _ = read_rig(write_and_parse(motion_to_rig(joints, rig)))
        assert [back.names[node] for node in back.nodes] == schemes["Unreal"]
        again = read_rig(write_and_parse(motion_to_rig(joints, rig)))[1]
        assert (again[:, JOINTS.index("left_wrist"), 0] > again[:, JOINTS.index("right_wrist"), 0]).all()


@pytest.mark.parametrize(
    ("leave", "worst"),
    [
        ((), 0.0001),
        ((6,), 0.0001),
        ((3, 6), 0.0001),
        ((3, 6, 9), 0.0001),
        ((13, 14), 0.0001),
        ((10, 11), 0.0001),
        ((12,), 0.0001),
        ((15,), 0.0001),
        ((6, 10, 11, 13, 14, 15), 0.0001),
    ],
)
def test_missing_joints_are_filled_and_the_rest_comes_back(leave, worst, schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"], leave=leave)
    rig, joints = read_rig(bvh)
    there = [joint for joint in range(22) if joint not in leave]
    full = read_rig(make_rig_bvh(schemes["Mixamo"]))[1]
    if not {3, 6, 9, 12} & set(leave):  # a joint that turned is gone, and what is above it moves otherwise
        assert distances(joints, full)[:, there].max() < 1e-9
    lengths = bone_lengths(joints).mean(axis=0)
    assert (lengths[1:] > 0.02).all()
    if 10 in leave:
        assert (joints[:, 10, 2] - joints[:, 7, 2]).mean() > 0
        assert lengths[10] == pytest.approx(BONE_LENGTHS[10], rel=0.05)
    back = read_rig(write_and_parse(motion_to_rig(joints, rig, same_body=True)))[1]
    assert distances(back, joints).mean() < worst
    assert distances(back, joints).max() < 0.001


def test_a_spine_of_five_and_a_neck_of_two(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Unreal"])
    names = list(bvh.names)
    names[names.index("spine_03")] = "spine_05"
    rig, _ = read_rig(replace(bvh, names=tuple(names)))
    assert [rig.names[rig.nodes[joint]] for joint in (3, 6, 9, 12, 15)] == [
        "spine_01", "spine_02", "spine_05", "neck_01", "head",
    ]  # fmt: skip


def test_joints_in_one_place_as_in_cmu_files(schemes, make_rig_bvh):
    """cgspeed's CMU rigs: LHipJoint and LowerBack lie in the Hips, Neck and the collars in Spine1."""
    bvh = make_rig_bvh(schemes["LAFAN1"])
    names, parents, offsets = list(bvh.names), list(bvh.parents), bvh.offsets.copy()
    spine2, left_collar = names.index("Spine2"), names.index("LeftShoulder")
    offsets[names.index("LeftArm")] += offsets[left_collar]
    offsets[left_collar] = 0
    names += ["LHipJoint", "LowerBack"]
    parents += [0, 0]
    offsets = np.concatenate([offsets, np.zeros((2, 3))])
    parents[names.index("LeftUpLeg")], parents[names.index("Spine")] = 22, 23
    turns = bvh.channels[1]
    values = np.concatenate([bvh.values, np.zeros((60, 6))], axis=1)
    values[:, -3:] = 15 * np.sin(np.arange(60) / 8)[:, None]
    shuffled = Bvh(
        tuple(names), tuple(parents), offsets, (*bvh.channels, turns, turns), (), values, bvh.frame_time
    )
    rig, joints = read_rig(write_and_parse(shuffled))
    assert rig.nodes[JOINTS.index("left_collar")] == -1
    assert rig.names[rig.nodes[3]] == "Spine"
    assert rig.names[rig.nodes[9]] == names[spine2]
    assert (bone_lengths(joints)[:, 1:] > 0.02).all()
    back = read_rig(write_and_parse(motion_to_rig(joints, rig, same_body=True)))[1]
    assert distances(back, joints).max() < 0.001


def test_an_unknown_rig_lists_what_was_not_found_and_what_is_there(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"], leave=(20,))
    names = ["Paw" if name.endswith("RightHand") else name for name in bvh.names]
    with pytest.raises(
        MotionError, match=r"no joint matches left_wrist, right_wrist\..* joints are: mixamorig:Hips,.*Paw"
    ):
        read_rig(replace(bvh, names=tuple(names)))
    missing = list_missing_joints(match_names(["bone1", "bone2"], [-1, 0]))
    assert (missing[0], missing[1], missing[-1], len(missing)) == ("pelvis", "left_hip", "neck or head", 14)


def test_a_rig_without_size_or_movement_is_refused(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"])
    with pytest.raises(MotionError, match="no length"):
        read_rig(replace(bvh, offsets=0 * bvh.offsets))
    fixed = replace(bvh, channels=(bvh.channels[0][3:], *bvh.channels[1:]), values=bvh.values[:, 3:])
    rig, joints = read_rig(fixed)
    with pytest.raises(MotionError, match="cannot move"):
        motion_to_rig(joints, rig)


def test_a_skeleton_without_frames_is_a_rig(schemes, make_rig_bvh, make_walk):
    bvh = make_rig_bvh(schemes["Mixamo"])
    rig, joints = read_rig(replace(bvh, values=bvh.values[:0]))
    assert joints.shape == (0, 22, 3)
    walk = make_walk(40)
    back = read_rig(write_and_parse(motion_to_rig(walk, rig)))[1]
    lift = np.array([0, walk[..., 1].min(), 0])
    assert distances(back + lift, walk).max() < 0.001


def test_other_proportions_keep_directions_and_scale_the_path(schemes, make_rig_bvh, make_walk):
    walk = make_walk(60, heading=2.0)
    rig = read_rig(write_and_parse(make_rig_bvh(schemes["Unreal"], unit=0.01, up="Z", stretch=0.7)))[0]
    bvh = write_and_parse(motion_to_rig(walk, rig))
    assert bvh.names == rig.names
    assert bvh.channels == rig.channels
    np.testing.assert_allclose(bvh.offsets, rig.offsets, rtol=1e-6)
    back = read_rig(bvh)[1]
    np.testing.assert_allclose(bone_lengths(back).mean(axis=0), 0.7 * BONE_LENGTHS, rtol=1e-4)
    ours, theirs = (joints[:, 1:] - joints[:, [0]] for joints in (walk, back))
    np.testing.assert_allclose(theirs, 0.7 * ours, atol=1e-4)
    ours, theirs = (joints[:, [1, 2]].mean(axis=1)[:, [0, 2]] for joints in (walk, back))
    np.testing.assert_allclose(theirs[-1] - theirs[0], 0.7 * (ours[-1] - ours[0]), atol=1e-4)
    assert back[..., 1].min() == pytest.approx(rig.floor, abs=1e-4)


def test_fingers_keep_the_rest_pose(schemes, make_rig_bvh, make_walk):
    bvh = make_rig_bvh(schemes["Mixamo"])
    hand = list(bvh.names).index("mixamorig:LeftHand")
    finger = Bvh(
        (*bvh.names, "mixamorig:LeftHandIndex1"),
        (*bvh.parents, hand),
        np.concatenate([bvh.offsets, [[8, 0, 1]]]),
        (*bvh.channels, bvh.channels[1]),
        (),
        np.concatenate([bvh.values, np.full((60, 3), 20.0)], axis=1),
        1 / 30,
    )
    out = motion_to_rig(make_walk(20), read_rig(finger)[0])
    np.testing.assert_allclose(out.values[:, -3:], 0, atol=1e-9)


def test_knees_bend_about_the_rigs_own_hinge(schemes, make_rig_bvh):
    """The written rotations, not only the positions, are those of the clip: its hinges tell the twist."""
    bvh = make_rig_bvh(schemes["Mixamo"])
    rig, joints = read_rig(bvh)
    again = motion_to_rig(joints, rig, same_body=True)
    before, after = bvh.world()[1], again.world()[1]
    cosine = (np.einsum("fjab,fjab->fj", before, after) - 1) / 2
    degrees = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    for side in ("Left", "Right"):
        for joint in ("UpLeg", "Leg", "Arm", "ForeArm"):
            assert np.median(degrees[:, rig.names.index(f"mixamorig:{side}{joint}")]) < 5, (side, joint)


def test_a_leg_swung_over_the_head_does_not_jump(make_walk):
    walk = make_walk(80)
    thigh, shin = walk[:, 4] - walk[:, 1], walk[:, 7] - walk[:, 4]
    sweep = np.linspace(-0.6, np.pi + 0.6, 80)
    direction = np.stack([np.full(80, 0.05), -np.cos(sweep), np.sin(sweep)], -1)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    foot = walk[:, 10] - walk[:, 7]
    walk[:, 4] = walk[:, 1] + direction * np.linalg.norm(thigh, axis=-1, keepdims=True)
    walk[:, 7] = walk[:, 4] + direction * np.linalg.norm(shin, axis=-1, keepdims=True)
    walk[:, 10] = walk[:, 7] + foot
    bvh = motion_to_bvh(walk, 20.0)
    turns = bvh.local()[1][:, 1]
    steps = np.einsum("fab,fab->f", turns[1:], turns[:-1])
    assert np.degrees(np.arccos(np.clip((steps - 1) / 2, -1, 1))).max() < 15
    assert distances(read_rig(write_and_parse(bvh))[1], walk).max() < 0.001


@needs_pack
@pytest.mark.parametrize("pattern", ["raw_bvh/*.bvh", "exemplars/*/*.bvh"])
def test_recorded_clips_come_back_on_their_own_rigs(pattern):
    for path in sorted(pack_folder().glob(pattern)):
        bvh = read_bvh(path)
        rig, joints = read_rig(bvh)
        assert (rig.up, rig.scale) == ("Y", 0.01)
        out = write_and_parse(motion_to_rig(joints, rig, same_body=True))
        assert (out.names, out.channels, out.fps) == (bvh.names, bvh.channels, bvh.fps)
        np.testing.assert_allclose(out.offsets, bvh.offsets, rtol=1e-5, atol=1e-5)
        again = read_rig(out)[1]
        assert distances(again, joints).mean() < 0.0005, path
        assert distances(again, joints).max() < 0.002, path
        own = read_rig(write_and_parse(motion_to_bvh(joints, rig.fps)))[1]
        assert distances(own, joints).max() < 0.001, path


def put_in_parent(bvh: Bvh, *joints: str) -> Bvh:
    offsets = bvh.offsets.copy()
    offsets[[bvh.names.index(f"mixamorig:{joint}") for joint in joints]] = 0
    return replace(bvh, offsets=offsets)


@pytest.mark.parametrize(
    ("end", "head"),
    [((0.0, 30.0, 0.0), 0.30), ((0.0, 2.0, 0.0), 0.18), (None, 0.18)],
    ids=["an End Site above", "an End Site too low", "none"],
)
@pytest.mark.parametrize("leave", [(15,), ()], ids=["no head", "the head too"])
def test_a_neck_in_the_chest_leads_to_no_hand(end, head, leave, schemes, make_rig_bvh):
    """The head is above the shoulders, whether the joints above the chest lie in it or are not there."""
    bvh = put_in_parent(make_rig_bvh(schemes["Mixamo"], leave=leave), "Neck", *([] if leave else ["Head"]))
    owner = bvh.names.index(f"mixamorig:{'Neck' if leave else 'Head'}")
    ends = tuple((joint, (0.0, 0.0, 9.0)) for joint, name in enumerate(bvh.names) if name.endswith(("Hand", "ToeBase")))
    rig, joints = read_rig(replace(bvh, end_sites=(*ends, *([(owner, end)] if end else []))))
    full = read_rig(make_rig_bvh(schemes["Mixamo"]))[1]
    above = joints[:, 15] - joints[:, [16, 17]].mean(axis=1)
    shoulders = bvh.offsets[bvh.names.index("mixamorig:LeftArm"), 1] / 100
    assert np.median(above[:, 1]) == pytest.approx(head - shoulders * bool(end and head > 0.2), abs=0.03)
    assert np.abs(above[:, [0, 2]]).max() < 0.12
    np.testing.assert_allclose(joints[:, 12], (joints[:, 9] + joints[:, 15]) / 2, atol=1e-9)
    np.testing.assert_allclose(np.delete(joints, [12, 15], axis=1), np.delete(full, [12, 15], axis=1), atol=1e-9)
    back = read_rig(write_and_parse(motion_to_rig(joints, rig, same_body=True)))[1]
    assert distances(back, joints).max() < 0.001


def test_the_joint_above_a_neck_in_the_chest_is_the_neck(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"])
    plain = read_rig(bvh)[1]
    neck, head = bvh.names.index("mixamorig:Neck"), bvh.names.index("mixamorig:Head")
    offsets, names = bvh.offsets.copy(), list(bvh.names)
    offsets[head], names[head] = offsets[neck] + [0, 0, 1], "Neck1"
    offsets[neck] = 0
    end = ((head, (0.0, 12.0, 0.0)),)
    rig, joints = read_rig(replace(bvh, names=tuple(names), offsets=offsets, end_sites=end))
    assert (rig.names[rig.nodes[12]], rig.nodes[15]) == ("Neck1", len(names))
    assert (joints[:, 15, 1] > joints[:, 12, 1] + 0.1).all()
    assert (joints[:, 12, 1] > joints[:, [16, 17], 1].max(axis=1) + 0.1).all()
    np.testing.assert_allclose(np.delete(joints, [12, 15], axis=1), np.delete(plain, [12, 15], axis=1), atol=1e-9)


def test_hair_and_jaw_are_no_neck(schemes, make_rig_bvh):
    """On a neck in the chest of a rig without a head."""
    bvh = put_in_parent(make_rig_bvh(schemes["Mixamo"], leave=(15,)), "Neck")
    neck = bvh.names.index("mixamorig:Neck")
    grown = Bvh(
        (*bvh.names, "Hair", "Jaw"), (*bvh.parents, neck, neck), np.concatenate([bvh.offsets, [[0, 5, -9], [0, 3, 8]]]),
        (*bvh.channels, (), ()), (), bvh.values, bvh.frame_time,
    )  # fmt: skip
    rig, joints = read_rig(grown)
    assert rig.nodes[12] == -1
    np.testing.assert_array_equal(joints, read_rig(bvh)[1])


def turn_root(bvh: Bvh, up: str, heading: np.ndarray) -> Bvh:
    """The whole clip turned about the vertical (degrees), by the root above the hips."""
    bvh.values[:, 3 + bvh.channels[0][3:].index(f"{up}rotation")] = heading
    return bvh


@pytest.mark.parametrize("up", ["Y", "Z"])
def test_a_root_that_carries_the_heading_carries_it_again(up, schemes, make_rig_bvh, make_walk):
    heading = np.linspace(0, 140, 60)
    bvh = turn_root(add_root(make_rig_bvh(schemes["Mixamo"], up=up), "everything", up), up, heading)
    rig, joints = read_rig(bvh)
    assert rig.names[rig.turner] == "root"
    assert read_rig(add_root(make_rig_bvh(schemes["Mixamo"], up=up), "everything", up))[0].turner == -1
    back = motion_to_rig(joints, rig, same_body=True)
    np.testing.assert_allclose(read_rig(back)[1], joints, atol=1e-4)
    assert read_rig(back)[0].turner == rig.turner
    turned = np.unwrap(bvh_yaw(back, up))
    np.testing.assert_allclose(turned - turned[0], np.radians(heading), atol=0.25)  # hips and shoulders sway
    assert np.ptp(bvh_yaw(back, up, 1)) < 0.6
    away = motion_to_rig(make_walk(60, heading=1.0), rig)
    plain = motion_to_rig(make_walk(60, heading=1.0), replace(rig, turner=-1))
    np.testing.assert_allclose(read_rig(away)[1], read_rig(plain)[1], atol=1e-3)
    assert np.ptp(bvh_yaw(plain, up)) < 1e-6 < abs(bvh_yaw(away, up)[0] - bvh_yaw(plain, up)[0])


def bvh_yaw(bvh: Bvh, up: str, joint: int = 0) -> np.ndarray:
    """Radians about the vertical that a joint is turned in its parent's frame."""
    rotations, to_world = bvh.world()[1], UP_TO_WORLD[up]
    local = rotations[:, bvh.parents[joint]].swapaxes(-1, -2) @ rotations[:, joint] if joint else rotations[:, joint]
    turned = to_world @ local @ to_world.T
    return np.arctan2(turned[:, 0, 2] - turned[:, 2, 0], turned[:, 0, 0] + turned[:, 2, 2])


def test_a_foot_in_the_ankle_is_built_ahead(schemes, make_rig_bvh):
    rig, joints = read_rig(put_in_parent(make_rig_bvh(schemes["Mixamo"]), "LeftToeBase"))
    assert rig.nodes[10] >= len(rig.names)
    lengths = bone_lengths(joints).mean(axis=0)
    assert lengths[10] == pytest.approx(lengths[11], rel=0.05)


def add_root(bvh: Bvh, carried: str, up: str = "Y") -> Bvh:
    """With a joint above the hips that has their path: over the ground, all of it, or none."""
    axes = {"nothing": "", "the ground": "XZ" if up == "Y" else "XY", "everything": "XYZ"}[carried]
    taken = np.isin(list("XYZ"), list(axes))
    root = np.concatenate([bvh.values[:, :3] * taken, np.zeros((len(bvh.values), 3))], axis=1)
    hips = bvh.values[:, :3] * ~taken
    return Bvh(
        ("root", *bvh.names), (-1, *(parent + 1 for parent in bvh.parents)),
        np.concatenate([np.zeros((1, 3)), bvh.offsets]), (bvh.channels[0], *bvh.channels), (),
        np.concatenate([root, hips, bvh.values[:, 3:]], axis=1), bvh.frame_time,
    )  # fmt: skip


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("carried", ["nothing", "the ground", "everything"])
def test_what_carries_the_path_in_the_rigs_clip_carries_it_again(carried, up, schemes, make_rig_bvh, make_walk):
    bvh = make_rig_bvh(schemes["Mixamo"], up=up)
    bvh.values[:, 1 if up == "Y" else 2] += 12 * np.sin(np.arange(60) / 5)  # a bob, so that the height has a carrier
    rooted = add_root(bvh, carried, up)
    rig, joints = read_rig(rooted)
    np.testing.assert_allclose(joints, read_rig(bvh)[1], atol=1e-9)
    back = motion_to_rig(joints, rig, same_body=True)
    np.testing.assert_allclose(back.values[:, :9], rooted.values[:, :9], atol=1e-4)
    np.testing.assert_allclose(read_rig(back)[1], joints, atol=1e-4)
    away = motion_to_rig(make_walk(60, heading=1.0), rig)  # to another side than the rig's clip
    ground = [0, 2] if up == "Y" else [0, 1]
    still = away.values[:, :3] if carried == "nothing" else away.values[:, 6:9]
    assert np.ptp(still[:, ground], axis=0).max() < 1e-6
    plain = motion_to_rig(make_walk(60, heading=1.0), read_rig(bvh)[0])
    np.testing.assert_allclose(read_rig(away)[1], read_rig(plain)[1], atol=1e-3)
