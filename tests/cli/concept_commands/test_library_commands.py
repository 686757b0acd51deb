"""`lead-invert list`, `add`, `remove`, `rename`, and words that generate finds in the library."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails, printed_without_torch
from typer.testing import CliRunner, Result

from cli import invert
from concepts import Concept
from concepts.library import Library

Run = Callable[..., Result]
NEW = ("list", "add", "starter", "remove", "rename", "push", "pull", "export", "import")


@pytest.fixture
def word() -> Concept:
    return Concept(token="<limp>", token_embedding=np.ones((2, 32)), kind="style", base="tiny",
                   fingerprints={"text": "ab" * 32}, license="CC0", date="2026-01-31")  # fmt: skip


@pytest.fixture
def file(word: Concept, tmp_path: Path) -> Path:
    return word.save(tmp_path / "from-ann.safetensors")


def test_list_shows_the_words_and_the_folder(run: Run, word: Concept) -> None:
    assert "0 words in" in run("list").stdout
    library = Library()
    library.add(word)
    result = run("list")
    assert result.exit_code == 0, result.output
    for said in ("<limp>", "style", "tiny", "CC0", "2026-01-31", f"1 word in {library.folder}"):
        assert said in result.stdout
    (library.folder / "bad.safetensors").write_bytes(b"PK\x03\x04")
    result = run("list", "--json")
    said = json.loads(result.stdout)
    assert [one["token"] for one in said["words"]] == ["<limp>"]
    assert said["words"][0]["bytes"] == library.path("<limp>").stat().st_size
    assert said["faults"][0]["token"] == "<bad>"
    assert "bad.safetensors: not a concept but a zip archive" in result.stderr
    (library.folder / "My Walk.safetensors").write_bytes(word.to_bytes())
    assert "My Walk.safetensors is ignored: its name is not a word's name" in run("list").stderr


def test_add_rename_and_remove(run: Run, word: Concept, file: Path) -> None:
    result = run("add", file)
    assert result.exit_code == 0, result.output
    assert 'lead-invert generate "a person walks in <limp> style"' in result.stdout
    fails(run("add", file), "<limp> already", "--replace")
    assert run("add", file, "--as", "hobble").exit_code == 0
    assert run("add", file, "--replace").exit_code == 0
    assert list(Library()) == ["<hobble>", "<limp>"]
    said = json.loads(run("rename", "hobble", "<old-limp>", "--json").stdout)
    assert (said["old"], said["new"]) == ("<hobble>", "<old-limp>")
    fails(run("rename", "limp", "old-limp"), "<old-limp> already")
    fails(run("remove", "limp", "hobble"), "no <hobble>")
    assert list(Library()) == ["<limp>", "<old-limp>"]
    removed = json.loads(run("remove", "limp", "<old-limp>", "limp", "--json").stdout)["removed"]
    assert removed == ["<limp>", "<old-limp>"]
    assert list(Library()) == []


def test_several_files_are_added_all_or_none(run: Run, word: Concept, file: Path, tmp_path: Path) -> None:
    other = dataclasses.replace(word, token="<brisk>").save(tmp_path / "brisk.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"")
    fails(run("add", other, tmp_path / "bad.safetensors"), "bad.safetensors: empty or cut off")
    fails(run("add", file, other, "--as", "one"), "--as one is one name for 2 files")
    twin = dataclasses.replace(word, seed=1).save(tmp_path / "twin.safetensors")
    fails(run("add", file, twin), "from-ann.safetensors and", "twin.safetensors are both <limp>")
    fails(run("add", tmp_path / "none.safetensors"), "none.safetensors does not exist")
    assert list(Library()) == []
    assert run("add", file, other).exit_code == 0
    assert list(Library()) == ["<brisk>", "<limp>"]


@pytest.mark.parametrize("name", ["My Walk", "<Limp>", "-x"])
def test_invalid_names_are_refused(run: Run, name: str) -> None:
    fails(run("remove", "--", name), "write it as")


def test_a_token_stands_for_its_file(run: Run, word: Concept) -> None:
    Library().add(word)
    assert json.loads(run("show", "<limp>", "--json").stdout)["file"] == str(Library().path("<limp>"))
    fails(run("show", "<limpp>"), "no <limpp>; it has <limp>; did you mean <limp>?")


def test_generate_finds_words_in_the_library_but_prefers_given_files(
    run: Run, concept_path: Path, tmp_path: Path
) -> None:
    library, generate = Library(), ("generate", "a person walks in <limp> style", "--format", "npz", "--seconds", 1)
    library.add_file(concept_path)
    library.add(dataclasses.replace(Concept.load(concept_path), token="<unused>"))
    assert run(*generate, "-o", "a").exit_code == 0
    assert run(*generate, "-o", "b", "--concept", concept_path).exit_code == 0
    (found,), (given,) = (sorted(Path(folder).glob("*.npz")) for folder in "ab")
    assert found.read_bytes() == given.read_bytes()
    broken = dataclasses.replace(Concept.load(concept_path), fingerprints={"text": "0" * 64})
    library.add(broken, replace=True)
    assert run(*generate, "-o", "c").exit_code == 1
    assert run(*generate, "-o", "c", "--concept", concept_path).exit_code == 0


def test_an_unknown_word_lists_given_library_and_similar_words(run: Run, word: Concept, file: Path) -> None:
    Library().add(dataclasses.replace(word, token="<elderly>"))
    result = run("generate", "a person walks in (<Elder>:0.5) style", "--concept", file)
    fails(
        result,
        "<elder>, which is not known",
        "given with --concept: <limp>",
        "the library: it has <elderly>",
        "did you mean <elderly>?",
    )
    fails(run("generate", "a person <bad_name>"), "<bad_name>", "give its file with --concept, or learn it")


@pytest.mark.parametrize("command", NEW)
def test_help_teaches_by_example(command: str) -> None:
    result = CliRunner().invoke(invert.app, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.count(f"lead-invert {command}") >= 2
    assert "--json" in result.output


def test_library_commands_do_without_torch(file: Path) -> None:
    printed_without_torch(["add", file], ["list"], ["rename", "limp", "x"], ["show", "<x>"], ["remove", "x"])
