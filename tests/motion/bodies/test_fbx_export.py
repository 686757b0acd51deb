"""FBX by Blender: what it is given, and what is said where it is missing. Blender itself only where it is installed."""

import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lead.motion import Motion, MotionError
from lead.motion.bodies import fbx_export
from lead.motion.rigs.retarget import motion_to_rig
from lead.motion.rigs.rig import read_rig
from lead.motion.skeleton import JOINTS


def has_blender() -> bool:
    try:
        return bool(fbx_export.find_blender())
    except MotionError:
        return False


needs_blender = pytest.mark.skipif(not has_blender(), reason="no Blender (pip install bpy, or set LEAD_BLENDER)")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A program in Blender's place: gives what it is given as the FBX, and notes its arguments."""
    program = tmp_path / "stand-in"
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\nshutil.copy(sys.argv[-2], sys.argv[-1])\n"
        f"open({str(tmp_path / 'arguments')!r}, 'w').write('\\n'.join(sys.argv[1:]))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LEAD_BLENDER", str(program))
    return tmp_path


@pytest.fixture
def no_blender(monkeypatch):
    monkeypatch.delenv("LEAD_BLENDER", raising=False)
    monkeypatch.setattr(fbx_export.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(fbx_export.shutil, "which", lambda name: None)


def read_places(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What Blender is given, and the joints' places in meters, by Blender's arithmetic: rest, then what moves it."""
    data = dict(np.load(path))
    rest, parents = data["rest"], data["parents"].tolist()
    local = np.array([np.linalg.inv(rest[parent]) @ own if parent >= 0 else own
                      for parent, own in zip(parents, rest, strict=True)])  # fmt: skip
    basis = np.tile(np.eye(4), (*data["locations"].shape[:2], 1, 1))
    w, x, y, z = np.moveaxis(data["rotations"], -1, 0)
    basis[..., :3, :3] = np.moveaxis(np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]), (0, 1), (-2, -1))  # fmt: skip
    basis[..., :3, 3] = data["locations"] * data["moving"][:, None]
    posed = local @ basis
    world = posed.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ posed[:, joint]
    return data, world[..., :3, 3] / 100


def test_blender_is_given_the_motion_and_the_mannequin(stand_in, make_walk):
    walk = make_walk(8, heading=0.5)
    data, places = read_places(Motion(walk, 60.0, name="a walk").save(stand_in / "clip.fbx"))
    assert np.linalg.norm(places[:, :22] - walk, axis=-1).max() < 0.001
    assert data["names"][:22].tolist() == list(JOINTS) and data["names"][-1] == "right_wrist_end"
    assert float(data["fps"]) == 60 and str(data["title"]) == "a walk"
    assert data["rest"][:22, 1, 3].min() == pytest.approx(0, abs=1e-6)  # its T-pose stands on the floor
    assert len(data["weights"]) == len(data["vertices"]) > 1000 and data["vertices"][:, 1].max() > 150
    arguments = (stand_in / "arguments").read_text().split("\n")
    assert arguments[:2] == ["--background", "--factory-startup"] and "--python-exit-code" in arguments
    assert arguments[-4] == str(fbx_export.SCRIPT) and fbx_export.SCRIPT.is_file() and arguments[-3] == "--"
    assert arguments[-1].endswith(".fbx") and not Path(arguments[-1]).exists()


@pytest.mark.parametrize("axes", [False, True])
def test_a_rig_has_its_own_names_rate_and_axes(stand_in, make_walk, make_rig_bvh, schemes, axes):
    bvh = make_rig_bvh(schemes["Mixamo"], up="Z")
    rig, _ = read_rig(bvh)
    if axes:
        rig = replace(rig, axes=np.tile([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]], (22, 1, 1)))
    motion = Motion(make_walk(20), 60.0)
    data, places = read_places(motion.save(stand_in / "clip.fbx", rig=rig))
    expected = rig.to_world(motion_to_rig(motion.resample(30.0).joints, rig).world()[0])
    np.testing.assert_allclose(places[:, : len(bvh.names)], expected, atol=1e-6)
    assert data["names"].tolist() == schemes["Mixamo"] and float(data["fps"]) == 30 and "vertices" not in data
    to_world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    turned = to_world @ rig.axes if axes else np.tile(np.eye(3), (22, 1, 1))
    np.testing.assert_allclose(data["rest"][:, :3, :3], turned, atol=1e-12)


def test_moving_hips_are_not_at_the_tip_of_the_bone_below_them(stand_in, make_walk, make_rig_bvh):
    bvh = make_rig_bvh(list(JOINTS))
    rooted = replace(
        bvh, names=("root", *bvh.names), parents=(-1, *(parent + 1 for parent in bvh.parents)),
        offsets=np.concatenate([[[0.0, 0, 0]], [[0.0, 93.0, 0.0]], bvh.offsets[1:]]), channels=((), *bvh.channels),
    )  # fmt: skip
    rig, _ = read_rig(rooted)
    data, _ = read_places(Motion(make_walk(20), 30.0).save(stand_in / "clip.fbx", rig=rig))
    assert data["moving"][:3].tolist() == [True, True, False]
    assert 0.005 < np.abs(data["rest"][1, [0, 2], 3]).max() < 0.02


def test_a_missing_blender_is_said_with_the_way_to_get_it(tmp_path, make_walk, no_blender, monkeypatch):
    with pytest.raises(MotionError, match=r"lead-invert\[fbx\].*Python.*LEAD_BLENDER.*GNU GPL.*process of its own"):
        Motion(make_walk(2)).save(tmp_path / "clip.fbx")
    monkeypatch.setenv("LEAD_BLENDER", "no-such-blender")
    with pytest.raises(MotionError, match="LEAD_BLENDER=no-such-blender: no such program"):
        Motion(make_walk(2)).save(tmp_path / "clip.fbx")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_blender_is_quoted_and_leaves_nothing(tmp_path, make_walk, monkeypatch):
    program = tmp_path / "fails"
    program.write_text("#!/bin/sh\necho out of paint >&2\nexit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LEAD_BLENDER", str(program))
    with pytest.raises(MotionError, match=r"clip.fbx: Blender .*fails.* did not write it: out of paint"):
        Motion(make_walk(2)).save(tmp_path / "clip.fbx")
    assert [path.name for path in tmp_path.iterdir()] == ["fails"]


def test_a_python_runs_the_script_without_its_folder_on_the_path(monkeypatch):
    monkeypatch.setenv("LEAD_BLENDER", sys.executable)
    assert fbx_export.find_blender() == [shutil.which(sys.executable), "-P", str(fbx_export.SCRIPT)]
    monkeypatch.setenv("PYTHONPATH", "ours")
    assert fbx_export._environment(sys.executable)["PYTHONPATH"] == "ours"
    assert "PYTHONPATH" not in fbx_export._environment("blender")


@needs_blender
def test_what_blender_writes_is_read(tmp_path, make_walk, make_rig_bvh, schemes):
    motion = Motion(make_walk(20), 60.0)
    rig, _ = read_rig(make_rig_bvh(schemes["Mixamo"]))
    own, on_rig = motion.save(tmp_path / "own.fbx"), motion.save(tmp_path / "rig.fbx", rig=rig)
    assert own.read_bytes() == motion.save(tmp_path / "again.fbx").read_bytes()
    back = Motion.read(own)
    assert (back.fps, len(back.joints)) == (60, 20)
    assert np.linalg.norm(back.joints - motion.joints, axis=-1).max() < 0.001
    assert set(schemes["Mixamo"]) <= set(Motion.read(on_rig).rig.names) and Motion.read(on_rig).fps == 30
