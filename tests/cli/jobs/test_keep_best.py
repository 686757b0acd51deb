"""`generate --keep`: the best motions of each prompt, the same as without it, with their scores."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import fails
from typer.testing import Result

from cli.jobs import generate_batch as batch
from lead import Lead
from lead.eval.evaluator import Evaluator

Run = Callable[..., Result]
QUICK = ("--seconds", 1, "--steps", 1, "--format", "npy")
PARTS = {"total", "shown", "text", "similarity", "skate", "jitter"}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SHARD", 4)


def written(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*.npy")}


def index(folder: str) -> list[dict]:
    lines = [line for path in sorted(Path(folder).glob("*/index.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_the_best_of_each_prompt_are_written_as_without_keep(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Evaluator, "load", lambda: pytest.fail("no concept asks for it"))
    command = ("generate", "a person walks", "a person waves", "-n", 5, "--seed", 3, *QUICK)
    run(*command, "--output", "all")
    result = run(*command, "--keep", 2, "--output", "best", "--json")
    assert result.exit_code == 0, result.output
    motions = json.loads(result.stdout)["motions"]
    assert [motion["prompt"] for motion in motions] == ["a person walks"] * 2 + ["a person waves"] * 2
    for motion in motions:
        assert motion["score"].keys() == PARTS and motion["score"]["similarity"] is None
        assert motion["files"][0].endswith(f"-seed3-{motion['number']:02d}.npy")
    for first, second in (motions[:2], motions[2:]):
        assert first["score"]["total"] >= second["score"]["total"]
    all_files, best = written("all"), written("best")
    assert len(all_files) == 10 and len(best) == 4
    assert best.items() <= all_files.items()
    recorded = [json.loads(line)["files"][0] for line in Path("best/prompts.jsonl").read_text().splitlines()]
    assert recorded == [Path(motion["files"][0]).name for motion in motions]


def test_the_table_has_the_scores(run: Run) -> None:
    result = run("generate", "a person walks", "-n", 2, "--keep", 1, "--seconds", 1, "--steps", 1)
    assert result.exit_code == 0, result.output
    for word in ("score", "shown", "text", "skate", "jitter", "The best of each prompt first"):
        assert word in result.stdout
    assert len(list(Path("out").glob("*.bvh"))) == len(list(Path("out").glob("*.png"))) == 1
    assert "score" not in run("generate", "a person walks", "--seconds", 1, "--steps", 1).stdout


def test_a_prompt_that_no_motion_shows_gets_a_warning(run: Run) -> None:
    prompts = ("a person lies down", "a person frobnicates")  # nothing that random weights do; no measure
    stderr = " ".join(run("generate", *prompts, "-n", 2, "--keep", 1, *QUICK).stderr.split())
    assert "'a person lies down': measures of the joints do not find it in the best of 2 motions" in stderr
    assert "'a person frobnicates': measures" not in stderr


def test_a_file_of_prompts_warns_as_prompts_do(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("a person lies down\na person frobnicates\n")
    result = run("generate", "--prompts", file, "-n", 2, "--keep", 1, *QUICK)
    stderr = " ".join(result.stderr.split())
    assert stderr.count("'a person lies down': measures of the joints do not find it in the best of 2 motions") == 1
    assert "'a person frobnicates': measures" not in stderr


def test_all_may_be_kept(run: Run) -> None:
    command = ("generate", "a person walks", "-n", 3, *QUICK)
    run(*command, "--output", "all")
    run(*command, "--keep", 3, "--output", "best")
    assert written("all") == written("best")


def test_a_concept_is_compared_with_its_exemplar(run: Run, concept_path: Path) -> None:
    prompts = ("a person walks in <limp> style", "a person walks", "a person walks in (<limp>:0) style")
    options = ("--concept", concept_path, "-n", 2, "--keep", 1, *QUICK[:-1], "npy,html", "--json")
    said = json.loads(run("generate", *prompts, *options).stdout)
    similarities = [motion["score"]["similarity"] for motion in said["motions"]]
    assert 0.0 < similarities[0] <= 1.0 and similarities[1:] == [None, None]
    number = said["motions"][0]["number"]
    page = Path(said["views"][0]).read_text()
    assert f'"{number}. a person walks in \\u003climp' in page or f"{number}. a person walks in <limp" in page
    assert "without <limp>, same seed" in page or "without \\u003climp" in page


def test_more_than_are_made_cannot_be_kept(run: Run, tmp_path: Path) -> None:
    fails(run("generate", "a person walks", "--keep", 2, "--base", "nowhere"), "--keep 2, of 1 for each prompt", "-n")
    file = tmp_path / "prompts.txt"
    file.write_text("a person walks\n")
    fails(run("generate", "--prompts", file, "-n", 3, "--keep", 4, "--base", "nowhere"), "keep at most 3")
    assert run("generate", "a person walks", "--keep", 0).exit_code == 2


def test_a_file_of_prompts_keeps_the_best_of_each_line(
    run: Run, tmp_path: Path, concept_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text(
        'a person walks\n{"prompt": "a person waves", "seconds": 2, "seed": 17}\na person in <limp> style\n'
    )
    command = ("generate", "--prompts", file, "-n", 3, "--concept", concept_path, *QUICK)
    result = run(*command, "--keep", 2, "--output", "best", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["motions"], said["made"], said["there_before"], said["shards"]) == (6, 6, 0, 3)
    lines = index("best")
    assert [line["prompt"] for line in lines] == sorted((line["prompt"] for line in lines), key="ws>".find)
    assert {line["seed"] for line in lines[2:4]} < {17, 18, 19}
    firsts = [0, 0, 17, 17, 6, 6]  # a line without a seed goes on from the motions before
    assert [line["number"] for line in lines] == [
        line["seed"] - first + 1 for line, first in zip(lines, firsts, strict=True)
    ]
    assert [line["score"]["similarity"] is None for line in lines] == [True] * 4 + [False] * 2
    assert written("best").keys() == {name for line in lines for name in line["files"]}
    run(*command, "--output", "all")
    assert written("best").keys() < written("all").keys()

    again = json.loads(run(*command, "--keep", 2, "--output", "best", "--json").stdout)
    assert (again["made"], again["there_before"]) == (0, 6)
    result = run(*command, "--keep", 1, "--output", "best")
    assert "keep was '2 of 3', is '1 of 3'" in " ".join(result.stderr.split())
    result = run(*command, "--output", "best")
    assert "keep was '2 of 3', is None" in " ".join(result.stderr.split())


def test_a_list_with_keep_may_grow_but_not_change(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("a person walks\n")
    command = ("generate", "--prompts", file, "-n", 2, "--keep", 1, *QUICK, "--json")
    assert json.loads(run(*command).stdout)["made"] == 1
    generate, asked = Lead.generate, []

    def counted(self: Lead, given: list[str], **options: object) -> list:
        asked.append(len(given))
        return generate(self, given, **options)

    monkeypatch.setattr(Lead, "generate", counted)
    file.write_text("a person walks\na person runs\na person sits\n")
    assert json.loads(run(*command).stdout)["made"] == 3
    assert asked == [4, 2]  # whole prompts, and never more motions than a shard has
    assert [line["prompt"] for line in index("out")] == ["a person walks", "a person runs", "a person sits"]
    file.write_text("a person bows\n")
    assert "out/shard-00000 holds motions of other prompts" in run(*command).stdout
