"""The tab Export: the shelf's motions as files, on the user's own rig, to a folder of this machine or as a download."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nicegui import Event, ui
from nicegui.events import UploadEventArguments

from cli.studio.export.exporting import Exported, OwnRig, export, find_missing, read_own_rig
from cli.studio.shelf import Favorite, Shelf
from cli.studio.studio import Studio, complain, receive_file, report_errors, show_job, show_upload
from cli.studio.view import MotionView
from cli.studio.worker import Job
from cli.write_outputs import DATA_FORMATS, ON_RIGS, VIEW_FORMATS

if TYPE_CHECKING:
    from lead.motion import Rig

_OF_RIGS = ".bvh,.fbx,.glb,.gltf,.vrma,.npz"


@dataclass(eq=False)
class ExportDraft:
    """What a page exports, and where to."""

    formats: list[str] = field(default_factory=lambda: ["bvh"])
    folder: str = "out"
    left_out: "set[Favorite]" = field(default_factory=set)
    shown: Favorite | None = None
    """The one that plays."""
    exported: Exported | None = None
    job: Job | None = None
    changed: Event[[]] = field(default_factory=Event)

    def keep(self, exported: Exported) -> None:
        """Show what was written; the download before it is deleted."""
        if self.exported and self.exported.archive:
            shutil.rmtree(self.exported.archive.parent, ignore_errors=True)
        self.exported = exported
        self.changed.emit()


def show_export_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ExportTab(studio).show()


class ExportTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.workshop = studio, studio.workshop
        self.draft = studio.desk.of(ExportDraft)
        self.shelf, self.rig = self.workshop.of(Shelf), self.workshop.of(OwnRig)
        self.client = ui.context.client

    def show(self) -> None:
        """Put everything on the page."""
        with ui.row().classes("bench"):
            with ui.column().classes("side gap-1"):
                ui.label("Motions that are kept").classes("text-weight-medium")
                self.list = ui.column().classes("w-full gap-1")
            with ui.column().classes("side gap-2"):
                self._show_rig()
                self._show_formats()
                self._show_buttons()
                self.written = ui.column().classes("w-full gap-0 text-caption")
            with ui.element().classes("stage"):
                self.view = MotionView("A motion of the list plays here.")
        self.refresh_list()
        self.refresh_written()
        self.refresh_rig()
        self.shelf.changed.subscribe(self.refresh_list)
        self.rig.changed.subscribe(self.refresh_rig)
        self.draft.changed.subscribe(self.refresh_written)

    def _show_rig(self) -> None:
        ui.label("Skeleton").classes("text-weight-medium")
        with ui.row().classes("w-full items-center no-wrap gap-1"):
            self.rig_label = ui.label().classes("col ellipsis")
            self.drop_rig = ui.button(icon="close", on_click=lambda: self.rig.put("", None)).props("flat dense round")
            self.drop_rig.tooltip("our 22 joints again")
        show_upload("a file with your rig: drop it here", self.read_rig, _OF_RIGS)

    def _show_formats(self) -> None:
        draft = self.draft
        ui.label("Formats").classes("text-weight-medium")
        others = [form for form in DATA_FORMATS if form not in ON_RIGS]
        for said, forms in (("on your rig", ON_RIGS), ("on 22 joints", others), ("to look at", VIEW_FORMATS)):
            with ui.row().classes("w-full gap-x-3 gap-y-0 items-baseline"):
                ui.label(said).classes("text-caption faint").style("width: 6em")
                with ui.row().classes("col gap-x-3 gap-y-0"):
                    for form in forms:
                        ui.checkbox(form, value=form in draft.formats, on_change=lambda event, form=form: (
                            self.choose_format(form, event.value)
                        )).props("dense")  # fmt: skip
        self.missing = ui.label().classes("note text-caption").style("overflow-wrap: anywhere")
        self.refresh_missing()

    def _show_buttons(self) -> None:
        draft = self.draft
        ui.input("folder on this machine").bind_value(draft, "folder").props("dense outlined").classes("w-full")
        with ui.row().classes("w-full no-wrap gap-2"):
            ui.button("Write", icon="folder", on_click=self.write).props("no-caps").classes("col")
            ui.button("Download", icon="download", on_click=self.download).props("no-caps outline").classes("col")
        show_job(lambda: draft.job)

    # what a person does

    async def read_rig(self, event: UploadEventArguments) -> None:
        """Take the skeleton of a file that was sent."""
        with report_errors():
            path = await receive_file(self.workshop, event)

            def put(rig: "Rig") -> None:
                self.rig.put(path.name, rig)

            self.draft.job = self.workshop.start(
                f"reading {path.name}", lambda job: self.workshop.read_once(path, read_own_rig), put
            )

    def choose_format(self, form: str, wanted: bool) -> None:
        """Add a format, or leave it out."""
        kept = {*self.draft.formats, form} if wanted else {*self.draft.formats} - {form}
        self.draft.formats = [each for each in (*DATA_FORMATS, *VIEW_FORMATS) if each in kept]
        self.refresh_missing()

    def list_chosen(self) -> list[Favorite]:
        """The motions that are exported."""
        return [one for one in self.shelf.favorites if one not in self.draft.left_out]

    def write(self) -> None:
        """Write into a folder of this machine."""
        favorites, formats, text = self.list_chosen(), list(self.draft.formats), (self.draft.folder or "").strip()
        if not text:
            complain("name a folder of this machine, as out or /home/ann/motions.")
            return
        output = Path(text).expanduser().absolute()
        self._start(lambda job: export(self.workshop, favorites, formats, output))

    def download(self) -> None:
        """Send the files to the browser."""
        favorites, formats = self.list_chosen(), list(self.draft.formats)
        output = Path(tempfile.mkdtemp(dir=self.workshop.folder))
        self._start(lambda job: export(self.workshop, favorites, formats, output, archive=True))

    def _start(self, work: Callable[[Job], Exported]) -> None:
        def finish(exported: Exported) -> None:
            self.draft.keep(exported)
            if exported.archive and not self.client.is_deleted:
                with self.client:
                    ui.download.file(exported.archive)

        self.draft.job = self.workshop.start("writing", work, finish)

    # what changes on the page

    def refresh_missing(self) -> None:
        """Say what a chosen format needs that is not here."""
        self.missing.text = find_missing(self.draft.formats)
        self.missing.visible = bool(self.missing.text)

    def refresh_list(self) -> None:
        """Show the motions that are kept."""
        self.list.clear()
        with self.list:
            for favorite in self.shelf.favorites:
                self._show_favorite(favorite)
            if not self.shelf.favorites:
                ui.label("None yet. In the tab Generate, Keep puts a motion here.").classes("text-caption")
        if self.draft.shown not in self.shelf.favorites:
            self.draft.shown = self.shelf.favorites[-1] if self.shelf.favorites else None
        self.refresh_view()

    def _show_favorite(self, favorite: Favorite) -> None:
        draft = self.draft

        def choose(wanted: bool) -> None:
            (draft.left_out.discard if wanted else draft.left_out.add)(favorite)

        def play() -> None:
            draft.shown = favorite
            self.refresh_view()

        with ui.row().classes("w-full no-wrap items-center gap-1"):
            ui.checkbox(value=favorite not in draft.left_out, on_change=lambda event: choose(event.value)).props(
                "dense"
            )
            ui.label(favorite.title).classes("col text-caption cursor-pointer").on("click", play)
            ui.label(f"{favorite.motion.seconds:.1f} s").classes("text-caption")
            close = ui.button(icon="close", on_click=lambda: self.shelf.remove(favorite.motion))
            close.props("flat dense round size=sm").tooltip("let it go")

    def refresh_view(self) -> None:
        """Play the motion that was chosen."""
        shown = self.draft.shown
        self.view.show([shown.motion] if shown else [], [shown.title] if shown else [])

    def refresh_rig(self) -> None:
        """Say which skeleton is written on."""
        self.rig_label.text = f"on {self.rig.name}" if self.rig.rig else "our 22 joints"
        self.drop_rig.visible = self.rig.rig is not None

    def refresh_written(self) -> None:
        """List what was written, and the licenses."""
        exported = self.draft.exported
        self.written.clear()
        if exported is None:
            return
        with self.written:
            if exported.archive is None:
                ui.label(f"in {exported.files[0].parent}:").classes("text-weight-medium")
            for path in exported.files:
                ui.label(path.name).style("overflow-wrap: anywhere")
            for note in exported.notes:
                ui.label(note).classes("note q-mt-xs")
