"""Meshes of the SMPL family, on a synthetic model: a sphere of vertices around each joint."""

import importlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from damaged import break_name_encoding
from smpl_motion import smpl_joints

from lead.motion import Motion, MotionError
from lead.motion.bodies import smpl_mesh as bodies
from lead.motion.bodies.smpl_poses import SMPL_REST
from lead.motion.skeleton import BONE_LENGTHS, PARENTS

CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]) * 0.03
SIDES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
EXTRA = {22: 20, 23: 21}


def make_model_arrays(joints: int = 24, **changes: np.ndarray) -> dict[str, np.ndarray]:
    """A model with SMPL's joints; each joint is the mean of an octahedron's corners that it alone holds."""
    parents = [*PARENTS, *(EXTRA.get(joint, 20) for joint in range(22, joints))]
    rest = np.zeros((joints, 3))
    rest[0] = [0.0, -0.24, 0.03]
    for joint in range(1, joints):
        offset = SMPL_REST[joint] * BONE_LENGTHS[joint] if joint < 22 else np.array([0.08, 0.0, 0.0])
        rest[joint] = rest[parents[joint]] + offset
    vertices = (rest[:, None] + CORNERS).reshape(-1, 3)
    holds = np.repeat(np.eye(joints), 6, axis=0)
    model = {
        "v_template": vertices,
        "f": np.concatenate([SIDES + 6 * joint for joint in range(joints)]).astype(np.uint32),
        "weights": holds,
        "posedirs": np.zeros((len(vertices), 3, 9 * (joints - 1))),
        "J_regressor": holds.T / 6,
        "kintree_table": np.array([[2**32 - 1, *parents[1:]], range(joints)], dtype=np.int64),
        "shapedirs": np.ones((len(vertices), 3, 10)),
    }
    return model | changes


def save_model(path: Path, **changes: np.ndarray) -> Path:
    np.savez(path, **make_model_arrays(**changes))
    return path


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_a_bodys_joints_are_where_the_motions_are(tmp_path, joints):
    motion = Motion(smpl_joints(20))
    mesh = bodies.body_mesh(motion, save_model(tmp_path / "model.npz", **make_model_arrays(joints)), frame=7)
    corners = mesh.vertices.reshape(-1, 6, 3)
    centers = corners.mean(axis=1)
    np.testing.assert_allclose(centers[:22], motion.joints[7], atol=0.001)
    np.testing.assert_allclose(np.linalg.norm(corners - centers[:, None], axis=-1), 0.03, atol=1e-6)


def test_pose_directions_act(tmp_path, make_walk):
    plain = bodies.body_mesh(Motion(make_walk(3)), save_model(tmp_path / "plain.npz"))
    bent = bodies.body_mesh(
        Motion(make_walk(3)), save_model(tmp_path / "bent.npz", posedirs=np.full((144, 3, 207), 0.01))
    )
    assert np.abs(bent.vertices - plain.vertices).max() > 1e-3


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_bodies_and_trails_are_written_and_read_again(tmp_path, make_walk, suffix):
    motion, model = Motion(make_walk(40)), save_model(tmp_path / "model.npz")
    mesh = bodies.body_mesh(motion, model, -1)
    again = trimesh.load(bodies.save_mesh(mesh, tmp_path / f"body{suffix}"), force="mesh", process=False)
    np.testing.assert_allclose(np.sort(again.vertices, axis=0), np.sort(mesh.vertices, axis=0), atol=1e-5)
    trail = bodies.pose_trail(motion, model, count=5)
    assert sorted(trail.geometry) == ["frame_0", "frame_10", "frame_20", "frame_29", "frame_39"]
    again = trimesh.load(bodies.save_mesh(trail, tmp_path / f"trail{suffix}"), force="mesh", process=False)
    assert len(again.faces) == 5 * len(mesh.faces)
    assert again.extents[2] > 1.5  # meters walked in two seconds


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": np.zeros((144, 23))}, r"'J_regressor' of shape \(24, 144\); expected \(23, 144\)"),
        ({"f": np.array([[0, 1, 144]])}, "'f' names vertices that are not among the 144"),
        ({"kintree_table": np.zeros((2, 24))}, "not the SMPL family's tree"),
        ({"posedirs": np.zeros((144, 3, 10))}, r"'posedirs' of shape .* expected \(144, 3, 207\)"),
        ({"J_regressor": np.array(None)}, "pickled objects are never loaded"),
        ({"v_template": np.full((144, 3), np.nan)}, "'v_template' is NaN"),
        ({"v_template": np.full((144, 3), 1e300)}, r"'v_template' has the value 1e\+300; expected meters or radians"),
    ],
)
def test_files_that_are_no_body_model_are_refused(tmp_path, make_walk, change, says):
    path = save_model(tmp_path / "model.npz", **change)
    with pytest.raises(MotionError, match=says) as error:
        bodies.body_mesh(Motion(make_walk(2)), path)
    assert str(path) in str(error.value)


def test_other_files_frames_and_suffixes_are_refused(tmp_path, make_walk):
    motion, model = Motion(make_walk(4)), save_model(tmp_path / "model.npz")
    (tmp_path / "SMPL.pkl").write_bytes(b"")
    with pytest.raises(MotionError, match=r"pickles are never loaded; give the model's .npz"):
        bodies.body_mesh(motion, tmp_path / "SMPL.pkl")
    with pytest.raises(MotionError, match="not a readable NPZ file"):
        bodies.body_mesh(motion, tmp_path / "absent.npz")
    (tmp_path / "damaged.npz").write_bytes(break_name_encoding(model.read_bytes()))
    with pytest.raises(MotionError, match=r"damaged.npz: not a readable NPZ file"):
        bodies.body_mesh(motion, tmp_path / "damaged.npz")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("v_template.npy", b"")
    (tmp_path / "part.npz").write_bytes(content.getvalue())
    with pytest.raises(MotionError, match="no f, weights, posedirs, J_regressor, kintree_table"):
        bodies.body_mesh(motion, tmp_path / "part.npz")
    with pytest.raises(MotionError, match="no frame 4: the motion has 4 frames"):
        bodies.body_mesh(motion, model, 4)
    with pytest.raises(MotionError, match="a trail of 0 poses"):
        bodies.pose_trail(motion, model, 0)
    with pytest.raises(MotionError, match=r"cannot write meshes as .fbx; use .obj, .ply, .glb"):
        bodies.save_mesh(bodies.body_mesh(motion, model), tmp_path / "body.fbx")


def test_a_missing_extra_is_named(tmp_path, make_walk, monkeypatch):
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: real("no_such_package" if name == "trimesh" else name))
    with pytest.raises(MotionError, match=r"need trimesh: pip install 'lead-invert\[smplx\]'"):
        bodies.body_mesh(Motion(make_walk(2)), save_model(tmp_path / "model.npz"))
