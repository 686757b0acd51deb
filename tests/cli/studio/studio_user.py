"""What a simulated person does in several tests."""

import asyncio
import time
from collections.abc import Callable

from nicegui import ui
from nicegui.testing import User


async def wait_until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so; the test fails where it is not in time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def open_tab(user: User, name: str) -> None:
    """Wait for the page, and go to one of its tabs."""
    await user.should_see(kind=ui.tab, content=name, retries=100)
    user.find(kind=ui.tab, content=name).click()
