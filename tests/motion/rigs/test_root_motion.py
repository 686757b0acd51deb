"""Root motion: a joint above the hips carries the path, and the body is where it was."""

from dataclasses import replace

import numpy as np
import pytest

from lead.motion import Motion, read_bvh, write_bvh
from lead.motion.formats.bvh import Bvh


def put_under_root(bvh: Bvh) -> Bvh:
    """The rig with a joint above the hips that can move and does not."""
    channels = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")
    return Bvh(
        ("Armature", *bvh.names), (-1, *(parent + 1 for parent in bvh.parents)),
        np.concatenate([np.zeros((1, 3)), bvh.offsets]), (channels, *bvh.channels), (),
        np.pad(bvh.values, ((0, 0), (6, 0))), bvh.frame_time,
    )  # fmt: skip


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("under_root", [False, True])
def test_the_path_is_on_the_root_and_the_body_stays(make_rig_bvh, schemes, tmp_path, up, under_root):
    bvh = make_rig_bvh(schemes["Mixamo"], up=up)
    clip = Motion.read(write_bvh(put_under_root(bvh) if under_root else bvh, tmp_path / "walk.bvh"))
    moved = clip.carry_on_root()
    made = read_bvh(moved.save(tmp_path / "root.bvh", rig=moved.rig))
    assert made.names[:2] == (("Armature" if under_root else "root"), "mixamorig:Hips")
    positions = made.world()[0] * 0.01
    ground = [0, 2] if up == "Y" else [0, 1]
    assert np.abs((positions[:, 1] - positions[:, 0])[:, ground]).max() < 1e-5
    assert np.ptp(positions[:, 0, ground], axis=0).max() > 1.5
    np.testing.assert_allclose(Motion.read(tmp_path / "root.bvh").joints, clip.joints, atol=1e-4)


def test_axes_of_the_rigs_file_are_those_of_its_joints(make_rig_bvh, schemes, tmp_path):
    bvh = make_rig_bvh(schemes["Mixamo"])
    axes = np.tile(np.diag([-1.0, 1.0, -1.0]), (len(bvh.names), 1, 1))
    clip = Motion.read(write_bvh(bvh, tmp_path / "walk.bvh"))
    moved = replace(clip, rig=replace(clip.rig, axes=axes)).carry_on_root()
    np.testing.assert_array_equal(moved.rig.axes, np.concatenate([np.eye(3)[None], axes]))
    assert '"root/mixamorig_Hips"' in moved.save(tmp_path / "root.usda", rig=moved.rig).read_text()


def test_a_motion_without_a_rig_gets_one_with_a_root(walk, tmp_path):
    moved = walk.carry_on_root()
    made = read_bvh(moved.save(tmp_path / "root.bvh", rig=moved.rig))
    assert made.names[:2] == ("root", "pelvis")
    np.testing.assert_allclose(Motion.read(tmp_path / "root.bvh").joints, walk.joints, atol=1e-3)


def test_a_joint_called_root_stays_the_only_one_of_its_name(make_rig_bvh, schemes, tmp_path):
    names = ["root", *schemes["Mixamo"][1:]]
    clip = Motion.read(write_bvh(make_rig_bvh(names), tmp_path / "walk.bvh"))
    assert clip.carry_on_root().rig.names[:2] == ("root_2", "root")
