"""The tab Learn: a word from the clips of the tab Clips, seen while it is learned, and what it does, in words."""

import time
from dataclasses import dataclass, field
from typing import Any, get_args

from nicegui import Event, ui

from cli.console import count_noun
from cli.jobs.learn_one import LearnOptions
from cli.load_models import usual_prompt
from cli.options import LARGEST_SEED
from cli.studio.clips.clip_list import ClipList
from cli.studio.clips.clip_work import look_again, snap_parts
from cli.studio.clips.learning import LearnRun, Order, check_order, start_learning
from cli.studio.clips.report_view import draw_curve, list_sentences, list_views, show_motions, show_sentences
from cli.studio.generate.generate_tab import GenerateDraft
from cli.studio.plain_words import find_other_kind, plain_hint
from cli.studio.studio import Studio, complain, report_errors
from cli.studio.view import MotionView
from concepts.kinds import Kind
from concepts.provenance import Credits
from inversion.choices import Quality

KINDS = {"style": "a way of doing things", "action": "something a person does", "persona": "one person's way of moving"}
QUALITIES = {
    "fast": "seconds; no report",
    "balanced": "a minute or less, and a report",
    "best": "some minutes, and a report",
}


@dataclass(eq=False)
class LearnDraft:
    """What is to be learned on a page, and what came of it."""

    token: str = ""
    quality: Quality = "balanced"
    init: str = ""
    steps: int | None = None
    seed: int = 0
    license: str = ""
    source: str = ""
    author: str = ""
    description: str = ""
    replace: bool = False
    run: LearnRun | None = None
    shown: str = ""
    """The name of what plays; empty: the clips and the word."""
    changed: Event[[]] = field(default_factory=Event)

    def make_order(self, clips: ClipList) -> Order:
        """What is asked for."""
        name = self.token.strip().strip("<>")
        options = LearnOptions(
            kind=clips.kind, quality=self.quality, init=self.init.strip() or None,
            steps=int(self.steps) if self.steps else None,
        )  # fmt: skip
        credits = Credits(self.license.strip(), self.source.strip(), self.author.strip(), self.description.strip())
        parts = tuple(snap_parts([clip for clip in clips.clips if clip.motion is not None]))
        return Order(f"<{name}>", options, parts, clips.looked, int(self.seed or 0), credits, self.replace)


def show_learn_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    LearnTab(studio).show()


class LearnTab:
    """The tab's elements, on one page."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.workshop = studio, studio.workshop
        self.draft, self.clips = studio.desk.of(LearnDraft), studio.desk.of(ClipList)
        self.told: set[LearnRun] = {run for run in [self.draft.run] if run and not run.is_open}
        """Runs whose error was told."""
        self.seen: tuple[Any, ...] = ()
        """The state of the run that is on the page."""

    def show(self) -> None:
        """Put everything on the page."""
        with ui.row().classes("bench"):
            with ui.column().classes("side gap-2"):
                self.said = ui.column().classes("w-full gap-1 text-caption")
                self._show_word()
                self.hints = ui.column().classes("w-full gap-1 text-caption")
                self.button = ui.button("Learn", icon="school", on_click=self.learn).props("no-caps").classes("w-full")
                self.button.mark("learn")
                self._show_more()
                self._show_progress()
                self.report = ui.column().classes("w-full gap-1")
                self.use = ui.button("Use it", icon="directions_run", on_click=self.use_word)
                self.use.props("no-caps outline").classes("w-full")
            with ui.column().classes("stage gap-1"):
                self.views = ui.row().classes("w-full items-center gap-2").style("flex: none")
                with ui.element().classes("w-full col").style("min-height: 0"):
                    self.view = MotionView("While a word is learned, its motion plays here, beside a clip.")
        self.refresh_clips()
        self.refresh_run()
        self.clips.changed.subscribe(self.refresh_clips)
        self.draft.changed.subscribe(self.refresh_run)
        ui.timer(0.3, self.refresh_run)

    def _show_word(self) -> None:
        draft = self.draft
        word = ui.input("the new word", placeholder="elderly").bind_value(draft, "token")
        word.props("dense outlined").classes("w-full").on("keydown.enter", self.learn)
        ui.label("it means").classes("text-caption")
        kinds = ui.toggle(list(get_args(Kind)), on_change=self.choose_kind).bind_value(self.clips, "kind")
        kinds.props("no-caps dense spread").classes("w-full")
        ui.label().bind_text_from(self.clips, "kind", KINDS.__getitem__).classes("text-caption faint")
        ui.label("quality").classes("text-caption")
        qualities = ui.toggle(list(get_args(Quality))).bind_value(draft, "quality")
        qualities.props("no-caps dense spread").classes("w-full")
        ui.label().bind_text_from(draft, "quality", QUALITIES.__getitem__).classes("text-caption faint")

    def _show_more(self) -> None:
        draft = self.draft
        with ui.expansion("more").props("dense").classes("w-full"), ui.column().classes("w-full gap-2"):
            self._show_text("known words of similar meaning, to start from", "init", "walks backward")
            with ui.row().classes("w-full no-wrap gap-2"):
                steps = ui.number("steps", placeholder="as the quality", min=1, max=100_000, precision=0)
                steps.bind_value(draft, "steps").props("dense outlined clearable").classes("col")
                seed = ui.number("seed", min=0, max=LARGEST_SEED, precision=0).bind_value(draft, "seed")
                seed.props("dense outlined").classes("col")
            self._show_text("license of the recordings", "license", "CC BY 4.0")
            self._show_text("source of the recordings", "source", "a data set, a performer or a web address")
            self._show_text("your name, as others will see it", "author")
            self._show_text("what others should know", "description")
            ui.checkbox("replace a word of the same name").bind_value(draft, "replace").props("dense")

    def _show_text(self, label: str, name: str, placeholder: str = "") -> None:
        ui.input(label, placeholder=placeholder).bind_value(self.draft, name).props("dense outlined").classes("w-full")

    def _show_progress(self) -> None:
        with ui.column().classes("w-full gap-1") as self.progress:
            self.stage = ui.label().classes("text-caption w-full ellipsis")
            self.bar = ui.linear_progress(show_value=False).props("instant-feedback").classes("w-full")
            self.stop = ui.button("Stop", on_click=self.stop_run).props("outline no-caps").classes("w-full")
        self.curve = ui.html("", sanitize=False).classes("w-full")

    # what a person does

    def choose_kind(self) -> None:
        """Another kind: what is said of the clips may change."""
        if self.clips.clips and not self.clips.is_reading:
            look_again(self.workshop, self.clips)

    def learn(self) -> None:
        """Learn the word."""
        draft = self.draft
        if draft.run and draft.run.is_open:
            complain(f"{draft.run.order.token} is being learned: stop it first, or wait.")
            return
        with report_errors():
            if not draft.token.strip().strip("<>"):
                complain("the new word has no name: give it one, as elderly.")
                return
            if self.clips.is_reading:
                complain("the clips are still being read: wait a moment.")
                return
            order = draft.make_order(self.clips)
            check_order(order, self.workshop.library)
            draft.token, draft.shown = order.token, ""
            draft.run = start_learning(self.workshop, order, draft.changed.emit, self.clips)
        self.refresh_run()

    def stop_run(self) -> None:
        """Keep the best so far."""
        if self.draft.run:
            self.draft.run.stop()

    def use_word(self) -> None:
        """Go to the tab Generate with a prompt that names the word."""
        run = self.draft.run
        if run and run.learned:
            self.studio.desk.of(GenerateDraft).prompt = usual_prompt(run.learned.concept)
            self.studio.open_tab("Generate")

    def choose_view(self, name: str) -> None:
        """Play something else."""
        self.draft.shown = name
        self.refresh_view()

    # what changes on the page

    def refresh_clips(self) -> None:
        """Say what is learned from, and what should be read before."""
        clips = self.clips
        good = [clip for clip in clips.clips if clip.part is not None and not clip.problem]
        self.said.clear()
        with self.said:
            if good:
                seconds = sum(clip.part.seconds for clip in good if clip.part)
                left = len(clips.clips) - len(good)
                more = f"; {left} cannot be used" if left and not clips.is_reading else ""
                ui.label(f"from {count_noun(len(good), 'clip')}, {seconds:.1f} s in all{more}")
            else:
                link = ui.label("no clips yet: add some in the tab Clips").classes("note cursor-pointer")
                link.on("click", lambda: self.studio.open_tab("Clips"))
        self.hints.clear()
        hints = clips.looked.hints if clips.looked else ()
        with self.hints:
            for hint in hints:
                ui.label(plain_hint(hint)).classes("note")
            if other := find_other_kind(hints):
                ui.button(f"Learn it as {other}", on_click=lambda: self.take_kind(other)).props(
                    "flat dense no-caps size=sm"
                )

    def take_kind(self, kind: Kind) -> None:
        """Learn another kind of word."""
        self.clips.kind = kind
        self.choose_kind()

    def refresh_run(self) -> None:
        """Show how far learning is, where that changed."""
        run = self.draft.run
        self.button.set_enabled(run is None or not run.is_open)
        self.progress.visible = run is not None and run.is_open
        self.use.visible = run is not None and run.learned is not None
        if run is None or run.job is None:
            return
        if run.job.state == "failed" and run not in self.told:
            complain(run.job.error)
            self.told.add(run)
        waits = " ".join([f"{run.stage} {run.order.token}"] if run.stage != "waiting" else ["waits for other work"])
        self.stage.text = f"{waits}, {time.monotonic() - run.started:.0f} s"
        if run.stage == "learning" and run.losses:
            self.stage.text += f", loss {run.losses[-1]:.3f}"
        self.bar.props(remove="indeterminate") if run.stage == "learning" else self.bar.props("indeterminate")
        self.bar.value = run.done / run.total if run.total else 0.0
        self.stop.text = "Skip the report" if run.stage == "trying" else "Stop, keep the best"
        seen = (run, run.stage, run.preview, run.trials, run.learned, run.job.state)
        if run.losses:
            self.curve.content = draw_curve(run.losses, run.total)
        if seen != self.seen:
            self.seen = seen
            self.refresh_report(run)
            self.refresh_views()

    def refresh_report(self, run: LearnRun) -> None:
        """Say what the word does."""
        self.report.clear()
        with self.report:
            show_sentences(list_sentences(run))
            if run.job and run.job.state == "stopped":
                ui.label(f"stopped before the first step; nothing of {run.order.token} is kept.").classes("note")
            elif run.job and run.job.state == "failed":
                ui.label(plain_hint(run.job.error)).classes("bad").style("overflow-wrap: anywhere")

    def refresh_views(self) -> None:
        """Offer what can be seen of the run."""
        views = list_views(self.draft.run) if self.draft.run else {}
        self.views.clear()
        with self.views:
            if len(views) > 1:
                chosen = self.draft.shown if self.draft.shown in views else next(iter(views))
                box = ui.select(list(views), value=chosen, label="shown", on_change=lambda e: self.choose_view(e.value))
                box.props("dense outlined options-dense").style("min-width: 22em")
        self.refresh_view()

    def refresh_view(self) -> None:
        """Play what is chosen."""
        views = list_views(self.draft.run) if self.draft.run else {}
        if views:
            show_motions(self.view, views.get(self.draft.shown) or next(iter(views.values())))
