"""What the latent stages train on: posteriors of clips and features of their captions, in memory, and batches of them.

In a caption with MANNER_WORD the word has the vectors that the clip's manner gives it.  Latents are scaled to unit
spread.  Knows nothing of networks' losses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead import data as motion_data
from lead.data import MANNER_WORD, MAX_FRAMES, Clip
from lead.manners import MannerWords
from lead.motion.features import Stats
from lead.runs import TrainConfig
from lead.text import TextTower
from lead.train_vae import tensors
from lead.vae import MotionVAE

GROUP = 8


@dataclass(frozen=True, eq=False)
class LatentClips:
    """Posteriors of clips, windows of MAX_FRAMES, and what is said of each."""

    mu: Float[Tensor, "clips latents d_latent"]
    std: Float[Tensor, "clips latents d_latent"]
    """Both scaled to unit spread."""
    lengths: Int[Tensor, "clips"]
    texts: tuple[tuple[int, ...], ...]
    """For each clip, its captions' rows in the table of text features."""
    frames_per_latent: int

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, eq=False)
class LatentBatch:
    z: Float[Tensor, "batch latents d_latent"]
    lengths: Int[Tensor, "batch"]
    text: Float[Tensor, "batch d_text"]
    captioned: Tensor
    """True where a caption (not nothing) gave the text; [batch]."""


class Captions:
    """Every caption that training may draw, each encoded once; row 0 is the empty prompt."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], int] = {("", ""): 0}
        self._manners: list[np.ndarray | None] = [None]

    def rows(self, clip: Clip) -> tuple[int, ...]:
        """The rows of a clip's captions; one with MANNER_WORD is the clip's own."""
        keys = [(caption, clip.id if MANNER_WORD in caption else "") for caption in clip.captions]
        for key in keys:
            if key not in self._rows:
                self._rows[key] = len(self._rows)
                self._manners.append(clip.manner if key[1] else None)
        return tuple(self._rows[key] for key in keys)

    @torch.no_grad()
    def encode(self, tower: TextTower, words: MannerWords, batch: int = 256) -> Float[Tensor, "captions d_text"]:
        """The table of text features, MANNER_WORD standing for the vectors of the clip's manner."""
        prompts = [caption for caption, _ in self._rows]
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        table = torch.zeros(len(prompts), tower.d_text)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            manners = [(row, manner) for row in part if (manner := self._manners[row]) is not None]
            named = [f"<m{row}>" for row, _ in manners]
            vectors = words(torch.from_numpy(np.stack([m for _, m in manners]))) if manners else ()
            texts = [prompts[row].replace(MANNER_WORD, f"<m{row}>") for row in part]
            with torch.autocast(tower.device.type, torch.bfloat16):
                table[part] = tower.encode(texts, dict(zip(named, vectors, strict=True))).float()
        return table


def latent_batches(
    sources: Sequence[LatentClips], table: Float[Tensor, "captions d_text"], train: TrainConfig, step: int
) -> Iterator[LatentBatch]:
    """Batches from `step` on, an equal share from each source; what is drawn depends on the seed and the step alone.

    Rows for GROUP batches are drawn at once and dealt out by length, so that a batch holds little padding.
    """
    while True:
        rng = np.random.default_rng([train.seed, step // GROUP])
        chunk = rng.permutation(GROUP)[step % GROUP]
        share = train.batch // len(sources)
        picked = []
        for source in sources:
            rows = rng.integers(len(source), size=GROUP * share)
            rows = rows[np.argsort(source.lengths[rows].numpy(), kind="stable")]
            picked.append(rows[chunk * share : (chunk + 1) * share])
        yield _drawn_batch(sources, picked, table, np.random.default_rng([train.seed, step, 1]))
        step += 1


def _drawn_batch(
    sources: Sequence[LatentClips], picked: Sequence[np.ndarray], table: Tensor, rng: np.random.Generator
) -> LatentBatch:
    """The picked rows, each with a latent drawn from its posterior and one of its captions."""
    pairs = list(zip(sources, picked, strict=True))
    lengths = torch.cat([source.lengths[rows] for source, rows in pairs])
    latents = -(-int(lengths.max()) // sources[0].frames_per_latent)
    mu, std = (torch.cat([getattr(source, key)[rows, :latents] for source, rows in pairs]) for key in ("mu", "std"))
    z = mu + std * torch.from_numpy(rng.standard_normal(mu.shape, dtype=np.float32))
    said = [source.texts[row] for source, rows in pairs for row in rows]
    texts = torch.tensor([options[rng.integers(len(options))] if options else 0 for options in said])
    return LatentBatch(z, lengths, table[texts], texts > 0)


@torch.no_grad()
def latent_clips(vae: MotionVAE, clips: Sequence[Clip], captions: Captions) -> LatentClips:
    """Posteriors of clips; those longer than MAX_FRAMES as windows that overlap by half."""
    windows = [window for clip in clips for window in _windows(clip)]
    windows.sort(key=lambda window: len(window.features))
    latents = -(-MAX_FRAMES // vae.config.frames_per_latent)
    mu = torch.zeros(len(windows), latents, vae.config.d_latent)
    std, lengths = torch.zeros_like(mu), torch.zeros(len(windows), dtype=torch.long)
    for start in range(0, len(windows), 64):
        part = slice(start, start + 64)
        features, lengths[part] = tensors(motion_data.collate(windows[part]), torch.device("cpu"))
        mean, log_variance = vae.encode(features, lengths[part])
        mu[part, : mean.shape[1]] = mean * vae.latent_scale
        std[part, : mean.shape[1]] = (0.5 * log_variance).exp() * vae.latent_scale
    texts = tuple(captions.rows(window) for window in windows)
    return LatentClips(mu, std, lengths, texts, vae.config.frames_per_latent)


def _windows(clip: Clip) -> Iterator[Clip]:
    for start in range(0, max(len(clip.features) - MAX_FRAMES // 2, 1), MAX_FRAMES // 2):
        yield Clip(clip.id, clip.features[start : start + MAX_FRAMES], clip.captions, clip.manner)


def latent_sources(
    data: Path, vae: MotionVAE, tower: TextTower, words: MannerWords
) -> tuple[list[LatentClips], Float[Tensor, "captions d_text"]]:
    """The training split and, where the data set was varied, its variations and its mirrored clips; and the texts."""
    stats, captions = Stats.read(data), Captions()
    splits = [s for s in ("train", "train_varied", "train_mirrored") if (Path(data) / f"{s}.txt").is_file()]
    sources = [latent_clips(vae, motion_data.load(data, split, stats), captions) for split in splits]
    return sources, captions.encode(tower, words)
