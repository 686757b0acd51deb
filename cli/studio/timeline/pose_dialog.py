"""The choice of a pose: a clip from a file, from the shelf or from the tab itself, a frame, and where it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import Event, ui
from nicegui.events import UploadEventArguments

from cli.studio.clips.clip_list import ClipList
from cli.studio.shelf import Shelf
from cli.studio.studio import receive_file, report_errors, show_job, show_upload
from cli.studio.timeline.draft import Pose, TimelineDraft, read_clip_of
from cli.studio.view import MotionView
from cli.studio.worker import Job
from cli.studio.workshop import Desk, Workshop
from lead.control.constraints import Place
from lead.motion.suffixes import READS

if TYPE_CHECKING:
    from lead import Motion

MOST = 20
"""Clips from files that are kept; of more the oldest goes."""


class PoseClips:
    """Clips from files, for poses; of all pages."""

    def __init__(self) -> None:
        self.clips: list[Motion] = []
        self.changed = Event[[]]()

    def add(self, clip: "Motion") -> None:
        """Offer a clip."""
        self.clips = [*self.clips, clip][-MOST:]
        self.changed.emit()


@dataclass(eq=False)
class _Choice:
    """What is set in the dialog."""

    clip: "Motion | None" = None
    frame: int = 0
    stands: bool = False
    x: float | None = 0.0
    z: float | None = 2.0
    heading: float | None = 0.0
    job: Job | None = None

    def to_pose(self) -> Pose | None:
        """LeadError for a place that is none; None without a clip."""
        if self.clip is None:
            return None
        place = Place(float(self.x or 0.0), float(self.z or 0.0), float(self.heading or 0.0)) if self.stands else None
        return Pose(self.clip, int(self.frame), place)


class PoseDialog:
    """The dialog; it is gone when it is closed."""

    def __init__(
        self,
        workshop: Workshop,
        desk: Desk,
        title: str,
        take: Callable[[Pose], None],
        last: bool,
    ) -> None:
        self.workshop, self.draft, self.take, self.last = workshop, desk.of(TimelineDraft), take, last
        self.clips, self.shelf, self.learned = workshop.of(PoseClips), workshop.of(Shelf), desk.of(ClipList)
        self.choice = _Choice()
        with ui.dialog() as self.dialog, ui.card().style("width: 940px; max-width: 94vw"):
            ui.label(title).classes("text-weight-medium")
            with ui.row().classes("w-full no-wrap gap-3 items-stretch").style("height: 400px"):
                with ui.column().classes("gap-1 no-wrap").style("width: 290px; flex: none; overflow-y: auto"):
                    self._show_sources()
                with ui.column().classes("col gap-1 no-wrap").style("min-width: 0"):
                    self._show_frame()
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                self._show_place()
                ui.space()
                ui.button("Cancel", on_click=self.dialog.close).props("flat no-caps")
                self.ok = ui.button("Take this pose", on_click=self.finish).props("no-caps")
        self.dialog.on("hide", self.dialog.delete)
        self.clips.changed.subscribe(self.refresh_sources)
        self.learned.changed.subscribe(self.refresh_sources)
        self.choose(next(iter(self.list_clips()), None))

    def open(self) -> None:
        """Show the dialog."""
        self.dialog.open()

    def _show_sources(self) -> None:
        show_upload("a clip: drop it here", self.read_file, ",".join(READS))
        show_job(lambda: self.choice.job)
        self.sources = ui.column().classes("w-full gap-0")

    def _show_frame(self) -> None:
        with ui.element().classes("w-full col").style("min-height: 0"):
            self.view = MotionView(compact=True)
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            self.slider = ui.slider(min=0, max=1, step=1, value=0).classes("col").props("aria-label=frame")
            self.slider.on_value_change(lambda event: self.choose_frame(int(event.value)))
            self.said = ui.label().classes("text-caption").style("min-width: 10em")

    def _show_place(self) -> None:
        choice = self.choice
        if not self.last:
            ui.label("The motion begins in this pose, at 0, 0 and facing +Z, or where the path begins.").classes(
                "text-caption"
            )
            return
        ui.checkbox("stands at").bind_value(choice, "stands").props("dense")
        for name, label in (("x", "x, m"), ("z", "z, m"), ("heading", "facing, °")):
            number = ui.number(label, step=0.1 if name != "heading" else 15).bind_value(choice, name)
            number.props("dense outlined").style("width: 6.5em").bind_enabled_from(choice, "stands")

    async def read_file(self, event: UploadEventArguments) -> None:
        """Offer the clip of a file that was sent."""
        with report_errors():
            path = await receive_file(self.workshop, event)
            self.choice.job = self.workshop.start(
                f"reading {path.name}", lambda job: self.workshop.read_once(path, read_clip_of), self.take_clip
            )

    def take_clip(self, clip: "Motion") -> None:
        """Offer a clip, and show it here."""
        self.clips.add(clip)
        if not self.dialog.is_deleted:
            self.choose(clip)

    def list_clips(self) -> "list[Motion]":
        """Those that can be chosen: of files the newest first, the tab's own, of the shelf, of the tab Clips."""
        own = [self.draft.told.motion] if self.draft.told else []
        kept = [one.motion for one in self.shelf.favorites]
        learned = [clip.motion for clip in self.learned.clips if clip.motion is not None]
        every = [*reversed(self.clips.clips), *own, *reversed(kept), *learned]
        return list({id(clip): clip for clip in every}.values())

    def refresh_sources(self) -> None:
        """List the clips."""
        titles = {id(one.motion): one.title for one in self.shelf.favorites}
        self.sources.clear()
        with self.sources:
            for clip in self.list_clips():
                name = titles.get(id(clip), clip.name) or "a motion"
                label = ui.label(f"{name}, {clip.seconds:.1f} s").classes("w-full text-caption cursor-pointer q-py-xs")
                label.on("click", lambda clip=clip: self.choose(clip))
                if clip is self.choice.clip:
                    label.classes("text-weight-bold")
            if not self.list_clips():
                ui.label(
                    "Drop a file above. Motions that are kept and the clips of the tab Clips are listed here too."
                ).classes("text-caption")

    def choose(self, clip: "Motion | None") -> None:
        """Show a clip; of the end's the last frame, else the first."""
        self.choice.clip = clip
        self.view.show([clip] if clip else [], [clip.name] if clip else [])
        self.ok.set_enabled(clip is not None)
        self.slider.set_enabled(clip is not None)
        if clip is not None:
            self.slider.props(f"max={len(clip.joints) - 1}")
            self.slider.set_value(len(clip.joints) - 1 if self.last else 0)
            self.choose_frame(int(self.slider.value))
        self.refresh_sources()

    def choose_frame(self, frame: int) -> None:
        """Show a frame."""
        clip = self.choice.clip
        if clip is not None:
            self.choice.frame = min(max(frame, 0), len(clip.joints) - 1)
            self.said.text = f"frame {self.choice.frame}, {self.choice.frame / clip.fps:.2f} s"
            self.view.go(self.choice.frame / clip.fps)

    def finish(self) -> None:
        """Take the pose."""
        with report_errors():
            pose = self.choice.to_pose()
            if pose is not None:
                self.take(pose)
                self.dialog.close()
