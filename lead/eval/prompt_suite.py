"""A suite of plain prompts that judges a base by what people type: does the motion show what the prompt says?

The kinds of things that people ask for, their prompts and their checks are in `prompts.toml`. Each prompt is generated
several times at each of its lengths, with the base's defaults, and a check (`lead.eval.prompt_checks`) says of each
motion whether it shows it. A prompt's share is the mean over its lengths; the suite's is the mean over prompts. Knows
nothing of data sets, evaluators and training.
"""

import tomllib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lead.errors import LeadError
from lead.eval.check_language import Check, parse
from lead.model import Lead
from lead.motion import Motion
from lead.motion.skeleton import FPS

PROMPTS_FILE = Path(__file__).with_name("prompts.toml")
SECONDS = (2.0, 4.0, 8.0)
SAMPLES = 12
MOSTLY = 0.75
"""A prompt is understood where this share of its motions or more shows it."""
KEYS = {"name", "family", "check", "prompts", "seconds"}


@dataclass(frozen=True)
class Kind:
    """Something that people ask for."""

    name: str
    family: str
    """The heading under which it is reported: walking, arms, one after the other, ..."""
    check: str
    """An expression that `lead.eval.check_language.parse` reads."""
    prompts: tuple[str, ...]
    """The plain sentence, then paraphrases."""
    seconds: tuple[float, ...] = SECONDS


@dataclass(frozen=True)
class PromptResult:
    """How often a prompt's motions show what it says."""

    kind: str
    family: str
    check: str
    prompt: str
    plain: bool
    """The kind's first sentence; else a paraphrase."""
    shares: dict[float, float]
    """Length in seconds -> share of motions on which the check is true."""

    @property
    def share(self) -> float:
        """The mean over lengths."""
        return float(np.mean(list(self.shares.values())))


@dataclass(frozen=True)
class Score:
    """Prompts summed up."""

    prompts: int
    mean: float
    """Of the prompts' shares."""
    mostly: float
    """The share of prompts whose motions mostly show what they say (MOSTLY)."""


@dataclass(frozen=True)
class SuiteResult:
    """The whole suite, summed up in several ways."""

    base: str
    samples: int
    seed: int
    all: Score
    plain: Score
    paraphrases: Score
    families: dict[str, Score]
    kinds: dict[str, Score]
    lengths: dict[float, Score]
    """By seconds; a prompt counts with that length alone."""
    prompts: tuple[PromptResult, ...]


def read_kinds(path: Path = PROMPTS_FILE) -> tuple[Kind, ...]:
    """The kinds of a table such as `prompts.toml`.

    Raises:
        LeadError: the file is no such table; it says which entry is wrong and how.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["kinds"]
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise LeadError(f"{path}: no table of prompts ({error}); expected [[kinds]] entries in TOML.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LeadError(f"{path}: expected [[kinds]] entries, found kinds of type {type(rows).__name__}.")
    kinds = tuple(_to_kind(row, path) for row in rows)
    names = [kind.name for kind in kinds]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LeadError(f"{path}: {', '.join(twice)} stands twice; give each kind its own name.")
    return kinds


def _to_kind(row: dict[str, object], path: Path) -> Kind:
    unknown, missing = set(row) - KEYS, KEYS - {"seconds"} - set(row)
    name = row["name"] if isinstance(row.get("name"), str) else "a kind without a name"
    if unknown or missing:
        raise LeadError(
            f"{path}: {name}: "
            f"{'no ' + ', '.join(sorted(missing)) if missing else 'unknown ' + ', '.join(sorted(unknown))}; "
            f"a kind has {', '.join(sorted(KEYS))}."
        )
    prompts, seconds = row["prompts"], row.get("seconds", SECONDS)
    if not isinstance(prompts, list) or not prompts or not isinstance(seconds, list | tuple) or not seconds:
        raise LeadError(f"{path}: {name}: expected lists of one or more prompts and seconds.")
    if not all(isinstance(text, str) for text in (row["name"], row["family"], row["check"], *prompts)):
        raise LeadError(f"{path}: {name}: expected texts as name, family, check and prompts.")
    if not all(isinstance(value, int | float) and 0 < value < 1e6 for value in seconds):
        raise LeadError(f"{path}: {name}: expected numbers of seconds, as [2.0, 4.0].")
    parse(str(row["check"]))
    return Kind(
        str(row["name"]),
        str(row["family"]),
        str(row["check"]),
        tuple(map(str, prompts)),
        tuple(float(value) for value in seconds),
    )


def run_suite(
    base: Lead,
    kinds: Sequence[Kind] | None = None,
    samples: int = SAMPLES,
    seconds: Sequence[float] = SECONDS,
    seed: int = 0,
    batch: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> SuiteResult:
    """Generate every prompt `samples` times at each of its lengths among `seconds`, and check every motion.

    Motions of one length are generated together, with the base's own defaults. `progress` counts motions.
    """
    kinds = read_kinds() if kinds is None else kinds
    cells = [
        (kind, prompt, length)
        for length in seconds
        for kind in kinds
        if length in kind.seconds
        for prompt in kind.prompts
    ]
    if not cells:
        raise LeadError(
            f"No prompt is meant for a length of {', '.join(f'{s:g}' for s in seconds)} s: choose 2, 4 or 8."
        )
    checks = {kind.check: parse(kind.check) for kind in kinds}
    shares: dict[tuple[str, str], dict[float, float]] = {}
    per_call = max(batch // samples, 1)
    for length in seconds:
        some = [(kind, prompt) for kind, prompt, other in cells if other == length]
        for start in range(0, len(some), per_call):
            part = some[start : start + per_call]
            prompts = [prompt for _, prompt in part for _ in range(samples)]
            seeds = [_seed(prompt, seed) + sample for _, prompt in part for sample in range(samples)]
            motions = base.generate(prompts, seconds=length, seed=seeds, batch=batch)
            for row, (kind, prompt) in enumerate(part):
                shown = [shows(checks[kind.check], motion) for motion in motions[row * samples : (row + 1) * samples]]
                shares.setdefault((kind.name, prompt), {})[length] = float(np.mean(shown))
            if progress:
                done = [cell[2] for cell in cells].index(length) + min(start + per_call, len(some))
                progress(done * samples, len(cells) * samples)
    results = tuple(
        PromptResult(kind.name, kind.family, kind.check, prompt, place == 0, shares[kind.name, prompt])
        for kind in kinds
        for place, prompt in enumerate(kind.prompts)
        if (kind.name, prompt) in shares
    )
    return summarize(base.name, samples, seed, results)


def _seed(prompt: str, seed: int) -> int:
    """Of a prompt's first sample: the same in every table that has the prompt."""
    return (zlib.crc32(prompt.encode()) + 1_000_000 * seed) % (1 << 40)


def shows(check: Check, motion: Motion) -> bool:
    """The check on a motion of any rate."""
    return bool(check(np.asarray(motion.resample(FPS).joints, dtype=np.float64)))


def summarize(base: str, samples: int, seed: int, results: tuple[PromptResult, ...]) -> SuiteResult:
    """Scores over all prompts, and by family, kind, length and wording."""
    lengths = sorted({length for result in results for length in result.shares})
    return SuiteResult(
        base,
        samples,
        seed,
        _score([result.share for result in results]),
        _score([result.share for result in results if result.plain]),
        _score([result.share for result in results if not result.plain]),
        {
            family: _score([result.share for result in results if result.family == family])
            for family in dict.fromkeys(result.family for result in results)
        },
        {
            kind: _score([result.share for result in results if result.kind == kind])
            for kind in dict.fromkeys(result.kind for result in results)
        },
        {
            length: _score([result.shares[length] for result in results if length in result.shares])
            for length in lengths
        },
        results,
    )


def _score(shares: Sequence[float]) -> Score:
    if not shares:
        return Score(0, 0.0, 0.0)
    return Score(len(shares), float(np.mean(shares)), float(np.mean(np.array(shares) >= MOSTLY)))
