from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.motion import MotionError, Stats, features_to_joints, joints_to_features
from lead.motion.features import _shortest_arcs, canonical, retarget
from lead.motion.heading import facing
from lead.motion.skeleton import BONE_LENGTHS, HUMANML3D, KIT, REST_DIRECTIONS, bone_lengths, skeleton_of


def test_golden_features(pack):
    with np.load(pack / "golden" / "humanml3d_features.npz") as golden:
        for name in sorted({key.rsplit("/", 1)[0] for key in golden.files}):
            features = joints_to_features(golden[f"{name}/joints"])
            np.testing.assert_allclose(features, golden[f"{name}/features"], atol=1e-3)
            recovered = features_to_joints(golden[f"{name}/features"])
            np.testing.assert_allclose(recovered, golden[f"{name}/recovered"], atol=1e-5)


def test_official_pair(pack):
    features = np.load(pack / "golden" / "new_joint_vecs_012314.npy")
    joints = np.load(pack / "golden" / "new_joints_012314.npy")
    np.testing.assert_allclose(features_to_joints(features)[: len(joints)], joints, atol=1e-5)


@pytest.mark.parametrize("every", [23])
def test_pack_features_are_finite(pack, every):
    from benchmarks.pack import pack_rows, read_joints

    for row in pack_rows()[::every]:
        assert np.isfinite(joints_to_features(read_joints(row["id"]))).all(), row["id"]


@pytest.mark.slow
def test_all_pack_features_are_finite(pack):
    test_pack_features_are_finite(pack, 1)


def test_round_trip_is_the_canonical_clip(walk):
    recovered = features_to_joints(joints_to_features(walk.joints))
    expected = canonical(retarget(walk.joints.astype(np.float64)))[:-1]
    np.testing.assert_allclose(recovered, expected, atol=2e-5)


def turn_joints(joints, degrees):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return joints @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_heading_and_place_do_not_matter(walk, degrees):
    moved = turn_joints(walk.joints, degrees) + np.array([3.0, 0.7, -2.0])
    np.testing.assert_allclose(joints_to_features(moved), joints_to_features(walk.joints), atol=1e-4)


def test_turning_past_half_a_circle_keeps_its_sign(walk):
    """Heading runs through +-180 degrees; the quaternion's sign flips there and the velocity must not."""
    joints = np.repeat(walk.joints[:1], 300, axis=0)
    angles = np.linspace(0, 400, len(joints))
    spun = np.stack([turn_joints(frame, angle) for frame, angle in zip(joints, angles, strict=True)])
    yaw = joints_to_features(spun)[40:-40, 0]
    assert (np.sign(yaw) == np.sign(yaw[0])).all()


def test_bone_against_its_rest_is_finite(walk):
    joints = walk.joints.copy()
    joints[:, 18] = joints[:, 16] + [0, 0.25, 0]
    assert np.isfinite(joints_to_features(joints)).all()
    np.testing.assert_allclose(
        np.linalg.det(_shortest_arcs(REST_DIRECTIONS[18:19], np.array([[[0.0, 1.0, 0.0]]]))), 1.0
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_shortest_arc_takes_u_to_v(direction):
    v = np.array(direction)
    length = np.linalg.norm(v)
    v = v / length if length > 1e-3 else np.array([0.0, 0.0, 1.0])
    for u in (np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])):
        if v @ u > -1 + 1e-6:
            R = _shortest_arcs(u[None], v[None, None])[0, 0]
            np.testing.assert_allclose(R @ u, v, atol=1e-6)
            np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-6)


def test_retarget_gives_the_uniform_skeleton(walk):
    lengths = bone_lengths(retarget(walk.joints.astype(np.float64) * 1.3))
    np.testing.assert_allclose(lengths, np.broadcast_to(BONE_LENGTHS, lengths.shape), atol=1e-6)


def test_a_person_faces_plus_z(walk):
    np.testing.assert_allclose(facing(walk.joints)[0], [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("joints", [np.zeros((1, 22, 3)), np.zeros((9, 21, 3)), np.full((9, 22, 3), np.nan)])
def test_bad_joints(joints):
    with pytest.raises(MotionError, match=r"shape|NaN"):
        joints_to_features(joints)


def test_stats_round_trip(walk, tmp_path):
    features = walk.features()
    stats = Stats.from_features(features)
    for part in HUMANML3D.slices.values():
        assert len(set(stats.std[part])) == 1
    np.testing.assert_allclose(stats.denormalize(stats.normalize(features)), features, atol=1e-4)
    stats.write(tmp_path)
    np.testing.assert_array_equal(Stats.read(tmp_path).mean, stats.mean)


def test_statistics_of_an_impossible_size_are_refused(walk, tmp_path):
    Stats.from_features(walk.features()).write(tmp_path)
    path = tmp_path / "Std.npy"
    path.write_bytes(path.read_bytes().replace(b"(263,)", b"(9" + b"9" * 25 + b",)"))
    with pytest.raises(MotionError, match=r"Std\.npy: not in NPY format"):
        Stats.read(tmp_path)


def test_the_layouts_follow_from_the_joints():
    starts = {name: part.start for name, part in HUMANML3D.slices.items()}
    assert starts == {
        "yaw_velocity": 0, "root_velocity": 1, "root_height": 3, "positions": 4, "rotations": 67, "velocities": 193,
        "contacts": 259,
    }  # fmt: skip
    for width, skeleton in ((263, HUMANML3D), (251, KIT)):
        assert skeleton_of(width) is skeleton
        assert skeleton.slices["contacts"].stop == skeleton.features == width
        parents = {joint: parent for chain in skeleton.chains for parent, joint in pairwise(chain)}
        assert tuple(parents.get(joint, -1) for joint in range(len(skeleton.joints))) == skeleton.parents
    with pytest.raises(MotionError, match=r"259 numbers a frame; expected 263 .* or 251"):
        skeleton_of(259)


def test_the_evaluators_deviations():
    """MDM publishes the T2M evaluator's: 25 times smaller for the root and contacts, the rest the same."""
    stats = Stats(np.arange(251, dtype=np.float32), np.full(251, 5.0, dtype=np.float32))
    read = stats.for_evaluator()
    assert set(read.std[:4]) == set(read.std[-4:]) == {np.float32(0.2)}
    assert set(read.std[4:-4]) == {np.float32(5.0)}
    np.testing.assert_array_equal(read.mean, stats.mean)
    assert (stats.std == 5.0).all()
