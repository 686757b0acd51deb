"""Replay: a base's own samples, trained beside new clips so that it keeps what it knew.

A base does not ship its training data. Its samples for sentences of motion language stand for them (generative replay,
Shin et al., *Continual learning with deep generative replay*, NeurIPS 2017, arXiv 1705.08690). The sentences are drawn
from `lead.text.synthesis`, not from the suite of prompts that judges the base afterwards.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lead.checkpoint import atomic_write
from lead.data.dataset import MAX_FRAMES, UNIT
from lead.model import Lead
from lead.text.meaning import draw
from lead.text.synthesis import say

SECONDS = (2.0, 4.0, 7.0)
"""Lengths of the samples, in turn."""
FILE = "replay.safetensors"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Replay:
    """Samples and their prompts."""

    prompts: tuple[str, ...]
    z: Float[Tensor, "samples latents d_latent"]
    """Zero after each sample's end."""
    lengths: Int[Tensor, " samples"]
    """In frames."""


def draw_prompts(count: int, seed: int = 0) -> tuple[str, ...]:
    """Sentences of motion language, no two alike; the same seed draws the same."""
    rng, prompts = random.Random(f"replay/{seed}"), dict[str, None]()
    while len(prompts) < count:
        prompts[say(draw(rng), rng)] = None
    return tuple(prompts)


@torch.no_grad()
def sample_replay(
    base: Lead, prompts: Sequence[str], run: Path, progress: Progress | None = None, batch: int = 64
) -> Replay:
    """A sample of the base for each prompt, kept in the run folder; those that are there are used again."""
    path = run / FILE
    frames = [round(SECONDS[i % len(SECONDS)] * base.skeleton.fps / UNIT) * UNIT for i in range(len(prompts))]
    key = hashlib.sha256(json.dumps([list(prompts), frames, base.fingerprints]).encode()).hexdigest()
    lengths = torch.tensor(frames)
    if (kept := _read_kept(path, key)) is not None:
        return Replay(tuple(prompts), kept, lengths)
    most = int(base.vae.latent_lengths(torch.tensor([MAX_FRAMES]))[0])
    z = torch.zeros(len(prompts), most, base.config.vae.d_latent)
    for first in range(0, len(prompts), batch):
        part = slice(first, first + batch)
        noise = base.noise(lengths[part], 0, first)
        sampled = base.sample(base.encode_text(prompts[part]), lengths[part].to(base.device), noise)
        rows = torch.arange(sampled.shape[1]) < base.vae.latent_lengths(lengths[part])[:, None]
        z[part, : sampled.shape[1]] = sampled.cpu() * rows[..., None]
        if progress:
            progress(min(first + batch, len(prompts)), len(prompts))
    run.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        save_file({"z": z}, partial, metadata={"key": key})
    return Replay(tuple(prompts), z, lengths)


def _read_kept(path: Path, key: str) -> Tensor | None:
    """The kept latents, where they are of this base and these prompts."""
    if path.is_file():
        with suppress(SafetensorError), safe_open(path, "pt") as file:  # a damaged file is written again
            if (file.metadata() or {}).get("key") == key:
                kept: Tensor = file.get_tensor("z")
                return kept
    return None
