"""The protocol by which a base model is judged on one split of a data set.

Four rows: real motion, the VAE's reconstruction of it, motion generated without the projector (MLD) and with it (LEAD).
In each of 20 replications every clip gets one of its captions and one generation of its own length; R-precision's
groups of 32, Diversity's 300 pairs and MModality's 10 pairs a text are drawn anew. Each figure is the mean over
replications with its 95 % interval. The two generated rows share captions, lengths and latents, and are decoded as
`Lead.generate` decodes, with clean feet (`lead.motion.processing.foot_cleanup`).

FID is taken against the split's real clips. The real row's own FID is the floor: all real clips of the training split
against the split's.

Two things differ from the published protocol unless `Protocol.published` is set. MModality's motions (100 texts of 30,
or as many texts as the split has) are generated once and not in every replication, which takes several times as long;
its interval is then that of the drawn pairs alone. And every row is judged as a user gets it: joints, turned into
features again; published evaluations take features as decoded. Knows nothing of training.
Source: Guo et al., CVPR 2022, section 5.1.
"""

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT, Clip, load_in_own_units
from lead.diffusion import Sampler
from lead.errors import LeadError
from lead.eval import metrics
from lead.eval.metrics import Estimate
from lead.model import Lead
from lead.motion import Motion
from lead.motion.features import Stats
from lead.motion.skeleton import skeleton_of

COLUMNS = {
    "fid": "FID",
    "r1": "R@1",
    "r2": "R@2",
    "r3": "R@3",
    "mm_dist": "MM-Dist",
    "diversity": "Diversity",
    "multimodality": "MModality",
    "skate": "skate",
    "jitter": "jitter",
}
ROWS = {"real": "real motion", "vae": "VAE reconstruction", "mld": "MLD (realign=False)", "lead": "LEAD"}
CHUNK = 512
"""Motions whose features are in memory at once."""

FEWEST = 2
"""Clips that FID and Diversity can compare; R-precision needs `metrics.GROUP`, and is left out of smaller splits."""

Evaluation = dict[str, dict[str, Estimate]]
"""Row -> figure -> mean with interval; keys as in ROWS and COLUMNS."""
Features = Float[np.ndarray, "_ feats"]
"""Of a clip of any length."""
Item = Motion | Features
"""What is judged: a motion, whose joints are turned into features again, or features as they are."""
Decode = Callable[[Float[Tensor, "batch latents d_latent"], Int[Tensor, " batch"]], Sequence[Item]]
"""Scaled latents and lengths to items."""
Extra = Callable[[Sequence[Clip], Sequence[Motion]], dict[str, float]]
"""Further figures of motions that belong to clips."""


@typing.runtime_checkable
class Embedder(typing.Protocol):
    """An evaluator: ours, or the published one."""

    @property
    def feats(self) -> int: ...

    def embed_texts(self, captions: Sequence[str]) -> Float[np.ndarray, "captions d"]: ...

    def embed_motions(self, features: Sequence[Features]) -> Float[np.ndarray, "clips d"]: ...


@typing.runtime_checkable
class Generate(typing.Protocol):
    """Generates motions of both rows for captions, lengths in frames, and a seed."""

    def __call__(self, captions: Sequence[str], frames: Sequence[int], seed: int) -> Mapping[str, Sequence[Item]]: ...


@dataclass(frozen=True)
class Protocol:
    """How much is drawn: the published numbers, or as many texts as the split has."""

    replications: int = 20
    multimodal_texts: int = 100
    multimodal_samples: int = 30
    batch: int = 64
    seed: int = 0
    published: bool = False
    """MModality's motions are generated in every replication, and features are judged as decoded."""


@dataclass(frozen=True)
class Sampling:
    """How latents are sampled; None is the base's own."""

    batch: int = 64
    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None


@dataclass(frozen=True, eq=False)
class Judgment:
    """A set of motions as the metrics see it."""

    embeddings: Float[np.ndarray, "clips d"]
    skate: float
    jitter: float
    extra: Mapping[str, float] = field(default_factory=dict)


def evaluate(
    base: Lead,
    evaluator: Embedder,
    data: str | Path,
    split: str = "test",
    protocol: Protocol = Protocol(),
    steps: int | None = None,
    guidance: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    sampler: Sampler | None = None,
    extra: Extra | None = None,
) -> Evaluation:
    """All four rows on a split; `extra` adds figures of its own to each row, `progress` counts generated motions."""
    clips = load_captioned_clips(data, split)
    _check_widths(base, evaluator, data)
    lengths = [len(clip.features) - 1 for clip in clips]
    decode = partial(decode_features, base) if protocol.published else None
    draws = protocol.replications if protocol.published else 1
    texts = min(protocol.multimodal_texts, len(clips))
    report = _make_counter(progress, protocol.replications * len(clips) + draws * texts * protocol.multimodal_samples)
    sampling = Sampling(protocol.batch, steps, guidance, sampler)
    generate = partial(generate_rows, base, sampling=sampling, decode=decode, report=report)

    recorded = [Motion.from_features(clip.features) for clip in clips]
    reconstructions = reconstruct(base, recorded, batch=protocol.batch, decode=decode)
    real = judge_items(evaluator, to_items(clips, protocol.published), clips, extra)
    vae = judge_items(evaluator, reconstructions, clips, extra)
    floor = embed_training_clips(evaluator, data, split, protocol.published)

    values: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    for replication in range(protocol.replications):
        rng = np.random.default_rng((protocol.seed, replication))
        captions = draw_captions(clips, rng)
        text = evaluator.embed_texts(captions)
        values["real"].append(score(text, real, floor, real.embeddings, rng))
        values["vae"].append(score(text, vae, vae.embeddings, real.embeddings, rng))
        if replication < draws:
            repeats = embed_repeats(evaluator, generate, clips, texts, protocol.multimodal_samples, rng)
        seed = int(rng.integers(1 << 30))
        for row, items in generate(captions, lengths, seed).items():
            rng = np.random.default_rng(seed)  # both rows draw the same groups and pairs
            judgment = judge_items(evaluator, items, clips, extra)
            figures = score(text, judgment, judgment.embeddings, real.embeddings, rng)
            values[row].append(figures | {"multimodality": metrics.multimodality(repeats[row], rng)})
    return {row: estimate(replications) for row, replications in values.items()}


def load_captioned_clips(data: str | Path, split: str) -> list[Clip]:
    """The split's clips with captions, in their own units, sorted by length.

    Each is cut to a multiple of UNIT frames and one, as its joints give one row of features less.

    Raises:
        LeadError: there are fewer than two, and nothing to compare.
    """
    clips = []
    for clip in load_in_own_units(Path(data), split):
        frames = min(len(clip.features) - 1, MAX_FRAMES) // UNIT * UNIT
        if clip.captions and frames >= MIN_FRAMES:
            clips.append(replace(clip, features=clip.features[: frames + 1]))
    if len(clips) < FEWEST:
        raise LeadError(
            f"{data} has {len(clips)} captioned clips of at least {MIN_FRAMES + 1} frames in its split "
            f"{split!r}: expected {FEWEST} or more, as figures compare clips. Choose a larger split."
        )
    return sorted(clips, key=lambda clip: len(clip.features))


def _check_widths(base: Lead, evaluator: Embedder, data: str | Path) -> None:
    widths = {"base": base.config.vae.features, "evaluator": evaluator.feats, "data": len(Stats.read(Path(data)).mean)}
    if len(set(widths.values())) > 1:
        found = ", ".join(f"the {name} {width}" for name, width in widths.items())
        raise LeadError(
            f"{data}: base model, evaluator and data must be of one kind, but of numbers a frame {found} "
            "(263 is HumanML3D's layout, 251 KIT-ML's). Choose the base and the evaluator trained on this kind of data."
        )


def to_items(clips: Sequence[Clip], published: bool) -> list[Item]:
    """Recorded clips, for judging."""
    return [clip.features[:-1] if published else Motion.from_features(clip.features) for clip in clips]


def embed_training_clips(
    evaluator: Embedder, data: str | Path, split: str, published: bool
) -> Float[np.ndarray, "clips d"] | None:
    """Embeddings of all real clips of the training split, for the floor; None where `split` is that, or none is."""
    if split == "train" or not (Path(data) / "train.txt").is_file():
        return None
    return embed_items(evaluator, to_items(load_captioned_clips(data, "train"), published))


def draw_captions(clips: Sequence[Clip], rng: np.random.Generator) -> list[str]:
    """One caption a clip."""
    return [clip.captions[rng.integers(len(clip.captions))] for clip in clips]


@torch.no_grad()
def reconstruct(
    base: Lead, motions: Sequence[Motion], realign: bool = False, batch: int = 64, decode: Decode | None = None
) -> list[Item]:
    """What the VAE (and with `realign` the projector) retains of any number of motions."""
    decode_batch: Decode = decode or base.decode
    items: list[Item] = []
    for start in range(0, len(motions), batch):
        z, lengths = base.encode_motion(motions[start : start + batch])
        items += decode_batch(base.projector.realign(z, lengths) if realign else z, lengths)
    return items


@torch.no_grad()
def generate_rows(
    base: Lead,
    captions: Sequence[str],
    frames: Sequence[int],
    seed: int,
    sampling: Sampling = Sampling(),
    decode: Decode | None = None,
    report: Callable[[int], None] = lambda count: None,
) -> dict[str, list[Item]]:
    """The same sampled latents, decoded plainly (row mld) and through the projector (row lead).

    `decode` is that of `Lead.generate` unless another is given; `report` hears how many motions are done.
    """
    noises = torch.Generator().manual_seed(seed)
    decode_batch: Decode = decode or partial(base.decode, clean_feet=True)
    items: dict[str, list[Item]] = {"mld": [], "lead": []}
    for start in range(0, len(captions), sampling.batch):
        part = captions[start : start + sampling.batch]
        rows = {caption: row for row, caption in enumerate(dict.fromkeys(part))}  # MModality repeats its captions
        text = base.encode_text(list(rows))[[rows[caption] for caption in part]]
        lengths = torch.tensor(frames[start : start + sampling.batch], device=base.device)
        latents = int(base.vae.latent_lengths(lengths).max())
        noise = torch.randn(len(text), latents, base.config.vae.d_latent, generator=noises).to(base.device)
        z = base.sample(text, lengths, noise, sampling.steps, sampling.guidance, sampling.sampler)
        items["mld"] += decode_batch(z, lengths)
        items["lead"] += decode_batch(base.projector.realign(z, lengths), lengths)
        report(len(text))
    return items


def decode_features(
    base: Lead, z: Float[Tensor, "batch latents d_latent"], lengths: Int[Tensor, " batch"]
) -> list[Features]:
    """Features of scaled latents in their own units, as the decoder gives them."""
    features = base.vae.decode(z / base.vae.latent_scale, lengths) * base.std + base.mean
    rows = zip(features.cpu().numpy(), lengths.tolist(), strict=True)
    return [row[:length] for row, length in rows]


def embed_repeats(
    evaluator: Embedder,
    generate: Generate,
    clips: Sequence[Clip],
    texts: int,
    samples: int,
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "texts samples d"]]:
    """By row, embeddings of `samples` generations from one caption each of `texts` random clips."""
    some = [clips[i] for i in np.sort(rng.permutation(len(clips))[:texts])]
    captions = [caption for caption in draw_captions(some, rng) for _ in range(samples)]
    lengths = [len(clip.features) - 1 for clip in some for _ in range(samples)]
    generated = generate(captions, lengths, int(rng.integers(1 << 30)))
    return {row: embed_items(evaluator, items).reshape(texts, samples, -1) for row, items in generated.items()}


def to_motions(items: Sequence[Item]) -> list[Motion]:
    """Items as motions of joints."""
    return [item if isinstance(item, Motion) else Motion.from_features(item) for item in items]


def embed_items(evaluator: Embedder, items: Sequence[Item]) -> Float[np.ndarray, "clips d"]:
    """The evaluator's embeddings of items, joints as features of its own kind."""
    skeleton, parts = skeleton_of(evaluator.feats), []
    for start in range(0, len(items), CHUNK):
        part = items[start : start + CHUNK]
        features = [item.features(skeleton) if isinstance(item, Motion) else item for item in part]
        parts.append(evaluator.embed_motions(features))
    return np.concatenate(parts)


def judge_items(
    evaluator: Embedder, items: Sequence[Item], clips: Sequence[Clip] = (), extra: Extra | None = None
) -> Judgment:
    """Embeddings of items, and the means of what is read from their joints; `extra` sees them with their clips."""
    motions = to_motions(items)
    return Judgment(
        embed_items(evaluator, items),
        float(np.mean([metrics.foot_skate_ratio(motion.joints, motion.fps) for motion in motions])),
        float(np.mean([metrics.jitter(motion.joints, motion.fps) for motion in motions])),
        extra(clips, motions) if extra else {},
    )


def score(
    text: Float[np.ndarray, "clips d"],
    motions: Judgment,
    compared: Float[np.ndarray, "some d"] | None,
    real: Float[np.ndarray, "clips d"],
    rng: np.random.Generator,
) -> dict[str, float]:
    """One replication's figures without MModality; FID is that of the embeddings `compared` to the `real` ones.

    R-precision is left out where there are fewer clips than its groups have.
    """
    fid = {} if compared is None else {"fid": metrics.frechet_distance(compared, real)}
    ranks = {}
    if len(text) >= metrics.GROUP:
        ranks = dict(zip(("r1", "r2", "r3"), metrics.r_precision(text, motions.embeddings, rng).tolist(), strict=True))
    return (
        fid
        | ranks
        | {
            "mm_dist": metrics.mm_dist(text, motions.embeddings),
            "diversity": metrics.diversity(motions.embeddings, rng),
            "skate": motions.skate,
            "jitter": motions.jitter,
            **motions.extra,
        }
    )


def estimate(replications: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Mean and interval of each figure."""
    return {key: Estimate.of([figures[key] for figures in replications]) for key in replications[0]}


def to_table_rows(evaluation: Evaluation, columns: Sequence[str] = tuple(COLUMNS)) -> list[tuple[str, ...]]:
    """The evaluation as text, a row a line, with a dash where a figure has no meaning."""
    return [
        (ROWS[row], *(str(figures[key]) if key in figures else "-" for key in columns))
        for row, figures in evaluation.items()
    ]


def is_small(evaluation: Evaluation) -> bool:
    """Whether the split was too small for R-precision."""
    return bool(evaluation) and "r1" not in evaluation["real"]


def explain_protocol(protocol: Protocol, small: bool = False) -> str:
    """What a reader of the table needs to know; `small` says that a split has fewer clips than R-precision needs."""
    left_out = (
        f" R-precision needs {metrics.GROUP} clips and is left out (-) of a smaller split; there FID and Diversity say "
        "little, too."
    )
    generated = "anew in each replication" if protocol.published else "once"
    return (
        f"Means of {protocol.replications} replications with 95 % intervals. FID: against the split's real motion; "
        "real motion's own is the training split's against it, the floor. MModality: "
        f"{protocol.multimodal_texts} texts of {protocol.multimodal_samples} (or all texts of a smaller split), "
        f"generated {generated}. Skate: the share of steps in which a foot on the floor slides. Jitter: m/s³."
        f"{left_out if small else ''}"
    )


def _make_counter(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None]:
    """Adds up what is reported and calls `progress`."""
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    return report
