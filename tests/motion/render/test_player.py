"""The player page: its data are the motions, it is small, and it makes no network requests."""

import base64
import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lead.motion.motion import Motion
from lead.motion.motion_like import TimeMark
from lead.motion.render.figure import figure_ends, figure_radii, stand_figure
from lead.motion.render.player import NOTEBOOK_SECONDS, player_page
from lead.motion.render.view_options import ViewOptions
from lead.motion.skeleton import JOINTS, tpose


def make_glide(frames: int = 12, fps: float = 30.0, meters: float = 1.0) -> Motion:
    path = np.linspace([3.0, 1.0, 2.0], [3.0 + meters, 1.0, 2.0], frames)
    return Motion((tpose() + path[:, None]).astype(np.float32), fps=fps)


def extract_data(page: str) -> dict:
    found = re.search(r'<script id="motions" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def decode_joints(packed: dict) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(packed["joints"]), "<i2")
    return flat.reshape(packed["frames"], 22, 3) * packed["unit"]


def test_holds_the_motions_as_they_are_placed() -> None:
    data = extract_data(player_page([make_glide(), make_glide(5)], ["one", "two"]))
    told = [(motion["title"], motion["fps"], motion["frames"], motion["size"]) for motion in data["motions"]]
    assert told == [("one", 30.0, 12, 1.0), ("two", 30.0, 5, 1.0)]
    np.testing.assert_allclose(decode_joints(data["motions"][0]), stand_figure(make_glide().joints), atol=0.00026)


def test_the_page_puts_limbs_where_we_do() -> None:
    data = extract_data(player_page([make_glide()]))
    joints, size = decode_joints(data["motions"][0])[3], data["motions"][0]["size"]
    ends = [
        [sum(weight * joints[joint] for joint, weight in limb[side]) for side in ("start", "end")]
        for limb in data["capsules"]
    ]
    np.testing.assert_allclose(ends, figure_ends(stand_figure(make_glide().joints)[3]), atol=0.002)
    radii = [np.array(limb["radii"]) * size for limb in data["capsules"]]
    np.testing.assert_allclose(radii, figure_radii(make_glide().joints))


def test_a_long_way_still_fits_into_16_bits() -> None:
    packed = extract_data(player_page([make_glide(meters=100.0)]))["motions"][0]
    np.testing.assert_allclose(decode_joints(packed), stand_figure(make_glide(meters=100.0).joints), atol=0.002)


def test_is_small() -> None:
    frames = 20 * 60
    page = player_page([make_glide(frames, fps=20.0)])
    empty = len(player_page([make_glide(1)]))
    assert empty < 44 * 1024
    assert (len(page) - empty) / frames < 180  # bytes a frame
    assert extract_data(player_page([make_glide(121, fps=120.0)]))["motions"][0]["frames"] == 31


@pytest.mark.parametrize(
    "title", ["</script><script>alert(1)</script>", "<!-- <script>", "a <my-word> b", "歩く \u2028", "<img src=x>"]
)
def test_titles_cannot_leave_the_data(title: str) -> None:
    page = player_page([make_glide()], [title])
    assert page.count("<script") == page.count("</script>") == 2
    assert extract_data(page)["motions"][0]["title"] == title
    assert "innerHTML" not in page and "document.write" not in page


def test_asks_nothing_of_a_network() -> None:
    page = player_page([make_glide()])
    page = page.replace(re.search(r'"joints":"([^"]*)"', page)[1], "")
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|//\w|\bsrc=|\bfetch\(|XMLHttp|WebSocket|@import|url\(|import\(", page)


def extract_page(view: str) -> str:
    """The page within a notebook's frame."""
    found = re.fullmatch(r'<iframe sandbox="allow-scripts" style="[^"]*" srcdoc="([^"<>]*)"></iframe>', view)
    assert found, view[:200]
    return html.unescape(found[1])


def test_a_motion_shows_itself_in_a_notebook() -> None:
    motion = Motion(make_glide().joints, 30.0, name='a "walk" & </iframe>')
    assert extract_page(motion._repr_html_()) == motion.to_html() == player_page([motion])
    assert extract_data(motion.to_html())["motions"][0]["title"] == motion.name


def test_a_notebook_shows_the_beginning_of_a_long_motion() -> None:
    motion = Motion(make_glide(round(20 * NOTEBOOK_SECONDS) + 200, fps=20.0).joints, 20.0, name="long")
    (shown,) = extract_data(extract_page(motion._repr_html_()))["motions"]
    assert (shown["frames"], shown["title"]) == (20 * NOTEBOOK_SECONDS, "long, the first 60 s")
    fast = Motion(make_glide(round(120 * NOTEBOOK_SECONDS) + 200, fps=120.0, meters=200.0).joints, 120.0)
    assert len(fast._repr_html_()) < 370 * 1024


def test_the_switches_stand_as_asked_for() -> None:
    page = player_page([make_glide(5)], options=ViewOptions(loop=True, contacts=True))
    assert extract_data(page)["options"] == {"loop": True, "trail": False, "contacts": True}
    assert extract_data(player_page([make_glide(5)]))["options"] == {"loop": False, "trail": False, "contacts": False}
    for switch in ("ended", "trail", "contacts"):
        assert f'id="{switch}"' in page


def test_contacts_say_which_feet_stand() -> None:
    joints = tpose()[None].repeat(30, 0)
    joints[10:20, [JOINTS.index("left_ankle"), JOINTS.index("left_foot")], 1] += 0.4
    (motion,) = extract_data(player_page([Motion(joints.astype(np.float32), fps=20.0)]))["motions"]
    assert motion["contacts"] == "3" * 10 + "2" * 10 + "3" * 10


def test_marks_are_on_the_time_bar() -> None:
    marks = (
        TimeMark(0.0, 0.2, "a person <limps>"),
        TimeMark(0.3, 9.0, "rest"),
        TimeMark(0.3, 0.3, "key"),
        TimeMark(5.0, 6.0, "x"),
    )
    page = player_page([replace(make_glide(), marks=marks), make_glide()])
    first, second = extract_data(page)["motions"]
    assert first["marks"] == [[0.0, 0.2, "a person <limps>"], [0.3, 0.4, "rest"], [0.3, 0.3, "key"]]
    assert second["marks"] == [] and "<limps>" not in page
