"""The tab Clips: files and folders to clips, each seen, trimmed and captioned, with what is wrong with it."""

from pathlib import Path

from nicegui import ui
from nicegui.events import UploadEventArguments

from cli.console import count_noun
from cli.jobs.learn_one import word_action
from cli.studio.clips.clip_list import ClipList, StudioClip
from cli.studio.clips.clip_view import ClipView
from cli.studio.clips.clip_work import ENDINGS, find_room, look_again, take_file, take_place
from cli.studio.clips.file_drop import FileDrop
from cli.studio.plain_words import plain_hint
from cli.studio.studio import Studio, complain, receive_file, report_errors, show_job
from lead.motion.suffixes import READS

COLORS = {"green": "#2e9e5b", "amber": "#d98e04", "red": "#d64545", "": "#9aa3b0"}
"""Of the verdicts of `check`; gray while a clip is read."""


def show_clips_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ClipsTab(studio).show()


class ClipsTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.workshop = studio, studio.workshop
        self.clips = studio.desk.of(ClipList)
        self.place = ""
        """A folder or file of this machine."""
        self.view = ClipView(self.workshop, self.clips)

    def show(self) -> None:
        """Put everything on the page."""
        drop = FileDrop(self.receive, ENDINGS).classes("w-full h-full drop")
        with drop, ui.row().classes("bench"):
            with ui.column().classes("side gap-2"):
                self._show_sources(drop)
                self.list = ui.column().classes("w-full col gap-0 no-wrap").style("overflow-y: auto")
                self.summary = ui.column().classes("w-full gap-1 text-caption").style("flex: none")
                show_job(lambda: self.clips.job)
                self.learn = ui.button("Learn a word from them", icon="school").props("no-caps").classes("w-full")
                self.learn.on_click(lambda: self.studio.open_tab("Learn"))
            self.view.show()
        self.refresh()
        self.clips.changed.subscribe(self.refresh)

    def _show_sources(self, drop: FileDrop) -> None:
        with ui.row().classes("w-full no-wrap gap-2").style("flex: none"):
            drop.show_buttons()
        with ui.row().classes("w-full no-wrap items-center gap-1").style("flex: none"):
            place = ui.input("or a folder or file of this machine").bind_value(self, "place")
            place.props("dense outlined").classes("col").on("keydown.enter", self.take_place)
            ui.button(icon="add", on_click=self.take_place).props("flat dense round").tooltip("add its clips")

    # what a person does

    async def receive(self, event: UploadEventArguments) -> None:
        """Take a file that was sent."""
        with report_errors():
            path = await receive_file(self.workshop, event, lambda name: find_room(self.workshop, self.clips, name))
            take_file(self.workshop, self.clips, path)

    def take_place(self) -> None:
        """Add the clips of a folder of this machine."""
        text = (self.place or "").strip()
        if not text:
            complain("name a folder or a file of this machine, as takes or /home/ann/takes/limp.bvh.")
            return
        take_place(self.workshop, self.clips, Path(text).expanduser().absolute(), self._tell)

    def _tell(self, text: str) -> None:
        if not self.list.is_deleted:
            with self.list:
                ui.notify(text, multi_line=True, position="top")

    def choose(self, clip: StudioClip) -> None:
        """Show another clip."""
        self.clips.chosen, self.clips.is_picked = clip, True
        self.refresh()

    def remove(self, clip: StudioClip) -> None:
        """Let a clip go."""
        self.clips.remove(clip)
        look_again(self.workshop, self.clips)

    def remove_all(self) -> None:
        """Let all clips go, with the files that came beside them."""
        for clip in [*self.clips.clips]:
            self.clips.remove(clip)
        for path in self.clips.beside:
            if path.parent in self.clips.folders:
                path.unlink(missing_ok=True)
        self.clips.beside = []
        look_again(self.workshop, self.clips)

    # what changes on the page

    def refresh(self) -> None:
        """Show the list and what is said of all."""
        clips = self.clips
        self.list.clear()
        with self.list:
            for clip in clips.clips:
                self._show_clip(clip)
            if not clips.clips:
                ui.label(f"Drop files or folders anywhere here: {', '.join(READS)}.").classes("text-caption q-mt-sm")
                ui.label("1 to 30 clips that show one action, style or person teach a word.").classes("text-caption")
        self._refresh_summary()
        self.view.refresh()

    def _show_clip(self, clip: StudioClip) -> None:
        row = ui.row().classes("w-full no-wrap items-center gap-2 cursor-pointer q-px-xs clip")
        if clip is self.clips.chosen:
            row.classes("chosen")
        with row.on("click", lambda: self.choose(clip)):
            ui.icon("circle", size="12px").style(f"color: {COLORS[clip.verdict]}").props(
                f'title="{clip.verdict or "not read yet"}"'
            )
            with ui.column().classes("col gap-0").style("min-width: 0"):
                ui.label(clip.name).classes("ellipsis w-full")
                ui.label(describe_clip(clip)).classes("ellipsis w-full text-caption faint")
            remove = ui.button(icon="close").props('flat dense round size=sm title="remove"')
            remove.on("click.stop", lambda: self.remove(clip))

    def _refresh_summary(self) -> None:
        clips = self.clips
        good = [clip for clip in clips.clips if clip.part is not None and not clip.problem]
        self.learn.set_enabled(bool(good))
        self.summary.clear()
        with self.summary:
            if clips.clips:
                seconds = sum(clip.part.seconds for clip in good if clip.part)
                bad = len(clips.clips) - len(good) if not clips.is_reading else 0
                left = f"; {bad} cannot be used" if bad else ""
                with ui.row().classes("w-full no-wrap items-center"):
                    ui.label(f"{count_noun(len(good), 'clip')}, {seconds:.1f} s in all{left}").classes("col")
                    if len(clips.clips) > 1:
                        ui.button("Remove all", on_click=self.remove_all).props("flat dense no-caps size=sm")
            if unused := [file.name for file in clips.unused]:
                more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
                ui.label(
                    f"not used: {', '.join(unused[:3])}{more}. Captions are in captions.jsonl, or in a .txt with its "
                    "clip's name; a .bin is read with its .gltf, which is sent too."
                ).classes("note")
            for hint in clips.looked.hints if clips.looked else ():
                ui.label(plain_hint(hint)).classes("note")


def describe_clip(clip: StudioClip) -> str:
    """A line of a list: what a clip is taken for, or why it cannot be used."""
    if clip.problem:
        return clip.problem
    if clip.row is None or clip.row.taken is None or clip.part is None:
        return "is read" if clip.read is None else "is looked at"
    action, sure, _ = word_action(clip.row.taken, captioned=False)
    what = f"“{clip.caption.strip()}”" if clip.caption.strip() else f"{action} {sure}".strip()
    return f"{clip.part.seconds:.1f} s · {what}"
