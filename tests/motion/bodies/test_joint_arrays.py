"""Joints as researchers save them: orders of axes, batches, longer bodies, units, axes; what are no joints."""

import subprocess
import sys

import numpy as np
import pytest

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.bodies.joint_arrays import COUNTS, find_joints
from lead.motion.read_options import UPS
from lead.motion.rigs.units import UP_TO_WORLD


def extend(walk: np.ndarray, count: int) -> np.ndarray:
    """The walk of a body of more joints, whose hands go on."""
    more = walk[:, [20]] + np.random.default_rng(0).normal(size=(len(walk), count - 22, 3)) * 0.1
    return np.concatenate([walk, more], axis=1)


@pytest.mark.parametrize(
    "save",
    [
        *(lambda walk, count=count: extend(walk, count) for count in COUNTS),
        lambda walk: extend(walk, 52)[None],
        lambda walk: walk.reshape(len(walk), 66),
        lambda walk: walk.reshape(1, len(walk), 66),
        *(lambda walk, count=count: extend(walk, count).reshape(len(walk), -1) for count in (24, 52, 55)),
        lambda walk: extend(walk, 24).reshape(1, len(walk), 72),
        lambda walk: walk[None],
        lambda walk: walk.transpose(1, 2, 0),
        lambda walk: walk.transpose(1, 2, 0)[None],
        lambda walk: extend(walk, 24).transpose(1, 2, 0)[None],
    ],
)
def test_every_layout_is_the_same_clip(save, make_walk, tmp_path):
    walk = make_walk(40).astype(np.float32)
    np.save(tmp_path / "clip.npy", save(walk))
    motion = Motion.read(tmp_path / "clip.npy")
    np.testing.assert_array_equal(motion.joints, walk)
    assert motion.notes == ()
    for key in ("joints", "posed_joints", "motion", "positions", "keypoints3d"):
        np.savez(tmp_path / "clip.npz", **{key: save(walk)}, fps=30, foot_contacts=np.zeros((40, 4), dtype=bool))
        np.testing.assert_array_equal(Motion.read(tmp_path / "clip.npz").joints, walk)


def test_an_array_of_any_name_beside_a_rate(make_walk, tmp_path):
    walk = make_walk(40).astype(np.float32)
    np.savez(tmp_path / "clip.npz", walk, fps=30)
    motion = Motion.read(tmp_path / "clip.npz")
    np.testing.assert_array_equal(motion.joints, walk)
    assert motion.fps == 30
    np.savez(tmp_path / "clip.npz", fps=30)
    with pytest.raises(MotionError, match="an NPZ with fps; expected joints"):
        Motion.read(tmp_path / "clip.npz")


@pytest.mark.parametrize("save", [lambda batch: batch, lambda batch: batch.transpose(0, 2, 3, 1)])
def test_of_several_motions_the_first_is_read_and_that_is_said(save, make_walk, tmp_path):
    walk = make_walk(40).astype(np.float32)
    np.save(tmp_path / "clip.npy", save(np.stack([walk, 2 * walk, 3 * walk])))
    motion = Motion.read(tmp_path / "clip.npy")
    np.testing.assert_array_equal(motion.joints, walk)
    assert motion.notes == ("3 motions in one array: only the first was read; save each in its own file",)


def test_layouts_that_are_unknown():
    for shape in ((40, 21, 3), (40, 66, 3), (40, 72), (0,), (), (2, 2, 40, 22, 3), (40, 3, 22)):
        assert find_joints(np.zeros(shape)) is None, shape
    assert find_joints(np.zeros((0, 40, 22, 3))).shape == (0, 40, 22, 3)


def test_an_empty_batch_is_refused(tmp_path):
    np.save(tmp_path / "clip.npy", np.zeros((0, 22, 3, 60)))
    with pytest.raises(MotionError, match=r"shape \(0, 22, 3, 60\); expected joints"):
        Motion.read(tmp_path / "clip.npy")


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001])
@pytest.mark.parametrize("size", [0.75, 1.0, 1.2])
def test_the_unit_is_told_by_the_body(unit, size, make_walk, tmp_path):
    walk = size * make_walk(40).astype(np.float32)
    np.save(tmp_path / "clip.npy", walk / unit)
    motion = Motion.read(tmp_path / "clip.npy")
    np.testing.assert_allclose(motion.joints, walk, atol=1e-5)
    assert motion.notes == ()
    stated = Motion.read(tmp_path / "clip.npy", ReadOptions(unit="cm"))
    np.testing.assert_allclose(stated.joints, walk * 0.01 / unit, atol=1e-5)


def test_a_body_of_another_size_than_any_unit_makes_is_noted(make_walk, tmp_path):
    np.save(tmp_path / "clip.npy", make_walk(40) * 0.5)
    assert "legs of 0.41 m if lengths are in m: state the unit" in Motion.read(tmp_path / "clip.npy").notes[0]


def test_a_camera_whose_y_points_down_and_a_floor_with_z_up(make_walk, tmp_path):
    walk = make_walk(40).astype(np.float32)
    np.save(tmp_path / "clip.npy", 1000 * (walk * [1, -1, -1] + [0, 1.2, 4.0]))
    motion = Motion.read(tmp_path / "clip.npy")
    assert motion.notes == ("the person stands along -Y, not along Y: -Y was taken to point up",)
    np.testing.assert_allclose(motion.joints, walk - [0, 1.2, 4.0], atol=1e-5)
    np.save(tmp_path / "clip.npy", walk[..., [0, 2, 1]] * [1, -1, 1])
    motion = Motion.read(tmp_path / "clip.npy")
    assert motion.notes == ("the person stands along Z, not along Y: Z was taken to point up",)
    np.testing.assert_allclose(motion.joints, walk, atol=1e-5)


@pytest.mark.parametrize("up", UPS)
def test_a_centered_body_stands_along_any_axis(up, make_walk, tmp_path):
    walk = make_walk(40)
    walk -= walk[:, :1]
    np.save(tmp_path / "clip.npy", walk @ UP_TO_WORLD[up])
    motion = Motion.read(tmp_path / "clip.npy")
    np.testing.assert_allclose(motion.joints, walk, atol=1e-5)
    note = f"the person stands along {up}, not along Y: {up} was taken to point up"
    assert motion.notes == (() if up == "Y" else (note,))


def test_angles_are_not_taken_for_joints(tmp_path):
    poses = np.cumsum(np.random.default_rng(0).normal(size=(60, 66)) * 0.05, axis=0)
    np.save(tmp_path / "poses.npy", poses)
    with pytest.raises(MotionError, match=r"no joints in SMPL's order: its bones change .* into an NPZ, as poses"):
        Motion.read(tmp_path / "poses.npy")
    for still in (0.05, 0.0):
        angles = np.random.default_rng(1).normal(size=72) + still * np.random.default_rng(0).normal(size=(60, 72))
        np.save(tmp_path / "poses.npy", angles)
        with pytest.raises(MotionError, match=r"an array of shape \(60, 72\); expected joints"):
            Motion.read(tmp_path / "poses.npy")


def test_a_rate_in_letters_is_refused_with_the_cause(make_walk, tmp_path):
    np.savez(tmp_path / "clip.npz", joints=make_walk(40), fps="30")
    with pytest.raises(MotionError, match="'fps' holds text, expected numbers"):
        Motion.read(tmp_path / "clip.npz")


def test_what_is_pickled_stays_refused_with_the_line_that_saves_it(make_walk, tmp_path):
    walk = make_walk(40).astype(np.float32)
    results = {"motion": walk.transpose(1, 2, 0)[None], "text": ["a person walks"]}
    np.save(tmp_path / "results.npy", np.array(results, dtype=object), allow_pickle=True)
    with pytest.raises(MotionError, match="pickled objects are never loaded") as caught:
        Motion.read(tmp_path / "results.npy")
    line = str(caught.value).split('python -c "')[1].rstrip('"')
    subprocess.run([sys.executable, "-c", line], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(Motion.read(tmp_path / "motion.npy").joints, walk)


def test_a_rate_that_is_not_stated_is_a_guess_where_no_data_set_has_one(make_walk, tmp_path):
    np.savez(tmp_path / "clip.npz", posed_joints=make_walk(40))
    motion = Motion.read(tmp_path / "clip.npz")
    assert (motion.fps, motion.notes) == (20, ("no rate: 20 frames a second were assumed; state the rate (--fps)",))
    assert Motion.read(tmp_path / "clip.npz", ReadOptions(fps=30.0)).notes == ()
