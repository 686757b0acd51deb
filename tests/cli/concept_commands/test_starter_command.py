"""The words that come with the package: sound, for the embedded base, in the docs; listed and added."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails, printed_without_torch
from typer.testing import CliRunner, Result

from benchmarks.gallery_words import SOURCES, WORDS
from cli import invert
from concepts import Library
from concepts.card import license_to_hub_id
from lead import Lead

Run = Callable[..., Result]
DOCS = Path(__file__).parents[3] / "docs"
STARTER = Library.starter()
MOST_BYTES = 3_000_000
"""Of the words and their pictures together."""


def test_the_gallery_has_each_word_with_its_card_and_picture() -> None:
    names = [token[1:-1] for token in STARTER]
    assert len(names) >= 12 and set(names) <= {word.name for word in WORDS}
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    pictures = [DOCS / "gallery" / f"{name}.webp" for name in names]
    for name, picture in zip(names, pictures, strict=True):
        assert f"## `<{name}>`" in page and f"(gallery/{name}.webp)" in page and f"(gallery/{name}.md)" in page
        assert picture.read_bytes()[8:16] == b"WEBPVP8X"  # with more than one picture in it
        assert (DOCS / "gallery" / f"{name}.md").is_file()
    assert page.count("\n## ") == len(names)
    files = [*map(STARTER.path, STARTER), *pictures]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


def test_each_word_says_whose_it_is_and_how_it_was_judged() -> None:
    allowed = {credits.license for credits in SOURCES.values()}
    for token in STARTER:
        concept = STARTER.load(token)
        assert concept.author and concept.date and concept.thumbnail and concept.title
        assert {one.license for one in concept.exemplars} <= allowed and all(one.source for one in concept.exemplars)
        assert concept.license.startswith("CC BY-NC-SA 4.0 (base model ") and license_to_hub_id(concept.license)
        assert "It reproduces the clips" in concept.description and "is the word for these clips" in concept.description
        assert "clips badly" not in concept.description and concept.scores["report.reproduces"] > 0.4


@pytest.fixture(scope="module")
def base() -> Lead:
    return Lead.load()


def test_each_word_is_verified_and_generates(base: Lead) -> None:
    files = [str(STARTER.path(token)) for token in STARTER]
    result = CliRunner().invoke(invert.app, ["verify", *files, "--base", "embedded", "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["failed"] == 0, result.output
    words = {token: concept for name in STARTER for token, concept in STARTER.load(name).words.items()}
    prompts = [next(word for word in WORDS if word.token == token).prompts[0] for token in STARTER]
    plain = ["a person walks"] * len(prompts)
    motions = base.generate([*prompts, *plain], seconds=1.0, words=words, seed=[0] * 2 * len(prompts), batch=64)
    shown, without = motions[: len(prompts)], motions[len(prompts) :]
    for token, motion, other in zip(STARTER, shown, without, strict=True):
        assert np.isfinite(motion.joints).all()
        assert np.abs(motion.joints - other.joints).max() > 0.05, token


def test_words_are_listed_and_added(run: Run) -> None:
    listed = json.loads(run("starter", "--json").stdout)["words"]
    assert [word["token"] for word in listed] == STARTER.names() and not any(word["in_library"] for word in listed)
    assert run("starter", "sneaky", "<whirl>").exit_code == 0
    assert Library().names() == ["<sneaky>", "<whirl>"]
    assert Library().path("<sneaky>").read_bytes() == STARTER.path("<sneaky>").read_bytes()
    assert "Sneaky: hunched" in run("starter").stdout
    result = run("starter", "sneaky")
    assert result.exit_code == 1 and "has <sneaky> already" in result.stderr
    assert run("starter", "--all", "--replace").exit_code == 0
    assert Library().names() == STARTER.names()


def test_what_cannot_be_added_is_told(run: Run) -> None:
    fails(run("starter", "snaeky"), "no <snaeky>", "did you mean <sneaky>?")
    fails(run("starter", "sneaky", "--all"), "--all adds all words")
    fails(run("generate", "a person walks in <sneaky> style"), "`lead-invert starter sneaky` adds it to the library")


def test_the_list_needs_no_torch() -> None:
    assert "<sneaky>" in printed_without_torch(["starter"])
