"""What all commands of `lead-invert` have in common: outputs, help, errors."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from commands import fails, left_behind
from typer.testing import CliRunner, Result

import lead
from cli import base, invert

Run = Callable[..., Result]


def test_errors_as_json(run: Run, tmp_path: Path) -> None:
    result = run("learn", tmp_path / "nowhere", "--token", "<limp>", "--json")
    assert result.exit_code == 1
    assert "nowhere" in json.loads(result.stdout)["error"]
    assert not result.stderr


def test_a_fault_of_ours_keeps_its_traceback(run: Run, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inversion

    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(inversion, "learn", broken)
    assert isinstance(run("learn", clips, "--token", "<limp>").exception, ZeroDivisionError)


@pytest.mark.parametrize("command", ["learn", "generate", "evaluate", "show"])
def test_help_teaches_by_example(command: str) -> None:
    result = CliRunner().invoke(invert.app, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.count(f"lead-invert {command} ") >= 2
    for option in ("--json", "--device"):
        assert option in result.output


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("view", "{clips}", "--output", "page.html"), "page.html"),
        (("convert", "{clips}/take-0.bvh", "--to", "npz", "--output", "."), "take-0.npz"),
        (("check", "{clips}/take-0.bvh", "--draft-rig-map", "map.toml"), "map.toml"),
        (("export", "{concept}", "--to", "diffusers"), "limp-diffusers.safetensors"),
        (("negate", "{concept}", "-o", "not.safetensors"), "not.safetensors"),
        (("learn", "{clips}", "--token", "<x>", "--steps", 1, "-o", "x.safetensors"), "x.safetensors"),
    ],
)
def test_nothing_is_overwritten_unasked(
    run: Run, clips: Path, concept_path: Path, command: tuple[object, ...], name: str
) -> None:
    Path(name).write_text("mine")
    words = [str(word).format(clips=clips, concept=concept_path) for word in command]
    result = run(*words)
    assert result.exit_code == 1
    assert f"{name} exists already" in result.stderr and "--replace" in result.stderr
    assert [path.name for path in left_behind()] == [name] and Path(name).read_text() == "mine"
    assert run(*words, "--replace").exit_code == 0
    assert Path(name).read_bytes() != b"mine"


def test_an_output_is_a_file_or_a_folder(run: Run, clips: Path, concept_path: Path) -> None:
    Path("to").mkdir()
    for command in (
        ("learn", clips, "--token", "<x>", "--steps", 1, "--quality", "fast"),
        ("negate", concept_path),
        ("card", concept_path),
        ("export", concept_path, "--to", "diffusers"),
        ("view", clips),
    ):
        assert run(*command, "-o", "to").exit_code == 0, command
    assert {path.name for path in Path("to").iterdir()} == {
        "x.safetensors", "not-limp.safetensors", "README.md", "preview.png", "limp-diffusers.safetensors", "clips.html"
    }  # fmt: skip
    shutil.rmtree("to")
    for name, form in (("walk.bvh", "bvh"), ("walk.GIF", "gif")):
        said = f"--output {name}: expected a folder; for files of this type add --format {form}"
        fails(run("generate", "a person walks", "-o", name), said)
        fails(run("convert", clips, "--format", "npz", "-o", name), said)


def test_convert_has_one_option_for_formats(run: Run, clips: Path) -> None:
    for option in ("--format", "--to"):
        assert run("convert", clips, option, "npz").exit_code == 0
    fails_with = run("convert", clips, "--format", "doc", "-o", "other")
    assert fails_with.exit_code == 1 and "--format (--to) doc: unknown doc" in fails_with.stderr


def test_view_passes_its_own_pictures_by(run: Run) -> None:
    assert run("generate", "a person walks", "--seconds", 1, "--format", "npz,png,html,gif").exit_code == 0
    Path("out/notes.doc").touch()
    result = run("view", "out", "-o", "all.html")
    assert result.exit_code == 0
    assert result.stderr.count("warning:") == 1 and "notes.doc" in result.stderr


@pytest.mark.parametrize("program", [invert.app, base.app], ids=["lead-invert", "lead"])
def test_the_version_and_completion(program: typer.Typer) -> None:
    result = CliRunner().invoke(program, ["--version"])
    assert (result.exit_code, result.output) == (0, f"lead-invert {lead.__version__}\n")
    assert re.match(r"\d+\.\d+", lead.__version__)
    environment = {"_TOOL_COMPLETE": "complete_bash", "COMP_WORDS": "tool --ver", "COMP_CWORD": "1"}
    result = CliRunner().invoke(program, [], prog_name="tool", env=environment)
    assert result.stdout.strip() == "--version"
