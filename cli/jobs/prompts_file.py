"""Files of prompts: the motions to generate, line by line.

A line is a prompt, or a JSON object with "prompt" and, where they differ from the command's, "seconds" and "seed":

    a person walks
    {"prompt": "a person waves", "seconds": 6.0, "seed": 17}

Empty lines are skipped. An error names the file and the line. Knows no base model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from cli.errors import UsageError
from cli.options import LARGEST_SEED, check_unicode, require_file

KEYS = ("prompt", "seconds", "seed")
MOST = 1_000_000
"""Motions of one command."""
MOST_SECONDS = 1e6
"""What no base makes; a number beyond this may not even be one that Python can convert."""


@dataclass(frozen=True)
class Job:
    """One motion to generate."""

    prompt: str
    seconds: int | float
    """As the file has it, so that an index repeats it."""
    seed: int
    """The seed with which `generate PROMPT --seed` makes this motion alone."""
    place: str
    """`prompts.txt, line 3`"""


def read_jobs(path: Path, number: int, seconds: float, seed: int) -> list[Job]:
    """`number` motions for each line, in order.

    Seeds count up from `seed` through all motions; a line that states its own seed counts up from that one.
    """
    require_file(path, "--prompts", "a text file with a prompt a line")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8 ({error}); save it as UTF-8, a prompt a line.") from None
    if (motions := number * sum(map(bool, map(str.strip, lines)))) > MOST:
        raise UsageError(f"{path}: {motions:,} motions, at most {MOST:,} in one command; give fewer, or several files.")
    jobs: list[Job] = []
    for row, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{path}, line {row}"
            fields = _read_line(line.strip(), place)
            own_seconds, first = fields.get("seconds", seconds), fields.get("seed", seed + len(jobs))
            jobs += [Job(fields["prompt"], own_seconds, first + copy, place) for copy in range(number)]
    if not jobs:
        raise UsageError(f"{path}: no prompt in the file; expected one prompt a line.")
    return jobs


class Fields(TypedDict):
    """What a line states."""

    prompt: str
    seconds: NotRequired[int | float]
    seed: NotRequired[int]


def _read_line(line: str, place: str) -> Fields:
    """The fields of a line; UsageError where one is unknown or has another type."""
    from lead.errors import LeadError
    from lead.text.prompts import find_tokens

    found: dict[str, object] = {"prompt": line}
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{place}: not a JSON object ({error!s:.80}): {line[:80]!r}.") from None
    if unknown := [key for key in found if key not in KEYS]:
        raise UsageError(f"{place}: unknown {', '.join(map(repr, unknown)):.80}; expected {', '.join(KEYS)}.")
    prompt, seconds, seed = (found.get(key) for key in KEYS)
    if not isinstance(prompt, str) or not prompt.strip():
        found_prompt = repr(prompt)[:60]
        raise UsageError(f'{place}: found prompt {found_prompt}, expected a text, as {{"prompt": "a person walks"}}.')
    check_unicode(prompt, place)
    fields = Fields(prompt=prompt)
    if "seconds" in found:
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not abs(seconds) < MOST_SECONDS:
            raise UsageError(f"{place}: found seconds {repr(seconds)[:40]}, expected a number, as 4.0.")
        fields["seconds"] = seconds
    if "seed" in found:
        if not (isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= LARGEST_SEED):
            found_seed = repr(seed)[:40]
            raise UsageError(f"{place}: found seed {found_seed}, expected a whole number from 0 to {LARGEST_SEED}.")
        fields["seed"] = seed
    try:
        find_tokens(prompt)
    except LeadError as error:
        raise UsageError(f"{place}: {error}.") from None
    return fields
