"""Reports on clips: figures that are known beforehand, and a verdict for each fault."""

from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_wave

from benchmarks.pack import has_pack, pack_folder
from lead import Motion
from lead.eval.clip_quality import check_clip, refuse_clip
from lead.motion.skeleton import BONE_LENGTHS


def test_a_sound_clip_is_green():
    clip = check_clip(synthesize_wave(3.0, 30.0))
    assert (clip.verdict, clip.reasons, clip.spikes, clip.pieces, clip.matched) == ("green", (), (), 1, 22)
    assert (clip.frames, clip.fps, clip.seconds) == (90, 30.0, 3.0)
    assert clip.height == pytest.approx(BONE_LENGTHS[[4, 5, 7, 8]].sum() / 2 / 0.491, abs=0.01)
    assert clip.facing == pytest.approx(0, abs=1)


def test_floor_facing_and_pieces_are_measured():
    clip = synthesize_wave(25.0)
    turned = clip.joints @ np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]]).T + [0, 0.3, 0]  # +Z to -X
    clip = check_clip(replace(clip, joints=turned))
    assert clip.floor == pytest.approx(0.3, abs=0.01)
    assert clip.facing == pytest.approx(-90, abs=1)
    assert clip.pieces == 3
    assert clip.verdict == "green"


def shake(joints: np.ndarray) -> np.ndarray:
    return joints + np.random.default_rng(0).normal(size=joints.shape) * 0.02


def make_jump(joints: np.ndarray) -> np.ndarray:
    moved = joints.copy()
    moved[20, 20] += 0.6
    moved[45:, :, 0] += 2.0
    return moved


def slide_feet(joints: np.ndarray) -> np.ndarray:
    still = np.repeat(joints[:1], len(joints), axis=0)
    still[:, :, 0] += np.arange(len(joints))[:, None] * 0.05
    return still


def place(joints: np.ndarray, joint: int, there: int) -> np.ndarray:
    """With a joint that lies in another one."""
    moved = joints.copy()
    moved[:, joint] = moved[:, there]
    return moved


@pytest.mark.parametrize(
    ("spoil", "verdict", "says"),
    [
        (lambda joints: joints[:15], "red", "too short: 0.75 s, at least 0.85 s are needed"),
        (lambda joints: joints * [1, -1, 1], "red", "upside down: state the axis that points up, -Y for instance"),
        (lambda joints: joints[..., [1, 0, 2]], "amber", "lies or crawls: state the axis"),
        (lambda joints: joints * 2.54, "amber", "a person of 4.2. m: state the unit"),
        (lambda joints: joints * 1000, "red", "a person of 16.* m: the unit is wrong; state it"),
        (lambda joints: joints * 0.01, "red", "a person of 0.016.* m: the unit is wrong; state it"),
        (lambda joints: place(joints, 15, 20), "red", "the head is 0.*below the shoulders of a body that stands"),
        (lambda joints: place(joints, 18, 16), "red", "upper arm and forearm of 0.00 .* taken for others"),
        (lambda joints: place(joints, 4, 1), "red", "thigh and shin of 0.00 and"),
        (lambda joints: joints + np.array([0, 90, 0]), "amber", "the floor is at 90 m: state the unit"),
        (slide_feet, "amber", "feet slide in 100% of the steps"),
        (make_jump, "amber", "a joint jumps at 0.95, 2.20 s"),
        (shake, "amber", "it shakes"),
        (lambda joints: joints * [-1, 1, 1], "amber", "left and right may be exchanged"),
    ],
)
def test_each_fault_has_its_verdict(spoil, verdict, says):
    import re

    clip = check_clip(Motion(spoil(synthesize_wave(3.0).joints)))
    assert clip.verdict == verdict
    assert re.search(says, clip.reasons[0]), clip.reasons


def test_notes_are_doubts_but_for_a_pose_that_was_cut():
    clip = synthesize_wave()
    cut = check_clip(replace(clip, notes=("5 frames of a T-pose or rest pose at the start cut",)))
    assert (cut.verdict, cut.reasons, len(cut.notes)) == ("green", (), 1)
    guessed = check_clip(replace(clip, notes=("legs of 0.4 m",)))
    assert (guessed.verdict, guessed.reasons) == ("amber", ("legs of 0.4 m",))
    assert refuse_clip("it is broken").verdict == "red"


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
def test_recorded_files_are_green():
    for path in sorted(pack_folder().glob("exemplars/*/*_001.bvh")) + sorted(pack_folder().glob("raw_bvh/cmu*")):
        clip = check_clip(Motion.read(path))
        assert (clip.verdict, clip.reasons) == ("green", ()), path
        assert 1.5 < clip.height < 1.8
        assert clip.rig in ("Bandai-Namco", "Daz")
