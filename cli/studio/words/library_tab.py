"""The tab Library: its words with pictures and cards; to verify, import, export, rename and remove them."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from nicegui import Event, ui
from nicegui.events import UploadEventArguments

from cli.console import count_noun
from cli.load_models import to_token
from cli.studio.generate.generate_tab import GenerateDraft
from cli.studio.studio import Studio, receive_file, report_errors, show_job, show_upload
from cli.studio.view import MotionView
from cli.studio.words.library_work import (
    Arrival,
    OpenWord,
    add_starters,
    add_word,
    open_word,
    read_pictures,
    verify_word,
    write_for_diffusers,
)
from cli.studio.words.word_list import Word, WordList, find_words
from cli.studio.worker import Job
from concepts import Check

SHOWN = 60
"""Tiles at once; a search finds the others."""
KINDS = {"": "all", "action": "actions", "style": "styles", "persona": "personas", "damaged": "damaged"}
_COLORS = {"passed": "positive", "warning": "warning", "failed": "negative"}


@dataclass(eq=False)
class LibraryDraft:
    """What a page looks at in the library."""

    text: str = ""
    kind: str = ""
    opened: OpenWord | None = None
    arrival: Arrival | None = None
    """A file whose name is taken, until the person says what to do."""
    new_name: str = ""
    """For the file that arrived."""
    pictures: dict[str, str] = field(default_factory=dict)
    said: str = ""
    """What was done last, in a sentence."""
    job: Job | None = None
    reading: Job | None = None
    changed: Event[[]] = field(default_factory=Event)

    def open(self, word: OpenWord | None) -> None:
        """Look at a word."""
        self.opened = word
        self.changed.emit()

    def keep_checks(self, token: str, checks: tuple[Check, ...]) -> None:
        """Show the checks of the word that is looked at."""
        if self.opened is not None and self.opened.token == token:
            self.open(replace(self.opened, checks=checks))


def show_library_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    LibraryTab(studio).show()


class LibraryTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.workshop = studio, studio.workshop
        self.draft, self.words = studio.desk.of(LibraryDraft), self.workshop.of(WordList)
        self.client = ui.context.client

    def show(self) -> None:
        """Put everything on the page."""
        with ui.row().classes("bench"):
            with ui.column().classes("tiles gap-2"):
                self._show_search()
                self.arrival = ui.row().classes("w-full items-center gap-2")
                show_job(lambda: self.draft.job)
                ui.label().bind_text_from(self.draft, "said").classes("text-caption")
                with ui.element().classes("w-full col").style("min-height: 0; overflow-y: auto"):
                    self.tiles = ui.row().classes("w-full gap-2")
            self.detail = ui.column().classes("card-side gap-2")
        self.refresh_tiles()
        self.refresh_detail()
        self.refresh_arrival()
        self.draft.changed.subscribe(self.refresh_detail)
        self.draft.changed.subscribe(self.refresh_arrival)
        self.words.changed.subscribe(self.forget_pictures)
        self.words.read(self.workshop)

    def _show_search(self) -> None:
        draft = self.draft
        with ui.row().classes("w-full items-center gap-2 no-wrap"):
            text = ui.input(placeholder="search names, bases, licenses").bind_value(draft, "text")
            text.props("dense outlined clearable").classes("col").on_value_change(self.refresh_tiles)
            kind = ui.select(KINDS).bind_value(draft, "kind").props("dense outlined").style("width: 9em")
            kind.on_value_change(self.refresh_tiles)
            ui.button(icon="auto_awesome", on_click=self.add_starters).props(
                "flat dense round aria-label='starter words'"
            ).tooltip("add the starter words, which come with the program")
            ui.button(icon="refresh", on_click=lambda: self.words.read(self.workshop)).props(
                "flat dense round"
            ).tooltip("read the folder again")
        show_upload("concept files: drop them here, or pick them", self.take_file, ".safetensors", multiple=True)

    # what a person does

    async def take_file(self, event: UploadEventArguments) -> None:
        """Add a file that was sent."""
        with report_errors():
            self.add(await receive_file(self.workshop, event))

    def add(self, path: Path, name: str = "", replace: bool = False) -> None:
        """Add a file under its own name or another."""
        draft, library = self.draft, self.workshop.library

        def finish(arrival: Arrival) -> None:
            draft.arrival = arrival if arrival.is_taken else None
            draft.new_name = ""
            if not arrival.is_taken:
                shutil.rmtree(arrival.path.parent, ignore_errors=True)
                draft.said = f"{arrival.token} is in the library."
                self.workshop.library_changed.emit()
                self.words.read(self.workshop)
            draft.changed.emit()

        draft.job = self.workshop.start(
            f"checking {path.name}", lambda job: add_word(library, path, name, replace), finish
        )

    def add_starters(self) -> None:
        """Add the words that come with the package."""
        draft, library = self.draft, self.workshop.library

        def finish(tokens: list[str]) -> None:
            draft.said = f"{count_noun(len(tokens), 'word')} added." if tokens else "The starter words are all there."
            self.workshop.library_changed.emit()
            self.words.read(self.workshop)

        draft.job = self.workshop.start("adding the starter words", lambda job: add_starters(library), finish)

    def leave(self) -> None:
        """Do not add the file that arrived."""
        if self.draft.arrival:
            shutil.rmtree(self.draft.arrival.path.parent, ignore_errors=True)
        self.draft.arrival = None
        self.refresh_arrival()

    def open(self, token: str) -> None:
        """Look at a word."""
        library = self.workshop.library
        self.draft.job = self.workshop.start(
            f"opening {token}", lambda job: open_word(library, token), self.draft.open, replaces=self.draft
        )

    def verify(self, token: str) -> None:
        """Make every check of a word's file."""
        draft, workshop = self.draft, self.workshop
        draft.job = workshop.start(
            f"verifying {token}",
            lambda job: verify_word(workshop, token),
            lambda checks: draft.keep_checks(token, checks),
        )

    def download(self, token: str) -> None:
        """Send a word's file to the browser."""
        library = self.workshop.library
        self._send(lambda: library.locate(token))

    def download_for_diffusers(self, token: str) -> None:
        """Send a word to the browser as diffusers loads it."""
        library, folder = self.workshop.library, Path(tempfile.mkdtemp(dir=self.workshop.folder))
        self._send(lambda: write_for_diffusers(library, token, folder))

    def _send(self, find: Callable[[], Path]) -> None:
        def finish(path: Path) -> None:
            if not self.client.is_deleted:
                with self.client:
                    ui.download.file(path)

        self.draft.job = self.workshop.start("exporting", lambda job: find(), finish)

    def rename(self, old: str, name: str) -> None:
        """Give a word another name, in its file too."""
        library = self.workshop.library

        def work(job: Job) -> OpenWord:
            library.rename(old, to_token(name))
            return open_word(library, to_token(name))

        self._change(f"renaming {old}", work, lambda word: f"{old} is {word.token if word else ''} now.")

    def remove(self, token: str) -> None:
        """Delete a word's file."""
        library = self.workshop.library
        self._change(f"removing {token}", lambda job: library.remove(token), lambda word: f"{token} is removed.")

    def _change(
        self, title: str, work: Callable[[Job], OpenWord | None], say: Callable[[OpenWord | None], str]
    ) -> None:
        def finish(word: OpenWord | None) -> None:
            self.draft.said = say(word)
            self.draft.open(word)
            self.workshop.library_changed.emit()
            self.words.read(self.workshop)

        self.draft.job = self.workshop.start(title, work, finish)

    def generate(self, word: OpenWord) -> None:
        """Go to the tab Generate with a prompt that names the word."""
        self.studio.desk.of(GenerateDraft).prompt = word.concept.probe_prompt
        self.studio.open_tab("Generate")

    def ask_name(self, token: str) -> None:
        """Ask for a word's new name."""
        with ui.dialog() as dialog, ui.card():
            ui.label(f"Another name for {token}. Prompts then use it; the file has it too.")
            name = ui.input("new name", value=token[1:-1]).props("dense outlined autofocus").classes("w-full")

            def go() -> None:
                dialog.close()
                self.rename(token, name.value or "")

            name.on("keydown.enter", go)
            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
                ui.button("Rename", on_click=go).props("no-caps")
        dialog.on("hide", dialog.delete)
        dialog.open()

    def ask_removal(self, token: str) -> None:
        """Ask whether a word's file is to be deleted."""
        with ui.dialog() as dialog, ui.card():
            ui.label(f"Remove {token}? This deletes its file, {self.workshop.library.path(token)}.")

            def go() -> None:
                dialog.close()
                self.remove(token)

            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=dialog.close).props("flat no-caps autofocus")
                ui.button("Remove it", on_click=go).props("no-caps color=negative")
        dialog.on("hide", dialog.delete)
        dialog.open()

    # what changes on the page

    def forget_pictures(self) -> None:
        """Read pictures anew, when the library has changed."""
        self.draft.pictures = {}
        self.refresh_tiles()

    def refresh_tiles(self) -> None:
        """Show the words that are searched for."""
        draft = self.draft
        found = find_words(self.words.words, draft.text or "", draft.kind or "")
        shown = found[:SHOWN]
        self.tiles.clear()
        with self.tiles:
            for word in shown:
                self._show_tile(word)
            if len(found) > SHOWN:
                ui.label(f"and {len(found) - SHOWN} more: search for them").classes("text-caption")
            if not self.words.is_read:
                ui.label("The library is read ...")
            elif not self.words.words:
                self._show_first_steps()
            elif not found:
                ui.label("No word is like that.")
        missing = [word.token for word in shown if word.summary and word.token not in draft.pictures]
        if missing and (draft.reading is None or not draft.reading.is_open):
            library = self.workshop.library
            draft.reading = self.workshop.start(
                "reading pictures", lambda job: read_pictures(library, missing), self._take_pictures
            )

    def _show_first_steps(self) -> None:
        """What to do where there are no words."""
        with ui.column().classes("w-full items-center gap-2 q-mt-xl"):
            ui.label("No words yet. The tab Learn makes some; concept files of others can be dropped above.")
            ui.button("Add the starter words", icon="auto_awesome", on_click=self.add_starters).props("no-caps")
            ui.label("15 styles and actions that come with the program").classes("text-caption faint")

    def _take_pictures(self, pictures: dict[str, str]) -> None:
        self.draft.pictures |= pictures
        self.draft.reading = None
        if not self.client.is_deleted:
            self.refresh_tiles()

    def _show_tile(self, word: Word) -> None:
        opened = self.draft.opened
        is_open = opened is not None and opened.token == word.token
        card = ui.card().props("flat bordered").classes("gap-0 cursor-pointer")
        card.style(f"width: 122px; padding: 4px; {'outline: 2px solid #2f6fd0' if is_open else ''}")
        card.on("click", lambda: self.open(word.token))
        with card:
            if picture := self.draft.pictures.get(word.token):
                ui.image(picture).props("no-spinner no-transition fit=contain").classes("picture").style(
                    "width: 112px; height: 104px"
                )
            else:
                with ui.row().classes("items-center justify-center").style("width: 112px; height: 104px"):
                    ui.icon("directions_run" if word.summary else "report", size="48px").classes("text-grey")
            ui.label(word.token).classes("text-caption text-weight-medium ellipsis").style("max-width: 112px")
            said = f"{word.kind}, {word.summary.base}" if word.summary else "damaged"
            ui.label(said).classes("text-caption ellipsis").style("max-width: 112px")
            if word.fault:
                ui.tooltip(word.fault)

    def refresh_arrival(self) -> None:
        """Ask what to do with a file whose name is taken."""
        arrival = self.draft.arrival
        self.arrival.clear()
        self.arrival.visible = arrival is not None
        if arrival is None:
            return
        with self.arrival:
            ui.label(f"The library has {arrival.token} already; {arrival.path.name} was not added.").classes("note")
            name = ui.input("another name").bind_value(self.draft, "new_name").props("dense outlined")
            ui.button("Add", on_click=lambda: self.add(arrival.path, name.value or "")).props("no-caps dense")
            ui.button(f"Replace {arrival.token}", on_click=lambda: self.add(arrival.path, arrival.token, True)).props(
                "no-caps dense outline color=negative"
            )
            ui.button("Leave it", on_click=self.leave).props("flat no-caps dense")

    def refresh_detail(self) -> None:
        """Show the word that is looked at."""
        word = self.draft.opened
        self.detail.clear()
        self.detail.visible = word is not None
        if word is None:
            return
        with self.detail:
            if word.preview is not None:
                with ui.element().classes("w-full").style("height: 260px; flex: none"):
                    MotionView(compact=True).show([word.preview], [f"what {word.token} looks like"])
            self._show_buttons(word)
            if word.checks:
                self._show_checks(word.checks)
            ui.markdown(word.card, extras=["tables", "fenced-code-blocks"]).classes("w-full card-text")

    def _show_buttons(self, word: OpenWord) -> None:
        token = word.token
        with ui.row().classes("w-full gap-1 items-center").style("flex: none"):
            ui.button("Try it", icon="directions_run", on_click=lambda: self.generate(word)).props("dense no-caps")
            ui.button("Verify", icon="verified", on_click=lambda: self.verify(token)).props("flat dense no-caps")
            with ui.button("Export", icon="download").props("flat dense no-caps"), ui.menu().props("auto-close"):
                ui.menu_item("concept file", on_click=lambda: self.download(token))
                ui.menu_item("for diffusers", on_click=lambda: self.download_for_diffusers(token))
            ui.button("Rename", icon="edit", on_click=lambda: self.ask_name(token)).props("flat dense no-caps")
            ui.button("Remove", icon="delete", on_click=lambda: self.ask_removal(token)).props("flat dense no-caps")
            ui.space()
            ui.button(icon="close", on_click=lambda: self.draft.open(None)).props("flat dense round")

    def _show_checks(self, checks: tuple[Check, ...]) -> None:
        """How the checks of the specification went; each of them stands below, open where one did not pass."""
        bad = [check for check in checks if check.result in ("failed", "warning")]
        said = (
            f"{len(bad)} of {len(checks)} checks did not pass" if bad
            else "every check passed: the file is sound"
        )  # fmt: skip
        icon = "warning" if bad else "verified"
        with ui.expansion(said, icon=icon, value=bool(bad)).props("dense").classes("w-full"):
            self._list_checks(checks)

    @staticmethod
    def _list_checks(checks: tuple[Check, ...]) -> None:
        with ui.column().classes("w-full gap-0 text-caption"):
            for check in checks:
                with ui.row().classes("w-full no-wrap gap-2 items-start"):
                    ui.badge(check.result, color=_COLORS.get(check.result, "grey")).style("flex: none; width: 6.5em")
                    ui.label(f"{check.number}. {check.name}").style("flex: none; width: 12em")
                    ui.label(check.said).classes("col").style("overflow-wrap: anywhere")
