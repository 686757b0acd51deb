"""`lead-invert verify`, and words on a base that they were not learned on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import fails, printed_without_torch
from typer.testing import Result

from concepts import Concept
from lead import Lead

Run = Callable[..., Result]


def changed(path: Path, tmp_path: Path, **parts: str) -> Path:
    """The concept as if other parts of the base had been other ones where it was learned."""
    concept = Concept.load(path)
    other = replace(concept, fingerprints={**concept.fingerprints, **parts}, base="another-base")
    return other.save(tmp_path / "other.safetensors")


def test_each_check_is_reported(run: Run, concept_path: Path) -> None:
    result = run("verify", concept_path)
    assert result.exit_code == 0, result.output
    for words in (str(concept_path), "offsets and checksum", "sha256 as stated", "<limp>, style", "1 file sound"):
        assert words in result.stdout
    assert "failed" not in result.stdout


def test_a_word_of_the_library_is_verified_by_its_token(run: Run, concept_path: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    result = run("verify", "<limp>", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["failed"] == 0
    fails(run("verify", "<gone>"), "the library has no <gone>")


def test_a_bad_file_among_good_ones(run: Run, concept_path: Path, clips: Path) -> None:
    result = run("verify", concept_path, clips / "take-0.bvh", "nowhere.safetensors", "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert [one["sound"] for one in said["files"]] == [True, False, False]
    assert said["failed"] == 2
    assert "BVH motion" in next(c["said"] for c in said["files"][1]["checks"] if c["result"] == "failed")
    result = run("verify", clips / "take-0.bvh")
    assert result.exit_code == 1
    for words in ("failed", "a BVH motion", "not reached", "1 of 1 file failed"):
        assert words in result.stdout


def test_without_a_base_no_torch_is_loaded(concept_path: Path) -> None:
    assert "1 file sound" in printed_without_torch(["verify", concept_path])


def test_against_a_base(run: Run, concept_path: Path, base_path: Path, tiny_base: Lead) -> None:
    result = run("verify", concept_path, "--base", base_path)
    assert result.exit_code == 0, result.output
    assert f"vae as {tiny_base.name}" in result.stdout
    assert "cosine 1.0000" in result.stdout


def test_another_denoiser_needs_allow_base_mismatch(
    run: Run, concept_path: Path, base_path: Path, tmp_path: Path
) -> None:
    other = changed(concept_path, tmp_path, denoiser="0" * 64)
    result = run("verify", other, "--base", base_path)
    assert result.exit_code == 1
    assert "denoiser 000000000000 of the base 'another-base'" in result.stdout
    result = run("verify", other, "--base", base_path, "--allow-base-mismatch")
    assert result.exit_code == 0, result.output
    assert "warning" in result.stdout

    generate = ("generate", "a person walks in <limp> style", "--concept", other, "--seconds", 2, "--steps", 2)
    fails(run(*generate), "another-base", "The text tower", "--allow-base-mismatch")
    result = run(*generate, "--allow-base-mismatch")
    assert result.exit_code == 0, result.output
    for words in ("motions may differ from its author's", "used without these parts: adapter"):
        assert words in " ".join(result.stderr.split())


def test_another_text_tower_is_always_an_error(run: Run, concept_path: Path, base_path: Path, tmp_path: Path) -> None:
    other = changed(concept_path, tmp_path, text="0" * 64)
    result = run("verify", other, "--base", base_path, "--allow-base-mismatch")
    assert result.exit_code == 1
    assert "means nothing to the base" in result.stdout
    generate = ("generate", "a person walks in <limp> style", "--concept", other)
    fails(run(*generate, "--allow-base-mismatch"), "another-base", "means nothing")


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"direction": np.ones(3)}, "direction has 3 numbers"),
        ({"token_embedding": np.ones((2, 5))}, "vectors of shape [2, 5]"),
        ({"probe.cond": np.ones(5)}, "text conditions of 5 numbers"),
    ],
)
def test_sizes_that_do_not_fit_are_no_traceback(
    run: Run, concept_path: Path, base_path: Path, tmp_path: Path, tensors: dict[str, np.ndarray], said: str
) -> None:
    concept = Concept.load(concept_path)
    kept = {name: x for name, x in concept.tensors.items() if name.startswith(("preview", "probe"))} | tensors
    vectors = kept.pop("token_embedding", concept.token_embedding)
    schedule = concept.schedule if "direction" in kept else None
    path = replace(concept, token_embedding=vectors, tensors=kept, schedule=schedule).save(tmp_path / "odd.safetensors")
    fails(run("generate", "a person walks in <limp> style", "--concept", path), "odd.safetensors", said)
    result = run("verify", path, "--base", base_path)
    assert result.exit_code == 1
    assert said in result.stdout


@pytest.mark.parametrize("command", ["verify", "card"])
def test_help_teaches_by_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.output.count(f"lead-invert {command} ") >= 2
    assert "--json" in result.output


def test_allow_base_mismatch_needs_a_base(run: Run, concept_path: Path) -> None:
    fails(run("verify", concept_path, "--allow-base-mismatch"), "--base")
