"""The tab Library."""

from nicegui import ui

from cli.studio.studio import Studio


def show_library_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Library")
