"""The protocol by which a base model is judged on one split of a data set.

Four rows: real motion, the VAE's reconstruction of it, motion generated without the projector (MLD) and
with it (LEAD). In each of 20 replications every clip gets one of its captions and one generation of its own
length, groups and pairs are drawn anew, and each figure is the mean over replications with its 95 %
interval. The two generated rows share captions, lengths and seeds. Every row is judged as a user gets it:
joints, turned into features again. FID is taken against the split's real clips; the real row's own FID is
one random half of them against the other, so it says how far chance alone goes in sets of that size (halves
are smaller, which raises it: a reading aid, no floor). This module knows nothing of training. Source: Guo
et al., CVPR 2022, section 5.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from lead import metrics
from lead.data import MAX_FRAMES, UNIT, Clip, load
from lead.errors import LeadError
from lead.evaluator import Evaluator
from lead.metrics import Estimate
from lead.model import MIN_FRAMES, Lead
from lead.motion import Motion
from lead.motion.features import Stats

COLUMNS = {
    "fid": "FID",
    "r1": "R@1",
    "r2": "R@2",
    "r3": "R@3",
    "mm_dist": "MM-Dist",
    "diversity": "Diversity",
    "multimodality": "MModality",
    "skate": "foot skate",
    "jitter": "jitter m/s³",
}
ROWS = {"real": "real motion", "vae": "VAE reconstruction", "mld": "MLD (realign=False)", "lead": "LEAD"}

Evaluation = dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Protocol:
    """How much is drawn: the defaults are the published protocol but for MModality, there 100 texts of 30."""

    replications: int = 20
    multimodal_texts: int = 20
    multimodal_samples: int = 10
    batch: int = 64
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Judged:
    """A set of motions as the metrics see it."""

    embeddings: Float[np.ndarray, "clips d"]
    skate: float
    jitter: float


def evaluate(
    base: Lead,
    evaluator: Evaluator,
    data: str | Path,
    split: str = "test",
    protocol: Protocol = Protocol(),
    steps: int | None = None,
    guidance: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """All four rows on a split: row -> metric -> mean with interval; keys as in ROWS and COLUMNS."""
    clips = captioned_clips(data, split)
    frames = [len(clip.features) - 1 for clip in clips]
    real_motions = [Motion.from_features(clip.features) for clip in clips]
    real = judged(evaluator, real_motions)
    vae = judged(evaluator, reconstructed(base, real_motions, batch=protocol.batch))
    values: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    for replication in range(protocol.replications):
        rng = np.random.default_rng((protocol.seed, replication))
        captions = [clip.captions[rng.integers(len(clip.captions))] for clip in clips]
        text = evaluator.embed_texts(captions)
        values["real"].append(scores(text, real, halves(real.embeddings, rng), rng))
        values["vae"].append(scores(text, vae, (vae.embeddings, real.embeddings), rng))

        some = np.sort(rng.permutation(len(clips))[: protocol.multimodal_texts])
        repeated = np.repeat(some, protocol.multimodal_samples)
        drawn = captions + [captions[i] for i in repeated]
        lengths = frames + [frames[i] for i in repeated]
        seed = int(rng.integers(1 << 30))
        for row, motions in generated(base, drawn, lengths, seed, protocol.batch, steps, guidance).items():
            rng = np.random.default_rng(seed)  # both rows draw the same groups and pairs
            once = judged(evaluator, motions[: len(clips)])
            many = judged(evaluator, motions[len(clips) :])
            by_text = many.embeddings.reshape(len(some), protocol.multimodal_samples, -1)
            figures = scores(text, once, (once.embeddings, real.embeddings), rng)
            values[row].append(figures | {"multimodality": metrics.multimodality(by_text, rng)})
        if progress:
            progress(replication + 1, protocol.replications)
    return {row: estimates(replications) for row, replications in values.items()}


def captioned_clips(data: str | Path, split: str) -> list[Clip]:
    """The split's clips with captions, in their own units, those of like length together.

    Each is cut to a multiple of UNIT frames and one, as its joints give one row of features less.

    Raises:
        LeadError: there are fewer than R-precision's 32.
    """
    stats = Stats.read(Path(data))
    own_units = Stats(np.zeros_like(stats.mean), np.ones_like(stats.std))
    clips = []
    for clip in load(Path(data), split, own_units):
        frames = min(len(clip.features) - 1, MAX_FRAMES) // UNIT * UNIT
        if clip.captions and frames >= MIN_FRAMES:
            clips.append(Clip(clip.id, clip.features[: frames + 1], clip.captions))
    if len(clips) < metrics.GROUP:
        raise LeadError(
            f"{data} has {len(clips)} captioned clips of at least {MIN_FRAMES + 1} frames in its split "
            f"{split!r}: R-precision needs {metrics.GROUP}. Choose a larger split."
        )
    return sorted(clips, key=lambda clip: len(clip.features))


def reconstructed(
    base: Lead, motions: Sequence[Motion], realign: bool = False, batch: int = 64
) -> list[Motion]:
    """`base.reconstruct` of any number of motions."""
    parts = (motions[start : start + batch] for start in range(0, len(motions), batch))
    return [motion for part in parts for motion in base.reconstruct(part, realign=realign)]


@torch.no_grad()
def generated(
    base: Lead,
    captions: Sequence[str],
    frames: Sequence[int],
    seed: int,
    batch: int,
    steps: int | None,
    guidance: float | None,
) -> dict[str, list[Motion]]:
    """The same sampled latents decoded plainly (row mld) and through the projector (row lead)."""
    noises = torch.Generator().manual_seed(seed)
    motions: dict[str, list[Motion]] = {"mld": [], "lead": []}
    for start in range(0, len(captions), batch):
        text = base.encode_text(captions[start : start + batch])
        lengths = torch.tensor(frames[start : start + batch], device=base.device)
        latents = int(base.vae.latent_lengths(lengths).max())
        noise = torch.randn(len(text), latents, base.config.vae.d_latent, generator=noises).to(base.device)
        z = base.sample(text, lengths, noise, steps, guidance)
        motions["mld"] += base.decode(z, lengths)
        motions["lead"] += base.decode(base.projector.realigned(z, lengths), lengths)
    return motions


def judged(evaluator: Evaluator, motions: Sequence[Motion]) -> Judged:
    """Embeddings of motions, and the means of what is read from their joints."""
    return Judged(
        evaluator.embed_motions([motion.features() for motion in motions]),
        float(np.mean([metrics.foot_skate_ratio(motion.joints, motion.fps) for motion in motions])),
        float(np.mean([metrics.jitter(motion.joints, motion.fps) for motion in motions])),
    )


def scores(
    text: Float[np.ndarray, "clips d"],
    motions: Judged,
    compared: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> dict[str, float]:
    """One replication's figures, but for MModality; `compared` are the two sets of embeddings of FID."""
    r1, r2, r3 = metrics.r_precision(text, motions.embeddings, rng)
    return {
        "fid": metrics.frechet_distance(*compared),
        "r1": r1,
        "r2": r2,
        "r3": r3,
        "mm_dist": metrics.mm_dist(text, motions.embeddings),
        "diversity": metrics.diversity(motions.embeddings, rng),
        "skate": motions.skate,
        "jitter": motions.jitter,
    }


def halves(
    embeddings: Float[np.ndarray, "clips d"], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A set cut in two at random."""
    order = rng.permutation(len(embeddings))
    return embeddings[order[: len(order) // 2]], embeddings[order[len(order) // 2 :]]


def estimates(replications: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Mean and interval of each figure."""
    return {key: Estimate.of([figures[key] for figures in replications]) for key in replications[0]}


def table_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """The evaluation as text, a row a line, with a dash where a figure has no meaning."""
    return [
        (ROWS[row], *(str(figures[key]) if key in figures else "-" for key in COLUMNS))
        for row, figures in evaluation.items()
    ]
