"""`Timeline`: what a person does one after the other; built in Python, read from a file or from one line of text.

A file is TOML or JSON with the same keys; all but `prompt` and `seconds` may be left out:

    transition = 1.6

    [[segments]]
    prompt = "a person walks forward"
    seconds = 4

    [[segments]]
    prompt = "a person sits down in <elderly> style"
    seconds = 3
    transition = 2.4
    seed = 7

A text has each prompt before its seconds: `a person walks 4s, then sits down 3s; a person waves 2.5s`. A part that
follows `then` or `, and` has the first part's subject, if it names none itself. Knows nothing of models and frames.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from lead.errors import LeadError, show_value
from lead.text.prompts import find_tokens

SUFFIXES = (".toml", ".json")
TRANSITION = 1.6
SHARE = 0.4
"""Of the shorter of two segments: the longest transition between them."""
LONGEST_TRANSITION = 4.0
"""Its window is twice as long, and no longer than what bases are trained on (9.8 s)."""
MOST_SECONDS = 3600.0
"""Of a timeline: an hour of joints takes 200 MB of memory, several times while it is finished."""
MOST_SEGMENTS = 500
"""Of a timeline: their shares of an hour's latents take 400 MB of memory while they are planned."""
MOST_BYTES = 1 << 22
"""Of a timeline's file."""
LARGEST_SEED = 2**40 - 1
SECONDS = r"\b(?P<seconds>\d+(?:\.\d+)?)\s?s(?:ec(?:ond)?s?)?\b"
PART = re.compile(
    rf"\s*+(?P<prompt>.*?)(?<!\s)(?:\s++for)?\s++{SECONDS}(?P<end>\s*+(?:;|(?:,\s*+)?(?i:and\s++)?(?i:then)\b|,(?:\s*+(?i:and)\b)?|$))",
    re.DOTALL,
)
"""A part of a text: a prompt, its seconds, and what follows. No white space is tried twice, or it would take hours."""
INSIDE = re.compile(f";|{SECONDS}")
"""What no prompt of a text has: it would be two parts."""
MOST_LETTERS = 1 << 16
"""Of a text."""
KEYS = {
    "prompt": 'a text, as "a person walks"',
    "seconds": f"a number above 0 and up to {MOST_SECONDS:g}, as 4.0",
    "transition": f"seconds from 0 to {LONGEST_TRANSITION:g}, as {TRANSITION}",
    "seed": f"a whole number from 0 to {LARGEST_SEED}",
}
"""What a segment has in a file, and what is expected of it."""
EXAMPLE = '"a person walks 4s, then sits down 3s"'


@dataclass(frozen=True)
class Segment:
    """One prompt of a timeline.

    Raises:
        LeadError: it has no prompt, or a number that no segment has; the message says which.
    """

    prompt: str
    """What the person does; may name concepts by their tokens."""
    seconds: float
    transition: float | None = None
    """Seconds of the transition from the segment before; None: the timeline's."""
    seed: int | None = None
    """Of its noise; None: drawn by its place from the timeline's seed."""

    def __post_init__(self) -> None:
        for key in KEYS:
            _check(self._name if self.prompt else "a segment", key, getattr(self, key))
        find_tokens(self.prompt)

    @property
    def _name(self) -> str:
        return f"segment {show_value(self.prompt)}"


@dataclass(frozen=True)
class Timeline:
    """Segments one after the other, each of which begins where the one before it ends.

    Raises:
        LeadError: there are no segments, more than MOST_SEGMENTS, or they last longer than MOST_SECONDS together.
    """

    segments: tuple[Segment, ...]
    transition: float = TRANSITION
    """Seconds around the border of two segments in which the transition decides more than either prompt.

    0 is a change within a latent token; a change of posture looks better with 2 or more. In effect it is at most
    0.4 of the shorter of the two segments."""

    def __post_init__(self) -> None:
        if not self.segments:
            raise LeadError("a timeline without segments; expected one or more, each with a prompt and its seconds")
        for one in self.segments:
            if not isinstance(one, Segment):
                raise LeadError(
                    f"a timeline of {show_value(one)}; expected segments, as Segment('a person walks', 4.0)"
                )
        object.__setattr__(self, "segments", tuple(self.segments))
        if self.transition is None:
            raise LeadError(f"the timeline: found transition None, expected {KEYS['transition']}")
        _check("the timeline", "transition", self.transition)
        if self.segments[0].transition is not None:
            raise LeadError("the first segment has a transition, and nothing is before it; leave it out")
        _check_count(len(self.segments))
        if self.seconds > MOST_SECONDS:
            raise LeadError(f"{self.seconds:g} s in all, at most {MOST_SECONDS:g} s; make several timelines")

    @property
    def seconds(self) -> float:
        """Of all segments."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def prompts(self) -> list[str]:
        """Of each segment."""
        return [segment.prompt for segment in self.segments]

    @property
    def transitions(self) -> list[float]:
        """Seconds of the transition at each border, at most SHARE of the shorter of its two segments."""
        return [
            min(
                self.transition if after.transition is None else after.transition,
                before.seconds * SHARE,
                after.seconds * SHARE,
            )
            for before, after in pairwise(self.segments)
        ]

    @classmethod
    def read(cls, path: str | Path) -> "Timeline":
        """The timeline in a .toml or .json file.

        Raises:
            LeadError: it names the file, the segment, what was found and what was expected.
        """
        path = Path(path)
        try:
            return cls._from_table(_read_table(path))
        except LeadError as error:
            raise LeadError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, text: str) -> "Timeline":
        """The timeline of one line of text, `a person walks 4s, then sits down 3s`; inverse of `to_text`.

        Raises:
            LeadError: a part has no seconds at its end, or a part after `then` has no subject that can be known.
        """
        if len(text) > MOST_LETTERS:
            raise LeadError(f"a text of {len(text):,} letters, at most {MOST_LETTERS:,}; write the timeline to a file")
        segments: list[Segment] = []
        start, follows = 0, False
        while start < len(text):
            found = PART.match(text, start)
            if not found or INSIDE.search(found["prompt"]):
                part = (found["prompt"] if found else text[start:]).strip()
                raise LeadError(
                    f"{show_value(part)} is no prompt with its seconds at the end; write it as in {EXAMPLE}"
                )
            prompt = found["prompt"]
            if follows:
                prompt = _add_subject(prompt, segments[0].prompt)
            segments.append(Segment(prompt, float(found["seconds"])))
            start, follows = found.end(), found["end"].strip()[-1:].isalpha()
            if found["end"].strip() and not text[start:].strip():
                raise LeadError(
                    f"nothing follows {text[-12:]!r}; leave it out, or write the next part with its seconds"
                )
        return cls(tuple(segments))

    def to_text(self) -> str:
        """Its prompts and seconds in one line; transitions and seeds are not in it."""
        return "; ".join(f"{segment.prompt} {_write_number(segment.seconds)}s" for segment in self.segments)

    def to_toml(self) -> str:
        """The text of a .toml file; the inverse of `read`."""
        lines = [f"transition = {float(self.transition)!r}"]
        for one in self.segments:
            lines += ["", "[[segments]]", f"prompt = {_quote(one.prompt)}", f"seconds = {float(one.seconds)!r}"]
            if one.transition is not None:
                lines.append(f"transition = {float(one.transition)!r}")
            if one.seed is not None:
                lines.append(f"seed = {one.seed}")
        return "\n".join(lines) + "\n"

    def vary(self, number: int) -> "Timeline":
        """The same with each stated seed counted up by `number`, as a variation has it; after the largest comes 0."""
        return replace(
            self,
            segments=tuple(
                one if one.seed is None else replace(one, seed=(one.seed + number) % (LARGEST_SEED + 1))
                for one in self.segments
            ),
        )

    @classmethod
    def _from_table(cls, table: Mapping[str, object]) -> "Timeline":
        _check_keys(table, ("segments", "transition"), "the file")
        rows = table.get("segments")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise LeadError("expected segments, a list of tables with prompt and seconds: [[segments]] in TOML")
        _check_count(len(rows))
        segments = []
        for number, row in enumerate(rows, start=1):
            place = f"segment {number}"
            _check_keys(row, KEYS, place)
            if missing := [key for key in ("prompt", "seconds") if key not in row]:
                raise LeadError(f"{place} has no {' and no '.join(missing)}")
            for key, value in row.items():
                _check(place, key, value)
            own = row.get("transition")
            try:
                times = _to_float(row["seconds"]), None if own is None else _to_float(own)
                segments.append(Segment(row["prompt"], *times, row.get("seed")))
            except LeadError as error:
                raise LeadError(f"{place}: {error}") from None
        transition = TRANSITION if table.get("transition") is None else table["transition"]
        _check("the file", "transition", transition)
        return cls(tuple(segments), _to_float(transition))


def _check_count(segments: int) -> None:
    if segments > MOST_SEGMENTS:
        raise LeadError(f"{segments:,} segments, at most {MOST_SEGMENTS}; make several timelines")


def _check(place: str, key: str, value: object) -> None:
    """LeadError, starting with the place, where a segment has no such value."""
    number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else -1  # NumPy's numbers too
    fits = {
        "prompt": isinstance(value, str) and bool(value.strip()),
        "seconds": 0 < number <= MOST_SECONDS,
        "transition": value is None or 0 <= number <= LONGEST_TRANSITION,
        "seed": value is None or (isinstance(value, Integral) and 0 <= number <= LARGEST_SEED),
    }
    if not fits[key]:
        raise LeadError(f"{place}: found {key} {show_value(value)}, expected {KEYS[key]}")


def _to_float(value: object) -> float:
    """A number that was checked, in the type that segments have."""
    assert isinstance(value, int | float), f"{value!r} is no number"
    return float(value)


def _read_table(path: Path) -> Mapping[str, object]:
    """The table in a TOML or JSON file."""
    if path.suffix.lower() not in SUFFIXES:
        raise LeadError(f"a timeline's file ends in {' or '.join(SUFFIXES)}; rename it")
    if not path.is_file():
        if path.exists():
            raise LeadError("found a folder, a device or a pipe, expected a timeline's file")
        raise LeadError("no such file; check the name and the folder")
    if path.stat().st_size > MOST_BYTES:
        raise LeadError(f"larger than {MOST_BYTES >> 20} MB; expected some lines a segment")
    toml = path.suffix.lower() == ".toml"
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text) if toml else json.loads(text, object_pairs_hook=read_pairs)
    except LeadError:
        raise
    except (ValueError, RecursionError) as error:
        raise LeadError(f"not a {'TOML' if toml else 'JSON'} file in UTF-8 ({error!s:.80})") from None
    if not isinstance(table, dict):
        raise LeadError(f"found a {type(table).__name__}, expected an object with segments")
    return table


def read_pairs(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """An object of a JSON file, of which no key may be there twice, as in TOML. Raises LeadError."""
    table: dict[str, object] = {}
    for key, value in pairs:
        if key in table:
            raise LeadError(f"{show_value(key)} is there twice in one object; leave one of them out")
        table[key] = value
    return table


def _check_keys(table: Mapping[str, object], known: Iterable[str], place: str) -> None:
    if unknown := [key for key in table if key not in known]:
        raise LeadError(f"{place} has unknown {', '.join(map(repr, unknown)):.80}; expected {', '.join(known)}")


def _add_subject(prompt: str, first: str) -> str:
    """The prompt with the subject of the first one, if it has none of its own."""
    if _find_subject(prompt):
        return prompt
    subject = _find_subject(first)
    if not subject:
        raise LeadError(
            f"who does {show_value(prompt)}? {show_value(first)} begins with no subject that is known, as a person; "
            f'write whole sentences with semicolons, as in "a person walks 4s; a person sits down 3s"'
        )
    return f"{subject} {prompt}"


def _find_subject(prompt: str) -> str:
    """The subject that a prompt begins with, as it is written; empty where none is known."""
    found = _subjects().match(prompt)
    return found[0] if found else ""


@cache
def _subjects() -> re.Pattern[str]:
    """The lexicon's subjects, the longest first."""
    from lead.text.lexicon import LEXICON  # which takes a while to read

    names = {*LEXICON.subjects, *(name for names in LEXICON.personas.values() for name in names)}
    return re.compile(rf"(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?=\s)", re.IGNORECASE)


def _write_number(value: float) -> str:
    """Digits that `parse` reads as the same number."""
    text = format(Decimal(repr(float(value))), "f")
    return text.removesuffix(".0")


def _quote(text: str) -> str:
    """A basic string of TOML, which escapes what JSON does, and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
