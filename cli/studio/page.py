"""The page: a bar with the tabs, and the tabs. `Studio` is what a tab is given."""

from collections.abc import Callable
from dataclasses import dataclass

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


async def build_page(workshop: Workshop) -> None:
    """Put everything on a new page, with the desk that its browser tab had before."""
    ui.add_head_html(f'<script src="{PLAYER_URL}"></script><style>{_STYLE}</style>')
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


_STYLE = """
.nicegui-content { padding: 0; gap: 0; }
.nicegui-header.bar { padding: 0 12px; height: 45px; border-bottom: 1px solid #d3d8e0; }
.bar { background: #fff; color: #22262d; }
.body--dark .bar { background: #20242b; color: #e8ebf0; border-color: #333943; }
.bar .state { max-width: 16em; }
.panels, .panels .q-tab-panel { height: calc(100vh - 45px); background: transparent; }
.note { color: #8a4b00; } .body--dark .note { color: #f0b95a; }
.bad { color: #b3261e; } .body--dark .bad { color: #ff8a80; }
.faint { color: #5c6470; } .body--dark .faint { color: #9aa3b0; }
.clip { border-radius: 6px; } .clip.chosen { background: #2f6fd022; }
.one-file :is(.q-uploader__list, .q-uploader__subtitle) { display: none; }
.drop.over { outline: 2px dashed #2f6fd0; outline-offset: -2px; }
.slim .q-uploader__list { display: none; }
.card-text { font-size: 13px; }
.card-text :is(h1, h2) { font-size: 16px; line-height: 1.4; font-weight: 500; margin: 8px 0 4px; }
.card-text td:first-child { white-space: nowrap; }
.card-text th:empty { display: none; }
.card-text td { padding: 1px 12px 1px 0; vertical-align: top; overflow-wrap: anywhere; }
body { background: #f5f6f8; } .body--dark { background: #16191e; }
"""
