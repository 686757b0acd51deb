"""`lead-invert check`, and folders with files of all kinds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails, left_behind, printed_without_torch
from typer.testing import CliRunner, Result
from walks import synthesize_wave

from cli.errors import UsageError
from cli.invert import app
from cli.options import ReadingOptions
from cli.read_inputs import read_clips

Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return lambda *args: CliRunner().invoke(app, ["check", *map(str, args)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All kinds of files that can be read, and three that cannot."""
    folder = tmp_path_factory.mktemp("mixed")
    walk = synthesize_wave()
    for suffix in (".bvh", ".npz", ".npy", ".glb"):
        walk.save(folder / f"walk{suffix}")
    np.save(folder / "features.npy", walk.features())
    np.savez(folder / "poses.npz", poses=np.zeros((80, 156)), trans=np.zeros((80, 3)), fps=20)
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT")
    np.save(folder / "short.npy", walk.joints[:9])
    (folder / "notes.txt").write_text("take 2")
    return folder


@pytest.fixture
def mixed(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "mixed"))


def test_a_table_and_the_reasons(check: Check, mixed: Path) -> None:
    result = check(mixed)
    assert result.exit_code == 0, result.output
    for words in ("walk.bvh", "walk.glb", "22/22", "SMPL", "5 green, 1 amber, 2 red"):
        assert words in result.stdout
    for reason in ("too short: 0.45 s", "no MOTION section", "Y was taken to point up"):
        assert reason in result.stdout
    assert "their suffixes are not of motion files: notes.txt" in result.stderr
    assert not left_behind()


def test_json_has_every_figure(check: Check, mixed: Path) -> None:
    result = check(mixed, "--json")
    said = json.loads(result.stdout)
    clips = {Path(clip["file"]).name: clip for clip in said["clips"]}
    assert set(clips) == {path.name for path in mixed.iterdir()} - {"notes.txt"}
    assert sum(said["verdicts"].values()) == len(clips)
    assert (clips["walk.bvh"]["verdict"], clips["walk.bvh"]["pieces"], clips["walk.bvh"]["rig"]) == ("green", 1, "SMPL")
    assert clips["broken.bvh"]["verdict"] == "red"
    assert clips["broken.bvh"]["reasons"][0].startswith("no MOTION section")


def test_strict_makes_red_an_error(check: Check, mixed: Path) -> None:
    assert check(mixed / "walk.bvh", "--strict").exit_code == 0
    fails(check(mixed, "--strict"), "--strict: 2 clips cannot be used", "broken.bvh")


def test_options_reach_the_files(check: Check, mixed: Path) -> None:
    clip = json.loads(check(mixed / "walk.bvh", "--fps", 60, "--unit", "mm", "--up", "y", "--json").stdout)["clips"][0]
    assert (clip["fps"], clip["verdict"]) == (60, "red")
    assert clip["height"] == pytest.approx(0.17, abs=0.01)
    fails(check(mixed / "walk.bvh", "--fps", 0), "0.0 frames a second")
    fails(check(mixed / "walk.bvh", "--rig-map", "absent.toml"), "absent.toml does not exist; it was given")
    fails(check("nothing.bvh"), "nothing.bvh does not exist")


def test_a_draft_rig_map_is_written_and_read(check: Check, mixed: Path, tmp_path: Path) -> None:
    text = (mixed / "walk.bvh").read_text()
    for number, name in enumerate(("left_knee", "left_hip")):
        text = text.replace(f" {name}\n", f" thing{number}\n")
    clip, draft = tmp_path / "strange.bvh", tmp_path / "map.toml"
    clip.write_text(text)
    result = check(clip, "--draft-rig-map", draft)
    assert result.exit_code == 0, result.output
    assert "correct it, then give it with --rig-map" in result.stdout
    assert 'left_knee = "thing0"' in draft.read_text()
    shaped = json.loads(check(clip, "--json").stdout)["clips"][0]
    assert (shaped["verdict"], shaped["matched"]) == ("amber", 22)
    mapped = json.loads(check(clip, "--rig-map", draft, "--json").stdout)["clips"][0]
    assert (mapped["verdict"], mapped["matched"]) == ("green", 22)
    fails(check(mixed, "--draft-rig-map", "draft.toml"), "--draft-rig-map is for one clip with a skeleton")


def test_a_mixed_folder_is_read_and_skipped_files_are_reported(mixed: Path) -> None:
    said: list[str] = []
    paths, motions = read_clips([mixed], said.append)
    names = ["features.npy", "poses.npz", "walk.bvh", "walk.glb", "walk.npy", "walk.npz"]
    assert [path.name for path in paths] == names
    assert len(motions) == 6
    assert len([line for line in said if line.startswith("skipped")]) == 3
    with pytest.raises(UsageError, match=r"--strict: .*broken.bvh: no MOTION section"):
        read_clips([mixed], said.append, ReadingOptions(strict=True))


def test_corrections_are_reported(mixed: Path) -> None:
    clip = mixed / "walk.bvh"
    clip.write_text(clip.read_text().replace("Frames: 60", "Frames: 99"))
    said: list[str] = []
    _, motions = read_clips([clip], said.append, ReadingOptions(unit="cm"))
    assert said == [f"{clip}: the header claims 99 frames, but 60 follow: those were read"]
    assert len(motions[0].joints) == 60


def test_files_are_looked_at_and_converted_without_torch(mixed: Path, tmp_path: Path) -> None:
    file, out = mixed / "walk.bvh", tmp_path / "out"
    printed_without_torch(
        ["check", file], ["convert", file, "--to", "bvh,glb", "-o", out], ["view", file, "-o", f"{out}/page.html"]
    )
