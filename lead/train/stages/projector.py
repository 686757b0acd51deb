"""The projector stage: trains LEAD's E_proj and D_proj on latents of the training split; all else is frozen.

Needs the text, VAE and diffusion stages. Source: LEAD (arXiv 2410.14508), section 3.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import mse_loss

from lead.diffusion import Diffusion
from lead.networks.build import AnyDenoiser, AnyVAE
from lead.networks.mld import MldVAEConfig
from lead.networks.projector import Projector, ProjectorConfig, alignment_loss, contrastive_loss, variance_loss
from lead.train.assemble import load_denoiser, load_diffusion, load_style_tokens, load_tower, load_vae
from lead.train.latents import LatentBatch, Latents, draw_latent_batch, draw_validation_batch, load_latents
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.warm_start import load_start

PROJECTOR_TRAIN = TrainConfig(steps=3500, batch=192, lr=1e-3, ema=0.995)


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train = replace(PROJECTOR_TRAIN, **request.options)
    train_projector(request.data, request.run, train=train, device=request.device)


@dataclass(frozen=True)
class ProjectorLoss:
    """Weights of LEAD's three losses (the paper gives none), and what they compare."""

    align: float = 0.1
    rec: float = 1.0
    var: float = 0.1
    alignment: Literal["cosine", "contrastive"] = "cosine"
    latents: Literal["posterior", "denoised"] = "posterior"
    """Latents drawn from the posteriors; or the denoiser's estimates of them from noise, nearer to generated ones."""


@dataclass(frozen=True, eq=False)
class Frozen:
    """What the projector is trained on."""

    latents: Latents
    vae: AnyVAE
    denoiser: AnyDenoiser
    diffusion: Diffusion


def train_projector(
    data: Path,
    run: Path,
    config: ProjectorConfig | None = None,
    train: TrainConfig = PROJECTOR_TRAIN,
    weights: ProjectorLoss = ProjectorLoss(),
    device: str = "cpu",
) -> Projector:
    """L_align + L_rec + L_var on latents drawn from the posteriors; a clip without a caption counts in the last two."""
    return fit_projector(load_frozen(data, run, device), run, config, train, weights, device)


def load_frozen(data: Path, run: Path, device: str = "cpu") -> Frozen:
    """A run folder's other parts, and the data set's latents by them."""
    vae = load_vae(run, polished=False)  # latents do not depend on the decoder
    latents = load_latents(data, run, vae, load_tower(run), load_style_tokens(run), device)
    return Frozen(latents, vae, load_denoiser(run), Diffusion(load_diffusion(run)))


def match_config(frozen: Frozen) -> ProjectorConfig:
    """The default projector for these latents and this text space."""
    c = frozen.vae.config
    d_text = frozen.latents.table.shape[1]
    latents = c.latents if isinstance(c, MldVAEConfig) else None
    return ProjectorConfig(
        d_latent=c.d_latent, d_text=d_text, frames_per_latent=c.frames_per_latent, linear=True, latents=latents
    )


def fit_projector(
    frozen: Frozen,
    run: Path,
    config: ProjectorConfig | None = None,
    train: TrainConfig = PROJECTOR_TRAIN,
    weights: ProjectorLoss = ProjectorLoss(),
    device: str = "cpu",
) -> Projector:
    """`train_projector` on given parts; the projector and its logs go into `run`."""
    start = load_start(run) if config is None else None
    config = config or (start.config.projector if start else match_config(frozen))
    latents = frozen.latents
    torch.manual_seed(train.seed)
    inputs = {"latents": latents.fingerprint}
    projector = Projector(config)
    if start:
        projector.load_state_dict(start.projector.state_dict())
    stage = Stage("projector", projector, run, train, device, inputs, config=config, loss=weights)
    frozen.denoiser.to(stage.device)
    val = draw_validation_batch(latents)
    for step in stage.steps():
        batch = draw_latent_batch(latents.sources, latents.table, train, step)
        z, lengths, text, captioned = (
            x.to(stage.device) for x in (batch.z, batch.lengths, batch.text, batch.captioned)
        )
        with stage.accelerator.autocast():
            if weights.latents == "denoised":
                z = estimate_latents(frozen, z, lengths, text, stage.draws)
            loss, parts = projector_loss(stage.model, z, lengths, text, captioned, weights, stage)
        stage.update(loss, parts)
        stage.validate(lambda projector: validation_losses(projector, val, weights))
    return stage.finish("projector", config)


@torch.no_grad()
def estimate_latents(
    frozen: Frozen,
    z: Float[Tensor, "batch latents d_latent"],
    lengths: Int[Tensor, " batch"],
    text: Float[Tensor, "batch d_text"],
    draws: torch.Generator,
) -> Float[Tensor, "batch latents d_latent"]:
    """The denoiser's estimates of latents from z_t under their captions; times and noise are drawn."""
    t = torch.randint(frozen.diffusion.config.steps, (len(z),), generator=draws).to(z.device)
    z_t = frozen.diffusion.add_noise(z, t, torch.randn(z.shape, generator=draws).to(z.device))
    return frozen.diffusion.clean_and_noise(z_t, t, frozen.denoiser(z_t, t, text, lengths))[0]


@torch.no_grad()
def validation_losses(projector: Projector, batch: LatentBatch, weights: ProjectorLoss) -> dict[str, float]:
    """L_rec and L_align on val clips; first their weighted sum, by which the weights to keep are chosen."""
    device = next(projector.parameters()).device
    z, lengths, text, captioned = (x.to(device) for x in (batch.z, batch.lengths, batch.text, batch.captioned))
    _, parts = projector_loss(projector, z, lengths, text, captioned, weights)
    rec, align = float(parts["rec"]), float(parts["align"])
    return {"val_loss": weights.rec * rec + weights.align * align, "val_rec": rec, "val_align": align}


def projector_loss(
    projector: Projector,
    z: Float[Tensor, "batch latents d_latent"],
    lengths: Int[Tensor, " batch"],
    text: Float[Tensor, "batch d_text"],
    captioned: Bool[Tensor, " batch"],
    weights: ProjectorLoss,
    stage: Stage[Projector] | None = None,
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """The loss of a whole batch and its parts; with a stage, each of its processes projects its share of the rows."""
    rows = stage.list_rows(len(z)) if stage else list(range(len(z)))
    z_proj = projector.encode(z[rows], lengths[rows])
    z_hat, pooled = projector.decode(z_proj, lengths[rows]), projector.pool(z_proj, lengths[rows])
    if stage:
        z_hat, pooled = stage.gather(z_hat, len(z)), stage.gather(pooled, len(z))
    mask = projector.mask(lengths, z.shape[1])
    align = contrastive_loss if weights.alignment == "contrastive" else alignment_loss
    parts = {
        "align": align(pooled[captioned], text[captioned]) if captioned.any() else z.new_zeros(()),
        "rec": mse_loss(z_hat[mask], z[mask]),
        "var": variance_loss(z[mask], z_hat[mask]),
    }
    return weights.align * parts["align"] + weights.rec * parts["rec"] + weights.var * parts["var"], parts
