"""The tab Generate: a prompt to motions."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nicegui import Event, ui

from cli.studio.studio import Studio, show_job
from cli.studio.view import MotionView
from cli.studio.worker import Job

if TYPE_CHECKING:
    from lead import Motion


@dataclass(eq=False)
class GenerateDraft:
    """What is asked for on a page, and what came of it."""

    prompt: str = "a person walks"
    seconds: float = 4.0
    seed: int = 0
    motions: "list[Motion]" = field(default_factory=list)
    job: Job | None = None
    changed: Event[[]] = field(default_factory=Event)

    def take(self, motions: "list[Motion]") -> None:
        """Keep new motions."""
        self.motions = motions
        self.changed.emit()


def show_generate_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    draft, workshop = studio.desk.of(GenerateDraft), studio.workshop

    def generate() -> None:
        prompt, seconds, seed = draft.prompt, draft.seconds, draft.seed
        draft.job = workshop.start(
            "generating",
            lambda job: workshop.base.generate(prompt, seconds=seconds, seed=seed, progress=job),
            draft.take,
            replaces=draft,
        )

    with ui.row().classes("w-full no-wrap items-center gap-2"):
        ui.input("what the person does").bind_value(draft, "prompt").props("dense outlined").classes("col")
        ui.button("Generate", on_click=generate)
    show_job(lambda: draft.job)
    with ui.element().classes("w-full").style("height: calc(100vh - 130px)"):
        view = MotionView()

    def refresh() -> None:
        view.show(draft.motions)

    refresh()
    draft.changed.subscribe(refresh)
