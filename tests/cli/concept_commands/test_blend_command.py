"""`blend`, `negate` and `describe`, as a user runs them on a tiny base."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from PIL import Image

from concepts import Concept, blend
from concepts.library import Library


@pytest.fixture
def library(tmp_path, monkeypatch) -> Library:
    monkeypatch.setenv("LEAD_CONCEPTS", str(tmp_path / "library"))
    return Library()


@pytest.fixture
def pair(run, clips, concept_path, tmp_path):
    """Two files: <limp>, and <hop> from another seed."""
    other = tmp_path / "hop.safetensors"
    result = run("learn", clips, "--token", "<hop>", "--steps", 2, "--quality", "fast", "--seed", 9, "-o", other)
    assert result.exit_code == 0, result.output
    return concept_path, other


def read_json(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_blend_goes_into_the_library_and_can_be_generated_with(run, pair, library):
    found = read_json(run("blend", *pair, "--weight", 0.25, "--json"))
    assert found["token"] == "<limp-hop>" and found["file"] == str(library.path("<limp-hop>"))
    new, made = library.load("<limp-hop>"), blend(*map(Concept.load, pair), 0.25)
    np.testing.assert_array_equal(new.token_embedding, made.token_embedding)
    assert new.tensors["preview.joints"].shape == (60, 22, 3) and new.thumbnail and new.date
    assert read_json(run("generate", "a person walks in (<limp-hop>:0.5) style", "--seconds", 1, "--json"))["motions"]
    fails_without_files = run("blend", *pair)
    assert fails_without_files.exit_code == 1 and "<limp-hop>" in fails_without_files.stderr
    assert read_json(run("blend", *pair, "--replace", "--json"))["weight"] == 0.5


def test_a_sweep_is_a_sheet_and_a_page(run, pair, library):
    found = read_json(run("blend", *pair, "--sweep", 3, "--seconds", 1, "--prompt", "a person waves like {}", "--json"))
    sheet, page = map(Path, found["views"])
    assert (sheet.name, page.name) == ("limp-hop-sweep.png", "limp-hop-sweep.html")
    with Image.open(sheet) as picture:
        assert picture.width > 1000
    text = page.read_text(encoding="utf-8")
    assert all(f"{share}% \\u003climp>" in text for share in (100, 50, 0))


def test_negate_writes_a_file_of_ones_choice(run, concept_path, library):
    found = read_json(run("negate", concept_path, "--token", "<upright>", "-o", "upright.safetensors", "--json"))
    assert found["token"] == "<upright>" and library.names() == []
    old, new = Concept.load(concept_path), Concept.load("upright.safetensors")
    np.testing.assert_array_equal(new.tensors["direction"], -old.tensors["direction"])
    assert run("verify", "upright.safetensors").exit_code == 0


def test_what_cannot_be_blended_is_one_message(run, pair, library):
    fails(run("blend", *pair, "--token", "limp hop"), "limp hop")
    fails(run("blend", *pair, "--sweep", 2, "--prompt", "a person waves"), "expected one {} for the word")
    fails(run("blend", *pair, "--sweep", 2, "--seconds", 0.1), "--seconds 0.1: this base makes")
    fails(run("blend", *pair, "-o", "blend.txt"), "ends in .safetensors")
    fails(run("blend", pair[0], "<nobody>"), "the library has no <nobody>")
    fails(run("blend", *pair, "-o", Path("nowhere") / "new.safetensors"), "nowhere")


def test_describe_clips_and_concepts(run, clips, pair, library):
    found = read_json(run("describe", clips, "--concept", pair[0], "--concept", pair[1], "-n", 2, "--json"))
    assert [len(found[part]) for part in ("words", "captions", "concepts")] == [2, 2, 2]
    assert all(-1 <= near["similarity"] <= 1 for part in ("words", "captions", "concepts") for near in found[part])
    assert found["words"][0]["similarity"] >= found["words"][1]["similarity"]
    assert isinstance(found["known"], bool) and found["caption"].startswith("a person ")
    library.add(Concept.load(pair[1]))
    near = read_json(run("describe", pair[0], "--json"))["concepts"]
    assert [one["text"] for one in near] == ["<hop>"]
    shown = run("describe", "<hop>")
    assert shown.exit_code == 0 and "similarity" in shown.stdout and "Of all captions" in shown.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("blend", "{}", "{}", "-o", "taken/x.safetensors"),
        ("blend", "{}", "{}", "--sweep", 2, "--views", "taken"),
        ("negate", "{}", "-o", "taken/x.safetensors"),
        ("card", "{}", "-o", "taken/README.md"),
        ("export", "{}", "--to", "diffusers", "-o", "taken/x.safetensors"),
        ("restyle", "nowhere.bvh", "{}", "-o", "taken"),
        ("generate", "a person walks", "-o", "taken/deeper"),
    ],
    ids=lambda words: f"{words[0]} {words[-2]}",
)
def test_a_place_that_cannot_be_written_to_is_told_before_the_work(run, concept_path, monkeypatch, words):
    def load(*_: object, **__: object) -> None:
        raise AssertionError("the base is loaded first")

    monkeypatch.setattr("lead.Lead.load", load)
    Path("taken").write_text("")
    result = run(*(str(concept_path) if word == "{}" else word for word in words))
    assert result.exit_code == 1 and "taken is a file; expected a folder to write into" in " ".join(
        result.stderr.split()
    )
    assert Path("taken").read_text() == ""
