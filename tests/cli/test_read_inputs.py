"""Clips from folders with any number of files."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
from commands import fails
from typer.testing import CliRunner, Result
from walks import synthesize_walk

from cli import invert
from cli.errors import UsageError
from cli.read_inputs import MANY, iterate_clips, list_clips, list_folder, read_clips


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A folder of 300 clips, one in ten of which cannot be used."""
    folder = tmp_path / "crowd"
    folder.mkdir()
    whole = synthesize_walk(5.0).save(tmp_path / "whole.npz").read_bytes()
    for number in range(300):
        (folder / f"{number:03d}.npz").write_bytes(whole if number % 10 else b"PK")
    return folder


def call(*words: object) -> Result:
    return CliRunner().invoke(invert.app, list(map(str, words)))


def test_files_are_not_compared_with_every_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked at a few times, however many files there are."""
    for number in range(300):
        (tmp_path / f"{number}.bvh").touch()
        (tmp_path / f"{number}.txt").touch()
    (tmp_path / "other.txt").touch()
    looked, stem = [], PurePath.stem
    monkeypatch.setattr(PurePath, "stem", property(lambda path: looked.append(path) or stem.fget(path)))
    files = list_folder(tmp_path)
    assert len(files) == 301
    assert len(looked) <= 3 * 601


def test_many_clips_take_the_memory_of_one(crowd: Path) -> None:
    for _ in iterate_clips(list_clips([crowd / "001.npz"]), print):
        pass  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        heard: list[tuple[int, int]] = []
        clips = iterate_clips(list_clips([crowd]), lambda line: None, progress=lambda *at: heard.append(at))
        read = sum(1 for _ in clips)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20  # all of them have 8 MB
    finally:
        tracemalloc.stop()
    assert read == 270
    assert heard == [(number, 300) for number in range(1, 301)]


def test_many_warnings_are_shortened_to_a_count(crowd: Path) -> None:
    said: list[str] = []
    read_clips([crowd], said.append)
    assert len(said) == 21
    assert all(line.startswith(f"skipped {crowd}") for line in said[:20])
    assert said[20] == "and 10 lines like these; `lead-invert check` tells them all"


def test_convert_takes_many_one_by_one(crowd: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    result = call("convert", crowd, "--to", "npy", "-o", output)
    assert result.exit_code == 0, result.output
    assert len(list(output.iterdir())) == 270
    assert "converting 300 files" in result.stderr
    assert "270 files in" in result.stdout
    (crowd / "299.bvh").write_bytes((crowd / "299.npz").read_bytes())
    onto_itself = call("convert", crowd, "--to", "bvh", "-o", crowd)
    assert onto_itself.exit_code == 1
    assert len(list(crowd.iterdir())) == 301


def test_check_shows_its_progress(crowd: Path) -> None:
    result = call("check", crowd)
    assert result.exit_code == 0, result.output
    assert f"checking {300} files" in result.stderr
    assert MANY < 300
    assert result.stdout.splitlines()[-1].endswith("30 red")


@pytest.mark.parametrize(
    ("words", "most", "advice"),
    [
        (["learn", "{}", "--token", "<x>"], 300, "A word is learned from 1 to 30 clips"),
        (["describe", "{}"], 500, "name those of one kind"),
        (["view", "{}"], 200, "lead-invert convert --to png"),
    ],
)
def test_more_clips_than_make_sense_are_refused_before_they_are_read(
    run: Callable[..., Result], tmp_path: Path, words: list[str], most: int, advice: str
) -> None:
    folder = tmp_path / "ten-thousand"
    folder.mkdir()
    for number in range(most + 1):
        (folder / f"{number}.bvh").touch()
    (folder / "captions.jsonl").touch()
    fails(run(*(word.format(folder) for word in words)), f"{most + 1} clips, and at most {most} can be used", advice)


def test_a_file_that_was_named_has_to_be_usable(crowd: Path) -> None:
    with pytest.raises(ValueError, match=r"000\.npz"):
        read_clips([crowd / "000.npz"], print)
    with pytest.raises(UsageError, match="does not exist"):
        read_clips([crowd / "absent"], print)
