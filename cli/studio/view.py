"""`MotionView`: motions that play on the page, drawn by the same player as `lead-invert view`'s page.

The player runs in the page: the server sends each motion once, and nothing while it plays.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache

from nicegui import ui
from nicegui.events import GenericEventArguments

from lead.motion.motion_like import MotionLike, list_marks
from lead.motion.render.player import describe_figure, pack_motion, player_script
from lead.motion.render.view_options import ViewOptions

PLAYER_URL = "/player.js"


@cache
def describe_player() -> str:
    """The script that defines the player's element."""
    figure = json.dumps(describe_figure(), separators=(",", ":"))
    end = f'MotionPlayer.figure = {figure};\ncustomElements.define("motion-player", MotionPlayer);\n'
    return f'(() => {{\n"use strict";\n{player_script()}{end}}})();\n'


class MotionView(ui.element, component="view.js"):
    """A player. It is as high as its parent: put it in an element with a height. `compact` has a time bar only.

    With `keep_time` other motions go on from the time that is played, instead of from the beginning.
    """

    def __init__(
        self, *, compact: bool = False, keep_time: bool = False, options: ViewOptions = ViewOptions(loop=True)
    ) -> None:
        super().__init__()
        self._props["motions"] = []
        self._props["options"] = asdict(options)
        self._props["compact"] = compact
        self._props["keepTime"] = keep_time

    def show(
        self,
        motions: Sequence[MotionLike],
        titles: Sequence[str] | None = None,
        *,
        overlaid: bool | None = None,
        turn: bool = True,
    ) -> None:
        """Show other motions, side by side or overlaid (None: as the person has chosen); none clears the view.

        Motions are shown from the middle of the floor, facing the viewer, unless `turn` is False: then as they are,
        so that a way drawn on the floor is in their own coordinates.
        """
        titles = titles or [motion.name for motion in motions]
        self._props["motions"] = [
            pack_motion(motion.joints, motion.fps, title, list_marks(motion), turn)
            for motion, title in zip(motions, titles, strict=True)
        ]
        if overlaid is not None:
            self._props["options"] = {**self._props["options"], "overlaid": overlaid}
        self._props["range"] = None
        self.update()

    def set_options(self, options: ViewOptions) -> None:
        """Set the player's switches."""
        kept = {name: value for name, value in self._props["options"].items() if name == "overlaid"}
        self._props["options"] = {**asdict(options), **kept}
        self.update()

    def set_range(self, start: float, end: float) -> None:
        """Play only these seconds."""
        self._props["range"] = [start, end]
        self.update()

    def go(self, seconds: float) -> None:
        """Stop at a time."""
        self.run_method("go", seconds)

    def play(self, playing: bool = True) -> None:
        """Play or pause."""
        self.run_method("play", playing)

    def draw_path(self, then: Callable[[Sequence[tuple[float, float]]], None]) -> None:
        """From here on dragging draws a way on the floor; `then` gets its points, (x, z) in meters, at its end."""

        def take(event: GenericEventArguments) -> None:
            then([(float(x), float(z)) for x, z in event.args["points"]])

        self.on("path", take)
        self.set_drawing(True)

    def set_drawing(self, drawing: bool) -> None:
        """Whether dragging draws, or turns the view."""
        self._props["drawing"] = drawing
        self.update()

    def show_path(self, points: Sequence[tuple[float, float]]) -> None:
        """Show a way on the floor."""
        self._props["path"] = [list(point) for point in points]
        self.update()
