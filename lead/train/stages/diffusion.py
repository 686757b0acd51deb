"""The diffusion stage: trains the denoiser on latents drawn from the posteriors, each under one of its captions.

Needs the text and the VAE stage; where the language stage was run, it goes on from that one's denoiser.
Source: MLD (arXiv 2212.04048), section 3.2. Knows nothing of file formats.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.checkpoint import save_part
from lead.diffusion import Diffusion, DiffusionConfig
from lead.errors import LeadError
from lead.networks.build import AnyDenoiser, AnyDenoiserConfig, AnyVAE, build_denoiser
from lead.networks.denoiser import DenoiserConfig
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig, MldVAE
from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
from lead.text.tower import TextTower
from lead.train.assemble import Speaker, load_speaker, load_style_tokens, load_tower, load_vae
from lead.train.latents import LatentBatch, Latents, draw_latent_batch, draw_validation_batch, load_latents
from lead.train.losses import mean_of_share
from lead.train.processes import main_process_first
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import STAGES, Preset, StageRequest
from lead.train.warm_start import load_start

DIFFUSION_TRAIN = TrainConfig(steps=6500, batch=128, lr=5e-4)
DIFFUSION_PRESETS: dict[Preset, tuple[AnyDenoiserConfig, TrainConfig, DiffusionConfig]] = {
    "small": (DenoiserConfig(), DIFFUSION_TRAIN, DiffusionConfig()),
    "mld": (MldDenoiserConfig(), TrainConfig(steps=20000, batch=128, lr=1e-4), MLD_DIFFUSION),
}
UNCONDITIONAL = 0.1
"""The share of training texts replaced by the empty prompt, for classifier-free guidance."""


class Noisy(NamedTuple):
    """What a denoiser reads."""

    z_t: Float[Tensor, "batch latents d_latent"]
    t: Int[Tensor, " batch"]
    text: Float[Tensor, "batch d_text"]
    lengths: Int[Tensor, " batch"]
    """Frames."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    config, default, diffusion = DIFFUSION_PRESETS[request.preset]
    train = replace(default, **request.options)
    train_diffusion(request.data, request.run, config=config, train=train, diffusion=diffusion, device=request.device)


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
    tower, vae = load_tower(run), load_vae(run, polished=False)  # latents do not depend on the decoder
    speaker = load_speaker(run)
    config, begun = begin_denoiser(run, config, vae, tower, speaker)
    style_tokens = load_style_tokens(run) if speaker else begin_style_tokens(run, tower, train.seed, device)
    latents = load_latents(data, run, vae, tower, style_tokens, device)
    return fit_denoiser(latents, vae, run, config, train, diffusion, device, begun)


def begin_denoiser(
    run: Path, config: AnyDenoiserConfig, vae: AnyVAE, tower: TextTower, speaker: Speaker | None = None
) -> tuple[AnyDenoiserConfig, AnyDenoiser | None]:
    """What a run's denoiser begins with: the speaker's, the one of the base that the run goes on from, or nothing.

    With its config, which without either is the given one, with the sizes of these latents and this text space.
    """
    if isinstance(config, MldDenoiserConfig) and not isinstance(vae, MldVAE):
        raise LeadError(f"MLD's denoiser needs MLD's VAE, {run} has another: train that with --preset mld as well")
    if speaker:
        return speaker.config.denoiser, speaker.denoiser
    if start := load_start(run):
        return start.config.denoiser, start.denoiser
    config = replace(config, d_latent=vae.config.d_latent, d_text=tower.d_text)
    if isinstance(config, DenoiserConfig):
        config = replace(config, frames_per_latent=vae.config.frames_per_latent)
    elif isinstance(vae, MldVAE):
        config = replace(config, latents=vae.config.latents)
    return config, None


def begin_style_tokens(run: Path, tower: TextTower, seed: int, device: str) -> StyleTokens:
    """The style tokens of the base that the run goes on from, or drawn ones; saved in the run folder."""
    start = load_start(run)
    style_tokens = start.style_tokens if start else draw_style_tokens(tower, seed)
    with main_process_first(device):
        save_part(Path(run) / "manners.safetensors", style_tokens, "manners", style_tokens.config)
    return style_tokens


def fit_denoiser(
    latents: Latents,
    vae: AnyVAE,
    run: Path,
    config: AnyDenoiserConfig,
    train: TrainConfig = DIFFUSION_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    device: str = "cpu",
    start: AnyDenoiser | None = None,
    stage_name: Literal["diffusion", "refine"] = "diffusion",
) -> AnyDenoiser:
    """`train_diffusion` on given latents, from `start`'s weights; the denoiser and its logs go into `run`."""
    schedule, inputs = Diffusion(diffusion), {"latents": latents.fingerprint}
    torch.manual_seed(train.seed)
    denoiser = build_denoiser(config)
    if start:
        denoiser.load_state_dict(start.state_dict())
    stage = Stage(stage_name, denoiser, run, train, device, inputs, config=config, diffusion=diffusion)
    if start:
        start = start.to(stage.device).requires_grad_(False).eval()
    val = draw_validation_batch(latents)
    for step in stage.steps():
        batch = draw_latent_batch(latents.captioned, latents.table, train, step)
        t = torch.randint(diffusion.steps, (train.batch,), generator=stage.draws)
        eps = torch.randn(batch.z.shape, generator=stage.draws)
        dropped = torch.rand(train.batch, generator=stage.draws) < UNCONDITIONAL
        text = torch.where(dropped[:, None], latents.table[0], batch.text)
        z, lengths, text, t, eps, pushes = stage.share(batch.z, batch.lengths, text, t, eps, batch.pushes)
        whole = batch.lengths.to(stage.device)
        noisy, target = Noisy(schedule.add_noise(z, t, eps), t, text, lengths), schedule.target(z, t, eps)
        with stage.accelerator.autocast():
            target = push_target(start, noisy, target, pushes) if start else target
            loss = denoising_loss(stage.model, vae, noisy, target, whole)
        stage.update(loss, {})
        stage.validate(lambda denoiser: {"val_loss": validation_loss(denoiser, schedule, vae, val)})
    return stage.finish(STAGES[stage_name].part, config)


def denoising_loss(
    denoiser: AnyDenoiser,
    vae: AnyVAE,
    noisy: Noisy,
    target: Float[Tensor, "share latents d_latent"],
    whole: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Mean squared error of the prediction; `whole` are the lengths of the batch that holds these rows."""
    error = (denoiser(*noisy) - target).square()
    return mean_of_share(error, vae.latent_lengths(noisy.lengths), vae.latent_lengths(whole))


@torch.no_grad()
def push_target(
    before: Callable[..., Float[Tensor, "pushed latents d_latent"]],
    noisy: Noisy,
    target: Float[Tensor, "share latents d_latent"],
    pushes: Float[Tensor, " share"],
) -> Float[Tensor, "share latents d_latent"]:
    """p + push (target - p), with the prediction p of the denoiser as it was `before`; the target itself for a clip."""
    moved, pushed = target.clone(), (pushes != 1).nonzero()[:, 0]
    if len(pushed):
        predicted = before(*(x[pushed] for x in noisy)).to(target.dtype)
        moved[pushed] = predicted + pushes[pushed, None, None] * (target[pushed] - predicted)
    return moved


@torch.no_grad()
def validation_loss(denoiser: AnyDenoiser, schedule: Diffusion, vae: AnyVAE, batch: LatentBatch) -> float:
    """The loss at times spread evenly; the noise is always the same."""
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(batch.z.shape, generator=generator)
    order = torch.randperm(len(eps), generator=generator)
    t = order * schedule.config.steps // len(eps)
    device = next(denoiser.parameters()).device
    z, lengths, text, t, eps = (x.to(device) for x in (batch.z, batch.lengths, batch.text, t, eps))
    noisy = Noisy(schedule.add_noise(z, t, eps), t, text, lengths)
    return float(denoising_loss(denoiser, vae, noisy, schedule.target(z, t, eps), lengths))


def draw_style_tokens(tower: TextTower, seed: int) -> StyleTokens:
    """A random map from style parameters to token embeddings like the tower's own."""
    torch.manual_seed(seed)
    vocabulary = tower.vocabulary()
    return StyleTokens.draw(StyleTokenConfig(d_token=tower.d_token), vocabulary.mean, vocabulary.std)
