"""Which VAE and which denoiser a config means: ours ("packed") or MLD's as published ("mld").

A config's class says which; in JSON its key "architecture" does, and where there is none it is ours.
"""

from collections.abc import Mapping
from typing import Any

from lead.networks.denoiser import Denoiser, DenoiserConfig
from lead.networks.mld import MldDenoiser, MldDenoiserConfig, MldVAE, MldVAEConfig
from lead.networks.vae import MotionVAE, VAEConfig

AnyVAE = MotionVAE | MldVAE
AnyVAEConfig = VAEConfig | MldVAEConfig
AnyDenoiser = Denoiser | MldDenoiser
AnyDenoiserConfig = DenoiserConfig | MldDenoiserConfig


def vae_config(values: Mapping[str, Any]) -> AnyVAEConfig:
    return MldVAEConfig(**values) if values.get("architecture") == "mld" else VAEConfig(**values)


def denoiser_config(values: Mapping[str, Any]) -> AnyDenoiserConfig:
    return MldDenoiserConfig(**values) if values.get("architecture") == "mld" else DenoiserConfig(**values)


def build_vae(config: AnyVAEConfig) -> AnyVAE:
    return MldVAE(config) if isinstance(config, MldVAEConfig) else MotionVAE(config)


def build_denoiser(config: AnyDenoiserConfig) -> AnyDenoiser:
    return MldDenoiser(config) if isinstance(config, MldDenoiserConfig) else Denoiser(config)
