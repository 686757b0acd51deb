"""Fine-tuning: a base goes on training on a user's own captioned clips, in minutes, and keeps what it knew.

Text tower and VAE stay as they are. The denoiser is trained on the clips' latents and, in equal parts, on the base's
own samples for prompts that it knows (generative replay, Shin et al., arXiv 1705.08690), since a base does not ship its
training data. Then the projector is trained on both. The run folder keeps the parts, so a killed run resumes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lead.checkpoint import atomic_write, save_part
from lead.data import dataset as motion_data
from lead.data.layout import COMPOSED
from lead.errors import LeadError
from lead.model import Lead
from lead.networks.denoiser import Denoiser
from lead.networks.vae import MotionVAE
from lead.train.assemble import assemble, load_denoiser
from lead.train.diffusion import DIFFUSION_TRAIN, fit_denoiser
from lead.train.latents import Captions, LatentClips, Latents, encode_clips
from lead.train.logs import fingerprint
from lead.train.projector import PROJECTOR_TRAIN, Frozen, fit_projector
from lead.train.stage import TrainConfig
from lead.train.vae import reconstruction_error, subsample
from lead.train.warm_start import begin_from, load_start

FINETUNE_DENOISER = replace(DIFFUSION_TRAIN, steps=600, batch=64, lr=1e-4, warmup=50, ema=0.99, val_every=100)
FINETUNE_PROJECTOR = replace(PROJECTOR_TRAIN, steps=300, batch=96, lr=2e-4, warmup=30, ema=0.98, val_every=100)
REPLAY_SECONDS = (2.0, 4.0, 7.0)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finetuned:
    """The new base, and how well the old one's autoencoder reproduces the clips."""

    base: Lead
    clips: int
    joint_error_cm: float
    """Mean distance of joints after encoding and decoding a training clip."""


def finetune(
    data: Path,
    run: Path,
    base: Path | None,
    replay: Sequence[str],
    name: str,
    *,
    denoiser: TrainConfig = FINETUNE_DENOISER,
    projector: TrainConfig = FINETUNE_PROJECTOR,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Finetuned:
    """A base trained further on `data`; `replay` are prompts that it knows, `progress` counts samples for them.

    Raises LeadError where the base is MLD's, whose parts are trained by `lead train --preset mld`.
    """
    begin_from(base, run)
    start = load_start(run)
    assert start is not None
    if not isinstance(start.vae, MotionVAE) or not isinstance(start.denoiser, Denoiser):
        raise LeadError(f"{base} has MLD's networks; only bases of --preset small are fine-tuned")
    start.to(device)
    save_part(run / "text.safetensors", start.text, "text", start.config.text)
    save_part(run / "vae.safetensors", start.vae, "vae", start.config.vae)
    save_part(run / "manners.safetensors", start.style_tokens, "manners", start.config.style_tokens)
    clips = motion_data.load_captioned(data, start.stats)
    val = motion_data.load(data, "val", start.stats) if (data / "val.txt").is_file() else clips
    error = reconstruction_error(start.vae, subsample(clips, 64), start.stats)
    latents = _gather_latents(start, clips, val, replay, data, run, progress)
    fit_denoiser(
        latents, start.vae, run, start.config.denoiser, denoiser, start.config.diffusion, device, start.denoiser
    )
    frozen = Frozen(latents, start.vae, load_denoiser(run), start.diffusion)
    fit_projector(frozen, run, None, projector, device=device)
    made = assemble(data, run, name, start.license, sampler=start.config.diffusion.sampler,
                    steps=start.config.diffusion.sampling_steps, guidance=start.config.diffusion.guidance)  # fmt: skip
    return Finetuned(made, len(clips), 100 * error)


@torch.no_grad()
def _gather_latents(
    start: Lead,
    clips: Sequence[motion_data.Clip],
    val: Sequence[motion_data.Clip],
    replay: Sequence[str],
    data: Path,
    run: Path,
    progress: Progress | None,
) -> Latents:
    """Latents of the clips under their captions, and of the base's own samples under theirs."""
    captions = Captions(style_tokens=False)
    own = encode_clips(start.vae, clips, captions)
    known = encode_clips(start.vae, subsample(val), captions)
    sampled = _sample_replay(start, replay, run, progress)
    texts = tuple(captions.add(motion_data.Clip("", clips[0].features, (prompt,))) for prompt in replay)
    again = LatentClips(
        sampled["mu"], torch.zeros_like(sampled["mu"]), sampled["lengths"], texts,
        torch.full((len(replay),), 1 / len(replay)), own.frames_per_latent, COMPOSED,
    )  # fmt: skip
    table = captions.encode(start.text, start.style_tokens)
    digest = hashlib.sha256("\n".join([fingerprint(data), *sorted(start.fingerprints.values()), *replay]).encode())
    return Latents((own, again), known, table, digest.hexdigest()[:16])


def _sample_replay(
    start: Lead, replay: Sequence[str], run: Path, progress: Progress | None, batch: int = 64
) -> dict[str, torch.Tensor]:
    """A latent of the base for each prompt, kept in the run folder."""
    path = run / "replay.safetensors"
    if path.is_file():
        kept = load_file(path)
        if len(kept["lengths"]) == len(replay):
            return kept
    fps = start.skeleton.fps
    frames = [round(REPLAY_SECONDS[i % len(REPLAY_SECONDS)] * fps / 4) * 4 for i in range(len(replay))]
    lengths = torch.tensor(frames)
    most = int(start.vae.latent_lengths(torch.tensor([motion_data.MAX_FRAMES]))[0])
    latents = torch.zeros(len(replay), most, start.vae.config.d_latent)
    for first in range(0, len(replay), batch):
        part = slice(first, first + batch)
        noise = start.noise(lengths[part], 0, first)
        text = start.encode_text(replay[part])
        z = start.sample(text, lengths[part].to(start.device), noise)
        latents[part, : z.shape[1]] = z.cpu()
        if progress:
            progress(min(first + batch, len(replay)), len(replay))
    made = {"mu": latents, "lengths": lengths}
    with atomic_write(path) as partial:
        save_file(made, partial)
    return made
