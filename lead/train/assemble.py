"""Loads a run folder's trained parts, each by itself or together as a base.

Knows nothing of how the parts were trained.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from lead.base_file import LeadConfig
from lead.checkpoint import build, load_part
from lead.diffusion import Diffusion, DiffusionConfig, Sampler
from lead.errors import LeadError
from lead.kernels import optimize
from lead.model import Lead
from lead.networks.build import (
    AnyDenoiser,
    AnyDenoiserConfig,
    AnyVAE,
    build_denoiser,
    build_vae,
    denoiser_config,
    vae_config,
)
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig
from lead.networks.projector import Projector, ProjectorConfig
from lead.networks.style_tokens import StyleTokenConfig, StyleTokens
from lead.text.tower import TextConfig, TextTower
from lead.train.warm_start import read_stats

M = TypeVar("M", bound=nn.Module)

SCHEDULE = ("steps", "beta_start", "beta_end", "schedule", "prediction")
"""The fields of a DiffusionConfig that training fixes."""


@dataclass(frozen=True)
class SpeakerConfig:
    text: TextConfig
    denoiser: AnyDenoiserConfig


class Speaker(nn.Module):
    """A text tower and a denoiser that learn together (`lead.train.stages.language`)."""

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.config = config
        self.tower = TextTower(config.text)
        self.denoiser = build_denoiser(config.denoiser)


def load_tower(run: Path, spoken: bool = True) -> TextTower:
    """The text tower; where the language stage was run, that stage's, unless `spoken` is False."""
    if spoken and (speaker := load_speaker(run)):
        return speaker.tower
    tower = _load(Path(run) / "text.safetensors", "text", lambda config: TextTower(TextConfig(**config)))
    return tower.eval().requires_grad_(False)


def load_vae(run: Path, polished: bool = True) -> AnyVAE:
    """The VAE; where the decoder stage was run, with its decoder, unless `polished` is False."""
    part = "decoder" if polished and (Path(run) / "decoder.safetensors").is_file() else "vae"
    vae: AnyVAE = _load(Path(run) / f"{part}.safetensors", part, lambda config: build_vae(vae_config(config)))
    return vae.eval().requires_grad_(False)


def load_denoiser(run: Path, refined: bool = True) -> AnyDenoiser:
    """The denoiser; where the refine stage was run, that stage's, unless `refined` is False."""
    part = "refined" if refined and (Path(run) / "refined.safetensors").is_file() else "denoiser"
    denoiser: AnyDenoiser = _load(
        Path(run) / f"{part}.safetensors", part, lambda config: build_denoiser(denoiser_config(config))
    )
    return denoiser.eval().requires_grad_(False)


def load_speaker(run: Path) -> Speaker | None:
    """What the language stage made; None where it was not run."""
    path = Path(run) / "language.safetensors"
    if not path.is_file():
        return None

    def make(config: Mapping[str, Any]) -> Speaker:
        return Speaker(SpeakerConfig(TextConfig(**config["text"]), denoiser_config(config["denoiser"])))

    return _load(path, "language", make).eval().requires_grad_(False)


def load_style_tokens(run: Path) -> StyleTokens:
    return _load(Path(run) / "manners.safetensors", "manners", lambda config: StyleTokens(StyleTokenConfig(**config)))


def load_projector(run: Path) -> Projector:
    return _load(Path(run) / "projector.safetensors", "projector", lambda config: Projector(ProjectorConfig(**config)))


def _load(path: Path, part: str, make: Callable[[Mapping[str, Any]], M]) -> M:
    tensors, config = load_part(path, part)
    return build(make, config, tensors, str(path))


def load_diffusion(run: Path) -> DiffusionConfig:
    """The noise schedule that the run's denoiser was trained with; how to sample is its architecture's default."""
    path = Path(run) / "diffusion.json"
    if not path.is_file():
        raise LeadError(f"{path} is missing; it states the noise schedule. Train the diffusion stage or import again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        mld = isinstance(denoiser_config(content["config"]), MldDenoiserConfig)
        schedule = {name: content["diffusion"][name] for name in SCHEDULE if name in content["diffusion"]}
        config = replace(MLD_DIFFUSION if mld else DiffusionConfig(), **schedule)
        Diffusion(config)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        raise LeadError(
            f"{path} does not state the noise schedule ({str(error)[:100]}); train the diffusion stage or import again"
        ) from error
    return config


def assemble(
    data: Path,
    run: Path,
    name: str,
    license: str,
    *,
    sampler: Sampler | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> Lead:
    """The base of a run folder's parts and its data set's statistics.

    It samples by its architecture's default, unless `sampler`, `steps` or `guidance` are given.
    """
    tower, vae, denoiser, style_tokens = load_tower(run), load_vae(run), load_denoiser(run), load_style_tokens(run)
    projector = load_projector(run)
    stats = read_stats(data, run)
    if len(stats.mean) != vae.config.features:
        raise LeadError(
            f"{data}: Mean.npy has {len(stats.mean)} numbers, the VAE in {run} reads {vae.config.features}; "
            "give the data set that it was trained on"
        )
    sampling: dict[str, Any] = {"sampler": sampler, "sampling_steps": steps, "guidance": guidance}
    diffusion = replace(load_diffusion(run), **{key: value for key, value in sampling.items() if value is not None})
    config = LeadConfig(
        name, license, tower.config, vae.config, denoiser.config, projector.config, diffusion, style_tokens.config
    )
    base = Lead(config)
    base.text.load_state_dict(tower.state_dict())
    base.vae.load_state_dict(vae.state_dict())
    base.denoiser.load_state_dict(denoiser.state_dict())
    base.projector.load_state_dict(projector.state_dict())
    base.style_tokens.load_state_dict(style_tokens.state_dict())
    base.mean.copy_(torch.from_numpy(stats.mean))
    base.std.copy_(torch.from_numpy(stats.std))
    return optimize(base)
