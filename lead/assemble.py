"""A run folder's trained parts, each by itself or together as a base.

Knows nothing of how the parts were trained.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lead.diffusion import DiffusionConfig, Sampler
from lead.errors import LeadError
from lead.manners import MannerConfig, MannerWords
from lead.mld import MLD_DIFFUSION, MldDenoiserConfig
from lead.model import Lead, LeadConfig
from lead.motion.features import Stats
from lead.networks import AnyDenoiser, AnyVAE, build_denoiser, build_vae, denoiser_config, vae_config
from lead.projector import ProjectorConfig
from lead.runs import load_part
from lead.text import TextConfig, TextTower

SCHEDULE = ("steps", "beta_start", "beta_end", "schedule", "prediction")
"""What training fixes of a DiffusionConfig."""


def load_tower(run: Path) -> TextTower:
    tensors, config = load_part(Path(run) / "text.safetensors", "text")
    tower = TextTower(TextConfig(**config))
    tower.load_state_dict(tensors)
    return tower.eval().requires_grad_(False)


def load_vae(run: Path, polished: bool = True) -> AnyVAE:
    """The VAE; with the decoder stage's decoder, where that was run and unless `polished` is False."""
    part = "decoder" if polished and (Path(run) / "decoder.safetensors").is_file() else "vae"
    tensors, config = load_part(Path(run) / f"{part}.safetensors", part)
    vae = build_vae(vae_config(config))
    vae.load_state_dict(tensors)
    return vae.eval().requires_grad_(False)


def load_denoiser(run: Path) -> AnyDenoiser:
    tensors, config = load_part(Path(run) / "denoiser.safetensors", "denoiser")
    denoiser = build_denoiser(denoiser_config(config))
    denoiser.load_state_dict(tensors)
    return denoiser.eval().requires_grad_(False)


def load_manners(run: Path) -> MannerWords:
    tensors, config = load_part(Path(run) / "manners.safetensors", "manners")
    words = MannerWords(MannerConfig(**config))
    words.load_state_dict(tensors)
    return words


def load_diffusion(run: Path) -> DiffusionConfig:
    """The schedule that the run's denoiser was trained under; how to sample is its architecture's default."""
    path = Path(run) / "diffusion.json"
    if not path.is_file():
        raise LeadError(f"{path} is missing, which tells the noise schedule; train the diffusion stage or import again")
    noted = json.loads(path.read_text())
    default = MLD_DIFFUSION if isinstance(denoiser_config(noted["config"]), MldDenoiserConfig) else DiffusionConfig()
    return replace(default, **{name: noted["diffusion"][name] for name in SCHEDULE if name in noted["diffusion"]})


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
    """The base made of a run folder's parts and its data set's statistics.

    It samples by its architecture's default where `sampler`, `steps` and `guidance` say nothing else.
    """
    tower, vae, denoiser, words = load_tower(run), load_vae(run), load_denoiser(run), load_manners(run)
    tensors, projector = load_part(Path(run) / "projector.safetensors", "projector")
    stats = Stats.read(data)
    if len(stats.mean) != vae.config.features:
        raise LeadError(
            f"{data}: Mean.npy has {len(stats.mean)} numbers, the VAE in {run} reads {vae.config.features}; "
            "give the data set that it was trained on"
        )
    sampling: dict[str, Any] = {"sampler": sampler, "sampling_steps": steps, "guidance": guidance}
    diffusion = replace(load_diffusion(run), **{key: value for key, value in sampling.items() if value is not None})
    config = LeadConfig(
        name, license, tower.config, vae.config, denoiser.config, ProjectorConfig(**projector), diffusion, words.config
    )
    base = Lead(config)
    base.text.load_state_dict(tower.state_dict())
    base.vae.load_state_dict(vae.state_dict())
    base.denoiser.load_state_dict(denoiser.state_dict())
    base.projector.load_state_dict(tensors)
    base.manners.load_state_dict(words.state_dict())
    base.mean.copy_(torch.from_numpy(stats.mean))
    base.std.copy_(torch.from_numpy(stats.std))
    return base
