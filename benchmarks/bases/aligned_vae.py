"""The ablations' control without a projector: the VAE itself is aligned with the text space, and has its own denoiser.

The run's VAE is trained a little further with one more loss: a linear head maps the mean of a clip's latents to the
caption's feature. Then a new denoiser learns the new latents. The row with weight 0 does the same without alignment.
Compare only these two rows: both trained less than the run's own denoiser.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lead.checkpoint import load_part, save_part
from lead.data.dataset import Clip, load, load_captioned
from lead.data.layout import STYLE_TOKEN
from lead.networks.build import AnyVAE, denoiser_config
from lead.networks.layers import lengths_to_mask
from lead.networks.projector import alignment_loss
from lead.networks.vae import MotionVAE
from lead.text.tower import TextTower
from lead.train.assemble import load_diffusion, load_tower, load_vae
from lead.train.clips import ClipBatches, subsample, to_tensors
from lead.train.latents import VALIDATION, Captions, LatentClips, Latents, encode_clips
from lead.train.stage import Stage, TrainConfig
from lead.train.stages.diffusion import DIFFUSION_TRAIN, fit_denoiser
from lead.train.stages.vae import VAELoss, load_training_clips, unit_scale, vae_loss
from lead.train.warm_start import read_stats

FINE_TUNE = TrainConfig(steps=600, batch=64, lr=1e-4, warmup=50, ema=0.99, keep="last", save_every=100)


@dataclass(frozen=True)
class AlignedTrain:
    vae_steps: int = 600
    denoiser_steps: int = 1500
    seed: int = 0


@dataclass(frozen=True)
class AlignedLoss:
    align: float
    vae: VAELoss = field(default_factory=VAELoss)


class HeadedVAE(nn.Module):
    """A VAE and a linear head that maps the mean of a clip's latents into the text space."""

    def __init__(self, vae: AnyVAE, d_text: int):
        super().__init__()
        self.vae, self.head = vae, nn.Linear(vae.config.d_latent, d_text)

    def pool(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch d_text"]:
        mu, _ = self.vae.encode(features, lengths)
        mask = lengths_to_mask(self.vae.latent_lengths(lengths), mu.shape[1])[..., None]
        return self.head((mu * mask).sum(dim=1) / mask.sum(dim=1))


def train_aligned(data: Path, run: Path, folder: Path, align: float, train: AlignedTrain, latents: Latents) -> None:
    """Makes `folder` a run folder: trains VAE and denoiser there, and copies the other parts from the run.

    `latents` are the run's; their captions are used again. Parts that exist already are not trained again.
    """
    for part in ("text", "manners", "projector"):
        shutil.copyfile(Path(run) / f"{part}.safetensors", folder / f"{part}.safetensors")
    if not (folder / "vae.safetensors").is_file():
        fine_tune(data, run, folder, align, replace(FINE_TUNE, steps=train.vae_steps, seed=train.seed))
    if not (folder / "denoiser.safetensors").is_file():
        steps = train.denoiser_steps
        budget = replace(DIFFUSION_TRAIN, steps=steps, seed=train.seed, warmup=min(150, steps), keep="last")
        config = denoiser_config(load_part(Path(run) / "denoiser.safetensors", "denoiser")[1])
        vae = load_vae(folder)
        fit_denoiser(encode_data(vae, data, run, latents), vae, folder, config, budget, load_diffusion(run))


def fine_tune(data: Path, run: Path, folder: Path, align: float, train: TrainConfig) -> None:
    """Trains the VAE on its own loss plus `align` times L_align of the pooled means of captioned clips."""
    tower, stats = load_tower(run), read_stats(data, run)
    clips, shares = load_training_clips(data, stats)
    torch.manual_seed(train.seed)
    model = HeadedVAE(load_vae(run).requires_grad_(True), tower.d_text)
    loss = AlignedLoss(align)
    stage = Stage("vae", model, folder, train, config=model.vae.config, loss=loss)
    batches = ClipBatches(clips, train, shares)
    for step in stage.steps():
        batch = batches.draw(step)
        features, lengths = to_tensors(batch, stage.device)
        with stage.accelerator.autocast():
            total, parts = vae_loss(stage.model.vae, features, lengths, stats, loss.vae)
            rows, text = encode_captions(tower, batch.captions)
            if align and rows:
                parts["align"] = alignment_loss(stage.model.pool(features[rows], lengths[rows]), text)
                total = total + align * parts["align"]
        stage.update(total, parts)
    vae = stage.select_model().vae
    if isinstance(vae, MotionVAE):
        vae.latent_scale.copy_(unit_scale(vae, clips))
    stage.close(lambda: save_part(folder / "vae.safetensors", vae, "vae", vae.config))


@torch.no_grad()
def encode_captions(tower: TextTower, captions: Sequence[str]) -> tuple[list[int], Tensor]:
    """The rows whose caption is plain English, and the captions' features."""
    rows = [row for row, caption in enumerate(captions) if caption and STYLE_TOKEN not in caption]
    return rows, tower.encode([captions[row] for row in rows]).float() if rows else torch.zeros(0, tower.d_text)


def encode_data(vae: AnyVAE, data: Path, run: Path, known: Latents) -> Latents:
    """Encodes the captioned clips with another VAE; captions and shares stay those of `known`, the run's latents."""
    stats = read_stats(data, run)
    sources = []
    for old in known.captioned:
        clips = load_captioned(data, stats) if old.split == "train" else load(data, old.split, stats)
        sources.append(_encode_again(vae, clips, old))
    val = _encode_again(vae, subsample(load(data, VALIDATION, stats)), known.val)
    return replace(known, sources=tuple(sources), val=val, fingerprint=f"{known.fingerprint}, aligned")


def _encode_again(vae: AnyVAE, clips: Sequence[Clip], old: LatentClips) -> LatentClips:
    encoded = encode_clips(vae, clips, Captions())
    return replace(old, mu=encoded.mu, std=encoded.std, lengths=encoded.lengths)
