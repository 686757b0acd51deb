"""Files of prompts: what is to be generated, line by line.

A line is a prompt, or a JSON object with "prompt" and, where they differ from the command's, "seconds" and "seed":

    a person walks in a circle
    {"prompt": "a person waves", "seconds": 6.0, "seed": 17}

Empty lines are passed over. Knows no base model; a mistake is told with its file and line.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.console import LARGEST_SEED, UsageError, existing

KEYS = ("prompt", "seconds", "seed")
MOST = 1_000_000
"""Motions of one command."""


@dataclass(frozen=True)
class Job:
    """One motion that is to be made."""

    prompt: str
    seconds: float
    seed: int
    """What `generate PROMPT --seed` takes to make this motion alone."""
    place: str
    """`prompts.txt, line 3`"""


def read_jobs(path: Path, number: int, seconds: float, seed: int) -> list[Job]:
    """`number` motions for each line, in order.

    Seeds count up from `seed` through all motions; a line that states its own seed counts up from that one.
    """
    existing(path, "--prompts")
    if path.is_dir():
        raise UsageError(f"--prompts {path}: found a folder, expected a text file with a prompt a line.")
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
            said = {"seconds": seconds, "seed": seed + len(jobs)} | _read_line(line.strip(), place)
            first = said.pop("seed")
            jobs += [Job(**said, seed=first + copy, place=place) for copy in range(number)]
    if not jobs:
        raise UsageError(f"{path}: there is no prompt in it; expected a prompt a line.")
    return jobs


def _read_line(line: str, place: str) -> dict[str, Any]:
    """What a line states: a prompt, perhaps seconds and a seed."""
    from lead.errors import LeadError
    from lead.text.prompts import find_tokens

    said: Any = {"prompt": line}
    if line.startswith("{"):
        try:
            said = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{place}: not a JSON object ({error}): {line[:80]!r}.") from None
    if unknown := [key for key in said if key not in KEYS]:
        raise UsageError(f"{place}: unknown {', '.join(map(repr, unknown))}; expected {', '.join(KEYS)}.")
    prompt, seconds, seed = (said.get(key) for key in KEYS)
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError(f'{place}: found prompt {prompt!r}, expected a text, as {{"prompt": "a person walks"}}.')
    if "seconds" in said and not (_is_number(seconds) and math.isfinite(seconds)):
        raise UsageError(f"{place}: found seconds {seconds!r}, expected a number, as 4.0.")
    if "seed" in said and not (type(seed) is int and 0 <= seed <= LARGEST_SEED):
        raise UsageError(f"{place}: found seed {seed!r}, expected a whole number from 0 to {LARGEST_SEED}.")
    try:
        find_tokens(prompt)
    except LeadError as error:
        raise UsageError(f"{place}: {error}.") from None
    return said


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
