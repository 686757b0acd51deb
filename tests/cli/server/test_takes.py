"""Takes: any timeline becomes a piece that the base makes, and a motion of exactly its frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_walk

from cli.server.takes import ANYTHING, Piece, Segment, Take, plan_take
from lead.control.timeline import TRANSITION
from lead.errors import LeadError
from lead.motion import Motion

WALK = synthesize_walk()


def make(piece: Piece) -> Motion:
    """What the base gives for a piece: a multiple of four frames, at 20 fps."""
    return Motion(np.resize(WALK.joints, (round(piece.seconds * 5) * 4, 22, 3)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=6),
    st.sampled_from([1.0, 12.5, 20.0, 24.0, 29.97, 30.0, 60.0, 240.0]),
)
def test_any_timeline_has_its_frames(lengths, fps):
    segments = [
        Segment("" if empty else "a", min(length, int(30 * fps)), n) for n, (length, empty) in enumerate(lengths)
    ]
    short = [one for one in segments if one.prompt and one.frames / fps < 0.8 - 1e-6]
    if len(segments) > 1 and short:
        with pytest.raises(LeadError, match="in a sequence"):
            plan_take(segments, fps)
        return
    take = plan_take(segments, fps)
    assert all(part.seconds >= 0.8 - 1e-9 for part in take.piece.parts)
    steps = np.array([part.seconds for part in take.piece.parts]) / 0.2
    np.testing.assert_allclose(steps, steps.round(), atol=1e-5)
    frames = sum(one.frames for one in segments)
    motion = take.assemble(make(take.piece))
    assert (len(motion.joints), motion.fps) == (frames, fps)
    assert 0 <= take.to_seconds(frames - 1) <= take.piece.seconds
    assert take.to_seconds(0) == 0


def test_one_segment_is_what_the_base_makes_but_for_its_rate():
    take = plan_take([Segment("a", 120, 3)], 30.0)
    motion = take.assemble(made := make(take.piece))
    np.testing.assert_allclose(motion.joints[[0, -1]], made.joints[[0, -1]], atol=1e-5)
    assert take.to_seconds(119) == pytest.approx(79 / 20)
    assert take.piece.fits(9.8)


def test_a_segment_without_a_prompt_that_is_too_short_is_left_to_its_neighbor():
    short = Segment("", 7, 0)
    take = plan_take([short, Segment("a", 60, 1), short, Segment("b", 60, 2), short], 30.0, transition=0.4)
    assert [(part.prompt, part.seconds) for part in take.piece.parts] == [("a", 2.4), ("b", 2.4)]
    assert (take.frames, take.borders, take.piece.transition) == (141, (72,), 0.4)
    assert plan_take([short, short], 30.0).piece.prompts == []


def test_pieces_that_are_made_alone():
    two = plan_take([Segment("a", 60, 1), Segment("", 60, 2)], 30.0).piece
    long = plan_take([Segment("a", 600, 1)], 30.0).piece
    assert not two.fits(9.8)
    assert not long.fits(9.8)
    timeline = two.to_timeline()
    assert (timeline.prompts, timeline.transition) == (["a", ANYTHING], TRANSITION)
    assert [segment.seed for segment in timeline.segments] == [1, 2]


def test_a_take_knows_when_its_frames_are():
    take = Take(plan_take([Segment("a", 121, 0)], 30.0).piece, 121, 30.0, ())
    assert take.count_own(20.0) == 80
    assert take.to_seconds(60) == pytest.approx(79 / 40)
