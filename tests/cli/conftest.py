"""`lead-invert` in an empty folder, on a tiny base, with clips to learn from."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import invert
from lead import Lead, Motion

Run = Callable[..., Result]


@pytest.fixture
def base_path(tiny_base: Lead, tmp_path: Path) -> Path:
    path = tmp_path / "base.safetensors"
    tiny_base.save(path)
    return path


@pytest.fixture
def clips(walk: Motion, tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(2):
        walk.save(folder / f"take-{number}.bvh")
    return folder


@pytest.fixture
def run(base_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, on the tiny base where it needs one."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)

    def invoke(command: str, *args: object) -> Result:
        options = [] if command == "show" or "--base" in args else ["--base", base_path]
        return CliRunner().invoke(invert.app, [command, *map(str, [*args, *options])])

    return invoke


@pytest.fixture
def concept_path(run: Run, clips: Path, tmp_path: Path) -> Path:
    path = tmp_path / "limp.safetensors"
    result = run("learn", clips, "--token", "<limp>", "--steps", 2, "--quality", "fast", "-o", path)
    assert result.exit_code == 0, result.output
    return path
