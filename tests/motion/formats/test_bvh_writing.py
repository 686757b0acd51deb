"""Writing BVH: numbers as text, several roots."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lead.motion.formats.bvh import Bvh, format_bvh, parse_bvh
from lead.motion.formats.decimals import format_numbers, parse_numbers

NUMBERS = st.floats(-1e9, 1e9) | st.floats(-2e-6, 2e-6) | st.integers(-400, 400).map(float)


@settings(deadline=None, max_examples=60)
@given(st.lists(NUMBERS, min_size=1, max_size=12), st.integers(1, 3))
def test_numbers_are_written_as_they_are_read(numbers, rows):
    array = np.tile(numbers, (rows, 1))
    text = format_numbers(array)
    assert text.count("\n") == rows
    assert "-0.000000" not in text
    np.testing.assert_array_equal(parse_numbers(text.encode()), np.rint(array.ravel() * 1e6) / 1e6)
    assert [len(line.split(" ")) for line in text.splitlines()] == [len(numbers)] * rows


def test_several_roots_are_written_as_they_are_read(make_rig_bvh, schemes):
    one = make_rig_bvh(schemes["Mixamo"])
    two = Bvh(
        (*one.names, "Prop"), (*one.parents, -1), np.concatenate([one.offsets, np.ones((1, 3))]),
        (*one.channels, one.channels[0]), ((22, (0.0, 1.0, 0.0)),),
        np.concatenate([one.values, one.values[:, :6] + 1], axis=1), one.frame_time,
    )  # fmt: skip
    again = parse_bvh(format_bvh(two).encode())
    assert again.names.count("Prop") == 1
    assert again.parents.count(-1) == 2
    prop = again.names.index("Prop")
    np.testing.assert_allclose(again.world()[0][:, prop], two.world()[0][:, -1], atol=1e-5)
