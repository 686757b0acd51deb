"""What a simulated person does in several tests."""

import asyncio
import time
from collections.abc import Callable

from nicegui.testing import User

from cli.studio.view import MotionView
from cli.studio.workshop import Workshop


async def wait_until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so; the test fails where it is not in time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def open_page(user: User, workshop: Workshop) -> None:
    """Open a page, and wait for all that is on it."""
    client = await user.open("/")
    await wait_until(lambda: any(client.id in desk.pages for desk in workshop.desks))


def find_view(user: User) -> MotionView:
    """The player that is on the open tab."""
    return next(iter(user.find(kind=MotionView).elements))
