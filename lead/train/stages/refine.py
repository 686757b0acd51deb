"""The refine stage: the denoiser goes on learning, from the data set and from motions of its own that are right.

The base as trained so far makes motions for what the clips of a composed data set show; the latents of those that show
it (`lead.train.rejection_sampling`) join the batches. Needs the text, the VAE, the diffusion and the projector stage.
The samples are kept in the run folder, as `samples-<fingerprint>.safetensors`.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from lead.data.dataset import Clip
from lead.networks.build import AnyDenoiser, AnyVAE
from lead.networks.style_tokens import StyleTokens
from lead.text.tower import TextTower
from lead.train.assemble import assemble, load_denoiser, load_diffusion, load_style_tokens, load_tower, load_vae
from lead.train.clips import balance
from lead.train.latents import SAMPLED, Captions, LatentClips, Latents, digest, hash_weights, load_latents, make_once
from lead.train.processes import main_process_first
from lead.train.rejection_sampling import Samples, draw_samples
from lead.train.stage import TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.stages.diffusion import fit_denoiser

REFINE_TRAIN = TrainConfig(steps=6000, batch=128, lr=2e-4, keep="last")
"""The last weights are kept: the loss on val says how well clips are met, not how often captions are."""
ATTEMPTS = 4
"""Motions that are made for each step of training."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train_refine(request.data, request.run, train=replace(REFINE_TRAIN, **request.options), device=request.device)


def train_refine(data: Path, run: Path, train: TrainConfig = REFINE_TRAIN, device: str = "cpu") -> AnyDenoiser:
    """Writes `refined.safetensors`, a denoiser that takes the place of the diffusion stage's; the loss is that one's.

    Raises LeadError where the data set was not composed.
    """
    tower, vae, start = load_tower(run), load_vae(run, polished=False), load_denoiser(run, refined=False)
    latents = load_latents(data, run, vae, tower, load_style_tokens(run), device)
    key = digest(latents.fingerprint, hash_weights(start), f"{ATTEMPTS * train.steps} {train.seed}")
    with main_process_first(device):
        packed = make_once(Path(run), "samples", key, lambda: _draw(data, run, start, train, device))
    diffusion = load_diffusion(run)
    latents = replace(add_samples(latents, packed, vae), fingerprint=key)
    return fit_denoiser(latents, vae, run, start.config, train, diffusion, device, start, stage_name="refine")


def _draw(data: Path, run: Path, start: AnyDenoiser, train: TrainConfig, device: str) -> dict[str, Tensor]:
    """The samples as a split of latents has its clips (`LatentClips`), and the features of their captions."""
    base = assemble(data, run, "refined", "").to(device)
    base.denoiser.load_state_dict(start.state_dict())
    console, threads = Console(stderr=True), torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)  # the other processes wait
    try:
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("samples", total=ATTEMPTS * train.steps)
            samples = draw_samples(
                base, data, ATTEMPTS * train.steps, train.seed, lambda done, _: progress.update(task, completed=done)
            )
        return pack_samples(samples, base.text, base.style_tokens)
    finally:
        torch.set_num_threads(threads)


def pack_samples(samples: Samples, tower: TextTower, style_tokens: StyleTokens) -> dict[str, Tensor]:
    """The samples as named tensors: what `LatentClips` has of a split, and the table of their captions' features."""
    sentences = Captions()
    nothing = np.zeros((0, 1), dtype=np.float32)
    clips = [
        Clip(f"S{number}", nothing, captions, meaning=topic)
        for number, (captions, topic) in enumerate(zip(samples.captions, samples.topics, strict=True))
    ]
    rows = [sentences.add(clip) for clip in clips]
    return {
        "z": samples.z,
        "lengths": samples.lengths,
        "texts": torch.tensor([row for of_clip in rows for row in of_clip]),
        "counts": torch.tensor([len(of_clip) for of_clip in rows]),
        "shares": torch.from_numpy(balance(clips)),
        "table": sentences.encode(tower, style_tokens),
    }


def add_samples(latents: Latents, packed: dict[str, Tensor], vae: AnyVAE) -> Latents:
    """The latents with the samples as a further source; their captions' features follow the others in the table."""
    first = len(latents.table) - 1  # row 0 of either table is the empty prompt's
    parts = torch.split(packed["texts"] + first, packed["counts"].tolist())
    z, counts = packed["z"], vae.latent_lengths(packed["lengths"])
    texts = tuple(tuple(part.tolist()) for part in parts)
    sampled = LatentClips(z, torch.zeros_like(z), packed["lengths"], texts, packed["shares"], counts, SAMPLED)
    table = torch.cat([latents.table, packed["table"][1:]])
    return replace(latents, sources=(*latents.sources, sampled), table=table)
