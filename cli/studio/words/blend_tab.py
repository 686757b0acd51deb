"""The tab Blend: a slider between two words, or between a word and its opposite, and the motion that follows it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nicegui import Event, ui

from cli.options import LARGEST_SEED
from cli.studio.shelf import Favorite, Shelf
from cli.studio.studio import Studio, complain, report_errors, show_job
from cli.studio.view import MotionView
from cli.studio.words.blending import OPPOSITE, Mix, Mixed, generate_ends, generate_mix, save_word
from cli.studio.words.word_list import WordList
from cli.studio.worker import Job
from cli.studio.workshop import Workshop

if TYPE_CHECKING:
    from concepts import Concept


@dataclass(eq=False)
class BlendDraft:
    """What is blended on a page, and what came of it."""

    first: str | None = None
    second: str | None = None
    weight: float = 0.5
    prompt: str = ""
    seconds: float = 4.0
    seed: int = 0
    with_ends: bool = True
    overlaid: bool = False
    name: str = ""
    """Of the word that is saved."""
    mixed: Mixed | None = None
    ends: tuple[Mixed, Mixed] | None = None
    saved: str = ""
    """What was saved, in a sentence."""
    job: Job | None = None
    saving: Job | None = None
    changed: Event[[]] = field(default_factory=Event)

    @property
    def mix(self) -> Mix | None:
        """What is asked for; None until there are two words."""
        if not self.first or not self.second:
            return None
        weight = round(float(self.weight), 2)
        return Mix(self.first, self.second, weight, self.prompt or "", self.seconds, int(self.seed or 0))

    def follow(self, workshop: Workshop) -> None:
        """Generate what is asked for; while a motion is made, only the last wish is remembered."""
        mix = self.mix
        if mix is None or (self.job and self.job.is_open):
            return
        if self.mixed is None or self.mixed.mix != mix:
            self.job = workshop.start(
                f"blending {mix.title}", lambda job: generate_mix(workshop, mix, job),
                lambda mixed: self._keep(workshop, mixed), owner=self,
            )  # fmt: skip
        elif self.with_ends and not self.has_ends:
            self.job = workshop.start(
                "both ends of the blend", lambda job: generate_ends(workshop, mix, job),
                lambda ends: self._keep_ends(workshop, ends), owner=self,
            )  # fmt: skip

    @property
    def has_ends(self) -> bool:
        """Whether the ends that are there are those of what is asked for."""
        mix = self.mix
        if mix is None or self.ends is None:
            return False
        of = self.ends[0].mix
        own, theirs = ((m.first, m.second, m.prompt, m.seconds, m.seed) for m in (mix, of))
        return own == theirs

    def _keep(self, workshop: Workshop, mixed: Mixed) -> None:
        self.mixed = mixed
        self._go_on(workshop)

    def _keep_ends(self, workshop: Workshop, ends: tuple[Mixed, Mixed]) -> None:
        self.ends = ends
        self._go_on(workshop)

    def _go_on(self, workshop: Workshop) -> None:
        """Show what was made; go on with what was asked for meanwhile."""
        self.changed.emit()
        self.job = None
        self.follow(workshop)


def show_blend_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    BlendTab(studio).show()


class BlendTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.workshop, self.draft = studio.workshop, studio.desk.of(BlendDraft)
        self.shelf, self.words = self.workshop.of(Shelf), self.workshop.of(WordList)

    def show(self) -> None:
        """Put everything on the page."""
        with ui.row().classes("bench"):
            with ui.column().classes("side gap-2"):
                self._show_words()
                self._show_settings()
                show_job(lambda: self.draft.job)
                self._show_saving()
            with ui.column().classes("stage gap-1"):
                self._show_slider()
                with ui.element().classes("w-full col").style("min-height: 0"):
                    self.view = MotionView("Choose two words: the blend plays here, between the two.", keep_time=True)
        self.refresh_words()
        self.refresh()
        self.draft.changed.subscribe(self.refresh)
        self.shelf.changed.subscribe(self.refresh_star)
        self.words.changed.subscribe(self.refresh_words)
        self.workshop.library_changed.subscribe(lambda: self.words.read(self.workshop))
        self.words.read(self.workshop)

    def _show_words(self) -> None:
        self.first = ui.select([], label="first word", on_change=self.take_words).props("dense outlined")
        self.first.classes("w-full")
        self.second = ui.select([], label="second word", on_change=self.take_words).props("dense outlined")
        self.second.classes("w-full")
        self.hint = ui.label().classes("text-caption")
        self.hint.bind_visibility_from(self.draft, "mix", lambda mix: mix is None)

    def _show_settings(self) -> None:
        draft = self.draft
        prompt = ui.input("what the person does", placeholder="the first word's own prompt").bind_value(draft, "prompt")
        prompt.props("dense outlined clearable").classes("w-full").tooltip("{} stands for the word")
        prompt.on("change", self.follow).on("clear", self.follow).on("keydown.enter", self.follow)
        ui.label("{} stands for the word: a person waves in {} style").classes("text-caption")
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            ui.label("length").classes("text-caption").style("width: 4em")
            length = ui.slider(min=0.8, max=9.8, step=0.2).bind_value(draft, "seconds").classes("col")
            length.on("change", self.follow)
            ui.label().bind_text_from(draft, "seconds", lambda value: f"{value:.1f} s").classes("text-caption")
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            seed = ui.number("seed", min=0, max=LARGEST_SEED, precision=0).bind_value(draft, "seed")
            seed.props("dense outlined").classes("col").on("change", self.follow)
        with ui.row().classes("w-full no-wrap items-center gap-3"):
            ends = ui.checkbox("show both ends").bind_value(draft, "with_ends").props("dense")
            ends.on_value_change(self.follow).on_value_change(self.refresh)
            overlaid = ui.checkbox("overlaid").bind_value(draft, "overlaid").props("dense")
            overlaid.on_value_change(self.refresh)

    def _show_saving(self) -> None:
        draft = self.draft
        ui.separator()
        ui.label("As a new word").classes("text-weight-medium")
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            name = ui.input("name", placeholder="made from the old names").bind_value(draft, "name")
            name.props("dense outlined").classes("col")
            ui.button("Save", icon="save", on_click=self.save).props("no-caps")
        show_job(lambda: draft.saving)
        ui.label().bind_text_from(draft, "saved").classes("text-caption").style("overflow-wrap: anywhere")

    def _show_slider(self) -> None:
        draft = self.draft
        with ui.row().classes("w-full items-center gap-3 no-wrap").style("flex: none; min-height: 40px"):
            left = ui.label().bind_text_from(draft, "first", lambda token: token or "first word")
            left.classes("text-weight-medium ellipsis")
            slider = ui.slider(min=0, max=1, step=0.01).bind_value(draft, "weight").classes("col")
            slider.on_value_change(self.follow).props("aria-label=blend")
            right = ui.label().bind_text_from(draft, "second", lambda token: token or "second word")
            right.classes("text-weight-medium ellipsis")
            self.share = ui.label().classes("text-caption").style("min-width: 11em; text-align: right")
            self.star = ui.button("Keep", icon="star_border", on_click=self.toggle_favorite).props("flat dense no-caps")

    # what a person does

    def take_words(self) -> None:
        """Blend other words."""
        draft = self.draft
        draft.first, draft.second = self.first.value, self.second.value
        self.refresh()
        self.follow()

    def follow(self) -> None:
        """Generate what is asked for."""
        self.refresh_share()
        self.draft.follow(self.workshop)

    def save(self) -> None:
        """Put the blend into the library."""
        draft, workshop = self.draft, self.workshop
        mix, name = draft.mix, draft.name or ""
        if mix is None:
            complain("choose two words first.")
            return

        def finish(concept: "Concept") -> None:
            terms = f" Its license: {concept.license}." if concept.license else " Its words state no license."
            draft.saved = f"{concept.token} is in the library.{terms}"
            workshop.library_changed.emit()

        draft.saving = workshop.start("saving the word", lambda job: save_word(workshop, mix, name, job), finish)

    def toggle_favorite(self) -> None:
        """Keep the motion that is shown, or let it go."""
        mixed = self.draft.mixed
        if mixed is None:
            return
        with report_errors():
            if self.shelf.has(mixed.motion):
                self.shelf.remove(mixed.motion)
            else:
                self.shelf.add(Favorite(mixed.motion, mixed.mix.title, mixed.mix.seed, mixed.mix.tokens))

    # what changes on the page

    def refresh_words(self) -> None:
        """Offer the words of the library."""
        draft = self.draft
        names = {word.token: f"{word.token}, {word.kind}" for word in self.words.words if word.summary}
        first = draft.first if draft.first in names else None
        second = draft.second if draft.second in (*names, OPPOSITE) else None
        self.first.set_options(names, value=first)
        self.second.set_options({OPPOSITE: OPPOSITE, **names}, value=second)
        self.hint.text = (
            "Two words of one kind: both styles, or both actions."
            if names
            else "The library is read ..."
            if not self.words.is_read
            else "The library has no words yet: the tab Learn makes some, and the tab Library imports them."
        )

    def refresh(self) -> None:
        """Show what was made."""
        draft = self.draft
        mixed = draft.mixed
        shown = [mixed] if mixed and (mixed.mix.first, mixed.mix.second) == (draft.first, draft.second) else []
        if shown and draft.with_ends and draft.has_ends and draft.ends:
            shown = [draft.ends[0], *shown, draft.ends[1]]
        self.view.show(
            [one.motion for one in shown], [one.mix.title for one in shown], overlaid=draft.overlaid and len(shown) > 1
        )
        self.refresh_share()
        self.refresh_star()

    def refresh_share(self) -> None:
        """Say what the slider says."""
        mix = self.draft.mix
        self.share.text = mix.title if mix and mix.second == OPPOSITE else f"{self.draft.weight:.0%}" if mix else ""

    def refresh_star(self) -> None:
        """Whether the motion is kept."""
        mixed = self.draft.mixed
        self.star.visible = mixed is not None
        kept = mixed is not None and self.shelf.has(mixed.motion)
        self.star.set_text("Kept" if kept else "Keep")
        self.star.set_icon("star" if kept else "star_border")
