"""MLD with several latent tokens (MLD-2 to MLD-10): imported networks equal a plain reading of MLD's architecture.

The reference works on one clip at a time, head by head, in float64, from the checkpoint's tensors alone. It shares no
code with `lead.networks`.
"""

from math import log

import pytest
import torch
from torch.nn.functional import gelu, layer_norm, silu

from lead.checkpoint import build, load_part
from lead.diffusion import Diffusion, guide, sample
from lead.kernels import optimize
from lead.model import Lead
from lead.networks.build import build_denoiser, build_vae, denoiser_config, vae_config
from lead.networks.mld import MLD_DIFFUSION, MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig
from lead.text.tower import TextConfig, TextTower
from lead.train.assemble import assemble
from lead.train.import_mld import import_mld
from lead.train.stage import TrainConfig
from lead.train.stages.projector import fit_projector, load_frozen, match_config

HEADS, WIDTH, TEXT, LAYERS = 4, 16, 24, 5
TOWER = TextConfig(width=32, layers=1, heads=2, d_text=TEXT, merges=300)
SIZES = {"d_latent": WIDTH, "layers": LAYERS, "heads": HEADS, "ff": 32, "positions": 300}


def make_checkpoint(latents: int) -> dict[str, torch.Tensor]:
    """A state dict as MLD's trainer saves it; every number is drawn, so that no bias or norm is trivial."""
    torch.manual_seed(latents)
    vae = MldVAE(MldVAEConfig(**SIZES, latents=latents)).state_dict()
    denoiser = MldDenoiser(MldDenoiserConfig(d_text=TEXT, **SIZES)).state_dict()
    tensors = {f"vae.{name}": value for name, value in vae.items() if name != "latent_scale"}
    tensors |= {f"denoiser.{name}": value for name, value in denoiser.items()}
    return {name: value + 0.2 * torch.randn_like(value) for name, value in tensors.items()}


class Reference:
    """MLD's networks from a checkpoint's tensors: `latent_dim: [n, width]` of its config."""

    def __init__(self, tensors: dict[str, torch.Tensor], n: int):
        self.tensors, self.n = {name: value.double() for name, value in tensors.items()}, n

    def linear(self, x, name):
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, x, name):
        return layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def attend(self, x, memory, name):
        weight, bias = self.tensors[f"{name}.in_proj_weight"], self.tensors[f"{name}.in_proj_bias"]
        maps = list(zip(weight.chunk(3), bias.chunk(3), strict=True))
        q, k, v = (source @ w.T + b for source, (w, b) in zip((x, memory, memory), maps, strict=True))
        size = x.shape[-1] // HEADS
        mixed = []
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / size**0.5
            mixed.append(scores.softmax(-1) @ v[:, part])
        return self.linear(torch.cat(mixed, -1), f"{name}.out_proj")

    def layer(self, x, memory, name):
        x = self.norm(x + self.attend(x, x, f"{name}.self_attn"), f"{name}.norm1")
        last = "norm2"
        if memory is not None:
            x = self.norm(x + self.attend(x, memory, f"{name}.multihead_attn"), f"{name}.norm2")
            last = "norm3"
        fed = self.linear(gelu(self.linear(x, f"{name}.linear1")), f"{name}.linear2")
        return self.norm(x + fed, f"{name}.{last}")

    def transformer(self, x, name, memory=None):
        kept = []
        for block in range(LAYERS // 2):
            x = self.layer(x, memory, f"{name}.input_blocks.{block}")
            kept.append(x)
        x = self.layer(x, memory, f"{name}.middle_block")
        for block in range(LAYERS // 2):
            x = self.linear(torch.cat([x, kept[-1 - block]], -1), f"{name}.linear_blocks.{block}")
            x = self.layer(x, memory, f"{name}.output_blocks.{block}")
        return self.norm(x, f"{name}.norm")

    def place(self, x, name):
        return x + self.tensors[f"{name}.pe"][: len(x), 0]

    def encode(self, features):
        """Means [n, width] and log-variances [n, width] of one clip [frames, 263]."""
        frames = self.linear(features.double(), "vae.skel_embedding")
        x = self.place(torch.cat([self.tensors["vae.global_motion_token"], frames]), "vae.query_pos_encoder")
        x = self.transformer(x, "vae.encoder")
        return x[: self.n], x[self.n : 2 * self.n]

    def decode(self, z, frames):
        """Features [frames, 263] of one clip's latents [n, width]."""
        queries = self.place(torch.zeros(frames, WIDTH).double(), "vae.query_pos_decoder")
        return self.linear(self.transformer(queries, "vae.decoder", z.double()), "vae.final_layer")

    def denoise(self, z, t, text):
        """The prediction [n, width] for one clip at time t under a text feature [d_text]."""
        angles = t * torch.exp(-log(10000) * torch.arange(TEXT // 2).double() / (TEXT // 2))
        time = self.linear(torch.cat([angles.cos(), angles.sin()]), "denoiser.time_embedding.linear_1")
        time = self.linear(silu(time), "denoiser.time_embedding.linear_2")
        words = self.linear(text.double().relu(), "denoiser.emb_proj.1")
        x = self.place(torch.cat([z.double(), time[None], words[None]]), "denoiser.query_pos")
        return self.transformer(x, "denoiser.encoder")[: self.n]


def import_networks(tensors, tmp_path, fast=False):
    """The VAE and the denoiser as `import_mld` writes them and as a base reads them."""
    torch.save({"state_dict": tensors}, tmp_path / "x.ckpt")
    import_mld(tmp_path / "x.ckpt", tmp_path / "run", TextTower(TOWER))
    made = []
    for part, config, network in (("vae", vae_config, build_vae), ("denoiser", denoiser_config, build_denoiser)):
        weights, values = load_part(tmp_path / "run" / f"{part}.safetensors", part)
        made.append(build(lambda v, c=config, b=network: b(c(v)), values, weights, part).eval().requires_grad_(False))
    return tuple(map(optimize, made)) if fast else tuple(made)


def assert_equal(ours, reference):
    torch.testing.assert_close(ours.double(), reference, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("latents", [1, 2, 5, 7, 10])
@torch.no_grad()
def test_outputs_are_mlds(latents, fast, tmp_path):
    tensors = make_checkpoint(latents)
    vae, denoiser = import_networks(tensors, tmp_path, fast)
    assert vae.config.latents == denoiser.config.latents == latents
    reference = Reference(tensors, latents)
    features, lengths = torch.randn(3, 60, 263), torch.tensor([60, 24, 41])
    z, text = torch.randn(3, latents, WIDTH), torch.randn(3, TEXT)
    mu, log_variance = vae.encode(features, lengths)
    decoded = vae.decode(z, lengths)
    assert mu.shape == (3, latents, WIDTH) and vae.latent_lengths(lengths).tolist() == [latents] * 3
    predicted = denoiser(z, torch.full((3,), 421), text, lengths)
    conditioned = denoiser.condition(text, lengths, torch.tensor([421, 17]))
    for t in (421, 17, 421):
        shared = conditioned(z, torch.full((3,), t)).clone()
        for row in range(3):
            assert_equal(shared[row], reference.denoise(z[row], t, text[row]))
    for row, frames in enumerate(lengths.tolist()):
        mean, variance = reference.encode(features[row, :frames])
        assert_equal(mu[row], mean)
        assert_equal(log_variance[row], variance)
        assert_equal(decoded[row, :frames], reference.decode(z[row], frames))
        assert not decoded[row, frames:].any()
        assert_equal(predicted[row], reference.denoise(z[row], 421, text[row]))


@torch.no_grad()
def test_a_sample_is_mlds(tmp_path):
    """Guided DDIM of MLD-7 to features: MLD's loop, written out for one clip."""
    tensors, n, steps, guidance = make_checkpoint(7), 7, 5, 7.5
    _, denoiser = import_networks(tensors, tmp_path, fast=True)
    reference, diffusion = Reference(tensors, n), Diffusion(MLD_DIFFUSION)
    noise, lengths = torch.randn(1, n, WIDTH), torch.tensor([40])
    text, empty = torch.randn(2, 1, TEXT)
    times = diffusion.sampling_times(steps)[:-1]

    def condition(texts, lengths):
        return denoiser.condition(texts, lengths, times)

    z = sample(diffusion, guide(condition, text, empty, lengths, guidance), noise, steps)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).double() ** 2
    alpha_bar = torch.cumprod(1 - betas, 0)
    expected = noise[0].double()
    for t in times.tolist():
        plain, conditioned = reference.denoise(expected, t, empty[0]), reference.denoise(expected, t, text[0])
        epsilon = plain + guidance * (conditioned - plain)
        before = t - 1000 // steps
        now, then = alpha_bar[t], alpha_bar[before] if before >= 0 else alpha_bar[0]
        clean = (expected - (1 - now).sqrt() * epsilon) / now.sqrt()
        expected = then.sqrt() * clean + (1 - then).sqrt() * epsilon
    torch.testing.assert_close(z[0].double(), expected, atol=1e-3, rtol=1e-3)


def test_a_base_of_several_latents_learns_and_generates(data, tmp_path):
    """From a checkpoint to a base in one run folder; every latent token counts in the projector."""
    torch.save({"state_dict": make_checkpoint(3)}, tmp_path / "x.ckpt")
    run = tmp_path / "run"
    import_mld(tmp_path / "x.ckpt", run, TextTower(TOWER))
    frozen = load_frozen(data, run)
    assert match_config(frozen).latents == 3 and frozen.latents.val.mu.shape[1] == 3
    fit_projector(frozen, run, None, TrainConfig(steps=2, batch=4, precision="no"))
    base = Lead.load(assemble(data, run, "mld-3", "").save(tmp_path / "base.safetensors"))
    assert base.config.vae.latents == base.config.denoiser.latents == base.config.projector.latents == 3
    z, lengths = torch.randn(2, 3, WIDTH), torch.tensor([40, 16])
    assert base.projector.mask(lengths, 3).all()
    realigned = base.projector.realign(z, lengths)
    assert not torch.equal(base.projector.realign(z * torch.tensor([1.0, 1.0, 0.0])[None, :, None], lengths), realigned)
    (motion,) = base.generate("a person walks", seconds=2.0, steps=3)
    assert motion.joints.shape == (40, 22, 3)
