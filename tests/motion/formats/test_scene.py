"""Scenes as people have them: skins, several animations, joints in no skin or without a key, keys off the frames."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fbx_files import fbx_bytes, record, skeleton_fbx
from gltf_files import add_accessor, add_animation, add_view, join_glb, read_accessor, split_glb

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.bodies.glb import format_glb
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.key_times import list_frame_times
from lead.motion.read import list_animations
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import matrix_to_euler, unwrap_euler
from lead.motion.skeleton import JOINTS

CHOOSE = "choose one with --animation NAME or N, in Python ReadOptions(animation=...)"
RIGHT_ARM = (9, 14, 17, 19, 21)
STILL = np.tile([0.0, 0.0, 0.0, 1.0], (22, 20, 1))
Edit = Callable[[dict], object]


@pytest.fixture(scope="module")
def walk(make_walk) -> np.ndarray:
    return make_walk(30)


@pytest.fixture(scope="module")
def bvh(walk) -> Bvh:
    return motion_to_bvh(walk, 30.0)


@pytest.fixture(scope="module")
def glb(bvh) -> bytes:
    return format_glb(bvh, "walk")


@pytest.fixture
def save(tmp_path, glb):
    """Writes the walk's GLB with changes to its JSON."""

    def write(*edits: Edit, name: str = "clip.glb") -> Path:
        document, binary = split_glb(glb)
        for edit in edits:
            edit(document)
        path = tmp_path / name
        path.write_bytes(join_glb(document, binary))
        return path

    return write


@pytest.fixture
def pack(tmp_path, glb) -> Path:
    """A file of five animations: empty, a T-pose, one frame, the walk, and arms that wave."""
    document, binary = split_glb(glb)
    (walk,) = document["animations"]
    document["animations"] = [{"name": "Empty", "channels": [], "samplers": []}]
    times = np.arange(20) / 30
    binary = add_animation(document, binary, "Body|T-Pose", times, STILL)
    binary = add_animation(document, binary, "Pose", times[:1], STILL[:, :1] + 0.1)
    document["animations"].append(walk)
    waving = STILL.copy()
    waving[16:18] = np.stack([0 * times, 0 * times, np.sin(times), np.cos(times)], axis=-1)
    binary = add_animation(document, binary, "Body|Wave", times, waving)
    path = tmp_path / "pack.glb"
    path.write_bytes(join_glb(document, binary))
    return path


def make_fbx_curves(bvh: Bvh) -> tuple[list[dict], dict]:
    positions, rotations = bvh.local()
    angles = np.degrees(unwrap_euler(np.moveaxis(matrix_to_euler(np.moveaxis(rotations, 1, 0), "ZYX"), 0, 1)))
    curves = {(joint, "Lcl Rotation"): angles[:, joint, ::-1] for joint in range(22)}
    return [{"Lcl Translation": offset} for offset in bvh.offsets], curves | {(0, "Lcl Translation"): positions[:, 0]}


def make_fbx(bvh: Bvh, **options) -> bytes:
    rest, curves = make_fbx_curves(bvh)
    times = np.arange(len(bvh.values)) / bvh.fps
    return skeleton_fbx(bvh.names, bvh.parents, rest, curves, times, **options)


def test_fbx_with_a_skinned_mesh_reads_as_without(tmp_path, bvh, walk):
    (tmp_path / "plain.fbx").write_bytes(make_fbx(bvh))
    (tmp_path / "skinned.fbx").write_bytes(make_fbx(bvh, skin=True))
    plain, skinned = Motion.read(tmp_path / "plain.fbx"), Motion.read(tmp_path / "skinned.fbx")
    assert (skinned.rig.names, skinned.rig.parents) == (plain.rig.names, plain.rig.parents) == (bvh.names, bvh.parents)
    np.testing.assert_array_equal(skinned.joints, plain.joints)
    np.testing.assert_allclose(plain.joints, walk, atol=2e-4)


def test_by_default_the_first_animation_that_moves_is_read(pack, walk):
    motion = Motion.read(pack)
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    passed = "1 'Empty', 2 'Body|T-Pose', 3 'Pose' without motion of a person passed over"
    assert motion.notes == (f"5 animations: 4 'walk' was read; {passed}; {CHOOSE}: 5 'Body|Wave'",)


@pytest.mark.parametrize("wanted", ["walk", "Walk", "4", 4])
def test_an_animation_is_chosen_by_name_or_number(pack, walk, wanted):
    motion = Motion.read(pack, ReadOptions(animation=wanted))
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    assert motion.notes == ()
    wave = [Motion.read(pack, ReadOptions(animation=name)).joints for name in ("Body|Wave", "wave", 5)]
    np.testing.assert_array_equal(wave[0], wave[1])
    np.testing.assert_array_equal(wave[0], wave[2])
    assert np.ptp(wave[0][:, JOINTS.index("left_wrist")], axis=0).max() > 0.2


def test_a_pose_can_be_chosen_and_an_absent_animation_lists_what_is_there(pack, save):
    assert len(Motion.read(pack, ReadOptions(animation="T-Pose", trim=False)).joints) == 20
    for wanted in ("run", "6", "0", "-1"):
        with pytest.raises(MotionError, match=rf"no animation '{wanted}': it has 1 'Empty', 2 .*5 'Body\|Wave'"):
            Motion.read(pack, ReadOptions(animation=wanted))
    twice = save(lambda d: d["animations"].append(d["animations"][0]))
    with pytest.raises(MotionError, match="2 animations are called 'walk': 1 'walk', 2 'walk'"):
        Motion.read(twice, ReadOptions(animation="walk"))
    with pytest.raises(MotionError, match="no animation 'walk': it has none"):
        Motion.read(save(lambda d: d.pop("animations")), ReadOptions(animation="walk"))
    with pytest.raises(MotionError, match="use Motion"):
        Motion.read(pack, ReadOptions(animation="all"))
    with pytest.raises(MotionError, match="an animation without a name"):
        ReadOptions(animation=" ")


def test_no_more_animations_than_are_read(save):
    with pytest.raises(MotionError, match="1025 animations; at most 1024 are read"):
        Motion.read(save(lambda d: d["animations"].extend(1024 * [{"channels": []}])))


def test_all_animations_that_move_are_read(pack, walk, tmp_path):
    walked, waved = Motion.read_all(pack)
    assert (walked.name, waved.name) == ("pack-4-walk", "pack-5-Body_Wave")
    np.testing.assert_allclose(walked.joints, walk, atol=2e-4)
    errors = [str(one) for one in Motion.iterate_all(pack) if isinstance(one, MotionError)]
    assert [error.partition(": ")[2].partition(" was")[0] for error in errors] == [
        "animation 1 'Empty'", "animation 2 'Body|T-Pose'", "animation 3 'Pose'"
    ]  # fmt: skip
    assert list_animations(pack) == ("Empty", "Body|T-Pose", "Pose", "walk", "Body|Wave")
    np.save(tmp_path / "walk.npy", walk)
    (alone,) = Motion.read_all(tmp_path / "walk.npy")
    assert (alone.name, list_animations(tmp_path / "walk.npy")) == ("walk", ())
    with pytest.raises(MotionError, match="one motion without a name, so there is no animation 'run'"):
        Motion.read(tmp_path / "walk.npy", ReadOptions(animation="run"))


def test_a_file_of_poses_only_is_read_with_a_note(tmp_path, glb):
    document, binary = split_glb(glb)
    document["animations"] = [{"name": "Empty", "channels": [], "samplers": []}]
    binary = add_animation(document, binary, "Pose", np.arange(20) / 30, STILL)
    (tmp_path / "pack.glb").write_bytes(join_glb(document, binary))
    motion = Motion.read(tmp_path / "pack.glb")
    assert motion.notes == ("2 animations: 2 'Pose' was read; 1 'Empty' without motion of a person passed over",)
    with pytest.raises(MotionError, match="animation 1 'Empty' was passed over"):
        Motion.read_all(tmp_path / "pack.glb")


def test_a_t_pose_with_a_recording_s_noise_and_a_door_are_passed_over(tmp_path, glb, walk):
    document, binary = split_glb(glb)
    (walking,) = document["animations"]
    document["animations"] = []
    times = np.arange(20) / 30
    noise = STILL + 0.004 * np.random.default_rng(0).normal(size=STILL.shape)
    binary = add_animation(document, binary, "Calibration", times, noise)
    document["nodes"].append({"name": "door"})
    binary = add_animation(document, binary, "Door", times, noise[:1])
    document["animations"][1]["channels"][0]["target"]["node"] = len(document["nodes"]) - 1
    document["animations"].append(walking)
    (tmp_path / "pack.glb").write_bytes(join_glb(document, binary))
    motion = Motion.read(tmp_path / "pack.glb")
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    assert "1 'Calibration', 2 'Door' without motion of a person passed over" in motion.notes[0]


def test_fbx_takes(tmp_path, bvh, walk):
    rest, curves = make_fbx_curves(bvh)
    posed = {target: np.repeat(values[:1] * 0, 30, axis=0) for target, values in curves.items() if target[1][-1] == "n"}
    posed.pop((0, "Lcl Translation"))
    waving = posed | {(16, "Lcl Rotation"): curves[2, "Lcl Rotation"][:, ::-1]}
    stacks, times = ("Take 001", "TPose", "Walk", "Wave"), np.arange(30) / 30
    path = tmp_path / "takes.fbx"
    path.write_bytes(skeleton_fbx(bvh.names, bvh.parents, rest, [posed, curves, waving], times, stacks=stacks))
    motion = Motion.read(path)
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    assert motion.notes == (
        "4 animations: 3 'Walk' was read; 1 'Take 001', 2 'TPose' without motion of a person passed over; "
        f"{CHOOSE}: 4 'Wave'",
    )
    assert [one.name for one in Motion.read_all(path)] == ["takes-3-Walk", "takes-4-Wave"]
    assert np.ptp(Motion.read(path, ReadOptions(animation="wave")).joints[:, 18], axis=0).max() > 0.05


def move_only(*joints: int) -> Edit:
    def edit(document: dict) -> None:
        animation = document["animations"][0]
        animation["channels"] = [c for c in animation["channels"] if c["target"]["node"] in joints]

    return edit


def skin_only(*joints: int) -> Edit:
    return lambda document: document["skins"][0].update(joints=list(joints))


def without_skin(document: dict) -> None:
    del document["skins"], document["nodes"][-1]["skin"]


def hang_up(document: dict) -> None:
    """Put the person under an armature, beside a camera, under the scene's root."""
    first = len(document["nodes"])
    document["nodes"] += [
        {"name": "Armature", "children": [0, 22], "translation": [0, 0, 0]}, {"name": "Camera", "camera": 0},
        {"name": "Root", "children": [first, first + 1]},
    ]  # fmt: skip


@pytest.mark.parametrize("around", [(), (hang_up,)])
@pytest.mark.parametrize("joints", [RIGHT_ARM, (19,), (6,), (16, 17, 12, 1)])
def test_joints_that_stand_still_without_a_skin_belong_to_the_skeleton(save, joints, around):
    whole = Motion.read(save(*around))
    motion = Motion.read(save(without_skin, move_only(*joints), *around))
    assert set(motion.rig.names) >= set(JOINTS)
    assert (motion.fps, motion.joints.shape) == (30, whole.joints.shape)
    legs = motion.joints[:, [0, 1, 2, 4, 5, 7, 8]]
    np.testing.assert_allclose(np.ptp(legs, axis=0)[:3], 0, atol=1e-6)
    moving = np.ptp(motion.joints, axis=0).max(axis=1) > 1e-3
    assert moving.any() and not moving[[0, 3, 6]].any()


@pytest.mark.parametrize("skin", [(0, 3, 6, 9, 12, 15, 13, 14), (15,), (12, 15), (18, 20), (4, 7, 10)])
@pytest.mark.parametrize("around", [(), (hang_up,)])
def test_joints_that_move_outside_of_the_skin_belong_to_the_skeleton(save, walk, skin, around):
    motion = Motion.read(save(skin_only(*skin), *around))
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    assert (motion.rig.names, motion.notes) == (Motion.read(save()).rig.names, ())


def test_legs_that_stand_still_outside_of_the_skin_belong_to_the_skeleton(save):
    arm = Motion.read(save(without_skin, move_only(*RIGHT_ARM)))
    part = Motion.read(save(skin_only(9, 12, 15, 13, 14, 16, 17), move_only(*RIGHT_ARM), hang_up))
    np.testing.assert_allclose(part.joints, arm.joints, atol=1e-6)


HUMAN = {"hips": 0, "spine": 3, "chest": 6, "upperChest": 9, "neck": 12, "head": 15} | {
    f"{side}{bone}": joint + (side == "right")
    for side in ("left", "right")
    for bone, joint in (("UpperLeg", 1), ("LowerLeg", 4), ("Foot", 7), ("Toes", 10), ("Shoulder", 13),
                        ("UpperArm", 16), ("LowerArm", 18), ("Hand", 20))
}  # fmt: skip


def name_bones(extension: str) -> Edit:
    """Joints with names that say nothing, or something wrong, and VRM's map of them; an expression's node moves too."""

    def edit(document: dict) -> None:
        for number, node in enumerate(document["nodes"]):
            node["name"] = "LeftArm" if number == 4 else f"n{number // 2}"
        document["nodes"].append({"name": "happy"})
        document["animations"][0]["channels"].append(
            {"sampler": 0, "target": {"node": len(document["nodes"]) - 1, "path": "translation"}}
        )
        nodes: object = {bone: {"node": node} for bone, node in HUMAN.items()}
        if extension == "VRM":
            nodes = [{"bone": bone, "node": node} for bone, node in HUMAN.items()]
        document["extensions"] = {extension: {"humanoid": {"humanBones": nodes}}}

    return edit


@pytest.mark.parametrize("name", ["clip.vrma", "clip.vrm", "clip.glb"])
@pytest.mark.parametrize("extension", ["VRMC_vrm_animation", "VRMC_vrm", "VRM"])
def test_vrm_says_which_joint_is_which(save, walk, extension, name):
    motion = Motion.read(save(without_skin, name_bones(extension), name=name))
    np.testing.assert_allclose(motion.joints, walk, atol=2e-4)
    assert (motion.notes, len(motion.rig.names)) == ((), 22)


def test_a_map_that_names_no_node_is_an_error(save):
    edit = lambda d: d["extensions"]["VRMC_vrm"]["humanoid"]["humanBones"].update(hips={})  # noqa: E731
    with pytest.raises(MotionError, match="not a valid glTF file"):
        Motion.read(save(name_bones("VRMC_vrm"), edit))


@pytest.mark.parametrize("based", [True, False])
def test_sparse_accessors(tmp_path, glb, walk, based):
    document, binary = split_glb(glb)
    number = document["animations"][0]["samplers"][0]["output"]
    accessor = document["accessors"][number]
    values = read_accessor(document, binary, accessor).astype("<f4")
    if based:
        base = values.copy()
        base[1:] = 9.0
        accessor["bufferView"], binary = add_view(document, binary, base)
    else:
        del accessor["bufferView"]  # zeros
    indices, binary = add_view(document, binary, np.arange(based, len(values)).astype("<u2"))
    rest, binary = add_view(document, binary, values[int(based) :])
    sparse = {"count": len(values) - based, "indices": {"bufferView": indices, "componentType": 5123}}
    accessor["sparse"] = {**sparse, "values": {"bufferView": rest}}
    path = tmp_path / "clip.glb"
    path.write_bytes(join_glb(document, binary))
    np.testing.assert_allclose(Motion.read(path).joints, walk, atol=2e-4)
    for wrong in ({"count": 31}, {"count": -1}, {"indices": {"bufferView": rest, "componentType": 5125}}):
        accessor["sparse"] = {**sparse, "values": {"bufferView": rest}, **wrong}
        path.write_bytes(join_glb(document, binary))
        with pytest.raises(MotionError, match=r"cannot be|reaches beyond|not a valid glTF"):
            Motion.read(path)


def test_keys_between_the_frames_do_not_set_the_rate_of_fbx(tmp_path, bvh, walk):
    rest, curves = make_fbx_curves(bvh)
    frames = np.arange(30) / 30
    between = np.sort(np.concatenate([frames, 0.1 + np.arange(80) / 300]))
    times = {target: between if target[0] in (12, 15) else frames for target in curves}
    dense = {
        target: np.stack([np.interp(times[target], frames, axis) for axis in values.T], axis=-1)
        for target, values in curves.items()
    }
    path = tmp_path / "clip.fbx"
    path.write_bytes(skeleton_fbx(bvh.names, bvh.parents, rest, dense, times))
    motion = Motion.read(path)
    assert motion.fps == 30
    np.testing.assert_allclose(motion.joints, walk, atol=3e-4)


def test_keys_between_the_frames_do_not_set_the_rate_of_gltf(tmp_path, glb, walk):
    document, binary = split_glb(glb)
    between = np.sort(np.concatenate([np.arange(30) / 30, 0.0033 + np.arange(80) / 300]))
    sampler = document["animations"][0]["samplers"][1 + 20]
    ends = [read_accessor(document, binary, document["accessors"][sampler[end]]) for end in ("input", "output")]
    values = np.stack([np.interp(between, ends[0][:, 0], axis) for axis in ends[1].T], axis=-1)
    for end, array in (("input", between[:, None]), ("output", values)):
        sampler[end], binary = add_accessor(document, binary, array)
    path = tmp_path / "clip.glb"
    path.write_bytes(join_glb(document, binary))
    motion = Motion.read(path)
    assert motion.fps == 30
    np.testing.assert_allclose(motion.joints, walk, atol=3e-4)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("curves", "stated", "rate"),
    [
        ([np.arange(90) / 30] * 9 + [np.arange(900) / 300], None, 30),
        ([np.arange(90) / 30] * 6 + [np.sort(RNG.uniform(0, 3, 500)) for _ in range(2)], None, 30),
        ([np.arange(90) / 120 + 0.25] * 5, 24.0, 120),  # a file says 24, and its keys are denser
        ([np.arange(90) * 1001 / 30000] * 5, 30 / 1.001, 30 / 1.001),
        ([np.arange(0, 90, step) / 30 for step in (1, 2, 3, 3, 3, 2, 89)], None, 30),  # keys that lie on lines are gone
        ([np.arange(0, 90, step) / 60 for step in (2, 3, 2, 3)], 60.0, 60),
        ([np.sort(np.append(np.arange(90) / 30, 0.1 + np.arange(20) / 300))] * 5, None, 30),
        ([np.sort(np.append(np.arange(90) / 30, 0.1 + np.arange(300) / 300))] * 5, 30.0, 30),
        ([np.array([0.0, 1.0, 2.5])] * 3, 24.0, 24),  # set by hand
        ([np.array([0.0, 1.0, 2.5])] * 3, None, 30),
        ([np.array([0.5])], None, 30),
        ([np.cumsum(0.04 + 0.004 * RNG.normal(size=90)) for _ in range(5)], None, 25),  # a clock that trembles
    ],
)
def test_the_rate_is_that_of_most_curves(curves, stated, rate):
    times, found = list_frame_times(curves, stated)
    assert found == pytest.approx(rate, rel=0.03 if rate == 25 else 1e-9)
    begin, end = min(one[0] for one in curves), max(one[-1] for one in curves)
    assert times[0] >= begin - 1e-9 and times[-1] <= end + 0.02 / found
    assert begin + 1.0 / found > times[0] and end - 1.0 / found < times[-1]


def test_frames_lie_on_the_keys_of_most_curves():
    times, _ = list_frame_times([np.arange(60) / 30 + 1.0] * 8 + [0.99 + np.arange(500) / 290], None)
    np.testing.assert_allclose(times, np.arange(len(times)) / 30 + 1.0)


def test_channels_that_share_keys_take_no_memory_of_their_own(save, tmp_path):
    def share(document: dict, count: int, keys: int) -> None:
        document["accessors"] += [{"componentType": 5126, "count": keys, "type": kind} for kind in ("SCALAR", "VEC4")]
        first, nodes = len(document["accessors"]) - 2, len(document["nodes"])
        document["nodes"] += [{"name": f"n{n}", "children": [nodes + n + 1]} for n in range(count - 1)] + [{}]
        document["animations"][0]["samplers"] += [{"input": first, "output": first + 1}]
        sampler = len(document["animations"][0]["samplers"]) - 1
        document["animations"][0]["channels"] += [
            {"sampler": sampler, "target": {"node": nodes + n, "path": "rotation"}} for n in range(count)
        ]

    crowd = save(without_skin, lambda d: share(d, 2000, 10**5), name="crowd.glb")
    keys = save(without_skin, lambda d: share(d, 900, 10**5), name="keys.glb")
    plenty = save(lambda d: share(d, 1, 6 * 10**6), name="plenty.glb")
    curve = [record("KeyTime", [np.zeros(1_000_000, dtype=np.int64)]),
             record("KeyValueFloat", [np.zeros(1_000_000, dtype=np.float32)])]  # fmt: skip
    objects = [record("Model", [1, "a\x00\x01Model", "LimbNode"]), record("AnimationStack", [2, "a", ""]),
               record("AnimationLayer", [3, "b", ""])]  # fmt: skip
    links = [("OO", 3, 2)]
    for n in range(20):
        objects += [record("AnimationCurveNode", [10 + n, "R", ""]), record("AnimationCurve", [50 + n, "", ""], curve),
                    record("Model", [90 + n, "a\x00\x01Model", "LimbNode"])]  # fmt: skip
        links += [("OO", 10 + n, 3), ("OP", 10 + n, 90 + n, "Lcl Rotation"), ("OP", 50 + n, 10 + n, "d|X")]
    bomb = tmp_path / "bomb.fbx"
    bomb.write_bytes(fbx_bytes([record("Objects", [], objects),
                                record("Connections", [], [record("C", list(link)) for link in links])]))  # fmt: skip
    tracemalloc.start()
    try:
        for path, says in ((crowd, "a skeleton of 20"), (keys, "at most 33554432"), (bomb, "at most 33554432")):
            with pytest.raises(MotionError, match=says):
                Motion.read(path)
        assert Motion.read(plenty).notes == ()  # what does not belong to the skin is not read
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()
