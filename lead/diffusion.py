"""The mathematics of latent diffusion: the noise schedule, what the network predicts, and the sampler.

Symbols: z_0 a clean latent, z_t = sqrt(alpha_bar_t) z_0 + sqrt(1 - alpha_bar_t) eps the noised one, t in 0..999,
v = sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) z_0 (Salimans & Ho, arXiv 2202.00512).
Knows nothing of networks, text and motion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class DiffusionConfig:
    steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    prediction: Literal["v", "epsilon"] = "v"
    sampling_steps: int = 10
    guidance: float = 2.0


class Diffusion:
    """MLD's schedule: betas linear in their square roots ("scaled linear")."""

    def __init__(self, config: DiffusionConfig):
        self.config = config
        c = config
        betas = torch.linspace(c.beta_start**0.5, c.beta_end**0.5, c.steps, dtype=torch.float64).square()
        self.alpha_bar = torch.cumprod(1 - betas, dim=0).float()

    def scales(self, t: Int[Tensor, "batch"]) -> tuple[Float[Tensor, "batch 1 1"], Float[Tensor, "batch 1 1"]]:
        """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t), ready to multiply latents."""
        alpha_bar = self.alpha_bar.to(t.device)[t][:, None, None]
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def noised(self, z_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """z_t."""
        signal, noise = self.scales(t)
        return signal * z_0 + noise * eps

    def target(self, z_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """What the network learns to predict from z_t."""
        if self.config.prediction == "epsilon":
            return eps
        signal, noise = self.scales(t)
        return signal * eps - noise * z_0

    def clean_and_noise(self, z_t: Tensor, t: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """The estimates of z_0 and eps that a network's output means; the inverse of `noised` and `target`."""
        signal, noise = self.scales(t)
        if self.config.prediction == "epsilon":
            return (z_t - noise * output) / signal, output
        return signal * z_t - noise * output, noise * z_t + signal * output

    def sampling_times(self, steps: int) -> Int[Tensor, "steps"]:
        """`steps` evenly spaced times from the last one down; trailing, so that sampling starts at pure noise."""
        spaced = torch.arange(steps, 0, -1, dtype=torch.float64) * (self.config.steps / steps)
        return spaced.round().long().clamp(1, self.config.steps) - 1


def ddim(
    diffusion: Diffusion,
    network: Callable[[Tensor, Tensor], Tensor],
    noise: Float[Tensor, "batch latents d_latent"],
    steps: int,
) -> Float[Tensor, "batch latents d_latent"]:
    """Deterministic DDIM (Song et al., arXiv 2010.02502, eta = 0) from noise to z_0; nothing is clipped."""
    z_t = noise
    times = diffusion.sampling_times(steps)
    for index, time in enumerate(times):
        t = time.expand(len(noise)).to(noise.device)
        clean, eps = diffusion.clean_and_noise(z_t, t, network(z_t, t))
        if index == len(times) - 1:
            return clean
        z_t = diffusion.noised(clean, times[index + 1].expand(len(noise)).to(noise.device), eps)
    raise AssertionError(f"steps={steps}: a sampler takes at least one step")


def guided(
    network: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
    text: Float[Tensor, "batch d_text"],
    unconditional: Float[Tensor, "1 d_text"],
    lengths: Int[Tensor, "batch"],
    guidance: float,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Classifier-free guidance (Ho & Salimans, arXiv 2207.12598): u + g (c - u), both in one doubled batch."""
    if guidance == 1.0:
        return lambda z_t, t: network(z_t, t, text, lengths)
    both = torch.cat([text, unconditional.expand_as(text)])
    twice = torch.cat([lengths, lengths])

    def predict(z_t: Tensor, t: Tensor) -> Tensor:
        with_text, without = network(torch.cat([z_t, z_t]), torch.cat([t, t]), both, twice).chunk(2)
        return without + guidance * (with_text - without)

    return predict
