"""Editing: kept frames are the clip's own bit by bit, in memory and in the file; new parts go on from them."""

import numpy as np
import pytest

from lead.control.constraints import PARTS
from lead.control.edit import _fit_to_body, _note_snaps, edit_clip, list_new_parts
from lead.errors import LeadError
from lead.motion import Motion, ReadOptions
from lead.motion.rigs.retarget import measure_rigid_gap
from lead.motion.skeleton import bone_lengths


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    for steps, number in (("STEERED_STEPS", 1), ("REFINED_STEPS", 2)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)


def keep(frames: int, *ranges: tuple[int, int]) -> np.ndarray:
    kept = np.zeros(frames, dtype=bool)
    for first, end in ranges:
        kept[first:end] = True
    return kept


def test_runs_of_new_frames_are_found():
    assert list_new_parts(keep(10, (0, 3), (5, 7))) == [(3, 5), (7, 10)]
    assert list_new_parts(keep(4)) == [(0, 4)]


def test_kept_frames_come_back_bit_by_bit_also_from_the_file(tiny_base, walk, tmp_path):
    path = walk.save(tmp_path / "walk.bvh")
    clip = Motion.read(path, ReadOptions(trim=False))
    kept = keep(len(clip.joints), (0, 20), (36, 60))
    edited = edit_clip(tiny_base, clip, kept, "a person jumps", seed=1)
    np.testing.assert_array_equal(edited.joints[kept], clip.joints[kept])
    assert not np.allclose(edited.joints[26], clip.joints[26], atol=0.01)
    lengths = bone_lengths(clip.joints[0])
    np.testing.assert_allclose(bone_lengths(edited.joints), np.tile(lengths, (60, 1)), atol=1e-4)
    back = Motion.read(edited.save(tmp_path / "edited.bvh", rig=edited.rig), ReadOptions(trim=False))
    np.testing.assert_array_equal(back.joints[kept], clip.joints[kept])
    assert [(mark.start, mark.end, mark.title) for mark in edited.marks] == [(1.0, 1.8, "a person jumps")]
    again = edit_clip(tiny_base, clip, kept, "a person jumps", seed=1)
    np.testing.assert_array_equal(again.joints, edited.joints)


def test_a_part_that_snaps_to_what_is_kept_is_noted(walk):
    joints, kept = walk.joints.astype(np.float64), keep(60, (0, 20), (40, 60))
    assert _note_snaps(joints, kept, 20.0) == []
    joints[38:40, 21] += [0.0, 1.0, 0.0]  # back in one step, at 20 m/s
    (note,) = _note_snaps(joints, kept, 20.0)
    assert note.startswith("at 2.0 s a joint moves at 20 m/s") or note.startswith("at 1.9 s a joint moves at 20 m/s")
    joints[10:12, 21] += [0.0, 3.0, 0.0]  # as fast in the clip itself
    assert _note_snaps(joints, kept, 20.0) == []


def test_a_new_part_goes_on_in_position_and_velocity(walk):
    clip, kept = walk.joints.astype(np.float64), keep(60, (0, 20), (40, 60))
    made = walk.on_one_skeleton().joints.astype(np.float64) + np.array([0.1, 0.05, 0.0])
    fitted = _fit_to_body(made, clip, kept, None, (20.0, 20.0))
    np.testing.assert_allclose(fitted[kept], clip[kept], atol=1e-6)
    assert np.abs(fitted[28:32] - clip[28:32]).max() > 0.005  # the middle is as it was made
    bends, own = (np.linalg.norm(np.diff(some, n=2, axis=0), axis=-1).max(axis=1) for some in (fitted, clip))
    assert (bends < own.max() + 0.01).all()  # meters a frame^2; a jump of 10 cm would be .1


def test_a_new_part_does_not_go_on_with_the_noise_of_a_fast_recording(walk):
    fast = walk.resample(120.0).joints.astype(np.float64)
    kept = keep(len(fast), (0, 120), (240, len(fast)))
    clip = fast + np.random.default_rng(0).normal(0.0, 0.001, (len(fast), 1, 3))  # meters, of the whole body
    fitted = _fit_to_body(walk.joints.astype(np.float64), clip, kept, None, (20.0, 120.0))
    np.testing.assert_allclose(fitted[[119, 240]], clip[[119, 240]], atol=1e-6)
    assert np.linalg.norm(fitted - clip, axis=-1).max() < 0.2  # meters; 0.8 where it goes on from one frame to the next


def test_a_new_part_has_the_clips_hips_and_chest(walk):
    clip, kept = walk.joints.astype(np.float64), keep(60, (0, 20), (40, 60))
    made = walk.on_one_skeleton().joints.astype(np.float64)
    for side, joint in ((0.06, 1), (-0.06, 2), (0.05, 13), (-0.05, 14)):  # as no one rotation moves them
        made[:, joint] += [0.0, side, 0.0]
    fitted = _fit_to_body(made, clip, kept, None, (20.0, 20.0))
    both = np.where(kept[:, None, None], clip, made)
    assert measure_rigid_gap(both, 20.0).max() > 0.02, "as a body would be that is made of both"
    assert measure_rigid_gap(fitted, 20.0).max() < 0.005


@pytest.mark.parametrize("half", ["legs", "upper_body"])
def test_half_of_the_body_is_kept(tiny_base, walk, half):
    edited = edit_clip(tiny_base, walk, np.zeros(60, dtype=bool), "a person waves", half=half)
    assert not np.allclose(edited.joints, walk.joints, atol=0.01)
    if half == "legs":
        np.testing.assert_array_equal(edited.joints[:, PARTS["legs"]], walk.joints[:, PARTS["legs"]])
        return
    arms = [(some[:, 18] - some[:, 16]) / bone_lengths(some)[:, 18:19] for some in (edited.joints, walk.joints)]
    np.testing.assert_allclose(arms[0][:, 1], arms[1][:, 1], atol=0.02)


@pytest.mark.parametrize(
    ("kept", "half", "message"),
    [
        (keep(60, (0, 60)), None, "walk-0: all frames are kept"),
        (keep(60), None, "walk-0: nothing is kept"),
        (keep(59, (0, 9)), None, "expected one a frame"),
        (keep(60), "head", "there is no half 'head'; expected legs or upper_body"),
    ],
)
def test_what_cannot_be_edited_is_refused(tiny_base, walk, kept, half, message):
    with pytest.raises(LeadError, match=message):
        edit_clip(tiny_base, walk, kept, "a person waves", half=half)


def test_a_part_that_is_too_long_is_refused(tiny_base, walk):
    long = Motion(np.tile(walk.joints, (5, 1, 1)), walk.fps, name="long")
    with pytest.raises(LeadError, match=r"long: a new part of 14 s .* the base makes 9.8 s at once"):
        edit_clip(tiny_base, long, keep(300, (0, 40)), "a person waves")


def test_a_clip_far_from_the_origin_is_edited_as_one_beside_it(tiny_base, walk):
    kept, away = keep(60, (0, 20), (36, 60)), np.array([512.0, 0.0, -256.0])
    near = edit_clip(tiny_base, walk, kept, "a person jumps")
    far = edit_clip(tiny_base, Motion(walk.joints + away, 20.0), kept, "a person jumps")
    np.testing.assert_allclose(far.joints - away, near.joints, atol=0.02)
