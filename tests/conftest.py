"""Small random models and simple motions that the tests share; nothing is downloaded."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pack import has_pack, pack_folder
from lead.motion import Motion
from lead.motion.skeleton import tpose


@pytest.fixture(scope="session")
def pack() -> Path:
    """The development pack's folder; tests that need real motion are skipped without it."""
    if not has_pack():
        pytest.skip(f"no motion pack: set LEAD_DATA (now {os.environ.get('LEAD_DATA', 'unset')!r})")
    return pack_folder()


def walking(seconds: float = 3.0, fps: float = 20.0, sway: float = 0.0, seed: int = 0) -> Motion:
    """A crude walk along +Z: legs and arms swing, bone lengths stay true."""
    rest = tpose()
    times = np.arange(int(seconds * fps)) / fps
    joints = np.repeat(rest[None], len(times), axis=0)
    phase = 2 * np.pi * 1.0 * times + seed
    for side, sign in ((0, 1.0), (1, -1.0)):
        hip, shoulder = 1 + side, 16 + side
        swing = 0.4 * np.sin(phase) * sign
        for joint, parent in ((4 + side, hip), (7 + side, 4 + side), (10 + side, 7 + side)):
            offset = rest[joint] - rest[parent]
            joints[:, joint] = joints[:, parent] + _pitched(offset, swing)
        for joint, parent in ((18 + side, shoulder), (20 + side, 18 + side)):
            length = np.linalg.norm(rest[joint] - rest[parent])
            joints[:, joint] = joints[:, parent] + _pitched(np.array([0, -length, 0]), -swing + 0.2 * sway)
    joints[:, :, 2] += times[:, None] * 1.1
    return Motion(joints.astype(np.float32), fps, name=f"walk-{seed}")


def _pitched(offset: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """An offset rotated about X by an angle a frame."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = offset
    return np.stack([np.full_like(angle, x), cos * y - sin * z, sin * y + cos * z], axis=-1)


@pytest.fixture
def walk() -> Motion:
    return walking()


@pytest.fixture(scope="session")
def tiny_base():
    """A base with random weights, small enough for any test; treat it as read-only."""
    import torch

    from lead.denoiser import DenoiserConfig
    from lead.manners import MannerConfig, MannerWords
    from lead.model import Lead, LeadConfig
    from lead.projector import ProjectorConfig
    from lead.text import TextConfig
    from lead.vae import VAEConfig

    torch.manual_seed(0)
    size = {"width": 32, "layers": 1, "heads": 2}
    config = LeadConfig(
        "tiny", "Apache-2.0",
        TextConfig(width=32, layers=1, heads=2, d_text=24, context=77, merges=300),
        VAEConfig(**size, ff=64, d_latent=8),
        DenoiserConfig(d_latent=8, d_text=24, width=32, layers=3, heads=2, ff=64),
        ProjectorConfig(d_latent=8, d_text=24, **size, ff=64),
        manners=MannerConfig(vectors=2, d_token=32),
    )  # fmt: skip
    base = Lead(config)
    with torch.no_grad():
        for parameter in base.denoiser.latents_out.parameters():
            parameter.normal_(std=0.05)
    vocabulary = base.text.vocabulary()
    base.manners = MannerWords.drawn(config.manners, vocabulary.mean, vocabulary.std)
    base.mean[:] = torch.from_numpy(walking().features().mean(axis=0))
    base.std.fill_(0.2)
    return base.eval().requires_grad_(False)
