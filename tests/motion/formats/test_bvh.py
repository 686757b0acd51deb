"""BVH text: reading, refusals and their messages; writing gives back what was read."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.pack import has_pack, pack_folder
from lead.motion.errors import MotionError
from lead.motion.formats.bvh import Bvh, format_bvh, parse_bvh, read_bvh, write_bvh
from lead.motion.formats.decimals import parse_numbers

SMALL = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT upper leg
  {
    OFFSET 0 -1.5 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    {
      OFFSET 0 -2 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 1 0 0 90 0 0 0 0
1 1 0 0 0 0 0 0 30
"""


def pack_bvhs() -> list[Path]:
    return sorted([*pack_folder().glob("raw_bvh/*.bvh"), *pack_folder().glob("exemplars/*/*.bvh")])


def test_a_small_file():
    bvh = parse_bvh(SMALL.encode())
    assert bvh.names == ("hip", "upper leg")
    assert bvh.parents == (-1, 0)
    assert bvh.channels[1] == ("Yrotation", "Xrotation", "Zrotation")
    assert bvh.end_sites == ((1, (0.0, -2.0, 0.0)),)
    assert bvh.values.shape == (2, 9)
    assert bvh.fps == 30.0
    positions, _ = bvh.world()
    # a quarter turn about X takes "down" to "back": -Y to -Z
    np.testing.assert_allclose(positions[0], [[0, 1, 0], [0, 1, -1.5]], atol=1e-12)
    np.testing.assert_allclose(positions[1], [[1, 1, 0], [1, -0.5, 0]], atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("  ", "\t").replace("0 1 0 0 90", "0\t1\t0\t0\t90"),
        lambda text: text.replace("0 1 0 0 90 0", "0 1e0 0.0 -0 9.0E+01 0"),
        lambda text: text.replace("CHANNELS 3 Yrotation", "CHANNELS 3 YROTATION").replace("MOTION", "Motion"),
        lambda text: text.replace("\n{", " {").replace("}\nMOTION", "} MOTION"),
        lambda text: "\ufeff" + text + "\n\n",
        lambda text: text.replace("Frames: 2\n", "Frames:\t2\n").replace("Frame Time: ", "Frame Time:"),
    ],
    ids=["crlf", "cr", "tabs", "exponents", "case", "braces", "bom", "colons"],
)
def test_spellings_in_the_wild(change):
    bvh, plain = parse_bvh(change(SMALL).encode()), parse_bvh(SMALL.encode())
    assert bvh.names == plain.names
    assert bvh.channels == plain.channels
    np.testing.assert_array_equal(bvh.values, plain.values)


def test_position_channels_replace_the_offset():
    turns = "Yrotation Xrotation Zrotation"
    text = SMALL.replace(f"3 {turns}", f"4 Yposition {turns}")
    text = text.replace("90 0 0 0 0\n", "90 0 -7 0 0 0\n").replace("0 0 30\n", "-7 0 0 30\n")
    positions, _ = parse_bvh(text.encode()).world()
    np.testing.assert_allclose(positions[:, 1], [[0, 1, -7], [1, -6, 0]], atol=1e-12)


def test_zero_frames_are_a_skeleton_without_motion():
    bvh = parse_bvh((SMALL.split("Frames")[0] + "Frames: 0\nFrame Time: 0.05\n").encode())
    assert bvh.values.shape == (0, 9)
    assert bvh.world()[0].shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("once upon a time", "starts with 'once upon a time'"),
        (SMALL.split("MOTION")[0], "truncated"),
        (SMALL[:-30], "claims 2 frames of 9 channels, but 0 whole frames and 4 numbers of another follow"),
        (SMALL.replace("0 1 0 0 90", "0 1 0 90"), "claims 2 frames of 9 channels, but 1 whole frames and 8 numbers"),
        (SMALL.replace("\n1 1 0", " 1 1 0").replace("Frames: 2", "Frames: 3"), "claims 3 frames .* 2 whole frames"),
        (SMALL.replace("3 Yrotation Xrotation Zr", "2 Yrotation Zr") + "0 0 0 0 0 0\n",
         "claims 2 frames of 8 channels, but 3 whole frames follow"),
        (SMALL.replace("90", "nan"), "frame 0 has the value nan"),
        (SMALL.replace("1 1 0 0", "1 -inf 0 0"), "frame 1 has the value -inf"),
        (SMALL.replace("90", "1e200"), "frame 0 has the value 1e"),
        (SMALL.replace("90", "ninety"), "'ninety' stands where a channel's number was expected"),
        (SMALL.replace("-1.5", "nan"), "OFFSET '0 nan 0'"),
        (SMALL.replace("-1.5", ""), "three numbers"),
        (SMALL.replace("Frames: 2", "Frames: two"), "Frames: two"),
        (SMALL.replace("Frames: 2", "Frames: -2"), "Frames: -2"),
        (SMALL.replace("0.0333333", "0"), "Frame Time: 0"),
        (SMALL.replace("Frames: 2\n", ""), "expected 'Frames:"),
        (SMALL.replace("CHANNELS 3 Y", "CHANNELS 4 Y"), "of joint 'upper leg'"),
        (SMALL.replace("3 Yrotation Xrotation", "3 Yrotation Yrotation"), "different names"),
        (SMALL.replace("CHANNELS 3", "CHANELS 3"), "unexpected 'CHANELS'"),
        (SMALL.replace("}\nMOTION", "MOTION"), "'}' is missing"),
        (SMALL.replace("}\nMOTION", "}\n}\nMOTION"), "one '}' too many"),
        (SMALL.replace("JOINT upper leg", "ROOT upper leg"), "ROOT 'upper leg' stands inside 'hip'"),
        ("HIERARCHY\nMOTION\nFrames: 0\nFrame Time: 1\n", "no ROOT"),
        ("HIERARCHY\n{\n}\nMOTION\nFrames: 0\nFrame Time: 1\n", "no joint's name precedes"),
        ("HIERARCHY\nROOT a\n{\n}\nMOTION\nFrames: 0\nFrame Time: 1\n", "no joint has CHANNELS"),
        ("HIERARCHY\nJOINT a\n{\n}\nMOTION\nFrames: 0\nFrame Time: 1\n", "'a' has no parent"),
        ("HIERARCHY\n" + "ROOT a {\n" + "JOINT b {\n" * 1100 + "MOTION", "more than 1024 joints"),
    ],
)  # fmt: skip
def test_each_broken_file_gives_one_clear_error(tmp_path, text, says):
    path = tmp_path / "clip.bvh"
    path.write_text(text)
    with pytest.raises(MotionError, match=says) as caught:
        read_bvh(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_frame_count_is_not_believed():
    """What is there is read: a killed export's last line, cut short, is left out."""
    whole = parse_bvh(SMALL.encode())
    assert whole.notes == ()
    for claimed in (1, 5, 99999999999999):
        bvh = parse_bvh(SMALL.replace("Frames: 2", f"Frames: {claimed}").encode())
        np.testing.assert_array_equal(bvh.values, whole.values)
        assert bvh.notes == (f"the header claims {claimed} frames, but 2 follow: those were read",)
    cut = parse_bvh(SMALL[:-12].encode())
    np.testing.assert_array_equal(cut.values, whole.values[:1])
    assert "claims 2 frames, but 1 follow" in cut.notes[0]


def test_a_stated_rate_stands_in_place_of_the_files():
    assert parse_bvh(SMALL.encode(), fps=60.0).fps == 60
    assert parse_bvh(SMALL.replace("0.0333333", "0").encode(), fps=60.0).fps == 60
    with pytest.raises(MotionError, match="State the frames a second"):
        parse_bvh(SMALL.replace("0.0333333", "0").encode())


def test_several_roots_are_read_and_written():
    prop = "ROOT sword of light\n{\nOFFSET 1 2 3\nCHANNELS 3 Xposition Yposition Zposition\n"
    text = SMALL.replace("MOTION", prop + "End Site\n{\nOFFSET 0 9 0\n}\n}\nMOTION")
    text = text.replace("90 0 0 0 0\n", "90 0 0 0 0 7 8 9\n").replace("30\n", "30 7 8 10\n")
    bvh = parse_bvh(text.encode())
    assert bvh.names == ("hip", "upper leg", "sword of light")
    assert bvh.parents == (-1, 0, -1)
    np.testing.assert_array_equal(bvh.world()[0][:, 2], [[7, 8, 9], [7, 8, 10]])
    back = parse_bvh(format_bvh(bvh).encode())
    assert (back.names, back.parents, back.end_sites) == (bvh.names, bvh.parents, bvh.end_sites)
    np.testing.assert_array_equal(back.values, bvh.values)
    sword, person = bvh.select_tree(2), bvh.select_tree(0)
    assert (sword.names, sword.parents, sword.end_sites) == (("sword of light",), (-1,), ((0, (0.0, 9.0, 0.0)),))
    np.testing.assert_array_equal(sword.values, [[7, 8, 9], [7, 8, 10]])
    np.testing.assert_array_equal(person.values, parse_bvh(SMALL.encode()).values)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "noise.bvh"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(MotionError, match="not a BVH file"):
        read_bvh(path)
    path.write_bytes(b"HIERARCHY\n" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(MotionError):
        read_bvh(path)
    with pytest.raises(MotionError, match="cannot be read"):
        read_bvh(tmp_path / "absent.bvh")


@given(st.lists(st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-1000, 1000, places=6).map(str),
    st.integers(-10**17, 10**17).map(str),
    st.sampled_from(["-.5", "5.", "+1.25", "-0", "00012.50", "1e3"]),
), max_size=20), st.sampled_from([" ", "\n", "\t", "\r\n "]))  # fmt: skip
def test_numbers_are_what_float_gives(words, space):
    np.testing.assert_array_equal(parse_numbers(space.join(words).encode()), [float(word) for word in words])


@pytest.mark.parametrize("piece", [1, 5, 64])
def test_numbers_do_not_depend_on_the_pieces_they_are_read_in(piece, monkeypatch):
    text = b" 1.5 -2.25\n123456789012345678 1e3\t.5\n\n-0.125 +7 " * 3
    broken = b"1 2 x 3", b"1 2 - 3", b"", b" "
    whole, parts = parse_numbers(text), [parse_numbers(one) for one in broken]
    monkeypatch.setattr("lead.motion.formats.decimals._PIECE", piece)
    np.testing.assert_array_equal(parse_numbers(text), whole)
    assert len(whole) == 21
    for one, expected in zip(broken, parts, strict=True):
        np.testing.assert_array_equal(parse_numbers(one), expected)


def test_reading_numbers_takes_little_memory_beside_text_and_numbers():
    text = b"-12.345678 " * 200_000
    tracemalloc.start()
    try:
        parse_numbers(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 8 * 200_000


@st.composite
def bvh_fields(draw) -> dict[str, Any]:
    """What a `Bvh` is built from: shape checks must not run inside a strategy, for they use `random`."""
    count = draw(st.integers(1, 8))
    parents = (-1, *(draw(st.integers(0, joint - 1)) for joint in range(1, count)))
    every = [f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")]
    channels = [tuple(draw(st.permutations(every)))[: draw(st.integers(0, 6))] for _ in range(count)]
    channels[0] = channels[0] or ("Zrotation",)
    width = sum(map(len, channels))
    number = st.floats(-360, 360, width=32)
    names = draw(st.lists(st.text("abcXYZ_.: 09", min_size=1).map(lambda n: " ".join(n.split()) or "j"),
                          min_size=count, max_size=count))  # fmt: skip
    owners = draw(st.lists(st.integers(0, count - 1), max_size=3))
    ends = tuple((owner, (1.0, float(n), -0.5)) for n, owner in enumerate(owners))
    return {
        "names": tuple(names), "parents": parents, "offsets": draw(arrays(float, (count, 3), elements=number)),
        "channels": tuple(channels), "end_sites": ends, "frame_time": draw(st.floats(0.001, 0.1)),
        "values": draw(arrays(float, (draw(st.integers(0, 4)), width), elements=number)),
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(bvh_fields())
def test_what_is_written_is_read(fields):
    bvh = Bvh(**fields)
    back = parse_bvh(format_bvh(bvh).encode())
    there = depth_first(bvh)
    assert back.names == tuple(bvh.names[joint] for joint in there)
    assert [back.names[p] if p >= 0 else None for p in back.parents] == [
        bvh.names[bvh.parents[j]] if bvh.parents[j] >= 0 else None for j in there
    ]
    assert back.channels == tuple(bvh.channels[joint] for joint in there)
    assert sorted(offset for _, offset in back.end_sites) == sorted(offset for _, offset in bvh.end_sites)
    assert back.frame_time == pytest.approx(bvh.frame_time, rel=1e-8)
    before, after = bvh.world(), back.world()
    np.testing.assert_allclose(after[0], before[0][:, there], atol=2e-3)
    np.testing.assert_allclose(after[1], before[1][:, there], atol=1e-6)
    assert format_bvh(back) == format_bvh(bvh)


def depth_first(bvh: Bvh) -> list[int]:
    order, todo = [], [0]
    while todo:
        joint = todo.pop()
        order.append(joint)
        todo += [child for child in reversed(range(len(bvh.names))) if bvh.parents[child] == joint]
    return order


def test_world_agrees_with_a_naive_loop(make_rig_bvh, schemes):
    bvh = make_rig_bvh(schemes["Mixamo"])
    translations, rotations = bvh.local()
    positions, turned = bvh.world()
    for frame in (0, 17):
        place, turn = {}, {}
        for joint, parent in enumerate(bvh.parents):
            above, base = (turn[parent], place[parent]) if parent >= 0 else (np.eye(3), np.zeros(3))
            place[joint] = base + above @ translations[frame, joint]
            turn[joint] = above @ rotations[frame, joint]
            np.testing.assert_allclose(positions[frame, joint], place[joint], atol=1e-9)
            np.testing.assert_allclose(turned[frame, joint], turn[joint], atol=1e-12)


def test_a_failed_write_leaves_nothing(tmp_path):
    bvh = parse_bvh(SMALL.encode())
    with pytest.raises(MotionError, match="cannot be written"):
        write_bvh(bvh, tmp_path / "absent" / "clip.bvh")
    (tmp_path / "taken.bvh").mkdir()
    with pytest.raises(MotionError, match="cannot be written"):
        write_bvh(bvh, tmp_path / "taken.bvh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken.bvh"]


@pytest.mark.skipif(not has_pack(), reason="no motion pack (set LEAD_DATA)")
def test_every_file_of_the_pack_comes_back_to_a_tenth_of_a_millimeter():
    files = pack_bvhs()
    assert len(files) > 20
    for path in files:
        bvh = read_bvh(path)
        back = parse_bvh(format_bvh(bvh).encode())
        assert np.abs(back.world()[0] - bvh.world()[0]).max() < 0.01, path  # centimeters
        assert back.fps == bvh.fps
