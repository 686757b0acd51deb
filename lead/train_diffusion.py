"""The diffusion stage: the denoiser, on latents drawn from the posteriors under one of their captions.

Needs the text and the VAE stage.  Knows nothing of files' formats.
"""

from pathlib import Path

import torch

from lead.assemble import load_tower, load_vae
from lead.denoiser import Denoiser, DenoiserConfig
from lead.diffusion import Diffusion, DiffusionConfig
from lead.latents import latent_batches, latent_sources
from lead.layers import lengths_to_mask, masked_mean
from lead.manners import MannerConfig, MannerWords
from lead.runs import Stage, TrainConfig, save_part
from lead.text import TextTower

DIFFUSION_TRAIN = TrainConfig(steps=6500, batch=128, lr=5e-4)
UNCONDITIONAL = 0.1
"""The share of training texts replaced by the empty prompt, for classifier-free guidance."""


def train_diffusion(
    data: Path,
    run: Path,
    config: DenoiserConfig | None = None,
    train: TrainConfig = DIFFUSION_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    device: str = "cpu",
) -> Denoiser:
    """MSE on what `diffusion` predicts, on latents drawn from the posteriors; means over real latent tokens only."""
    tower, vae = load_tower(run), load_vae(run)
    config = config or DenoiserConfig(
        d_latent=vae.config.d_latent, d_text=tower.d_text, frames_per_latent=vae.config.frames_per_latent
    )
    words = manner_words(tower, train.seed)
    save_part(Path(run) / "manners.safetensors", words, "manners", words.config)
    sources, table = latent_sources(data, vae, tower, words)
    schedule = Diffusion(diffusion)
    torch.manual_seed(train.seed)
    stage = Stage("diffusion", Denoiser(config), run, train, device, config=config, diffusion=diffusion)
    batches = latent_batches(sources[:2], table, train, stage.step)
    for _ in stage.steps():
        batch = next(batches)
        t = torch.randint(diffusion.steps, (len(batch.z),))
        eps = torch.randn_like(batch.z)
        dropped = torch.rand(len(batch.z)) < UNCONDITIONAL
        text = torch.where(dropped[:, None], table[0], batch.text)
        inputs = (schedule.noised(batch.z, t, eps), t, text, batch.lengths)
        with stage.accelerator.autocast():
            output = stage.model(*(x.to(stage.device) for x in inputs))
        error = (output - schedule.target(batch.z, t, eps).to(stage.device)).square()
        mask = lengths_to_mask(vae.latent_lengths(batch.lengths), batch.z.shape[1]).to(stage.device)
        stage.update(masked_mean(error, mask), {})
    return stage.finish("denoiser", config)


def manner_words(tower: TextTower, seed: int) -> MannerWords:
    torch.manual_seed(seed)
    vocabulary = tower.vocabulary()
    return MannerWords.drawn(MannerConfig(d_token=tower.d_token), vocabulary.mean, vocabulary.std)
