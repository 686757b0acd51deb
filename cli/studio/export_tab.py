"""The tab Export."""

from nicegui import ui

from cli.studio.studio import Studio


def show_export_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Export")
