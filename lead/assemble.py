"""A run folder's trained parts, each by itself or together as a base.

Knows nothing of how the parts were trained.
"""

from pathlib import Path

import torch

from lead.denoiser import DenoiserConfig
from lead.diffusion import DiffusionConfig
from lead.manners import MannerConfig, MannerWords
from lead.model import Lead, LeadConfig
from lead.motion.features import Stats
from lead.projector import ProjectorConfig
from lead.runs import load_part
from lead.text import TextConfig, TextTower
from lead.vae import MotionVAE, VAEConfig


def load_tower(run: Path) -> TextTower:
    tensors, config = load_part(Path(run) / "text.safetensors", "text")
    tower = TextTower(TextConfig(**config))
    tower.load_state_dict(tensors)
    return tower.eval().requires_grad_(False)


def load_vae(run: Path) -> MotionVAE:
    tensors, config = load_part(Path(run) / "vae.safetensors", "vae")
    vae = MotionVAE(VAEConfig(**config))
    vae.load_state_dict(tensors)
    return vae.eval().requires_grad_(False)


def load_manners(run: Path) -> MannerWords:
    tensors, config = load_part(Path(run) / "manners.safetensors", "manners")
    words = MannerWords(MannerConfig(**config))
    words.load_state_dict(tensors)
    return words


def assemble(data: Path, run: Path, name: str, license: str, diffusion: DiffusionConfig = DiffusionConfig()) -> Lead:
    """The base made of a run folder's parts and its data set's statistics."""
    parts = {part: load_part(Path(run) / f"{part}.safetensors", part) for part in ("denoiser", "projector")}
    tower, vae, words = load_tower(run), load_vae(run), load_manners(run)
    config = LeadConfig(
        name, license, tower.config, vae.config, DenoiserConfig(**parts["denoiser"][1]),
        ProjectorConfig(**parts["projector"][1]), diffusion, words.config,
    )  # fmt: skip
    base = Lead(config)
    for part, module in (("text", tower), ("vae", vae), ("manners", words)):
        getattr(base, part).load_state_dict(module.state_dict())
    for part, (weights, _) in parts.items():
        getattr(base, part).load_state_dict(weights)
    stats = Stats.read(data)
    base.mean.copy_(torch.from_numpy(stats.mean))
    base.std.copy_(torch.from_numpy(stats.std))
    return base
