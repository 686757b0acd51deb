"""On a GPU: the same motions, words and training as on the CPU, within what another order of sums changes.

    python -m pytest -m gpu -n 0

`tests/test_devices.py` has the same for a pretended device, on any machine.
"""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import train
from walks import synthesize_walk

from benchmarks.speed.device import measure_generation, measure_training
from inversion import learn
from inversion.restyle import restyle
from lead import Lead, Motion
from lead.data.prepare import prepare_data
from lead.train.logs import read_result

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]
DEVICE = "cuda"
SAME = 2e-3
"""Meters, of joints; TF32 and fused attention round more than the CPU does."""


@pytest.fixture(scope="module")
def there() -> Lead:
    return Lead.load(device=DEVICE)


@pytest.fixture(scope="module")
def here() -> Lead:
    return Lead.load()


def largest_difference(motions: list[Motion], others: list[Motion]) -> float:
    return max(np.abs(a.joints - b.joints).max() for a, b in zip(motions, others, strict=True))


@pytest.mark.parametrize("sampler", ["ddim", "dpm++"])
def test_motions_are_the_cpus(there: Lead, here: Lead, sampler: str) -> None:
    options = {"prompts": ["a person walks", "a person jumps"], "seconds": [2.0, 4.0], "seed": 3, "sampler": sampler}
    options |= {"clean_feet": False}  # which decides by thresholds
    assert largest_difference(there.generate(**options), here.generate(**options)) < SAME


def test_a_word_is_the_cpus(there: Lead, here: Lead) -> None:
    clips = [synthesize_walk(3.0, seed=seed) for seed in range(3)]
    words = {base.device.type: learn(base, clips, "<limp>", steps=4, seed=1) for base in (there, here)}
    a, b = (words[name].tensors["direction"] for name in (DEVICE, "cpu"))
    assert np.linalg.norm(a - b) < 0.05 * np.linalg.norm(b)  # 16 bits, of other kernels
    prompt = {"prompts": ["a person walks in <limp> style"], "seconds": 3.0, "words": words[DEVICE].words}
    assert largest_difference(there.generate(**prompt), here.generate(**prompt)) < 10 * SAME
    assert np.isfinite(restyle(there, clips[0], words[DEVICE], draws=1).joints).all()


def test_the_base_is_unchanged_by_learning(there: Lead) -> None:
    before = deepcopy({name: tensor.cpu() for name, tensor in there.state_dict().items()})
    learn(there, [synthesize_walk(3.0)], "<limp>", steps=2)
    assert all(torch.equal(before[name], tensor.cpu()) for name, tensor in there.state_dict().items())


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_training(tmp_path: Path, precision: str) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    rows = []
    for number in range(8):
        synthesize_walk(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        split = "train" if number < 6 else "val"
        rows.append({"clip": f"w{number}.npy", "captions": ["a person walks", f"walks {number}"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, tmp_path / "data")
    figures = {}
    for device in (DEVICE, "cpu"):
        run = tmp_path / device
        for name in ("text", "vae", "decoder", "language", "diffusion", "projector", "evaluator"):
            trained = train(name, tmp_path / "data", run, steps=2, batch=4, precision=precision, device=device)
            assert next(trained.parameters()).device.type == device
            result = read_result(run, name)
            assert result and ("peak_gpu_gb" in result) == (device == DEVICE)
            figures[device, name] = {key: value for key, value in result.items() if key.startswith("val_")}
    for name in ("vae", "decoder"):  # untrained, so of a size; other stages begin from parts that differ a little
        for key, value in figures["cpu", name].items():
            assert figures[DEVICE, name][key] == pytest.approx(value, rel=0.2), (name, key)


def test_the_speed_of_a_device_is_measured(there: Lead) -> None:
    rows = measure_generation(there, DEVICE, 1, (1,)) + measure_training(
        there, DEVICE, 1, (2,), ("float32", "bfloat16")
    )
    assert all(row["median"] > 0 for row in rows)
