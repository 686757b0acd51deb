"""The mathematics of latent diffusion: the noise schedule, what the network predicts, and the samplers.

Symbols: z_0 is a clean latent, eps Gaussian noise, t a time in 0..999, and z_t = sqrt(alpha_bar_t) z_0 +
sqrt(1 - alpha_bar_t) eps the noised latent; t = CLEAN means z_0 itself. The velocity is v = sqrt(alpha_bar_t) eps -
sqrt(1 - alpha_bar_t) z_0 (Salimans & Ho, arXiv 2202.00512). It knows nothing of networks, text and motion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.choices import Sampler as Sampler
from lead.errors import LeadError

CLEAN = -1
"""The time of a clean latent."""
PLACES = 1_000_003
"""Places that a seed has noise for."""

Latents = Float[Tensor, "batch latents d_latent"]
Network = Callable[[Latents, Int[Tensor, "batch"]], Latents]
"""Of z_t and t, one time per row: the prediction of v or eps."""
Steer = Callable[[Latents], Latents]
"""An estimate of the clean latent to another one, from which a sampler goes on (`lead.control`)."""


@dataclass(frozen=True)
class DiffusionConfig:
    """The noise schedule, and how latents are sampled by default."""

    steps: int = 1000
    """Noise levels."""
    beta_start: float = 0.00085
    beta_end: float = 0.012
    prediction: Literal["v", "epsilon"] = "v"
    sampling_steps: int = 10
    guidance: float = 1.5
    schedule: Literal["scaled-linear", "cosine"] = "scaled-linear"
    """Square roots of beta rise linearly (MLD's); or alpha_bar is a squared cosine, without beta_start and beta_end."""
    sampler: Sampler = "ddim"
    spacing: Literal["trailing", "leading"] = "trailing"
    """Sampling times: "trailing" from pure noise to a clean latent; "leading" (MLD's) ends at t = 0."""


class Diffusion:
    """A noise schedule, and the quantity that a network trained under it predicts."""

    def __init__(self, config: DiffusionConfig):
        self.config = config
        betas = _cosine_betas(config) if config.schedule == "cosine" else _scaled_linear_betas(config)
        if not ((betas > 0) & (betas < 1)).all():
            found = f"beta_start {config.beta_start:g} and beta_end {config.beta_end:g}"
            raise LeadError(f"found {found}, expected numbers between 0 and 1: they are shares of noise")
        self.alpha_bar = torch.cumprod(1 - betas, dim=0).float()

    def scales(self, t: Int[Tensor, "batch"]) -> tuple[Float[Tensor, "batch 1 1"], Float[Tensor, "batch 1 1"]]:
        """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t), in a shape that multiplies latents."""
        signal, noise = self._scales.to(t.device)[:, t, None, None]
        return signal, noise

    @cached_property
    def _scales(self) -> Float[Tensor, "2 levels"]:
        """`scales` of all noise levels; the last are those of CLEAN, which indexes the last."""
        alpha_bar = torch.cat([self.alpha_bar, torch.ones_like(self.alpha_bar[:1])])
        return torch.stack([alpha_bar.sqrt(), (1 - alpha_bar).sqrt()])

    def add_noise(self, z_0: Latents, t: Int[Tensor, "batch"], eps: Latents) -> Latents:
        """z_t, of a clean latent and noise."""
        signal, noise = self.scales(t)
        return signal * z_0 + noise * eps

    def target(self, z_0: Latents, t: Int[Tensor, "batch"], eps: Latents) -> Latents:
        """What the network learns to predict from z_t: v or eps."""
        if self.config.prediction == "epsilon":
            return eps
        signal, noise = self.scales(t)
        return signal * eps - noise * z_0

    def clean_and_noise(self, z_t: Latents, t: Int[Tensor, "batch"], output: Latents) -> tuple[Latents, Latents]:
        """The estimates of z_0 and eps that follow from a network's output; the inverse of `add_noise` and `target`."""
        signal, noise = self.scales(t)
        if self.config.prediction == "epsilon":
            return (z_t - noise * output) / signal, output
        return signal * z_t - noise * output, noise * z_t + signal * output

    def ddim_step(
        self, z_t: Latents, output: Latents, scales: tuple[float, float], next_scales: tuple[float, float]
    ) -> Latents:
        """z_next = next_signal z_0 + next_noise eps, of the estimates of z_0 and eps, in few operations.

        `scales` are those of this time and `next_scales` those of the next one.
        """
        (signal, noise), (next_signal, next_noise) = scales, next_scales
        if self.config.prediction == "epsilon":
            return torch.sub(z_t, output, alpha=noise).mul_(next_signal / signal).add_(output, alpha=next_noise)
        z_share, output_share = next_signal * signal + next_noise * noise, next_noise * signal - next_signal * noise
        return (z_share * z_t).add_(output, alpha=output_share)

    def sampling_times(self, steps: int) -> Int[Tensor, "times"]:
        """`steps` evenly spaced, falling times at which a sampler evaluates the network; then the time of its result.

        LeadError unless 1 <= steps < the number of noise levels.
        """
        total = self.config.steps
        if not 1 <= steps < total:
            raise LeadError(f"{steps} sampling steps; expected 1 to {total - 1}: the base has {total} noise levels")
        if self.config.spacing == "leading":
            return torch.cat([torch.arange(steps).flip(0) * (total // steps) + 1, torch.tensor([0])])
        spaced = torch.arange(steps, 0, -1, dtype=torch.float64) * (total / steps)
        return torch.cat([spaced.round().long().clamp(1, total) - 1, torch.tensor([CLEAN])])


def _scaled_linear_betas(config: DiffusionConfig) -> Float[Tensor, "steps"]:
    c = config
    return torch.linspace(c.beta_start**0.5, c.beta_end**0.5, c.steps, dtype=torch.float64, device="cpu").square()


def _cosine_betas(config: DiffusionConfig) -> Float[Tensor, "steps"]:
    """The betas of alpha_bar_t = f(t) / f(0), f(t) = cos^2((t / T + s) / (1 + s) * pi / 2), s = 0.008; at most 0.999.

    Nichol & Dhariwal, arXiv 2102.09672, Eq. 17.
    """
    t = torch.arange(config.steps + 1, dtype=torch.float64, device="cpu") / config.steps
    f = torch.cos((t + 0.008) / 1.008 * torch.pi / 2).square()
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


def sample(
    diffusion: Diffusion,
    network: Network,
    noise: Latents,
    steps: int,
    sampler: str | None = None,
    skip: int = 0,
    steer: Steer | None = None,
) -> Latents:
    """Latents from noise, by the named sampler or else by the config's; LeadError for an unknown name.

    With `skip` the first so many of the steps are left out; `noise` is then z_t at the next time. `steer` changes each
    step's estimate of the clean latent.
    """
    name = sampler or diffusion.config.sampler
    if name not in get_args(Sampler):
        raise LeadError(f"there is no sampler {name!r}; choose one of {', '.join(get_args(Sampler))}")
    return {"ddim": ddim, "dpm++": dpm_solver}[name](diffusion, network, noise, steps, skip, steer)


def ddim(
    diffusion: Diffusion, network: Network, noise: Latents, steps: int, skip: int = 0, steer: Steer | None = None
) -> Latents:
    """Deterministic DDIM (Song et al., arXiv 2010.02502, eta = 0), of first order; nothing is clipped."""
    z_t, times = noise, diffusion.sampling_times(steps)[skip:].to(noise.device)
    scales = zip(*(part.flatten().tolist() for part in diffusion.scales(times)), strict=True)
    for t, (current, following) in zip(times[:, None].expand(-1, len(noise)), pairwise(scales), strict=False):
        output = network(z_t, t)
        if steer is None:
            z_t = diffusion.ddim_step(z_t, output, current, following)
            continue
        clean, eps = diffusion.clean_and_noise(z_t, t, output)
        z_t = following[0] * steer(clean) + following[1] * eps
    return z_t


def dpm_solver(
    diffusion: Diffusion, network: Network, noise: Latents, steps: int, skip: int = 0, steer: Steer | None = None
) -> Latents:
    """DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2), multistep, of second order; nothing is clipped.

    With lambda = log(alpha / sigma), h its change over a step, and D the value, half a step ahead, of the line through
    the last two estimates of z_0: z_next = sigma_next / sigma z - alpha_next (e^-h - 1) D.
    The first step has only one estimate. The last step uses its own estimate alone, since lambda may end at infinity.
    """
    z_t, before, h_before = noise, None, torch.ones(())
    times = diffusion.sampling_times(steps)[skip:, None].expand(-1, len(noise)).to(noise.device)
    for index, (t, t_next) in enumerate(pairwise(times)):
        clean, _ = diffusion.clean_and_noise(z_t, t, network(z_t, t))
        clean = clean if steer is None else steer(clean)
        (alpha, sigma), (alpha_next, sigma_next) = diffusion.scales(t), diffusion.scales(t_next)
        decay = sigma_next * alpha / (sigma * alpha_next)  # e^-h
        h = -decay.log()
        estimate = clean
        if before is not None and index < len(times) - 2:
            estimate = clean + h / (2 * h_before) * (clean - before)
        z_t = sigma_next / sigma * z_t + alpha_next * (1 - decay) * estimate
        before, h_before = clean, h
    return z_t


def guide(
    condition: Callable[[Float[Tensor, "rows d_text"], Int[Tensor, "rows"]], Network],
    text: Float[Tensor, "batch d_text"],
    unconditional: Float[Tensor, "1 d_text"],
    lengths: Int[Tensor, "batch"],
    guidance: float,
) -> Network:
    """Classifier-free guidance (Ho & Salimans, arXiv 2207.12598): u + g (c - u), both in one doubled batch.

    `condition` gives the network for text features and lengths; g = 1 is the network without guidance.
    """
    if guidance == 1.0:
        return condition(text, lengths)
    both = condition(torch.cat([text, unconditional.expand_as(text)]), torch.cat([lengths, lengths]))

    def predict(z_t: Latents, t: Int[Tensor, "batch"]) -> Latents:
        with_text, without = both(torch.cat([z_t, z_t]), torch.cat([t, t])).chunk(2)
        return torch.lerp(without, with_text, guidance)

    return predict


def list_draws(seed: int | Sequence[int], count: int, first: int = 0) -> list[int]:
    """A seed of the noise for each row: of `seed` and the row's place, which starts at `first`; or of its own seed."""
    if isinstance(seed, int):
        return [seed * PLACES + first + row for row in range(count)]
    return [own * PLACES for own in seed[first : first + count]]


def draw_noise(
    counts: Int[Tensor, " batch"], d_latent: int, draws: Sequence[int], tries: int = 1
) -> Float[Tensor, "rows latents d_latent"]:
    """Noise for each row of so many latents from its own seed, padded with zeros, on the CPU.

    With `tries` a row has so many, one after the other; its first one is the same as alone.
    """
    noise = torch.zeros(len(counts), tries, int(counts.max()), d_latent)
    for row, (count, draw) in enumerate(zip(counts.tolist(), draws, strict=True)):
        generator = torch.Generator().manual_seed(draw)
        for own in noise[row]:
            own[:count] = torch.randn(count, d_latent, generator=generator)
    return noise.flatten(0, 1)
