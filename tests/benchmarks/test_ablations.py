"""The ablation bench on a tiny base: rows train, are measured and compared, and nothing is done twice."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from benchmarks.bases import ablation_figures, ablations
from benchmarks.bases.ablation_report import compare_rows, format_report, judge_differences
from benchmarks.bases.ablations import DEFAULT, ROWS, main
from lead.checkpoint import FILE_NAMES, save_part
from lead.data.prepare import prepare_data
from lead.eval.metrics import Estimate


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(40):
        synthesize_walk(1.0 + 0.02 * number, sway=0.1 * number, seed=number).save(source / f"w{number}.npy")
        split = "test" if number < 33 else "val" if number < 35 else "train"
        rows.append({"clip": f"w{number}.npy", "captions": [f"a person walks {number}"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    prepare_data(source, out)
    return out


@pytest.fixture
def run(tiny_base, tmp_path):
    """The tiny base's parts as a run folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = tiny_base.config
    for part in ("text", "vae", "denoiser", "projector", "style_tokens"):
        name = FILE_NAMES.get(part, part)
        save_part(folder / f"{name}.safetensors", getattr(tiny_base, part), name, getattr(config, part))
    text = {"config": asdict(config.denoiser), "diffusion": asdict(config.diffusion)}
    (folder / "diffusion.json").write_text(json.dumps(text))
    return folder


def test_one_command_makes_each_row_once(data, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ablations, "has_pack", lambda: False)
    monkeypatch.setattr(ablation_figures, "MULTIMODAL", (2, 2))
    rows = [DEFAULT, "mld", "denoised", "clip", "vae-aligned"]
    output = tmp_path / "ablations"
    words = [
        "--run", str(run), "--data", str(data), "--output", str(output), "--steps", "2", "--batch", "4",
        "--replications", "2", "--vae-steps", "2", "--denoiser-steps", "2", "--seeds", "0", "--rows", *rows,
    ]  # fmt: skip
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.strip() == (output / "report.md").read_text().strip()
    for row in rows:
        assert f"| {ROWS[row].label} |" in text
    results = json.loads((output / "results.json").read_text())["rows"]
    assert list(results) == rows and "cosine" not in results["mld"]["0"]["recorded test"]
    assert len(results[DEFAULT]["0"]["test"]["fid"]) == 2 and len(results[DEFAULT]["0"]["recorded test"]["error"]) == 33

    def fail(*arguments):
        raise AssertionError("a row was made again")

    monkeypatch.setattr(ablations.Bench, "train_row", fail)
    assert main(words) == 0
    assert capsys.readouterr().out == text
    assert main([*words, "--steps", "3"]) == 1
    assert "made with another budget, see made-with.json there; name another --output" in capsys.readouterr().err


def test_an_unknown_row_is_named(capsys):
    assert main(["--rows", "default", "no-magic"]) == 1
    assert "no row no-magic; choose among default, mld" in capsys.readouterr().err


def test_a_difference_counts_where_every_seed_shows_it():
    rng = np.random.default_rng(0)
    small, large = rng.normal(0, 1, 20).tolist(), rng.normal(3, 1, 20).tolist()
    assert judge_differences([large, large], "r3") == "better"
    assert judge_differences([large, large], "fid") == "worse"
    assert judge_differences([large], "diversity") == "higher"
    assert judge_differences([large, small], "r3") == ""
    assert judge_differences([[3.0]], "r3") == ""
    assert judge_differences([large, [-x for x in large]], "r3") == ""


def test_rows_are_compared_value_by_value():
    noise = np.random.default_rng(0).normal(0, 5, 10)
    results = {
        DEFAULT: {0: {"test": {"fid": noise.tolist(), "r3": [0.5] * 10}}},
        "mld": {0: {"test": {"fid": (noise + 1 + 0.01 * noise).tolist(), "r3": [0.5] * 10}}},
    }
    labels = {DEFAULT: "LEAD", "mld": "MLD"}
    once = format_report(results, labels)
    assert format_report({row: {0: seeds[0], 1: seeds[0]} for row, seeds in results.items()}, labels) == once
    assert "FID +1.004 ±0.024: worse. Within the interval: R@3" in compare_rows(results, labels)[1]
    assert f"| MLD | {Estimate.of(results['mld'][0]['test']['fid'])} |" in format_report(results, labels)
    assert torch.tensor(noise).std() > 3  # far more than the difference that shows
