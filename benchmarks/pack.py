"""The development pack of real motion: 22 joints at 20 fps with captions and fixed splits.

    python -m benchmarks.pack OUT          # the pack as a plain folder that `lead data prepare` reads
    python -m benchmarks.pack OUT --open   # without the sources whose terms ask for non-commercial use or share-alike

The pack lies in the folder that the environment variable LEAD_DATA names, or in `../shared/data` beside the
repository. Joints are in meters, Y up. This module knows nothing of features or models.
"""

import argparse
import functools
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pack_captions import plain_captions
from lead.errors import LeadError

REPOSITORY = Path(__file__).resolve().parent.parent
TRAINING = ("train", "val")
LONGEST_SECONDS = 9.8
"""What a base makes at most."""
LICENSES = {
    "ad": "MIT",
    "bandai": "CC BY-NC 4.0",
    "cmu": "free for all uses, not to be resold",
    "cmu2": "free for all uses, not to be resold",
    "deepmimic": "MIT",
    "handkeyed": "CC0 1.0",
    "hdm05": "CC BY-SA 3.0",
    "react": "MIT",
    "sie": "CC BY-NC 4.0",
    "uiprmd": "PDDL 1.0",
}
"""The license of each source, as the pack's own `licences/SOURCES.md` has it."""
OPEN = frozenset(source for source, license in LICENSES.items() if not {"NC", "SA"} & set(re.split(r"\W", license)))
"""Sources that weights without non-commercial and share-alike terms may come from."""
UNIT = 1.0 / 2000.0  # meters; the pack stores half millimeters

Row = dict[str, Any]  # id, source, split, content, style, frames, seconds, captions


def pack_folder() -> Path:
    """The pack's folder: LEAD_DATA, else `../shared/data` relative to the repository."""
    folder = Path(os.environ.get("LEAD_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "index.jsonl").is_file():
        raise LeadError(
            f"No motion pack in {folder}: expected its index.jsonl there. "
            "Set the environment variable LEAD_DATA to the folder that holds it."
        )
    return folder


def has_pack() -> bool:
    """Whether the pack is on this machine; tests on real motion are skipped where it is not."""
    try:
        return pack_folder().is_dir()
    except LeadError:
        return False


@functools.cache
def _read_index(folder: Path) -> tuple[Row, ...]:
    with open(folder / "index.jsonl", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines if line.strip())


@functools.cache
def _id_to_source(folder: Path) -> dict[str, str]:
    return {row["id"]: row["source"] for row in _read_index(folder)}


@functools.cache
def _read_source(folder: Path, source: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{source}.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def pack_rows(split: str | Sequence[str] | None = None, source: str | None = None) -> list[Row]:
    """The rows of the index in its order: of all splits, one or several, and of all sources or one.

    Raises:
        LeadError: the pack does not exist, or it has no such split or source.
    """
    rows = list(_read_index(pack_folder()))
    if split is not None:
        splits = [split] if isinstance(split, str) else list(split)
        _check_known("split", splits, {row["split"] for row in rows})
        rows = [row for row in rows if row["split"] in splits]
    if source is not None:
        _check_known("source", [source], set(_id_to_source(pack_folder()).values()))
        rows = [row for row in rows if row["source"] == source]
    return rows


def _check_known(what: str, asked: Iterable[str], known: set[str]) -> None:
    if missing := sorted(set(asked) - known):
        raise LeadError(f"The pack has no {what} {', '.join(missing)}: choose among {', '.join(sorted(known))}.")


def read_joints(clip: str) -> np.ndarray:
    """Joint positions of the clip with this id, [frames, 22, 3] float32 in meters."""
    folder = pack_folder()
    source = _id_to_source(folder).get(clip)
    if source is None:
        raise LeadError(f"The pack has no clip {clip!r}: expected an `id` of {folder / 'index.jsonl'}.")
    steps = _read_source(folder, source)[clip]
    joints = np.cumsum(steps, axis=0, dtype=np.int16).reshape(-1, 22, 3)
    return (joints * np.float32(UNIT)).astype(np.float32)


def without_near_copies(rows: Iterable[Row], keep: int = 3) -> list[Row]:
    """The rows with one in `keep` training repetitions of uiprmd: its takes of one person are near-copies."""
    result = []
    for row in rows:
        repetition = int(row["id"].rsplit("_e", 1)[-1]) if row["source"] == "uiprmd" else 0
        if row["split"] != "train" or repetition % keep == 0:
            result.append(row)
    return result


def pack_segments(splits: Sequence[str] = TRAINING) -> list[Row]:
    """The captioned segments of long clips, as rows of their own with `clip`, `start` and `end`, in frames.

    Their `id` is `<clip>@<start>-<end>`.
    """
    with open(pack_folder() / "segments.jsonl", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.strip()]
    clips = {row["id"]: row for row in pack_rows()}
    rows = []
    for part in found:
        if part["split"] in splits:
            own = {"id": f"{part['clip']}@{part['start']}-{part['end']}", "frames": part["end"] - part["start"]}
            rows.append({**clips[part["clip"]], **part, **own, "content": "+".join(part["tags"])})
    return rows


def training_rows(sources: Collection[str] | None = None) -> list[Row]:
    """What a data set is made of: clips without near-copies, and segments for training; of these sources, or of all.

    A training clip of more than LONGEST_SECONDS that has segments is left out: its captions say it too roughly.
    """
    segments = pack_segments()
    cut = {row["clip"] for row in segments}
    rows = [
        r for r in pack_rows() if not (r["split"] in TRAINING and r["id"] in cut and r["seconds"] > LONGEST_SECONDS)
    ]
    kept = without_near_copies(rows) + segments
    return kept if sources is None else [row for row in kept if row["source"] in sources]


def write_folder(out: Path, rows: Sequence[Row] | None = None) -> Path:
    """Writes clips as `<id>.npy` and `captions.jsonl`, one row a clip, and returns that file's path.

    Without `rows`: `training_rows`.
    """
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for row in training_rows() if rows is None else rows:
        joints = read_joints(row["clip"])[row["start"] : row["end"]] if "clip" in row else read_joints(row["id"])
        _save_array(out / f"{row['id']}.npy", joints)
        meta = {key: row[key] for key in ("source", "content", "style")}
        captions = [*row["captions"], *(_plain(row) if row["split"] in TRAINING else ())]
        line = {"clip": f"{row['id']}.npy", "captions": captions, "split": row["split"], "meta": meta}
        lines.append(json.dumps(line, ensure_ascii=False))
    index = out / "captions.jsonl"
    partial = out / ".captions.jsonl.partial"
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(partial, index)
    return index


def _plain(row: Row) -> list[str]:
    """A segment's label counts for its part alone, and it is in its clip's style."""
    return plain_captions("segments" if "clip" in row else row["source"], row["content"], row["style"])


def _save_array(path: Path, array: np.ndarray) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        np.save(file, array)
    os.replace(partial, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pack to the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pack", description=main.__doc__)
    parser.add_argument("out", type=Path, help="folder to write <id>.npy files and captions.jsonl to")
    parser.add_argument("--open", action="store_true", help=f"only the sources {', '.join(sorted(OPEN))}")
    given = parser.parse_args(arguments)
    try:
        index = write_folder(given.out, training_rows(OPEN if given.open else None))
    except (LeadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{index}: {len(index.read_text(encoding='utf-8').splitlines())} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
