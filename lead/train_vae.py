"""The VAE stage: captioned or not, every training clip and its variations, packed and put back together.

Reads a data set in HumanML3D's layout (`lead.data`), writes into a run folder (`lead.runs`); needs no other stage.
Joints are in metres; means are over real frames only (MLD's own run over padding).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from lead import data as motion_data
from lead.data import Batch, Clip
from lead.kinematics import features_to_joints
from lead.layers import lengths_to_mask, masked_mean
from lead.motion.features import Stats
from lead.runs import Stage, TrainConfig
from lead.vae import MotionVAE, VAEConfig


@dataclass(frozen=True)
class VAELoss:
    """Weights of the VAE's loss; MLD's are features 1, joints 1, KL 1e-4."""

    features: float = 1.0
    joints: float = 0.3
    speed: float = 1.0
    kl: float = 2e-4


VAE_TRAIN = TrainConfig(steps=5000, batch=64, lr=5e-4)


def train_vae(
    data: Path,
    run: Path,
    config: VAEConfig = VAEConfig(),
    train: TrainConfig = VAE_TRAIN,
    weights: VAELoss = VAELoss(),
    device: str = "cpu",
) -> MotionVAE:
    """SmoothL1 on features, L1 on joints and on their displacement, KL to N(0, 1); means over real frames only."""
    stats = Stats.read(data)
    clips = training_clips(data, stats, ("train_varied", "train_mirrored"), repeat=4)
    val = motion_data.load(data, "val", stats)
    torch.manual_seed(train.seed)
    vae = MotionVAE(config)
    vae.start_from_components(_windows(clips, config.frames_per_latent, train.seed))
    stage = Stage("vae", vae, run, train, device, config=config, loss=weights)
    source = endless(clips, train, stage.step)
    for step in stage.steps():
        features, lengths = tensors(next(source), stage.device)
        with stage.accelerator.autocast():
            loss, parts = vae_loss(stage.model, features, lengths, stats, weights)
        stage.update(loss, parts)
        if (step + 1) % 1000 == 0:
            stage.note(val_joint_error_cm=100 * reconstruction_error(stage.average, val, stats))
    stage.average.latent_scale.copy_(unit_scale(stage.average, clips))
    return stage.finish("vae", config)


def _windows(clips: Sequence[Clip], frames: int, seed: int, most: int = 20000) -> Tensor:
    """One window of `frames` frames, flat, from each of at most `most` clips drawn at random."""
    rng = np.random.default_rng(seed)
    long_enough = [clip.features for clip in clips if len(clip.features) >= frames]
    picked = [long_enough[i] for i in rng.permutation(len(long_enough))[:most]]
    starts = [int(rng.integers(len(features) - frames + 1)) for features in picked]
    return torch.from_numpy(np.stack([f[s : s + frames].reshape(-1) for f, s in zip(picked, starts, strict=True)]))


@torch.no_grad()
def unit_scale(vae: MotionVAE, clips: Sequence[Clip], most: int = 4096) -> Tensor:
    """One over the standard deviation of latents drawn from the posteriors of clips."""
    drawn = []
    for start in range(0, min(len(clips), most), 64):
        features, lengths = tensors(motion_data.collate(clips[start : start + 64]), vae.latent_scale.device)
        mu, log_variance = vae.encode(features, lengths)
        z = mu + (0.5 * log_variance).exp() * torch.randn_like(mu)
        drawn.append(z[lengths_to_mask(vae.latent_lengths(lengths), z.shape[1])])
    return 1 / torch.cat(drawn).std()


def vae_loss(
    vae: MotionVAE, features: Tensor, lengths: Tensor, stats: Stats, weights: VAELoss
) -> tuple[Tensor, dict[str, Tensor]]:
    mu, log_variance = vae.encode(features, lengths)
    z = mu + (0.5 * log_variance).exp() * torch.randn_like(mu)
    decoded = vae.decode(z, lengths)
    mask = lengths_to_mask(lengths, features.shape[1])
    joints, target = (features_to_joints(denormalised(x, stats)) for x in (decoded, features))
    kl = 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance)
    parts = {
        "features": masked_mean(smooth_l1_loss(decoded, features, reduction="none"), mask),
        "joints": masked_mean((joints - target).abs(), mask),
        "speed": masked_mean((joints.diff(dim=1) - target.diff(dim=1)).abs(), mask[:, 1:]),
        "kl": masked_mean(kl, lengths_to_mask(vae.latent_lengths(lengths), mu.shape[1])),
    }
    return sum(getattr(weights, key) * value for key, value in parts.items()), parts  # type: ignore[return-value]


@torch.no_grad()
def reconstruction_error(vae: MotionVAE, clips: Sequence[Clip], stats: Stats, size: int = 64) -> float:
    """Mean distance, metres, between the joints of clips and of their reconstructions from the posterior's mean."""
    device = next(vae.parameters()).device
    total, count = 0.0, 0.0
    for start in range(0, len(clips), size):
        features, lengths = tensors(motion_data.collate(clips[start : start + size]), device)
        decoded = vae.decode(vae.encode(features, lengths)[0], lengths)
        joints, target = (features_to_joints(denormalised(x, stats)) for x in (decoded, features))
        mask = lengths_to_mask(lengths, features.shape[1])
        total += float(((joints - target).norm(dim=-1).mean(-1) * mask).sum())
        count += float(mask.sum())
    return total / count


def denormalised(features: Tensor, stats: Stats) -> Tensor:
    mean, std = (torch.as_tensor(x, device=features.device) for x in (stats.mean, stats.std))
    return features.float() * std + mean


def training_clips(data: Path, stats: Stats, extra: Sequence[str], repeat: int) -> list[Clip]:
    """The training split, and where the data set was varied its variations with the originals `repeat` times."""
    clips = motion_data.load(data, "train", stats)
    present = [split for split in extra if (Path(data) / f"{split}.txt").is_file()]
    variations = [clip for split in present for clip in motion_data.load(data, split, stats)]
    return clips * repeat + variations if variations else clips


def endless(clips: Sequence[Clip], train: TrainConfig, step: int) -> Iterator[Batch]:
    """Batches from `step` on; an epoch's order depends on the seed and the epoch alone."""
    epoch, skip = 0, step
    while True:
        for batch in motion_data.batches(clips, train.batch, np.random.default_rng([train.seed, epoch])):
            if skip:
                skip -= 1
                continue
            yield batch
        epoch += 1


def tensors(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(batch.features).to(device), torch.from_numpy(batch.lengths).to(device)
