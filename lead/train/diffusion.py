"""The diffusion stage: the denoiser, on latents drawn from the posteriors under one of their captions.

Needs the text and the VAE stage.  Knows nothing of files' formats.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from lead.diffusion import Diffusion, DiffusionConfig
from lead.errors import LeadError
from lead.networks.build import AnyDenoiser, AnyDenoiserConfig, AnyVAE, build_denoiser
from lead.networks.denoiser import DenoiserConfig
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig, MldVAE
from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
from lead.text.tower import TextTower
from lead.train.assemble import load_tower, load_vae
from lead.train.latents import LatentBatch, Latents, latent_batch, load_latents, validation_batch
from lead.train.processes import main_first
from lead.train.stage import Stage, TrainConfig, save_part
from lead.train.vae import real_mean

DIFFUSION_TRAIN = TrainConfig(steps=6500, batch=128, lr=5e-4)
DIFFUSION_PRESETS: dict[str, tuple[AnyDenoiserConfig, TrainConfig, DiffusionConfig]] = {
    "small": (DenoiserConfig(), DIFFUSION_TRAIN, DiffusionConfig()),
    "mld": (MldDenoiserConfig(), TrainConfig(steps=20000, batch=128, lr=1e-4), MLD_DIFFUSION),
}
UNCONDITIONAL = 0.1
"""The share of training texts replaced by the empty prompt, for classifier-free guidance."""


def train_diffusion(
    data: Path,
    run: Path,
    config: AnyDenoiserConfig = DenoiserConfig(),
    train: TrainConfig = DIFFUSION_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    device: str = "cpu",
) -> AnyDenoiser:
    """MSE on what `diffusion` predicts, on latents drawn from the posteriors; means over real latent tokens only.

    The config's sizes of latents and text are the run's VAE's and text tower's.
    """
    tower, vae = load_tower(run), load_vae(run, polished=False)  # latents, and their cache, know no decoder
    if isinstance(config, MldDenoiserConfig) and not isinstance(vae, MldVAE):
        raise LeadError(f"MLD's denoiser needs MLD's VAE, {run} has another: train that with --preset mld as well")
    config = replace(config, d_latent=vae.config.d_latent, d_text=tower.d_text)
    if isinstance(config, DenoiserConfig):
        config = replace(config, frames_per_latent=vae.config.frames_per_latent)
    words = draw_style_tokens(tower, train.seed)
    with main_first(device):
        save_part(Path(run) / "manners.safetensors", words, "manners", words.config)
    latents = load_latents(data, run, vae, tower, words, device)
    return fit_denoiser(latents, vae, run, config, train, diffusion, device)


def fit_denoiser(
    latents: Latents,
    vae: AnyVAE,
    run: Path,
    config: AnyDenoiserConfig,
    train: TrainConfig = DIFFUSION_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    device: str = "cpu",
) -> AnyDenoiser:
    """`train_diffusion` on latents at hand; `run` is where the denoiser and its records go."""
    schedule, inputs = Diffusion(diffusion), {"latents": latents.fingerprint}
    torch.manual_seed(train.seed)
    stage = Stage("diffusion", build_denoiser(config), run, train, device, inputs, config=config, diffusion=diffusion)
    val = validation_batch(latents)
    for step in stage.steps():
        batch = latent_batch(latents.sources[:2], latents.table, train, step)
        t = torch.randint(diffusion.steps, (train.batch,), generator=stage.draws)
        eps = torch.randn(batch.z.shape, generator=stage.draws)
        dropped = torch.rand(train.batch, generator=stage.draws) < UNCONDITIONAL
        text = torch.where(dropped[:, None], latents.table[0], batch.text)
        rows = [*stage.share(batch.z, batch.lengths, text, t, eps), batch.lengths.to(stage.device)]
        with stage.accelerator.autocast():
            loss = denoising_loss(stage.model, schedule, vae, *rows)
        stage.update(loss, {})
        stage.validate(lambda denoiser: {"val_loss": validation_loss(denoiser, schedule, vae, val)})
    return stage.finish("denoiser", config)


def denoising_loss(
    denoiser: AnyDenoiser,
    schedule: Diffusion,
    vae: AnyVAE,
    z: Tensor,
    lengths: Tensor,
    text: Tensor,
    t: Tensor,
    eps: Tensor,
    whole: Tensor,
) -> Tensor:
    """Mean squared error of the prediction from z_t; `whole` are the lengths of the batch that holds these rows."""
    error = (denoiser(schedule.add_noise(z, t, eps), t, text, lengths) - schedule.target(z, t, eps)).square()
    return real_mean(error, vae.latent_lengths(lengths), vae.latent_lengths(whole))


@torch.no_grad()
def validation_loss(denoiser: AnyDenoiser, schedule: Diffusion, vae: AnyVAE, batch: LatentBatch) -> float:
    """The loss with always the same noise, at times spread evenly."""
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(batch.z.shape, generator=generator)
    order = torch.randperm(len(eps), generator=generator)
    t = order * schedule.config.steps // len(eps)
    device = next(denoiser.parameters()).device
    rows = [x.to(device) for x in (batch.z, batch.lengths, batch.text, t, eps, batch.lengths)]
    return float(denoising_loss(denoiser, schedule, vae, *rows))


def draw_style_tokens(tower: TextTower, seed: int) -> StyleTokens:
    torch.manual_seed(seed)
    vocabulary = tower.vocabulary()
    return StyleTokens.draw(StyleTokenConfig(d_token=tower.d_token), vocabulary.mean, vocabulary.std)
