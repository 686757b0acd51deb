"""The decoder stage: the VAE's decoder goes on learning while its encoder, and so every latent, stays as it is.

The VAE stage ends with a decoder that shakes and slides more than its clips do.  Here it sees latents with noise on
them, as samples have, and its loss counts acceleration and the drift of planted feet.  Latents being fixed, the stage
may run before or after diffusion and the projector.  Joints are in meters; means are over real frames only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from lead.data import dataset as motion_data
from lead.errors import LeadError
from lead.motion.features import Stats
from lead.motion.skeleton import skeleton_of
from lead.networks.vae import MotionVAE
from lead.train.assemble import load_vae
from lead.train.kinematics import features_to_joints
from lead.train.logs import fingerprint
from lead.train.stage import Stage, TrainConfig
from lead.train.vae import ClipBatches, denormalize, real_mean, reconstruction_error, spread, tensors, training_clips

DECODER_TRAIN = TrainConfig(steps=2000, batch=64, lr=5e-4, warmup=100, ema=0.998)
ENCODER = ("frames_in.", "encoder.", "fold.", "linear_in.")


@dataclass(frozen=True)
class DecoderLoss:
    """Weights of the losses, and how much noise a latent of unit spread gets; .1 cost 1 cm of the root's path."""

    features: float = 1.0
    joints: float = 1.0
    speed: float = 1.0
    acceleration: float = 1.0
    planted: float = 2.0
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
    stats = Stats.read(data)
    clips = training_clips(data, stats, ("train_varied", "train_mirrored"), repeat=4)
    val = spread(motion_data.load(data, "val", stats))
    start = load_vae(run, polished=False)
    if not isinstance(start, MotionVAE):
        raise LeadError(f"{run} has MLD's VAE, which has no decoder stage; go on with `lead train diffusion`")
    torch.manual_seed(train.seed)
    vae = MotionVAE(replace(start.config, seam_width=seam_width))
    vae.load_state_dict(start.state_dict(), strict=False)
    for name, parameter in vae.named_parameters():
        parameter.requires_grad_(not name.startswith(ENCODER))
    inputs = {"data": fingerprint(data)}
    stage = Stage("decoder", vae, run, train, device, inputs, config=vae.config, loss=weights)
    batches = ClipBatches(clips, train)
    for step in stage.steps():
        drawn = batches.at(step)
        batch = tensors(drawn, stage.device)
        features, lengths = stage.share(*batch)
        with stage.accelerator.autocast():
            loss, parts = decoder_loss(stage.model, features, lengths, stats, weights, batch[1], stage.randn_like)
        stage.update(loss, parts, [clip.id for clip in drawn.clips])
        stage.validate(lambda vae: {"val_joint_error_cm": 100 * reconstruction_error(vae, val, stats)})
    return stage.finish("decoder", vae.config)


def decoder_loss(
    vae: MotionVAE,
    features: Tensor,
    lengths: Tensor,
    stats: Stats,
    weights: DecoderLoss,
    whole: Tensor,
    noise: Callable[[Tensor], Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of these rows and its parts; `whole` are the lengths of the batch of which they are a share."""
    with torch.no_grad():
        z = vae.encode(features, lengths)[0]
        z = z + weights.noise / vae.latent_scale * noise(z[:, :1, :1]) * noise(z)
    decoded = vae.decode(z, lengths)
    features = features[:, : decoded.shape[1]]
    joints, target = (features_to_joints(denormalize(x, stats)) for x in (decoded, features))
    error, skeleton = joints - target, skeleton_of(features.shape[-1])
    contacts = denormalize(features, stats)[..., skeleton.slices["contacts"]] > 0.5
    slip = error[:, :, list(skeleton.feet)].diff(dim=1).abs().mean(dim=-1)
    parts = {
        "features": real_mean(smooth_l1_loss(decoded, features, reduction="none"), lengths, whole),
        "joints": real_mean(error.abs(), lengths, whole),
        "speed": real_mean(error.diff(dim=1).abs(), lengths - 1, whole - 1),
        "acceleration": real_mean(error.diff(n=2, dim=1).abs(), lengths - 2, whole - 2),
        "planted": real_mean(slip * (contacts[:, 1:] & contacts[:, :-1]), lengths - 1, whole - 1),
    }
    return sum(getattr(weights, key) * value for key, value in parts.items()), parts  # type: ignore[return-value]
