"""The text stage: an embedded text tower, trained on a data set's captions and on generated motion language.

    L = motion + caption + meaning + distil
    motion   InfoNCE both ways between captions and clips (a small motion encoder, thrown away afterwards)
    caption  InfoNCE between two captions of one clip
    meaning  InfoNCE between two wordings of one generated meaning; half of a batch are minimal pairs
             ("raises the left arm", "raises the right arm"), each other's hardest negatives
    distil   1 - cosine between a linear map of the feature and a sentence encoder's embedding, averaged over
             the wordings of a meaning or the captions of a clip; also for the vocabulary's single words

Clips whose captions say the same (sentence embeddings near, the same sides named) are not each other's negatives. The
sentence encoder knows what words mean, but hardly left from right: the contrastive losses teach that. Knows nothing
of the later stages; they get a frozen tower. Sources: InfoNCE and the filter of negatives, Petrovich et al., *TMR*,
ICCV 2023.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cosine_similarity, normalize

from lead.checkpoint import save_part
from lead.data.dataset import Batch, Clip, collate, load
from lead.motion.skeleton import skeleton_of
from lead.networks.layers import Block, lengths_to_mask, sinusoid
from lead.text.meaning import Meaning
from lead.text.synthesis import say
from lead.text.tower import PRESETS, TextConfig, TextTower, clip_tower
from lead.train.clips import subsample
from lead.train.logs import fingerprint
from lead.train.losses import info_nce
from lead.train.processes import main_process_first
from lead.train.stage import Stage, TrainConfig
from lead.train.stage_table import StageRequest
from lead.train.stages.text_corpus import (
    Corpus,
    Teacher,
    build_corpus,
    embed_once,
    load_sentence_encoder,
    load_text_clips,
)
from lead.train.warm_start import load_start

TEXT_TRAIN = TrainConfig(
    steps=520, batch=48, lr=1e-3, warmup=40, weight_decay=0.02, ema=0.98, report_every=20, save_every=50, val_every=100
)
SIDE_WORDS = frozenset(("left", "right", "both", "two", "back", "backward", "backwards"))


def run_stage(request: StageRequest) -> None:
    """The stage as a user asks for it: with `weights` CLIP's tower is taken as it is, else a tower is trained."""
    if request.weights:
        import_clip(request.run, request.weights)
        return
    train = replace(TEXT_TRAIN, **request.options)
    weights = TextLoss() if request.teacher else TextLoss(distil=0.0)
    train_text(request.data, request.run, train=train, weights=weights, device=request.device)


@dataclass(frozen=True)
class TextLoss:
    """Weights of the losses, and what a batch holds beside its clips."""

    motion: float = 1.0
    caption: float = 1.0
    meaning: float = 1.0
    distil: float = 4.0
    temperature: float = 0.1
    same: float = 0.88
    """From this cosine of their sentence embeddings on, two clips are not each other's negatives."""
    meanings: int = 64
    """Generated meanings a batch, each in two wordings."""
    words: int = 32
    """Single words a batch, distilled only."""
    distinct_meanings: int = 10000
    distinct_words: int = 5000


class MotionEncoder(nn.Module):
    """Normalized features without their rotations to one embedding a clip; four frames a token."""

    def __init__(self, d: int, feats: int, width: int = 160, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        rotations = skeleton_of(feats).slices["rotations"]
        self.read = [*range(rotations.start), *range(rotations.stop, feats)]
        self.stem = nn.Linear(4 * len(self.read), width)
        self.blocks = nn.ModuleList(Block(width, heads, 2 * width, 0.1) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, d))

    def forward(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d"]:
        x = features[..., self.read]
        x = self.stem(x.reshape(len(x), x.shape[1] // 4, -1))
        x = x + sinusoid(torch.arange(x.shape[1], device=x.device), x.shape[2])
        mask = lengths_to_mask(lengths // 4, x.shape[1])
        bias = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -torch.inf)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        embedding: Tensor = self.head((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
        return embedding


class TextStage(nn.Module):
    """The tower, and what is thrown away after training."""

    def __init__(self, config: TextConfig, d_teacher: int, feats: int) -> None:
        super().__init__()
        self.tower = TextTower(config)
        self.motion = MotionEncoder(config.d_text, feats)
        self.to_teacher = nn.Linear(config.d_text, d_teacher)


def train_text(
    data: Path,
    run: Path,
    config: TextConfig = PRESETS["small"],
    train: TrainConfig = TEXT_TRAIN,
    weights: TextLoss = TextLoss(),
    device: str = "cpu",
    teacher: Teacher | None = None,
) -> TextTower:
    """Trains a tower into `run/text.safetensors`; the teacher is MiniLM unless another is given.

    Where `distil` weighs nothing there is no teacher: captions say the same where they are the same.
    """
    run = Path(run)
    clips, shares = load_text_clips(Path(data))
    start = load_start(run)
    config = start.config.text if start else config
    val = subsample([clip for clip in load(data, "val") if clip.captions], 512)
    if teacher is None and weights.distil:
        teacher = load_sentence_encoder()
    with main_process_first(device):  # the teacher's embeddings are kept in the run folder
        corpus = build_corpus(
            clips, shares, config, weights.distinct_meanings, weights.distinct_words, train.seed, teacher, run
        )
        torch.manual_seed(train.seed)
        model = TextStage(config, corpus.word_targets.shape[1], clips[0].features.shape[1])
        if start:
            model.tower.load_state_dict(start.text.state_dict())
        elif teacher is not None:
            _start_from_teacher(model.tower, teacher, run)
    inputs = {"data": fingerprint(data)}
    stage = Stage("text", model, run, train, device, inputs, config=config, loss=weights)
    for step in stage.steps():
        with stage.accelerator.autocast(), sdpa_kernel(SDPBackend.MATH):
            loss, parts = text_loss(stage.model, corpus, draw_text_batch(corpus, weights, train, step), weights, stage)
        stage.update(loss, parts)
        stage.validate(lambda model: _measure_retrieval(model, val), better="higher")
    tower = stage.select_model().tower
    _scale_features(tower, [clip.captions[0] for clip in subsample(clips, 512)])
    stage.close(lambda: save_part(run / "text.safetensors", tower, "text", config))
    return tower.eval()


def import_clip(run: Path, weights: str | Path = "openai") -> TextTower:
    """CLIP's text tower (open_clip's name of the weights, or a local file) as `run/text.safetensors`, untrained."""
    tower = clip_tower(weights=weights)
    Path(run).mkdir(parents=True, exist_ok=True)
    save_part(Path(run) / "text.safetensors", tower, "text", tower.config)
    return tower


@dataclass(frozen=True, eq=False)
class TextBatch:
    """What is drawn for a step."""

    clips: Batch
    clip_rows: Int[np.ndarray, " clips"]
    pair_rows: Int[np.ndarray, " pairs"]
    word_rows: Int[np.ndarray, " words"]
    """All three: rows of the corpus."""
    meanings: Sequence[Meaning]
    """The pairs' meanings."""
    first: Sequence[str]
    second: Sequence[str]
    """Two wordings of each clip, then of each meaning."""


def draw_text_batch(corpus: Corpus, weights: TextLoss, train: TrainConfig, step: int) -> TextBatch:
    """The batch of a step; the draw depends on the seed and the step alone."""
    rng, draws = random.Random(f"{train.seed}/{step}"), np.random.default_rng((train.seed, step))
    count = min(train.batch, len(corpus.clips))
    chosen = draws.choice(len(corpus.clips), count, replace=False, p=corpus.shares)
    clips = [corpus.clips[i] for i in chosen]
    pairs = draws.choice(len(corpus.pairs), min(weights.meanings // 2, len(corpus.pairs)), replace=False)
    words = draws.choice(len(corpus.words), min(weights.words, len(corpus.words)), replace=False)
    captions = [rng.sample(clip.captions, 2) if len(clip.captions) > 1 else clip.captions * 2 for clip in clips]
    meanings = [meaning for i in pairs for meaning in corpus.pairs[i]]
    first = [two[0] for two in captions] + [say(meaning, rng) for meaning in meanings]
    second = [two[1] for two in captions] + [say(meaning, rng) for meaning in meanings]
    return TextBatch(collate(clips, draws), chosen, pairs, words, meanings, first, second)


def text_loss(
    model: TextStage, corpus: Corpus, batch: TextBatch, weights: TextLoss, stage: Stage[TextStage]
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """The loss of a batch and its parts; each process encodes its rows, and all compare the whole."""
    words = batch.word_rows
    sentences = [*batch.first, *batch.second, *(corpus.words[i] for i in words)]
    encoded = encode_sorted(model.tower, [sentences[i] for i in stage.list_rows(len(sentences))])
    features = normalize(stage.gather(encoded, len(sentences)), dim=-1)
    text, again, bare = torch.split(features, [len(batch.first), len(batch.second), len(words)])
    device, count = features.device, len(batch.clip_rows)
    frames, lengths = (torch.as_tensor(x, device=device) for x in (batch.clips.features, batch.clips.lengths))
    rows = stage.list_rows(count)
    motion = normalize(stage.gather(model.motion(frames[rows], lengths[rows]), count).float(), dim=-1)

    captions = [clip.captions for clip in batch.clips.clips]
    same_clips = find_paraphrases(corpus.clip_sentences[batch.clip_rows], captions, weights.same)
    meanings = [clip.meaning for clip in batch.clips.clips]
    same_clips = (same_clips | torch.tensor([[a == b for a in meanings] for b in meanings])).to(device)
    same_meanings = torch.tensor([[a == b for a in batch.meanings] for b in batch.meanings], device=device)
    parts = {
        "motion": info_nce(_compare(text[:count], motion, weights.temperature), same_clips),
        "caption": info_nce(_compare(text[:count], again[:count], weights.temperature), same_clips),
        "meaning": info_nce(_compare(text[count:], again[count:], weights.temperature), same_meanings),
    }
    if weights.distil:
        pair_targets = corpus.pair_targets[batch.pair_rows].flatten(0, 1)
        targets = torch.cat([corpus.clip_targets[batch.clip_rows], pair_targets]).to(device)
        targets = torch.cat([targets, targets, corpus.word_targets[words].to(device)])
        mapped = model.to_teacher(torch.cat([text, again, bare]))
        parts["distil"] = (1 - cosine_similarity(mapped.float(), targets, dim=-1)).mean()
    return torch.stack([getattr(weights, key) * value for key, value in parts.items()]).sum(), parts


def _compare(
    a: Float[Tensor, "batch d"], b: Float[Tensor, "batch d"], temperature: float
) -> Float[Tensor, "batch batch"]:
    return a.float() @ b.float().T / temperature


def find_paraphrases(
    sentences: Float[Tensor, "batch d"], captions: Sequence[Sequence[str]], threshold: float
) -> Bool[Tensor, "batch batch"]:
    """Which clips' captions say the same: embeddings near and the same sides named, or a caption in common."""
    sides = [frozenset(re.findall(r"[a-z]+", " ".join(texts).lower())) & SIDE_WORDS for texts in captions]
    same_sides = torch.tensor([[a == b for a in sides] for b in sides])
    shared = torch.tensor([[not set(a).isdisjoint(b) for a in captions] for b in captions])
    near = normalize(sentences, dim=-1) @ normalize(sentences, dim=-1).T > threshold
    return shared | (near & same_sides)


@torch.no_grad()
def retrieval(model: TextStage, clips: Sequence[Clip], size: int = 32, rounds: int = 20) -> Float[np.ndarray, "3"]:
    """R@1, R@2, R@3 from a caption to its clip among `size`, the mean over random rounds."""
    training = model.training
    model.eval()
    text, motion = [], []
    for start in range(0, len(clips), 64):
        batch = collate(clips[start : start + 64])
        text.append(normalize(model.tower.encode(batch.captions), dim=-1))
        device = text[-1].device
        features, lengths = (torch.as_tensor(x, device=device) for x in (batch.features, batch.lengths))
        motion.append(normalize(model.motion(features, lengths), dim=-1))
    model.train(training)
    texts, motions = torch.cat(text).cpu().numpy(), torch.cat(motion).cpu().numpy()
    rng, hits = np.random.default_rng(0), []
    for _ in range(rounds):
        index = rng.choice(len(clips), min(size, len(clips)), replace=False)
        scores = texts[index] @ motions[index].T
        rank = (scores > np.diag(scores)[:, None]).sum(1)
        hits.append([(rank < k).mean() for k in (1, 2, 3)])
    return np.asarray(np.mean(hits, axis=0))


def _measure_retrieval(model: TextStage, clips: Sequence[Clip]) -> dict[str, float]:
    recall = retrieval(model, clips)
    return {"val_r3": float(recall[2]), "val_r1": float(recall[0])}


@torch.no_grad()
def _start_from_teacher(tower: TextTower, teacher: Teacher, run: Path) -> None:
    """Token embeddings begin as the teacher's of each token by itself, cut to their main directions."""
    table = tower.transformer.token_embedding.weight
    pieces = [tower.tokenizer.decode([number]) or "a" for number in range(tower.tokenizer.size - 2)]
    embedded = embed_once(teacher, pieces, run)
    embedded = embedded - embedded.mean(0)
    directions = torch.linalg.svd(embedded, full_matrices=False).Vh[: tower.d_token]
    projected = embedded @ directions.T
    table[: len(pieces), : projected.shape[1]] = projected * (0.04 / projected.std())


@torch.no_grad()
def _scale_features(tower: TextTower, captions: Sequence[str]) -> None:
    """Features of captions get a root mean square of 1, which is what a denoiser expects of its condition."""
    tower.transformer.text_projection.div_(tower.encode(captions).square().mean().sqrt())


def encode_sorted(tower: TextTower, sentences: Sequence[str], size: int = 96) -> Tensor:
    """`tower.encode`, sentences of like length together, so that little is computed behind their ends."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    chunks = [order[start : start + size] for start in range(0, len(order), size)]
    features = torch.cat([tower.encode([sentences[i] for i in chunk]) for chunk in chunks])
    return features[torch.tensor(order).argsort().to(features.device)]
