"""Desks outlive pages; files that pages send stay in the studio's folder."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import UsageError
from cli.studio.workshop import MOST_DESKS, Settings, Workshop
from lead import Lead
from lead.errors import LeadError


def test_a_desk_outlives_its_page(workshop: Workshop) -> None:
    desk = workshop.take_desk("tab 1", "page 1")
    assert workshop.take_desk("tab 1", "page 2") is desk  # the page was loaded again before the first one had gone
    other = workshop.take_desk("tab 2", "page 3")
    assert other is not desk
    desk.pages.clear()
    assert workshop.take_desk("a new tab after a crash", "page 4") is desk
    assert workshop.take_desk("tab 5", "page 5") not in (desk, other)


def test_a_bounded_number_of_desks_is_kept(workshop: Workshop) -> None:
    used = workshop.take_desk("used", "page")
    for number in range(2 * MOST_DESKS):
        desk = workshop.take_desk(f"tab {number}", f"page {number}")
        desk.pages.clear()
        desk.browser_tab = ""
        workshop.desks.append(workshop.desks.pop(0))
    assert used in workshop.desks and len(workshop.desks) <= MOST_DESKS


@given(st.text(max_size=300))
def test_a_file_stays_in_the_studio_s_folder(name: str) -> None:
    workshop = Workshop(Settings(lambda: pytest.fail("no base is needed")))
    try:
        path = workshop.make_file(name)
        path.write_bytes(b"x")
        assert path.parent.parent == workshop.folder and not path.name.startswith(".")
        assert path.resolve().is_relative_to(workshop.folder.resolve())
    finally:
        workshop.close()


def test_names_of_files_stay_readable(workshop: Workshop) -> None:
    assert workshop.make_file("C:\\takes\\walk 01.bvh").name == "walk 01.bvh"
    assert workshop.make_file("../../etc/pass*wd").name == "pass_wd"


def test_what_is_sent_is_bounded_and_goes_when_it_was_read(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.studio.workshop.MOST_SENT", 3 * 2**20)
    path = workshop.make_file("a.bvh")
    path.write_bytes(bytes(2**21))
    workshop.check_room(2**20)
    with pytest.raises(UsageError, match="a file of 2 MB, and 2 MB were sent before; at most 3 MB are kept"):
        workshop.check_room(2**21)
    assert workshop.read_once(path, lambda path: path.stat().st_size) == 2**21
    workshop.check_room(2**21)
    assert not list(workshop.folder.iterdir())


def test_a_base_that_cannot_be_loaded_is_reported_by_each_job(tmp_path: Path) -> None:
    def refuse() -> Lead:
        raise LeadError("base.safetensors: not a base")

    workshop = Workshop(Settings(refuse))

    async def script() -> list[str]:
        jobs = [workshop.start("generating", lambda job: workshop.base, lambda base: None) for _ in range(2)]
        while any(job.is_open for job in jobs):
            await asyncio.sleep(0.01)
        return [job.error for job in jobs]

    assert asyncio.run(script()) == ["base.safetensors: not a base"] * 2
    assert not workshop.is_ready
    workshop.close()
