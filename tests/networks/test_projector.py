"""The projector's variants and its losses: each does what its name says."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import log_softmax, normalize, softplus

from lead.checkpoint import load_part
from lead.diffusion import Diffusion, DiffusionConfig
from lead.networks.denoiser import Denoiser, DenoiserConfig
from lead.networks.projector import Projector, ProjectorConfig, alignment_loss, contrastive_loss
from lead.networks.vae import MotionVAE, VAEConfig
from lead.train.latents import LatentClips, Latents
from lead.train.stage import TrainConfig
from lead.train.stages.projector import (
    Frozen,
    ProjectorLoss,
    estimate_latents,
    fit_projector,
    match_config,
    projector_loss,
)

TINY = ProjectorConfig(d_latent=8, d_text=12, width=32, layers=1, heads=2, ff=64)
LENGTHS = torch.tensor([64, 16, 33])


def projector(**changes) -> Projector:
    torch.manual_seed(0)
    return Projector(replace(TINY, **changes)).eval()


@pytest.mark.parametrize("pooling", ["tokens", "clip"])
@pytest.mark.parametrize("architecture", ["transformer", "mlp"])
@pytest.mark.parametrize("linear", [False, True])
def test_padding_does_not_reach_real_tokens(architecture, pooling, linear):
    model = projector(architecture=architecture, pooling=pooling, linear=linear)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    z = torch.randn(3, 4, 8)
    other = z.clone()
    other[1, 1:] = 50.0
    alone = model.realign(z[1:2, :1], LENGTHS[1:2])
    torch.testing.assert_close(model.realign(other, LENGTHS)[1, :1], alone[0], atol=1e-4, rtol=1e-3)


def test_an_mlp_sees_each_token_by_itself_with_as_many_parameters():
    mlp, transformer = projector(architecture="mlp"), projector()
    z = torch.randn(1, 4, 8)
    other = z.clone()
    other[0, 3] += 1.0
    for model, alike in ((mlp, True), (transformer, False)):
        first, second = model.encode(z, LENGTHS[:1]), model.encode(other, LENGTHS[:1])
        assert torch.allclose(first[0, :3], second[0, :3], atol=1e-6) == alike
    counts = [sum(p.numel() for p in model.parameters()) for model in (mlp, transformer)]
    assert counts[0] == pytest.approx(counts[1], rel=0.02)


def test_a_clips_vector_is_all_that_the_bottleneck_lets_through():
    model = projector(pooling="clip")
    z = torch.randn(3, 4, 8)
    z_proj = model.encode(z, LENGTHS)
    torch.testing.assert_close(z_proj[2], z_proj[2, :1].expand(4, -1))
    torch.testing.assert_close(model.pool(z_proj, LENGTHS), z_proj[:, 0])
    z_hat = model.decode(z_proj, LENGTHS)
    assert not torch.allclose(z_hat[0, 0], z_hat[0, 1])  # positions tell the tokens apart
    other = model.decode(z_proj[:1], torch.tensor([60]))
    assert not torch.allclose(z_hat[0, 0], other[0, 0])  # and the length is told in frames


@pytest.mark.parametrize("d_text", [12, 8])
def test_the_linear_map_starts_without_loss_and_keeps_distances(d_text):
    model = projector(linear=True, d_text=d_text)
    z = torch.randn(3, 4, 8)
    z_proj = model.encode(z, LENGTHS)
    torch.testing.assert_close(model.decode(z_proj, LENGTHS), z, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close((z_proj[0, 0] - z_proj[0, 1]).norm(), (z[0, 0] - z[0, 1]).norm())


def test_contrastive_loss_is_info_nce_both_ways():
    pooled, text = torch.randn(5, 6), torch.randn(5, 6)
    similarity = normalize(pooled, dim=-1) @ normalize(text, dim=-1).T / 0.1
    expected = -0.5 * (log_softmax(similarity, 1).diagonal() + log_softmax(similarity, 0).diagonal()).mean()
    torch.testing.assert_close(contrastive_loss(pooled, text), expected)


def test_equal_captions_are_no_negatives():
    pooled, text = torch.randn(3, 6), torch.randn(3, 6)
    text[1] = text[0]  # so clips 0 and 1 have clip 2 as their only negative
    s = normalize(pooled, dim=-1) @ normalize(text, dim=-1).T / 0.1
    by_clip = torch.stack([softplus(s[0, 2] - s[0, 0]), softplus(s[1, 2] - s[1, 1]), s[2].logsumexp(0) - s[2, 2]])
    by_caption = torch.stack([softplus(s[2, 0] - s[0, 0]), softplus(s[2, 1] - s[1, 1]), s[:, 2].logsumexp(0) - s[2, 2]])
    torch.testing.assert_close(contrastive_loss(pooled, text), 0.5 * (by_clip + by_caption).mean())
    assert contrastive_loss(pooled[:2], text[:2]).item() == pytest.approx(0, abs=1e-6)


@pytest.fixture
def frozen():
    """Ten random clips of two latents, every second one captioned, and a denoiser that predicts v = 0."""
    torch.manual_seed(0)
    mu, lengths = torch.randn(10, 2, 8), torch.full((10,), 32)
    texts = tuple((1 + row,) if row % 2 else () for row in range(10))
    clips = LatentClips(mu, torch.full_like(mu, 0.1), lengths, texts, torch.full((10,), 0.1), torch.full((10,), 2))
    table = torch.cat([torch.zeros(1, 12), torch.randn(10, 12)])
    vae = MotionVAE(VAEConfig(width=32, layers=1, heads=2, ff=64, d_latent=8))

    class Silent(Denoiser):
        def forward(self, z_t, t, text, lengths):
            return torch.zeros_like(z_t)

    denoiser = Silent(DenoiserConfig(d_latent=8, d_text=12, width=32, layers=1, heads=2, ff=64))
    return Frozen(Latents((clips,), clips, table, "made-up"), vae, denoiser, Diffusion(DiffusionConfig()))


def test_denoised_latents_are_the_denoisers_estimates(frozen):
    z = torch.randn(500, 2, 8)
    seen = estimate_latents(frozen, z, torch.full((500,), 32), torch.zeros(500, 12), torch.Generator().manual_seed(0))
    # with v = 0 the estimate is signal * z_t = signal^2 z + signal * noise * eps
    draws = torch.Generator().manual_seed(0)
    t = torch.randint(1000, (500,), generator=draws)
    eps = torch.randn(z.shape, generator=draws)
    signal, noise = frozen.diffusion.scales(t)
    torch.testing.assert_close(seen, signal * (signal * z + noise * eps))


@pytest.mark.parametrize(
    "loss", [{}, {"alignment": "contrastive"}, {"latents": "denoised"}, {"align": 0.0, "var": 0.0}]
)
def test_every_loss_trains(frozen, loss, tmp_path):
    weights = ProjectorLoss(**loss)
    config = replace(TINY, linear=True)
    assert match_config(frozen) == ProjectorConfig(d_latent=8, d_text=12, linear=True)
    train = TrainConfig(steps=60, batch=8, lr=3e-3, warmup=5, ema=0.9, val_every=60, precision="no")
    trained = fit_projector(frozen, tmp_path, config, train, weights)
    torch.manual_seed(0)
    start = Projector(config)
    clips = frozen.latents.val
    text = frozen.latents.table[[rows[0] if rows else 0 for rows in clips.texts]]
    captioned = torch.tensor([bool(rows) for rows in clips.texts])
    before, after = (
        projector_loss(model, clips.mu, clips.lengths, text, captioned, weights)[1] for model in (start, trained)
    )
    assert after["rec"] < 0.1
    assert (after["align"] < 0.8 * before["align"]) == (weights.align > 0)
    assert load_part(tmp_path / "projector.safetensors", "projector")[1]["linear"] is True


def test_alignment_asks_for_direction_alone():
    text = torch.randn(3, 12)
    assert alignment_loss(3 * text, text).item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(-text, text).item() == pytest.approx(2, abs=1e-6)


def test_clips_without_captions_count_in_the_other_losses():
    model, z = projector(), torch.randn(3, 4, 8)
    _, parts = projector_loss(model, z, LENGTHS, torch.zeros(3, 12), torch.zeros(3, dtype=torch.bool), ProjectorLoss())
    assert parts["align"] == 0 and parts["rec"] > 0 and parts["var"] > 0
