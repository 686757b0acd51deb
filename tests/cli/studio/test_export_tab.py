"""The tab Export: motions on the user's rig, to a folder or as a download."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User
from studio_user import wait_until

from cli.errors import UsageError
from cli.studio.export.export_tab import ExportDraft
from cli.studio.export.exporting import OwnRig, export, read_own_rig
from cli.studio.shelf import MOST, Favorite, Shelf
from cli.studio.workshop import Workshop
from concepts import Concept
from lead import Motion

Use = Callable[..., None]


def test_the_shelf_is_written_on_the_user_s_rig(use: Use, workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    rig_file = walk.save(tmp_path / "hero.bvh")
    rig_file.write_text(rig_file.read_text().replace("left_knee", "LeftLeg"))
    workshop.of(Shelf).add(Favorite(walk, "a person walks", 7))

    async def script(user: User) -> None:
        draft = workshop.desks[0].of(ExportDraft)
        workshop.of(OwnRig).put("hero.bvh", read_own_rig(rig_file))
        user.find(kind=ui.tab, content="Export").click()
        await user.should_see("on hero.bvh")
        draft.folder = str(tmp_path / "out")
        user.find(kind=ui.button, content="Write").click()
        await wait_until(lambda: draft.exported is not None)
        await user.should_see("a-person-walks-seed7-01.bvh")

    use(script)
    written = (tmp_path / "out" / "a-person-walks-seed7-01.bvh").read_text()
    assert "LeftLeg" in written and "a person walks" in (tmp_path / "out" / "prompts.jsonl").read_text()


def test_a_download_is_one_file_or_an_archive(workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    favorites = [Favorite(walk, "a person walks", 1), Favorite(walk, "a person walks", 2)]
    one = export(workshop, favorites[:1], ["bvh"], tmp_path / "one", archive=True)
    assert one.archive == one.files[0]
    both = export(workshop, favorites, ["bvh", "png"], tmp_path / "both", archive=True)
    assert both.archive is not None
    names = ["a-person-walks-seed1-01.bvh", "a-person-walks-seed2-01.bvh", "a-person-walks-seed1.png"]
    assert zipfile.ZipFile(both.archive).namelist() == names
    again = export(workshop, favorites[:1], ["bvh"], tmp_path / "one")
    assert again.files == one.files and again.archive is None  # the same content, the same file
    draft = ExportDraft()
    for exported in (both, again):
        draft.keep(exported)
    assert not both.archive.exists() and again.files[0].exists()  # of downloads only the last is kept


def test_the_license_of_a_word_is_told(workshop: Workshop, word: Concept, walk: Motion, tmp_path: Path) -> None:
    workshop.library.add(word)
    favorite = Favorite(walk, "a person walks in <limp> style", 0, ("<limp>", "<gone>"))
    notes = export(workshop, [favorite], ["npz"], tmp_path / "out").notes
    assert notes[0] == "<limp>. License of the word: CC BY 4.0." and notes[1].startswith("<gone> is no longer")


def test_what_cannot_be_written_is_told(workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    favorite = Favorite(walk, "a person walks")
    with pytest.raises(UsageError, match="no motion is chosen"):
        export(workshop, [], ["bvh"], tmp_path)
    with pytest.raises(UsageError, match="it names none"):
        export(workshop, [favorite], [], tmp_path)
    workshop.of(OwnRig).put("hero.bvh", read_own_rig(walk.save(tmp_path / "hero.bvh")))
    with pytest.raises(UsageError, match="your rig is used by bvh, fbx, usd"):
        export(workshop, [favorite], ["npz"], tmp_path)
    shelf = workshop.of(Shelf)
    shelf.favorites = [favorite] * MOST
    with pytest.raises(UsageError, match="are kept already"):
        shelf.add(Favorite(walk.trim(end=0.5), "x"))
