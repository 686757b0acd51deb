"""All clips of a split in one array, made once and kept in the data set's `.cache/`.

A pack is kept under a fingerprint of its rules and of its files' names, sizes and times; nothing is read to compute
it. Which clips count is `lead.data.layout`'s. Knows nothing of models and batches.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Num

from lead.data.layout import STYLE_PARAMS_FILE, Caption, Rules, find_missing, read_captions, read_rules, read_split
from lead.errors import LeadError
from lead.motion.features import NOT_NPY
from lead.motion.formats.arrays import DAMAGED_ZIP
from lead.motion.skeleton import Skeleton

StyleVector = Float[np.ndarray, " params"]
"""How a procedural variation differs from its original (`style_params_to_vector`)."""
_CACHE = "pack/1"


@dataclass(frozen=True, eq=False)
class Packed:
    """All clips of a split, end to end."""

    frames: Float[np.ndarray, "frames feats"]
    """float32, as in the files; not to be written to, as they may be read from the cache when they are asked for."""
    lengths: Int[np.ndarray, " clips"]
    ids: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    style_params: tuple[StyleVector | None, ...]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """For each reason, the ids."""

    def report(self) -> str:
        """One line of what was left out; an empty string where nothing was."""
        count = sum(map(len, self.left_out.values()))
        reasons = ", ".join(f"{len(ids)} {reason} ({ids[0]}{', ...' if len(ids) > 1 else ''})"
                            for reason, ids in self.left_out.items())  # fmt: skip
        return f"{count} left out, {len(self.ids)} read: {reasons}" if count else ""


def load_packed(data: Path, split: str) -> Packed:
    """A split's clips that count, from `.cache/` where it is fresh; LeadError saying all that is missing."""
    rules, lacks = read_rules(data, split), find_missing(data, [split])
    if lacks:
        raise LeadError(f"{data} is not complete.\n  " + "\n  ".join(lacks))
    ids = read_split(data / f"{split}.txt")
    fingerprint = _fingerprint_files(data, rules, ids)
    place = data / ".cache" / f"{split}-{fingerprint}"
    found = _read_cache(place)
    if found is None:
        packing, style_params = _pack(data, rules, ids)
        if _fingerprint_files(data, rules, ids) == fingerprint:  # else a file has vanished or changed while it was read
            _write_cache(place, packing, style_params)
        found = _read_cache(place) or packing.put_end_to_end(style_params)
    return found


def _fingerprint_files(data: Path, rules: Rules, ids: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{_CACHE} {rules.name} {rules.skeleton.name} {rules.shortest} {rules.longest}\n".encode())
    extra = [("extra_texts", ".txt")] if (data / "extra_texts").is_dir() else []
    files = [
        (f"{data / folder}{os.sep}", suffix)
        for folder, suffix in (("new_joint_vecs", ".npy"), ("texts", ".txt"), *extra)
    ]
    digest.update(_stat_to_bytes(str(data / STYLE_PARAMS_FILE)))
    for name in ids:
        digest.update(name.encode())
        for folder, suffix in files:
            digest.update(_stat_to_bytes(folder + name + suffix))
    return digest.hexdigest()[:16]


def _stat_to_bytes(path: str) -> bytes:
    try:
        found = os.stat(path)
    except OSError:
        return b"-"
    return b"%d %d\n" % (found.st_size, found.st_mtime_ns)


class _Packing:
    """Gathers the clips that count and, by reason, the ids of those that do not."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.arrays: list[Float[np.ndarray, "_ feats"]] = []
        self.names: list[str] = []
        self.captions: list[tuple[str, ...]] = []
        self.left_out: dict[str, list[str]] = {}

    def leave_out(self, name: str, reason: str) -> None:
        self.left_out.setdefault(reason, []).append(name)

    def add(
        self, name: str, features: Num[np.ndarray, "frames feats"], captions: Sequence[str], what: str = ""
    ) -> None:
        """A clip, or `what` of one."""
        if reason := self.rules.explain_refusal(features):
            self.leave_out(name, what + reason)
            return
        self.arrays.append(features.astype(np.float32))
        self.names.append(name)
        self.captions.append(tuple(captions))

    def add_clip(self, name: str, features: Num[np.ndarray, "frames feats"], captions: Sequence[Caption]) -> None:
        """A clip with its captions; each caption with seconds of its own makes a clip `<name>#<number>`."""
        if self.rules.explain_refusal(features):
            self.add(name, features, ())
            return
        if self.rules.authors and not captions:
            self.leave_out(name, "without captions")
            return
        whole = [caption.text for caption in captions if caption.whole]
        if whole or not captions:
            self.add(name, features, whole)
        for number, caption in enumerate(captions):
            if not caption.whole:
                first, last = (int(max(s, 0.0) * self.rules.skeleton.fps) for s in (caption.start, caption.end))
                self.add(f"{name}#{number}", features[first:last], [caption.text], "captioned parts ")

    def put_end_to_end(self, style_params: tuple[StyleVector | None, ...]) -> Packed:
        frames = np.concatenate(self.arrays) if self.arrays else np.zeros((0, self.rules.skeleton.features), np.float32)
        lengths = np.array([len(array) for array in self.arrays], dtype=np.int64)
        return Packed(frames, lengths, tuple(self.names), tuple(self.captions), style_params, self.left_out)


def _pack(data: Path, rules: Rules, ids: Sequence[str]) -> tuple[_Packing, tuple[StyleVector | None, ...]]:
    packing = _Packing(rules)
    for name in ids:
        features = _read_features(data / "new_joint_vecs" / f"{name}.npy", rules.skeleton)
        captions, bad = read_captions(data / "texts" / f"{name}.txt")
        extra, worse = read_captions(data / "extra_texts" / f"{name}.txt")
        if bad + worse:
            packing.leave_out(name, "with caption lines that are none")
        if features is None:
            packing.leave_out(name, "without a readable motion file")
        else:
            packing.add_clip(name, features, captions + extra)
    return packing, _read_style_params(data / STYLE_PARAMS_FILE, packing.names)


def _read_style_params(path: Path, names: Sequence[str]) -> tuple[StyleVector | None, ...]:
    """Each clip's style parameters; None for clips without them, and for all where there is no file."""
    if not path.is_file():
        return (None,) * len(names)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return tuple(arrays[name] if name in arrays else None for name in names)  # noqa: SIM401 - lazy
    except (*NOT_NPY, *DAMAGED_ZIP, AttributeError) as error:
        raise LeadError(f"{path}: not a readable NPZ file ({str(error)[:80]}); get or make it again") from None


def _read_features(path: Path, skeleton: Skeleton) -> Num[np.ndarray, "frames feats"] | None:
    """A clip's features; None where there is no readable file of numbers, LeadError for another skeleton's."""
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


def _read_cache(place: Path) -> Packed | None:
    try:
        index = json.loads(Path(f"{place}.json").read_text(encoding="utf-8"))
        frames = np.load(f"{place}.npy", mmap_mode="r", allow_pickle=False)
        style_params = tuple(None if row is None else np.array(row, dtype=np.float32) for row in index["manners"])
        captions, lengths = tuple(map(tuple, index["captions"])), np.array(index["lengths"], np.int64)
        return Packed(frames, lengths, tuple(index["ids"]), captions, style_params, index["left_out"])
    except (OSError, KeyError, *NOT_NPY):  # not there, or damaged: it is packed anew
        return None


def _write_cache(place: Path, packing: _Packing, style_params: Sequence[StyleVector | None]) -> None:
    """Writes the pack, clip by clip, and removes older ones of its split; a folder that is read-only goes without.

    The key `manners` is that of the file format `pack/1`.
    """
    lengths = [len(array) for array in packing.arrays]
    index = {
        "ids": packing.names, "lengths": lengths, "captions": packing.captions, "left_out": packing.left_out,
        "manners": [None if row is None else row.tolist() for row in style_params],
    }  # fmt: skip
    header = {"descr": "<f4", "fortran_order": False, "shape": (sum(lengths), packing.rules.skeleton.features)}
    split = place.name.rpartition("-")[0]
    try:
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as partial:
            with (Path(partial) / "frames.npy").open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for array in packing.arrays:
                    file.write(array.astype("<f4", order="C", copy=False).tobytes())
            (Path(partial) / "index.json").write_text(json.dumps(index))
            for old in place.parent.iterdir():
                if re.fullmatch(re.escape(split) + r"-[0-9a-f]{16}\.(npy|json)", old.name):
                    old.unlink(missing_ok=True)
            os.replace(Path(partial) / "frames.npy", f"{place}.npy")
            os.replace(Path(partial) / "index.json", f"{place}.json")
    except OSError:
        return
