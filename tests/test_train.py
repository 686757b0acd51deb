"""The stages on a tiny data set: they run, resume as if never stopped, and their parts make a base."""

import json

import pytest
import torch
from walks import walking

import lead.train_vae as train_module
from lead.assemble import assemble
from lead.data import prepare, vary_data
from lead.denoiser import DenoiserConfig
from lead.errors import LeadError
from lead.model import Lead
from lead.projector import ProjectorConfig
from lead.runs import TrainConfig, load_part, save_part
from lead.text import TextConfig, TextTower
from lead.train_diffusion import train_diffusion
from lead.train_projector import train_projector
from lead.train_vae import train_vae
from lead.vae import VAEConfig

SMALL = {"width": 32, "layers": 1, "heads": 2, "ff": 64}
VAE = VAEConfig(**SMALL, d_latent=8)
QUICK = TrainConfig(steps=6, batch=4, warmup=2, report_every=2, save_every=2, precision="no")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(8):
        walking(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        split = "train" if number < 6 else "val"
        rows.append({"clip": f"w{number}.npy", "captions": ["a person walks"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    prepare(source, out)
    vary_data(out, copies=2)
    return out


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run folder with every stage trained for a few steps."""
    run = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    config = TextConfig(width=32, layers=1, heads=2, d_text=24, merges=300)
    save_part(run / "text.safetensors", TextTower(config), "text", config)
    train_vae(data, run, VAE, QUICK)
    train_diffusion(data, run, DenoiserConfig(8, 24, 32, 3, 2, 64), QUICK)
    train_projector(data, run, ProjectorConfig(8, 24, **SMALL), QUICK)
    return run


def test_stages_make_a_base_that_generates(data, run, tmp_path):
    base = assemble(data, run, "tiny", "Apache-2.0")
    path = base.save(tmp_path / "base.safetensors", compact=True)
    loaded = Lead.load(path)
    assert (loaded.name, loaded.license, loaded.config) == ("tiny", "Apache-2.0", base.config)
    assert loaded.generate(["a person walks"], seconds=2)[0].joints.shape == (40, 22, 3)
    assert float(loaded.vae.latent_scale) > 0


def test_run_folder_tells_how(run):
    assert json.loads((run / "vae.json").read_text())["config"]["d_latent"] == 8
    rows = [json.loads(line) for line in (run / "vae.metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [2, 4, 6]
    assert not list(run.glob("*.checkpoint"))


def test_a_killed_run_goes_on_as_if_never_stopped(data, tmp_path, monkeypatch):
    whole = train_vae(data, tmp_path / "whole", VAE, QUICK)
    honest, calls = train_module.vae_loss, []

    def killed_at_the_fifth_step(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return honest(*arguments)

    monkeypatch.setattr(train_module, "vae_loss", killed_at_the_fifth_step)
    with pytest.raises(KeyboardInterrupt):
        train_vae(data, tmp_path / "killed", VAE, QUICK)
    monkeypatch.undo()
    resumed = train_vae(data, tmp_path / "killed", VAE, QUICK)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_loss_that_is_not_finite_stops_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "vae_loss", lambda *a: (torch.tensor(float("nan"), requires_grad=True), {}))
    with pytest.raises(LeadError, match="step 0"):
        train_vae(data, tmp_path, VAE, QUICK)


def test_parts_are_checked(run, tmp_path):
    with pytest.raises(LeadError, match="lead train vae DATA"):
        load_part(tmp_path / "vae.safetensors", "vae")
    with pytest.raises(LeadError, match="holds 'vae'; expected the part 'text'"):
        load_part(run / "vae.safetensors", "text")
    (tmp_path / "text.safetensors").write_bytes(b"PK\x03\x04 not this")
    with pytest.raises(LeadError, match="not a readable"):
        load_part(tmp_path / "text.safetensors", "text")
