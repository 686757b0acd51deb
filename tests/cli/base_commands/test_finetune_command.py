"""`lead finetune`: what it writes and prints, and how it fails: one message, nothing half-written."""

import json
from pathlib import Path

import pytest
from commands import fails
from typer.testing import CliRunner, Result
from walks import synthesize_walk

from cli import base as program
from lead import Lead
from lead.data.prepare import prepare_data
from lead.eval.prompt_suite import PromptResult, summarize
from lead.finetune import finetune, report
from lead.finetune.replay import draw_prompts


@pytest.fixture
def data(tmp_path: Path) -> Path:
    source = tmp_path / "clips"
    source.mkdir()
    rows = []
    for number, split in enumerate(("train", "train", "train", "val")):
        synthesize_walk(1.6 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        rows.append({"clip": f"w{number}.npy", "captions": [f"a person frobs {number}"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def tune(base_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command in an empty folder on the tiny base, with few samples and a suite of two kinds."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(finetune, "draw_prompts", lambda count: draw_prompts(count // 80))
    monkeypatch.setattr(report, "run_suite", judge)

    def invoke(*args: object) -> Result:
        given = () if "--base" in args else ("--base", base_path)
        return CliRunner().invoke(program.app, ["finetune", *map(str, [*args, *given]), "--device", "cpu"])

    return invoke


def judge(base: Lead, samples: int, **_: object):
    shares = {"waves": 0.5, "claps": 0.0} if base.name == "tiny" else {"waves": 0.5, "claps": 1.0}
    rows = [PromptResult(kind, "arms", "", kind, True, {4.0: share}) for kind, share in shares.items()]
    return summarize(base.name, samples, 0, tuple(rows))


def test_a_base_is_written_and_judged(data: Path, base_path: Path, tune) -> None:
    result = tune(data, "-o", "mine.safetensors", "--name", "mine", "--steps", 2, "--samples", 1)
    assert result.exit_code == 0, result.output
    for words in (
        "mine.safetensors: mine, 3 clips", "similarity to your clips (1, held out)", "motions of other prompts",
        "plain prompts whose motions show what they say", "arms", "25%", "75%", "claps: gained 100%",
    ):  # fmt: skip
        assert words in result.stdout
    old, new = Lead.load(base_path), Lead.load("mine.safetensors")
    assert (new.name, new.fingerprints["text"], new.fingerprints["vae"]) == (
        "mine", old.fingerprints["text"], old.fingerprints["vae"],
    )  # fmt: skip
    assert new.fingerprints["denoiser"] != old.fingerprints["denoiser"]
    command = (data, "-o", "mine.safetensors", "--name", "mine", "--steps", 2, "--samples", 1, "--json")
    content = Path("mine.safetensors").read_bytes()
    assert "mine.safetensors exists already: name another" in json.loads(tune(*command).stdout)["error"]
    assert Path("mine.safetensors").read_bytes() == content
    again = tune(*command, "--replace")
    told = json.loads(again.stdout)
    assert told["file"] == "mine.safetensors" and told["clips"] == 3 and told["joint_error_cm"] > 0
    assert told["own_captions"].keys() == {"clips", "held_out", "others", "before", "after"}
    assert told["suite"] == {
        "before": 0.25,
        "after": 0.75,
        "families": {"arms": [0.25, 0.75]},
        "changed": {"claps": 1.0},
    }
    assert Lead.load("mine.safetensors").fingerprints == new.fingerprints


def test_other_settings_begin_again(data: Path, tune) -> None:
    options = ("-o", "mine.safetensors", "--samples", 0, "--replace", "--json")
    assert tune(data, *options, "--steps", 2).exit_code == 0
    before = Lead.load("mine.safetensors").fingerprints
    (Path("mine.safetensors.run") / "diffusion.checkpoint").write_bytes(b"not this")
    result = tune(data, *options, "--steps", 3)
    assert result.exit_code == 1 and "--restart" in json.loads(result.stdout)["error"]
    assert Lead.load("mine.safetensors").fingerprints == before
    assert tune(data, *options, "--steps", 3, "--restart").exit_code == 0
    assert Lead.load("mine.safetensors").fingerprints != before


def test_what_cannot_be_used_is_told_before_anything_is_written(
    data: Path, base_path: Path, tmp_path: Path, tune
) -> None:
    fails(tune(tmp_path / "nowhere"), "nowhere does not exist", "DATA")
    (tmp_path / "empty").mkdir()
    fails(tune(tmp_path / "empty"), "empty")
    fails(tune(data, "-o", "mine.bin"), "ends in .safetensors")
    fails(tune(data, "-o", "no/mine.safetensors"), "the folder no does not exist")
    fails(tune(data, "-o", base_path, "--base", base_path), "name another file")
    fails(tune(data, "--base", tmp_path / "nowhere.safetensors"), "nowhere.safetensors does not exist")
    (tmp_path / "odd.safetensors").write_bytes(b"PK\x03\x04 not this")
    fails(tune(data, "--base", tmp_path / "odd.safetensors"), "not a readable safetensors file")
    (tmp_path / "folder.safetensors").mkdir()
    fails(tune(data, "-o", tmp_path / "folder.safetensors"), "is a folder")


def test_before_is_the_base_that_training_began_with(data: Path, base_path: Path, tune, monkeypatch) -> None:
    """Also where its file is replaced while training runs, as the embedded one by an update."""
    began, judged, fit = Lead.load(base_path), [], finetune.fit_projector

    def replace_base(*args: object, **options: object) -> object:
        other = Lead.load(base_path, plain=True)
        other.denoiser.requires_grad_(False)
        for parameter in other.denoiser.parameters():
            parameter.zero_()
        other.save(base_path)
        return fit(*args, **options)

    monkeypatch.setattr(finetune, "fit_projector", replace_base)
    monkeypatch.setattr(report, "run_suite", lambda base, **given: judged.append(base.fingerprints) or judge(base, 1))
    assert tune(data, "-o", "mine.safetensors", "--steps", 2, "--samples", 1).exit_code == 0
    assert judged == [began.fingerprints, Lead.load("mine.safetensors").fingerprints]
