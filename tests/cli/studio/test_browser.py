"""The studio in a real browser: its page, its player, its keys, a download, and who is kept out."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

from playwright.sync_api import Error as PlaywrightError

from benchmarks.studio.driver import (
    CHROMIUM,
    Program,
    count_shown,
    drop,
    list_titles,
    open_chromium,
    open_page,
    open_tab,
    run_studio,
    wait_for_motions,
)
from lead import Motion

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Playwright's event loop
]


@pytest.fixture
def studio(base_path: Path) -> Iterator[Program]:
    with run_studio("--base", str(base_path)) as program:
        yield program


@pytest.fixture
def browser() -> Iterator[Any]:
    with open_chromium() as browser:
        yield browser


def test_a_prompt_becomes_a_file_on_the_user_s_rig(studio: Program, browser: Any, walk: Motion, tmp_path: Path) -> None:
    context = browser.new_context()
    page, heard = open_page(context, studio.address)
    shown = count_shown(page)
    page.get_by_role("button", name="Generate").click()
    wait_for_motions(page, shown)
    assert list_titles(page) == ["a person walks"]
    state = "document.querySelector('motion-player').player.state"
    page.locator("motion-player").click(position={"x": 300, "y": 200})
    page.keyboard.press("Space")
    assert page.evaluate(f"{state}.playing") is False
    time = page.evaluate(f"{state}.time")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{state}.time") != time
    page.get_by_label("what the person does").press("t")  # a letter of the prompt, no key of the player
    page.locator("motion-player").click(position={"x": 300, "y": 200})
    page.keyboard.press("t")
    page.locator(".body--dark").wait_for()
    page.get_by_role("button", name="Keep").click()
    open_tab(page, "Export")
    page.locator("input[type=file]").set_input_files(walk.save(tmp_path / "hero.bvh"))
    page.get_by_text("on hero.bvh").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_text().startswith("HIERARCHY")
    page.close()
    again, _ = open_page(context, studio.address.partition("?")[0])  # the cookie is enough
    again.get_by_text("on hero.bvh").wait_for()
    open_tab(again, "Generate")
    assert again.get_by_label("what the person does").input_value() == "ta person walks"
    assert list_titles(again) == ["a person walks"]
    stranger = browser.new_context().new_page()
    assert stranger.goto(studio.address.partition("?")[0]).status == 403
    assert heard.errors == [] and heard.hosts == {studio.address.split("/")[2]}


def test_files_are_dropped_and_a_bad_one_does_not_stop_the_player(
    studio: Program, browser: Any, walk: Motion, tmp_path: Path
) -> None:
    page, heard = open_page(browser.new_context(), studio.address)
    open_tab(page, "Clips")
    broken = tmp_path / "broken.bvh"
    broken.write_text("HIERARCHY")
    drop(page, [walk.save(tmp_path / "a.bvh"), broken])
    page.get_by_text("1 cannot be used").wait_for()
    titles = "document.querySelector('motion-player').shadowRoot.querySelector('#which').length"
    for row, shown in ((1, 0), (0, 1)):
        for _ in range(20):  # a click is lost where the list is drawn anew meanwhile
            page.locator(".clip").nth(row).click()
            with suppress(PlaywrightError):
                page.wait_for_function(f"{titles} === {shown}", timeout=3000)
                break
        assert page.evaluate(titles) == shown
    page.wait_for_function("document.querySelector('motion-player').player.state.time > 0")
    assert heard.errors == []
