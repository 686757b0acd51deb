"""Poses of SMPL's family: every spelling and width, which way is up, what is missing."""

import numpy as np
import pytest

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.read_options import UNITS
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_axis_angle

FRAMES = 8
STAND = axis_angle_to_matrix(np.array([np.pi / 2, 0, 0]))  # from SMPL's Y up to AMASS's Z up


def poses(width: int = 165, z_up: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Somebody who strides, arms moving; and where the pelvis is."""
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=(FRAMES, width)) * 0.02, axis=0)
    values[:, :3] = matrix_to_axis_angle(STAND if z_up else np.eye(3))
    trans = np.stack([0 * np.arange(FRAMES), 0.1 * np.arange(FRAMES), np.full(FRAMES, 0.9)], axis=-1)
    return values, (trans * [1, -1, 1] if z_up else trans[:, [0, 2, 1]])


@pytest.fixture
def read(tmp_path):
    def save_and_read(reading: ReadOptions = ReadOptions(), **arrays: np.ndarray) -> Motion:
        np.savez(tmp_path / "clip.npz", **arrays)
        return Motion.read(tmp_path / "clip.npz", reading)

    return save_and_read


@pytest.mark.parametrize("width", [66, 72, 156, 165])
@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate", "fps", "frame_rate", "framerate"])
def test_every_width_and_rate_key(read, width, rate):
    values, trans = poses()
    reference = read(poses=values, trans=trans, mocap_framerate=120)
    motion = read(poses=values[:, :width], trans=trans, betas=np.zeros(16), gender="neutral", **{rate: 120})
    np.testing.assert_array_equal(motion.joints, reference.joints)
    assert (motion.fps, motion.notes, motion.rig) == (120, (), None)


@pytest.mark.parametrize(
    ("root", "body", "path"),
    [
        ("root_orient", "pose_body", "trans"),
        ("global_orient", "body_pose", "transl"),
    ],
)
def test_parts_in_amass_and_smplx_spelling(read, root, body, path):
    values, trans = poses()
    reference = read(poses=values, trans=trans, fps=60).joints
    for width in (63, 69):
        parts = {root: values[:, :3], body: values[:, 3 : 3 + width], path: trans, "pose_hand": values[:, 75:]}
        np.testing.assert_array_equal(read(**parts, fps=60).joints, reference)
    stacked = {root: values[:, None, :3], body: values[:, 3:66].reshape(FRAMES, 21, 3), path: trans}
    np.testing.assert_array_equal(read(**stacked, fps=60).joints, reference)


def test_rotation_matrices_are_poses_too(read):
    values, trans = poses(72)
    reference = read(poses=values, trans=trans, fps=60).joints
    matrices = axis_angle_to_matrix(values.reshape(FRAMES, 24, 3))
    np.testing.assert_allclose(read(pose=matrices, trans=trans, fps=60).joints, reference, atol=1e-6)
    for root in (matrices[:, 0], matrices[:, :1]):
        parts = {"global_orient": root, "body_pose": matrices[:, 1:], "transl": trans}
        np.testing.assert_allclose(read(**parts, fps=60).joints, reference, atol=1e-6)


def test_up_is_z_unless_the_body_stands_along_y(read):
    z_up, y_up = poses(), poses(z_up=False)
    reference = read(poses=z_up[0], trans=z_up[1], fps=60)
    motion = read(poses=y_up[0], trans=y_up[1], fps=60)
    np.testing.assert_allclose(motion.joints, reference.joints, atol=1e-6)
    assert motion.notes == ("the person stands along Y, not along Z: Y was taken to point up",)
    stated = read(ReadOptions(up="Y"), poses=y_up[0], trans=y_up[1], fps=60)
    np.testing.assert_array_equal(stated.joints, motion.joints)
    assert stated.notes == ()
    lying = read(poses=y_up[0], trans=z_up[1] * [1, 5, 0.2], fps=60)  # on the back, all over a Z-up floor
    assert lying.notes == ()
    assert np.ptp(lying.joints[..., 1]) < 1


def test_rate_and_unit_can_be_stated(read):
    values, trans = poses()
    reference = read(poses=values, trans=trans, fps=60)
    motion = read(ReadOptions(fps=60.0, unit="cm"), poses=values, trans=trans / UNITS["cm"])
    assert motion.fps == 60
    np.testing.assert_allclose(motion.joints, reference.joints, atol=1e-6)
    still = read(poses=values, fps=60)
    assert still.notes == ("no trans: the person stays in one place",)
    np.testing.assert_array_equal(still.joints[:, 0], 0)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"poses": np.zeros((4, 156))}, "poses without a rate .mocap_framerate, mocap_frame_rate, fps, frame_rate"),
        ({"pose_body": np.zeros((4, 63)), "fps": 30}, "pose_body without root_orient or global_orient"),
        ({"global_orient": np.zeros((4, 3)), "fps": 30}, "global_orient without pose_body or body_pose"),
        ({"root_orient": np.zeros((4, 9)), "pose_body": np.zeros((4, 63)), "fps": 30}, "root_orient of shape"),
        ({"poses": np.zeros((4, 24, 3, 3)), "fps": 30}, r"poses of shape \(4, 24, 3, 3\); expected poses"),
        ({"poses": np.array({"poses": 1}), "fps": 30}, "holds object, not numbers; pickled objects are never loaded"),
    ],
)
def test_what_is_missing_is_named(read, tmp_path, arrays, says):
    with pytest.raises(MotionError, match=says) as caught:
        read(**arrays)
    assert str(caught.value).startswith(str(tmp_path / "clip.npz"))


def test_poses_without_a_floor_stand_along_the_axis_that_the_body_does(read):
    """As estimators of poses write them: the root in one place, Y up; or in a camera's space, Y down."""
    values, _ = poses(z_up=False)
    reference = read(ReadOptions(up="Y"), poses=values, trans=np.tile([0, -0.2, 0], (FRAMES, 1)), fps=30)
    centered = read(poses=values, trans=np.tile([0, -0.2, 0], (FRAMES, 1)), fps=30)
    assert centered.notes == ("the person stands along Y, not along Z: Y was taken to point up",)
    np.testing.assert_array_equal(centered.joints, reference.joints)
    values[:, :3] = [np.pi, 0, 0]
    for trans in (np.tile([0, 0.2, 4.0], (FRAMES, 1)), np.linspace([0, 0.2, 4.0], [0.5, 0.2, 3.0], FRAMES)):
        camera = read(poses=values, trans=trans, fps=30)
        assert camera.notes == ("the person stands along -Y, not along Z: -Y was taken to point up",)
        shapes = [joints - joints[:, :1] for joints in (camera.joints, reference.joints)]
        np.testing.assert_allclose(*shapes, atol=1e-6)
        np.testing.assert_allclose(camera.joints[:, 0], trans * [1, -1, -1], atol=1e-6)


def test_the_path_of_aist_is_divided_by_its_scaling(read):
    values, trans = poses(72)
    reference = read(smpl_poses=values, smpl_trans=trans, fps=60)
    scaled = read(smpl_poses=values, smpl_trans=94 * trans, smpl_scaling=np.array([94.0]), fps=60)
    np.testing.assert_allclose(scaled.joints, reference.joints, atol=1e-6)
    for scaling in (np.zeros(1), np.ones(2)):
        with pytest.raises(MotionError, match=r"'smpl_scaling' of shape .*; expected one number above 0"):
            read(smpl_poses=values, smpl_trans=trans, smpl_scaling=scaling, fps=60)


def test_other_names_are_listed(read):
    with pytest.raises(MotionError, match="an NPZ with cam_trans, fps, smpl_thetas; expected joints"):
        read(smpl_thetas=np.zeros((4, 72)), cam_trans=np.zeros((4, 3)), fps=30)


@pytest.mark.parametrize("unit", ["cm", "mm"])
@pytest.mark.parametrize("z_up", [True, False])
def test_a_path_in_another_unit_than_the_body_is_found_out(read, unit, z_up):
    """By its floor where the path has one; else by strides of a body that walks with its feet on the spot."""
    values, trans = poses(z_up=z_up)
    note = f"the path was taken to be in {unit}, not in m: state the unit if that is wrong"
    reference = read(poses=values, trans=trans, fps=60)
    assert not any("the path" in note for note in reference.notes)
    found = read(poses=values, trans=trans / UNITS[unit], fps=60)
    assert note in found.notes
    np.testing.assert_allclose(found.joints, reference.joints, atol=1e-5)
    stated = read(ReadOptions(unit="m"), poses=values, trans=trans / UNITS[unit], fps=60)
    assert not any("the path" in note for note in stated.notes)
    assert stated.joints[-1, 0, 1] == pytest.approx(trans[-1, 2 if z_up else 1] / UNITS[unit], rel=1e-4)


def test_strides_that_nobody_makes_tell_the_unit_of_a_centered_path(read):
    """Four steps, each on a foot that stands: the path is what takes the foot back to where it was."""
    values = np.zeros((40, 66))
    values[:, :3] = matrix_to_axis_angle(STAND)
    swing = 0.4 * np.sin(2 * np.pi * np.arange(40) / 20)
    values[:, 3], values[:, 6] = swing, -swing  # the hips
    feet = read(ReadOptions(unit="m"), poses=values, trans=np.zeros((40, 3)), fps=30).joints[:, [7, 8], 2]
    steps = -np.diff(feet, axis=0)
    path = np.concatenate([[0.0], np.cumsum(steps[np.arange(39), np.argmax(steps, axis=1)])])
    trans = np.stack([np.zeros(40), -path, np.zeros(40)], axis=-1)  # AMASS's Y points back
    for unit in ("m", "cm", "mm"):
        found = read(poses=values, trans=trans / UNITS[unit], fps=30)
        assert any(f"in {unit}, not" in note for note in found.notes) == (unit != "m")
        assert np.ptp(found.joints[:, 0, 2]) == pytest.approx(np.ptp(path), abs=1e-4)


def test_a_path_beyond_all_measure_is_no_fault(read):
    values, _ = poses()
    for size in (1e300, 1e12):
        with pytest.raises(MotionError):
            read(poses=values, trans=np.full((FRAMES, 3), size), fps=60)
