"""Measures one row of the ablations: the motion decoded from shared latents, and what the projector loses.

A setting is a split of the data set with a way of sampling. Its latents are sampled once, and every row decodes them.
So two rows of one setting differ only in the row. A figure is a list of values that pair up between rows: one value a
replication for generated motion, one value a clip for recorded clips.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from benchmarks.judges.networks import CONTENTS, STYLES, Judge, select_known, split_rows
from benchmarks.pack import Row, has_pack, pack_rows
from lead import Lead, Motion
from lead.data.dataset import Clip
from lead.eval import metrics
from lead.eval.evaluator import Evaluator
from lead.eval.protocol import load_captioned_clips

Figures = dict[str, dict[str, list[float]]]
"""Setting -> figure -> values that pair up between rows."""
Report = Callable[[int], None]
"""Called with the number of motions that were sampled or decoded."""

MULTIMODAL = (20, 10)  # texts, and samples of each
BATCH = 64
RECORDED = {"test": "recorded test", "newstyle_eval": "recorded newstyle"}


@dataclass(frozen=True)
class Setting:
    """Where and how motion is generated; None means the base's own."""

    split: str
    steps: int | None = None
    guidance: float | None = None


SETTINGS = {
    "test": Setting("test"),
    "compositional": Setting("compositional"),
    "compositional, 3 steps": Setting("compositional", steps=3),
    "compositional, guidance 1": Setting("compositional", guidance=1.0),
}


@dataclass(frozen=True, eq=False)
class Split:
    """A split's recorded clips as the judges read them, sorted by length."""

    clips: list[Clip]
    lengths: Int[Tensor, "clips"]
    real: Float[np.ndarray, "clips d"]
    """The evaluator's embeddings of the recorded clips."""

    @classmethod
    def read(cls, data: Path, split: str, evaluator: Evaluator) -> "Split":
        clips = load_captioned_clips(data, split)
        real = evaluator.embed_motions([Motion.from_features(clip.features).features() for clip in clips])
        return cls(clips, torch.tensor([len(clip.features) - 1 for clip in clips]), real)

    def captions(self, replication: int, rows: Sequence[int] | None = None) -> list[str]:
        """One caption of each clip; each replication draws its own."""
        rng = np.random.default_rng((1, replication))
        drawn = [clip.captions[rng.integers(len(clip.captions))] for clip in self.clips]
        return drawn if rows is None else [drawn[row] for row in rows]

    def repeat_rows(self) -> list[int]:
        """The rows of MModality's clips; each row repeats as often as motion is generated for it."""
        texts, samples = MULTIMODAL
        some = np.random.default_rng(2).permutation(len(self.clips))[:texts]
        return np.repeat(np.sort(some), samples).tolist()


def shared_latents(
    base: Lead, split: Split, setting: Setting, replications: int, path: Path, report: Report
) -> list[Float[Tensor, "motions latents d_latent"]]:
    """Latents of a setting: one tensor a replication, then MModality's. A file keeps them for the other rows.

    The file holds the fingerprints of the base's parts. A file of another base is replaced.
    """
    made_by = [base.fingerprints[part] for part in ("text", "vae", "denoiser")]
    if path.is_file():
        stored = torch.load(path, weights_only=True)
        if stored["made_by"] == made_by and len(stored["latents"]) > replications:
            return stored["latents"][:replications] + stored["latents"][-1:]
    latents = [
        sample_latents(base, split.captions(number), split.lengths, setting, number, report)
        for number in range(replications)
    ]
    rows = split.repeat_rows()
    latents.append(sample_latents(base, split.captions(0, rows), split.lengths[rows], setting, 1_000_000, report))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"made_by": made_by, "latents": latents}, partial)
    os.replace(partial, path)
    return latents


@torch.no_grad()
def sample_latents(
    base: Lead, captions: Sequence[str], lengths: Tensor, setting: Setting, seed: int, report: Report
) -> Float[Tensor, "motions latents d_latent"]:
    noise = torch.Generator().manual_seed(seed)
    tokens = base.vae.latent_lengths(lengths)
    z = torch.zeros(len(captions), int(tokens.max()), base.config.vae.d_latent)
    for start in range(0, len(captions), BATCH):
        part = slice(start, start + BATCH)
        most = int(tokens[part].max())
        drawn = torch.randn(len(tokens[part]), most, z.shape[2], generator=noise)
        text = base.encode_text(captions[part])
        z[part, :most] = base.sample(text, lengths[part], drawn, setting.steps, setting.guidance)
        report(len(text))
    return z


@torch.no_grad()
def decode_motions(base: Lead, z: Tensor, lengths: Tensor, realign: bool, report: Report) -> list[Motion]:
    """Decodes latents as `Lead.generate` does, with the projector or without it."""
    motions: list[Motion] = []
    for start in range(0, len(z), BATCH):
        part = slice(start, start + BATCH)
        own = z[part, : int(base.vae.latent_lengths(lengths[part]).max())]
        given = base.projector.realign(own, lengths[part]) if realign else own
        motions += base.decode(given, lengths[part], clean_feet=True)
        report(len(own))
    return motions


def measure_generation(
    base: Lead,
    realign: bool,
    split: Split,
    latents: Sequence[Tensor],
    evaluator: Evaluator,
    judge: Judge | None,
    report: Report,
) -> dict[str, list[float]]:
    """FID, the other metrics and the judge's rates; one value a replication."""
    *replications, many = latents
    rows = split.repeat_rows()
    motions = decode_motions(base, many, split.lengths[rows], realign, report)
    by_text = evaluator.embed_motions([motion.features() for motion in motions])
    by_text = by_text.reshape(len(set(rows)), -1, by_text.shape[-1])
    values: dict[str, list[float]] = {}
    for number, z in enumerate(replications):
        features = [motion.features() for motion in decode_motions(base, z, split.lengths, realign, report)]
        embeddings, text = evaluator.embed_motions(features), evaluator.embed_texts(split.captions(number))
        rng = np.random.default_rng((3, number))
        r1, _, r3 = metrics.r_precision(text, embeddings, rng)
        figures = {
            "fid": metrics.frechet_distance(embeddings, split.real),
            "r1": float(r1),
            "r3": float(r3),
            "mm_dist": metrics.mm_dist(text, embeddings),
            "diversity": metrics.diversity(embeddings, rng),
            "multimodality": metrics.multimodality(by_text, rng),
        } | measure_recognition(judge, split.clips, features)
        for key, value in figures.items():
            values.setdefault(key, []).append(value)
    return values


def measure_recognition(judge: Judge | None, clips: Sequence[Clip], features: Sequence[np.ndarray]) -> dict[str, float]:
    """The share of motions in which the judge recognizes the content, and the style, of the clip they were made for."""
    labels = _labels() if judge else {}
    known = [row for row, clip in enumerate(clips) if clip.id in labels]
    if judge is None or not known:
        return {}
    verdict = judge.judge([features[row] for row in known])
    asked = [labels[clips[row].id] for row in known]
    return {
        "content": float((verdict.contents == [CONTENTS.index(row["content"]) for row in asked]).mean()),
        "style": float((verdict.styles == [STYLES.index(row["style"]) for row in asked]).mean()),
    }


def _labels() -> dict[str, Row]:
    return {row["id"]: row for row in select_known(pack_rows())} if has_pack() else {}


@torch.no_grad()
def measure_reconstruction(base: Lead, realign: bool, split: str, clips: Sequence[Clip], judge: Judge | None) -> dict:
    """What decoding keeps of recorded clips, one value a clip: joint errors in cm, style, similarity to the caption."""
    values: dict[str, list[float]] = {key: [] for key in ("error", "local_error", "root_error")}
    features, latents = [], []
    for start in range(0, len(clips), BATCH):
        recorded = [Motion.from_features(clip.features) for clip in clips[start : start + BATCH]]
        z, lengths = base.encode_motion(recorded)
        latents.append((z, lengths))
        motions = base.decode(base.projector.realign(z, lengths) if realign else z, lengths)
        for motion, original in zip(motions, recorded, strict=True):
            a, b = motion.joints, Motion.from_features(original.features()).joints  # placed as a decoder places it
            features.append(motion.features())
            values["error"].append(100 * metrics.mean_joint_error(a, b))
            values["local_error"].append(100 * metrics.mean_joint_error(a, b, local=True))
            values["root_error"].append(100 * metrics.mean_joint_error(a[:, :1], b[:, :1]))
    if split == "newstyle_eval":
        return values | recognize_styles(judge, clips, features)
    return values | (measure_realignment(base, clips, latents) if realign else {})


def measure_realignment(
    base: Lead, clips: Sequence[Clip], latents: Sequence[tuple[Tensor, Tensor]]
) -> dict[str, list[float]]:
    """The projector's squared error (one value a clip) and its cosine to the clip's first caption.

    Retrieval is R-precision by cosine in the realigned space, over ten draws of groups.
    """
    text = base.encode_text([clip.captions[0] for clip in clips])
    pooled, lost = [], []
    for z, lengths in latents:
        z_proj = base.projector.encode(z, lengths)
        pooled.append(base.projector.pool(z_proj, lengths))
        z_hat, mask = base.projector.decode(z_proj, lengths), base.projector.mask(lengths, z.shape[1])
        lost += [1000 * float((a[own] - b[own]).square().mean()) for a, b, own in zip(z, z_hat, mask, strict=True)]
    own = torch.cat(pooled)
    a, b = (normalize(x, dim=-1).numpy() for x in (text, own))
    draws = [metrics.r_precision(a, b, np.random.default_rng((4, draw))) for draw in range(10)]
    return {
        "rec": lost,
        "cosine": cosine_similarity(own, text, dim=-1).tolist(),
        "retrieval": [float(draw[2]) for draw in draws],
    }


def recognize_styles(
    judge: Judge | None, clips: Sequence[Clip], features: Sequence[np.ndarray]
) -> dict[str, list[float]]:
    """For each clip of an untrained style that the judge did not learn from: whether the judge recognizes it."""
    if judge is None:
        return {}
    styles = {row["id"]: STYLES.index(row["style"]) for row in split_rows("newstyle_eval")[1]}
    known = [row for row, clip in enumerate(clips) if clip.id in styles]
    verdict = judge.judge([features[row] for row in known])
    right = verdict.styles == [styles[clips[row].id] for row in known]
    return {"recognized": right.astype(float).tolist()}
