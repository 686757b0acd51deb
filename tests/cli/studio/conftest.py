"""A studio with a tiny base, used without a browser: NiceGUI simulates the person."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nicegui")

from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation
from studio_user import open_page
from walks import synthesize_walk

from cli.studio.page import build_page
from cli.studio.workshop import Settings, Workshop
from concepts import Concept, Library
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


@pytest.fixture(scope="session")
def word(tiny_base: Lead) -> Concept:
    """A word with an exemplar in its file, which nobody learned."""
    vectors = np.random.default_rng(0).normal(size=(1, tiny_base.text.d_token)).astype(np.float32)
    return Concept(
        token="<limp>", token_embedding=vectors, kind="style", base=tiny_base.name, license="CC BY 4.0",
        fingerprints=tiny_base.fingerprints, tensors={"preview.joints": synthesize_walk().joints},
    )  # fmt: skip
