"""The elements of the tab Timeline that run in the page: the track of segments, and the plan of the floor."""

from collections.abc import Callable, Sequence
from pathlib import Path

from nicegui import ui

from lead.control.constraints import Place

STYLE = Path(__file__).with_name("timeline.css")
LONGEST = 60.0
"""Seconds to which a border can be dragged; longer ones are typed."""

Point = tuple[float, float]


class Track(ui.element, component="track.js"):
    """Segments one after the other, as wide as they last."""

    def __init__(
        self,
        choose: Callable[[int], None],
        lengthen: Callable[[int, float], None],
        move: Callable[[int, int], None],
    ) -> None:
        super().__init__()
        self.show([], 0)
        self.set_shortest(0.8)
        self.on("choose", lambda event: choose(int(event.args["index"])))
        self.on("lengthen", lambda event: lengthen(int(event.args["index"]), float(event.args["seconds"])))
        self.on("move", lambda event: move(int(event.args["index"]), int(event.args["to"])))

    def set_shortest(self, seconds: float) -> None:
        """How short a segment can be made."""
        self._props["shortest"], self._props["longest"] = seconds, LONGEST
        self.update()

    def show(self, segments: Sequence[tuple[str, float]], chosen: int) -> None:
        """Prompts and seconds, and which is chosen."""
        self._props["segments"] = [{"prompt": prompt, "seconds": seconds} for prompt, seconds in segments]
        self._props["chosen"] = chosen
        self.update()


class FloorPlan(ui.element, component="floor.js"):
    """The floor from above, where a path is drawn."""

    def __init__(self, draw: Callable[[list[Point]], None]) -> None:
        super().__init__()
        self._props |= {"points": [], "trail": [], "stands": [], "reach": 3.5}
        self.on("path", lambda event: draw([(float(x), float(z)) for x, z in event.args["points"]]))

    def show(
        self, points: Sequence[Point], trail: Sequence[Point], stands: Sequence[tuple[str, Place]], reach: float
    ) -> None:
        """The path; the way of a motion; where poses stand, by their names; and meters from the middle to the edge."""
        self._props |= {
            "points": [list(point) for point in points],
            "trail": [list(point) for point in trail],
            "stands": [[place.x, place.z, place.heading, name] for name, place in stands],
            "reach": reach,
        }
        self.update()
