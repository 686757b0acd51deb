"""The VAE stage: every training clip and its variations, captioned or not, is encoded and decoded.

Reads a data set (`lead.data.dataset`), writes into a run folder (`lead.train.stage`); needs no other stage. Joints are
in meters. Means are over real frames only (MLD's own run over padding).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from lead.data import dataset as motion_data
from lead.data.dataset import Clip
from lead.data.layout import COMPOSED, MIRRORED, VARIED
from lead.differentiable import features_to_joints
from lead.errors import LeadError
from lead.motion.features import Stats
from lead.networks.build import AnyVAE, AnyVAEConfig, build_vae
from lead.networks.layers import lengths_to_mask
from lead.networks.mld import MldVAEConfig
from lead.networks.vae import MotionVAE, VAEConfig
from lead.train.clips import ClipBatches, load_by_shares, subsample, to_tensors
from lead.train.logs import fingerprint
from lead.train.losses import denormalize, direction_losses, mean_of_share
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import Preset, StageRequest
from lead.train.warm_start import load_start, read_stats


@dataclass(frozen=True)
class VAELoss:
    """Weights of the VAE's loss. Directions are those of bones, `turning` is how they change from frame to frame."""

    features: float = 1.0
    joints: float = 0.3
    joints_smooth: float = 0.0
    speed: float = 1.0
    directions: float = 0.5
    turning: float = 2.0
    kl: float = 2e-4


VAE_TRAIN = TrainConfig(steps=5000, batch=64, lr=5e-4)
VAE_PRESETS: dict[Preset, tuple[AnyVAEConfig, TrainConfig, VAELoss]] = {
    "small": (VAEConfig(), VAE_TRAIN, VAELoss()),
    "mld": (
        MldVAEConfig(),
        TrainConfig(steps=20000, batch=128, lr=1e-4),
        VAELoss(features=1.0, joints=0.0, joints_smooth=1.0, speed=0.0, directions=0.0, turning=0.0, kl=1e-4),
    ),
}
"""`mld` has MLD's loss and learning rate; it was trained for far more steps than a machine without a GPU can take."""
SHARES = {"train": 0.4, COMPOSED: 0.3, VARIED: 0.15, MIRRORED: 0.15}
"""The share of the draws that each split has; of those that there are."""

MOST = 24000
"""Clips of a split that the stage reads, which is what two processes have memory for on a machine of 24 GB."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    config, default, weights = VAE_PRESETS[request.preset]
    train = replace(default, **request.options)
    train_vae(request.data, request.run, config=config, train=train, weights=weights, device=request.device)


def train_vae(
    data: Path,
    run: Path,
    config: AnyVAEConfig = VAEConfig(),
    train: TrainConfig = VAE_TRAIN,
    weights: VAELoss = VAELoss(),
    device: str = "cpu",
) -> AnyVAE:
    """SmoothL1 on features, L1 on joints, on directions of bones and on how both change, KL to N(0, 1).

    Means are over real frames only.

    The config's number of features is the data set's. A run that goes on from a base has the base's config and weights.
    """
    stats, start = read_stats(data, run), load_start(run)
    config = start.config.vae if start else replace(config, features=len(stats.mean))
    clips, shares = load_training_clips(data, stats)
    val = subsample(motion_data.load(data, "val", stats))
    torch.manual_seed(train.seed)
    vae = build_vae(config)
    if start:
        vae.load_state_dict(start.vae.state_dict())
    elif isinstance(vae, MotionVAE):
        vae.start_from_components(_draw_windows(clips, vae.config.frames_per_latent, train.seed))
    inputs = {"data": fingerprint(data)}
    stage = Stage("vae", vae, run, train, device, inputs, config=config, loss=weights)
    batches = ClipBatches(clips, train, shares)
    for step in stage.steps():
        drawn = batches.draw(step)
        batch = to_tensors(drawn, stage.device)
        features, lengths = stage.share(*batch)
        with stage.accelerator.autocast():
            loss, parts = vae_loss(stage.model, features, lengths, stats, weights, batch[1], stage.randn_like)
        stage.update(loss, parts, [clip.id for clip in drawn.clips])
        stage.validate(lambda vae: {"val_joint_error_cm": 100 * reconstruction_error(vae, val, stats)})
    average = stage.select_model()
    if isinstance(average, MotionVAE) and not start:
        average.latent_scale.copy_(unit_scale(average, clips))
    return stage.finish("vae", config)


def load_training_clips(data: Path, stats: Stats) -> tuple[list[Clip], Float[np.ndarray, " clips"]]:
    """Training clips, those made from old ones too, at most MOST of a split; and the share of the draws of each."""
    return load_by_shares(data, SHARES, lambda split: motion_data.load(data, split, stats, MOST))


def _draw_windows(
    clips: Sequence[Clip], frames: int, seed: int, least: int = 1000, most: int = 20000
) -> Float[Tensor, "windows numbers"]:
    """A window of `frames` frames, flat, from each of at most `most` clips drawn at random; from few clips several."""
    rng = np.random.default_rng(seed)
    long_enough = [clip.features for clip in clips if len(clip.features) >= frames]
    if not long_enough:
        raise LeadError(f"no training clip has {frames} frames, as many as a latent stands for; give longer clips")
    order = rng.permutation(len(long_enough))[:most]
    picked = [long_enough[i] for i in np.resize(order, max(len(order), least))]
    starts = [int(rng.integers(len(features) - frames + 1)) for features in picked]
    return torch.from_numpy(np.stack([f[s : s + frames].reshape(-1) for f, s in zip(picked, starts, strict=True)]))


@torch.no_grad()
def unit_scale(vae: AnyVAE, clips: Sequence[Clip], most: int = 4096) -> Float[Tensor, ""]:
    """One over the standard deviation of latents drawn from the posteriors of clips."""
    drawn = []
    for start in range(0, min(len(clips), most), 64):
        features, lengths = to_tensors(motion_data.collate(clips[start : start + 64]), vae.latent_scale.device)
        mu, log_variance = vae.encode(features, lengths)
        z = mu + (0.5 * log_variance).exp() * torch.randn_like(mu)
        drawn.append(z[lengths_to_mask(vae.latent_lengths(lengths), z.shape[1])])
    return 1 / torch.cat(drawn).std()


def vae_loss(
    vae: AnyVAE,
    features: Float[Tensor, "share frames feats"],
    lengths: Int[Tensor, " share"],
    stats: Stats,
    weights: VAELoss,
    whole: Int[Tensor, " batch"] | None = None,
    noise: Callable[[Tensor], Tensor] = torch.randn_like,
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """The loss of these rows and its parts; `whole` are the lengths of the batch that these rows are a share of."""
    whole = lengths if whole is None else whole
    mu, log_variance = vae.encode(features, lengths)
    z = mu + (0.5 * log_variance).exp() * noise(mu)
    decoded = vae.decode(z, lengths)
    features = features[:, : decoded.shape[1]]  # a share may be shorter than its batch
    meters = [denormalize(x, stats) for x in (decoded, features)]
    joints, target = (features_to_joints(x) for x in meters)
    kl = 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance)
    parts = {
        "features": mean_of_share(smooth_l1_loss(decoded, features, reduction="none"), lengths, whole),
        "joints": mean_of_share((joints - target).abs(), lengths, whole),
        "joints_smooth": mean_of_share(smooth_l1_loss(joints, target, reduction="none"), lengths, whole),
        "speed": mean_of_share((joints.diff(dim=1) - target.diff(dim=1)).abs(), lengths - 1, whole - 1),
        **direction_losses(meters[0], meters[1], lengths, whole),
        "kl": mean_of_share(kl, vae.latent_lengths(lengths), vae.latent_lengths(whole)),
    }
    return sum(getattr(weights, key) * value for key, value in parts.items()), parts


@torch.no_grad()
def reconstruction_error(vae: AnyVAE, clips: Sequence[Clip], stats: Stats, size: int = 64) -> float:
    """Mean distance, meters, between the joints of clips and of their reconstructions from the posterior's mean."""
    device = next(vae.parameters()).device
    total, count = 0.0, 0.0
    for start in range(0, len(clips), size):
        features, lengths = to_tensors(motion_data.collate(clips[start : start + size]), device)
        decoded = vae.decode(vae.encode(features, lengths)[0], lengths)
        joints, target = (features_to_joints(denormalize(x, stats)) for x in (decoded, features))
        mask = lengths_to_mask(lengths, features.shape[1])
        total += float(((joints - target).norm(dim=-1).mean(-1) * mask).sum())
        count += float(mask.sum())
    return total / count
