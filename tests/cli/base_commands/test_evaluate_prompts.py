"""`lead eval --prompts` on a stand-in for the suite."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.base import app
from lead import model
from lead.eval import prompt_suite
from lead.eval.prompt_suite import PromptResult, summarize

ROWS = (
    PromptResult("walk", "walking", "walk()", "a person walks forward", True, {2.0: 1.0, 4.0: 0.5}),
    PromptResult("wave", "arms", "wave()", "someone waves hello", False, {2.0: 0.25}),
)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The stand-in, and what it was asked."""
    asked: list[dict[str, object]] = []

    def run_suite(base: object, **options: object) -> prompt_suite.SuiteResult:
        asked.append(options)
        return summarize("tiny", 3, 1, ROWS)

    monkeypatch.setattr(prompt_suite, "run_suite", run_suite)
    monkeypatch.setattr(model.Lead, "load", lambda *args, **options: SimpleNamespace(name="tiny"))
    monkeypatch.setenv("COLUMNS", "100")
    return asked


def test_prompts_are_summed_up_in_a_short_table(suite: list[dict[str, object]]) -> None:
    result = CliRunner().invoke(app, ["eval", "--prompts", "--samples", "3", "--seed", "1", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert (suite[0]["samples"], suite[0]["seed"]) == (3, 1)
    for words in ("walking", "arms", "2 s", "plain sentences", "paraphrases", "all", "0.50", "3 a prompt and length"):
        assert words in result.stdout
    assert "a person walks forward" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_rows_and_json_have_every_prompt(suite: list[dict[str, object]]) -> None:
    result = CliRunner().invoke(app, ["eval", "--prompts", "--rows", "--device", "cpu"])
    assert "a person walks forward" in result.stdout and "2 s 1.00  4 s 0.50" in result.stdout
    found = json.loads(CliRunner().invoke(app, ["eval", "--prompts", "--json", "--device", "cpu"]).stdout)
    assert found["all"] == {"prompts": 2, "mean": 0.5, "mostly": 0.5}
    assert found["prompts"][0]["share"] == 0.75 and found["prompts"][0]["shares"] == {"2.0": 1.0, "4.0": 0.5}


def test_data_and_prompts_exclude_each_other(tmp_path: Path) -> None:
    both = CliRunner().invoke(app, ["eval", str(tmp_path), "--prompts", "--device", "cpu"])
    assert both.exit_code == 1 and "leave DATA out" in both.stderr
    neither = CliRunner().invoke(app, ["eval", "--device", "cpu"])
    assert neither.exit_code == 1 and "lead eval --prompts" in neither.stderr
