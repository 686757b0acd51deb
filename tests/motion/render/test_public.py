"""The drawing functions for Python users and notebooks: they draw anything with joints, a rate and a name."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from lead.motion import MotionError
from lead.motion.motion_like import MotionLike
from lead.motion.render import contact_sheet, player_page, thumbnail, write_video
from lead.motion.skeleton import tpose


@dataclass(frozen=True)
class Recording:
    """No `Motion`, and drawn all the same."""

    joints: np.ndarray
    fps: float
    name: str


def recording(frames: int = 4) -> MotionLike:
    return Recording(np.repeat(tpose()[None], frames, axis=0).astype(np.float32), 20.0, "standing")


def test_anything_with_joints_is_drawn(tmp_path) -> None:
    assert isinstance(contact_sheet([recording()]), Image.Image)
    assert "standing" in player_page([recording()])
    assert thumbnail(recording()).startswith(b"\x89PNG")
    path = write_video([recording(), recording(2)], str(tmp_path / "both.gif"))
    with Image.open(path) as gif:
        assert gif.size[0] > gif.size[1] and gif.format == "GIF"


@pytest.mark.parametrize("name", ["clip.avi", "clip"])
def test_other_videos_are_refused(tmp_path, name: str) -> None:
    with pytest.raises(MotionError, match=r"cannot write .*; use \.mp4 or \.gif"):
        write_video([recording()], tmp_path / name)


@pytest.mark.parametrize("first", ["import lead.motion.render.sheets, lead.motion.render.player", "pass"])
def test_the_functions_are_found_whatever_was_imported_before(first: str) -> None:
    code = f"{first}\nfrom lead.motion.render import contact_sheet, thumbnail\nassert callable(contact_sheet)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_drawing_knows_nothing_of_motion_and_the_command_line() -> None:
    code = (
        "import sys; from lead.motion.render import contact_sheet, player_page, write_video\n"
        "sys.exit(' '.join({'lead.motion.motion', 'lead.motion.read', 'cli', 'torch'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
