"""A page that plays motions: one self-contained HTML file, opened from disk, that asks nothing of any
network.

The drawing lives in `player.html` beside this module; here its data is put in: joints in 16 bits a number, at no
more than 30 frames a second. It is a renderer of our own for the figure of `lead.motion.render.figure` (WebGL, and strokes on a 2D
canvas where there is none) and not a library's: it takes 25 KB of the page, a scene library hundreds.

Conventions: meters, Y up; motions start at x = z = 0 on the floor and face +Z. Knows nothing of models and prompts.
"""

import base64
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from lead.motion.motion import Motion
from lead.motion.render.figure import COLORS, FIGURE, Place, figure_size, placed
from lead.motion.skeleton import JOINTS

FINEST_UNIT = 0.0005  # meters; a clip that goes farther than 16 m has a coarser one
MAX_FPS = 30.0


def player_page(motions: Sequence[Motion], titles: Sequence[str] | None = None) -> str:
    """The page's HTML; the titles name the motions in its menu."""
    assert motions, "a player needs a motion"
    titles = titles or [motion.name for motion in motions]
    limbs = [(limb, _sparse(limb.start), _sparse(limb.end)) for limb in FIGURE]
    data = {
        "capsules": [{"start": a, "end": b, "radii": limb.radii, "part": limb.part} for limb, a, b in limbs],
        "colors": COLORS,
        "motions": [_packed(motion, title) for motion, title in zip(motions, titles, strict=True)],
    }
    # Inside a script element, only "<" could end the data or open a comment; titles hold "<my-concept>".
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    template = resources.files("lead.motion.render").joinpath("player.html").read_text(encoding="utf-8")
    return template.replace("__MOTIONS__", text)


def _packed(motion: Motion, title: str) -> dict[str, Any]:
    motion = motion.resample(MAX_FPS) if motion.fps > MAX_FPS else motion
    joints = placed(motion)
    unit = max(FINEST_UNIT, float(np.abs(joints).max()) / 32767)
    return {
        "title": title,
        "fps": motion.fps,
        "frames": len(joints),
        "unit": unit,
        "size": round(figure_size(motion), 4),
        "joints": base64.b64encode(np.rint(joints / unit).astype("<i2").tobytes()).decode("ascii"),
    }


def _sparse(place: Place) -> list[tuple[int, float]]:
    return [(JOINTS.index(joint), weight) for joint, weight in place.items()]
