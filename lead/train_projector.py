"""The projector stage: LEAD's E_proj and D_proj on latents drawn from the posteriors, all else frozen.

Needs the text, VAE and diffusion stages.  Source: LEAD (arXiv 2410.14508), section 3.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from lead.assemble import load_manners, load_tower, load_vae
from lead.latents import latent_batches, latent_sources
from lead.projector import Projector, ProjectorConfig, alignment_loss, variance_loss
from lead.runs import Stage, TrainConfig

PROJECTOR_TRAIN = TrainConfig(steps=3500, batch=192, lr=1e-3, ema=0.995)


@dataclass(frozen=True)
class ProjectorLoss:
    """Weights of LEAD's three losses (the paper gives none)."""

    align: float = 0.1
    rec: float = 1.0
    var: float = 0.1


def train_projector(
    data: Path,
    run: Path,
    config: ProjectorConfig | None = None,
    train: TrainConfig = PROJECTOR_TRAIN,
    weights: ProjectorLoss = ProjectorLoss(),
    device: str = "cpu",
) -> Projector:
    """L_align + L_rec + L_var on latents drawn from the posteriors; clips without a caption count in the last two."""
    tower, vae = load_tower(run), load_vae(run)
    words = load_manners(run)
    config = config or ProjectorConfig(
        d_latent=vae.config.d_latent, d_text=tower.d_text, frames_per_latent=vae.config.frames_per_latent
    )
    sources, table = latent_sources(data, vae, tower, words)
    torch.manual_seed(train.seed)
    stage = Stage("projector", Projector(config), run, train, device, config=config, loss=weights)
    batches = latent_batches(sources, table, train, stage.step)
    for _ in stage.steps():
        batch = next(batches)
        z, lengths, text, captioned = (
            x.to(stage.device) for x in (batch.z, batch.lengths, batch.text, batch.captioned)
        )
        with stage.accelerator.autocast():
            loss, parts = projector_loss(stage.model, z, lengths, text, captioned, weights)
        stage.update(loss, parts)
    return stage.finish("projector", config)


def projector_loss(
    projector: Projector, z: Tensor, lengths: Tensor, text: Tensor, captioned: Tensor, weights: ProjectorLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    z_proj = projector.encode(z, lengths)
    z_hat = projector.decode(z_proj, lengths)
    mask = projector.mask(lengths, z.shape[1])
    pooled = projector.pooled(z_proj, lengths)
    parts = {
        "align": alignment_loss(pooled[captioned], text[captioned]),
        "rec": mse_loss(z_hat[mask], z[mask]),
        "var": variance_loss(z[mask], z_hat[mask]),
    }
    return weights.align * parts["align"] + weights.rec * parts["rec"] + weights.var * parts["var"], parts
