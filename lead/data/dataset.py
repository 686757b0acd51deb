"""Captioned motion data sets, read as clips and batches.

`lead.data.layout` says what a folder holds and which of its clips count. Lengths count frames of features, at the
data set's rate. Knows nothing of models.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from lead.data.layout import MIRRORED, find_missing, list_splits, read_meanings, read_rules
from lead.data.pack import StyleVector, load_packed
from lead.errors import LeadError
from lead.motion.features import Stats

log = logging.getLogger(__name__)

MAX_FRAMES, UNIT = 196, 4
"""Frames of features that a batch takes at most, and that lengths are multiples of."""
PACES = ("slowly", "quickly")
"""Ways that are as rare as an action, and as different."""
MIN_FRAMES = 16
"""The shortest motion, in frames of features, that is encoded or generated."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One captioned motion."""

    id: str
    features: Float[np.ndarray, "frames feats"]
    """Normalized by the data set's statistics."""
    captions: tuple[str, ...]
    style_params: StyleVector | None = None
    """Of a procedural variation: how it differs from its original (`style_params_to_vector`)."""
    meaning: str = ""
    """What it shows, in words of our own: "walk backward; slowly" (`lead.data.compose`)."""
    authors: bool = False
    """Whether the data set's authors draw crops: one in three is a UNIT shorter than it could be."""

    @property
    def action(self) -> str:
        """What training is balanced by: the meaning without ways, but with its pace; of several actions the first."""
        acts, *ways = self.meaning.split("; ")
        first = re.split(r" \+ |, ", acts, maxsplit=1)[0]
        name = acts if first == acts else f"{first} and more"
        return " ".join([name, *(way for way in ways if way in PACES)])


@dataclass(frozen=True, eq=False)
class Batch:
    features: Float[np.ndarray, "batch frames feats"]
    """Normalized, zero after each clip's end."""
    lengths: Int[np.ndarray, " batch"]
    captions: tuple[str, ...]
    clips: tuple[Clip, ...]


def load(data: Path, split: str, stats: Stats | None = None, most: int | None = None) -> list[Clip]:
    """The clips of a split that count, normalized with `stats` or the data set's own; logs what is left out.

    At most `most` of them, spread evenly: no more is held in memory.
    """
    data = Path(data)
    found, rules = load_packed(data, split), read_rules(data, split)
    if found.left_out:
        log.warning("%s, %s.txt: %s", data, split, found.report())
    if not found.ids:
        raise LeadError(
            f"{data / f'{split}.txt'} names no clip of at least {rules.shortest} frames; this needs one. Say which "
            f'clips are for it, in captions.jsonl: "split": "{split}"'
        )
    stats = stats or Stats.read(data)
    frames = found.frames
    if frames.shape[1:] != stats.mean.shape:
        raise LeadError(
            f"{data}: Mean.npy and Std.npy have shape {stats.mean.shape}, its features {frames.shape[1:]}; compute "
            "them again, or get the folder again"
        )
    chosen = np.arange(len(found.ids))
    if most and most < len(chosen):
        chosen = np.linspace(0, len(chosen) - 1, most).round().astype(int)
    ends = np.cumsum(found.lengths)
    frames = np.concatenate([frames[ends[i] - found.lengths[i] : ends[i]] for i in chosen])
    frames -= stats.mean
    frames /= stats.std
    parts = np.split(frames, np.cumsum(found.lengths[chosen])[:-1])
    meanings = read_meanings(data)
    rows = [
        (found.ids[i], features, found.captions[i], found.style_params[i])
        for i, features in zip(chosen, parts, strict=True)
    ]
    return [Clip(*row, meaning=_find_meaning(row[0], row[2], meanings), authors=rules.authors) for row in rows]


def _find_meaning(name: str, captions: Sequence[str], meanings: Mapping[str, str]) -> str:
    """What composition found that a clip shows; a variation has its original's action and a way of its own."""
    clip = name.partition("#")[0]
    if clip in meanings:
        return meanings[clip]
    original = meanings.get(clip.partition("_")[2])
    return f"{original}; {clip}" if original else next(iter(captions), clip)


def load_in_own_units(data: Path, split: str) -> list[Clip]:
    """`load` without normalization."""
    stats = Stats.read(Path(data))
    return load(data, split, Stats(np.zeros_like(stats.mean), np.ones_like(stats.std)))


def load_captioned(data: Path, stats: Stats | None = None) -> list[Clip]:
    """The training split and, where the data set was varied, those of its mirrors that have captions."""
    clips = load(data, "train", stats)
    if (Path(data) / f"{MIRRORED}.txt").is_file():
        clips += [clip for clip in load(data, MIRRORED, stats) if clip.captions]
    return clips


@dataclass(frozen=True)
class SplitReport:
    """What a split holds."""

    listed: int
    clips: int
    captions: int
    hours: float
    left_out: dict[str, int]
    """For each reason, how many."""


def check_data(data: Path) -> tuple[str, dict[str, SplitReport], list[str]]:
    """What kind of data set a folder is, each split's content, and a line for each thing that is missing."""
    data, reports = Path(data), {}
    rules, splits = read_rules(data), list_splits(data)
    missing = find_missing(data, splits or ["train"])
    for split in splits:
        if not find_missing(data, [split]):
            found = load_packed(data, split)
            reports[split] = SplitReport(
                len((data / f"{split}.txt").read_text().split()),
                len(found.ids),
                sum(map(len, found.captions)),
                len(found.frames) / rules.skeleton.fps / 3600,
                {reason: len(ids) for reason, ids in found.left_out.items()},
            )
    return rules.name, reports, missing


def collate(clips: Sequence[Clip], rng: np.random.Generator | None = None, max_frames: int = MAX_FRAMES) -> Batch:
    """Clips side by side, each cut to a multiple of UNIT frames; with `rng`, crops and captions are drawn."""
    lengths = np.array([min(len(clip.features), max_frames) // UNIT * UNIT for clip in clips])
    if rng:
        lengths -= [UNIT if clip.authors and rng.integers(3) == 0 else 0 for clip in clips]
    features = np.zeros((len(clips), lengths.max(), clips[0].features.shape[1]), dtype=np.float32)
    captions = []
    for row, (clip, length) in enumerate(zip(clips, lengths, strict=True)):
        start = rng.integers(len(clip.features) - length + 1) if rng else 0
        features[row, :length] = clip.features[start : start + length]
        captions.append(clip.captions[rng.integers(len(clip.captions)) if rng else 0] if clip.captions else "")
    return Batch(features, lengths, tuple(captions), tuple(clips))
