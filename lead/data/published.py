"""Captions of published recordings, as their downloads lay them out: BABEL's for AMASS, and 100STYLE's file names.

BABEL (Punnakkal et al., CVPR 2021) is a folder of `train.json`, `val.json` and, of several annotators,
`extra_train.json` and `extra_val.json`: `feat_p` names a recording, `frame_ann` its parts with seconds, `seq_ann` all
of it. 100STYLE (Mason et al., 2022) has `<Style>/<Style>_<what>.bvh` at 60 fps, and in `Frame_Cuts.csv` the frames of
each that count. Reads text only: it knows nothing of motion.
"""

import csv
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from lead.data.caption_files import CaptionRow
from lead.errors import LeadError

FRAME_CUTS = "Frame_Cuts.csv"
PIECE_SECONDS = 8.0
"""A long recording of one thing becomes clips of this length."""
SHORTEST_SECONDS = 0.7
_FPS_OF_CUTS = 60.0
_NO_MOTION = {"transition", "unknown", ""}
_RENAMED = {
    "BioMotionLab_NTroje": "BMLrub", "DFaust_67": "DFaust", "Eyes_Japan_Dataset": "EyesJapanDataset",
    "MPI_HDM05": "HDM05", "MPI_Limits": "PosePrior", "MPI_mosh": "MoSh", "SSM_synced": "SSM",
    "TCD_handMocap": "TCDHands", "Transitions_mocap": "Transitions",
}  # fmt: skip
"""AMASS's recordings in BABEL, and in newer downloads of AMASS."""
_WAYS = {
    "FW": "walks forward", "FR": "runs forward", "BW": "walks backward", "BR": "runs backward", "SW": "walks sideways",
    "SR": "runs sideways", "ID": "stands", "TR1": "starts, stops and turns", "TR2": "starts, stops and turns",
    "TR3": "starts, stops and turns",
}  # fmt: skip
"""What 100STYLE's files show, by the end of their names."""


def list_babel(babel: Path, amass: Path) -> tuple[list[CaptionRow], int]:
    """The labeled parts of the recordings that are in a folder of AMASS, and how many of BABEL's are not there.

    BABEL's val is our test, since its test has no labels; a twentieth of its train is our val.
    """
    found: dict[tuple[str, float, float], CaptionRow] = {}
    absent = 0
    for name in ("train", "extra_train", "val", "extra_val"):
        for one in _read_babel(babel / f"{name}.json"):
            clip = _find_recording(amass, str(one.get("feat_p", "")))
            if clip is None:
                absent += 1
                continue
            split = "test" if name.endswith("val") else _hash_to_train_or_val(clip)
            for span, texts in _list_labels(one).items():
                before = found.get((clip, *span))
                captions = (*before.captions, *texts) if before else tuple(texts)
                found[clip, *span] = CaptionRow(clip, captions, before.split if before else split, *span)
    if not found:
        raise LeadError(
            f"{amass} has none of the recordings that {babel} names, such as KIT/3/kick_high_left02_poses.npz: "
            "give the folder that AMASS's downloads were unpacked in"
        )
    return [found[key] for key in sorted(found)], absent


def list_100style(folder: Path) -> tuple[list[CaptionRow], int]:
    """The parts of 100STYLE's recordings that count, in pieces, and how many recordings are not there."""
    rows, absent = [], 0
    with (folder / FRAME_CUTS).open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            style = line.get("STYLE_NAME") or ""
            for way, verb in _WAYS.items():
                try:
                    first, last = (float(line.get(f"{way}_{end}") or "nan") for end in ("START", "STOP"))
                except ValueError:  # N/A
                    continue
                if not 0 <= first < last:
                    continue
                name = f"{style}_{way}.bvh"
                clip = next((place for place in (f"{style}/{name}", name) if (folder / place).is_file()), "")
                absent += not clip
                words = " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+", style)).lower()
                caption = f"a person {verb}" + ("" if words == "neutral" else f" in {words} style")
                spans = _cut(first / _FPS_OF_CUTS, last / _FPS_OF_CUTS) if clip else ()
                rows += [CaptionRow(clip, (caption,), None, *span) for span in spans]
    if not rows:
        raise LeadError(f"{folder} has {FRAME_CUTS} and none of its recordings, such as Aeroplane/Aeroplane_FW.bvh")
    return rows, absent


def _read_babel(path: Path) -> Iterator[Mapping[str, Any]]:
    """The recordings of one of BABEL's files; the `extra` ones may be missing."""
    if not path.is_file():
        if not path.name.startswith("extra"):
            raise LeadError(f"{path} is missing: give the folder of BABEL's release, which has train.json and val.json")
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise LeadError(f"{path} is not JSON ({str(error)[:100]}); get it again") from None
    if not isinstance(content, dict) or not all(isinstance(one, dict) for one in content.values()):
        raise LeadError(f"{path}: expected an object of recordings, as BABEL's release has")
    yield from content.values()


def _find_recording(amass: Path, feature_path: str) -> str | None:
    """A recording within a folder of AMASS, under BABEL's name of it or a newer one; None where it is not there."""
    parts = PurePosixPath(feature_path).parts
    if not parts or ".." in parts or feature_path.startswith("/"):
        return None
    inner = parts[1:] if len(parts) > 2 and parts[0] == parts[1] else parts
    for names in (parts, inner, (_RENAMED.get(inner[0], inner[0]), *inner[1:])):
        stem = "/".join(names).removesuffix("_poses.npz")
        for path in (f"{stem}_poses.npz", f"{stem}_stageii.npz"):
            if (amass / path).is_file():
                return path
    return None


def _list_labels(one: Mapping[str, Any]) -> dict[tuple[float, float], list[str]]:
    """Labels by the seconds of their part: of parts where there are any, else of the whole."""
    for single, several in (("frame_ann", "frame_anns"), ("seq_ann", "seq_anns")):
        spans: dict[tuple[float, float], list[str]] = {}
        for label in _labels([one.get(single), *(one.get(several) or ())]):
            text = " ".join(str(label.get("raw_label") or label.get("proc_label") or "").split())
            if text.lower() in _NO_MOTION or label.get("proc_label") in _NO_MOTION:
                continue
            start, end = (float(label.get(key) or 0.0) for key in ("start_t", "end_t"))
            if single == "seq_ann" or end - start >= SHORTEST_SECONDS:
                spans.setdefault((round(start, 2), round(end, 2)), []).append(text)
        if spans:
            return spans
    return {}


def _labels(annotations: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for annotation in annotations:
        yield from (annotation or {}).get("labels") or ()


def _cut(start: float, end: float) -> list[tuple[float, float]]:
    """Equal pieces of at most PIECE_SECONDS, in seconds."""
    pieces = max(1, -(-int((end - start) * 100) // int(PIECE_SECONDS * 100)))
    at = [round(start + (end - start) * piece / pieces, 2) for piece in range(pieces + 1)]
    return [span for span in pairwise(at) if span[1] - span[0] >= SHORTEST_SECONDS]


def _hash_to_train_or_val(clip: str) -> str:
    return "val" if zlib.crc32(clip.encode()) % 20 == 0 else "train"
