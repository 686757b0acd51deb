"""The tab Clips."""

from nicegui import ui

from cli.studio.studio import Studio


def show_clips_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Clips")
