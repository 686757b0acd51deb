"""Builds the VAE and the denoiser of a config: our own, or MLD's as published.

The class of a config says which. In JSON its key "architecture" says so: "mld" for MLD's; without the key they are
our own.
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
    """The config of these JSON values."""
    return MldVAEConfig(**values) if values.get("architecture") == "mld" else VAEConfig(**values)


def denoiser_config(values: Mapping[str, Any]) -> AnyDenoiserConfig:
    """The config of these JSON values."""
    return MldDenoiserConfig(**values) if values.get("architecture") == "mld" else DenoiserConfig(**values)


def build_vae(config: AnyVAEConfig) -> AnyVAE:
    return MldVAE(config) if isinstance(config, MldVAEConfig) else MotionVAE(config)


def build_denoiser(config: AnyDenoiserConfig) -> AnyDenoiser:
    return MldDenoiser(config) if isinstance(config, MldDenoiserConfig) else Denoiser(config)
