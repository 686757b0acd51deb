"""A page that plays motions: one self-contained HTML file, opened from disk, that asks nothing of any
network.

The drawing lives in `player.html` beside this module; here its data is put in. Motions stand on the floor at
y = 0, each starts at x = z = 0; metres, Y up, at their own frame rates. Knows nothing of models and prompts.
"""

import base64
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from cli.picture import figure_colors, figure_radii
from lead.motion.motion import Motion
from lead.motion.skeleton import PARENTS


def player_page(motions: Sequence[Motion], titles: Sequence[str] | None = None) -> str:
    """The page's HTML; the titles name the motions in its menu."""
    assert motions, "a player needs a motion"
    titles = titles or [motion.name for motion in motions]
    data = {
        "parents": list(PARENTS),
        "colors": ["#{:02x}{:02x}{:02x}".format(*color) for color in figure_colors()],
        "radii": figure_radii(),
        "motions": [_packed(motion, title) for motion, title in zip(motions, titles, strict=True)],
    }
    # Inside a script element, only "<" could end the data or open a comment; titles hold "<my-concept>".
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    template = resources.files("cli").joinpath("player.html").read_text(encoding="utf-8")
    return template.replace("__MOTIONS__", text)


def _packed(motion: Motion, title: str) -> dict[str, Any]:
    joints = np.array(motion.joints, dtype="<f4")
    floor = np.percentile(joints[..., 1].min(axis=1), 5)
    joints -= np.array([joints[0, 0, 0], floor, joints[0, 0, 2]], dtype="<f4")
    return {
        "title": title,
        "fps": motion.fps,
        "frames": len(joints),
        "joints": base64.b64encode(joints.tobytes()).decode("ascii"),
    }
