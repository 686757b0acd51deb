"""The evaluator: a text and a motion encoder whose distances say how well a motion fits a caption.

    captions -> own word list -> small transformer -> [batch, d]
    features -> own normalization -> 4 frames a token -> small transformer -> [batch, d]

Both are trained together (`lead.train.stages.evaluator`), apart from the base model and its text tower, so that the
base does not judge itself. Embeddings are not normalized: the loss trains Euclidean distance, and the metrics use it.
It reads all features (263, or KIT-ML's 251) but the last four: contacts are left out, as in the field's usual
evaluator (`lead.eval.t2m_evaluator`). Knows nothing of how motions are generated; the protocol is
`lead.eval.protocol`'s.
Source: Guo et al., CVPR 2022, appendix (the co-embedding).
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from lead.checkpoint import atomic_write, build, load_part
from lead.errors import LeadError
from lead.motion.features import Stats

Item = TypeVar("Item")

EMBEDDED = Path(__file__).parents[1] / "weights" / "evaluator.safetensors"
CONTACTS = 4
"""The last features; they are not read."""
PADDING, UNKNOWN = 0, 1
"""Ids of words."""


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


class MaskedTransformer(nn.Module):
    """Pre-norm transformer over padded sequences, with sinusoidal positions; the mean of the real tokens.

    It is torch's own layer, with another dropout, mask and names of weights than `lead.networks.layers.Transformer`:
    files of evaluators hold these.
    """

    def __init__(self, d: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(d, heads, 2 * d, dropout, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(d)

    def forward(
        self, x: Float[Tensor, "batch tokens d"], mask: Bool[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch d"]:
        x = x + sinusoids(x.shape[1], x.shape[2], x.device)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward is slow on a CPU
            for layer in self.layers:
                x = layer(x, src_key_padding_mask=~mask)
        total: Tensor = (self.norm(x) * mask[..., None]).sum(dim=1)
        return total / mask.sum(dim=1, keepdim=True)


def sinusoids(tokens: int, d: int, device: torch.device) -> Float[Tensor, "tokens d"]:
    """Positions as in Vaswani et al. 2017, section 3.5.

    `lead.networks.layers.sinusoid` computes the same, at inference with other last bits.
    """
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
        self.text_head = _make_head(config.d_text, config.d)
        size = config.frames_per_token  # tokens overlap by half on either side
        self.stem = nn.Conv1d(config.feats - CONTACTS, config.d_motion, 2 * size, stride=size, padding=size // 2)
        self.motion_encoder = MaskedTransformer(config.d_motion, config.motion_layers, config.heads, config.dropout)
        self.motion_head = _make_head(config.d_motion, config.d)

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
        embeddings: Tensor = self.text_head(self.text_encoder(self.word_embedding(words), words != PADDING))
        return embeddings

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
        embeddings: Tensor = self.motion_head(self.motion_encoder(tokens, mask))
        return embeddings

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str], batch: int = 128) -> Float[np.ndarray, "captions d"]:
        """`encode_text` of any number of captions, without dropout and gradients."""
        order = np.argsort([len(split_words(caption)) for caption in captions], kind="stable")
        return self._embed(captions, order, batch, lambda part: self.encode_text(self.tokenize(part)))

    @torch.no_grad()
    def embed_motions(
        self, features: Sequence[Float[np.ndarray, "_ feats"]], batch: int = 64
    ) -> Float[np.ndarray, "clips d"]:
        """`encode_motion` of any number of clips of any lengths, without dropout and gradients."""
        order = np.argsort([len(clip) for clip in features], kind="stable")
        return self._embed(features, order, batch, lambda part: self.encode_motion(*pad_features(part, self.device)))

    def forward(
        self,
        words: Int[Tensor, "batch words"],
        features: Float[Tensor, "batch frames feats"],
        lengths: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]]:
        """Both embeddings at once, for training."""
        return self.encode_text(words), self.encode_motion(features, lengths)

    def _embed(
        self,
        items: Sequence[Item],
        order: Int[np.ndarray, " items"],
        batch: int,
        encode: Callable[[Sequence[Item]], Float[Tensor, "part d"]],
    ) -> Float[np.ndarray, "items d"]:
        """Embeds items of like length together, for little padding."""
        training, _ = self.training, self.eval()
        out = np.zeros((len(items), self.config.d), dtype=np.float32)
        for start in range(0, len(items), batch):
            index = order[start : start + batch]
            out[index] = encode([items[i] for i in index]).cpu()
        self.train(training)
        return out

    def save(self, path: str | Path) -> Path:
        """Writes one safetensors file: weights in half precision, statistics in full, the config in its metadata."""
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

        def build_evaluator(values: Mapping[str, Any]) -> "Evaluator":
            stats = Stats(tensors["mean"].numpy(), tensors["std"].numpy())
            return cls(EvaluatorConfig(**{**values, "words": tuple(values["words"])}), stats)

        return build(build_evaluator, values, tensors, str(path)).to(device).eval()


def _make_head(d_in: int, d: int) -> nn.Module:
    return nn.Sequential(nn.Linear(d_in, d), nn.GELU(), nn.Linear(d, d))


def pad_features(
    features: Sequence[Float[np.ndarray, "_ feats"]], device: torch.device | str = "cpu"
) -> tuple[Float[Tensor, "batch frames feats"], Int[Tensor, " batch"]]:
    """Clips of several lengths as one tensor, zeros behind each, and their lengths."""
    lengths = torch.tensor([len(clip) for clip in features])
    padded = torch.zeros(len(features), int(lengths.max()), features[0].shape[1])
    for row, clip in zip(padded, features, strict=True):
        row[: len(clip)] = torch.as_tensor(clip)
    return padded.to(device), lengths.to(device)
