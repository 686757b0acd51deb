"""Schedules and samplers against closed forms: for a Gaussian target the exact denoiser and path are known."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lead.diffusion import CLEAN, Diffusion, DiffusionConfig, ddim, dpm_solver, sample
from lead.errors import LeadError
from lead.networks.mld import MLD_DIFFUSION

FINE = DiffusionConfig(steps=100_000, beta_start=8.5e-6, beta_end=1.2e-4)
"""MLD's schedule in steps a hundred times finer, so that times can stand where a test wants them."""


class EvenInLambda(Diffusion):
    """Times evenly spaced in lambda = log(alpha / sigma), float64."""

    def __init__(self, config):
        super().__init__(config)
        self.alpha_bar = self.alpha_bar.double()

    def sampling_times(self, steps):
        half_log_odds = 0.5 * torch.logit(self.alpha_bar).flip(0)
        wanted = torch.linspace(*half_log_odds[[1000, -1000]], steps + 1, dtype=torch.float64)
        return len(half_log_odds) - 1 - torch.searchsorted(half_log_odds, wanted)


def gaussian(diffusion, mean, std):
    """The exact denoiser of z_0 ~ N(mean, std^2), as the network's output, and the exact end of the path from z."""

    def network(z_t, t):
        alpha, sigma = diffusion.scales(t)
        variance = (alpha * std).square() + sigma.square()
        clean = mean + alpha * std.square() / variance * (z_t - alpha * mean)
        return diffusion.target(clean, t, (z_t - alpha * clean) / sigma)

    def end(z, steps):
        times = diffusion.sampling_times(steps)[[0, -1], None].expand(-1, len(z))
        (alpha, sigma), (alpha_end, sigma_end) = (diffusion.scales(t) for t in times)
        spread, spread_end = ((a * std).square() + s.square() for a, s in ((alpha, sigma), (alpha_end, sigma_end)))
        return alpha_end * mean + (spread_end / spread).sqrt() * (z - alpha * mean)

    return network, end


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (dpm_solver, 2)])
@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_errors_fall_with_the_order_of_the_sampler(sampler, order, prediction):
    diffusion = EvenInLambda(DiffusionConfig(**{**vars(FINE), "prediction": prediction}))
    generator = torch.Generator().manual_seed(0)
    mean, std, z = torch.randn(3, 4, 2, 5, generator=generator, dtype=torch.float64)
    network, end = gaussian(diffusion, mean, std.abs() + 0.2)
    steps = (40, 80, 160)
    errors = [(sampler(diffusion, network, z, n) - end(z, n)).abs().mean().log2() for n in steps]
    for coarse, fine in pairwise(errors):
        assert (coarse - fine).item() == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(
    ("spacing", "schedule"), [("trailing", "scaled-linear"), ("trailing", "cosine"), ("leading", "scaled-linear")]
)
def test_second_order_is_nearer_at_few_steps(spacing, schedule):
    diffusion = Diffusion(DiffusionConfig(spacing=spacing, schedule=schedule))
    torch.manual_seed(0)
    mean, std, z = torch.randn(3, 8, 2, 5)
    network, end = gaussian(diffusion, mean, std.abs() + 0.2)
    first, second = ((sampler(diffusion, network, z, 10) - end(z, 10)).abs().mean() for sampler in (ddim, dpm_solver))
    assert second < 0.8 * first


@pytest.mark.parametrize("sampler", ["ddim", "dpm++"])
@pytest.mark.parametrize("prediction", ["v", "epsilon"])
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_a_perfect_network_gives_the_latent(sampler, prediction, steps):
    diffusion = Diffusion(DiffusionConfig(prediction=prediction, sampler=sampler))
    z_0 = torch.randn(4, 3, 5)

    def perfect(z_t, t):
        signal, noise = diffusion.scales(t)
        return diffusion.target(z_0, t, (z_t - signal * z_0) / noise)

    torch.testing.assert_close(sample(diffusion, perfect, torch.randn_like(z_0), steps), z_0, atol=1e-3, rtol=1e-3)


def test_cosine_schedule_is_the_papers():
    t = np.arange(1, 1001) / 1000
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    alpha_bar = Diffusion(DiffusionConfig(schedule="cosine")).alpha_bar.numpy()
    np.testing.assert_allclose(alpha_bar[:-1], f[:-1], rtol=1e-5)
    assert 0 < alpha_bar[-1] < 1e-5


def test_sampling_times():
    trailing = Diffusion(DiffusionConfig()).sampling_times(4).tolist()
    assert trailing == [999, 749, 499, 249, CLEAN]
    leading = Diffusion(MLD_DIFFUSION).sampling_times(50).tolist()
    assert leading == [*range(981, 0, -20), 0]
    for steps in (0, 1000):
        with pytest.raises(LeadError, match=f"{steps} sampling steps; expected 1 to 999"):
            Diffusion(DiffusionConfig()).sampling_times(steps)


def test_an_unknown_sampler_is_named():
    with pytest.raises(LeadError, match=r"no sampler 'euler'; choose one of ddim, dpm\+\+"):
        sample(Diffusion(DiffusionConfig()), lambda z, t: z, torch.zeros(1, 1, 1), 5, "euler")


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_a_step_of_ddim_mixes_the_estimates_anew(prediction):
    diffusion = Diffusion(DiffusionConfig(prediction=prediction))
    z, output = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    for now, then in ((999, 899), (99, CLEAN), (500, 1)):
        times = [torch.full((len(z),), t) for t in (now, then)]
        clean, eps = diffusion.clean_and_noise(z, times[0], output)
        scales = [tuple(float(part[0]) for part in diffusion.scales(t)) for t in times]
        stepped = diffusion.ddim_step(z, output, *scales)
        torch.testing.assert_close(stepped, diffusion.add_noise(clean, times[1], eps), atol=1e-5, rtol=1e-5)
