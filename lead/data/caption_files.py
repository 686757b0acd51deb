"""What people write beside their clips: `captions.jsonl`, or a `.txt` beside each clip with a caption a line.

A row of `captions.jsonl` is {"clip": "<file>", "captions": ["a person ...", ...], "split": "train"}; `split` may be
left out, other keys are ignored. Both files are UTF-8. Reads and writes text only: it knows nothing of motion, and
imports neither numpy nor torch. (The `texts/` of a data set have a format of their own: `lead.data.layout`.)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lead.errors import LeadError
from lead.motion.atomic import write_atomically

LISTING = "captions.jsonl"
EXPECTED = '{"clip": "<file>", "captions": ["a person ...", ...], "split": "train"}'


@dataclass(frozen=True)
class CaptionRow:
    """One clip's captions."""

    clip: str
    """The clip's path, relative to the folder of the file that names it."""
    captions: tuple[str, ...]
    split: str | None = None
    start: float = 0.0
    end: float = 0.0
    """Seconds of the part that the captions are of; 0 and 0 for the whole clip. No listing has them."""


def read_listing(path: Path) -> list[CaptionRow]:
    """The rows of a `captions.jsonl`, empty lines left out; LeadError naming the first line that is not one."""
    lines = enumerate(_read_lines(path), 1)
    return [_parse_row(path, number, line) for number, line in lines if line.strip()]


def write_listing(path: Path, rows: Sequence[CaptionRow]) -> None:
    """The inverse of `read_listing`; a row without captions gets an empty one, for a person to fill in."""
    lines = [json.dumps({"clip": row.clip, "captions": row.captions or ("",)}, ensure_ascii=False) for row in rows]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def read_beside(clip: Path) -> tuple[str, ...]:
    """The captions in the `.txt` beside a clip, empty lines left out; none where there is no such file."""
    text = clip.with_suffix(".txt")
    return tuple(line.strip() for line in _read_lines(text) if line.strip()) if text.is_file() else ()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise LeadError(f"{path}: not UTF-8 text; expected captions.") from None


def _parse_row(path: Path, number: int, line: str) -> CaptionRow:
    try:
        row = json.loads(line)
        clip, captions, split = row["clip"], row["captions"], row.get("split")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # RecursionError: brackets too deep
        clip, captions, split = None, None, None
    if isinstance(captions, list) and isinstance(clip, str) and not any(captions):
        raise LeadError(
            f'{path}, line {number}: {clip!r:.80} has no caption yet. Write what it shows, as "a person walks '
            'forward", or remove the line.'
        )
    texts = isinstance(captions, list) and all(isinstance(text, str) and _can_be_written(text) for text in captions)
    if not texts or not isinstance(clip, str) or not clip.isprintable() or not (split is None or _is_name(split)):
        raise LeadError(f"{path}, line {number}: expected {EXPECTED}, found {line[:80]!r}.")
    return CaptionRow(clip, tuple(captions), split or None)


def _can_be_written(caption: str) -> bool:
    """Whether a caption has words, and no half of a character that JSON can state and UTF-8 cannot."""
    return bool(caption.replace("#", " ").strip()) and not any("\ud800" <= letter <= "\udfff" for letter in caption)


def _is_name(split: object) -> bool:
    """Whether a split may name a file of its own."""
    return isinstance(split, str) and split.isprintable() and not set(split) & set("/\\:")
