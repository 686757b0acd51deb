"""`generate --timeline`: files and lines of text, their variations, and what is refused before the base is loaded."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from typer.testing import Result

from lead import Motion

TEXT = "a person walks 2s, then waves 1.2s"


def test_a_text_becomes_one_motion_with_views(run) -> None:
    done: Result = run("generate", "--timeline", TEXT, "--format", "npz,png,html", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (motion,) = told["motions"]
    assert motion["seconds"] == 3.2 and told["segments"] == [
        {"prompt": "a person walks", "start": 0.0, "end": 2.0},
        {"prompt": "a person waves", "start": 2.0, "end": 3.2},
    ]
    assert len(Motion.read(motion["files"][0]).joints) == 64
    assert [Path(path).suffix for path in told["views"]] == [".png", ".html"]
    assert '"marks":[[0.0,2.0,"a person walks"],[2.0,3.2,"a person waves"]]' in Path(told["views"][1]).read_text()
    record = json.loads(Path("out/prompts.jsonl").read_text())
    assert record["prompt"] == "a person walks 2s; a person waves 1.2s"


def test_constraints_hold_in_a_timeline(run, monkeypatch: pytest.MonkeyPatch) -> None:
    for steps, number in (("STEERED_STEPS", 1), ("REFINED_STEPS", 5)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)
    off = []
    for path in ([], ["--path", "0,0 1,0.5@2 1,1"]):
        done = run("generate", "--timeline", TEXT, *path, "--steps", 2, "--format", "npz", "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert [one["prompt"] for one in told["segments"]] == ["a person walks", "a person waves"]
        joints = Motion.read(told["motions"][0]["files"][0]).joints
        off.append(np.abs(joints[[0, 40, -1], 0][:, [0, 2]] - [(0, 0), (1, 0.5), (1, 1)]).mean())
    assert off[1] < 0.3 * off[0]


def test_a_file_names_its_motions(run, limp, concept_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    rows = [f'[[segments]]\nprompt = "a person <limp>"\nseconds = 1\nseed = {seed}\n' for seed in (7, 8)]
    path.write_text("\n".join(rows))
    done = run("generate", "--timeline", path, "--concept", concept_path, "-n", 2, "--format", "npy")
    assert done.exit_code == 0 and "a person <limp>" in done.stdout, done.output
    first, second = sorted(Path("out").glob("story-seed0-*.npy"))
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--timeline", "a person walks"], "--timeline: 'a person walks' is no prompt with its seconds at the end"),
        (["--timeline", "gone.toml"], "--timeline: gone.toml: no such file"),
        (["--timeline", TEXT, "a person waves"], "give either prompts"),
        (["--timeline", TEXT, "--seconds", "3"], "--seconds: a timeline says how long"),
        (["--timeline", TEXT, "--loop"], "--loop and --in-place are for one prompt"),
        (["--timeline", TEXT, "-n", "2", "--keep", "1"], "--keep ranks motions of one prompt"),
        (["--timeline", "a person walks 90s", "-n", "50"], "50 motions of 90 s; at most 3600 s at once"),
        (["--timeline", "a person <gone> 4s"], "<gone>, which is not known"),
        (["--timeline", TEXT, "--path", "0,0 99,0"], "at most 8 m/s"),
        (["--timeline", "a person walks 0.5s"], "segment 1, 'a person walks': 0.5 s; expected 0.8 s or more"),
    ],
)
def test_what_is_refused(run, options: list[str], said: str) -> None:
    done = run("generate", *options)
    fails(done, said)
    assert "generating" not in done.stderr
