"""MLD's own code as a baseline of the speed benchmark."""

import os
from pathlib import Path

import pytest
import torch

from benchmarks.speed import device as device_speed
from benchmarks.speed import run as speed
from benchmarks.speed.published_mld import PublishedMld, read_method
from lead.networks.mld import MLD_DIFFUSION, MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig

CODE = os.environ.get("MLD_CODE", "")
"""A checkout of MLD's published code; without it one test is left out."""


def test_a_method_is_read_without_what_its_file_imports(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(
        "import a_package_that_nobody_has\n"
        "class Other:\n    def double(self, x): return 0\n"
        "class Model(a_package_that_nobody_has.Base):\n    def double(self, x): return torch.add(x, x) + self\n"
    )
    assert read_method(path, "Model", "double")(1, torch.tensor(3)) == 7


def test_a_place_without_mlds_code_is_named(tmp_path):
    vae, denoiser = MldVAE(MldVAEConfig(layers=1)), MldDenoiser(MldDenoiserConfig(layers=1))
    with pytest.raises(SystemExit, match=r"mld is no package; give a checkout of https://github\.com/ChenFengYe"):
        PublishedMld(tmp_path, vae, denoiser, torch.zeros(263), torch.ones(263), MLD_DIFFUSION)


def test_the_part_asks_for_the_code(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--only", "published"])
    assert "--mld-code" in capsys.readouterr().err


@pytest.mark.skipif(not CODE, reason="MLD_CODE names no checkout of MLD's published code")
def test_both_compute_the_same_joints():
    for row in speed.measure_published(2, Path(CODE), frames=8):
        assert row["difference"] < 1e-3, row["what"]


def test_a_device_is_measured_in_each_precision(tiny_base, monkeypatch):
    monkeypatch.setattr(device_speed, "WARM_UP", 0)
    rows = device_speed.measure_generation(tiny_base, "cpu", 1, (1,))
    rows += device_speed.measure_training(tiny_base, "cpu", 1, (2,), ("float32", "bfloat16"))
    assert [row["what"] for row in rows] == [
        "generate, batch 1, float32", "generate, batch 1, bfloat16",
        "train denoiser, batch 2, float32", "train VAE, batch 2, float32",
        "train denoiser, batch 2, bfloat16", "train VAE, batch 2, bfloat16",
    ]  # fmt: skip
    assert all(0 < row["least"] <= row["median"] <= row["greatest"] for row in rows)
