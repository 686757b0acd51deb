"""The tab Timeline."""

from nicegui import ui

from cli.studio.studio import Studio


def show_timeline_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Timeline")
