"""The evaluator: a text and a motion encoder whose distances say how well a motion fits a caption.

    captions -> own word list -> small transformer -> [batch, d]
    features -> own normalization -> 4 frames a token -> small transformer -> [batch, d]

Both are trained together on a data set's train split, apart from the base model and its text tower, so that
the base is not judged by itself. Embeddings are not normalized: Euclidean distance is what the loss trains
and what the metrics use. It reads all features (263, or KIT-ML's 251) but the last four: contacts are left
out, as in the field's usual evaluator (`lead.eval.t2m_evaluator`). This module knows nothing of how motions are
generated; `lead.eval.protocol` has the protocol.
Sources: Guo et al., CVPR 2022, appendix (the co-embedding); Petrovich et al., *TMR*, ICCV 2023 (InfoNCE,
and near-duplicates left out of the negatives).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from lead.checkpoint import atomic_write, build
from lead.data.dataset import MAX_FRAMES, Clip, load
from lead.errors import LeadError
from lead.eval.metrics import GROUP, r_precision
from lead.motion.features import Stats
from lead.train.logs import fingerprint
from lead.train.stage import Stage, TrainConfig, load_part

EMBEDDED = Path(__file__).parents[1] / "weights" / "evaluator.safetensors"
EVALUATOR_TRAIN = TrainConfig(
    steps=600, batch=128, lr=1e-3, warmup=30, weight_decay=0.05, report_every=20, save_every=100, val_every=100
)
CONTACTS = 4  # the last features; not read
PADDING, UNKNOWN = 0, 1  # word ids


@dataclass(frozen=True)
class EvaluatorConfig:
    """Sizes of both encoders, and the words that the text encoder knows."""

    words: tuple[str, ...]
    feats: int = 263
    frames_per_token: int = 4
    d_motion: int = 192
    motion_layers: int = 3
    d_text: int = 128
    text_layers: int = 2
    heads: int = 4
    d: int = 256
    dropout: float = 0.1
    max_words: int = 32


def split_words(caption: str) -> list[str]:
    """The caption's words in lower case."""
    return re.findall(r"[a-z0-9]+", caption.lower())


def word_list(captions: Iterable[str], at_least: int = 2) -> tuple[str, ...]:
    """The words that occur `at_least` times, sorted."""
    counts = Counter(word for caption in captions for word in split_words(caption))
    return tuple(sorted(word for word, count in counts.items() if count >= at_least))


class MaskedTransformer(nn.Module):
    """Pre-norm transformer over padded sequences, with sinusoidal positions; the mean of the real tokens."""

    def __init__(self, d: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(d, heads, 2 * d, dropout, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(d)

    def forward(self, x: Float[Tensor, "batch tokens d"], mask: Bool[Tensor, "batch tokens"]) -> Tensor:
        x = x + sinusoids(x.shape[1], x.shape[2], x.device)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward is slow on a CPU
            for layer in self.layers:
                x = layer(x, src_key_padding_mask=~mask)
        x = self.norm(x) * mask[..., None]
        return x.sum(dim=1) / mask.sum(dim=1, keepdim=True)


def sinusoids(tokens: int, d: int, device: torch.device) -> Float[Tensor, "tokens d"]:
    """Positions as in Vaswani et al. 2017, section 3.5."""
    rates = torch.exp(-math.log(10_000.0) * torch.arange(0, d, 2, device=device) / d)
    angles = torch.arange(tokens, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Evaluator(nn.Module):
    """Embeds captions and motions in one space."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EvaluatorConfig, stats: Stats) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.as_tensor(stats.mean, dtype=torch.float32))
        self.register_buffer("std", torch.as_tensor(stats.std, dtype=torch.float32))
        self.word_ids = {word: number + 2 for number, word in enumerate(config.words)}
        self.word_embedding = nn.Embedding(len(config.words) + 2, config.d_text, padding_idx=PADDING)
        self.text_encoder = MaskedTransformer(config.d_text, config.text_layers, config.heads, config.dropout)
        self.text_head = _head(config.d_text, config.d)
        size = config.frames_per_token  # tokens overlap by half on either side
        self.stem = nn.Conv1d(config.feats - CONTACTS, config.d_motion, 2 * size, stride=size, padding=size // 2)
        self.motion_encoder = MaskedTransformer(config.d_motion, config.motion_layers, config.heads, config.dropout)
        self.motion_head = _head(config.d_motion, config.d)

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def feats(self) -> int:
        return self.config.feats

    def tokenize(self, captions: Sequence[str]) -> Int[Tensor, "batch words"]:
        """Word ids, padded to the longest caption."""
        rows = [
            [self.word_ids.get(word, UNKNOWN) for word in split_words(caption)[: self.config.max_words]] or [UNKNOWN]
            for caption in captions
        ]
        ids = torch.full((len(rows), max(map(len, rows))), PADDING)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
        return ids.to(self.device)

    def encode_text(self, words: Int[Tensor, "batch words"]) -> Float[Tensor, "batch d"]:
        """Embeddings of tokenized captions."""
        return self.text_head(self.text_encoder(self.word_embedding(words), words != PADDING))

    def encode_motion(
        self, features: Float[Tensor, "batch frames feats"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d"]:
        """Embeddings of features in their own units (not normalized), padded to any length."""
        size = self.config.frames_per_token
        real = torch.arange(features.shape[1], device=features.device) < lengths[:, None]
        x = torch.where(real[..., None], (features - self.mean) / self.std, 0.0)[..., :-CONTACTS]
        x = functional.pad(x, (0, 0, 0, -x.shape[1] % size))
        tokens = self.stem(x.transpose(1, 2)).transpose(1, 2)
        mask = torch.arange(tokens.shape[1], device=x.device) * size < lengths[:, None]
        return self.motion_head(self.motion_encoder(tokens, mask))

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str], batch: int = 128) -> Float[np.ndarray, "captions d"]:
        """`encode_text` of any number of captions, without dropout and gradients."""
        order = np.argsort([len(split_words(caption)) for caption in captions], kind="stable")
        return self._embed(captions, order, batch, lambda part: self.encode_text(self.tokenize(part)))

    @torch.no_grad()
    def embed_motions(
        self, features: Sequence[Float[np.ndarray, "frames feats"]], batch: int = 64
    ) -> Float[np.ndarray, "clips d"]:
        """`encode_motion` of any number of clips of any lengths, without dropout and gradients."""
        order = np.argsort([len(clip) for clip in features], kind="stable")
        return self._embed(features, order, batch, lambda part: self.encode_motion(*self._pad(part)))

    def forward(
        self,
        words: Int[Tensor, "batch words"],
        features: Float[Tensor, "batch frames feats"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]]:
        """Both embeddings at once, for training."""
        return self.encode_text(words), self.encode_motion(features, lengths)

    def _embed(self, items: Sequence, order: np.ndarray, batch: int, encode: Callable) -> np.ndarray:
        """Embeds items of like length together: less padding."""
        training, _ = self.training, self.eval()
        out = np.zeros((len(items), self.config.d), dtype=np.float32)
        for start in range(0, len(items), batch):
            index = order[start : start + batch]
            out[index] = encode([items[i] for i in index]).cpu()
        self.train(training)
        return out

    def _pad(self, features: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        return pad_features(features, self.device)

    def save(self, path: str | Path) -> Path:
        """Writes one safetensors file: weights in half precision, statistics in full, the config in it."""
        path = Path(path)
        tensors = {}
        for name, value in self.state_dict().items():
            precision = torch.float32 if name in ("mean", "std") else torch.float16
            tensors[name] = value.detach().to("cpu", precision).contiguous()
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            save_file(tensors, partial, {"part": "evaluator", "config": json.dumps(asdict(self.config))})
        return path

    @classmethod
    def load(cls, path: str | Path | None = None, device: str | torch.device = "cpu") -> "Evaluator":
        """An evaluator from its file; the embedded one without a path.

        Raises:
            LeadError: there is no such file, or it is not an evaluator of ours.
        """
        path = EMBEDDED if path is None else Path(path)
        if not path.is_file():
            raise LeadError(f"No evaluator at {path}: train one with `lead train evaluator DATA --output RUN`.")
        tensors, values = load_part(path, "evaluator")
        tensors = {name: value.float() for name, value in tensors.items()}

        def make(values: Mapping[str, Any]) -> "Evaluator":
            stats = Stats(tensors["mean"].numpy(), tensors["std"].numpy())
            return cls(EvaluatorConfig(**{**values, "words": tuple(values["words"])}), stats)

        return build(make, values, tensors, str(path)).to(device).eval()


def _head(d_in: int, d: int) -> nn.Module:
    return nn.Sequential(nn.Linear(d_in, d), nn.GELU(), nn.Linear(d, d))


def pad_features(
    features: Sequence[Float[np.ndarray, "frames feats"]], device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, "batch frames feats"], Int[Tensor, " batch"]]:
    """Clips of several lengths as one tensor, zeros behind each, and their lengths."""
    lengths = torch.tensor([len(clip) for clip in features])
    padded = torch.zeros(len(features), int(lengths.max()), features[0].shape[1])
    for row, clip in zip(padded, features, strict=True):
        row[: len(clip)] = torch.as_tensor(clip)
    return padded.to(device), lengths.to(device)


def contrastive_loss(
    text: Float[Tensor, "batch d"], motion: Float[Tensor, "batch d"], same: Bool[Tensor, "batch batch"]
) -> Float[Tensor, ""]:
    """InfoNCE both ways on scores -|t - m|^2 / sqrt(d); pairs that are `same` are no negatives of each other.

    Source: TMR, equation 2, with Euclidean scores and with labels instead of a text-similarity threshold.
    """
    squared = text.square().sum(dim=1)[:, None] + motion.square().sum(dim=1) - 2.0 * text @ motion.T
    own = torch.eye(len(text), dtype=torch.bool, device=text.device)
    scores = (-squared / math.sqrt(text.shape[1])).masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(text), device=text.device)
    return 0.5 * (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target))


def caption_groups(captions: Sequence[Sequence[str]]) -> Int[np.ndarray, " clips"]:
    """Numbers clips so that those which share a caption, directly or through others, have one number."""
    parent = list(range(len(captions)))

    def root(clip: int) -> int:
        while parent[clip] != clip:
            clip = parent[clip]
        return clip

    first: dict[tuple[str, ...], int] = {}
    for clip, texts in enumerate(captions):
        for text in texts:
            owner = first.setdefault(tuple(split_words(text)), clip)
            parent[root(clip)] = root(owner)
    return np.array([root(clip) for clip in range(len(captions))])


def train_evaluator(
    data: str | Path,
    run: str | Path,
    config: EvaluatorConfig | None = None,
    train: TrainConfig = EVALUATOR_TRAIN,
    device: str = "cpu",
) -> Evaluator:
    """InfoNCE on the train split of a prepared data set; the val split is only reported.

    Clips that share a caption, directly or through others, are no negatives of each other. Writes
    `evaluator.safetensors` into the run folder.
    """
    data = Path(data)
    stats = Stats.read(data)
    clips, val = load(data, "train", _own_units(stats)), load(data, "val", _own_units(stats))
    groups = caption_groups([clip.captions for clip in clips])
    by_length = np.argsort([len(clip.features) for clip in clips], kind="stable")
    known = word_list(text for clip in clips for text in clip.captions)
    config = replace(config or EvaluatorConfig(known), feats=len(stats.mean))
    torch.manual_seed(train.seed)
    inputs = {"data": fingerprint(data)}
    stage = Stage("evaluator", Evaluator(config, stats), Path(run), train, device, inputs, config=config)
    for step in stage.steps():
        rng = np.random.default_rng((train.seed, step))  # a resumed run draws what it would have drawn
        index = like_lengths(by_length, train.batch, rng)
        pairs = [augmented(clips[i], stats, rng) for i in index]
        features, lengths = pad_features([features for features, _ in pairs], stage.device)
        words = stage.model.tokenize([caption for _, caption in pairs])
        same = torch.as_tensor(groups[index][:, None] == groups[index], device=stage.device)
        rows = stage.rows(len(index))
        with stage.accelerator.autocast():
            text, motion = stage.model(words[rows], features[rows], lengths[rows])
        text, motion = (stage.gathered(x.float(), len(index)) for x in (text, motion))
        loss = contrastive_loss(text, motion, same)
        stage.update(loss, {}, [clips[i].id for i in index])
        stage.validate(lambda evaluator: {"val_r3": retrieval(evaluator, val)[-1]}, better="higher")
    average = stage.kept()
    stage.close(lambda: average.save(stage.run / "evaluator.safetensors"))
    return average


def _own_units(stats: Stats) -> Stats:
    """Statistics that leave features as they are: the evaluator normalizes by itself."""
    return Stats(np.zeros_like(stats.mean), np.ones_like(stats.std))


def like_lengths(
    by_length: Int[np.ndarray, " clips"], batch: int, rng: np.random.Generator
) -> Int[np.ndarray, " batch"]:
    """Draws clips that lie near each other in the order by length: little padding, and harder negatives."""
    batch, window = min(batch, len(by_length)), min(4 * batch, len(by_length))
    start = int(rng.integers(-window // 2, len(by_length) - window // 2))
    start = min(max(start, 0), len(by_length) - window)
    return rng.choice(by_length[start : start + window], batch, replace=False)


def augmented(clip: Clip, stats: Stats, rng: np.random.Generator) -> tuple[Float[np.ndarray, "frames feats"], str]:
    """A cut of at least three quarters of the clip with a little noise, and one of its captions."""
    frames = min(len(clip.features), MAX_FRAMES)
    keep = max(min(frames, 16), int(frames * rng.uniform(0.75, 1.0)))
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
