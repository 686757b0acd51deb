"""Rigs with meaningless names: joints by the shape of the tree, and rig maps for the rest."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pack import has_pack, pack_folder
from benchmarks.rigs.definitions import TOOLS
from benchmarks.rigs.run import HEADINGS, make_recordings
from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.formats.bvh import Bvh, read_bvh, write_bvh
from lead.motion.rigs.match import match_joints
from lead.motion.rigs.match_shape import match_shape
from lead.motion.rigs.rig import read_rig
from lead.motion.rigs.rig_map import draft_rig_map, read_rig_map
from lead.motion.skeleton import JOINTS


def remove_names(bvh: Bvh, mark: str = "") -> Bvh:
    return replace(bvh, names=tuple(f"{mark}bone{n}" for n in range(len(bvh.names))))


def add_bone(bvh: Bvh, parent: int, offset: np.ndarray, name: str, children: tuple[int, ...] = ()) -> Bvh:
    """Add a joint that does not turn; these children hang from it instead, in their old places."""
    moved = bvh.offsets.copy()
    moved[list(children)] -= offset
    order = [*range(parent + 1), len(bvh.names), *range(parent + 1, len(bvh.names))]
    place = {joint: n for n, joint in enumerate(order)} | {-1: -1}
    parents = [*(len(bvh.names) if joint in children else p for joint, p in enumerate(bvh.parents)), parent]
    names, offsets = (*bvh.names, name), np.concatenate([moved, [offset]])
    channels = (*bvh.channels, ())
    starts = np.cumsum([0, *map(len, bvh.channels)])
    columns = [c for joint in order if joint < len(bvh.names) for c in range(starts[joint], starts[joint + 1])]
    return Bvh(
        tuple(names[joint] for joint in order), tuple(place[parents[joint]] for joint in order), offsets[order],
        tuple(channels[joint] for joint in order), (), bvh.values[:, columns], bvh.frame_time,
    )  # fmt: skip


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("leave", [(), (6,), (3, 6, 13, 14), (10, 11), (15,), (10, 11, 13, 14, 15)])
def test_nameless_rigs_are_read_as_named_ones(leave, up, schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"], leave=leave, up=up)
    named, joints = read_rig(bvh)
    rig, found = read_rig(remove_names(bvh))
    assert rig.nodes == named.nodes
    np.testing.assert_array_equal(found, joints)
    assert "were matched by the shape of the skeleton" in rig.notes[0]


def test_twist_bones_and_fingers_are_no_joints_of_limbs(schemes, make_rig_bvh):
    """A thigh of two bones, a forearm of two, a hand of three fingers, hair."""
    plain = make_rig_bvh(list(JOINTS))
    bvh = plain
    for upper, lower in (("left_hip", "left_knee"), ("right_elbow", "right_wrist"), ("left_elbow", "left_wrist")):
        joint, child = bvh.names.index(upper), bvh.names.index(lower)
        bvh = add_bone(bvh, joint, bvh.offsets[child] / 2, f"{upper}_twist", (child,))
    for wrist, side in (("left_wrist", 1), ("right_wrist", -1)):
        for finger in (-3.0, 0.0, 3.0):
            joint = bvh.names.index(wrist)
            bvh = add_bone(bvh, joint, np.array([9.0 * side, 0, finger]), f"{wrist}_finger{finger}")
    bvh = add_bone(bvh, bvh.names.index("head"), np.array([0, 5.0, -9.0]), "hair")
    rig, joints = read_rig(remove_names(bvh))
    assert [bvh.names[node] for node in rig.nodes] == list(JOINTS)
    np.testing.assert_allclose(joints, read_rig(plain)[1], atol=1e-9)


def test_side_marks_in_strange_names_tell_left_from_right(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"])
    named = read_rig(bvh)[0]
    strange = [f"{'L' if 'Left' in name else 'R' if 'Right' in name else 'M'}_Q{n}" for n, name in enumerate(bvh.names)]
    assert read_rig(replace(bvh, names=tuple(strange)))[0].nodes == named.nodes
    swapped = [{"L": "R", "R": "L"}.get(name[0], "M") + name[1:] for name in strange]
    rig = read_rig(replace(bvh, names=tuple(swapped)))[0]
    assert (rig.nodes[1], rig.nodes[2]) == (named.nodes[2], named.nodes[1])


def test_rigs_of_animals_and_things_are_refused(make_rig_bvh):
    bvh = make_rig_bvh(list(JOINTS))
    dog = bvh.offsets.copy()
    for joint in ("spine1", "spine2", "spine3", "neck"):
        row = bvh.names.index(joint)
        dog[row] = dog[row][[0, 2, 1]]  # a level back
    values = bvh.values.copy()
    values[:, 6:] *= 0.2
    for offsets in (dog, np.ones_like(dog)):
        with pytest.raises(MotionError, match="no joint matches pelvis"):
            read_rig(remove_names(replace(bvh, offsets=offsets, values=values)))


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
def test_recorded_rigs_are_matched_without_their_names():
    files = sorted([*pack_folder().glob("raw_bvh/*.bvh"), *pack_folder().glob("exemplars/*/*_001.bvh")])
    assert len(files) > 12
    for path in files:
        bvh = read_bvh(path)
        assert read_rig(remove_names(bvh))[0].nodes == read_rig(bvh)[0].nodes, path


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
@pytest.mark.parametrize("maker", ["Mixamo", "Unreal", "CMU (cgspeed)", "VRM"])
def test_rigs_of_makers_are_matched_without_their_names(maker):
    tool = next(tool for tool in TOOLS if tool.name == maker)
    # a walk; a squat with long arms
    for recording in itertools.islice(make_recordings(tool), 0, 5 * HEADINGS, 4 * HEADINGS):
        assert read_rig(remove_names(recording.bvh))[0].nodes == read_rig(recording.bvh)[0].nodes


def test_a_draft_says_what_was_found_and_reads_back(tmp_path, schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"], leave=(6,))
    path = tmp_path / "map.toml"
    path.write_text(draft_rig_map(bvh), encoding="utf-8")
    drafted = read_rig_map(path)
    assert drafted["left_knee"] == "mixamorig:LeftLeg"
    assert "spine2" not in drafted
    assert '#       "mixamorig:LeftLeg"' in path.read_text()
    rig, joints = read_rig(bvh, ReadOptions(rig_map=drafted))
    assert rig.nodes == read_rig(bvh)[0].nodes
    np.testing.assert_array_equal(joints, read_rig(bvh)[1])


def test_a_rig_that_nothing_tells_is_read_with_its_corrected_draft(tmp_path, make_rig_bvh):
    """One arm ends at the elbow's twist: neither names nor shape are enough."""
    names = [f'the "{n}. ünit"\\' for n in range(22)]
    bvh = make_rig_bvh(names)
    values = bvh.values.copy()
    values[:, 6:] = 0
    bvh = replace(bvh, values=values, offsets=bvh.offsets * (1 + (np.arange(22) == 18)[:, None]))
    assert not match_joints(bvh, {})[0]
    path = write_bvh(bvh, tmp_path / "clip.bvh")
    with pytest.raises(MotionError, match=r"an unknown rig: no joint matches pelvis.*rig map"):
        Motion.read(path)
    draft = draft_rig_map(bvh)
    assert 'left_hip = ""  # needed' in draft and '# spine1 = ""\n' in draft
    for joint, name in zip(JOINTS, bvh.names, strict=True):
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        assert quoted in draft
        draft = draft.replace(f'# {joint} = ""', f'{joint} = ""').replace(f'\n{joint} = ""', f"\n{joint} = {quoted}")
    map_path = tmp_path / "map.toml"
    map_path.write_text(draft, encoding="utf-8")
    motion = Motion.read(path, ReadOptions(rig_map=read_rig_map(map_path)))
    assert [motion.rig.names[node] for node in motion.rig.nodes] == list(bvh.names)
    assert motion.notes == ()


def test_what_a_rig_map_says_comes_before_names(schemes, make_rig_bvh):
    bvh = make_rig_bvh(schemes["Mixamo"])
    left, right = "mixamorig:LeftToeBase", "mixamorig:RightToeBase"
    rig, _ = read_rig(bvh, ReadOptions(rig_map={"left_foot": right, "right_foot": left, "spine2": "", "head": ""}))
    assert [rig.names[rig.nodes[joint]] for joint in (10, 11)] == [right, left]
    assert rig.nodes[6] == -1
    other = read_rig(bvh, ReadOptions(rig_map={"left_foot": "Pied"}))[0]
    assert other.notes == ("the rig map is for another rig: none of its joints is there",)
    with pytest.raises(MotionError, match="has no joint 'Pied', which the rig map names"):
        read_rig(bvh, ReadOptions(rig_map={"left_foot": "Pied", "pelvis": "mixamorig:Hips"}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("left_hip", "not a TOML file"),
        ("left_hip = 3", "'left_hip' is no text"),
        (f"left_hip = {'9' * 5000}", "not a TOML file"),
        (f"left_hip = 0x{'f' * 5000}", "'left_hip' is no text"),
        ('left_paw = "x"', "a rig map with 'left_paw'; expected names among pelvis"),
        ("#" * 70000, "larger than 65536 bytes"),
        ("\udc00", "not a TOML file"),
    ],
)
def test_broken_rig_maps(tmp_path, text, says):
    path = tmp_path / "map.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(MotionError, match=says) as caught:
        read_rig_map(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(MotionError, match="cannot be read"):
        read_rig_map(tmp_path / "absent.toml")


def grow_limbs(bvh: Bvh, parent: str, name: str, bone: float) -> Bvh:
    """Add a pair of limbs of three bones each, that hang from one joint."""
    for side, x in (("Left", 1.0), ("Right", -1.0)):
        above = parent
        for n, offset in enumerate(([9 * x, -3, -8], [2 * x, -bone, 0], [0, -bone, 5], [0, -6, 12]), start=1):
            bvh = add_bone(bvh, bvh.names.index(above), np.array(offset, dtype=float), f"{name}{n}{side}")
            above = f"{name}{n}{side}"
    return bvh


@pytest.mark.parametrize("legs", ["Hip", "Bone"])
def test_hind_limbs_wings_and_tails_are_no_legs_and_arms(legs, schemes, make_rig_bvh):
    """Also where names do not tell, and the hind limbs are longer and better legs than the legs."""
    plain = make_rig_bvh(schemes["Second Life"] if legs == "Hip" else [f"Bone{n}" for n in range(22)])
    pelvis, chest = plain.names[0], plain.names[9]
    bvh = grow_limbs(grow_limbs(plain, pelvis, "mHindLimb", 55), chest, "mWing", 60)
    for n in range(1, 5):
        above = f"mTail{n - 1}" if n > 1 else pelvis
        bvh = add_bone(bvh, bvh.names.index(above), np.array([0, -2.0, -25]), f"mTail{n}")
    rig, joints = read_rig(bvh)
    named, expected = read_rig(plain)
    assert [rig.names[node] for node in rig.nodes] == [named.names[node] for node in named.nodes]
    np.testing.assert_allclose(joints, expected, atol=1e-9)


@pytest.mark.parametrize(
    "target",
    ["LeftKnee", "LeftAnkle", "LeftWrist", "LeftFoot", "IK_LeftFoot", "LeftFootIK", "LeftFoot_end", "LeftForeArmTwist",
     "LeftHandProp", "LeftArmRoll", "camera", "Hips", "Neck0"],
)  # fmt: skip
def test_targets_and_helpers_are_no_limbs(target, schemes, make_rig_bvh):
    """Above the hips beside a whole skeleton, and before it."""
    plain = make_rig_bvh([name.removeprefix("mixamorig:") for name in schemes["Mixamo"]])
    expected = read_rig(plain)[1]
    above = Bvh(("world", *plain.names), (-1, *(parent + 1 for parent in plain.parents)),
                np.concatenate([np.zeros((1, 3)), plain.offsets]), ((), *plain.channels), (), plain.values,
                plain.frame_time)  # fmt: skip
    rig, joints = read_rig(add_bone(above, 0, np.array([20.0, 40, 30]), target))
    names = [rig.names[node] for node in rig.nodes]
    assert names == list(plain.names)
    assert not [note for note in rig.notes if "shape" in note]
    np.testing.assert_allclose(joints, expected, atol=1e-9)


def test_a_hand_alone_is_no_person():
    rng = np.random.default_rng(0)
    names, parents, offsets = ["LeftHand"], [-1], [[0.0, 0, 0]]
    for n, finger in enumerate(("Thumb", "Index", "Middle", "Ring", "Pinky")):
        for bone in range(4):
            parents.append(len(names) - 1 if bone else 0)
            names.append(f"LeftHand{finger}{bone + 1}")
            offsets.append([4 - 2 * n, 8 if not bone else 3, 0])
    turns = ("Zrotation", "Xrotation", "Yrotation")
    bvh = Bvh(tuple(names), tuple(parents), np.array(offsets, dtype=float), (turns,) * 21, (),
              20 * np.sin(np.arange(60)[:, None] / 9 + rng.normal(size=63)), 1 / 30)  # fmt: skip
    for one in (bvh, remove_names(bvh)):
        with pytest.raises(MotionError, match="an unknown rig"):
            read_rig(one)


@pytest.mark.parametrize("branches", [1, 4, 250, 999])
def test_rigs_of_a_thousand_joints_without_names_are_told_at_once(branches):
    """Of n chains at a joint there are n^2 pairs and n^4 bodies; a chain of n joints has n^3 limbs."""
    rng = np.random.default_rng(0)
    parents = [-1, *(max(joint - branches, 0) for joint in range(1, 1000))]
    steps = rng.normal(scale=0.02, size=(1000, 3)) - [0, 0.3, 0]
    positions = np.zeros((1, 1000, 3))
    for joint in range(1, 1000):
        positions[0, joint] = positions[0, parents[joint]] + steps[joint]
    assert match_shape([str(joint) for joint in range(1000)], parents, positions) == {}
