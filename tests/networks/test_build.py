"""The networks' contracts: shapes, masks, inverse pairs, and the mathematics against naive references."""

import numpy as np
import pytest
import torch

from lead.differentiable import features_to_joints
from lead.diffusion import Diffusion, DiffusionConfig, ddim, guide
from lead.motion import features_to_joints as features_to_joints_numpy
from lead.networks.denoiser import Denoiser, DenoiserConfig
from lead.networks.layers import Transformer, lengths_to_mask, masked_mean
from lead.networks.projector import Projector, ProjectorConfig, alignment_loss, variance_loss
from lead.networks.vae import MotionVAE, VAEConfig

SMALL = {"width": 32, "layers": 2, "heads": 2, "ff": 64}


def test_torch_joints_equal_numpys(walk):
    features = torch.from_numpy(np.stack([walk.features()] * 2))
    np.testing.assert_allclose(features_to_joints(features), features_to_joints_numpy(features.numpy()), atol=1e-4)


def test_masked_mean_is_over_real_tokens():
    values, lengths = torch.randn(3, 5, 7), torch.tensor([5, 2, 1])
    expected = torch.cat([values[row, :length].flatten() for row, length in enumerate(lengths)]).mean()
    torch.testing.assert_close(masked_mean(values, lengths_to_mask(lengths, 5)), expected)


@pytest.mark.parametrize("skips", [False, True])
def test_padding_does_not_reach_real_tokens(skips):
    transformer = Transformer(32, 5, 2, 64, skips=skips).eval()
    x = torch.randn(1, 6, 32)
    mask = lengths_to_mask(torch.tensor([4]), 6)
    other = x.clone()
    other[:, 4:] = 99.0
    torch.testing.assert_close(transformer(x, mask)[:, :4], transformer(other, mask)[:, :4])
    torch.testing.assert_close(transformer(x, mask)[:, :4], transformer(x[:, :4], mask[:, :4]), atol=1e-5, rtol=1e-4)


@pytest.fixture(params=[0, 6], ids=["no-seams", "seams"])
def vae(request):
    torch.manual_seed(0)
    vae = MotionVAE(VAEConfig(**SMALL, d_latent=8, seam_width=request.param)).eval()
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return vae.requires_grad_(False)


def test_vae_latents_follow_the_length(vae):
    lengths = torch.tensor([16, 20, 64])
    features = torch.randn(3, 64, 263) * lengths_to_mask(lengths, 64)[..., None]
    mu, log_variance = vae.encode(features, lengths)
    assert mu.shape == log_variance.shape == (3, 4, 8)
    assert vae.latent_lengths(lengths).tolist() == [1, 2, 4]
    decoded = vae.decode(mu, lengths)
    assert decoded.shape == (3, 64, 263) and not decoded[0, 16:].any()


def test_vae_does_not_depend_on_the_batch(vae):
    lengths = torch.tensor([20, 64])
    features = torch.randn(2, 64, 263) * lengths_to_mask(lengths, 64)[..., None]
    mu, _ = vae.encode(features, lengths)
    alone, _ = vae.encode(features[:1, :20], lengths[:1])
    torch.testing.assert_close(alone, mu[:1, :2], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(vae.decode(alone, lengths[:1]), vae.decode(mu, lengths)[:1, :20], atol=1e-4, rtol=1e-3)


def test_vae_starts_as_principal_components():
    torch.manual_seed(0)
    basis, vae = torch.randn(6, 16 * 263), MotionVAE(VAEConfig(**SMALL, d_latent=8))
    windows = torch.randn(200, 6) @ basis + 3.0
    vae.start_from_components(windows)
    features, lengths = windows[:5].reshape(5, 16, 263), torch.full((5,), 16)
    mu, log_variance = vae.encode(features, lengths)
    torch.testing.assert_close(vae.decode(mu, lengths), features, atol=0.05, rtol=0.01)
    assert (log_variance == -4).all()


@pytest.fixture(params=["v", "epsilon"])
def diffusion(request):
    return Diffusion(DiffusionConfig(prediction=request.param))


def test_schedule_is_mlds(diffusion):
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    np.testing.assert_allclose(diffusion.alpha_bar.numpy(), np.cumprod(1 - betas), rtol=1e-5)


def test_clean_and_noise_undo_noising(diffusion):
    z_0, eps, t = torch.randn(6, 3, 4), torch.randn(6, 3, 4), torch.tensor([0, 10, 300, 500, 900, 999])
    clean, noise = diffusion.clean_and_noise(diffusion.add_noise(z_0, t, eps), t, diffusion.target(z_0, t, eps))
    torch.testing.assert_close(clean, z_0, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(noise, eps, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_ddim_with_a_perfect_network_finds_the_latent(diffusion, steps):
    z_0 = torch.randn(4, 3, 5)

    def perfect(z_t, t):
        signal, noise = diffusion.scales(t)
        return diffusion.target(z_0, t, (z_t - signal * z_0) / noise)

    torch.testing.assert_close(ddim(diffusion, perfect, torch.randn_like(z_0), steps), z_0, atol=1e-3, rtol=1e-3)
    times = diffusion.sampling_times(steps)
    assert times[0] == 999 and (times.diff() < 0).all()


def test_guidance_is_linear_and_one_means_none():
    def network(text, lengths):
        return lambda z, t: z + text[:, :1, None]

    z, t, text, none = torch.randn(2, 3, 4), torch.zeros(2).long(), torch.randn(2, 6), torch.randn(1, 6)
    lengths = torch.tensor([40, 40])
    torch.testing.assert_close(guide(network, text, none, lengths, 1.0)(z, t), z + text[:, :1, None])
    u, c = none[:, :1, None], text[:, :1, None]
    torch.testing.assert_close(guide(network, text, none, lengths, 3.0)(z, t), z + u + 3 * (c - u))


def test_denoiser_ignores_padding_and_hears_the_text():
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserConfig(d_latent=8, d_text=12, width=32, layers=3, heads=2, ff=64)).eval()
    torch.nn.init.normal_(denoiser.latents_out.weight)
    z, t, lengths = torch.randn(2, 4, 8), torch.tensor([10, 900]), torch.tensor([32, 64])
    text = torch.randn(2, 12)
    out = denoiser(z, t, text, lengths)
    z[0, 2:] = 50.0
    torch.testing.assert_close(denoiser(z, t, text, lengths)[0, :2], out[0, :2])
    assert not torch.allclose(denoiser(z, t, text + 1, lengths)[1], out[1], atol=1e-3)


def test_projector_shapes_and_losses():
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig(d_latent=8, d_text=12, width=32, layers=1, heads=2, ff=64)).eval()
    z, lengths = torch.randn(3, 4, 8), torch.tensor([64, 16, 33])
    z_proj = projector.encode(z, lengths)
    assert z_proj.shape == (3, 4, 12) and projector.realign(z, lengths).shape == z.shape
    torch.testing.assert_close(projector.pool(z_proj, lengths)[1], z_proj[1, 0])
    torch.testing.assert_close(projector.pool(z_proj, lengths)[2], z_proj[2, :3].mean(0))
    text = torch.randn(3, 12)
    assert alignment_loss(3 * text, text).item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(-text, text).item() == pytest.approx(2, abs=1e-6)


def test_variance_loss_is_the_gaussian_kl():
    p, q = torch.randn(500, 3) * 2 + 1, torch.randn(500, 3)
    normal = [torch.distributions.Normal(x.mean(0), (x.var(0) + 1e-6).sqrt()) for x in (p, q)]
    expected = torch.distributions.kl_divergence(*normal).mean()
    torch.testing.assert_close(variance_loss(p, q), expected)
    assert variance_loss(p, p).item() == pytest.approx(0, abs=1e-6)
