"""Files of arrays: contents and axes; hostile files give one clear error."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from damaged import break_name_encoding

from benchmarks.pack import has_pack, pack_folder
from lead.motion import Motion, MotionError
from lead.motion.bodies.smpl_poses import smpl_to_joints
from lead.motion.features import joints_to_features
from lead.motion.skeleton import BONE_LENGTHS, JOINTS, bone_lengths


def joint(name: str) -> int:
    return JOINTS.index(name)


def rotation_vector(angle: float, axis: tuple[float, float, float]) -> np.ndarray:
    return angle * np.array(axis, dtype=float)


def amass(frames: int = 5, facing: float = 0.0) -> dict[str, np.ndarray]:
    """A person who stands in AMASS's world (Z up) and faces -Y turned by `facing`."""
    poses = np.zeros((frames, 156))
    half, stand = facing / 2, np.pi / 4
    # the turn about Z after the one about X, as one axis-angle
    w, x = np.cos(half) * np.cos(stand), np.cos(half) * np.sin(stand)
    y, z = np.sin(half) * np.sin(stand), np.sin(half) * np.cos(stand)
    axis = np.array([x, y, z])
    poses[:, :3] = 2 * np.arccos(w) * axis / np.linalg.norm(axis)
    trans = np.zeros((frames, 3))
    trans[:, 1] = -np.arange(frames)
    trans[:, 2] = 0.9
    return {"poses": poses, "trans": trans, "mocap_framerate": np.array(120.0), "gender": np.array("female")}


def test_amass_stands_up_and_walks_ahead(tmp_path):
    np.savez(tmp_path / "a.npz", **amass())
    motion = Motion.read(tmp_path / "a.npz")
    assert (motion.fps, motion.name) == (120.0, "a")
    joints = motion.joints
    assert joints[0, joint("head"), 1] > 1.4
    assert abs(joints[0, joint("left_ankle"), 1]) < 0.15
    assert joints[0, joint("left_wrist"), 0] > 0.5
    assert joints[0, joint("right_wrist"), 0] < -0.5
    assert joints[0, joint("left_foot"), 2] > joints[0, joint("left_ankle"), 2] + 0.05
    np.testing.assert_allclose(joints[:, 0], [[0, 0.9, z] for z in range(5)], atol=1e-6)
    np.testing.assert_allclose(bone_lengths(joints), np.tile(BONE_LENGTHS, (5, 1)), atol=1e-6)


def test_a_turned_root_and_a_bent_knee():
    standing = amass(1, facing=np.pi / 2)
    poses = standing["poses"][:, :66].copy()
    poses[:, 3 * joint("left_knee") : 3 * joint("left_knee") + 3] = rotation_vector(np.pi / 2, (1, 0, 0))
    joints = smpl_to_joints(poses, standing["trans"])[0]
    assert joints[joint("left_wrist"), 1] > 0.5  # Z is up, and it faces +X
    shin = joints[joint("left_ankle")] - joints[joint("left_knee")]
    assert shin[0] < -0.35
    assert abs(shin[2]) < 0.1


@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate", "fps"])
def test_smpl_spellings(tmp_path, rate):
    clip = amass()
    plain = {"root_orient": clip["poses"][:, :3], "pose_body": clip["poses"][:, 3:66], "trans": clip["trans"]}
    np.savez(tmp_path / "x.npz", **plain, **{rate: 60})
    np.savez(tmp_path / "h.npz", **clip)
    np.savez(tmp_path / "d.npz", poses=clip["poses"][:, :72].reshape(5, 24, 3), trans=clip["trans"], fps=60)
    reference = Motion.read(tmp_path / "h.npz").joints
    np.testing.assert_allclose(Motion.read(tmp_path / "x.npz").joints, reference)
    np.testing.assert_allclose(Motion.read(tmp_path / "d.npz").joints, reference)
    assert Motion.read(tmp_path / "x.npz").fps == 60


def test_joints_and_features_in_every_container(tmp_path, make_walk):
    walk = make_walk(50).astype(np.float32)
    features = joints_to_features(walk)
    recovered = Motion.from_features(features).joints
    np.save(tmp_path / "joints.npy", np.asfortranarray(walk))
    np.save(tmp_path / "features.npy", features.astype(np.float16).astype(np.float64))
    np.savez(tmp_path / "joints.npz", joints=walk, fps=30)
    np.savez_compressed(tmp_path / "features.npz", features=features)
    np.savez(tmp_path / "single.npz", anything=walk)
    np.testing.assert_array_equal(Motion.read(tmp_path / "joints.npy").joints, walk)
    np.testing.assert_array_equal(Motion.read(tmp_path / "single.npz").joints, walk)
    np.testing.assert_allclose(Motion.read(tmp_path / "features.npz").joints, recovered)
    np.testing.assert_allclose(Motion.read(tmp_path / "features.npy").joints, recovered, atol=0.02)
    assert Motion.read(tmp_path / "joints.npz").fps == 30
    assert Motion.read(tmp_path / "joints.npy").fps == 20


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_come_back(tmp_path, make_walk, suffix):
    motion = Motion(make_walk(9), 20.0 if suffix == ".npy" else 24.0)
    back = Motion.read(motion.save(tmp_path / f"clip{suffix}"))
    np.testing.assert_array_equal(back.joints, motion.joints)
    assert back.fps == motion.fps
    assert [path.name for path in tmp_path.iterdir()] == [f"clip{suffix}"]


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    encoded = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(encoded)) + encoded + content


def format_header(shape: str, dtype: str = "<f4") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"


def pickle_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{"joints": 1}], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not in NPY format"),
        (b"walk walk walk", "not in NPY format"),
        (pickle.dumps([1, 2]), "not in NPY format"),
        (pickle_array(), "pickled objects are never loaded"),
        (npy(format_header("(3, 22, 3)", "<U4"), b"0" * 800), "holds text, expected numbers"),
        (npy(format_header("(3, 22, 3)", "<c8"), b"0" * 1584), "not numbers"),
        (npy(format_header("(10**9, 22, 3)")), "not in NPY format"),
        (npy(format_header("(1000000000, 22, 3)")), r"claims the shape \(1000000000, 22, 3\); at most"),
        (npy(format_header("(-4, 22, 3)")), "claims the shape"),
        (npy(format_header("(40, 22, 3)"), b"\0" * 100), "100 of 10560 bytes: it is truncated"),
        (npy(format_header("(2, 22, 3)") + "]" * 9), "not in NPY format"),
        (npy("(" * 9000), "not in NPY format"),
        (npy(format_header("(2, 22, 3)"), version=b"\x09\x00"), "not in NPY format"),
        (npy(format_header("(1, 22, 3)"), np.full(66, np.nan, "<f4").tobytes()), "NaN or infinite in frame 0"),
        (npy(format_header("(1, 22, 3)"), np.full(66, 1e9, "<f4").tobytes()), "m from the origin"),
        (npy(format_header("(0, 22, 3)")), "without frames"),
        (npy(format_header("(4, 21, 3)"), b"\0" * 1008), r"shape \(4, 21, 3\); expected joints \[frames, 22, 3\]"),
        (npy(format_header("(4, 259)"), b"\0" * 4016), r"shape \(4, 259\)"),
        (npy(format_header("()"), b"\0" * 4), r"shape \(\)"),
    ],
)
def test_hostile_npy(tmp_path, content, says):
    path = tmp_path / "clip.npy"
    path.write_bytes(content)
    with pytest.raises(MotionError, match=says) as caught:
        Motion.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_hostile_npz(tmp_path, make_walk):
    path = tmp_path / "clip.npz"

    def check_refusal(says: str) -> None:
        with pytest.raises(MotionError, match=says) as caught:
            Motion.read(path)
        assert str(caught.value).startswith(f"{path}: ")

    path.write_bytes(b"")
    check_refusal("not a readable NPZ")
    path.write_bytes(pickle.dumps({"poses": 1}))
    check_refusal("not a readable NPZ")
    np.savez(path, joints=make_walk(30))
    whole = path.read_bytes()
    path.write_bytes(whole[:9000])
    check_refusal("not a readable NPZ")
    path.write_bytes(break_name_encoding(whole))
    check_refusal("not a readable NPZ")
    np.savez(path, first=np.zeros(3), second=np.zeros(3))
    check_refusal("an NPZ with first, second; expected joints")
    np.savez(path, joints=np.array([None], dtype=object))
    check_refusal("'joints' holds object, not numbers; pickled")
    np.savez(path, joints=make_walk(3), fps=[1, 2])
    check_refusal("'fps' has shape")
    np.savez(path, joints=make_walk(3), fps=np.nan)
    check_refusal("'fps' is NaN")
    np.savez(path, joints=make_walk(3), fps=0)
    check_refusal("0.0 frames a second")
    np.savez(path, poses=np.zeros((4, 66)))
    check_refusal("poses without a rate .mocap_framerate, mocap_frame_rate, fps")
    np.savez(path, poses=np.zeros((4, 60)), fps=30)
    check_refusal(r"poses of shape \(4, 60\)")
    np.savez(path, poses=np.zeros((4, 66)), trans=np.zeros((3, 3)), fps=30)
    check_refusal(r"trans of shape \(3, 3\)")
    np.savez(path, pose_body=np.zeros((4, 63)), fps=30)
    check_refusal("pose_body without root_orient")
    np.savez(path, pose_body=np.zeros((4, 63)), root_orient=np.zeros((3, 3)), fps=30)
    check_refusal("differ in their number of frames")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "clip.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("joints.npy", "w") as member,
    ):
        member.write(npy(format_header("(3000000, 22, 3)")))
        for _ in range(800):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(MotionError, match="bytes; at most"):
        Motion.read(path)


def test_other_files_are_refused_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("walk")
    (tmp_path / "folder.bvh").mkdir()
    expected = {
        "notes.txt": "expected a file ending in .bvh, .fbx, .glb, .gltf, .vrm, .vrma, .npz, .npy",
        "folder.bvh": "no such file",
        "absent.npy": "no such file",
    }
    for name, says in expected.items():
        with pytest.raises(MotionError, match=says) as caught:
            Motion.read(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
def test_humanml3ds_own_arrays(tmp_path):
    golden = pack_folder() / "golden"
    joints = Motion.read(golden / "new_joints_012314.npy").joints
    recovered = Motion.read(golden / "new_joint_vecs_012314.npy").joints
    np.testing.assert_allclose(recovered, joints, atol=1e-5)
    back = Motion.read(Motion(joints).save(tmp_path / "clip.bvh")).joints
    assert np.abs(back - joints).max() < 0.001
