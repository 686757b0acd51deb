"""What a fine-tuned base gained and lost: on the user's own captions, and on the suite of plain prompts.

Own captions: motions are generated from captions of clips, at the clips' lengths, by the base before and after. Both go
through the VAE and the new base's E_proj, as the clips do, and are compared by cosine: 1 is the same. One judge for
both, and the one that knows the clips. Knows nothing of training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT, Clip, collate
from lead.eval.prompt_suite import SuiteResult, run_suite
from lead.finetune.inputs import Inputs
from lead.finetune.replay import Replay
from lead.model import Lead
from lead.train.clips import subsample, to_tensors
from lead.train.stages.vae import reconstruction_error

CLIPS, OTHERS = 48, 96
"""At most so many of the user's clips, and of the old base's samples, are compared."""
SECONDS = 4.0
"""The length at which the suite is run."""
NOTICED = 0.5
"""From this change of its share on, a kind of the suite is named."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Similarity:
    """How similar motions that are generated from captions are to the clips; mean cosines."""

    clips: int
    held_out: bool
    """Whether the clips were kept from training (splits val and test)."""
    others: float
    """Of the old base's motions for other prompts: what it is worth to be any motion at all."""
    before: float
    after: float


@torch.no_grad()
def compare_captions(
    old: Lead, new: Lead, inputs: Inputs, replay: Replay, samples: int = 2, seed: int = 0
) -> Similarity:
    """The similarity of both bases' motions to the clips whose captions they are generated from."""
    clips = subsample(inputs.held_out or inputs.clips, CLIPS)
    clips = [clip for clip in clips if len(clip.features) >= MIN_FRAMES]
    own = _embed_clips(new, clips)
    rows = torch.linspace(0, len(replay.prompts) - 1, min(OTHERS, len(replay.prompts))).round().long()
    others = _embed(new, replay.z[rows].to(new.device), replay.lengths[rows].to(new.device))
    before, after = (_measure(base, new, clips, own, samples, seed) for base in (old, new))
    return Similarity(len(clips), bool(inputs.held_out), float((own @ others.T).mean()), before, after)


def _measure(
    base: Lead, judge: Lead, clips: Sequence[Clip], own: Float[Tensor, "clips d_text"], samples: int, seed: int
) -> float:
    """The mean cosine between each clip and the motions that a base generates from its first caption."""
    fps = base.skeleton.fps
    frames = [min(max(len(clip.features), MIN_FRAMES + UNIT), MAX_FRAMES) for clip in clips]  # features are a row less
    cosines = []
    for sample in range(samples):
        captions = [clip.captions[0] for clip in clips]
        motions = base.generate(captions, seconds=[count / fps for count in frames], seed=seed + sample)
        cosines.append((_embed(judge, *judge.encode_motion(motions)) * own).sum(dim=-1))
    return float(torch.stack(cosines).mean())


def _embed_clips(judge: Lead, clips: Sequence[Clip]) -> Float[Tensor, "clips d_text"]:
    """Clips through the VAE and E_proj, one at a time, since their lengths differ much."""
    rows = []
    for clip in clips:
        features, lengths = to_tensors(collate([clip]), judge.device)
        rows.append(_embed(judge, judge.vae.encode(features, lengths)[0] * judge.vae.latent_scale, lengths))
    return torch.cat(rows)


def _embed(
    judge: Lead, z: Float[Tensor, "motions latents d_latent"], lengths: Int[Tensor, " motions"]
) -> Float[Tensor, "motions d_text"]:
    """A vector of unit length in the text space for each motion."""
    return normalize(judge.projector.pool(judge.projector.encode(z, lengths), lengths), dim=-1)


def measure_autoencoder(inputs: Inputs) -> float:
    """How far, in cm, a joint is displaced where the base's VAE encodes and decodes training clips; the mean."""
    return 100 * reconstruction_error(inputs.start.vae, subsample(inputs.clips, 64), inputs.start.stats)


def judge_suite(base: Lead, samples: int, seed: int, progress: Progress | None = None) -> SuiteResult:
    """The suite of plain prompts at one length."""
    return run_suite(base, samples=samples, seconds=(SECONDS,), seed=seed, progress=progress)


def list_changes(before: SuiteResult, after: SuiteResult) -> dict[str, float]:
    """The kinds whose share changed by NOTICED or more, the greatest loss first."""
    changes = {kind: after.kinds[kind].mean - score.mean for kind, score in before.kinds.items()}
    noticed = [(round(change, 2), kind) for kind, change in changes.items() if abs(change) >= NOTICED]
    return {kind: change for change, kind in sorted(noticed)}
