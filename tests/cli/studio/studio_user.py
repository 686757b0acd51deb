"""What a simulated person does in several tests."""

import asyncio
import time
from collections.abc import Callable


async def wait_until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so; the test fails where it is not in time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)
