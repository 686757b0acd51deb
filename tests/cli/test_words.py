"""Words as they are named in commands and prompts: with and without brackets, unknown, double, described."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from typer.testing import Result

from cli.commands import describe
from cli.load_models import suggest_prompt
from concepts import Concept, StyleSchedule
from inversion.describe import Description, Near
from lead import Lead

Run = Callable[..., Result]


def test_show_tells_what_the_file_holds(run: Run, concept_path: Path, tiny_base: Lead) -> None:
    result = run("show", concept_path)
    assert result.exit_code == 0, result.output
    for words in ("<limp>", "style", "2 clips", tiny_base.name, "license not stated", str(concept_path)):
        assert words in result.stdout
    said = json.loads(run("show", concept_path, "--json").stdout)
    assert said["token"] == "<limp>"
    assert said["tensors"]["token_embedding"][0] == 2
    assert said["bytes"] == concept_path.stat().st_size < 64 * 1024


@pytest.mark.parametrize("token", ["limp", "<Limp>", "<my limp>", "<>"])
def test_a_token_that_is_no_name(run: Run, clips: Path, token: str) -> None:
    fails(run("learn", clips, "--token", token), token, '"<')


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ("a person walks in Limp style", "write <limp>"),
        ("a person walks in <limp style", "did you mean the learned word? Then write <limp>"),
        ("a person walks in <limp style", "without its other half"),
        ("a person walks in < Limp > style", "write <limp>"),
        ("a person walks in (limp:0.6) style", "write <limp>"),
        ("limping, a person walks in <limp> style", ""),
    ],
)
def test_a_learned_word_without_brackets_is_pointed_out(run: Run, concept_path: Path, prompt: str, hint: str) -> None:
    assert run("add", concept_path).exit_code == 0
    result = run("generate", prompt, "--format", "npz", "--seconds", 1)
    assert result.exit_code == 0
    assert hint in " ".join(result.stderr.split()) and ("hint:" in result.stderr) == bool(hint)


@pytest.mark.parametrize("name", ["limp", "<limp>", "< limp >", "<limp", "limp>"])
def test_a_word_is_named_with_or_without_brackets(run: Run, concept_path: Path, name: str) -> None:
    assert run("add", concept_path).exit_code == 0
    for command, *options in (("show",), ("verify",), ("card", "-o", "README.md"), ("export", "--to", "diffusers")):
        result = run(command, name, *options)
        assert result.exit_code == 0, (command, result.output, result.stderr)


def test_commands_that_compute_take_a_word_without_a_bracket(run: Run, concept_path: Path, clips: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    commands = {
        "describe": (), "negate": ("-o", "not.safetensors"), "blend": ("limp>", "-o", "twice.safetensors"),
        "evaluate": ("--clips", clips),
    }  # fmt: skip
    for command, options in commands.items():
        result = run(command, "<limp", *options)
        assert result.exit_code == 0, (command, result.output, result.stderr)
    assert run("generate", "a person does <limp>", "--concept", "limp", "--format", "npz").exit_code == 0


def test_a_name_that_no_word_has(run: Run, concept_path: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    for command in ("show", "describe", "card", "verify"):
        fails(run(command, "limb"), "the library has no <limb>; it has <limp>; did you mean <limp>?")
        fails(run(command, "Limp"), 'write it as "<limp>"')


def test_a_learned_word_in_init_is_pointed_out(run: Run, concept_path: Path, clips: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    options = ("--token", "<x>", "--steps", 1, "--quality", "fast", "--init")
    for init in ("<limp>", "< limp >", "<limp", "limp>"):
        fails(run("learn", clips, *options, init), "--init", "limp", "expected plain words that the base knows")
    result = run("learn", clips, *options, "limp")
    assert result.exit_code == 0
    assert "not the learned word <limp>" in " ".join(result.stderr.split())


def test_a_word_that_is_not_loaded(run: Run) -> None:
    fails(run("generate", "a person walks in <limp> style"), "<limp>")


def test_two_concepts_with_one_token(run: Run, concept_path: Path, tmp_path: Path) -> None:
    Concept.load(concept_path).save(tmp_path / "twin.safetensors")
    result = run(
        "generate",
        "a person does <limp>",
        "--concept",
        concept_path,
        "--concept",
        tmp_path / "twin.safetensors",
    )
    fails(result, "twin.safetensors", "<limp>")


@pytest.mark.parametrize(
    ("kind", "prompt"),
    [
        ("action", "a person does <limp>"),
        ("style", "a person walks in <limp> style"),
        ("persona", "a person walks like <limp>"),
    ],
)
def test_a_suggested_sentence_suits_the_kind(kind: str, prompt: str) -> None:
    tensors = {"direction": np.zeros(8)} if kind != "action" else {}
    schedule = StyleSchedule() if kind != "action" else None
    word = Concept(
        token="<limp>", token_embedding=np.ones((2, 32)), kind=kind, base="tiny", fingerprints={"text": "0" * 8},
        tensors=tensors, schedule=schedule,
    )  # fmt: skip
    assert suggest_prompt(word) == f'Try: lead-invert generate "{prompt}"'


def test_a_description_names_what_it_describes(capsys: pytest.CaptureFixture[str]) -> None:
    found = Description((Near("walk", 0.5),), (), (Near("<limp>", 0.25),), "a person walks", 0.5)
    describe._print_description(found, describe._name_clips([Path("takes")], 5))
    said = capsys.readouterr().out
    assert "words nearest to takes (5 clips)" in said and "concepts nearest to takes (5 clips)" in said
