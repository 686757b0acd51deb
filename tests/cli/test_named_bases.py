"""Bases by their names: `--base open` and `Lead.load("open")`, with a tiny base in the place of the real file."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from concepts import Concept
from concepts.card import concept_to_card
from lead import Lead
from lead.base_file import read_vocabulary
from lead.bases import BASES, EMBEDDED, find_name, locate_base
from lead.errors import LeadError
from lead.finetune.inputs import read_inputs
from lead.train.warm_start import begin_from

Run = Callable[..., Result]
NAME = "lead-open"


@pytest.fixture
def open_base(base_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the open base."""
    base = Lead.load(base_path, plain=True)
    base.config = dataclasses.replace(base.config, name=NAME, license="Apache-2.0")
    path = base.save(tmp_path / f"{NAME}.safetensors")
    monkeypatch.setitem(BASES, "open", path)  # type: ignore[arg-type]  # a dict, which only tests change
    return path


@pytest.fixture
def of_open_base(limp: Concept) -> Concept:
    return dataclasses.replace(limp, base=NAME)


def test_names_stand_for_files(open_base: Path) -> None:
    assert locate_base() == locate_base("embedded") == EMBEDDED
    assert locate_base("open") == open_base and locate_base("./open") == Path("open")
    assert Lead.load("open").name == NAME
    assert read_vocabulary(Path("open"))[1] == NAME
    assert [find_name(path.stem) for path in BASES.values()] == list(BASES)
    assert find_name("another") == ""


def test_a_base_that_is_not_installed_is_an_error(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "nowhere" / f"{NAME}.safetensors"
    monkeypatch.setitem(BASES, "open", missing)  # type: ignore[arg-type]
    for load in (Lead.load, lambda base: begin_from(base, tmp_path / "run"), lambda base: read_inputs(tmp_path, base)):
        with pytest.raises(LeadError, match=r"no base 'open': expected .*lead-open\.safetensors"):
            load(Path("open"))
    assert not (tmp_path / "run").exists()
    result = run("generate", "a person walks", "--base", "open")
    assert result.exit_code == 1 and "no base 'open'" in " ".join(result.stderr.split())
    result = run("generate", "a person walks", "--base", "opne")
    assert result.exit_code == 1 and "opne does not exist" in " ".join(result.stderr.split())


def test_a_word_of_the_open_base_has_no_non_commercial_terms(run: Run, open_base: Path, clips: Path) -> None:
    options = ("--token", "<limp>", "--kind", "action", "--quality", "fast", "--steps", 1, "--license", "CC0 1.0")
    result = run("learn", clips, *options, "--base", "open")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "License of the word: Apache-2.0 (base model lead-open); CC0 1.0 (recordings)." in said
    assert "NC" not in said and "commercial" not in said
    assert said.endswith("--base open")
    result = run("generate", "a person does <limp>", "--seconds", 2, "--steps", 2, "--base", "open", "--json")
    assert result.exit_code == 0, result.output


def test_a_card_of_such_a_word_says_which_base_to_take(of_open_base: Concept, limp: Concept) -> None:
    text = concept_to_card(of_open_base, "limp.safetensors")
    assert "--concept limp.safetensors --base open" in text and 'Lead.load("open")' in text
    text = concept_to_card(dataclasses.replace(limp, base=EMBEDDED.stem), "limp.safetensors")
    assert "--base" not in text and "Lead.load()" in text


def test_another_base_is_told_which_one_the_word_needs(run: Run, of_open_base: Concept, tmp_path: Path) -> None:
    for part, way in (("text", "or learn the word again"), ("vae", "or add --allow-base-mismatch")):
        prints = {**of_open_base.fingerprints, part: "0" * 64}
        path = dataclasses.replace(of_open_base, fingerprints=prints).save(tmp_path / f"{part}.safetensors")
        result = run("generate", "a person walks in <limp> style", "--concept", path, "--seconds", 2)
        said = " ".join(result.stderr.split())
        assert result.exit_code == 1 and f"'{NAME}'" in said
        assert f"the base it was learned on (--base open), {way}" in said


def test_another_edition_of_the_same_base_is_no_advice(of_open_base: Concept) -> None:
    assert of_open_base.advise_base(NAME) == "the base it was learned on"
    assert of_open_base.advise_base("lead-small").endswith("(--base open)")


def test_training_goes_on_from_a_named_base(open_base: Path, tmp_path: Path) -> None:
    begin_from(Path("open"), tmp_path / "run")
    assert (tmp_path / "run" / "start.safetensors").read_bytes() == open_base.read_bytes()
    assert Lead.load(tmp_path / "run" / "start.safetensors").license == "Apache-2.0"
