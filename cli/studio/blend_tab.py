"""The tab Blend."""

from nicegui import ui

from cli.studio.studio import Studio


def show_blend_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Blend")
