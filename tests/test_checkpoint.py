"""Networks in files: tensors that do not fit are refused before memory is taken, and files are written whole."""

import json
import os
import resource
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from lead.checkpoint import atomic_write, build, load_part, parse_json, save_part
from lead.diffusion import Diffusion, DiffusionConfig
from lead.errors import LeadError
from lead.model import Lead
from lead.networks.vae import MotionVAE, VAEConfig

CONFIG = {"inputs": 3, "outputs": 2}


def made(config) -> nn.Module:
    return nn.Linear(config["inputs"], config["outputs"])


def test_a_network_comes_back():
    tensors = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    network = build(made, CONFIG, tensors, "it")
    assert torch.equal(network(torch.ones(1, 3)), torch.full((1, 2), 3.0))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"inputs": 2**40, "outputs": 2}, "does not know .*1099511627776 is larger than any size"),
        ({"inputs": 1024, "outputs": 1024}, r"bias is \[2\], expected \[1024\]"),
        ({"inputs": -3, "outputs": 2}, "it has a config that this version does not know"),
        ({"inputs": 3, "outputs": 0}, "outputs is 0, expected more than 0"),
        ({"inputs": 3, "outputs": 2, "guidance": float("nan")}, "guidance is nan, expected more than 0"),
        ({"inputs": 3, "outputs": 2, "part": {"sizes": [1, -2]}}, "sizes is -2, expected more than 0"),
        ({"inputs": 3}, "it has a config that this version does not know .*outputs"),
        ([3, 2], "expected a table"),
    ],
)
def test_tensors_that_do_not_fit_are_named(config, message):
    with pytest.raises(LeadError, match=message):
        build(made, config, {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, "it")


@pytest.mark.parametrize("part", ["text", "vae", "denoiser", "projector"])
@pytest.mark.parametrize("heads", [0, -1, -4, 3, 512, 2.0])
def test_heads_that_do_not_divide_the_width_are_refused(tiny_base, tmp_path, part, heads):
    """0 ended the process by SIGFPE; negative ones gave what lay in memory."""
    path = tiny_base.save(tmp_path / "base.safetensors")
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    config[part]["heads"] = heads
    save_file(tensors, path, metadata | {"config": json.dumps(config)})
    with pytest.raises(LeadError, match=r"base\.safetensors has a config that this version does not know \(.*heads"):
        Lead.load(path)


def test_noise_beyond_all_is_refused():
    with pytest.raises(LeadError, match=r"found beta_start 0.1 and beta_end 5, expected numbers between 0 and 1"):
        Diffusion(DiffusionConfig(beta_start=0.1, beta_end=5.0))


def test_missing_and_unknown_tensors_are_named():
    with pytest.raises(LeadError, match="bias is missing, expected"):
        build(made, CONFIG, {"weight": torch.ones(2, 3)}, "it")
    more = {"weight": torch.ones(2, 3), "bias": torch.zeros(2), "other": torch.zeros(1)}
    with pytest.raises(LeadError, match=r"other is \[1\], expected missing"):
        build(made, CONFIG, more, "it")


def test_wide_layers_that_are_not_there_take_no_memory():
    """A VAE that would hold gigabytes, in a file of 100 bytes."""
    config = {"width": 1024, "layers": 20, "heads": 4, "ff": 1024}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LeadError, match="does not hold the tensors"):
        build(lambda values: MotionVAE(VAEConfig(**values)), config, {"x": torch.ones(1)}, "it")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


def test_invalid_descriptions_are_refused(tmp_path):
    for text in ("", "{", "[" * 100_000, '{"a": '):
        with pytest.raises(LeadError, match="it: its description is not JSON"):
            parse_json(text, "it")
    save_file({"x": torch.ones(1)}, tmp_path / "vae.safetensors", {"part": "vae"})
    with pytest.raises(LeadError, match=r"vae\.safetensors: its description is not JSON"):
        load_part(tmp_path / "vae.safetensors", "vae")


def test_a_full_disk_leaves_the_file_of_before(tmp_path):
    """The same error as on a full disk: a file may not grow beyond a limit."""
    config = VAEConfig(width=8, layers=1, heads=2, ff=8, d_latent=4)
    path = tmp_path / "vae.safetensors"
    save_part(path, MotionVAE(config), "vae", config)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(LeadError, match=r"vae\.safetensors cannot be written: .* MB are free there"):
            save_part(path, MotionVAE(config), "vae", config)
        with (
            pytest.raises(LeadError, match=r"cannot be written: (it was cut|File too)"),
            atomic_write(tmp_path / "a.checkpoint") as partial,
        ):
            torch.save({"x": torch.ones(10_000)}, partial)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["vae.safetensors"]
    assert load_part(path, "vae")[1]["width"] == 8


def test_other_faults_leave_nothing_and_keep_their_kind(tmp_path):
    def stopped() -> None:
        with atomic_write(tmp_path / "x") as partial:
            partial.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert os.listdir(tmp_path) == []
