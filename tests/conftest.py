"""Small random models and simple motions that the tests share; nothing is downloaded."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for torch, in programs that tests start too: a worker has one core

import pytest
import stand_in_hub
import torch
from stand_in_hub import Hub, running_hub
from walks import synthesize_walk

from benchmarks.pack import has_pack, pack_folder
from lead.motion import Motion


@pytest.fixture(scope="session")
def pack() -> Path:
    """The development pack's folder; tests that need real motion are skipped without it."""
    if not has_pack():
        pytest.skip(f"no motion pack: set LEAD_DATA (now {os.environ.get('LEAD_DATA', 'unset')!r})")
    return pack_folder()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Each test draws the same numbers, whichever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """accelerate keeps one precision a process; each test may choose its own."""
    yield
    if "accelerate.state" in sys.modules:
        sys.modules["accelerate.state"].AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def library_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a library of its own, empty; the user's is never touched."""
    folder = tmp_path / "library"
    monkeypatch.setenv("LEAD_CONCEPTS", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in of the model hub, logged in; a connection to any other machine fails."""
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"), f"a connection to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # which needs a server of its own
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", stand_in_hub.TOKEN)
        yield hub


@pytest.fixture
def quick_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Styles are calibrated on fewer and shorter motions, where a test is about something else."""
    monkeypatch.setattr("inversion.calibration.EACH", 1)
    monkeypatch.setattr("inversion.calibration.SECONDS", 1.0)


@pytest.fixture
def set_threads():
    """A function that sets torch's threads; they are what they were after the test."""
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def walk() -> Motion:
    return synthesize_walk()


@pytest.fixture(scope="session")
def tiny_base():
    """A base with random weights, small enough for any test, optimized as `Lead.load` does; treat it as read-only."""
    import torch

    from lead.base_file import LeadConfig
    from lead.kernels import optimize
    from lead.model import Lead
    from lead.networks.denoiser import DenoiserConfig
    from lead.networks.projector import ProjectorConfig
    from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
    from lead.networks.vae import VAEConfig
    from lead.text.tower import TextConfig

    torch.manual_seed(0)
    size = {"width": 32, "layers": 1, "heads": 2}
    config = LeadConfig(
        "tiny", "Apache-2.0",
        TextConfig(width=32, layers=1, heads=2, d_text=24, context=77, merges=300),
        VAEConfig(**size, ff=64, d_latent=8),
        DenoiserConfig(d_latent=8, d_text=24, width=32, layers=3, heads=2, ff=64),
        ProjectorConfig(d_latent=8, d_text=24, **size, ff=64),
        style_tokens=StyleTokenConfig(vectors=2, d_token=32),
    )  # fmt: skip
    base = Lead(config)
    with torch.no_grad():
        for parameter in base.denoiser.latents_out.parameters():
            parameter.normal_(std=0.05)
    vocabulary = base.text.vocabulary()
    base.style_tokens = StyleTokens.draw(config.style_tokens, vocabulary.mean, vocabulary.std)
    base.mean[:] = torch.from_numpy(synthesize_walk().features().mean(axis=0))
    base.std.fill_(0.2)
    return optimize(base.eval().requires_grad_(False))
