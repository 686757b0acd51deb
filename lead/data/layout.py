"""Folders of captioned motion: HumanML3D and KIT-ML as their authors lay them out, and those that we prepare.

Layout: `new_joint_vecs/<id>.npy` [frames, 263 or 251], `texts/<id>.txt` (a line a caption:
`caption#word/TAG ...#from#to` with seconds, 0#0 or nan for the whole clip), optionally `extra_texts/<id>.txt` of the
same lines (BABEL's, say), one `<split>.txt` of ids a split, `Mean.npy`, `Std.npy`.  A caption with its own seconds
makes a clip of its own.
Rules: an authors' folder counts clips of 40 (KIT-ML 24) to 199 frames that have captions; a folder of ours says so in
`dataset.json`, {"format": "lead-data/1", "rules": "own"}, and counts all of at least 12 frames.  "rules": "authors"
asks for theirs.  Our older folders are known by the one tag, OTHER, that we give to words.
What a split's files hold is packed into `.cache/` when first read, under a fingerprint of names, sizes and times.
Knows nothing of models and batches.  Source: Guo et al., CVPR 2022, and their `Text2MotionDatasetV2`.
"""

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from lead.errors import LeadError
from lead.motion.features import NOT_NPY
from lead.motion.formats.arrays import DAMAGED_ZIP
from lead.motion.skeleton import KIT, Skeleton, skeleton_of

FORMAT = "lead-data/1"
DESCRIPTION = "dataset.json"
MIN_CLIP_FRAMES = 12
"""Frames of features that a clip of our own needs."""
LARGEST = 1e5
"""Of a feature: they are meters and radians."""
TOLERATED = 0.01
"""The share of a split's ids that may lack files (the authors' own KIT-ML lacks a few) before reading is refused."""
_CACHE = "pack/1"
VARIED, MIRRORED = "train_varied", "train_mirrored"
"""Splits that we add, to any folder: all of their clips count."""
_OTHERS = ("all", "train_val")
"""Lists that repeat the splits."""
_SOURCES = {
    "lead": "make the folder with `lead data prepare CLIPS DATA`",
    "HumanML3D": "the project https://github.com/EricGuo5513/HumanML3D has lists, Mean.npy, Std.npy and texts.zip, and "
    "its notebooks make new_joint_vecs from AMASS (https://amass.is.tue.mpg.de)",
    "KIT-ML": "the README of https://github.com/EricGuo5513/HumanML3D links KIT-ML's download, all files in one",
}


@dataclass(frozen=True)
class Rules:
    """What kind of folder it is, and which clips of it count."""

    name: str
    """HumanML3D or KIT-ML where the authors' rules hold, else lead."""
    skeleton: Skeleton
    shortest: int
    longest: int | None

    @property
    def authors(self) -> bool:
        return self.name != "lead"

    def refusal(self, features: np.ndarray) -> str:
        """Why a clip does not count; nothing where it does."""
        if not np.isfinite(features).all():
            return "NaN or infinite"
        if features.size and np.abs(features).max() > LARGEST:
            return "with numbers of no motion"
        if len(features) < self.shortest:
            return "too short"
        return "too long" if self.longest and len(features) > self.longest else ""


@dataclass(frozen=True)
class Caption:
    text: str
    start: float = 0.0
    end: float = 0.0
    """Seconds; 0 and 0 is the whole clip."""

    @property
    def whole(self) -> bool:
        return self.start == 0 and self.end == 0


@dataclass(frozen=True, eq=False)
class Packed:
    """All clips of a split, end to end."""

    frames: Float[np.ndarray, "frames feats"]
    """float32, as in the files."""
    lengths: Int[np.ndarray, "clips"]
    ids: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    manners: tuple[np.ndarray | None, ...]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """For each reason, the ids."""

    def report(self) -> str:
        """One line of what was left out; nothing where nothing was."""
        count = sum(map(len, self.left_out.values()))
        reasons = ", ".join(f"{len(ids)} {reason} ({ids[0]}{', ...' if len(ids) > 1 else ''})"
                            for reason, ids in self.left_out.items())  # fmt: skip
        return f"{count} left out, {len(self.ids)} read: {reasons}" if count else ""


def rules_of(data: Path, split: str = "train") -> Rules:
    """The rules of a folder's split; LeadError where it does not say what it is."""
    skeleton = _skeleton(data)
    if split in (VARIED, MIRRORED):
        return Rules("lead", skeleton, MIN_CLIP_FRAMES, None)
    description = data / DESCRIPTION
    if description.is_file():
        try:
            said = json.loads(description.read_text())
            known = said["format"] == FORMAT and said["rules"] in ("own", "authors")
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise LeadError(f'{description}: expected {{"format": "{FORMAT}", "rules": "own"}} or "authors"')
        own = said["rules"] == "own"
    else:
        own = _only_our_tags(data)
    if own:
        return Rules("lead", skeleton, MIN_CLIP_FRAMES, None)
    return Rules(skeleton.name, skeleton, 24 if skeleton is KIT else 40, 199)


def describe(data: Path, rules: Rules) -> None:
    """Writes down what rules a folder follows."""
    said = {"format": FORMAT, "rules": "authors" if rules.authors else "own", "fps": rules.skeleton.fps}
    (data / DESCRIPTION).write_text(json.dumps(said) + "\n")


def _skeleton(data: Path) -> Skeleton:
    """From the width of `Mean.npy`, or of some clip."""
    for file in chain([data / "Mean.npy"], (data / "new_joint_vecs").glob("*.npy")):
        if file.is_file():
            try:
                with file.open("rb") as content:
                    return skeleton_of(np.load(content, allow_pickle=False).shape[-1])
            except (*NOT_NPY, AttributeError, IndexError) as error:
                raise LeadError(f"{file}: {error}; expected HumanML3D's or KIT-ML's features") from error
    raise LeadError(f"{data} holds no data set: Mean.npy and new_joint_vecs/ are missing.\n  " + _everywhere())


def _only_our_tags(data: Path) -> bool:
    texts = (data / "texts").glob("*.txt")
    first = next((line for path in texts for line in path.read_text(errors="replace").splitlines() if line), "")
    parts = first.split("#")
    return len(parts) > 1 and bool(parts[1]) and all(token.endswith("/OTHER") for token in parts[1].split())


def _everywhere() -> str:
    return "\n  ".join(f"{name}: {source}" for name, source in _SOURCES.items())


def read_captions(path: Path) -> tuple[list[Caption], int]:
    """A file's captions, and how many lines could not be read; none where there is no file."""
    captions, bad = [], 0
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip():
                try:
                    captions.append(_caption(line))
                except ValueError:
                    bad += 1
    return captions, bad


def _caption(line: str) -> Caption:
    text, *rest = line.strip().split("#")
    if not text.strip():
        raise ValueError("a line without a caption")
    if len(rest) < 3:
        return Caption(text.strip())
    start, end = (0.0 if math.isnan(float(tag)) else float(tag) for tag in rest[1:3])
    if max(abs(start), abs(end)) > 1e6:
        raise ValueError("a part of no clip")
    return Caption(text.strip(), start, end)


def whole_captions(data: Path, name: str) -> tuple[str, ...]:
    """The captions of a clip as a whole; a mirrored variation may have none."""
    return tuple(caption.text for caption in read_captions(data / "texts" / f"{name}.txt")[0] if caption.whole)


def splits_of(data: Path) -> list[str]:
    """The names of a folder's splits: those that training reads first."""
    order = {name: place for place, name in enumerate(("train", "val", "test"))}
    names = (path.stem for path in data.glob("*.txt") if path.stem not in _OTHERS)
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def missing(data: Path, splits: Sequence[str]) -> list[str]:
    """What reading these splits needs and the folder lacks, a line each, with where to get it."""
    source = _SOURCES[rules_of(data).name]
    lines = [f"{name} is missing: {source}" for name in ("Mean.npy", "Std.npy") if not (data / name).is_file()]
    for split in splits:
        listing = data / f"{split}.txt"
        if not listing.is_file():
            lines.append(f"{data.name} has no {split}.txt: {source}")
            continue
        ids, rules = _ids(listing), rules_of(data, split)
        for folder, suffix in (("new_joint_vecs", ".npy"), *([("texts", ".txt")] if rules.authors else ())):
            absent = [name for name in ids if not (data / folder / f"{name}{suffix}").is_file()]
            if len(absent) > TOLERATED * len(ids):
                lines.append(
                    f"{len(absent)} of {len(ids)} ids of {split}.txt have no file in {folder}/, the first is "
                    f"{absent[0]}{suffix}: {_SOURCES[rules.name]}"
                )
    return lines


def _ids(listing: Path) -> list[str]:
    """The ids of a split."""
    try:
        ids = listing.read_text(encoding="utf-8").split()
    except UnicodeDecodeError:
        raise LeadError(f"{listing} is not UTF-8 text; expected an id a line") from None
    if odd := [name for name in ids if "\0" in name or len(name) > 200]:
        raise LeadError(f"{listing} has {odd[0][:40]!r}; expected an id a line, of at most 200 characters")
    return ids


def packed(data: Path, split: str) -> Packed:
    """A split's clips that count, from `.cache/` where it is fresh; LeadError saying all that is missing."""
    rules, lacks = rules_of(data, split), missing(data, [split])
    if lacks:
        raise LeadError(f"{data} is not complete.\n  " + "\n  ".join(lacks))
    ids = _ids(data / f"{split}.txt")
    place = data / ".cache" / f"{split}-{_fingerprint(data, rules, ids)}"
    found = _from_cache(place)
    if found is None:
        found = _read(data, rules, ids)
        _to_cache(place, found)
    return found


def _fingerprint(data: Path, rules: Rules, ids: Sequence[str]) -> str:
    """Of what a pack is made of: sizes and times, nothing is read."""
    digest = hashlib.sha256(f"{_CACHE} {rules.name} {rules.skeleton.name} {rules.shortest} {rules.longest}\n".encode())
    extra = [("extra_texts", ".txt")] if (data / "extra_texts").is_dir() else []
    files = [
        (f"{data / folder}{os.sep}", suffix)
        for folder, suffix in (("new_joint_vecs", ".npy"), ("texts", ".txt"), *extra)
    ]
    digest.update(_stamp(str(data / "manners.npz")))
    for name in ids:
        digest.update(name.encode())
        for folder, suffix in files:
            digest.update(_stamp(folder + name + suffix))
    return digest.hexdigest()[:16]


def _stamp(path: str) -> bytes:
    try:
        found = os.stat(path)
    except OSError:
        return b"-"
    return b"%d %d\n" % (found.st_size, found.st_mtime_ns)


def _read(data: Path, rules: Rules, ids: Sequence[str]) -> Packed:
    arrays: list[np.ndarray] = []
    names: list[str] = []
    captions: list[tuple[str, ...]] = []
    left_out: dict[str, list[str]] = {}

    def add(name: str, features: np.ndarray, said: Sequence[str], what: str = "") -> None:
        reason = rules.refusal(features)
        if reason:
            left_out.setdefault(what + reason, []).append(name)
        else:
            arrays.append(features.astype(np.float32))
            names.append(name)
            captions.append(tuple(said))

    for name in ids:
        features = _features(data / "new_joint_vecs" / f"{name}.npy", rules.skeleton)
        told, bad = read_captions(data / "texts" / f"{name}.txt")
        more, worse = read_captions(data / "extra_texts" / f"{name}.txt")
        told += more
        if bad + worse:
            left_out.setdefault("with caption lines that are none", []).append(name)
        if features is None:
            left_out.setdefault("without a readable motion file", []).append(name)
        elif rules.refusal(features):
            add(name, features, ())
        elif rules.authors and not told:
            left_out.setdefault("without captions", []).append(name)
        else:
            whole = [caption.text for caption in told if caption.whole]
            if whole or not told:
                add(name, features, whole)
            for number, caption in enumerate(told):
                if not caption.whole:
                    first, last = (int(max(s, 0.0) * rules.skeleton.fps) for s in (caption.start, caption.end))
                    add(f"{name}#{number}", features[first:last], [caption.text], "captioned parts ")
    frames = np.concatenate(arrays) if arrays else np.zeros((0, rules.skeleton.features), np.float32)
    lengths = np.array([len(array) for array in arrays], dtype=np.int64)
    return Packed(frames, lengths, tuple(names), tuple(captions), _manners(data / "manners.npz", names), left_out)


def _manners(path: Path, names: Sequence[str]) -> tuple[np.ndarray | None, ...]:
    """Each clip's manner; None for those, and where there is no file for all, that have none."""
    if not path.is_file():
        return (None,) * len(names)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as manners:
            return tuple(manners[name] if name in manners else None for name in names)  # noqa: SIM401 - lazy
    except (*NOT_NPY, *DAMAGED_ZIP, AttributeError) as error:
        raise LeadError(f"{path}: not a readable NPZ file ({str(error)[:80]}); get or make it again") from None


def _features(path: Path, skeleton: Skeleton) -> np.ndarray | None:
    try:
        with path.open("rb") as file:
            features = np.load(file, allow_pickle=False)
    except (OSError, *NOT_NPY):
        return None
    if not isinstance(features, np.ndarray) or features.dtype.kind not in "fiu":
        return None
    if features.ndim != 2 or features.shape[1] != skeleton.features:
        raise LeadError(
            f"{path} has shape {features.shape}; {skeleton.name}'s features are [frames, {skeleton.features}]"
        )
    return features


def _from_cache(place: Path) -> Packed | None:
    try:
        index = json.loads(Path(f"{place}.json").read_text())
        frames = np.load(f"{place}.npy", allow_pickle=False)
    except (OSError, *NOT_NPY):
        return None
    manners = tuple(None if row is None else np.array(row, dtype=np.float32) for row in index["manners"])
    captions = tuple(map(tuple, index["captions"]))
    return Packed(
        frames, np.array(index["lengths"], np.int64), tuple(index["ids"]), captions, manners, index["left_out"]
    )


def _to_cache(place: Path, found: Packed) -> None:
    """Writes the pack and removes older ones of its split; a folder that cannot be written to goes without."""
    index = {
        "ids": found.ids, "lengths": found.lengths.tolist(), "captions": found.captions, "left_out": found.left_out,
        "manners": [None if row is None else row.tolist() for row in found.manners],
    }  # fmt: skip
    split = place.name.rpartition("-")[0]
    try:
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as partial:
            np.save(Path(partial) / "frames.npy", found.frames)
            (Path(partial) / "index.json").write_text(json.dumps(index))
            for old in place.parent.iterdir():
                if re.fullmatch(re.escape(split) + r"-[0-9a-f]{16}\.(npy|json)", old.name):
                    old.unlink(missing_ok=True)
            os.replace(Path(partial) / "frames.npy", f"{place}.npy")
            os.replace(Path(partial) / "index.json", f"{place}.json")
    except OSError:
        return
