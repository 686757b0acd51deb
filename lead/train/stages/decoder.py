"""The decoder stage: trains the VAE's decoder further; the encoder, and so every latent, stays as it is.

After the VAE stage, decoded motion shakes and slides more than the clips do. Here the decoder sees latents with noise,
as samples have, and its loss counts acceleration, the drift of feet on the floor and the lengths of bones. Joints are
compared on the one rigid skeleton that generated motion is put on (`rigid_joints`), so that what this costs is learned
too. As latents are fixed, the stage may run before or after diffusion and the projector. Joints are in meters. Means
are over real frames only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from lead.data import dataset as motion_data
from lead.differentiable import bone_lengths, features_to_joints, rigid_joints
from lead.errors import LeadError
from lead.motion.features import Stats
from lead.motion.skeleton import HUMANML3D, skeleton_of
from lead.networks.vae import MotionVAE
from lead.train.assemble import load_vae
from lead.train.clips import ClipBatches, subsample, to_tensors
from lead.train.logs import fingerprint
from lead.train.losses import denormalize, direction_losses, mean_of_share
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.stages.vae import load_training_clips, reconstruction_error
from lead.train.warm_start import read_stats

DECODER_TRAIN = TrainConfig(steps=2000, batch=64, lr=5e-4, warmup=100, ema=0.998)
ENCODER = ("frames_in.", "encoder.", "fold.", "linear_in.")
"""Prefixes of the VAE's parameters that stay as they are."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train_decoder(request.data, request.run, train=replace(DECODER_TRAIN, **request.options), device=request.device)


@dataclass(frozen=True)
class DecoderLoss:
    """Weights of the losses, and the noise that a latent of unit spread gets; .1 costs 1 cm of the root's path.

    Joints, speed, acceleration and planted feet are those of rigid bodies; bones are the lengths of the decoded joints'
    own, directions theirs, and `turning` is how those change from frame to frame.
    """

    features: float = 1.0
    joints: float = 1.0
    speed: float = 1.0
    acceleration: float = 1.0
    planted: float = 2.0
    bones: float = 1.0
    directions: float = 0.5
    turning: float = 2.0
    noise: float = 0.02


def train_decoder(
    data: Path,
    run: Path,
    train: TrainConfig = DECODER_TRAIN,
    weights: DecoderLoss = DecoderLoss(),
    seam_width: int = 96,
    device: str = "cpu",
) -> MotionVAE:
    """Writes `decoder.safetensors`, a whole VAE whose encoder equals that of `vae.safetensors` bit by bit."""
    stats = read_stats(data, run)
    clips, shares = load_training_clips(data, stats)
    val = subsample(motion_data.load(data, "val", stats))
    start = load_vae(run, polished=False)
    if not isinstance(start, MotionVAE):
        raise LeadError(f"{run} has MLD's VAE, which has no decoder stage; go on with `lead train diffusion`")
    torch.manual_seed(train.seed)
    vae = MotionVAE(replace(start.config, seam_width=start.config.seam_width or seam_width))
    vae.load_state_dict(start.state_dict(), strict=False)
    for name, parameter in vae.named_parameters():
        parameter.requires_grad_(not name.startswith(ENCODER))
    inputs = {"data": fingerprint(data)}
    stage = Stage("decoder", vae, run, train, device, inputs, config=vae.config, loss=weights)
    batches = ClipBatches(clips, train, shares)
    for step in stage.steps():
        drawn = batches.draw(step)
        batch = to_tensors(drawn, stage.device)
        features, lengths = stage.share(*batch)
        with stage.accelerator.autocast():
            loss, parts = decoder_loss(stage.model, features, lengths, stats, weights, batch[1], stage.randn_like)
        stage.update(loss, parts, [clip.id for clip in drawn.clips])
        stage.validate(lambda vae: {"val_joint_error_cm": 100 * reconstruction_error(vae, val, stats)})
    return stage.finish("decoder", vae.config)


def decoder_loss(
    vae: MotionVAE,
    features: Float[Tensor, "share frames feats"],
    lengths: Int[Tensor, " share"],
    stats: Stats,
    weights: DecoderLoss,
    whole: Int[Tensor, " batch"],
    noise: Callable[[Tensor], Tensor],
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """The loss of these rows and its parts; `whole` are the lengths of the batch that these rows are a share of.

    KIT-ML's 21 joints are compared as they are.
    """
    with torch.no_grad():
        z = vae.encode(features, lengths)[0]
        z = z + weights.noise / vae.latent_scale * noise(z[:, :1, :1]) * noise(z)
    decoded = vae.decode(z, lengths)
    features = features[:, : decoded.shape[1]]
    meters = [denormalize(x, stats) for x in (decoded, features)]
    joints, target = (features_to_joints(x) for x in meters)
    skeleton = skeleton_of(features.shape[-1])
    stretch = bone_lengths(joints, skeleton.parents) - bone_lengths(target, skeleton.parents)
    if skeleton is HUMANML3D:
        joints, target = rigid_joints(joints), rigid_joints(target)
    error = joints - target
    contacts = meters[1][..., skeleton.slices["contacts"]] > 0.5
    slip = error[:, :, list(skeleton.feet)].diff(dim=1).abs().mean(dim=-1)
    parts = {
        "features": mean_of_share(smooth_l1_loss(decoded, features, reduction="none"), lengths, whole),
        "joints": mean_of_share(error.abs(), lengths, whole),
        "speed": mean_of_share(error.diff(dim=1).abs(), lengths - 1, whole - 1),
        "acceleration": mean_of_share(error.diff(n=2, dim=1).abs(), lengths - 2, whole - 2),
        "bones": mean_of_share(stretch.abs(), lengths, whole),
        **direction_losses(meters[0], meters[1], lengths, whole),
        "planted": mean_of_share(slip * (contacts[:, 1:] & contacts[:, :-1]), lengths - 1, whole - 1),
    }
    return sum(getattr(weights, key) * value for key, value in parts.items()), parts
