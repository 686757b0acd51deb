"""FBX skeletons: transforms as other readers have them, units and axes, and files that are broken."""

import struct
from pathlib import Path

import numpy as np
import pytest
from fbx_files import fbx_bytes, record, skeleton_fbx
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.formats.bvh import Bvh
from lead.motion.read import read_skeleton
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import euler_to_matrix, matrix_to_euler, unwrap_euler

Z_UP = {"UpAxis": 2, "UpAxisSign": 1, "FrontAxis": 1, "FrontAxisSign": -1, "CoordAxis": 0, "CoordAxisSign": 1}
TO_Z = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def walk_fbx(bvh: Bvh, scene: dict | None = None, **options) -> bytes:
    """A motion on our joints as FBX: XYZ rotations (X innermost), pre-rotations that the curves undo."""
    positions, rotations = bvh.local()
    before = euler_to_matrix(np.radians([50.0, -20.0, 30.0])[::-1], "ZYX")
    rest, curves = [], {}
    for joint in range(22):
        parent = bvh.parents[joint]
        above = np.eye(3) if parent < 0 else before
        angles = unwrap_euler(matrix_to_euler(before.T @ above.T @ rotations[:, joint] @ before, "ZYX"))
        # each joint's own frame is turned by `before`: T' = above^T T, R' = above^T R before
        place = above.T @ bvh.offsets[joint]
        still = matrix_to_euler(before.T @ above.T @ before, "ZYX")
        rest.append({"Lcl Translation": place, "PreRotation": [50, -20, 30], "Lcl Rotation": np.degrees(still)[::-1]})
        curves[joint, "Lcl Rotation"] = np.degrees(angles)[:, ::-1]
    curves[0, "Lcl Translation"] = positions[:, 0]
    times = np.arange(len(bvh.values)) / bvh.fps
    return skeleton_fbx(bvh.names, bvh.parents, rest, curves, times, scene, **options)


@pytest.fixture(scope="module")
def bvh(make_walk) -> Bvh:
    return motion_to_bvh(make_walk(30), 30.0)


@pytest.mark.parametrize("version", [7400, 7500])
def test_a_walk_comes_back(tmp_path, bvh, make_walk, version):
    path = tmp_path / "clip.fbx"
    path.write_bytes(walk_fbx(bvh, version=version))
    motion = Motion.read(path)
    assert (motion.fps, motion.notes, motion.rig.up, motion.rig.scale) == (30, (), "Y", 0.01)
    np.testing.assert_allclose(motion.joints, make_walk(30), atol=2e-4)
    assert Motion.read(path, ReadOptions(fps=60.0)).fps == 60


def test_stated_axes_and_units_are_taken(tmp_path, bvh, make_walk):
    path = tmp_path / "clip.fbx"
    path.write_bytes(walk_fbx(bvh, {"UnitScaleFactor": 2.54}))
    small = Motion.read(path)
    np.testing.assert_allclose(small.joints, 2.54 * make_walk(30), atol=5e-4)  # centimeters that are called inches
    np.testing.assert_allclose(Motion.read(path, ReadOptions(unit="cm")).joints, make_walk(30), atol=2e-4)
    path.write_bytes(walk_fbx(bvh, Z_UP))
    lying = read_skeleton(path).world()[0]
    np.testing.assert_allclose(lying, bvh.world()[0] @ TO_Z, atol=0.02)


@pytest.mark.parametrize("order", range(6))
def test_pivots_and_orders(tmp_path, order):
    """By hand: T R_off R_p R_pre R R_post^-1 R_p^-1 S_off S_p S S_p^-1, each a matrix."""
    rng = np.random.default_rng(order)
    names = ("Lcl Translation", "RotationOffset", "RotationPivot", "PreRotation", "PostRotation", "ScalingOffset",
             "ScalingPivot")  # fmt: skip
    values = [{name: rng.normal(size=3) * 20 for name in names} | {"RotationOrder": [order]} for _ in range(3)]
    curves = {(n, "Lcl Rotation"): rng.normal(size=(5, 3)) * 50 for n in range(3)}
    curves[1, "Lcl Scaling"] = np.full((5, 3), [2.0, 2.0, 2.0])
    path = tmp_path / "clip.fbx"
    path.write_bytes(skeleton_fbx(["a", "b", "c"], [-1, 0, 1], values, curves, np.arange(5) / 30))
    axes = ("XYZ", "XZY", "YZX", "YXZ", "ZXY", "ZYX")[order][::-1]

    def shift(vector: np.ndarray) -> np.ndarray:
        return np.block([[np.eye(3), np.asarray(vector)[:, None]], [np.zeros(3), 1]])

    def turn(degrees: np.ndarray, axes: str = "ZYX") -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = euler_to_matrix(np.radians([degrees["XYZ".index(axis)] for axis in axes]), axes)
        return matrix

    for frame in range(5):
        world = np.eye(4)
        for n, joint in enumerate(values):
            scale = np.diag([*curves.get((n, "Lcl Scaling"), np.ones((5, 3)))[frame], 1.0])
            for step in (
                shift(joint["Lcl Translation"]), shift(joint["RotationOffset"]), shift(joint["RotationPivot"]),
                turn(joint["PreRotation"]), turn(curves[n, "Lcl Rotation"][frame], axes),
                turn(joint["PostRotation"]).T, shift(-joint["RotationPivot"]), shift(joint["ScalingOffset"]),
                shift(joint["ScalingPivot"]), scale, shift(-joint["ScalingPivot"]),
            ):  # fmt: skip
                world = world @ step
            np.testing.assert_allclose(read_skeleton(path).world()[0][frame, n], world[:3, 3], atol=1e-3)


def test_several_takes(tmp_path, bvh):
    path = tmp_path / "clip.fbx"
    path.write_bytes(walk_fbx(bvh, stacks=("Take 001", "mixamo.com")))
    assert Motion.read(path).notes == (
        "2 animations: 2 'mixamo.com' was read; 1 'Take 001' without motion of a person passed over",
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not an FBX file"),
        (b"; FBX 7.4.0 project file\n", "FBX as text, which is not read; open it in Blender 4.5"),
        (b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", 6100), "FBX of version 6.1.*Blender 4.5"),
        (b"Kaydara FBX Binary  \x00", "FBX of version 0"),
        (fbx_bytes([]), "0 nodes"),
        (fbx_bytes([record("Objects", [], [record("Model", [1, "a\x00\x01M", "LimbNode"])])]), "no animation in it"),
        (fbx_bytes([record("Objects", [], [record("Model", [1])])]), "not a valid FBX file"),
        (fbx_bytes([record("Objects")])[:-20], "truncated|damaged|0 nodes"),
    ],
)
def test_broken_files_give_one_clear_error(tmp_path, content, says):
    path = tmp_path / "clip.fbx"
    path.write_bytes(content)
    with pytest.raises(MotionError, match=says) as caught:
        Motion.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_nodes_in_a_circle_and_arrays_that_claim_too_much(tmp_path):
    path = tmp_path / "clip.fbx"
    models = [record("Model", [n, f"n{n}\x00\x01Model", "LimbNode"]) for n in (1, 2)]
    links = [record("C", ["OO", 1, 2]), record("C", ["OO", 2, 1])]
    path.write_bytes(fbx_bytes([record("Objects", [], models), record("Connections", [], links)]))
    with pytest.raises(MotionError, match="circle"):
        Motion.read(path)
    content = bytearray(fbx_bytes([record("Objects", [np.arange(9)])]))
    content[content.index(b"Objects") + 8 :][:4]  # the count of the array follows its kind
    place = content.index(b"Objects") + 8
    content[place : place + 4] = struct.pack("<I", 1 << 30)
    path.write_bytes(bytes(content))
    with pytest.raises(MotionError, match="an array that claims"):
        Motion.read(path)


def test_a_signalling_nan_is_refused_without_a_warning(tmp_path):
    values = np.zeros((4, 3), dtype=np.float32)
    values.view(np.uint32)[0, 0] = 0x7F800001
    path = tmp_path / "clip.fbx"
    path.write_bytes(skeleton_fbx(["Hips"], [-1], [{}], {(0, "Lcl Translation"): values}, np.arange(4) / 30))
    with pytest.raises(MotionError, match="NaN, infinite or beyond"):
        Motion.read(path)


def error_of(path: Path) -> str:
    """What a user is told; empty where the file can be read."""
    try:
        Motion.read(path)
    except MotionError as error:
        return str(error)
    return ""


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_damage_is_an_error_or_a_motion(tmp_path_factory, bvh, data):
    path = tmp_path_factory.getbasetemp() / "damaged.fbx"
    content = bytearray(walk_fbx(bvh.take_first(4)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(27, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(bytes(content))
    said = error_of(path)
    assert not said or said.startswith(f"{path}: ")
