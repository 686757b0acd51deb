"""Makes a data set in HumanML3D's layout from a folder of captioned clips.

Captions are read by `lead.data.caption_files`. Clips may be of any format and rate that `Motion.read` knows; features
are HumanML3D's (263 numbers a frame, 20 fps). Knows nothing of models.
"""

import os
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.data.caption_files import LISTING, CaptionRow, read_beside, read_listing
from lead.data.layout import MIN_CLIP_FRAMES, Rules, write_captions, write_description, write_split
from lead.data.published import FRAME_CUTS, list_100style, list_babel
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.errors import MotionError
from lead.motion.features import Stats
from lead.motion.skeleton import HUMANML3D
from lead.motion.suffixes import READS

Progress = Callable[[int, int], None]
"""Called with the number of clips done and of all clips."""


def prepare_data(
    source: Path, out: Path, progress: Progress | None = None, babel: Path | None = None
) -> Mapping[str, int]:
    """Makes a data set from a folder of clips with captions; returns the number of clips of each split.

    Captions come from `captions.jsonl`, from a `.txt` beside each clip, or for published recordings from where their
    authors have them (`lead.data.published`): BABEL's for AMASS are in the folder `babel`. Recordings that are not
    there are counted as "not there". Clips without a split fall into train, val or test (80, 5, 15 %) by a hash of
    their name. `out` is written as a whole or not at all.
    """
    source, out = Path(source), Path(out)
    rows, absent = _list_rows(source, babel)
    _refuse_same_names(source, rows)
    if out.exists() and any(out.iterdir()):
        raise LeadError(f"{out} is not empty; name a new folder for the data set")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as partial:
        folder = Path(partial) / "data"
        counts = _prepare_into(folder, source, rows, progress)
        os.replace(folder, out)
    return {**counts, "not there": absent} if absent else counts


def _list_rows(source: Path, babel: Path | None) -> tuple[list[CaptionRow], int]:
    """The captioned clips of a folder, and how many recordings of a published one are not there."""
    listing = source / LISTING
    if babel is not None:
        return list_babel(babel, source)
    if (source / FRAME_CUTS).is_file():
        return list_100style(source)
    if listing.is_file():
        rows = read_listing(listing)
    else:
        files = sorted(path for path in source.glob("**/*") if path.suffix.lower() in READS)
        captioned = [path for path in files if path.with_suffix(".txt").is_file()]
        rows = [CaptionRow(str(path.relative_to(source)), read_beside(path)) for path in captioned]
        if bare := [path for path, row in zip(captioned, rows, strict=True) if not row.captions]:
            raise LeadError(
                f"{bare[0].with_suffix('.txt')} has no caption; write what the clip shows, a caption a line, or remove "
                "the file"
            )
    if not rows:
        raise LeadError(
            f"{source} has no captioned clips: expected {LISTING}, or a .txt of captions beside each "
            f"clip ({', '.join(READS)})"
        )
    return rows, 0


def _prepare_into(out: Path, source: Path, rows: Sequence[CaptionRow], progress: Progress | None) -> Mapping[str, int]:
    for folder in ("new_joint_vecs", "texts"):
        (out / folder).mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    training, problems = [], []
    read = lru_cache(1)(lambda path: Motion.read(path).features())  # the parts of a clip follow each other
    for done, row in enumerate(rows):
        name = _name_clip(row)
        try:
            features = _cut(read(source / row.clip), row)
        except (MotionError, OSError) as error:
            problems.append(str(error))
            continue
        np.save(out / "new_joint_vecs" / f"{name}.npy", features)
        write_captions(out / "texts" / f"{name}.txt", row.captions)
        split = row.split or _hash_to_split(_name_clip(replace(row, end=0.0)))
        splits.setdefault(split, []).append(name)
        if split == "train":
            training.append(features)
        if progress:
            progress(done + 1, len(rows))
    _refuse_problems(source, problems, len(rows), bool(training))
    Stats.from_features(np.concatenate(training)).write(out)
    write_description(out, Rules("lead", HUMANML3D, MIN_CLIP_FRAMES, None))
    for split, names in splits.items():
        write_split(out, split, names)
    return {split: len(names) for split, names in splits.items()}


def _cut(features: Float[np.ndarray, "frames feats"], row: CaptionRow) -> Float[np.ndarray, "part feats"]:
    """The rows of the part that the captions are of."""
    if not row.end:
        return features
    return features[round(row.start * HUMANML3D.fps) : round(row.end * HUMANML3D.fps)]


def _name_clip(row: CaptionRow) -> str:
    """The clip's name in the data set, where files have no folders and other suffixes."""
    part = f"_{row.start:g}-{row.end:g}s" if row.end else ""
    return row.clip.rsplit(".", 1)[0].replace("/", "_") + part


def _refuse_same_names(source: Path, rows: Sequence[CaptionRow]) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        name = _name_clip(row)
        if name in seen:
            raise LeadError(
                f"{source}: {seen[name]} and {row.clip} would both be {name} in the data set; give each clip one row "
                "and a name of its own"
            )
        seen[name] = row.clip


def _refuse_problems(source: Path, problems: Sequence[str], clips: int, trains: bool) -> None:
    if problems:
        shown = "\n  ".join(problems[:5])
        raise LeadError(f"{len(problems)} of {clips} clips in {source} cannot be used; mend or remove them:\n  {shown}")
    if not trains:
        raise LeadError(f"{source} has no clip for training: give some rows of {LISTING} the split `train`")


def _hash_to_split(name: str) -> str:
    part = zlib.crc32(name.encode()) % 100
    return "train" if part < 80 else "val" if part < 85 else "test"
