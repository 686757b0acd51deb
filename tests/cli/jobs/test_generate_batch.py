"""`lead-invert generate --prompts`: shards are complete or absent, and equal for any number of processes."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fails
from typer.testing import Result

from cli.errors import UsageError
from cli.jobs import generate_batch as batch
from lead import Lead, Motion

Run = Callable[..., Result]
QUICK = ("--seconds", 1, "--steps", 1, "--format", "npy", "--no-foot-lock")
PROMPTS = "a person walks\n\n  a person runs\n" + '{"prompt": "a person waves", "seconds": 2, "seed": 17}\n'


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SHARD", 4)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text(PROMPTS)
    return path


def written(folder: str) -> dict[str, bytes]:
    """All files of a folder, hidden ones too."""
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def index(folder: str) -> list[dict]:
    lines = [line for path in sorted(Path(folder).glob("*/index.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_every_motion_is_in_a_shard_and_is_what_its_seed_gives_alone(run: Run, prompts: Path) -> None:
    result = run("generate", "--prompts", prompts, "-n", 2, "--seed", 5, *QUICK, "--output", "many", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["motions"], said["made"], said["there_before"], said["shards"]) == (6, 6, 0, 2)
    lines = index("many")
    assert [line["seed"] for line in lines] == [5, 6, 7, 8, 17, 18]
    assert [line["seconds"] for line in lines] == [1.0] * 4 + [2] * 2
    assert lines[5]["files"] == ["000005-a-person-waves-seed18.npy"]
    assert sorted(path.name for path in Path("many").iterdir()) == ["settings.json", "shard-00000", "shard-00001"]
    run("generate", "a person runs", "--seed", 8, *QUICK, "--output", "one")
    one, same = "one/a-person-runs-seed8-01.npy", "many/shard-00000/000003-a-person-runs-seed8.npy"
    np.testing.assert_allclose(Motion.read(same).joints, Motion.read(one).joints, atol=1e-5)
    assert Motion.read("many/shard-00001/000005-a-person-waves-seed18.npy").seconds == pytest.approx(2, abs=0.21)


def test_a_stopped_run_resumes_with_the_same_result(run: Run, prompts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("generate", "--prompts", prompts, "-n", 3, *QUICK)
    run(*command, "--output", "whole")
    generate, asked = Lead.generate, []

    def stopped(self: Lead, given: list[str], **options: object) -> list[Motion]:
        asked.append(len(given))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return generate(self, given, **options)

    monkeypatch.setattr(Lead, "generate", stopped)
    assert run(*command, "--output", "parts").exit_code == 130
    assert sorted(path.name for path in Path("parts").iterdir()) == ["settings.json", "shard-00000"]
    Path("parts/.shard-00001.partial").mkdir()  # as a kill leaves it
    Path("parts/.shard-00001.partial/half.npy").write_bytes(b"half")
    next(Path("parts/shard-00000").glob("*.npy")).unlink()
    assert json.loads(run(*command, "--output", "parts", "--json").stdout)["made"] == 9
    assert written("parts") == written("whole")
    assert asked == [4, 4, 4, 4, 1]  # never more motions in memory than a shard has
    assert json.loads(run(*command, "--output", "parts", "--json").stdout)["there_before"] == 9
    assert len(asked) == 5


def test_processes_share_the_shards(run: Run, prompts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("generate", "--prompts", prompts, "-n", 3, *QUICK)
    run(*command, "--output", "alone")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, motions in ((1, 4), (0, 5)):
        monkeypatch.setenv("RANK", str(rank))
        result = run(*command, "--output", "shared", "--json")
        said = json.loads(result.stdout)
        assert (said["motions"], said["rank"], said["processes"]) == (motions, rank, 2)
    assert written("shared") == written("alone")


def test_a_list_may_grow_but_not_change(run: Run, prompts: Path) -> None:
    command = ("generate", "--prompts", prompts, *QUICK, "--output", "many")
    run(*command)
    before = {path: Motion.read(path).joints for path in sorted(Path("many").rglob("*.npy"))}
    prompts.write_text(PROMPTS + "a person sits\na person jumps\n")
    assert json.loads(run(*command, "--json").stdout)["made"] == 5
    for path, joints in before.items():
        np.testing.assert_allclose(Motion.read(path).joints, joints, atol=1e-5)
    assert len(index("many")) == 5
    prompts.write_text("a person sits\n")
    result = run(*command)
    assert result.exit_code == 1
    assert "many/shard-00000 holds motions of other prompts" in result.stderr
    assert len(index("many")) == 5
    result = run("generate", "--prompts", prompts, "--steps", 2, *QUICK[:2], *QUICK[4:], "--output", "many")
    assert "many was begun with other settings: steps was 1, is 2" in " ".join(result.stderr.split())


def test_words_are_distinguished_by_their_files(run: Run, prompts: Path, concept_path: Path) -> None:
    prompts.write_text("a person walks in <limp> style\na person walks")
    result = run("generate", "--prompts", prompts, "--concept", concept_path, *QUICK)
    assert result.exit_code == 0, result.output
    limping, walking = index("out")
    assert limping["words"] == {"<limp>": hashlib.sha256(concept_path.read_bytes()).hexdigest()}
    assert walking["words"] == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n \n", "no prompt in the file"),
        ('a person walks\n{"prompt": 3}', "line 2: found prompt 3, expected a text"),
        ('{"prompt": "a person walks"', "line 1: not a JSON object"),
        ('{"prompt": "a person walks", "fps": 3}', "line 1: unknown 'fps'; expected prompt, seconds, seed"),
        ('{"prompt": "a person walks", "seconds": "4"}', "line 1: found seconds '4', expected a number"),
        ('{"prompt": "a person walks", "seconds": NaN}', "line 1: found seconds nan"),
        ('{"prompt": "a person walks", "seconds": 60}', "line 1: 60 s cannot be generated"),
        ('{"prompt": "a person walks", "seed": -1}', "line 1: found seed -1, expected a whole number"),
        ("\na person does (<limp>:3)", "line 2: (<limp>:3) makes the strength"),
        ("a person walks\na person " + "walks and " * 40, "line 2: this prompt has"),
        ("a person does <limp>", "names <limp>, which is not known"),
    ],
)
def test_mistakes_in_the_prompts_file_name_their_line(run: Run, prompts: Path, text: str, said: str) -> None:
    prompts.write_text(text)
    fails(run("generate", "--prompts", prompts), said)


def test_other_mistakes(run: Run, prompts: Path) -> None:
    fails(run("generate"), "give either prompts")
    fails(run("generate", "a person walks", "--prompts", prompts), "give either prompts")
    fails(run("generate", "--prompts", prompts, "--format", "bvh,png"), "--format png shows motions side by side")
    fails(run("generate", "--prompts", prompts.parent), "expected a text file")
    fails(run("generate", "--prompts", "nowhere.txt"), "nowhere.txt does not exist")
    number = 10**7  # and a thousand lines of the file would have no end
    fails(run("generate", "--prompts", prompts, "-n", number), "0,000 motions, at most 1,000,000", "several files")
    prompts.write_bytes(b"\xff\xfe\x00walks")
    fails(run("generate", "--prompts", prompts), "not a text file in UTF-8")


@pytest.mark.parametrize("text", ["[" * 200_000, '{"base":' * 100_000, "3", '{"steps": ' + "9" * 400 + "}"])
def test_settings_of_a_stranger(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    settings = batch.Settings({}, None, None, True, ["npy"], "")
    with pytest.raises(UsageError) as found:
        batch._write_or_check_settings(tmp_path, settings)
    assert "settings" in str(found.value) and len(str(found.value)) < 500
    (tmp_path / "index.jsonl").write_text(text)
    with pytest.raises(UsageError, match=r"not an index of motions|holds motions of other prompts"):
        batch._is_complete(tmp_path, [])
