"""Fine-tuning: a base goes on training on a user's own captioned clips, in minutes, and keeps what it knew.

Text tower, VAE and style tokens stay as they are, bit by bit. The denoiser is trained on the clips' latents and, in
equal parts, on the base's own samples (`lead.finetune.replay`); then the projector is trained on both. The run folder
keeps the parts and the samples: a run that was stopped goes on, and what is finished is not trained again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from lead.checkpoint import save_part
from lead.data.dataset import Clip
from lead.eval.vocabulary import extend_vocabulary
from lead.finetune.inputs import Inputs
from lead.finetune.replay import FILE, Progress, Replay, draw_prompts, sample_replay
from lead.model import Lead
from lead.train.assemble import assemble, load_denoiser
from lead.train.clips import subsample
from lead.train.latents import Captions, LatentClips, Latents, encode_clips
from lead.train.logs import fingerprint, read_result
from lead.train.stage import TrainConfig
from lead.train.stage_table import STAGES, StageName, is_finished
from lead.train.stages.diffusion import DIFFUSION_TRAIN, fit_denoiser
from lead.train.stages.projector import PROJECTOR_TRAIN, Frozen, fit_projector
from lead.train.warm_start import START, begin_from

FINETUNE_DENOISER = replace(
    DIFFUSION_TRAIN, steps=600, batch=64, lr=1e-4, warmup=50, ema=0.99, save_every=100, val_every=100
)
FINETUNE_PROJECTOR = replace(
    PROJECTOR_TRAIN, steps=300, batch=96, lr=2e-4, warmup=30, ema=0.98, save_every=100, val_every=100
)
REPLAY = 960
"""Samples of the base that are trained beside the clips."""
_KEPT = ("text", "vae", "manners")
"""The parts that stay, by their names in run folders."""


@dataclass(frozen=True, eq=False)
class Finetuned:
    """The new base, and the old one's samples that it was trained on."""

    base: Lead
    replay: Replay


def finetune(
    inputs: Inputs,
    run: Path,
    name: str,
    *,
    denoiser: TrainConfig = FINETUNE_DENOISER,
    projector: TrainConfig = FINETUNE_PROJECTOR,
    replay: int = REPLAY,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Finetuned:
    """The base trained further on the clips; `progress` counts the base's samples.

    Raises LeadError where the run folder began from another base, or was stopped with other settings.
    """
    start = inputs.start
    begin_from(inputs.path, run)
    for part, module, config in (
        ("text", start.text, start.config.text),
        ("vae", start.vae, start.config.vae),
        ("manners", start.style_tokens, start.config.style_tokens),
    ):
        save_part(run / f"{part}.safetensors", module, part, config)
    known = sample_replay(Lead.load(run / START, device), draw_prompts(replay), run, progress)
    latents = gather_latents(inputs, known)
    if not _is_trained(run, "diffusion", denoiser, latents):
        fit_denoiser(
            latents, start.vae, run, start.config.denoiser, denoiser, start.config.diffusion, device, start.denoiser
        )
    if not _is_trained(run, "projector", projector, latents):
        fit_projector(
            Frozen(latents, start.vae, load_denoiser(run), start.diffusion), run, None, projector, device=device
        )
    sampling = start.config.diffusion
    base = assemble(
        inputs.data, run, name, start.license,
        sampler=sampling.sampler, steps=sampling.sampling_steps, guidance=sampling.guidance,
    )  # fmt: skip
    if start.vocabulary is not None:
        base.vocabulary = extend_vocabulary(base, start.vocabulary, inputs.data)
    return Finetuned(base, known)


def forget(run: Path) -> None:
    """Removes what a run folder has, so that it begins again; its logs are overwritten then."""
    parts = (*_KEPT, *(STAGES[stage].part for stage in ("diffusion", "projector")))
    names = [START, FILE, *(f"{part}.safetensors" for part in parts), "diffusion.checkpoint", "projector.checkpoint"]
    for name in names:
        (run / name).unlink(missing_ok=True)


@torch.no_grad()
def gather_latents(inputs: Inputs, replay: Replay) -> Latents:
    """Latents of the clips and of the base's samples, drawn equally often, and features of all their captions."""
    start, captions = inputs.start, Captions(style_tokens=False)
    own = encode_clips(start.vae, inputs.clips, captions)
    val = encode_clips(start.vae, subsample(inputs.val), captions)
    again = LatentClips(
        mu=replay.z,
        std=torch.zeros_like(replay.z),
        lengths=replay.lengths,
        texts=_add_prompts(captions, replay.prompts, inputs.clips[0]),
        shares=torch.full((len(replay.prompts),), 1 / len(replay.prompts)),
        counts=start.vae.latent_lengths(replay.lengths),
    )
    made_of = [fingerprint(inputs.data), *sorted(start.fingerprints.values()), *replay.prompts]
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    return Latents((own, again), val, captions.encode(start.text, start.style_tokens), digest)


def _add_prompts(captions: Captions, prompts: Sequence[str], clip: Clip) -> tuple[tuple[int, ...], ...]:
    """The prompts' rows in the table of captions."""
    return tuple(captions.add(replace(clip, captions=(prompt,))) for prompt in prompts)


def _is_trained(run: Path, stage: StageName, train: TrainConfig, latents: Latents) -> bool:
    """Whether a run folder has a stage's part, trained to its end with these settings on these latents."""
    if not is_finished(run, stage) or read_result(run, stage) is None:
        return False
    asked = {"train": asdict(train), "inputs": {"latents": latents.fingerprint}}
    try:
        told = json.loads((run / f"{stage}.json").read_text(encoding="utf-8"))
        same: bool = {key: told[key] for key in asked} == json.loads(json.dumps(asked))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a damaged description says nothing
        return False
    return same
