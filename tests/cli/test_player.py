"""The player page: its data are the motions, and it asks nothing of any network."""

import base64
import json
import re

import numpy as np
import pytest

from cli.player import player_page
from lead.motion.motion import Motion
from lead.motion.skeleton import tpose


def moved(frames: int = 12) -> Motion:
    path = np.linspace([3.0, 1.0, 2.0], [4.0, 1.0, 2.0], frames)
    return Motion((tpose() + path[:, None]).astype(np.float32), fps=30.0)


def page_data(page: str) -> dict:
    found = re.search(r'<script id="motions" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_holds_the_motions_on_the_floor_at_the_start() -> None:
    data = page_data(player_page([moved(), moved(5)], ["one", "two"]))
    one = data["motions"][0]
    joints = np.frombuffer(base64.b64decode(one["joints"]), "<f4").reshape(one["frames"], 22, 3)
    np.testing.assert_allclose(joints, moved().joints - [3.0, 1.0, 2.0], atol=1e-6)
    assert [(motion["title"], motion["fps"], motion["frames"]) for motion in data["motions"]] == [
        ("one", 30.0, 12),
        ("two", 30.0, 5),
    ]
    assert len(data["parents"]) == len(data["colors"]) == len(data["radii"]) == 22


@pytest.mark.parametrize(
    "title", ["</script><script>alert(1)</script>", "<!-- <script>", "a <my-word> b", "歩く \u2028"]
)
def test_titles_cannot_leave_the_data(title: str) -> None:
    page = player_page([moved()], [title])
    assert page.count("<script") == page.count("</script>") == 2
    assert page_data(page)["motions"][0]["title"] == title


def test_asks_nothing_of_a_network() -> None:
    page = player_page([moved()])
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|\bsrc=|\bfetch\(|@import|url\(", page)
