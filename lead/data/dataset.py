"""Captioned motion data sets: reading them in batches, making one from a folder of clips, varying it.

What a folder holds and which of its clips count is `lead.data.layout`'s.  `vary_data` adds clips in other manners:
`train_varied.txt` (captioned in words, or by a made-up word, STYLE_TOKEN) and `train_mirrored.txt` (captions only on
plain mirrors, left and right exchanged, where `lead.data.mirror_captions` allows them).
Knows nothing of models.  Lengths count frames of features, at the data set's rate.
"""

import json
import logging
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from lead.data.layout import (
    MIN_CLIP_FRAMES,
    MIRRORED,
    VARIED,
    Rules,
    describe,
    missing,
    packed,
    rules_of,
    splits_of,
    whole_captions,
)
from lead.data.mirror_captions import mirrored_captions
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.errors import MotionError
from lead.motion.features import Stats, features_to_joints, joints_to_features
from lead.motion.processing.style_augment import (
    StyleParams,
    drawn,
    mirrored,
    style_params_to_vector,
    vary,
    wild,
    with_upper_body,
)
from lead.motion.suffixes import READS
from lead.motion.skeleton import HUMANML3D

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

MAX_FRAMES, UNIT = 196, 4
"""Frames of features that a batch takes at most, and that lengths are multiples of."""
MIN_FRAMES = 16
"""The shortest motion, in frames, that is encoded or generated."""
STYLE_TOKEN = "<manner>"
"""Stands in a variation's captions for the word whose vectors follow from the clip's manner."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One captioned motion."""

    id: str
    features: Float[np.ndarray, "frames feats"]
    """Normalized by the data set's statistics."""
    captions: tuple[str, ...]
    manner: Float[np.ndarray, "params"] | None = None
    """How a procedural variation differs from its original (`style_params_to_vector`)."""
    authors: bool = False
    """The data set's authors draw crops: one in three is a UNIT shorter than it could be."""


@dataclass(frozen=True, eq=False)
class Batch:
    features: Float[np.ndarray, "batch frames feats"]
    """Normalized, zero after each clip's end."""
    lengths: Int[np.ndarray, "batch"]
    captions: tuple[str, ...]
    clips: tuple[Clip, ...]


def load(data: Path, split: str, stats: Stats | None = None) -> list[Clip]:
    """The clips of a split that count, normalized with `stats` or the data set's own; what is left out is logged."""
    data = Path(data)
    found, rules = packed(data, split), rules_of(data, split)
    if found.left_out:
        log.warning("%s, %s.txt: %s", data, split, found.report())
    if not found.ids:
        raise LeadError(f"{data / f'{split}.txt'} names no clip of at least {rules.shortest} frames")
    stats = stats or Stats.read(data)
    frames = found.frames
    if frames.shape[1:] != stats.mean.shape:
        raise LeadError(
            f"{data}: Mean.npy and Std.npy have shape {stats.mean.shape}, its features {frames.shape[1:]}; compute "
            "them again, or get the folder again"
        )
    frames -= stats.mean
    frames /= stats.std
    parts = np.split(frames, np.cumsum(found.lengths)[:-1])
    rows = zip(found.ids, parts, found.captions, found.manners, strict=True)
    return [Clip(*row, authors=rules.authors) for row in rows]


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


def check(data: Path) -> tuple[str, dict[str, SplitReport], list[str]]:
    """What kind of data set a folder is, each split's content, and a line for all that is missing."""
    data, reports = Path(data), {}
    rules, splits = rules_of(data), splits_of(data)
    lacks = missing(data, splits or ["train"])
    for split in splits:
        if not missing(data, [split]):
            found = packed(data, split)
            reports[split] = SplitReport(
                len((data / f"{split}.txt").read_text().split()),
                len(found.ids),
                sum(map(len, found.captions)),
                len(found.frames) / rules.skeleton.fps / 3600,
                {reason: len(ids) for reason, ids in found.left_out.items()},
            )
    return rules.name, reports, lacks


def batches(
    clips: Sequence[Clip], size: int, rng: np.random.Generator, max_frames: int = MAX_FRAMES
) -> Iterator[Batch]:
    """One pass over the clips in random order, those of like length together, long ones cropped at random."""
    order = rng.permutation(len(clips))
    lengths = np.array([min(len(clip.features), max_frames) for clip in clips])
    parts = np.array_split(order, max(len(order) // (16 * size), 1))
    pools = [pool[np.argsort(lengths[pool], kind="stable")] for pool in parts]
    groups = [pool[i : i + size] for pool in pools for i in range(0, len(pool), size)]
    for index in rng.permutation(len(groups)):
        if len(groups[index]) == size or len(clips) < size:
            yield collate([clips[i] for i in groups[index]], rng, max_frames)


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


def prepare(source: Path, out: Path, progress: Progress | None = None) -> Mapping[str, int]:
    """Makes a data set in HumanML3D's layout from a folder of clips with captions; returns clips a split.

    Captions come from `captions.jsonl` (rows {"clip", "captions", "split"?}) or from a `.txt` beside each clip (a line
    a caption).  Clips without a split fall into train, val or test (80, 5, 15 %) by a hash of their name.
    """
    source, out = Path(source), Path(out)
    rows = _rows(source)
    if out.exists() and any(out.iterdir()):
        raise LeadError(f"{out} is not empty; name a new folder for the data set")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as partial:
        made = Path(partial) / "data"
        counts = _prepare(source, rows, made, progress)
        os.replace(made, out)
    return counts


def _prepare(source: Path, rows: Sequence[dict], out: Path, progress: Progress | None) -> Mapping[str, int]:
    for folder in ("new_joint_vecs", "texts"):
        (out / folder).mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    training, problems = [], []
    for done, row in enumerate(rows):
        name = row["clip"].rsplit(".", 1)[0].replace("/", "_")
        try:
            features = Motion.read(source / row["clip"]).features()
        except (MotionError, OSError) as error:
            problems.append(str(error))
            continue
        np.save(out / "new_joint_vecs" / f"{name}.npy", features)
        _write_captions(out / "texts" / f"{name}.txt", row["captions"])
        split = row.get("split") or _hashed_split(name)
        splits.setdefault(split, []).append(name)
        if split == "train":
            training.append(features)
        if progress:
            progress(done + 1, len(rows))
    if problems:
        shown = "\n  ".join(problems[:5])
        raise LeadError(
            f"{len(problems)} of {len(rows)} clips in {source} cannot be used; mend or remove them:\n  {shown}"
        )
    if not training:
        raise LeadError(f"{source} has no clip for training: give some rows of captions.jsonl the split `train`")
    Stats.from_features(np.concatenate(training)).write(out)
    describe(out, Rules("lead", HUMANML3D, MIN_CLIP_FRAMES, None))
    for split, names in splits.items():
        (out / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return {split: len(names) for split, names in splits.items()}


def vary_data(data: Path, copies: int = 8, seed: int = 0, progress: Progress | None = None) -> Mapping[str, int]:
    """Adds `copies` procedural variations of every training clip, and as many mirrored ones (`caption_mirrors`)."""
    data = Path(data)
    rules, found = rules_of(data), packed(data, "train")
    if rules.skeleton is not HUMANML3D:
        raise LeadError(f"{data} has no 22-joint motion: only HumanML3D's features are varied")
    describe(data, rules)
    names, rng = found.ids, np.random.default_rng(seed)
    joints = [features_to_joints(part) for part in np.split(found.frames, np.cumsum(found.lengths)[:-1])]
    usable = [i for i, clip in enumerate(joints) if len(clip) > MIN_CLIP_FRAMES]
    varied, mirror, manners = [], [], {}
    for done, index in enumerate(usable):
        captions = found.captions[index]
        for copy in range(copies):
            manner, phrases = drawn(rng) if copy % 2 == 0 else (wild(rng), ())
            name = f"V{copy}_{names[index]}"
            if _save_variation(data, name, joints[index], manner, rng):
                told = [_with_phrases(c, phrases) for c in captions if phrases]
                named = [_with_phrases(c, (f"in {STYLE_TOKEN} style",)) for c in captions]
                _write_captions(data / "texts" / f"{name}.txt", told + named)
                varied.append(name)
                manners[name] = style_params_to_vector(manner)
            other = joints[usable[rng.integers(len(usable))]]
            base = mirrored(with_upper_body(joints[index], other) if copy % 2 else joints[index])
            name = f"M{copy}_{names[index]}"
            if _save_variation(data, name, base, wild(rng) if copy else StyleParams(), rng):
                mirror.append(name)
        if progress:
            progress(done + 1, len(usable))
    np.savez(data / "manners.npz", **manners)  # type: ignore[arg-type]
    for split, ids in ((VARIED, varied), (MIRRORED, mirror)):
        (data / f"{split}.txt").write_text("".join(f"{name}\n" for name in ids))
    caption_mirrors(data)
    return {VARIED: len(varied), MIRRORED: len(mirror)}


def caption_mirrors(data: Path) -> int:
    """Captions for the plain mirrors of training clips (`M0_<id>`), sides exchanged, where they may have them."""
    data, found = Path(data), packed(Path(data), "train")
    splits = {path.stem: path.read_text().split() for path in data.glob("*.txt")}
    trained = {name for split, ids in splits.items() if split.startswith("train") or split == "val" for name in ids}
    judged = {name for ids in splits.values() for name in ids} - trained
    known = {caption.lower() for said in found.captions for caption in said}
    held = {caption.lower() for name in judged for caption in whole_captions(data, name)}
    mirrors, count = set(splits[MIRRORED]), 0
    for name, said in zip(found.ids, found.captions, strict=True):
        swapped = mirrored_captions(said, known, held) if f"M0_{name}" in mirrors else ()
        path = data / "texts" / f"M0_{name}.txt"
        if swapped:
            _write_captions(path, swapped)
            count += 1
        else:
            path.unlink(missing_ok=True)
    return count


def _save_variation(data: Path, name: str, joints: np.ndarray, manner: StyleParams, rng: np.random.Generator) -> bool:
    features = joints_to_features(vary(joints, manner, seed=int(rng.integers(1 << 31))))
    np.save(data / "new_joint_vecs" / f"{name}.npy", features)
    return len(features) >= MIN_CLIP_FRAMES


def _with_phrases(caption: str, phrases: Sequence[str]) -> str:
    return " ".join([caption.rstrip(" ."), *phrases])


def _rows(source: Path) -> list[dict]:
    """What clips a folder has, with their captions: {"clip", "captions", "split"?} each."""
    listing = source / "captions.jsonl"
    if listing.is_file():
        rows = [_row(listing, number, line) for number, line in enumerate(listing.read_text().splitlines(), 1) if line]
    else:
        files = sorted(p for p in source.glob("**/*") if p.suffix.lower() in READS)
        rows = [
            {"clip": str(p.relative_to(source)), "captions": p.with_suffix(".txt").read_text().splitlines()}
            for p in files
            if p.with_suffix(".txt").is_file()
        ]
    if not rows:
        raise LeadError(
            f"{source} has no captioned clips: expected captions.jsonl, or a .txt of captions beside each "
            f"clip ({', '.join(READS)})"
        )
    return rows


def _row(listing: Path, number: int, line: str) -> dict:
    try:
        row = json.loads(line)
        if isinstance(row["clip"], str) and row["captions"] and all(isinstance(c, str) for c in row["captions"]):
            return row
    except (ValueError, KeyError, TypeError):
        pass
    raise LeadError(
        f'{listing}, line {number}: expected {{"clip": "<file>", "captions": ["...", ...], "split": "train"}}, '
        f"found {line[:80]!r}"
    )


def _hashed_split(name: str) -> str:
    part = zlib.crc32(name.encode()) % 100
    return "train" if part < 80 else "val" if part < 85 else "test"


def _write_captions(path: Path, captions: Sequence[str]) -> None:
    lines = []
    for caption in captions:
        caption = " ".join(caption.replace("#", " ").split())
        words = " ".join(f"{word.strip('.,').lower()}/OTHER" for word in caption.split())
        lines.append(f"{caption}#{words}#0.0#0.0\n")
    path.write_text("".join(lines))
