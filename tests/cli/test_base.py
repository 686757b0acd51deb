"""`lead`: data sets are made for real; each stage's command calls its stage with the given options."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner, Result
from walks import synthesize_steps

from cli import base
from lead import Lead, Motion


def run(*args: object) -> Result:
    return CliRunner().invoke(base.app, [str(arg) for arg in args])


@pytest.fixture
def source(walk: Motion, tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    rows = []
    for number, (suffix, split) in enumerate([("bvh", "train"), ("npz", "train"), ("npy", "val"), ("bvh", "test")]):
        walk.save(folder / f"walk_{number}.{suffix}")
        rows.append({"clip": f"walk_{number}.{suffix}", "captions": ["a person walks", "walking #1"], "split": split})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_prepare_writes_humanml3ds_layout(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    result = run("data", "prepare", source, out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["clips"] == {"train": 2, "val": 1, "test": 1}
    assert {path.name for path in out.iterdir()} >= {
        "new_joint_vecs", "texts", "train.txt", "val.txt", "test.txt", "Mean.npy", "Std.npy",
    }  # fmt: skip
    assert np.load(out / "new_joint_vecs" / "walk_0.npy").shape[1] == 263
    assert (out / "texts" / "walk_0.txt").read_text().splitlines()[0].startswith("a person walks#a/")
    again = run("data", "prepare", source, tmp_path / "again")
    assert "train" in again.stdout and "hint" not in again.stderr


def test_splits_without_clips_are_pointed_out(source: Path, tmp_path: Path) -> None:
    listing = source / "captions.jsonl"
    listing.write_text("".join(listing.read_text().splitlines(keepends=True)[:2]))
    said = " ".join(run("data", "prepare", source, tmp_path / "data").stderr.split())
    assert "hint: no clip is in val and test; training needs one in val, `lead eval` two in test." in said
    result = run("train", "vae", tmp_path / "data", "--device", "cpu", "--output", tmp_path / "run")
    said = " ".join(result.stderr.split())
    assert 'Say which clips are for it, in captions.jsonl: "split": "val"' in said


def test_prepare_says_what_is_missing(tmp_path: Path) -> None:
    result = run("data", "prepare", tmp_path / "nowhere", tmp_path / "data")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
    (tmp_path / "empty").mkdir()
    result = run("data", "prepare", tmp_path / "empty", tmp_path / "data")
    assert result.exit_code == 1
    assert "empty" in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("stage", "place", "default"),
    [
        ("text", "lead.train.stages.text.train_text", "lead.train.stages.text.TEXT_TRAIN"),
        ("vae", "lead.train.stages.vae.train_vae", "lead.train.stages.vae.VAE_TRAIN"),
        ("decoder", "lead.train.stages.decoder.train_decoder", "lead.train.stages.decoder.DECODER_TRAIN"),
        ("diffusion", "lead.train.stages.diffusion.train_diffusion", "lead.train.stages.diffusion.DIFFUSION_TRAIN"),
        ("language", "lead.train.stages.language.train_language", "lead.train.stages.language.LANGUAGE_TRAIN"),
        ("projector", "lead.train.stages.projector.train_projector", "lead.train.stages.projector.PROJECTOR_TRAIN"),
        ("refine", "lead.train.stages.refine.train_refine", "lead.train.stages.refine.REFINE_TRAIN"),
        ("evaluator", "lead.train.stages.evaluator.train_evaluator", "lead.train.stages.evaluator.EVALUATOR_TRAIN"),
    ],
)
def test_train_calls_the_stage(
    stage: str, place: str, default: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    calls = []
    monkeypatch.setattr(place, lambda *args, **options: calls.append((args, options)))
    module, name = default.rsplit(".", 1)
    config = getattr(importlib.import_module(module), name)
    result = run("train", stage, tmp_path, "--output", tmp_path / "run", "--steps", 7, "--seed", 3, "--device", "cpu")
    assert result.exit_code == 0, result.output
    ((args, options),) = calls
    assert args == (tmp_path, tmp_path / "run")
    assert options["device"] == "cpu"
    assert (options["train"].steps, options["train"].seed) == (7, 3)
    assert (options["train"].batch, options["train"].lr) == (config.batch, config.lr)
    assert {"diffusion": "denoiser", "refine": "refined"}.get(stage, stage) + ".safetensors" in result.stdout


def test_assemble_writes_one_file(tmp_path: Path, tiny_base: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    from lead.train import assemble

    monkeypatch.setattr(assemble, "assemble", lambda *args, **sampling: tiny_base)
    result = run("assemble", tmp_path, tmp_path, tmp_path / "base.safetensors", "--name", "tiny", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["bytes"] == (tmp_path / "base.safetensors").stat().st_size
    assert Lead.load(tmp_path / "base.safetensors").fingerprints == tiny_base.fingerprints


def test_assemble_replaces_no_file_unasked(tmp_path: Path, tiny_base: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    from lead.train import assemble

    asked = []
    monkeypatch.setattr(assemble, "assemble", lambda *args, **sampling: asked.append(args) or tiny_base)
    output = tmp_path / "base.safetensors"
    output.write_bytes(b"mine")
    command = ("assemble", tmp_path, tmp_path, output, "--name", "tiny")
    result = run(*command)
    assert result.exit_code == 1 and not asked
    assert f"FILE {output} exists already: name another file, or add --replace." in " ".join(result.stderr.split())
    assert output.read_bytes() == b"mine"
    assert run(*command, "--replace").exit_code == 0
    assert Lead.load(output).fingerprints == tiny_base.fingerprints
    for name, says in (("base.bin", "ends in .safetensors"), ("no/base.safetensors", "does not exist")):
        result = run("assemble", tmp_path, tmp_path, tmp_path / name, "--name", "tiny")
        assert result.exit_code == 1 and says in " ".join(result.stderr.split())


def test_assemble_warns_where_the_base_before_has_another_license(
    tmp_path: Path, tiny_base: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lead.train import assemble

    monkeypatch.setattr(assemble, "assemble", lambda *args, **sampling: tiny_base)
    tiny_base.save(tmp_path / "start.safetensors")
    command = ("assemble", tmp_path, tmp_path, tmp_path / "base.safetensors", "--name", "tiny", "--replace")
    result = run(*command, "--license", "MIT")
    assert result.exit_code == 0
    assert "went on from tiny, which is Apache-2.0, and the new base's license is MIT" in " ".join(
        result.stderr.split()
    )
    assert "is not stated (--license)" in " ".join(run(*command).stderr.split())
    assert "went on" not in run(*command, "--license", "Apache-2.0").stderr


def test_assemble_says_which_stage_is_missing(source: Path, tmp_path: Path) -> None:
    run("data", "prepare", source, tmp_path / "data")
    (tmp_path / "run").mkdir()
    result = run("assemble", tmp_path / "data", tmp_path / "run", tmp_path / "base.safetensors", "--name", "tiny")
    assert result.exit_code == 1, result.output
    assert "missing" in result.stderr
    assert "lead train" in result.stderr
    assert not (tmp_path / "base.safetensors").exists()


def test_train_without_data(tmp_path: Path) -> None:
    result = run("train", "vae", tmp_path / "nowhere", "--device", "cpu")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_vary_adds_variations(source: Path, tmp_path: Path) -> None:
    run("data", "prepare", source, tmp_path / "data")
    result = run("data", "vary", tmp_path / "data", "--copies", 2, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["clips"]["train_varied"] > 0


def test_compose_adds_clips(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        synthesize_steps(3.0 + number).save(source / f"w{number}.npy")
        (source / f"w{number}.txt").write_text("a person walks forward")
    run("data", "prepare", source, tmp_path / "data")
    (tmp_path / "data" / "train.txt").write_text("w0\nw1\nw2\n")
    options = ["--attempts", 20, "--processes", 1, "--seed", 4]
    result = run("data", "compose", tmp_path / "data", *options, "--json")
    assert result.exit_code == 0, result.output
    counts = json.loads(result.stdout)["clips"]
    assert sum(counts.values()) == len((tmp_path / "data" / "train_composed.txt").read_text().split()) > 0
    result = run("data", "compose", tmp_path / "data", *options)
    for recipe, count in {**counts, "all": sum(counts.values())}.items():
        assert f"{recipe.replace('_', ' ')} " in result.stdout and f" {count}" in result.stdout


def test_compose_says_what_it_needs(source: Path, tmp_path: Path) -> None:
    result = run("data", "compose", tmp_path / "nowhere")
    assert result.exit_code == 1 and "nowhere" in result.stderr
    for path in source.iterdir():
        if path.name == "captions.jsonl":
            path.write_text(path.read_text().replace("a person walks", "xyzzy").replace("walking", "xyzzy"))
    run("data", "prepare", source, tmp_path / "data")
    result = run("data", "compose", tmp_path / "data", "--attempts", 5)
    assert result.exit_code == 1 and "no training caption says an action" in result.stderr


def test_eval_prints_a_table_a_split_in_100_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lead import model
    from lead.eval import evaluator
    from lead.eval import protocol as evaluate
    from lead.eval.metrics import Estimate

    protocol = evaluate.Protocol(replications=3, multimodal_texts=7, seed=1, published=True)
    seen = []

    def evaluated(*args: object) -> evaluate.Evaluation:
        assert args[2] == tmp_path
        assert (*args[4:7], args[8]) == (protocol, 9, 2.5, "dpm++")
        seen.append(args[3])
        return {
            row: {key: Estimate(number + 123.4, 10.0) for key in evaluate.COLUMNS}
            for number, row in enumerate(evaluate.ROWS)
        }

    monkeypatch.setattr(evaluate, "evaluate", evaluated)
    monkeypatch.setattr(evaluator.Evaluator, "load", lambda *args: None)
    monkeypatch.setattr(model.Lead, "load", lambda *args, **options: SimpleNamespace(name="tiny"))
    monkeypatch.setenv("COLUMNS", "100")
    args = "--split val --split test --replications 3 --texts 7 --published --sampler dpm++ --steps 9 --guidance 2.5"
    result = run("eval", tmp_path, *args.split(), "--seed", 1)
    assert result.exit_code == 0, result.output
    assert seen == ["val", "test"]
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for row in evaluate.ROWS.values():
        assert sum(line.strip().startswith(row) for line in lines) == 2
    for words in (*evaluate.COLUMNS.values(), "126.4", "±10.0", "split val", "split test", "Means of 3 replications"):
        assert words in result.stdout
    figures = json.loads(run("eval", tmp_path, *args.split(), "--seed", 1, "--json").stdout)
    assert figures["splits"]["val"]["real"]["fid"] == {"mean": 123.4, "interval": 10.0}
    assert figures["protocol"]["multimodal_texts"] == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--glove", "glove"], "--evaluator finest.tar"),
        (["--evaluator", "finest.tar"], "add --glove FOLDER"),
    ],
)
def test_eval_asks_for_all_that_the_published_evaluator_needs(tmp_path: Path, options: list[str], message: str) -> None:
    result = run("eval", tmp_path, *options, "--device", "cpu")
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    "command",
    [["data", "prepare"], ["data", "compose"], ["data", "vary"], ["train"], ["finetune"], ["assemble"], ["eval"]],
)
def test_help_teaches_by_example(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"  lead {' '.join(command)} " in result.output
    for option in ("--json", "--device"):
        assert option in result.output
