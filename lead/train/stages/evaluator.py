"""The evaluator stage: trains the judge of `lead eval`, apart from the base. Needs no other stage.

Source: Petrovich et al., *TMR*, ICCV 2023 (InfoNCE, and near-duplicates left out of the negatives).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, Clip, load_in_own_units
from lead.eval.evaluator import Evaluator, EvaluatorConfig, pad_features, split_words
from lead.eval.metrics import GROUP, r_precision
from lead.motion.features import Stats
from lead.train.logs import fingerprint
from lead.train.losses import info_nce
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import StageRequest

EVALUATOR_TRAIN = TrainConfig(
    steps=600, batch=128, lr=1e-3, warmup=30, weight_decay=0.05, report_every=20, save_every=100, val_every=100
)


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it."""
    train = replace(EVALUATOR_TRAIN, **request.options)
    train_evaluator(request.data, request.run, train=train, device=request.device)


def train_evaluator(
    data: str | Path,
    run: str | Path,
    config: EvaluatorConfig | None = None,
    train: TrainConfig = EVALUATOR_TRAIN,
    device: str = "cpu",
) -> Evaluator:
    """InfoNCE on the train split of a data set; the val split chooses the weights to keep.

    Clips that share a caption, directly or through others, are no negatives of each other. Writes
    `evaluator.safetensors` into the run folder.
    """
    data = Path(data)
    stats = Stats.read(data)
    clips, val = load_in_own_units(data, "train"), load_in_own_units(data, "val")
    groups = group_by_caption([clip.captions for clip in clips])
    by_length = np.argsort([len(clip.features) for clip in clips], kind="stable")
    words = list_words(text for clip in clips for text in clip.captions)
    config = replace(config or EvaluatorConfig(words), feats=len(stats.mean))
    torch.manual_seed(train.seed)
    inputs = {"data": fingerprint(data)}
    stage = Stage("evaluator", Evaluator(config, stats), Path(run), train, device, inputs, config=config)
    for step in stage.steps():
        rng = np.random.default_rng((train.seed, step))  # a resumed run draws what it would have drawn
        index = draw_like_lengths(by_length, train.batch, rng)
        pairs = [augment(clips[i], stats, rng) for i in index]
        same = torch.as_tensor(groups[index][:, None] == groups[index], device=stage.device)
        loss = contrastive_loss(*_embed_batch(stage, pairs), same)
        stage.update(loss, {}, [clips[i].id for i in index])
        stage.validate(lambda evaluator: {"val_r3": retrieval(evaluator, val)[-1]}, better="higher")
    average = stage.select_model()
    stage.close(lambda: average.save(stage.run / "evaluator.safetensors"))
    return average


def _embed_batch(
    stage: Stage[Evaluator], pairs: Sequence[tuple[Float[np.ndarray, "_ feats"], str]]
) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]]:
    """Embeddings of the captions and of the clips; each process computes its rows."""
    features, lengths = pad_features([features for features, _ in pairs], stage.device)
    words = stage.model.tokenize([caption for _, caption in pairs])
    rows = stage.list_rows(len(pairs))
    with stage.accelerator.autocast():
        text, motion = stage.model(words[rows], features[rows], lengths[rows])
    return stage.gather(text.float(), len(pairs)), stage.gather(motion.float(), len(pairs))


def contrastive_loss(
    text: Float[Tensor, "batch d"], motion: Float[Tensor, "batch d"], same: Bool[Tensor, "batch batch"]
) -> Float[Tensor, ""]:
    """InfoNCE both ways on scores -|t - m|^2 / sqrt(d); pairs that are `same` are no negatives of each other.

    Source: TMR, equation 2, with Euclidean scores and with labels instead of a text-similarity threshold.
    """
    squared = text.square().sum(dim=1)[:, None] + motion.square().sum(dim=1) - 2.0 * text @ motion.T
    return info_nce(-squared / math.sqrt(text.shape[1]), same)


def list_words(captions: Iterable[str], at_least: int = 2) -> tuple[str, ...]:
    """The words that occur `at_least` times, sorted."""
    counts = Counter(word for caption in captions for word in split_words(caption))
    return tuple(sorted(word for word, count in counts.items() if count >= at_least))


def group_by_caption(captions: Sequence[Sequence[str]]) -> Int[np.ndarray, " clips"]:
    """A number for each clip; clips that share a caption, directly or through others, have the same."""
    parent = list(range(len(captions)))

    def find_root(clip: int) -> int:
        while parent[clip] != clip:
            clip = parent[clip]
        return clip

    first: dict[tuple[str, ...], int] = {}
    for clip, texts in enumerate(captions):
        for text in texts:
            owner = first.setdefault(tuple(split_words(text)), clip)
            parent[find_root(clip)] = find_root(owner)
    return np.array([find_root(clip) for clip in range(len(captions))])


def draw_like_lengths(
    by_length: Int[np.ndarray, " clips"], batch: int, rng: np.random.Generator
) -> Int[np.ndarray, " batch"]:
    """Draws clips that lie near each other in the order by length: little padding, and harder negatives."""
    batch, window = min(batch, len(by_length)), min(4 * batch, len(by_length))
    start = int(rng.integers(-window // 2, len(by_length) - window // 2))
    start = min(max(start, 0), len(by_length) - window)
    return rng.choice(by_length[start : start + window], batch, replace=False)


def augment(clip: Clip, stats: Stats, rng: np.random.Generator) -> tuple[Float[np.ndarray, "frames feats"], str]:
    """A cut of at least three quarters of the clip with a little noise, and one of its captions."""
    frames = min(len(clip.features), MAX_FRAMES)
    keep = max(min(frames, MIN_FRAMES), int(frames * rng.uniform(0.75, 1.0)))
    start = rng.integers(len(clip.features) - keep + 1)
    noise = rng.normal(scale=0.05, size=(keep, len(stats.std))) * stats.std
    features = clip.features[start : start + keep] + noise
    return features.astype(np.float32), clip.captions[rng.integers(len(clip.captions))]


def retrieval(evaluator: Evaluator, clips: Sequence[Clip], seed: int = 0) -> Float[np.ndarray, "3"]:
    """R@1, R@2, R@3 of real clips, in their own units, and each one's first caption."""
    captioned = [clip for clip in clips if clip.captions]
    text = evaluator.embed_texts([clip.captions[0] for clip in captioned])
    motion = evaluator.embed_motions([clip.features[:MAX_FRAMES] for clip in captioned])
    return r_precision(text, motion, np.random.default_rng(seed), group=min(GROUP, len(captioned)))
