"""The language stage: text tower and denoiser learn together, so that sentences mean what their motions show.

    L = denoising + meaning + anchor
    denoising  the diffusion stage's loss, with features that the tower computes anew
    meaning    InfoNCE between two wordings of one generated meaning, half of them minimal pairs, as in the text stage
    anchor     squared distance of features of generated sentences from those of the tower before this stage

Before this stage the tower knows how sentences compare, but hardly what matters to a motion: "turns right" and "turns
around to the right" are nearly one. The denoising loss tells them apart; the other two keep the tower's knowledge of
words that no clip shows. Needs the text and the VAE stage; the diffusion stage goes on with this denoiser under the
frozen tower, several times faster. Knows nothing of file formats.
"""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import normalize

from lead.checkpoint import save_part
from lead.diffusion import Diffusion, DiffusionConfig
from lead.networks.build import AnyDenoiserConfig, AnyVAE
from lead.networks.denoiser import DenoiserConfig
from lead.networks.style_tokens import StyleTokens
from lead.text.meaning import Meaning, contrast, draw
from lead.text.synthesis import say
from lead.text.tower import TextTower
from lead.train.assemble import Speaker, SpeakerConfig, load_tower, load_vae
from lead.train.latents import Captions, LatentBatch, Latents, draw_latent_batch, draw_validation_batch, load_latents
from lead.train.losses import info_nce
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.stages.diffusion import (
    UNCONDITIONAL,
    Noisy,
    begin_denoiser,
    begin_style_tokens,
    denoising_loss,
    validation_loss,
)
from lead.train.stages.text import encode_sorted

LANGUAGE_TRAIN = TrainConfig(steps=4500, batch=128, lr=4e-4)


@dataclass(frozen=True)
class LanguageLoss:
    """Weights of the losses beside denoising, and what they are computed on."""

    meaning: float = 0.1
    anchor: float = 0.1
    temperature: float = 0.05
    meanings: int = 24
    """Generated meanings that are compared at once, each in two wordings."""
    every: int = 4
    """Steps from one such comparison to the next."""
    tower_rate: float = 0.3
    """The tower's learning rate, relative to the denoiser's."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train = replace(LANGUAGE_TRAIN, **request.options)
    train_language(request.data, request.run, train=train, device=request.device)


def train_language(
    data: Path,
    run: Path,
    config: AnyDenoiserConfig = DenoiserConfig(),
    train: TrainConfig = LANGUAGE_TRAIN,
    diffusion: DiffusionConfig = DiffusionConfig(),
    weights: LanguageLoss = LanguageLoss(),
    device: str = "cpu",
) -> Speaker:
    """Trains the run's tower and a denoiser, into `language.safetensors`."""
    tower, vae = load_tower(run, spoken=False), load_vae(run, polished=False)
    config, begun = begin_denoiser(run, config, vae, tower)
    style_tokens = begin_style_tokens(run, tower, train.seed, device)
    latents = load_latents(data, run, vae, tower, style_tokens, device, with_table=False)
    schedule, inputs = Diffusion(diffusion), {"latents": latents.fingerprint}
    torch.manual_seed(train.seed)
    speaker = Speaker(SpeakerConfig(tower.config, config))
    speaker.tower.load_state_dict(tower.state_dict())
    if begun:
        speaker.denoiser.load_state_dict(begun.state_dict())
    rates = {"tower": weights.tower_rate}
    stage = Stage(
        "language", speaker, run, train, device, inputs, rates, config=speaker.config, diffusion=diffusion, loss=weights
    )
    tower, style_tokens = tower.to(stage.device), style_tokens.to(stage.device)
    val = draw_validation_batch(latents)
    for step in stage.steps():
        batch = draw_latent_batch(latents.captioned, latents.table, train, step)
        with stage.accelerator.autocast(), sdpa_kernel(SDPBackend.MATH):
            loss = _denoise(stage, latents.captions, batch, schedule, vae, style_tokens)
            parts = {"denoising": loss}
            if step % weights.every == 0:
                compared = _compare_wordings(stage, tower, weights, step)
                loss = loss + weights.every * sum(getattr(weights, name) * value for name, value in compared.items())
                parts |= compared
        stage.update(loss, parts)
        stage.validate(lambda model: {"val_loss": _validate(model, latents, val, schedule, vae, style_tokens)})
    average = stage.select_model()
    stage.close(lambda: save_part(Path(run) / "language.safetensors", average, "language", speaker.config))
    return average.eval()


def draw_meanings(rng: random.Random, count: int) -> list[Meaning]:
    """Meanings in minimal pairs."""
    drawn = [draw(rng) for _ in range(count // 2)]
    return [meaning for first in drawn for meaning in (first, contrast(first, rng))]


def _denoise(
    stage: Stage[Speaker],
    captions: Captions,
    batch: LatentBatch,
    schedule: Diffusion,
    vae: AnyVAE,
    style_tokens: StyleTokens,
) -> Float[Tensor, ""]:
    """The diffusion stage's loss on this process's rows."""
    count = len(batch.z)
    t = torch.randint(schedule.config.steps, (count,), generator=stage.draws)
    eps = torch.randn(batch.z.shape, generator=stage.draws)
    dropped = torch.rand(count, generator=stage.draws) < UNCONDITIONAL
    rows = torch.where(dropped, 0, batch.rows)
    z, lengths, t, eps, rows = stage.share(batch.z, batch.lengths, t, eps, rows)
    text = _encode_captions(stage.model.tower, captions, rows, style_tokens)
    whole = batch.lengths.to(stage.device)
    noisy = Noisy(schedule.add_noise(z, t, eps), t, text, lengths)
    return denoising_loss(stage.model.denoiser, vae, noisy, schedule.target(z, t, eps), whole)


def _encode_captions(
    tower: TextTower, captions: Captions, rows: Int[Tensor, " rows"], style_tokens: StyleTokens, size: int = 32
) -> Float[Tensor, "rows d_text"]:
    """Features of the captions, those of like length together."""
    order = sorted(range(len(rows)), key=lambda i: len(captions.sentences[int(rows[i])]))
    listed = [int(rows[i]) for i in order]
    parts = [listed[start : start + size] for start in range(0, len(listed), size)]
    features = torch.cat([captions.encode_rows(part, tower, style_tokens) for part in parts])
    return features[torch.tensor(order).argsort().to(features.device)].float()


def _compare_wordings(
    stage: Stage[Speaker], before: TextTower, weights: LanguageLoss, step: int
) -> dict[str, Float[Tensor, ""]]:
    """The losses on generated sentences; each process encodes its rows, and all compare the whole."""
    rng = random.Random(f"{stage.train.seed}/{step}")
    meanings = draw_meanings(rng, weights.meanings)
    sentences = [say(meaning, rng) for _ in range(2) for meaning in meanings]
    own = [sentences[i] for i in stage.list_rows(len(sentences))]
    encoded = encode_sorted(stage.model.tower, own)
    with torch.no_grad():
        old = encode_sorted(before, own)
    first, second = normalize(stage.gather(encoded, len(sentences)).float(), dim=-1).chunk(2)
    same = torch.tensor([[a == b for a in meanings] for b in meanings], device=first.device)
    return {
        "meaning": info_nce(first @ second.T / weights.temperature, same),
        "anchor": (encoded.float() - old.float()).square().mean(),
    }


@torch.no_grad()
def _validate(
    model: Speaker,
    latents: Latents,
    val: LatentBatch,
    schedule: Diffusion,
    vae: AnyVAE,
    style_tokens: StyleTokens,
) -> float:
    """The denoising loss on val clips under features of the tower as it is."""
    text = _encode_captions(model.tower, latents.captions, val.rows, style_tokens)
    return validation_loss(model.denoiser, schedule, vae, replace(val, text=text))
