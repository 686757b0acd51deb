"""What a simulated person does in several tests."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.testing import User, UserInteraction

from cli.studio.view import MotionView
from cli.studio.workshop import Workshop


async def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so; the test fails where it is not in time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def open_page(user: User, workshop: Workshop) -> None:
    """Open a page, and wait for all that is on it."""
    client = await user.open("/")
    await wait_until(lambda: any(client.id in desk.pages for desk in workshop.desks))


def find_in(user: User, tab: str, kind: type[ui.element], content: str | None = None) -> UserInteraction[Any]:
    """Elements of a tab, whichever is open."""

    def lies_there(element: ui.element) -> bool:
        panels = (above for above in element.ancestors() if isinstance(above, ui.tab_panel))
        return any(panel._props["name"] == tab for panel in panels)

    found = user.find(kind=kind, content=content) if content else user.find(kind=kind)
    return UserInteraction(user, set(filter(lies_there, found.elements)), content)


def click_card(user: User, tab: str, text: str) -> None:
    """Click the card of a tab on which a text stands."""
    (label,) = find_in(user, tab, ui.label, text).elements
    card = next(above for above in label.ancestors() if isinstance(above, ui.card))
    UserInteraction(user, {card}, None).click()


def list_titles(user: User, tab: str = "Generate") -> list[str]:
    """The titles of the motions that a tab's player shows."""
    view = next(iter(find_in(user, tab, MotionView).elements))
    return [motion["title"] for motion in view._props["motions"]]


async def open_tab(user: User, name: str) -> None:
    """Go to a tab of the page."""
    user.find(kind=ui.tab, content=name).click()
