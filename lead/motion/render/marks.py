"""Marks on the ground: the way that the root has gone, and a print under each foot that stands.

Marks are polygons on the floor, drawn between the ground and the figure. Whether a foot stands is decided as by the
foot lock (`lead.motion.processing.foot_lock`).

Conventions: meters, Y up, the shown place of a motion (`lead.motion.render.figure.stand_figure`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from lead.motion.processing.foot_lock import find_contacts
from lead.motion.processing.ik import ANKLES, TOES
from lead.motion.render.figure import COLORS, Color
from lead.motion.render.view_options import ViewOptions

TRAIL: Color = (122, 88, 200)
PATH_COLOR: Color = (31, 157, 120)
"""Of a way that is drawn for a motion to follow."""
TRAIL_WIDTH, TRAIL_STEP = 0.028, 0.03
"""Meters: the line's width, and the least distance between its points."""
PRINT_RADIUS, PRINT_LENGTH = 0.075, 1.3
"""Meters around the foot; the print's length from ankle to tip, relative to the distance from ankle to toe."""
SUPERSAMPLING = 2
OPACITY = 0.75

Polygon = Float[np.ndarray, "_ 2"]
"""The corners (x, z)."""


@dataclass(frozen=True)
class Marks:
    """The marks of a motion."""

    path: Float[np.ndarray, "frames 2"] | None
    """Where the root is over the floor (x, z); None: no trail."""
    prints: Float[np.ndarray, "frames 2 2 2"] | None
    """Ankle and tip of the left and the right foot over the floor (x, z); None: no contacts."""
    stands: Bool[np.ndarray, "frames 2"] | None
    """Whether the left and the right foot stands."""

    def at(self, frame: int) -> list[tuple[Color, list[Polygon]]]:
        """The polygons of a frame, by color."""
        found: list[tuple[Color, list[Polygon]]] = []
        if self.path is not None:
            found.append((TRAIL, _ribbon(_thin(self.path[: frame + 1]))))
        if self.prints is not None and self.stands is not None:
            for side, name in enumerate(("left", "right")):
                if self.stands[frame, side]:
                    found.append((COLORS[name], [_print(self.prints[frame, side])]))
        return found


def find_marks(standing: Float[np.ndarray, "frames 22 3"], fps: float, options: ViewOptions) -> Marks:
    """The marks that the options ask for, of a motion at the place where it is shown."""
    path = standing[:, 0, [0, 2]] if options.trail else None
    if not options.contacts:
        return Marks(path, None, None)
    ankles, toes = (standing[:, places][..., [0, 2]] for places in (ANKLES, TOES))
    prints = np.stack([ankles, ankles + PRINT_LENGTH * (toes - ankles)], axis=2)
    return Marks(path, prints, find_contacts(standing, fps))


def draw_marks(
    picture: UInt8[np.ndarray, "3 height width"],
    marks: Sequence[tuple[Color, list[Polygon]]],
    project: Callable[[Polygon], Polygon],
) -> None:
    """Draw polygons over a picture; `project` says where points of the floor are seen, in pixels."""
    _, height, width = picture.shape
    for color, polygons in marks:
        mask = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        draw = ImageDraw.Draw(mask)
        for polygon in polygons:
            draw.polygon([tuple(point) for point in project(polygon) * SUPERSAMPLING], fill=255)
        box = mask.reduce(SUPERSAMPLING).getbbox()
        if box is None:
            continue
        share = np.asarray(mask.reduce(SUPERSAMPLING).crop(box), dtype=np.float32) * np.float32(OPACITY / 255)
        below = picture[:, box[1] : box[3], box[0] : box[2]]
        shown = below + share * (np.array(color, dtype=np.float32)[:, None, None] - below)
        below[:] = shown + np.float32(0.5)


def _thin(path: Float[np.ndarray, "frames 2"]) -> Polygon:
    """The path without points that are nearer than TRAIL_STEP to the one before."""
    kept = [path[0]]
    for point in path[1:]:
        if np.hypot(*(point - kept[-1])) >= TRAIL_STEP:
            kept.append(point)
    return np.array(kept)


def _ribbon(path: Float[np.ndarray, "points 2"]) -> list[Polygon]:
    """A quadrangle for each step of a path, a little longer than the step, so that turns have no gaps."""
    steps = np.diff(path, axis=0)
    along = steps / np.maximum(np.linalg.norm(steps, axis=-1, keepdims=True), 1e-9) * (TRAIL_WIDTH / 2)
    aside = along[:, ::-1] * [1, -1]
    a, b = path[:-1] - along, path[1:] + along
    return list(np.stack([a + aside, b + aside, b - aside, a - aside], axis=1))


def _print(ends: Float[np.ndarray, "2 2"]) -> Polygon:
    """The outline of a foot's print: a line from ankle to tip, PRINT_RADIUS wide to all sides."""
    heading = np.arctan2(*(ends[1] - ends[0])[::-1])
    turns = np.linspace(-np.pi / 2, np.pi / 2, 9)
    return np.concatenate(
        [
            end + PRINT_RADIUS * np.stack([np.cos(turns + heading + turn), np.sin(turns + heading + turn)], axis=-1)
            for end, turn in ((ends[1], 0.0), (ends[0], np.pi))
        ]
    )
