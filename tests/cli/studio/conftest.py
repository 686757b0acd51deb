"""A studio with a tiny base, used without a browser: NiceGUI simulates the person."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("nicegui")

from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation
from studio_user import open_page

from cli.studio.page import build_page
from cli.studio.workshop import Settings, Workshop
from concepts import Library
from lead import Lead

Script = Callable[[User], Awaitable[None]]


@pytest.fixture
def workshop(tiny_base: Lead, tmp_path: Path) -> Iterator[Workshop]:
    """A workshop with the tiny base and an empty library."""
    workshop = Workshop(Settings(lambda: tiny_base, Library(tmp_path / "library")))
    yield workshop
    workshop.close()


@pytest.fixture
def use(workshop: Workshop) -> Callable[[Script], None]:
    """A function that runs what a person does: an async function of a `User`, whose page is open."""

    def run(script: Script) -> None:
        async def main() -> None:
            async with user_simulation(root=lambda: build_page(workshop)) as user:
                await open_page(user, workshop)
                await script(user)

        asyncio.run(main())

    return run
