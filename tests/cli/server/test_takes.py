"""Takes: any timeline becomes pieces that the base makes, and a motion of exactly its frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_walk

from cli.server.takes import Segment, plan_take
from lead.motion import Motion

RANGE = (0.8, 9.8)
WALK = synthesize_walk()


def make(seconds: float) -> Motion:
    """What the base gives for a length: a multiple of four frames, at 20 fps."""
    frames = round(seconds * 5) * 4
    return Motion(np.resize(WALK.joints, (frames, 22, 3)))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=5),
    st.sampled_from([1.0, 12.5, 20.0, 24.0, 29.97, 30.0, 60.0, 240.0]),
)
def test_any_timeline_has_its_frames(lengths, fps):
    lengths = [min(length, int(30 * fps)) for length in lengths]
    take = plan_take([Segment("a", length, n) for n, length in enumerate(lengths)], fps, RANGE)
    assert all(RANGE[0] <= piece.seconds <= RANGE[1] for piece in take.pieces)
    assert sum(piece.keep for piece in take.pieces) == pytest.approx(sum(lengths) / fps)
    motion = take.assemble([make(piece.seconds) for piece in take.pieces])
    assert (len(motion.joints), motion.fps) == (sum(lengths), fps)


def test_one_segment_is_what_the_base_makes_but_for_its_rate():
    motion = plan_take([Segment("a", 120, 3)], 30.0, RANGE).assemble([made := make(4.0)])
    np.testing.assert_allclose(motion.joints[[0, -1]], made.joints[[0, -1]], atol=1e-5)


def test_pieces_of_a_long_segment_draw_other_noise():
    take = plan_take([Segment("a", 600, 3), Segment("b", 30, 3)], 30.0, RANGE)
    assert [piece.prompt for piece in take.pieces] == ["a", "a", "a", "b"]
    assert len({piece.seed for piece in take.pieces[:3]}) == 3
    assert take.pieces[3].seed == 3
