"""How fast generation and a training step are on a device, in float32, under autocast and compiled.

    python -m benchmarks.speed --device cuda [--rounds 5]

Figures are seconds of a whole batch on the embedded base: motions from prompts, 4 s long; and a step of training the
denoiser or the VAE (forward, backward, AdamW), 4 s long. "bfloat16" is `torch.autocast`; "compiled" is `torch.compile`
of the network's forward pass, which only training calls. The first runs, in which kernels are chosen and compiled, do
not count. Each measurement waits until the device has done its work.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch

from lead import Lead

Row = dict[str, Any]
WARM_UP = 3
SECONDS, FRAMES = 4.0, 80
BATCHES = (1, 32, 256)
GENERATION, TRAINING = ("float32", "bfloat16"), ("float32", "bfloat16", "compiled", "compiled, bfloat16")


def time_on(device: str, work: Callable[[], object], rounds: int) -> Row:
    """Median, least and greatest seconds of some work, without the first WARM_UP runs."""
    seconds = []
    for _ in range(WARM_UP + rounds):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - started)
    counted = seconds[WARM_UP:]
    return {"median": statistics.median(counted), "least": min(counted), "greatest": max(counted)}


def _wait(device: str) -> None:
    if torch.device(device).type != "cpu":
        torch.accelerator.synchronize(torch.device(device))


def _precision(device: str, way: str) -> AbstractContextManager[object]:
    return torch.autocast(torch.device(device).type, torch.bfloat16) if "bfloat16" in way else nullcontext()


def measure_generation(base: Lead, device: str, rounds: int, batches: Sequence[int] = BATCHES) -> list[Row]:
    """Seconds from prompts to motions."""
    rows = []
    for batch in batches:
        prompts = ["a person walks forward and turns around"] * batch
        for way in GENERATION:

            def work(prompts: list[str] = prompts, batch: int = batch, way: str = way) -> None:
                with _precision(device, way):
                    base.generate(prompts, seconds=SECONDS, batch=batch)

            rows.append({"what": f"generate, batch {batch}, {way}", **time_on(device, work, rounds)})
    return rows


def measure_training(
    base: Lead, device: str, rounds: int, batches: Sequence[int] = BATCHES[1:], ways: Sequence[str] = TRAINING
) -> list[Row]:
    """Seconds of a step."""
    rows = []
    for batch in batches:
        config = base.config
        lengths = torch.full((batch,), FRAMES, device=device)
        latents = int(base.vae.latent_lengths(lengths).max())
        features = torch.randn(batch, FRAMES, config.vae.features, device=device)
        z = torch.randn(batch, latents, config.vae.d_latent, device=device)
        text = torch.randn(batch, base.text.d_text, device=device)
        t = torch.randint(config.diffusion.steps, (batch,)).to(device)
        for way in ways:
            for name in ("denoiser", "VAE"):
                network: Any = deepcopy(base.denoiser if name == "denoiser" else base.vae)
                network.train().requires_grad_(True)
                optimizer = torch.optim.AdamW(network.parameters())
                forward = _forward_of(name, network)
                if "compiled" in way:
                    forward = torch.compile(forward)
                inputs = (z, t, text, lengths) if name == "denoiser" else (features, lengths)

                def step(forward: Any = forward, optimizer: Any = optimizer, way: str = way, x: Any = inputs) -> None:
                    with _precision(device, way):
                        loss = forward(*x).float().square().mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()

                rows.append({"what": f"train {name}, batch {batch}, {way}", **time_on(device, step, rounds)})
    return rows


def _forward_of(name: str, network: Any) -> Callable[..., torch.Tensor]:
    """The denoiser's forward pass, or the VAE's encode and decode."""
    if name == "denoiser":
        return lambda z, t, text, lengths: network(z, t, text, lengths)
    return lambda features, lengths: network.decode(network.encode(features, lengths)[0], lengths)


def measure_device(device: str, rounds: int) -> list[Row]:
    """All rows of a device."""
    base = Lead.load(device=device)
    return measure_generation(base, device, rounds) + measure_training(base, device, rounds)
