"""The tab Generate: a prompt to takes, beside an exemplar and the same noise without the word; the best are kept."""

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nicegui import Event, ui

from cli.options import LARGEST_SEED
from cli.studio.generate.prompt_field import PromptField
from cli.studio.generate.takes import MOST_TAKES, Made, Request, Take, make, remake, rescore
from cli.studio.shelf import Favorite, Shelf
from cli.studio.studio import Studio, report_errors, show_job
from cli.studio.view import MotionView
from cli.studio.worker import Job
from lead.errors import LeadError
from lead.text.prompts import STRONGEST, find_tokens

if TYPE_CHECKING:
    from lead import Motion
    from lead.text.vocabulary import Notice

TOGETHER = 4
"""Takes that are shown side by side."""


@dataclass(eq=False)
class GenerateDraft:
    """What is asked for on a page, and what came of it."""

    prompt: str | None = "a person walks"
    """None where the field was cleared, as for the numbers."""
    seconds: float = 4.0
    seed: float | None = 0
    number: float | None = 1
    guidance: float | None = None
    steps: float | None = None
    lock_feet: bool = True
    loop: bool = False
    in_place: bool = False
    strengths: dict[str, float] = field(default_factory=dict)
    made: Made | None = None
    chosen: int = 0
    """The place of the take that is shown."""
    with_exemplar: bool = True
    with_plain: bool = True
    overlaid: bool = False
    together: bool = False
    """Whether the best takes are shown side by side."""
    job: Job | None = None
    unknown: str = ""
    """What the base does not know of the prompt, in a sentence."""
    changed: Event[[]] = field(default_factory=Event)

    @property
    def request(self) -> Request:
        """What is asked for."""
        return Request(
            self.prompt or "", self.seconds, int(self.seed or 0), int(self.number or 1), self.guidance,
            int(self.steps) if self.steps else None, self.lock_feet, self.loop, self.in_place, dict(self.strengths),
        )  # fmt: skip

    @property
    def take(self) -> Take | None:
        """The take that is chosen."""
        takes = self.made.takes if self.made else ()
        return next((take for take in takes if take.place == self.chosen), takes[0] if takes else None)

    def keep(self, made: Made) -> None:
        """Show what was made, the best take first."""
        self.chosen = made.takes[0].place
        self.keep_remade(made)

    def keep_remade(self, made: Made) -> None:
        """Show what was made, with the take that was chosen before."""
        self.made = made
        self.changed.emit()

    def list_shown(self) -> "list[tuple[Motion, str]]":
        """The motions that are shown, and their titles."""
        made, take = self.made, self.take
        if made is None or take is None:
            return []
        shown = []
        if self.with_exemplar and made.exemplar is not None:
            shown.append((made.exemplar, made.exemplar.name))
        if self.with_plain and made.plain is not None:
            shown.append((made.plain, made.plain.name))
        takes = made.takes[:TOGETHER] if self.together else (take,)
        return shown + [(one.motion, name_take(made, one)) for one in takes]


def name_take(made: Made, take: Take) -> str:
    """What is written over a take."""
    return take.text + (f", take {take.place + 1}" if made.request.number > 1 else "")


def show_generate_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    GenerateTab(studio).show()


class GenerateTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.workshop, self.draft = studio.workshop, studio.desk.of(GenerateDraft)
        self.shelf = self.workshop.of(Shelf)
        self.named: list[str] = []
        """The concepts that have a slider."""

    def show(self) -> None:
        """Put everything on the page."""
        with ui.row().classes("bench"):
            with ui.column().classes("side gap-2"):
                self._show_prompt()
                self._show_settings()
                self._show_strengths()
                self._show_more()
                ui.button("Generate", icon="directions_run", on_click=self.generate).props("no-caps").classes("w-full")
                show_job(lambda: self.draft.job)
                self.notes = ui.column().classes("gap-1 text-caption")
            with ui.column().classes("stage gap-1"):
                self._show_switches()
                with ui.element().classes("w-full col").style("min-height: 0"):
                    self.view = MotionView(
                        "Write what the person does, and press Generate: the motion plays here."
                    ).mark("takes")
                self.strip = ui.row().classes("w-full gap-2 no-wrap strip").style("overflow-x: auto; flex: none")
        self.learn_words()
        self.refresh()
        self.draft.changed.subscribe(self.refresh)
        self.shelf.changed.subscribe(self.refresh_strip)
        self.workshop.base_loaded.subscribe(self.learn_words)
        self.workshop.library_changed.subscribe(self.learn_words)

    def _show_prompt(self) -> None:
        draft = self.draft
        self.field = PromptField(
            self.workshop, "what the person does", draft.prompt, lambda text: self.read_prompt(),
            placeholder="a person walks in <elderly> style",
        )  # fmt: skip
        self.field.input.bind_value(draft, "prompt").on("keydown.enter", self.generate)
        self.unknown = ui.label().bind_text_from(draft, "unknown").classes("text-caption note")
        self.unknown.bind_visibility_from(draft, "unknown", bool)

    def _show_settings(self) -> None:
        draft = self.draft
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            ui.label("length").classes("text-caption").style("width: 4em")
            self.length = ui.slider(min=0.8, max=9.8, step=0.2).bind_value(draft, "seconds").classes("col")
            ui.label().bind_text_from(draft, "seconds", lambda value: f"{value:.1f} s").classes("text-caption")
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            seed = ui.number("seed", min=0, max=LARGEST_SEED, precision=0).bind_value(draft, "seed")
            seed.props("dense outlined").classes("col")
            ui.button(icon="casino", on_click=self.draw_seed).props("flat dense round").tooltip("another seed")
            number = ui.number("best of", min=1, max=MOST_TAKES, precision=0).bind_value(draft, "number")
            number.props("dense outlined").style("width: 6em")

    def _show_strengths(self) -> None:
        self.sliders = ui.column().classes("w-full gap-0")
        self.refresh_sliders()

    def _show_more(self) -> None:
        draft = self.draft
        with ui.expansion("more").props("dense").classes("w-full"):
            with ui.row().classes("w-full no-wrap gap-2"):
                ui.number("guidance", placeholder="the base's", min=0, max=20, step=0.5).bind_value(
                    draft, "guidance"
                ).props("dense outlined clearable").classes("col")
                ui.number("steps", placeholder="the base's", min=1, max=1000, precision=0).bind_value(
                    draft, "steps"
                ).props("dense outlined clearable").classes("col")
            ui.checkbox("feet that stand do not slide").bind_value(draft, "lock_feet").props("dense")
            ui.checkbox("loop: the best cycle, without a seam").bind_value(draft, "loop").props("dense")
            ui.checkbox("in place: it goes nowhere on the floor").bind_value(draft, "in_place").props("dense")

    def _show_switches(self) -> None:
        """What is shown beside the take."""
        draft = self.draft
        with ui.row().classes("w-full items-center gap-3 no-wrap").style("flex: none; min-height: 32px"):
            for text, name, said in (
                ("exemplar", "with_exemplar", "a motion from the word's own file"),
                ("without the word", "with_plain", "the same seed and prompt, without the word"),
                ("overlaid", "overlaid", "all in one place"),
                (f"best {TOGETHER}", "together", "the takes that rank first, side by side"),
            ):
                box = ui.checkbox(text).bind_value(draft, name).props("dense").tooltip(said)
                box.on_value_change(self.refresh_view)
            ui.space()
            self.star = ui.button("Keep", icon="star_border", on_click=self.toggle_favorite).props("flat dense no-caps")

    # what a person does

    def generate(self) -> None:
        """Make what is asked for."""
        workshop, request = self.workshop, self.draft.request
        self.draft.job = workshop.start(
            f"generating {request.text[:40]}", lambda job: make(workshop, request, job), self.draft.keep,
            replaces=self.draft,
        )  # fmt: skip

    def set_strength(self, token: str, strength: float) -> None:
        """Another strength of a concept: the take that is shown is made anew."""
        draft, workshop = self.draft, self.workshop
        draft.strengths[token] = strength
        made, take = draft.made, draft.take
        if made is None or take is None or made.request.prompt != draft.prompt:
            self.generate()
            return
        request = replace(made.request, strengths=dict(draft.strengths))
        draft.job = workshop.start(
            "generating", lambda job: remake(workshop, made, request, take.place, job),
            lambda remade: self.keep_remade(remade, take.place), replaces=draft,
        )  # fmt: skip

    def keep_remade(self, made: Made, place: int) -> None:
        """Show a take that was made anew, and then its score, where there are several."""
        draft, workshop = self.draft, self.workshop
        draft.keep_remade(made)
        if made.request.number > 1:
            draft.job = workshop.start(
                "scoring", lambda job: rescore(workshop, made, place, job), draft.keep_remade, replaces=draft
            )

    def draw_seed(self) -> None:
        """Another seed, and its motions."""
        self.draft.seed = random.randrange(10_000)
        self.generate()

    def choose(self, place: int) -> None:
        """Show another take."""
        self.draft.chosen = place
        self.refresh_view()
        self.refresh_strip()

    def toggle_favorite(self) -> None:
        """Keep the take that is shown, or let it go."""
        made, take = self.draft.made, self.draft.take
        if made is None or take is None:
            return
        with report_errors():
            if self.shelf.has(take.motion):
                self.shelf.remove(take.motion)
            else:
                self.shelf.add(Favorite(take.motion, take.text, made.request.seed, made.tokens))

    def learn_words(self) -> None:
        """Read how long motions may be, and read the prompt with the words that there are."""
        if self.workshop.is_ready:
            shortest, longest = self.workshop.base.seconds_range
            self.length.props(f"min={shortest:g} max={longest:g}")
        self.read_prompt()

    def read_prompt(self) -> None:
        """Show the sliders of the prompt's words; say what the base does not know of it."""
        text = self.draft.prompt or ""
        self.refresh_sliders()
        workshop = self.workshop
        if not text.strip():
            self.draft.unknown = ""
        elif workshop.is_ready:
            workshop.start(
                "reading the prompt",
                lambda job: workshop.base.find_unknown([text])[0],
                self.tell_unknown,
                replaces=self,
            )

    def tell_unknown(self, notice: "Notice | None") -> None:
        """Say what the base does not know."""
        self.draft.unknown = notice.message if notice else ""

    # what changes on the page

    def refresh(self) -> None:
        """Show what was made."""
        self.refresh_view()
        self.refresh_strip()
        made = self.draft.made
        self.notes.clear()
        with self.notes:
            for note in made.notes if made else ():
                ui.label(note).classes("note")

    def refresh_view(self) -> None:
        """Show the chosen take and what stands beside it."""
        shown = self.draft.list_shown()
        self.view.show([motion for motion, _ in shown], [title for _, title in shown], overlaid=self.draft.overlaid)

    def refresh_strip(self) -> None:
        """Show the pictures of the takes, where there are several, and whether the chosen one is kept."""
        made, take = self.draft.made, self.draft.take
        self.star.visible = take is not None
        kept = take is not None and self.shelf.has(take.motion)
        self.star.set_text("Kept" if kept else "Keep")
        self.star.set_icon("star" if kept else "star_border")
        self.strip.clear()
        if made is None or len(made.takes) < 2:
            return
        with self.strip:
            for rank, one in enumerate(made.takes, start=1):
                self._show_take(rank, one, is_chosen=one is take)

    def _show_take(self, rank: int, take: Take, is_chosen: bool) -> None:
        card = ui.card().props("flat bordered").classes("q-pa-xs gap-0 cursor-pointer")
        card.style("flex: none; outline: 2px solid #2f6fd0" if is_chosen else "flex: none")
        card.on("click", lambda: self.choose(take.place)).mark(f"take-{rank}")
        with card:
            if take.picture:
                ui.image(take.picture).props("no-spinner no-transition").classes("picture").style(
                    "width: 84px; height: 84px"
                )
            else:
                ui.icon("directions_run", size="84px")
            score = f" · {take.score.total:.2f}" if take.score else ""
            star = " ★" if self.shelf.has(take.motion) else ""
            ui.label(f"{rank}. take {take.place + 1}{score}{star}").classes("text-caption")
            if take.score and take.score.shown is False:
                ui.tooltip("measures of the joints do not find what the prompt says")
            elif take.score:
                ui.tooltip("how well it fits the prompt and its words; more is better")

    def refresh_sliders(self) -> None:
        """A slider for each concept that the prompt names and the library has."""
        try:
            named = [token for token in find_tokens(self.draft.prompt or "") if token in self.field.tokens]
        except LeadError:  # a strength that is being typed
            return
        if named == self.named:
            return
        self.named = named
        self.sliders.clear()
        with self.sliders:
            for token in named:
                self._show_slider(token)

    def _show_slider(self, token: str) -> None:
        with ui.row().classes("w-full no-wrap items-center gap-2"):
            ui.label(token).classes("text-caption ellipsis").style("max-width: 8em")
            slider = ui.slider(min=0, max=STRONGEST, step=0.05, value=self.draft.strengths.get(token, 1.0)).classes(
                "col"
            )
            ui.label().bind_text_from(slider, "value", lambda value: f"{value:.2f}").classes("text-caption")
            slider.on("change", lambda: self.set_strength(token, slider.value))
