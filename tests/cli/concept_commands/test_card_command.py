"""`lead-invert card`, and the credits that `learn` asks for and a card shows."""

import io
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from commands import fails, left_behind
from PIL import Image
from typer.testing import Result

from cli import credits as credits_module
from cli.credits import CreditOptions, describe_license
from concepts import Concept
from concepts.thumbnail import MAX_CHARACTERS, png_to_thumbnail, thumbnail_to_png
from lead import Motion
from lead.motion.render.sheets import THUMBNAIL_SIDE, thumbnail

Run = Callable[..., Result]
QUICK = ("--token", "<limp>", "--steps", 1, "--quality", "fast", "-o", "limp.safetensors")


def test_a_card_with_a_picture(run: Run, concept_path: Path) -> None:
    result = run("card", concept_path)
    assert result.exit_code == 0, result.output
    assert [str(path) for path in left_behind()] == ["limp", "limp/README.md", "limp/preview.png"]
    text = Path("limp/README.md").read_text(encoding="utf-8")
    assert text.startswith("---\nlibrary_name:")
    assert "![What limp looks like](preview.png)" in text
    with Image.open("limp/preview.png") as picture:
        assert picture.width > 1000


def test_a_card_of_a_word_in_the_library_names_the_file_that_others_get(run: Run, concept_path: Path) -> None:
    assert run("add", concept_path).exit_code == 0
    assert run("card", "<limp>").exit_code == 0
    text = Path("limp/README.md").read_text(encoding="utf-8")
    assert 'Concept.load("limp.safetensors")' in text and "verify limp.safetensors" in text


def test_what_a_card_of_a_word_in_the_library_says_runs(
    run: Run, concept_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("add", concept_path).exit_code == 0
    assert run("card", "<limp>").exit_code == 0
    monkeypatch.setenv("LEAD_CONCEPTS", str(tmp_path / "another"))
    monkeypatch.chdir("limp")
    text = Path("README.md").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.startswith("lead-invert")]
    assert len(lines) == 2
    for line in lines:
        result = run(*shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.output)


def test_a_card_is_not_overwritten_unasked(run: Run, concept_path: Path) -> None:
    assert run("card", concept_path, "-o", "README.md").exit_code == 0
    assert run("card", concept_path, "-o", "README.md").exit_code == 0  # nothing changes
    before = {path: path.read_bytes() for path in left_behind()}
    Path("README.md").write_text("mine")
    result = run("card", concept_path, "-o", "README.md")
    assert result.exit_code == 1
    assert "README.md exists already, with another content: name another place, or add --replace" in " ".join(
        result.stderr.split()
    )
    assert Path("README.md").read_text() == "mine"
    assert run("card", concept_path, "-o", "README.md", "--replace").exit_code == 0
    assert before == {path: path.read_bytes() for path in left_behind()}


def test_a_preview_on_another_skeleton_is_not_drawn(run: Run, concept_path: Path) -> None:
    concept = Concept.load(concept_path)
    tensors = {**concept.tensors, "preview.joints": concept.tensors["preview.joints"][:, :5]}
    replace(concept, tensors=tensors).save("five.safetensors")
    result = run("card", "five.safetensors")
    assert result.exit_code == 0, result.output
    assert [str(path) for path in left_behind()] == ["five.safetensors", "limp", "limp/README.md"]
    result = run("generate", f"a person walks in {concept.token} style", "--concept", "five.safetensors")
    assert result.exit_code == 0, result.output


def test_a_card_elsewhere_with_a_page(run: Run, concept_path: Path) -> None:
    said = json.loads(run("card", concept_path, "-o", "up/card.md", "--page", "--json").stdout)
    assert said["files"] == ["up/card.md", "up/preview.png", "up/preview.html"]
    assert all(Path(path).stat().st_size > 1000 for path in said["files"])
    assert "[preview.html](preview.html)" in Path("up/card.md").read_text(encoding="utf-8")


def test_a_card_without_a_preview(run: Run, concept_path: Path, tmp_path: Path) -> None:
    path = replace(Concept.load(concept_path), tensors={}, schedule=None).save(tmp_path / "bare.safetensors")
    result = run("card", path, "--page")
    assert "no picture" in result.stderr
    assert [str(path) for path in left_behind()] == ["limp", "limp/README.md"]
    assert "preview" not in Path("limp/README.md").read_text(encoding="utf-8")


def test_a_card_is_markdown_of_a_concept(run: Run, concept_path: Path, clips: Path) -> None:
    fails(run("card", concept_path, "-o", "card.txt"), "card.txt", ".md")
    fails(run("card", clips / "take-0.bvh"), "take-0.bvh", "BVH")


def test_credits_are_carried_into_the_file_and_the_card(run: Run, clips: Path) -> None:
    credits = ("--license", "CC BY 4.0", "--source", "Studio X", "--author", "Zoë", "--description", "A limp.")
    result = run("learn", clips, *QUICK, *credits)
    assert result.exit_code == 0, result.output
    assert "no license" not in result.stderr
    concept = Concept.load("limp.safetensors")
    assert {(one.source, one.license) for one in concept.exemplars} == {("Studio X", "CC BY 4.0")}
    assert (concept.author, concept.description) == ("Zoë", "A limp.")
    assert "CC BY 4.0 (recordings)" in concept.license
    assert len(concept.date) == 10
    assert Image.open(io.BytesIO(thumbnail_to_png(concept.thumbnail))).width <= THUMBNAIL_SIDE
    assert run("card", "limp.safetensors").exit_code == 0
    assert "| 2 recordings | CC BY 4.0 |" in Path("limp/README.md").read_text(encoding="utf-8")


def test_a_license_that_is_not_stated_is_missed_and_no_error(run: Run, clips: Path) -> None:
    result = run("learn", clips, *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert "no license of the recordings is stated" in result.stderr
    assert json.loads(result.stdout)["license"] == Concept.load("limp.safetensors").license


def test_a_source_that_is_a_path_is_refused_before_the_work(run: Run, clips: Path) -> None:
    fails(run("learn", clips, *QUICK, "--source", "/home/me/takes"), "/home/me/takes", "path on a disk")


def test_on_a_terminal_the_license_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(credits_module.typer, "prompt", lambda text, *_, **__: asked.append(text) or "MIT")
    assert CreditOptions().to_credits(ask=True).license == "MIT"
    assert CreditOptions(license="CC0").to_credits(ask=True).license == "CC0"
    assert CreditOptions().to_credits(ask=False).license == ""
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("license", "said"),
    [
        ("CC BY-NC-SA 4.0 (base model x); MIT (recordings)", "Neither it nor motions made with it are for commercial"),
        ("MIT", "License of the word: MIT."),
        ("", "not stated"),
    ],
)
def test_a_noncommercial_license_of_the_base_is_reported(concept_path: Path, license: str, said: str) -> None:
    assert said in describe_license(replace(Concept.load(concept_path), license=license))


def test_a_thumbnail_is_small(walk: Motion) -> None:
    png = thumbnail(walk)
    assert thumbnail(walk) == png
    assert len(png_to_thumbnail(png)) < MAX_CHARACTERS / 2
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.height == THUMBNAIL_SIDE
        assert len(picture.convert("RGB").getcolors() or []) > 10
