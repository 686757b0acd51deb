"""`lead-invert generate --prompts`: any number of motions in bounded memory, in folders of SHARD motions each.

    OUTPUT/settings.json                    how all of them are generated
    OUTPUT/shard-00000/index.jsonl          a line a motion: prompt, seconds, seed, its concepts' sha256, files, notice
    OUTPUT/shard-00000/000000-<prompt>-seed<seed>.bvh ...

A shard is the unit of all work. One process computes it in one batch, so that its bytes are the same in any number of
processes and after any number of stops. It is written under a hidden name and moved into place when it is complete. A
complete shard that holds what was asked for is not generated again. Processes share the shards by their ranks.
With `--keep` a shard is computed from all motions of as many prompts as SHARD has room for. It holds the best motions
of each, and its index their numbers and scores.
"""

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from cli.console import count_noun, echo, limit_lines, print_table, progress_bar, warn
from cli.errors import UsageError
from cli.jobs.keep_best import BestOf, describe_unshown, keep_best, list_unshown, score_to_json
from cli.jobs.prompts_file import Job
from cli.jobs.ranks import Ranks
from cli.write_outputs import DATA_FORMATS, Target, ending_of, slug, tell_lost_rates, write_data
from lead.motion.atomic import write_atomically

if TYPE_CHECKING:
    from concepts import ConceptTensors
    from lead import Lead
    from lead.motion import Rig
    from lead.ranking import Score

SHARD = 64
INDEX, SETTINGS = "index.jsonl", "settings.json"


@dataclass(frozen=True)
class Settings:
    """How all motions of an output folder are generated; a later run has to have the same."""

    base: Mapping[str, str]
    """The base model's fingerprints."""
    steps: int | None
    guidance: float | None
    foot_lock: bool
    formats: Sequence[str]
    rig: str
    """sha256 of the files that the rig is from."""
    keep: str | None = None
    """`3 of 16`, where only the best motions of each prompt are kept."""


@dataclass(frozen=True)
class Word:
    """A concept as a prompt names it."""

    tensors: "ConceptTensors"
    sha256: str
    """Of its concept file."""


class IndexLine(TypedDict):
    """A motion in a shard's index."""

    prompt: str
    seconds: int | float
    seed: int
    words: dict[str, str]
    """Token -> sha256 of the concept file."""
    files: list[str]
    number: NotRequired[int]
    """Which of the motions of its prompt it is, from 1, with `--keep`; a resumed job does not compare it."""
    score: NotRequired[dict[str, Any]]
    """How good it is next to the others of its prompt, with `--keep`; a resumed job does not compare it."""
    notice: NotRequired[str]
    """Why the prompt may be outside of what the base was trained on; a resumed job does not compare it."""


@dataclass(frozen=True)
class Summary:
    """What this process did."""

    output: str
    motions: int
    """In its share of the shards; with `--keep` those that are kept."""
    made: int
    """Of these, in shards that it generated."""
    there_before: int
    """Motions of shards that were complete before."""
    shards: int
    rank: int
    processes: int
    seconds: float


def hash_files(*files: Path) -> str:
    """The sha256 of the bytes of all files; empty for no file."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() if files else ""


def check_data_formats(formats: Sequence[str]) -> None:
    """UsageError for a view: thousands of motions have no contact sheet."""
    if views := [form for form in formats if form not in DATA_FORMATS]:
        raise UsageError(
            f"--format {','.join(views)} shows motions side by side, which --prompts does not do. Choose among "
            f"{', '.join(DATA_FORMATS)}; `lead-invert view OUTPUT/shard-00000` draws the motions later."
        )


def generate_batch(
    model: "Lead",
    jobs: Sequence[Job],
    words: Mapping[str, Word],
    settings: Settings,
    output: Path,
    rig: "Rig | None" = None,
    notices: Mapping[str, str] = MappingProxyType({}),
    best: BestOf | None = None,
) -> Summary:
    """Generate this process's share of the shards; complete ones are left as they are.

    `notices`, by prompt, are noted in the index. With `best` only the best motions of each prompt are kept.
    """
    ranks, started = Ranks.from_environment(), time.perf_counter()
    _check_jobs(jobs, model, words)
    _write_or_check_settings(output, settings)
    size = max(SHARD // best.number, 1) * best.number if best else SHARD
    shards = ranks.share(range(math.ceil(len(jobs) / size)))
    plans = {number: _plan_shard(jobs, number, size, words, settings) for number in shards}
    missing = [number for number, plan in plans.items() if not _is_complete(_folder(output, number), plan, best)]
    total, done = sum(len(plans[number]) for number in missing), 0
    unshown: list[str] = []
    if missing:
        with progress_bar(f"generating {count_noun(total, 'motion')}") as progress:
            for number in missing:
                part = jobs[number * size : (number + 1) * size]
                lines = [_add_notice(line, notices) for line in plans[number]]
                unshown += _write_shard(model, part, lines, words, settings, _folder(output, number), rig, best)
                done += len(part)
                progress(done, total)
        tell_lost_rates(settings.formats, [model.skeleton.fps])
    with limit_lines(warn, f'{INDEX} has the "score" of each motion') as warn_or_count:
        for prompt in dict.fromkeys(unshown):
            warn_or_count(describe_unshown(prompt, best.number if best else 1))
    share = sum(map(len, plans.values()))
    if best:
        share, total = (count // best.number * best.keep for count in (share, total))
    seconds = round(time.perf_counter() - started, 3)
    return Summary(str(output), share, total, share - total, len(plans), ranks.rank, ranks.count, seconds)


def print_summary(summary: Summary) -> None:
    """What `generate_batch` did, for people."""
    row = (summary.output, summary.made, summary.there_before, summary.shards)
    print_table([row], ("folder", "motions made", "there before", "shards"))
    if summary.processes > 1:
        echo(f"This is process {summary.rank + 1} of {summary.processes}; each process reports its own share.")


def _check_jobs(jobs: Sequence[Job], model: "Lead", words: Mapping[str, Word]) -> None:
    """UsageError, before any work, for a line too short or long for the base, in time or in tokens."""
    from lead.errors import LeadError

    shortest, longest = model.seconds_range
    short = model.config.text.context - 2  # a prompt without concepts has at most as many tokens as bytes
    tensors, seen = {token: word.tensors for token, word in words.items()}, set[str]()
    for job in jobs:
        if not shortest <= job.seconds <= longest:
            raise UsageError(
                f"{job.place}: {job.seconds:g} s cannot be generated; this base makes {shortest:g} to {longest:g} s."
            )
        if job.prompt not in seen and ("<" in job.prompt or len(job.prompt.encode()) > short):
            try:
                model.encode_text([job.prompt], words=tensors)
            except LeadError as error:
                raise UsageError(f"{job.place}: {error}.") from None
        seen.add(job.prompt)


def _folder(output: Path, number: int) -> Path:
    return output / f"shard-{number:05d}"


def _plan_shard(
    jobs: Sequence[Job], number: int, size: int, words: Mapping[str, Word], settings: Settings
) -> list[IndexLine]:
    """The index that a shard of so many motions will have, if all are kept."""
    from lead.text.prompts import find_tokens

    lines: list[IndexLine] = []
    start = number * size
    for place, job in enumerate(jobs[start : start + size], start=start):
        stem = f"{place:06d}-{slug(job.prompt)}-seed{job.seed}"
        digests = {token: words[token].sha256 for token in sorted(find_tokens(job.prompt))}
        files = [stem + ending_of(form) for form in settings.formats]
        lines.append({"prompt": job.prompt, "seconds": job.seconds, "seed": job.seed, "words": digests, "files": files})
    return lines


def _add_notice(line: IndexLine, notices: Mapping[str, str]) -> IndexLine:
    notice = notices.get(line["prompt"])
    return {**line, "notice": notice} if notice else line


def _add_score(line: IndexLine, number: int, score: "Score") -> IndexLine:
    return {**line, "number": number, "score": score_to_json(score)}


def _is_complete(folder: Path, plan: Sequence[IndexLine], best: BestOf | None = None) -> bool:
    """Whether a shard is there as planned; UsageError where its folder holds other motions.

    A shard that begins as planned comes from a shorter list of prompts: it is not complete, and is generated anew.
    """
    try:
        found = [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").split("\n") if line]
        for line in found:
            for name in ("notice", "number", "score"):
                line.pop(name, None)
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError, RecursionError) as error:
        raise UsageError(f"{folder / INDEX}: not an index of motions ({error}); choose another --output.") from None
    number, keep = (best.number, best.keep) if best else (1, 1)
    planned = [plan[start : start + number] for start in range(0, len(plan), number)]
    there = [found[start : start + keep] for start in range(0, len(found), keep)]
    pairs = zip(there, planned, strict=False)  # there may be fewer: a shorter list of prompts
    if len(there) > len(planned) or any(line not in group for part, group in pairs for line in part):
        raise UsageError(
            f"{folder} holds motions of other prompts, lengths, seeds or words. Choose another --output, "
            "or delete that folder."
        )
    is_full = len(found) == len(planned) * keep
    return is_full and all((folder / name).is_file() for line in found for name in line["files"])


def _write_or_check_settings(output: Path, settings: Settings) -> None:
    """Write the settings beside the shards; UsageError where others are written there."""
    path, wanted = output / SETTINGS, json.loads(json.dumps(asdict(settings)))
    output.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=2).encode())
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in wanted if found.get(name) != wanted[name]]
    except (ValueError, AttributeError, RecursionError):
        raise UsageError(f"{path}: not the settings of a `generate --prompts`; choose another --output.") from None
    if differing:
        changes = [f"{name} was {_format(found.get(name))}, is {_format(wanted[name])}" for name in differing]
        raise UsageError(
            f"{output} was begun with other settings: {', '.join(changes)}. Use the same, or choose another --output."
        )


def _format(value: object) -> str:
    return "another" if isinstance(value, dict | list) else f"{value!r:.40}"


def _write_shard(
    model: "Lead",
    jobs: Sequence[Job],
    plan: Sequence[IndexLine],
    words: Mapping[str, Word],
    settings: Settings,
    folder: Path,
    rig: "Rig | None",
    best: BestOf | None,
) -> list[str]:
    """Generate a shard, write it under a hidden name, and move it into place; one process at a time.

    Returns the prompts of which no motion that is kept shows what they say.
    """
    from concepts.lock import hold_lock

    partial = folder.with_name(f".{folder.name}.partial")
    with hold_lock(folder.with_name(f".{folder.name}.lock"), patience=0.0, keep=False):
        shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
        try:
            partial.mkdir()
            motions = model.generate(
                [job.prompt for job in jobs],
                seconds=[float(job.seconds) for job in jobs],
                seed=[job.seed for job in jobs],
                words={token: words[token].tensors for token in sorted({t for line in plan for t in line["words"]})},
                steps=settings.steps,
                guidance=settings.guidance,
                clean_feet=settings.foot_lock,
            )
            unshown: list[str] = []
            if best:
                kept, scores = keep_best(best, motions, [job.prompt for job in jobs])
                unshown = list_unshown([jobs[row].prompt for row in kept], scores)
                motions = [motions[row] for row in kept]
                plan = [
                    _add_score(plan[row], row % best.number + 1, score) for row, score in zip(kept, scores, strict=True)
                ]
            for motion, line in zip(motions, plan, strict=True):
                for form, name in zip(settings.formats, line["files"], strict=True):
                    write_data(motion, partial / name.removesuffix(ending_of(form)), form, Target(rig))
            index = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in plan)
            (partial / INDEX).write_text(index, encoding="utf-8")
            _move_shard(partial, folder)
            return unshown
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _move_shard(partial: Path, folder: Path) -> None:
    """Move a new shard in one step; into an old one file by file, and the index, which makes it complete, last."""
    if not folder.exists():
        os.replace(partial, folder)
        return
    for path in sorted(partial.iterdir(), key=lambda path: (path.name == INDEX, path.name)):
        os.replace(path, folder / path.name)
