"""What a simulated person does in several tests."""

import asyncio
import time
from collections.abc import Callable

from nicegui import ui
from nicegui.testing import User

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


def list_titles(user: User) -> list[str]:
    """The titles of the motions that the player of the tab Generate shows."""
    (view,) = user.find(kind=MotionView, marker="takes").elements
    return [motion["title"] for motion in view._props["motions"]]


async def open_tab(user: User, name: str) -> None:
    """Go to a tab of the page."""
    user.find(kind=ui.tab, content=name).click()
