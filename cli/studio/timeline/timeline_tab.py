"""The tab Timeline: segments on a track, poses and a path that the motion meets, and the motion of them."""

import random
from dataclasses import replace

from nicegui import ui
from nicegui.events import UploadEventArguments

from cli.options import LARGEST_SEED
from cli.studio.generate.prompt_field import PromptField
from cli.studio.shelf import Favorite, Shelf
from cli.studio.studio import Studio, complain, receive_file, report_errors, show_job, show_upload
from cli.studio.timeline.constraints_panel import ConstraintsPanel
from cli.studio.timeline.draft import Row, TimelineDraft, make
from cli.studio.timeline.elements import STYLE, Track
from cli.studio.view import MotionView
from cli.studio.worker import Job
from lead.control.timeline import LONGEST_TRANSITION, MOST_SECONDS, MOST_SEGMENTS, Timeline


def show_timeline_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    TimelineTab(studio).show()


class TimelineTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.workshop, self.draft = studio, studio.workshop, studio.desk.of(TimelineDraft)
        self.shelf = self.workshop.of(Shelf)
        self.loading: Job | None = None

    def show(self) -> None:
        """Put everything on the page."""
        ui.add_css(STYLE)
        draft = self.draft
        with ui.row().classes("bench"):
            with ui.column().classes("side gap-2"):
                self._show_settings()
                self.panel = ConstraintsPanel(self.studio, self.refresh_view)
            with ui.column().classes("stage gap-1"):
                self._show_bar()
                with ui.element().classes("w-full col").style("min-height: 0"):
                    self.view = MotionView("Press Generate: the motion of all segments plays here.")
                self.track = Track(self.choose, self.lengthen, self.move)
                with ui.row().classes("w-full no-wrap gap-1 items-start").style("flex: none"):
                    self._show_editor()
        self.refresh_segments()
        self.refresh()
        draft.loaded.subscribe(self.refresh_segments)
        draft.changed.subscribe(self.refresh)
        self.shelf.changed.subscribe(self.refresh_star)
        self.workshop.base_loaded.subscribe(self.learn_lengths)
        self.learn_lengths()

    def _show_settings(self) -> None:
        draft = self.draft
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            seed = ui.number("seed", min=0, max=LARGEST_SEED, precision=0).bind_value(draft, "seed")
            seed.props("dense outlined").classes("col")
            ui.button(icon="casino", on_click=self.draw_seed).props("flat dense round").tooltip("another seed")
            transition = ui.number("transition, s", min=0, max=LONGEST_TRANSITION, step=0.2)
            transition.bind_value(draft, "transition").props("dense outlined").style("width: 8em")
            transition.tooltip("seconds around each border in which neither prompt decides")
        ui.button("Generate", icon="timeline", on_click=self.generate).props("no-caps").classes("w-full")
        show_job(lambda: draft.job)
        show_job(lambda: self.loading)
        self.notes = ui.column().classes("w-full gap-1 text-caption")

    def _show_bar(self) -> None:
        with ui.row().classes("w-full items-center gap-1 no-wrap").style("flex: none; min-height: 32px"):
            ui.button("Segment", icon="add", on_click=self.add).props("flat dense no-caps")
            ui.button("From a text or a file", icon="upload", on_click=self.ask_source).props("flat dense no-caps")
            ui.button("Save", icon="save", on_click=self.save).props("flat dense no-caps").tooltip(
                "as the file that lead-invert generate --timeline reads; with poses or a path also those, in a ZIP"
            )
            self.length = ui.label().classes("text-caption q-ml-sm")
            ui.space()
            self.star = ui.button("Keep", icon="star_border", on_click=self.toggle_favorite).props("flat dense no-caps")

    def _show_editor(self) -> None:
        """The fields of the chosen segment."""
        with ui.column().classes("col gap-1").style("min-width: 0"):
            self.field = PromptField(self.workshop, "segment", "", lambda text: self.put("prompt", text), wrap=False)
            self.field.input.on("keydown.enter", self.generate)
        self.numbers = {
            "seconds": ui.number("seconds", min=0.2, max=MOST_SECONDS, step=0.2),
            "transition": ui.number("transition", placeholder="as all", min=0, max=LONGEST_TRANSITION, step=0.2),
            "seed": ui.number("seed", placeholder="by its place", min=0, max=LARGEST_SEED, precision=0),
        }
        for name, box in self.numbers.items():
            box.props("dense outlined" if name == "seconds" else "dense outlined clearable").style("width: 6.5em")
            box.on_value_change(lambda event, name=name: self.put(name, event.value))
        self.numbers["transition"].tooltip("seconds from the segment before it")
        for icon, said, act in (
            ("arrow_back", "earlier", lambda: self.move(self.draft.chosen, self.draft.chosen - 1)),
            ("arrow_forward", "later", lambda: self.move(self.draft.chosen, self.draft.chosen + 1)),
            ("content_copy", "once more", self.duplicate),
            ("delete", "take it away", self.remove),
        ):
            ui.button(icon=icon, on_click=act).props("flat dense round").tooltip(said)

    # what a person does

    def put(self, name: str, value: str | float | None) -> None:
        """Change the chosen segment."""
        setattr(self.draft.row, name, value)
        self.refresh_track()
        self.panel.refresh_pace()

    def generate(self) -> None:
        """Make the motion."""
        draft, workshop = self.draft, self.workshop
        with report_errors():
            order = draft.to_order()
            draft.job = workshop.start(
                f"generating {order.title[:40]}", lambda job: make(workshop, order, job), draft.keep, replaces=draft
            )

    def draw_seed(self) -> None:
        """Another seed, and its motion."""
        self.draft.seed = random.randrange(10_000)
        self.generate()

    def add(self) -> None:
        """A segment after the one that is chosen."""
        self._insert(Row())

    def duplicate(self) -> None:
        """The segment that is chosen once more."""
        self._insert(replace(self.draft.row))

    def _insert(self, row: Row) -> None:
        draft = self.draft
        if len(draft.rows) >= MOST_SEGMENTS:
            complain(f"a timeline has at most {MOST_SEGMENTS} segments.")
            return
        draft.chosen += 1
        draft.rows.insert(draft.chosen, row)
        self.refresh_segments()

    def remove(self) -> None:
        """Take the chosen segment away; one is left."""
        draft = self.draft
        if len(draft.rows) > 1:
            draft.rows.remove(draft.row)
            draft.chosen = min(draft.chosen, len(draft.rows) - 1)
            self.refresh_segments()

    def choose(self, index: int) -> None:
        """Edit another segment, and go to where it is in the motion."""
        draft = self.draft
        draft.chosen = min(max(index, 0), len(draft.rows) - 1)
        self.refresh_segments()
        marks = draft.told.motion.marks if draft.told else ()
        if len(marks) == len(draft.rows):
            self.view.go(marks[draft.chosen].start)

    def lengthen(self, index: int, seconds: float) -> None:
        """Make a segment longer or shorter."""
        if 0 <= index < len(self.draft.rows):
            self.draft.rows[index].seconds = seconds
            self.draft.chosen = index
            self.refresh_segments()

    def move(self, index: int, to: int) -> None:
        """Put a segment elsewhere."""
        rows = self.draft.rows
        if 0 <= index < len(rows) and 0 <= to < len(rows):
            rows.insert(to, rows.pop(index))
            self.draft.chosen = to
            self.refresh_segments()

    def ask_source(self) -> None:
        """Ask for other segments: a line of text, or a file."""
        with ui.dialog() as dialog, ui.card().style("width: 560px"):
            ui.label("Segments from a text")
            text = ui.textarea(placeholder="a person walks 4s, then sits down 3s, then waves 2s")
            text.props("outlined autogrow autofocus").classes("w-full")

            def go() -> None:
                with report_errors():
                    self.draft.load(Timeline.parse(text.value or ""))
                    dialog.close()

            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
                ui.button("Take the text", on_click=go).props("no-caps")

            async def read(event: UploadEventArguments) -> None:
                with report_errors():
                    path = await receive_file(self.workshop, event)
                    self.loading = self.workshop.start(
                        f"reading {path.name}",
                        lambda job: self.workshop.read_once(path, Timeline.read),
                        self.draft.load,
                    )
                    dialog.close()

            show_upload("or a timeline's file: drop it here", read, ".toml,.json")
        dialog.on("hide", dialog.delete)
        dialog.open()

    def save(self) -> None:
        """Send the timeline's file to the browser."""
        with report_errors():
            name, content = self.draft.to_file()
            ui.download.content(content, name)

    def toggle_favorite(self) -> None:
        """Keep the motion, or let it go."""
        told = self.draft.told
        if told is None:
            return
        with report_errors():
            if self.shelf.has(told.motion):
                self.shelf.remove(told.motion)
            else:
                self.shelf.add(Favorite(told.motion, told.order.title, told.order.seed, told.tokens))

    # what changes on the page

    def learn_lengths(self) -> None:
        """Read how short a segment can be."""
        if self.workshop.is_ready:
            self.track.set_shortest(self.workshop.base.seconds_range[0])

    def refresh_segments(self) -> None:
        """Show the segments, and the fields of the chosen one."""
        draft, row = self.draft, self.draft.row
        self.refresh_track()
        self.field.input.label = f"segment {draft.chosen + 1}"
        self.field.set_value(row.prompt)
        for name, box in self.numbers.items():
            box.set_value(getattr(row, name))
        self.numbers["transition"].visible = draft.chosen > 0
        self.panel.refresh()

    def refresh_track(self) -> None:
        """Show the segments."""
        draft = self.draft
        self.track.show([(row.prompt or "", float(row.seconds or 0.0)) for row in draft.rows], draft.chosen)
        total = sum(row.seconds or 0.0 for row in draft.rows)
        count = len(draft.rows)
        self.length.text = f"{count} segment{'' if count == 1 else 's'}, {total:.1f} s"

    def refresh(self) -> None:
        """Show what was made."""
        self.refresh_view()
        self.refresh_star()
        self.panel.refresh()
        told = self.draft.told
        self.notes.clear()
        with self.notes:
            if told and told.errors:
                ui.label("; ".join(f"{name}: {_say_meters(off)}" for name, off in told.errors) + ".")
            for note in told.notes if told else ():
                ui.label(note).classes("note")

    def refresh_view(self) -> None:
        """Show the motion where it is on the floor, and the path."""
        told = self.draft.told
        shown = [told.motion] if told else []
        self.view.show(shown, [told.order.title] if told else [], turn=False)
        self.view.show_path(self.draft.path)

    def refresh_star(self) -> None:
        """Whether the motion is kept."""
        told = self.draft.told
        self.star.visible = told is not None
        kept = told is not None and self.shelf.has(told.motion)
        self.star.set_text("Kept" if kept else "Keep")
        self.star.set_icon("star" if kept else "star_border")


def _say_meters(meters: float) -> str:
    return f"{100 * meters:.1f} cm off" if meters >= 0.0005 else "met"
