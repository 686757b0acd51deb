"""`lead-invert generate --prompts`: any number of motions in bounded memory, in folders of SHARD motions each.

    OUTPUT/settings.json                    how all of them are made
    OUTPUT/shard-00000/index.jsonl          a line a motion: prompt, seconds, seed, its words' sha256, files
    OUTPUT/shard-00000/000000-<prompt>-seed<seed>.bvh ...

A shard is the unit of everything: it is computed as one, whatever process computes it, so that its bytes are the same
in any number of processes and after any number of stops; it is written under a hidden name and moved into place when
it is whole; what is in place and is what was asked for is not made again. Processes share the shards by their ranks.
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
from typing import TYPE_CHECKING, Any

from cli.console import UsageError, counted, progress, say, table
from cli.jobs.prompts_file import Job
from cli.jobs.ranks import Ranks
from cli.write_outputs import DATA_ENDINGS, slug, write_data
from lead.motion.atomic import write_atomically

if TYPE_CHECKING:
    from lead import Lead
    from lead.motion.rigs.rig import Rig

SHARD = 64
INDEX, SETTINGS = "index.jsonl", "settings.json"


@dataclass(frozen=True)
class Settings:
    """How all motions of an output folder are made; what must not change when the work goes on."""

    base: Mapping[str, str]
    """The base model's fingerprints."""
    steps: int | None
    guidance: float | None
    foot_lock: bool
    formats: Sequence[str]
    rig: str
    """sha256 of the files that the rig is from."""


@dataclass(frozen=True)
class Word:
    """A learned word."""

    tensors: Mapping[str, Any]
    sha256: str
    """Of its concept file."""


def sha256_of(*files: Path) -> str:
    """Of all their bytes; of no file, nothing."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() if files else ""


def check_data_formats(formats: Sequence[str]) -> None:
    """UsageError for a view: thousands of motions have no contact sheet."""
    if views := [form for form in formats if form not in DATA_ENDINGS]:
        raise UsageError(
            f"--format {','.join(views)} shows motions side by side: with --prompts choose among "
            f"{', '.join(DATA_ENDINGS)}; `lead-invert view OUTPUT/shard-00000` draws what was made."
        )


def generate_batch(
    model: "Lead",
    jobs: Sequence[Job],
    words: Mapping[str, Word],
    settings: Settings,
    output: Path,
    rig: "Rig | None" = None,
) -> dict[str, Any]:
    """This process's share of the shards; what is whole already is left as it is."""
    ranks, started = Ranks.found(), time.perf_counter()
    _check_jobs(jobs, model, words)
    _keep_settings(output, settings)
    shards = ranks.share(range(math.ceil(len(jobs) / SHARD)))
    plans = {number: _plan(jobs, number, words, settings) for number in shards}
    missing = [number for number, plan in plans.items() if not _is_whole(_folder(output, number), plan)]
    total, done = sum(len(plans[number]) for number in missing), 0
    if missing:
        with progress(f"generating {counted(total, 'motion')}") as report:
            for number in missing:
                part = jobs[number * SHARD : (number + 1) * SHARD]
                _make_shard(model, part, plans[number], words, settings, _folder(output, number), rig)
                done += len(part)
                report(done, total)
    mine = sum(map(len, plans.values()))
    return {
        "output": str(output),
        "motions": mine,
        "made": total,
        "there_before": mine - total,
        "shards": len(plans),
        "rank": ranks.rank,
        "processes": ranks.count,
        "seconds": round(time.perf_counter() - started, 3),
    }


def tell(result: Mapping[str, Any]) -> None:
    """For people: what `generate_batch` did."""
    kept = (result["made"], result["there_before"], result["shards"])
    table([(result["output"], *kept)], ("folder", "motions made", "there before", "shards"))
    if result["processes"] > 1:
        say(f"This was process {result['rank'] + 1} of {result['processes']}; each says its own share.")


def _check_jobs(jobs: Sequence[Job], model: "Lead", words: Mapping[str, Word]) -> None:
    """UsageError for a line that the base cannot make, before any work: its length in time or in tokens."""
    from lead.data.dataset import MAX_FRAMES, MIN_FRAMES
    from lead.errors import LeadError

    shortest, longest = MIN_FRAMES / model.skeleton.fps, MAX_FRAMES / model.skeleton.fps
    short = model.config.text.context - 2  # a prompt of so many bytes and no learned word has no more tokens
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


def _plan(
    jobs: Sequence[Job], number: int, words: Mapping[str, Word], settings: Settings
) -> list[dict[str, Any]]:
    """A shard's index."""
    from lead.text.prompts import named_tokens

    lines, start = [], number * SHARD
    for place, job in enumerate(jobs[start : start + SHARD], start=start):
        stem = f"{place:06d}-{slug(job.prompt)}-seed{job.seed}"
        line = {"prompt": job.prompt, "seconds": job.seconds, "seed": job.seed}
        digests = {token: words[token].sha256 for token in sorted(named_tokens(job.prompt))}
        lines.append(line | {"words": digests, "files": [stem + DATA_ENDINGS[form] for form in settings.formats]})
    return lines


def _is_whole(folder: Path, plan: Sequence[dict[str, Any]]) -> bool:
    """Whether a shard is there as planned; UsageError where other motions are.

    A shard that begins as planned is one of a shorter list of prompts: it is not whole, and may be made anew.
    """
    try:
        found = [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").split("\n") if line]
    except FileNotFoundError:
        return False
    except ValueError as error:
        raise UsageError(f"{folder / INDEX}: not an index of motions ({error}); choose another --output.") from None
    if found != plan[: len(found)]:
        raise UsageError(
            f"{folder} holds motions of other prompts, lengths, seeds or words than these: choose another --output, "
            "or take that folder away to make it anew."
        )
    return found == plan and all((folder / name).is_file() for line in plan for name in line["files"])


def _keep_settings(output: Path, settings: Settings) -> None:
    """Write them beside the shards, or hold them to what is written there."""
    path, wanted = output / SETTINGS, json.loads(json.dumps(asdict(settings)))
    output.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=2).encode())
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in wanted if found.get(name) != wanted[name]]
    except (ValueError, AttributeError):
        raise UsageError(f"{path}: not the settings of a `generate --prompts`; choose another --output.") from None
    if differing:
        now = ", ".join(f"{name} was {_short(found.get(name))}, is {_short(wanted[name])}" for name in differing)
        raise UsageError(f"{output} was begun with other settings: {now}. Use the same, or choose another --output.")


def _short(value: object) -> str:
    return "another" if isinstance(value, dict) else repr(value)


def _make_shard(
    model: "Lead",
    jobs: Sequence[Job],
    plan: Sequence[dict[str, Any]],
    words: Mapping[str, Word],
    settings: Settings,
    folder: Path,
    rig: "Rig | None",
) -> None:
    """Generate, write under a hidden name, move into place; one process at a time."""
    from concepts.lock import locked

    partial = folder.with_name(f".{folder.name}.partial")
    with locked(folder.with_name(f".{folder.name}.lock"), patience=0.0, keep=False):
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
        try:
            partial.mkdir()
            motions = model.generate(
                [job.prompt for job in jobs],
                seconds=[job.seconds for job in jobs],
                seed=[job.seed for job in jobs],
                words={token: words[token].tensors for token in sorted({t for line in plan for t in line["words"]})},
                steps=settings.steps,
                guidance=settings.guidance,
                clean_feet=settings.foot_lock,
            )
            for motion, line in zip(motions, plan, strict=True):
                for form, name in zip(settings.formats, line["files"], strict=True):
                    write_data(motion, partial / name.removesuffix(DATA_ENDINGS[form]), form, rig)
            index = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in plan)
            (partial / INDEX).write_text(index, encoding="utf-8")
            _move(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, folder: Path) -> None:
    """A new shard in one move; into one that is there file by file, the index, which makes it whole, last."""
    if not folder.exists():
        os.replace(partial, folder)
        return
    for path in sorted(partial.iterdir(), key=lambda path: (path.name == INDEX, path.name)):
        os.replace(path, folder / path.name)
