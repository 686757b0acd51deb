"""BVH files as other programs and other countries spell them: read as the plain file is, or refused with the cause."""

import re

import numpy as np
import pytest

from lead.motion import Motion, MotionError, ReadOptions
from lead.motion.formats.bvh import Bvh, format_bvh, parse_bvh, read_bvh, write_bvh
from lead.motion.formats.bvh_text import convert_commas, guess_encoding, split_statements
from lead.motion.rigs.rig import read_rig

JAPANESE = (
    *("センター", "左足", "右足", "上半身", "左ひざ", "右ひざ", "上半身2", "左足首", "右足首", "ボーン"),
    *("マ", "ダミー", "首", "左肩", "右肩", "頭", "左腕", "右腕", "左ひじ", "右ひじ", "左手首", "右手首"),
)
"""Three of them have a brace as the second byte of a character in Shift-JIS."""
GERMAN = ("Hüfte", "Oberschenkel L", "Oberschenkel R", "Rücken", "Knie L", "Knie R", "Wirbelsäule", "Fuß L", "Fuß R",
          "Brust", "Zehen L", "Zehen R", "Hals", "Schlüsselbein L", "Schlüsselbein R", "Schädel", "Oberarm L",
          "Oberarm R", "Ellbogen L", "Ellbogen R", "Hände L", "Hände R")  # fmt: skip


@pytest.fixture
def bvh(schemes, make_rig_bvh) -> Bvh:
    return make_rig_bvh(schemes["Mixamo"])


def join_header(text: str) -> str:
    header, motion = text.split("MOTION")
    return " ".join(header.split()) + "\nMOTION" + motion


def add_comments(text: str) -> str:
    text = text.replace("HIERARCHY", "# made by hand\nHIERARCHY // of 22 joints")
    text = text.replace("\nMOTION", "\n# now\nMOTION // it")
    return re.sub(r"(Frame Time.*\n)", r"// rate\n\1# data\n", text).replace("{\n", "{ // in\n", 3)


def add_semicolons(text: str) -> str:
    header, motion = text.replace(".", ",").split("MOTION")
    rows = motion.split("\n")
    return f"{header}MOTION" + "\n".join(rows[:3] + [row.replace(" ", ";") for row in rows[3:]])


def add_scales(text: str, scale: str = "1.0") -> str:
    text = text.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 6 Zrotation Xrotation Yrotation "
                        "Xscale Yscale Zscale")  # fmt: skip
    header, values = text.split("Frame Time: 0.0333333333\n")
    rows = [line.split() for line in values.splitlines()]
    rows = [row[:6] + [w for n in range(6, len(row), 3) for w in (*row[n : n + 3], scale, "1", "1")] for row in rows]
    return f"{header}Frame Time: 0.0333333333\n" + "\n".join(" ".join(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text.replace(".", ",").encode(),
        lambda text: re.sub(r"(?<=\d) (?=[-\d])", ", ", text).encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: add_semicolons(text).encode(),
        lambda text: f"; made by hand\n/* of\n22 joints */{text}".replace("\nMOTION", "\n; now\nMOTION").encode(),
        lambda text: add_comments(text).encode(),
        lambda text: text.replace("End Site", "EndSite").encode(),
        lambda text: text.replace("End Site", "End_Site").encode(),
        lambda text: join_header(text).encode(),
        lambda text: add_scales(text).encode(),
    ],
    ids=["decimal commas", "commas between", "UTF-16", "LE", "BE", "UTF-32", "semicolons", "block", "comments",
         "EndSite", "End_Site", "one line",
         "scale"],
)  # fmt: skip
def test_every_spelling_is_read_as_the_plain_file(spell, bvh):
    text = format_bvh(bvh).replace("CHANNELS 3 Zrotation Xrotation Yrotation\n", "CHANNELS 3 Zrotation Xrotation "
                                   "Yrotation\nEnd Site\n{\nOFFSET 0.5 -2 1\n}\n", 1)  # fmt: skip
    plain, read = parse_bvh(text.encode()), parse_bvh(spell(text))
    assert (read.names, read.parents, read.end_sites, read.fps) == (
        plain.names, plain.parents, plain.end_sites, plain.fps,
    )  # fmt: skip
    np.testing.assert_array_equal(read.offsets, plain.offsets)
    np.testing.assert_array_equal(read.world()[0], plain.world()[0])
    np.testing.assert_array_equal(read_rig(read)[1], read_rig(plain)[1])


def test_scales_that_change_bones_are_refused_and_others_are_written(bvh, tmp_path):
    text = format_bvh(bvh)
    with pytest.raises(MotionError, match=r"Xscale of joint 'mixamorig:LeftUpLeg' is 2 in frame 0; expected 1"):
        parse_bvh(add_scales(text, "2.0").encode())
    path = tmp_path / "clip.bvh"
    path.write_text(add_scales(text))
    motion = Motion.read(path)
    back = read_bvh(motion.save(tmp_path / "back.bvh", rig=motion.rig))
    assert back.channels == read_bvh(path).channels
    np.testing.assert_allclose(Motion.read(tmp_path / "back.bvh").joints, motion.joints, atol=1e-5)


@pytest.mark.parametrize("line", ["", "Frame Time:\n"])
def test_a_missing_frame_time_is_no_error_where_the_rate_is_stated(line, bvh, tmp_path):
    path = tmp_path / "clip.bvh"
    path.write_text(format_bvh(bvh).replace("Frame Time: 0.0333333333\n", line))
    assert Motion.read(path, ReadOptions(fps=60.0)).fps == 60
    with pytest.raises(MotionError, match=r"no 'Frame Time: <seconds>' after 'Frames:'; state the frames a second"):
        Motion.read(path)


@pytest.mark.parametrize(("names", "encoding"), [(JAPANESE, "cp932"), (GERMAN, "latin-1"), (JAPANESE, "utf-8")])
def test_names_come_back_byte_for_byte(names, encoding, make_rig_bvh, tmp_path):
    path = tmp_path / "clip.bvh"
    path.write_bytes(format_bvh(make_rig_bvh(list(names))).encode(encoding))
    motion = Motion.read(path, ReadOptions(rig_map={"left_knee": names[4]}))
    assert set(motion.rig.names) == set(names)
    back = motion.save(tmp_path / "back.bvh", rig=motion.rig)
    assert back.read_bytes().split(b"MOTION")[0] == path.read_bytes().split(b"MOTION")[0]


def test_encodings():
    assert guess_encoding("JOINT Fuß L\nJOINT Schädel".encode()) == "utf-8"
    assert guess_encoding("JOINT Fuß L\nJOINT Schädel".encode("latin-1")) == "latin-1"
    assert guess_encoding("JOINT 左足\nJOINT 首".encode("cp932")) == "cp932"
    assert guess_encoding(bytes(range(1, 256))) == "latin-1"


def test_commas():
    assert convert_commas(b"1,5 -2,25e-3 0") == b"1.5 -2.25e-3 0"
    assert convert_commas(b"1.5, -2.25, 0") == b"1.5  -2.25  0"
    assert convert_commas(b"0, 90, 0") == b"0  90  0"
    with pytest.raises(MotionError, match="OFFSET '0,0,0': expected three numbers"):
        parse_bvh(b"HIERARCHY\nROOT a\n{\nOFFSET 0,0,0\n}\nMOTION\n")


def test_statements():
    text = "HIERARCHY ROOT the end joint of #2 { OFFSET 0 1 2 CHANNELS 1 Xrotation JOINT b\u3000c\n"
    text += "{ End Site {} # no\n}"
    assert list(split_statements(text)) == [
        ["ROOT", "the end joint of #2"], ["{"], ["OFFSET", "0", "1", "2"], ["CHANNELS", "1", "Xrotation"],
        ["JOINT", "b\u3000c"], ["{"], ["End", "Site"], ["{"], ["}"], ["}"],
    ]  # fmt: skip


def test_a_line_of_control_characters_alone_says_nothing():
    assert list(split_statements("ROOT a\n\v\n{ \f\nOFFSET 0 0 0")) == [["ROOT", "a"], ["{"], ["OFFSET", *"000"]]


def test_names_keep_their_spaces(bvh, tmp_path):
    text = format_bvh(bvh).replace("mixamorig:Spine1", "my  spine\t1")
    back = parse_bvh(text.encode())
    assert "my  spine\t1" in back.names
    assert read_bvh(write_bvh(back, tmp_path / "a.bvh")).names == back.names
