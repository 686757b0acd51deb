"""The tab Library: pictures and cards, checks, files that come and go, names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_words import make_word
from nicegui import ui
from nicegui.elements.upload_files import SmallFileUpload
from nicegui.testing import User
from studio_user import click_card, find_in, wait_until
from walks import synthesize_walk

from cli.studio.generate.generate_tab import GenerateDraft
from cli.studio.words.library_tab import LibraryDraft
from cli.studio.words.library_work import add_word, read_pictures, verify_word
from cli.studio.words.word_list import WordList, find_words, read_words
from cli.studio.workshop import Workshop
from concepts import Concept, ConceptError, Library
from concepts.library import rename_concept
from lead import Lead

Use = Callable[..., None]


@pytest.fixture
def limp(workshop: Workshop, tiny_base: Lead) -> Concept:
    """A style with a preview, in the library beside an action."""
    word = make_word(tiny_base, "<limp>", 0)
    preview = synthesize_walk(1.0).joints.astype(np.float32)
    word = replace(word, description="Slow & <b>bent</b>.", tensors={**word.tensors, "preview.joints": preview})
    workshop.library.add(word)
    workshop.library.add(make_word(tiny_base, "<kick>", 1, kind="action", license="CC0-1.0"))
    return word


def test_a_word_is_looked_at_checked_renamed_and_removed(use: Use, workshop: Workshop, limp: Concept) -> None:
    async def script(user: User) -> None:
        draft, words = workshop.desks[0].of(LibraryDraft), workshop.of(WordList)
        user.find(kind=ui.tab, content="Library").click()
        await wait_until(lambda: "<limp>" in draft.pictures)
        await user.should_see("action, tiny")
        click_card(user, "Library", "<limp>")
        await wait_until(lambda: draft.opened is not None)
        await user.should_see("CC BY 4.0")
        find_in(user, "Library", ui.button, "Verify").click()
        await wait_until(lambda: draft.opened is not None and len(draft.opened.checks) == 11)
        await user.should_see("11. probe")
        await user.should_see("every check passed")
        find_in(user, "Library", ui.button, "Rename").click()
        user.find("new name").clear().type("hobble").trigger("keydown.enter")
        await user.should_see("<limp> is <hobble> now.", retries=40)
        assert workshop.library.names() == ["<hobble>", "<kick>"]
        find_in(user, "Library", ui.button, "Try it").click()
        assert workshop.desks[0].of(GenerateDraft).prompt == "a person walks in <hobble> style"
        user.find(kind=ui.tab, content="Library").click()
        find_in(user, "Library", ui.button, "Remove").click()
        assert workshop.library.names() == ["<hobble>", "<kick>"]  # not without a yes
        user.find(kind=ui.button, content="Remove it").click()
        await user.should_see("<hobble> is removed.", retries=40)
        await wait_until(lambda: [word.token for word in words.words] == ["<kick>"])

    use(script)


def test_a_file_comes_in_and_a_name_that_is_taken_is_asked_for(
    use: Use, workshop: Workshop, limp: Concept, tmp_path: Path
) -> None:
    path = replace(limp, license="CC0-1.0").save(tmp_path / "limp.safetensors")

    async def script(user: User) -> None:
        draft = workshop.desks[0].of(LibraryDraft)
        user.find(kind=ui.tab, content="Library").click()
        with user:
            (upload,) = find_in(user, "Library", ui.upload).elements
            await upload.handle_uploads([SmallFileUpload(path.name, "", path.read_bytes())])
        await user.should_see("The library has <limp> already; limp.safetensors was not added.", retries=40)
        user.find("another name").type("old-limp")
        find_in(user, "Library", ui.button, "Add").click()
        await user.should_see("<old-limp> is in the library.", retries=40)
        assert draft.arrival is None and workshop.library.names() == ["<kick>", "<limp>", "<old-limp>"]
        assert workshop.library.load("<limp>").license == "CC BY 4.0"

    use(script)


def test_starter_words_are_added_beside_ones_own(use: Use, workshop: Workshop, word: Concept) -> None:
    names = Library.starter().names()
    own = rename_concept(word, names[0])

    async def script(user: User) -> None:
        words = workshop.of(WordList)
        user.find(kind=ui.tab, content="Library").click()
        await user.should_see("No words yet", retries=40)
        workshop.library.add(own)
        find_in(user, "Library", ui.button, "Add the starter words").click()
        await wait_until(lambda: [one.token for one in words.words] == names)
        await user.should_see(f"{len(names) - 1} words added.")
        assert workshop.library.load(names[0]).license == own.license

    use(script)


def test_a_hostile_file_is_refused_with_the_library_s_message(workshop: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ConceptError, match=r"^evil\.safetensors: ") as told:
        add_word(workshop.library, path)
    assert str(tmp_path) not in str(told.value) and workshop.library.names() == []


def test_a_damaged_word_is_listed_with_its_fault(workshop: Workshop, limp: Concept) -> None:
    library = workshop.library
    (library.folder / "broken.safetensors").write_bytes(b"nothing")
    words = read_words(library)
    assert [(word.token, word.kind) for word in words] == [
        ("<broken>", "damaged"), ("<kick>", "action"), ("<limp>", "style")
    ]  # fmt: skip
    assert "broken.safetensors" in words[0].fault
    assert [word.token for word in find_words(words, " CC0")] == ["<kick>"]
    assert [word.token for word in find_words(words, "", "style")] == ["<limp>"]
    pictures = read_pictures(library, [word.token for word in words])
    assert pictures["<broken>"] == "" and pictures["<limp>"].startswith("data:image/png;base64,")
    assert [check.result for check in verify_word(workshop, "<broken>")].count("failed") == 1
