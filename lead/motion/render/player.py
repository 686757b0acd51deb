"""A page that plays motions: one self-contained HTML file, opened from disk or shown in a notebook.

The page asks nothing of any network. Its drawing is in `player.html` beside this module; this module puts the data in:
joints in 16 bits a number, at no more than 30 frames a second. The renderer draws the figure of
`lead.motion.render.figure` with WebGL, or with strokes on a 2D canvas where there is no WebGL. It is our own because it
takes 40 KB of the page, where a scene library takes hundreds.

Conventions: meters, Y up; motions start at x = z = 0 on the floor and face +Z. Knows nothing of models and prompts.
"""

import base64
import html
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any, NotRequired, TypedDict

import numpy as np
from jaxtyping import Float

from lead.motion.motion_like import MotionLike, TimeMark, list_marks
from lead.motion.processing.foot_lock import find_contacts
from lead.motion.processing.ik import ANKLES, TOES
from lead.motion.render.figure import COLORS, FIGURE, Place, figure_size, stand_figure
from lead.motion.render.marks import PATH_COLOR, PRINT_LENGTH, PRINT_RADIUS, TRAIL, TRAIL_WIDTH
from lead.motion.render.view_options import ViewOptions
from lead.motion.resample import resample
from lead.motion.skeleton import JOINTS

FINEST_UNIT = 0.0005
"""Meters of the joints' unit; a clip that goes farther than 16 m has a coarser one."""
MAX_FPS = 30.0
NOTEBOOK_SECONDS = 60.0
"""A notebook shows this much of a motion, so that its file stays under 360 KB a view."""
NOTEBOOK_HEIGHT = 480
"""Pixels."""


class PackedMotion(TypedDict):
    """A motion in the page's data."""

    title: str
    fps: float
    frames: int
    unit: float
    """Meters of one unit of the joints."""
    size: float
    """Of the body, relative to our skeleton's."""
    joints: str
    """Base64 of little-endian int16 [frames, 22, 3]."""
    turns: NotRequired[str]
    """The rotations that `lead.motion.render.skin` packs; where the figure has a skin."""
    contacts: str
    """A digit a frame: 0, 1 where the left foot stands, 2 the right one, 3 both."""
    marks: list[tuple[float, float, str]]
    """Start, end and title of each stretch or moment that has one, in seconds."""


def player_page(
    motions: Sequence[MotionLike], titles: Sequence[str] | None = None, options: ViewOptions = ViewOptions()
) -> str:
    """The page's HTML. The titles name the motions in its menu; without titles, their own names do.

    The page has a switch for each of the options, which say how the switches stand at first.
    """
    assert motions, "a player needs a motion"
    titles = titles or [motion.name for motion in motions]
    return _fill_page(
        [pack_motion(m.joints, m.fps, title, list_marks(m)) for m, title in zip(motions, titles, strict=True)], options
    )


def notebook_view(motion: MotionLike) -> str:
    """A page in a frame, so that the pages of several motions in one notebook do not meet.

    Of a motion longer than NOTEBOOK_SECONDS the beginning is shown, and the title says so.
    """
    shown = motion.joints[: max(round(NOTEBOOK_SECONDS * motion.fps), 1)]
    cut = f"the first {NOTEBOOK_SECONDS:g} s" if len(shown) < len(motion.joints) else ""
    title = ", ".join(filter(None, (motion.name, cut)))
    page = html.escape(_fill_page([pack_motion(shown, motion.fps, title, list_marks(motion))]), quote=True)
    style = f"width: 100%; height: {NOTEBOOK_HEIGHT}px; border: 0"
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'


def _fill_page(motions: Sequence[PackedMotion], options: ViewOptions = ViewOptions()) -> str:
    """The page with these motions and our figure as its data."""
    data = {**describe_figure(), "motions": motions, "options": asdict(options)}
    # Inside a script element, only "<" could end the data or open a comment; titles hold "<my-concept>".
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return _read_part("player.html").replace("__PLAYER__", player_script()).replace("__MOTIONS__", text)


def describe_figure() -> dict[str, Any]:
    """How bodies and marks are drawn, as the page reads it."""
    limbs = [(limb, _place_to_pairs(limb.start), _place_to_pairs(limb.end)) for limb in FIGURE]
    return {
        "capsules": [{"start": a, "end": b, "radii": limb.radii, "part": limb.part} for limb, a, b in limbs],
        "colors": COLORS,
        "marks": {
            "trail": {"color": TRAIL, "radius": TRAIL_WIDTH / 2},
            "path": PATH_COLOR,
            "print": {"radius": PRINT_RADIUS, "length": PRINT_LENGTH},
            "feet": [[*ANKLES], [*TOES]],
        },
    }


def player_script() -> str:
    """The custom element `motion-player`, as a script; pages set `MotionPlayer.figure` and then define the element."""
    return _read_part("painters.js") + _read_part("player.js")


def _read_part(name: str) -> str:
    return resources.files("lead.motion.render").joinpath(name).read_text(encoding="utf-8")


def pack_motion(
    joints: Float[np.ndarray, "frames 22 3"],
    fps: float,
    title: str,
    marks: Sequence[TimeMark] = (),
    turn: bool = True,
    pack_turns: Callable[[Float[np.ndarray, "frames 22 3"], float], str] | None = None,
) -> PackedMotion:
    """A motion as the page reads it; marks that begin after its end are left out.

    It starts in the middle of the floor and faces the viewer, unless `turn` is False: then it is where it is.
    `pack_turns` is that of `lead.motion.render.skin`, for pages whose figure has a skin.
    """
    seconds = len(joints) / fps
    if fps > MAX_FPS:
        joints, fps = resample(joints, fps, MAX_FPS), MAX_FPS
    standing = stand_figure(joints, turn)
    unit = max(FINEST_UNIT, float(np.abs(standing).max()) / 32767)
    packed: PackedMotion = {
        "title": title,
        "fps": fps,
        "frames": len(standing),
        "unit": unit,
        "size": round(figure_size(joints), 4),
        "joints": base64.b64encode(np.rint(standing / unit).astype("<i2").tobytes()).decode("ascii"),
        "contacts": "".join(map(str, find_contacts(standing, fps) @ [1, 2])),
        "marks": [(mark.start, min(mark.end, seconds), mark.title) for mark in marks if mark.start < seconds],
    }
    if pack_turns is not None:
        packed["turns"] = pack_turns(standing, fps)
    return packed


def _place_to_pairs(place: Place) -> list[tuple[int, float]]:
    """The weighted sum of joints as pairs of joint and weight."""
    return [(JOINTS.index(joint), weight) for joint, weight in place.items()]
