"""The constraints of the tab Timeline: the pose that it starts in, the one that it ends in, and a path on the floor."""

from collections.abc import Callable
from functools import partial

from nicegui import ui

from cli.studio.studio import Studio
from cli.studio.timeline.draft import REACHES, Point, Pose, TimelineDraft, measure_way
from cli.studio.timeline.elements import FloorPlan
from cli.studio.timeline.pose_dialog import PoseDialog
from lead.control.constraints import Place


class ConstraintsPanel:
    """The elements, on one page."""

    def __init__(self, studio: Studio, on_change: Callable[[], None]) -> None:
        self.studio, self.draft, self.on_change = studio, studio.desk.of(TimelineDraft), on_change
        draft = self.draft
        ui.label("Poses and a path").classes("text-weight-medium")
        self.poses = ui.column().classes("w-full gap-0")
        with ui.row().classes("w-full items-center no-wrap gap-1"):
            ui.label("path").classes("text-caption")
            self.way = ui.label().classes("text-caption col ellipsis").tooltip("a person walks about 1.2 m/s")
            ui.button(icon="undo", on_click=self.undo).props("flat dense round size=sm").tooltip("as it was before")
            clear = ui.button(icon="delete", on_click=lambda: self.draw([])).props("flat dense round size=sm")
            clear.tooltip("no path")
            reach = ui.select(REACHES).bind_value(draft, "reach").props("dense borderless options-dense")
            reach.on_value_change(self.refresh)
        self.plan = FloorPlan(self.draw)
        ui.label("Click sets a point, dragging draws. Points can be dragged; a double click takes one away.").classes(
            "text-caption"
        )
        self.refresh()

    def draw(self, points: list[Point]) -> None:
        """Another path."""
        self.draft.draw(points)
        self._change()

    def undo(self) -> None:
        """The path as it was before."""
        self.draft.undo()
        self._change()

    def ask_pose(self, last: bool) -> None:
        """Choose the pose at the end, or at the start."""
        title = "The pose that the motion ends in" if last else "The pose that the motion starts in"
        PoseDialog(self.studio.workshop, self.studio.desk, title, partial(self.put_pose, last), last).open()

    def put_pose(self, last: bool, pose: Pose | None) -> None:
        """End or start in a pose; None is in any."""
        if last:
            self.draft.end = pose
        else:
            self.draft.start = pose
        self._change()

    def _change(self) -> None:
        self.refresh()
        self.on_change()

    def refresh(self) -> None:
        """Show the poses and the path."""
        draft = self.draft
        self.poses.clear()
        with self.poses:
            self._show_pose("start", draft.start, last=False)
            self._show_pose("end", draft.end, last=True)
        self.refresh_pace()
        stands = [("end", draft.end.place)] if draft.end and draft.end.place else []
        if draft.start and not draft.path:
            stands.append(("start", Place(0.0, 0.0)))
        trail = draft.told.way if draft.told else []
        self.plan.show(draft.path, trail, stands, draft.reach)

    def refresh_pace(self) -> None:
        """Say how long the path is, and how fast it is walked."""
        length, seconds = measure_way(self.draft.path), self.draft.rows[0].seconds or 0.0
        pace = f", {length / seconds:.1f} m/s" if seconds and length else ""
        self.way.text = f"{length:.1f} m{pace}" if self.draft.path else "none"

    def _show_pose(self, name: str, pose: Pose | None, last: bool) -> None:
        with ui.row().classes("w-full items-center no-wrap gap-1"):
            ui.label(name).classes("text-caption").style("width: 2.4em")
            said = ui.label(pose.title if pose else "any pose").classes("text-caption col ellipsis")
            if pose:
                said.tooltip(pose.title)
                close = ui.button(icon="close", on_click=lambda: self.put_pose(last, None))
                close.props("flat dense round size=sm").tooltip("any pose")
            choose = ui.button(icon="accessibility_new", on_click=lambda: self.ask_pose(last))
            choose.props(f"flat dense round size=sm aria-label='choose the {name} pose'").tooltip("choose a pose")
