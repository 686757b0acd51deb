"""Edits of a rig's own clip: rotations follow the joints, and come back from the file as they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.motion import Motion, MotionError, ReadOptions, read_bvh, write_bvh
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs import recorded
from lead.motion.rigs.rig import read_rig

Names = dict[str, list[str]]


def rotations(bvh: Bvh) -> np.ndarray:
    return bvh.local()[1]


def degrees_apart(a: np.ndarray, b: np.ndarray) -> float:
    cosines = (np.einsum("...ij,...ij->...", a, b) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())


@pytest.fixture
def clip(make_rig_bvh, schemes: Names, tmp_path: Path) -> Motion:
    """A walk on Mixamo's joints, with wrists that turn as only the clip itself tells."""
    bvh = make_rig_bvh(schemes["Mixamo"])
    bvh.values[:, bvh.list_columns([20, 21])] += np.linspace(0, 80, 60)[:, None]
    return Motion.read(write_bvh(bvh, tmp_path / "walk.bvh"))


def written(motion: Motion, path: Path) -> Bvh:
    return read_bvh(motion.save(path, rig=motion.rig))


def test_trimmed_and_in_place_clips_keep_their_rotations(clip, tmp_path):
    before = rotations(read_bvh(tmp_path / "walk.bvh"))
    for motion in (clip.trim(0.5, 1.5), clip.trim(0.5, 1.5).in_place()):
        assert len(motion.joints) == 31
        assert degrees_apart(rotations(written(motion, tmp_path / "cut.bvh")), before[15:46]) < 0.01


def test_another_rate_keeps_the_rotations_of_the_frames_that_it_shares(clip, tmp_path):
    double = clip.change_rate(60.0)
    bvh = written(double, tmp_path / "double.bvh")
    assert bvh.fps == 60 and double.rig.fps == 60 and len(bvh.values) == 119
    assert degrees_apart(rotations(bvh)[::2], rotations(read_bvh(tmp_path / "walk.bvh"))) < 0.02


def test_a_mirrored_clip_has_mirrored_rotations_and_comes_back(clip, tmp_path):
    mirrored = clip.mirror()
    assert mirrored.rig.recorded is not None
    back = Motion.read(mirrored.save(tmp_path / "mirrored.bvh", rig=mirrored.rig))
    np.testing.assert_allclose(back.joints, mirrored.joints, atol=0.04)  # sides differ by 1 cm
    left, right = (back.rig.names.index(f"mixamorig:{side}Hand") for side in ("Left", "Right"))
    turned = rotations(read_bvh(tmp_path / "mirrored.bvh"))
    flip = np.diag([-1.0, 1, 1])
    assert degrees_apart(turned[:, left], flip @ rotations(read_bvh(tmp_path / "walk.bvh"))[:, right] @ flip) < 0.02
    twice = mirrored.mirror()
    np.testing.assert_array_equal(twice.joints, clip.joints)
    assert (
        degrees_apart(rotations(written(twice, tmp_path / "twice.bvh")), rotations(read_bvh(tmp_path / "walk.bvh")))
        < 0.01
    )


def test_rigs_of_all_makers_are_mirrored(make_rig_bvh, schemes, tmp_path):
    for maker, up in (("CMU", "Y"), ("Bandai-Namco", "Y"), ("Unreal", "Z"), ("3ds Max Biped", "Z"), ("Rigify", "Y")):
        clip = Motion.read(write_bvh(make_rig_bvh(schemes[maker], up=up).take_first(20), tmp_path / "clip.bvh"))
        mirrored = clip.mirror()
        assert mirrored.rig.recorded is not None, maker
        own = read_rig(recorded._to_bvh(mirrored.rig), ReadOptions(up=up))[1]
        assert np.linalg.norm(own - mirrored.joints, axis=-1).max() < 0.02, maker  # sides differ by 1 cm


def test_fingers_find_their_side_by_name(clip):
    names = (*clip.rig.names, "LeftThumb", "RightThumb", "lthumb", "rthumb", "Root", "lookat")
    more = len(names) - len(clip.rig.names)
    rig = replace(clip.rig, names=names, parents=(*clip.rig.parents, *[0] * more))
    found = {names[joint]: names[recorded._find_other(rig, joint)] for joint in range(len(names) - more, len(names))}
    assert found == {
        "LeftThumb": "RightThumb", "RightThumb": "LeftThumb", "lthumb": "rthumb", "rthumb": "lthumb",
        "Root": "Root", "lookat": "lookat",
    }  # fmt: skip


def test_a_rig_with_unlike_sides_is_mirrored_without_its_rotations(clip):
    offsets = clip.rig.offsets.copy()
    offsets[4] *= 1.3
    lame = replace(clip, rig=replace(clip.rig, offsets=offsets))
    assert lame.mirror().rig.recorded is None


def test_a_loop_closes_what_only_the_clip_tells(clip, tmp_path):
    looped = clip.loop(clip.measure_cycle(0.2, 1.3))
    bvh = rotations(written(looped.repeat(2), tmp_path / "twice.bvh"))
    hands = [clip.rig.names.index(f"mixamorig:{side}Hand") for side in ("Left", "Right")]
    steps = [degrees_apart(bvh[n][hands], bvh[n + 1][hands]) for n in range(len(bvh) - 1)]
    before = rotations(read_bvh(tmp_path / "walk.bvh"))
    assert degrees_apart(before[39][hands], before[6][hands]) > 40
    assert max(steps[32:34]) < 1.5 * max(steps[:32]) < 10


def test_frames_of_another_motion_are_not_the_clips_own(clip):
    other = replace(clip, joints=clip.joints[:30])
    assert other.trim(0.1).rig.recorded is None


def test_more_rotations_than_fit_are_refused(clip, monkeypatch):
    monkeypatch.setattr(recorded, "MAX_ROTATIONS", 22 * 100)
    with pytest.raises(MotionError, match="591 frames of 22 joints are more rotations than 2,200; cut the clip"):
        clip.change_speed(0.1)


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_warping_by_whole_frames_gives_these_frames(frames, seed):
    from lead.motion.rigs.own_rig import build_own_rig
    from lead.motion.skeleton import PARENTS, tpose

    rest = tpose()
    offsets = np.concatenate([rest[:1] * 0, rest[1:] - rest[list(PARENTS[1:])]])
    rig = build_own_rig(offsets, 20.0)
    values = np.random.default_rng(seed).uniform(-80, 80, (frames, 69)).astype(np.float32)
    rig = replace(rig, recorded=values)
    at = np.arange(frames - 1, -1, -1).astype(float)
    warped, taken = recorded.warp_times(rig, at, 20.0), recorded.take_frames(rig, at.astype(int))
    (there, theirs), (here, ours) = recorded._to_bvh(warped).local(), recorded._to_bvh(taken).local()
    np.testing.assert_allclose(there, here, atol=1e-4)
    assert degrees_apart(theirs, ours) < 0.05


@pytest.mark.parametrize(
    ("name", "other"),
    [("LeftArm", "RightArm"), ("Shoulder_L", "Shoulder_R"), ("lCollar", "rCollar"), ("LHipJoint", "RHipJoint"),
     ("Bip01 L Thigh", "Bip01 R Thigh"), ("thigh_l", "thigh_r"), ("leftleg", "rightleg"), ("Head", "Head"),
     ("LEFT_KNEE", "RIGHT_KNEE"), ("mixamorig:LeftHand", "mixamorig:RightHand"), ("pelvis", "pelvis")],
)  # fmt: skip
def test_names_of_the_other_side(name, other):
    assert recorded._SIDE.sub(recorded._swap_side, name) == other
