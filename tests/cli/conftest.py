"""`lead-invert` in an empty folder, on a tiny base, with clips to learn from."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result
from walks import synthesize_walk

from cli import invert
from concepts import Concept
from inversion import learn
from lead import Lead, Motion

Run = Callable[..., Result]
ON_A_BASE = {
    "learn", "generate", "evaluate", "import", "blend", "negate", "describe", "restyle", "serve", "edit", "studio"
}  # fmt: skip


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
def run(base_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_calibration: None) -> Run:
    """Run a command in an empty folder, on the tiny base where it needs one."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)

    def invoke(command: str, *args: object) -> Result:
        options = ["--base", base_path] if command in ON_A_BASE and "--base" not in args else []
        return CliRunner().invoke(invert.app, [command, *map(str, [*args, *options])])

    return invoke


@pytest.fixture(scope="session")
def limp(tiny_base: Lead, tmp_path_factory: pytest.TempPathFactory) -> Concept:
    """A word learned from what `clips` has."""
    clip = Motion.read(synthesize_walk().save(tmp_path_factory.mktemp("limp") / "take.bvh"))
    return learn(tiny_base, [clip, clip], "<limp>", steps=2, quality="fast")


@pytest.fixture
def concept_path(limp: Concept, tmp_path: Path) -> Path:
    return limp.save(tmp_path / "limp.safetensors")
