"""`Motion`'s edits: trim, speed, rate, loop, repeat; each is a motion, with its rig's clip edited alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_steps

from lead.motion import Motion, MotionError
from lead.motion.motion_like import TimeMark
from lead.motion.processing.foot_lock import find_contacts
from lead.motion.processing.ik import TOES
from lead.motion.processing.loop import is_closed, measure_seam
from lead.motion.processing.rigid import is_rigid


def standing_slide(motion: Motion, contacts: np.ndarray) -> float:
    """Meters that toes move over the floor in all steps of a standing foot together."""
    toes = motion.joints[:, TOES][..., [0, 2]].astype(np.float64)
    return float(np.linalg.norm(np.diff(toes, axis=0), axis=-1)[contacts[1:] & contacts[:-1]].sum())


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([20.0, 30.0, 59.94, 120.0]), st.floats(0, 1.2), st.floats(0.1, 1.6))
def test_trim_keeps_the_frames_between_two_times(fps, start, length):
    walk = synthesize_steps(3.0, fps=fps)
    cut = walk.trim(start, start + length)
    times = np.arange(len(walk.joints)) / fps
    inside = (times >= start - 1e-6 / fps) & (times <= start + length + 1e-6 / fps)
    np.testing.assert_array_equal(cut.joints, walk.joints[inside])


def test_trim_with_an_open_end(walk):
    np.testing.assert_array_equal(walk.trim(1.0).joints, walk.joints[20:])
    np.testing.assert_array_equal(walk.trim(end=1.0).joints, walk.joints[:21])
    np.testing.assert_array_equal(walk.trim().joints, walk.joints)


@pytest.mark.parametrize("span", [(2.0, 1.0), (-1.0, 1.0), (0.0, 9.0), (5.0, None), (1.0, 1.0)])
def test_trim_to_nothing_is_an_error(walk, span):
    with pytest.raises(MotionError, match=r"of a motion of 2\.95 s; expected a start before the end, both within it"):
        walk.trim(*span)


@pytest.mark.parametrize("speed", [0.5, 1.5, 3.0])
def test_feet_that_stand_do_so_at_any_speed(speed):
    walk = synthesize_steps(4.0, fps=60.0)
    fast = walk.change_speed(speed)
    assert fast.fps == walk.fps
    assert fast.seconds == pytest.approx(walk.seconds / speed, abs=0.05)
    np.testing.assert_allclose(fast.joints[0], walk.joints[0], atol=1e-6)
    np.testing.assert_allclose(fast.joints[-1, 0], walk.joints[-1, 0], atol=0.05)
    contacts = find_contacts(walk.joints, 60.0)
    times = np.arange(len(fast.joints)) * speed
    later = contacts[np.floor(times).astype(int)] & contacts[np.minimum(np.ceil(times).astype(int), 239)]
    assert standing_slide(fast, later) < 1.05 * standing_slide(walk, contacts)


def test_a_motion_on_the_one_skeleton_stays_on_it_at_another_speed(walk):
    assert is_rigid(walk.on_one_skeleton().change_speed(1.3).joints)


@pytest.mark.parametrize("speed", [0.0, 0.05, 11.0, float("nan")])
def test_speeds_that_nobody_wants_are_errors(walk, speed):
    with pytest.raises(MotionError, match=r"times as fast; expected 0\.1 to 10"):
        walk.change_speed(speed)


def test_a_loop_goes_on_again_and_again():
    loop = synthesize_steps(4.0).loop()
    assert len(loop.joints) == 21
    ten = loop.repeat(10)
    assert len(ten.joints) == 201
    np.testing.assert_allclose(ten.joints[-1], loop.joints[0] + 10 * (loop.joints[-1] - loop.joints[0]), atol=1e-4)
    assert np.abs(ten.in_place().joints[:, 0, [0, 2]]).max() < 0.02


def test_a_motion_without_a_cycle_is_no_loop(walk):
    with pytest.raises(MotionError, match="only a loop can be repeated"):
        walk.repeat(2)
    with pytest.raises(MotionError, match="expected 1 to"):
        synthesize_steps(4.0).loop().repeat(0)
    with pytest.raises(MotionError, match="expected 1 to 100,000 frames"):
        synthesize_steps(4.0).loop().repeat(10_000)
    rng = np.random.default_rng(0)
    with pytest.raises(MotionError, match="no cycle: the best goes from"):
        Motion(walk.joints + np.cumsum(rng.normal(0, 0.03, walk.joints.shape), axis=0)).loop()


def test_a_stated_cycle_is_taken(walk):
    cycle = walk.measure_cycle(0.5, 1.5)
    assert (cycle.first, cycle.last) == (10, 30)
    assert len(walk.loop(cycle).joints) == 21
    with pytest.raises(MotionError, match=r"from 2 s to 4 s of a motion of 2\.95 s"):
        walk.measure_cycle(2.0, 4.0)


def test_marks_go_along(walk):
    marked = replace(walk, marks=(TimeMark(0.0, 1.0, "first"), TimeMark(1.0, 2.0, "second"), TimeMark(2.5, 2.5, "key")))
    assert marked.trim(0.5, 2.0).marks == (TimeMark(0.0, 0.5, "first"), TimeMark(0.5, 1.5, "second"))
    faster = marked.change_speed(2.0)
    assert faster.marks[1:] == (TimeMark(0.5, 1.0, "second"), TimeMark(1.25, 1.25, "key"))
    assert marked.change_rate(60.0).marks == marked.in_place().marks == marked.marks
    assert marked.mirror().marks == ()


def test_clips_of_few_frames_a_second_are_sped_up_too(walk):
    slow = replace(walk, fps=0.5)
    np.testing.assert_allclose(slow.change_speed(7.0).joints, walk.change_speed(7.0).joints, atol=1e-5)


def test_what_no_frame_is_left_of_is_told(walk):
    with pytest.raises(MotionError, match=r"no frame from 0.01 s to 0.02 s: there is one each 0.05 s"):
        walk.trim(0.01, 0.02)


@pytest.mark.parametrize("edit", ["resample", "change_rate", "change_speed"])
@settings(deadline=None, max_examples=8)
@given(st.floats(0.4, 3.0))
def test_a_loop_stays_one_at_any_rate_and_speed(edit, factor):
    loop = synthesize_steps(3.0, fps=23.0).loop()
    fps = 23.0 if edit == "change_speed" else factor * 23.0
    made = loop.change_speed(1 / factor) if edit == "change_speed" else getattr(loop, edit)(fps)
    assert is_closed(made.joints) and made.fps == fps
    frames = (len(loop.joints) - 1) * factor
    assert abs(len(made.joints) - 1 - frames) <= 0.5 + 1e-6, "by half a frame at most its time changes"
    seam = measure_seam(made.joints, fps)
    assert seam.jump < 2 * seam.median_jump and seam.step < 1.5 * seam.median_step
    assert len(made.repeat(3).joints) == 3 * (len(made.joints) - 1) + 1


def test_a_loop_on_a_rig_stays_one(tmp_path):
    synthesize_steps(3.0, fps=23.0).save(tmp_path / "walk.bvh")
    Motion.read(tmp_path / "walk.bvh").loop().save(tmp_path / "loop.bvh")
    looped = Motion.read(tmp_path / "loop.bvh")
    for made in (looped.change_rate(30.0), looped.change_speed(1.3)):
        made.save(tmp_path / "made.bvh", rig=made.rig)
        back = Motion.read(tmp_path / "made.bvh")
        assert len(back.joints) == len(made.joints) == len(made.rig.recorded)
        assert is_closed(back.joints)
