"""The page: a bar with the tabs, and the tabs. `Studio` is what a tab is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nicegui import ui
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from cli.studio.clips.clips_tab import show_clips_tab
from cli.studio.clips.learn_tab import show_learn_tab
from cli.studio.export.export_tab import show_export_tab
from cli.studio.generate.generate_tab import show_generate_tab
from cli.studio.studio import Studio, complain
from cli.studio.timeline.timeline_tab import show_timeline_tab
from cli.studio.view import PLAYER_URL
from cli.studio.words.blend_tab import show_blend_tab
from cli.studio.words.library_tab import show_library_tab
from cli.studio.workshop import Desk, Workshop


@dataclass(frozen=True)
class Tab:
    """A tab of the page."""

    name: str
    icon: str
    """Of Material Icons."""
    show: Callable[[Studio], None]


TABS = (
    Tab("Clips", "movie", show_clips_tab),
    Tab("Learn", "school", show_learn_tab),
    Tab("Generate", "directions_run", show_generate_tab),
    Tab("Blend", "tune", show_blend_tab),
    Tab("Timeline", "timeline", show_timeline_tab),
    Tab("Library", "collections_bookmark", show_library_tab),
    Tab("Export", "download", show_export_tab),
)
FIRST = "Generate"
_CLOSE_ERRORS = "document.querySelectorAll('.q-notification__actions button').forEach(one => one.click())"
"""An error is about the tab that was left."""
STYLE = Path(__file__).with_name("page.css")


async def build_page(workshop: Workshop) -> None:
    """Put everything on a new page, with the desk that its browser tab had before."""
    ui.add_head_html(f'<script src="{PLAYER_URL}"></script>')
    ui.add_css(STYLE)
    client = ui.context.client
    await client.connected()
    desk = workshop.take_desk(client.tab_id or client.id, client.id)
    client.on_disconnect(lambda: desk.pages.discard(client.id))
    client.on_connect(lambda: desk.pages.add(client.id))
    workshop.load_base()
    with client.content:
        show_page(Studio(workshop, desk))


def show_page(studio: Studio) -> None:
    """The bar and the tabs."""
    desk = studio.desk
    with ui.header().classes("items-center no-wrap gap-2 bar"):
        ui.label("lead-invert").classes("text-weight-medium gt-sm")
        with ui.tabs().props("dense inline-label no-caps shrink").classes("col") as tabs:
            for tab in TABS:
                ui.tab(tab.name, icon=tab.icon)
        ui.space()
        _show_state(studio)
        _show_theme(desk)
    tabs.set_value(desk.tab or FIRST)
    with ui.tab_panels(tabs, value=desk.tab or FIRST, animated=False).classes("w-full panels"):
        for tab in TABS:
            with ui.tab_panel(tab.name).classes("q-pa-sm"):
                tab.show(studio)

    def keep(event: ValueChangeEventArguments[str | ui.tab | ui.tab_panel | None]) -> None:
        desk.tab = str(event.value)
        ui.run_javascript(_CLOSE_ERRORS)

    tabs.on_value_change(keep)

    def go(name: str) -> None:
        tabs.set_value(name)

    studio.open_tab = go


def _show_state(studio: Studio) -> None:
    """What the worker does, for all pages."""
    label = ui.label().classes("text-caption ellipsis state")

    told = False

    def refresh() -> None:
        nonlocal told
        loading = studio.workshop.loading
        if loading and loading.state == "failed" and not told:
            told = True
            complain(loading.error)
        jobs = [job for job in studio.workshop.worker.jobs if job.is_open]
        running = next((job for job in jobs if job.state == "running"), None)
        waiting = len(jobs) - bool(running)
        label.text = (running.title if running else "") + (f" +{waiting}" if waiting > 0 else "")

    ui.timer(0.3, refresh)


def _show_theme(desk: Desk) -> None:
    """Light or dark, as the browser has it until the person chooses."""
    dark = ui.dark_mode(desk.dark)

    def set_dark(value: bool) -> None:
        desk.dark = value
        dark.set_value(value)

    def take(event: GenericEventArguments) -> None:
        set_dark(event.args == "dark")

    ui.on("theme", take)
    button = (
        ui.button(icon="contrast").props("flat dense round aria-label='light or dark'").tooltip("light or dark (T)")
    )
    button.on("click", js_handler="() => emitEvent('theme', Quasar.Dark.isActive ? 'light' : 'dark')")
