"""The refine stage: the denoiser goes on learning, from the data set and from motions of its own, right and wrong ones.

The base as trained so far makes motions for what the clips of a composed data set show, and each is judged
(`lead.train.trials`). Their latents join the batches. With the noise eps and the prediction eps_old of the denoiser as
it was before, a trial of advantage a has the target

    eps_old + PUSH a (eps - eps_old)

so that the denoiser moves towards trials that are better than the others of their topic, and away from worse ones.
Source: DiffusionNFT (Zheng et al., arXiv 2509.16117), equation 5, whose loss has this minimum. Run again, the stage
makes a further round: new trials of what it has made. Needs the text, the VAE, the diffusion and the projector stage.
The trials are kept in the run folder, as `trials-<fingerprint>.safetensors`.
"""

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
from lead.train.latents import TRIED, Captions, LatentClips, Latents, digest, hash_weights, load_latents, make_once
from lead.train.processes import main_process_first
from lead.train.stage import TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.stages.diffusion import fit_denoiser
from lead.train.trials import Trials, draw_trials

REFINE_TRAIN = TrainConfig(steps=2000, batch=128, lr=2e-4, keep="last")
"""The last weights are kept: the loss on val says how well clips are met, not how often captions are."""
ATTEMPTS = 8
"""Motions that are made for each step of training."""
PUSH = 2.0
"""How far the denoiser moves for an advantage of 1; by 1 it would learn from such a trial as from a clip."""


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train_refine(request.data, request.run, train=replace(REFINE_TRAIN, **request.options), device=request.device)


def train_refine(data: Path, run: Path, train: TrainConfig = REFINE_TRAIN, device: str = "cpu") -> AnyDenoiser:
    """Writes `refined.safetensors`, a denoiser that takes the place of the diffusion stage's; the loss is that one's.

    Raises LeadError where the data set was not composed.
    """
    tower, vae, start = load_tower(run), load_vae(run, polished=False), load_denoiser(run)
    latents = load_latents(data, run, vae, tower, load_style_tokens(run), device)
    key = digest(latents.fingerprint, hash_weights(start), f"{ATTEMPTS * train.steps} {train.seed}")
    with main_process_first(device):
        packed = make_once(Path(run), "trials", key, lambda: _draw(data, run, train, key, device))
    diffusion = load_diffusion(run)
    latents = replace(add_trials(latents, packed, vae), fingerprint=key)
    return fit_denoiser(latents, vae, run, start.config, train, diffusion, device, start, "refine")


def _draw(data: Path, run: Path, train: TrainConfig, key: str, device: str) -> dict[str, Tensor]:
    """The trials as a split of latents has its clips (`LatentClips`), and the features of their captions."""
    base, seed = assemble(data, run, "refined", "").to(device), int(key[:8], 16)
    attempts, console = ATTEMPTS * train.steps, Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("trials", total=attempts)
        trials = draw_trials(base, data, attempts, seed, lambda done, _: progress.update(task, completed=done))
    console.print(f"{int(trials.shown.sum()):,} of {attempts:,} motions show what they were made for")
    return pack_trials(trials, base.text, base.style_tokens)


def pack_trials(trials: Trials, tower: TextTower, style_tokens: StyleTokens) -> dict[str, Tensor]:
    """The trials as named tensors: what `LatentClips` has of a split, and the table of their captions' features."""
    sentences = Captions()
    nothing = np.zeros((0, 1), dtype=np.float32)
    clips = [
        Clip(f"T{number}", nothing, captions, meaning=topic)
        for number, (captions, topic) in enumerate(zip(trials.captions, trials.topics, strict=True))
    ]
    rows = [sentences.add(clip) for clip in clips]
    return {
        "z": trials.z,
        "lengths": trials.lengths,
        "advantages": trials.advantages,
        "texts": torch.tensor([row for of_clip in rows for row in of_clip]),
        "counts": torch.tensor([len(of_clip) for of_clip in rows]),
        "shares": torch.from_numpy(balance(clips)),
        "table": sentences.encode(tower, style_tokens),
    }


def add_trials(latents: Latents, packed: dict[str, Tensor], vae: AnyVAE) -> Latents:
    """The latents with the trials as a further source; their captions' features follow the others in the table."""
    first = len(latents.table) - 1  # row 0 of either table is the empty prompt's
    parts = torch.split(packed["texts"] + first, packed["counts"].tolist())
    z, counts = packed["z"], vae.latent_lengths(packed["lengths"])
    texts = tuple(tuple(part.tolist()) for part in parts)
    tried = LatentClips(
        z, torch.zeros_like(z), packed["lengths"], texts, packed["shares"], counts, TRIED, PUSH * packed["advantages"]
    )
    table = torch.cat([latents.table, packed["table"][1:]])
    return replace(latents, sources=(*latents.sources, tried), table=table)
