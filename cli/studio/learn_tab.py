"""The tab Learn."""

from nicegui import ui

from cli.studio.studio import Studio


def show_learn_tab(studio: Studio) -> None:
    """Put the tab on the page."""
    ui.label("Learn")
