"""`lead-invert vocabulary`, and what `generate` says of prompts that are outside of it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from typer.testing import Result

from lead import Lead
from lead.eval.vocabulary import put_vocabulary
from lead.text.vocabulary import Kind, Vocabulary

Run = Callable[..., Result]
QUICK = ["--seconds", 2, "--steps", 2, "--format", "npy"]


@pytest.fixture
def speaking_base(base_path: Path, tiny_base: Lead) -> Path:
    """The tiny base, which was trained on walks and waves."""
    kinds = (
        Kind("walk", "walking", ("a person walks", "someone strolls"), 20, 0.9),
        Kind("wave", "arms", ("a person waves",), 5),
    )
    known = tiny_base.encode_text([kind.examples[0] for kind in kinds]).numpy()
    other = tiny_base.encode_text(["a person knits"]).numpy()
    put_vocabulary(base_path, Vocabulary(kinds, frozenset(("walk", "stroll", "wav")), *map(to_unit, (known, other))))
    return base_path


def to_unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_kinds_are_listed_by_family(run: Run, speaking_base: Path) -> None:
    result = run("vocabulary", "--base", speaking_base)
    assert result.exit_code == 0, result.output
    for text in ("walking", "90%", "a person walks", "arms", "a person waves", "2 kinds of tiny"):
        assert text in result.stdout
    assert "someone strolls" not in result.stdout
    assert "someone strolls" in run("vocabulary", "--base", speaking_base, "--kind", "walk").stdout
    found = json.loads(run("vocabulary", "--base", speaking_base, "--json").stdout)
    assert [(kind["name"], kind["shown"]) for kind in found["kinds"]] == [("walk", 0.9), ("wave", None)]


def test_a_kind_that_is_not_there(run: Run, speaking_base: Path) -> None:
    fails(run("vocabulary", "--base", speaking_base, "--kind", "swim"), "no kind with 'swim'")


def test_a_base_that_says_nothing(run: Run, base_path: Path) -> None:
    fails(run("vocabulary", "--base", base_path), "does not say what it can do", "lead vocabulary DATA BASE")
    result = run("generate", "a person juggles", *QUICK, "--strict", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["notices"] == []


def test_a_prompt_outside_is_warned_of(run: Run, speaking_base: Path) -> None:
    result = run("generate", "a person juggles", "a person walks", *QUICK)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning:") == 1
    assert "does not know 'juggles'; nearest: 'a person" in result.stderr
    assert "lead-invert vocabulary" in result.stderr
    (notice,) = json.loads(run("generate", "a person juggles", *QUICK, "--json").stdout)["notices"]
    assert (notice["prompt"], notice["word"]) == ("a person juggles", "juggles")


def test_strict_makes_it_an_error(run: Run, speaking_base: Path) -> None:
    fails(
        run("generate", "a person walks", "a person juggles", "a person yodels", *QUICK, "--strict"),
        "does not know 'juggles'", "1 other prompt too", "lead-invert vocabulary", "--strict",
    )  # fmt: skip
    assert run("generate", "a person walks", *QUICK, "--strict").exit_code == 0


def test_a_file_of_prompts_has_one_warning_and_notes_in_the_index(run: Run, speaking_base: Path) -> None:
    Path("prompts.txt").write_text("a person walks\na person juggles\na person yodels\n")
    result = run("generate", "--prompts", "prompts.txt", *QUICK, "-o", "many")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning:") == 1
    assert "2 of 3 prompts" in result.stderr
    lines = [json.loads(line) for line in Path("many/shard-00000/index.jsonl").read_text().splitlines()]
    assert ["notice" in line for line in lines] == [False, True, True]
    again = json.loads(run("generate", "--prompts", "prompts.txt", *QUICK, "-o", "many", "--json").stdout)
    assert (again["there_before"], len(again["notices"])) == (3, 2)
