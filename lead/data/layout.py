"""Folders of captioned motion: HumanML3D and KIT-ML as their authors lay them out, and those that we prepare.

Layout: `new_joint_vecs/<id>.npy` [frames, 263 or 251], `texts/<id>.txt` (a line a caption:
`caption#word/TAG ...#from#to` with seconds, 0#0 or nan for the whole clip), optionally `extra_texts/<id>.txt` of the
same lines (BABEL's, say), one `<split>.txt` of ids a split, `Mean.npy`, `Std.npy`. A caption with its own seconds
makes a clip of its own.
Rules: an authors' folder counts clips of 40 (KIT-ML 24) to 199 frames that have captions. A folder of ours counts all
clips of at least 12 frames; it says so in `dataset.json`, {"format": "lead-data/1", "rules": "own"}.  "rules":
"authors" asks for the authors' rules. A folder of ours without `dataset.json` is known by the one tag, OTHER, that we
give to words.
Knows nothing of models and batches. Source: Guo et al., CVPR 2022, and their `Text2MotionDatasetV2`.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Num

from lead.errors import LeadError
from lead.motion.features import NOT_NPY
from lead.motion.skeleton import KIT, Skeleton, skeleton_of

FORMAT = "lead-data/1"
DESCRIPTION = "dataset.json"
MIN_CLIP_FRAMES = 12
"""Frames of features that a clip of our own needs."""
LARGEST_FEATURE = 1e5
"""Features are meters and radians; a larger number is no motion."""
TOLERATED = 0.01
"""The share of a split's ids that may lack files (the authors' own KIT-ML lacks a few) before reading is refused."""
VARIED, MIRRORED, COMPOSED = "train_varied", "train_mirrored", "train_composed"
"""Splits that `lead.data.vary` and `lead.data.compose` add to a folder of any kind: all of their clips count."""
MEANINGS_FILE = "meanings.json"
"""What training clips show, by id: "walk backward; slowly" (`lead.data.compose`)."""
STYLE_TOKEN = "<manner>"
"""In a variation's captions, the token whose embeddings follow from the clip's style parameters; a file format."""
STYLE_PARAMS_FILE = "manners.npz"
"""Style parameters [params] by id; the name is a file format."""
_LISTS = ("all", "train_val")
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
    """Frames of features."""
    longest: int | None

    @property
    def authors(self) -> bool:
        return self.name != "lead"

    def explain_refusal(self, features: Num[np.ndarray, "frames feats"]) -> str:
        """Why a clip does not count; an empty string where it counts."""
        if not np.isfinite(features).all():
            return "NaN or infinite"
        if features.size and np.abs(features).max() > LARGEST_FEATURE:
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


def read_rules(data: Path, split: str = "train") -> Rules:
    """The rules of a folder's split; LeadError where the folder does not say what it is."""
    skeleton = _find_skeleton(data)
    if split in (VARIED, MIRRORED, COMPOSED):
        return Rules("lead", skeleton, MIN_CLIP_FRAMES, None)
    description = data / DESCRIPTION
    if description.is_file():
        try:
            content = json.loads(description.read_text(encoding="utf-8"))
            known = content["format"] == FORMAT and content["rules"] in ("own", "authors")
        except (ValueError, KeyError, TypeError, RecursionError):
            known = False
        if not known:
            raise LeadError(f'{description}: expected {{"format": "{FORMAT}", "rules": "own"}} or "authors"')
        own = content["rules"] == "own"
    else:
        own = _has_only_our_tags(data)
    if own:
        return Rules("lead", skeleton, MIN_CLIP_FRAMES, None)
    return Rules(skeleton.name, skeleton, 24 if skeleton is KIT else 40, 199)


def write_description(data: Path, rules: Rules) -> None:
    """Writes `dataset.json`, which says what rules a folder follows."""
    content = {"format": FORMAT, "rules": "authors" if rules.authors else "own", "fps": rules.skeleton.fps}
    (data / DESCRIPTION).write_text(json.dumps(content) + "\n")


def _find_skeleton(data: Path) -> Skeleton:
    """From the width of `Mean.npy`, or of some clip."""
    for file in chain([data / "Mean.npy"], (data / "new_joint_vecs").glob("*.npy")):
        if file.is_file():
            try:
                with file.open("rb") as content:
                    return skeleton_of(np.load(content, allow_pickle=False).shape[-1])
            except (*NOT_NPY, AttributeError, IndexError) as error:
                raise LeadError(f"{file}: {error}; expected HumanML3D's or KIT-ML's features") from error
    sources = "\n  ".join(f"{name}: {source}" for name, source in _SOURCES.items())
    raise LeadError(f"{data} holds no data set: Mean.npy and new_joint_vecs/ are missing.\n  {sources}")


def _has_only_our_tags(data: Path) -> bool:
    texts = (data / "texts").glob("*.txt")
    first = next((line for path in texts for line in path.read_text(errors="replace").splitlines() if line), "")
    parts = first.split("#")
    return len(parts) > 1 and bool(parts[1]) and all(token.endswith("/OTHER") for token in parts[1].split())


def read_captions(path: Path) -> tuple[list[Caption], int]:
    """The captions of a file in `texts/`, and how many lines could not be read; none where there is no file."""
    captions, bad = [], 0
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip():
                try:
                    captions.append(_parse_caption(line))
                except ValueError:
                    bad += 1
    return captions, bad


def _parse_caption(line: str) -> Caption:
    text, *rest = line.strip().split("#")
    if not text.strip():
        raise ValueError("a line without a caption")
    if len(rest) < 3:
        return Caption(text.strip())
    start, end = (0.0 if math.isnan(float(tag)) else float(tag) for tag in rest[1:3])
    if max(abs(start), abs(end)) > 1e6:
        raise ValueError("a part of no clip")
    return Caption(text.strip(), start, end)


def write_captions(path: Path, captions: Iterable[str], before: str = "") -> None:
    """Writes a file of `texts/`: the lines of `before`, then captions of a whole clip, each word with our one tag."""
    lines = [f"{line}\n" for line in before.splitlines()]
    for caption in captions:
        text = " ".join(caption.replace("#", " ").split())
        words = " ".join(f"{word.strip('.,').lower()}/OTHER" for word in text.split())
        lines.append(f"{text}#{words}#0.0#0.0\n")
    path.write_text("".join(lines), encoding="utf-8")


def read_whole_captions(data: Path, name: str) -> tuple[str, ...]:
    """The captions of a clip as a whole; a mirrored variation may have none."""
    return tuple(caption.text for caption in read_captions(data / "texts" / f"{name}.txt")[0] if caption.whole)


def read_meanings(data: Path) -> dict[str, str]:
    """What clips show, by id, as composition has found it; empty where the folder was not composed."""
    path = data / MEANINGS_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not all(isinstance(meaning, str) for meaning in content.values()):
        raise LeadError(f"{path}: expected a JSON object of ids and meanings; run `lead data compose` again")
    return content


def list_splits(data: Path) -> list[str]:
    """The names of a folder's splits: train, val and test first."""
    order = {name: place for place, name in enumerate(("train", "val", "test"))}
    names = (path.stem for path in data.glob("*.txt") if path.stem not in _LISTS)
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def find_splits(data: Path, among: Iterable[str]) -> list[str]:
    """Those of these splits that a folder has; `train` in any case, so that reading it tells what is missing."""
    return [split for split in among if split == "train" or (Path(data) / f"{split}.txt").is_file()]


def read_split(listing: Path) -> list[str]:
    """The ids that a `<split>.txt` lists."""
    try:
        ids = listing.read_text(encoding="utf-8").split()
    except UnicodeDecodeError:
        raise LeadError(f"{listing} is not UTF-8 text; expected an id a line") from None
    if odd := [name for name in ids if "\0" in name or len(name) > 200]:
        raise LeadError(f"{listing} has {odd[0][:40]!r}; expected an id a line, of at most 200 characters")
    return ids


def write_split(data: Path, split: str, ids: Iterable[str]) -> None:
    (data / f"{split}.txt").write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")


def remove_split(data: Path, split: str) -> None:
    """Removes a composed split with its clips, which have C and six digits for a name."""
    listing = data / f"{split}.txt"
    if listing.is_file():
        for name in read_split(listing):
            if re.fullmatch(r"C\d{6}", name):
                (data / "new_joint_vecs" / f"{name}.npy").unlink(missing_ok=True)
                (data / "texts" / f"{name}.txt").unlink(missing_ok=True)
        listing.unlink()


def find_missing(data: Path, splits: Sequence[str]) -> list[str]:
    """What reading these splits needs and the folder lacks, a line each, with where to get it."""
    source = _SOURCES[read_rules(data).name]
    lines = [f"{name} is missing: {source}" for name in ("Mean.npy", "Std.npy") if not (data / name).is_file()]
    for split in splits:
        listing = data / f"{split}.txt"
        if not listing.is_file():
            lines.append(f"{data.name} has no {split}.txt: {source}")
            continue
        ids, rules = read_split(listing), read_rules(data, split)
        for folder, suffix in (("new_joint_vecs", ".npy"), *([("texts", ".txt")] if rules.authors else ())):
            absent = [name for name in ids if not (data / folder / f"{name}{suffix}").is_file()]
            if len(absent) > TOLERATED * len(ids):
                lines.append(
                    f"{len(absent)} of {len(ids)} ids of {split}.txt have no file in {folder}/, the first is "
                    f"{absent[0]}{suffix}: {_SOURCES[rules.name]}"
                )
    return lines
