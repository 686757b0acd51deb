"""`MotionView`: motions that play on the page, drawn by the same player as `lead-invert view`'s page.

The player runs in the page: the server sends each motion once, and nothing while it plays.
"""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict
from functools import cache, lru_cache

from nicegui import background_tasks, run, ui
from nicegui.events import GenericEventArguments

from lead.motion.motion_like import MotionLike, list_marks
from lead.motion.render.player import PackedMotion, describe_figure, pack_motion, player_script
from lead.motion.render.skin import pack_skin, pack_turns
from lead.motion.render.view_options import ViewOptions

PLAYER_URL = "/player.js"
MOST_AT_ONCE = 600
"""Frames that are packed at once, which takes a fifth of a millisecond each."""
PACKED_KEPT = 32
"""Motions that are kept as the player reads them."""


@cache
def describe_player() -> str:
    """The script that defines the player's element."""
    figure = json.dumps({**describe_figure(), "skin": pack_skin()}, separators=(",", ":"))
    end = f'MotionPlayer.figure = {figure};\ncustomElements.define("motion-player", MotionPlayer);\n'
    return f'(() => {{\n"use strict";\n{player_script()}{end}}})();\n'


def pack(motion: MotionLike, title: str, turn: bool) -> PackedMotion:
    """A motion as the player reads it; the same one is packed once."""
    assert isinstance(motion, Hashable), motion
    return _pack(motion, title, turn)


@lru_cache(PACKED_KEPT)
def _pack(motion: MotionLike, title: str, turn: bool) -> PackedMotion:
    return pack_motion(motion.joints, motion.fps, title, list_marks(motion), turn, pack_turns)


class MotionView(ui.element, component="view.js"):
    """A player. It is as high as its parent: put it in an element with a height. `compact` has a time bar only.

    With `keep_time` other motions go on from the time that is played, instead of from the beginning. `hint` stands in
    its place while it shows no motion.
    """

    def __init__(
        self,
        hint: str = "",
        *,
        compact: bool = False,
        keep_time: bool = False,
        options: ViewOptions = ViewOptions(loop=True),
    ) -> None:
        super().__init__()
        self._shown = 0
        self._props["hint"] = hint
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
        span: tuple[float, float] | None = None,
    ) -> None:
        """Show other motions, side by side or overlaid (None: as the person has chosen); none clears the view.

        With `span` only these seconds are played. Motions are shown from the middle of the floor, facing the viewer,
        unless `turn` is False: then as they are, so that a way drawn on the floor is in their own coordinates.
        """
        wanted = list(zip(motions, titles or [motion.name for motion in motions], strict=True))
        self._shown += 1
        if sum(len(motion.joints) for motion in motions) <= MOST_AT_ONCE:
            self._put([pack(motion, title, turn) for motion, title in wanted], overlaid, span)
        else:
            background_tasks.create(self._put_later(wanted, overlaid, turn, span), name="packing motions")

    async def _put_later(
        self,
        wanted: Sequence[tuple[MotionLike, str]],
        overlaid: bool | None,
        turn: bool,
        span: tuple[float, float] | None,
    ) -> None:
        """Show long motions, which are packed in a thread, unless others are shown before."""
        shown = self._shown
        packed = await run.io_bound(lambda: [pack(motion, title, turn) for motion, title in wanted])
        if packed is not None and shown == self._shown and not self.is_deleted:
            self._put(packed, overlaid, span)

    def _put(self, packed: Sequence[PackedMotion], overlaid: bool | None, span: tuple[float, float] | None) -> None:
        self._props["motions"] = list(packed)
        if overlaid is not None:
            self._props["options"] = {**self._props["options"], "overlaid": overlaid}
        self._props["range"] = list(span) if span else None
        self.update()

    def set_options(self, options: ViewOptions) -> None:
        """Set the player's switches."""
        kept = {name: value for name, value in self._props["options"].items() if name == "overlaid"}
        self._props["options"] = {**asdict(options), **kept}
        self.update()

    def set_hint(self, hint: str) -> None:
        """Say something else where no motion is shown."""
        if self._props["hint"] != hint:
            self._props["hint"] = hint
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
