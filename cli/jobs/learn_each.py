"""`lead-invert learn --each`: a folder of folders, one concept from each.

`lead-invert learn` learns each concept in a process of its own, several at a time if asked. A folder that cannot be
used, or a process that dies, costs its own concept and no other. A concept that is there already is not learned again.
A stopped search resumes. This module knows nothing of how a concept is learned.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import typer

from cli.command import JsonObject
from cli.console import count_noun, echo, print_json, print_table, progress_bar, warn
from cli.destination import Destination
from cli.errors import UsageError
from cli.jobs.ranks import VARIABLES, Ranks, threads_per_process
from cli.options import require_path
from cli.start import terminate_by_interrupt
from concepts.text import slugify, token_stem

_WARNING = re.compile(r"^warning: (.+(?:\n(?!\w+: |learning ).+)*)", re.MULTILINE)
"""A warning on the standard error of a command, which folds lines at its width."""
_START = """
import os, signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
sys.path.insert(0, {!r})
import cli.invert
cli.invert.main()
"""
"""The program of a concept's process. On SIGTERM it clears up before it ends, because it may be writing its concept.
Its standard input ends when this process ends, however that is; then it ends too."""


@dataclass(frozen=True)
class Outcome:
    """The result of a folder."""

    folder: str
    token: str
    state: str
    """learned, there before, or failed."""
    file: str = ""
    error: str = ""
    clips: int = 0
    steps: int = 0
    seconds: float = 0.0
    """From the start of its process to its end."""


def learn_each(
    places: Sequence[Path], options: Sequence[str], jobs: int, output: Path | None, replace: bool, as_json: bool
) -> JsonObject:
    """Learn this process's share of the folders. Exit code 1 at the end where one failed, but not under a launcher.

    `options` are the options of `learn` that hold for all concepts.
    """
    ranks, started = Ranks.from_environment(), time.perf_counter()
    if output and (output.suffix == ".safetensors" or output.is_file()):
        raise UsageError(f"--output {output}: with --each the output must be a folder; name one.")
    tokens = _list_tokens(places)
    share = ranks.share(list(tokens))
    files = {folder: _concept_file(tokens[folder], output) for folder in share}
    missing = [folder for folder in share if replace or not files[folder].is_file()]
    common = [*options, *(["--replace"] if replace else [])]
    commands = {}
    for folder in missing:
        target = ["--output", str(files[folder])] if output else []
        commands[folder] = [*common, "--token", tokens[folder], *target, "--", str(folder)]
    if missing:
        _check_place(tokens[missing[0]], files[missing[0]], output is None)
    learned = _run_all(commands, tokens, jobs, threads_per_process(jobs * ranks.local_count)) if commands else {}
    outcomes = [
        learned.get(folder) or Outcome(str(folder), tokens[folder], "there before", str(files[folder]))
        for folder in share
    ]
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    result: JsonObject = {
        "words": [asdict(outcome) for outcome in outcomes],
        "failed": failed,
        "rank": ranks.rank,
        "processes": ranks.count,
        "seconds": round(time.perf_counter() - started, 3),
    }
    if not as_json:
        _print_outcomes(outcomes, ranks)
    if failed and ranks.count == 1:  # a launcher would end its other processes
        if as_json:
            print_json(result)
        raise typer.Exit(1)
    return result


def _check_place(token: str, file: Path, in_library: bool) -> None:
    """UsageError, before any process starts, where concepts cannot be written."""
    from concepts import Library

    place = Destination(token, file, Library() if in_library else None, replace=True)
    place.check_writable()
    if file.parent.is_dir():
        place.prepare_folder()


def token_of(folder: Path) -> str:
    """The token of a folder, from its name: `Old man, limping` gives <old-man-limping>."""
    name = slugify(folder.name)
    if not 1 <= len(name) <= 63:
        raise UsageError(f"{folder}: the folder's name cannot become a word; use 1 to 63 letters a-z and digits.")
    return f"<{name}>"


def _list_tokens(places: Sequence[Path]) -> dict[Path, str]:
    """The folders in all places, in order, and their tokens."""
    tokens: dict[Path, str] = {}
    for place in places:
        if not require_path(place, "a folder of folders").is_dir():
            raise UsageError(f"{place}: a file; --each expects a folder that has one folder of clips for each word.")
        folders = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not folders:
            raise UsageError(f"{place}: no folders in it; --each expects one folder of clips for each word.")
        for folder in folders:
            token = token_of(folder)
            if other := next((path for path, taken in tokens.items() if taken == token), None):
                raise UsageError(f"{folder} and {other} would both be {token}; give one of them another name.")
            tokens[folder] = token
    return tokens


def _concept_file(token: str, output: Path | None) -> Path:
    """The file of a concept, in `output` or in the library."""
    from concepts import Library

    return output / f"{token_stem(token)}.safetensors" if output else Library().path(token)


@dataclass(frozen=True)
class _Running:
    """A process that learns a concept; what it prints goes into temporary files."""

    process: subprocess.Popen[bytes]
    stdout: IO[str]
    stderr: IO[str]
    started: float


@terminate_by_interrupt()  # SIGTERM is how a launcher stops its processes
def _run_all(
    commands: Mapping[Path, Sequence[str]], tokens: Mapping[Path, str], jobs: int, threads: int
) -> dict[Path, Outcome]:
    """Run all commands, `jobs` at a time. When stopped, end them at once; their checkpoints stay."""
    waiting, outcomes = list(commands), dict[Path, Outcome]()
    warned: set[str] = set()
    try:
        with _processes() as running, progress_bar(f"learning {count_noun(len(commands), 'word')}") as progress:
            while waiting or running:
                while waiting and len(running) < jobs:
                    folder = waiting.pop(0)
                    running[folder] = _start(commands[folder], threads)
                for folder in [folder for folder, one in running.items() if one.process.poll() is not None]:
                    outcomes[folder] = _read_outcome(folder, tokens[folder], running.pop(folder), warned)
                    progress(len(outcomes), len(commands))
                time.sleep(0.05)
    except KeyboardInterrupt:
        done = sum(outcome.state == "learned" for outcome in outcomes.values())
        raise KeyboardInterrupt(
            f"stopped; {done} of {count_noun(len(commands), 'word')} learned. Run the same command again to resume."
        ) from None
    return outcomes


@contextmanager
def _processes() -> Iterator[dict[Path, _Running]]:
    """Processes by their folders, empty at first; those that still run after the block are ended."""
    running: dict[Path, _Running] = {}
    try:
        yield running
    finally:
        for one in running.values():
            one.process.terminate()
        for one in running.values():
            with one.process, one.stdout, one.stderr:
                pass  # waited for and closed


def _start(arguments: Sequence[str], threads: int) -> _Running:
    """Start `lead-invert learn`: a process that Ctrl-C does not reach and no launcher counts; it ends with this one."""
    start = _START.format(str(Path(__file__).parents[2]))
    program = [sys.executable, "-P", "-c", start, "learn", "--json", *arguments]
    env = {"OMP_NUM_THREADS": str(threads)} | {k: v for k, v in os.environ.items() if k not in VARIABLES}
    stdout = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by _read_outcome
    stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by _read_outcome
    process = subprocess.Popen(
        program, env=env, start_new_session=True, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr
    )
    return _Running(process, stdout, stderr, time.perf_counter())


def _read_outcome(folder: Path, token: str, one: _Running, warned: set[str]) -> Outcome:
    """The result of a process that has ended; prints its warnings that are not in `warned`, and adds them."""
    with one.process, one.stdout, one.stderr:
        one.stdout.seek(0)
        one.stderr.seek(0)
        stdout, stderr = one.stdout.read(), one.stderr.read()
    for match in _WARNING.finditer(stderr):
        text = " ".join(match[1].split())
        if text not in warned:
            warned.add(text)
            warn(text)
    seconds = round(time.perf_counter() - one.started, 1)
    try:
        result = json.loads(stdout)
    except ValueError:
        result = {"error": f"its process ended with exit code {one.process.returncode}: {stderr.strip()[-500:]}"}
    if "error" in result:
        warn(result["error"] if str(folder) in result["error"] else f"{folder}: {result['error']}")
        return Outcome(str(folder), token, "failed", error=result["error"], seconds=seconds)
    file, clips, steps = result["file"], len(result["clips"]), result["steps"]
    return Outcome(str(folder), token, "learned", file, clips=clips, steps=steps, seconds=seconds)


def _print_outcomes(outcomes: Sequence[Outcome], ranks: Ranks) -> None:
    """A row for each folder, and what to do next."""
    rows = [
        (one.folder, one.token, one.state, one.clips or "", one.steps or "", one.seconds or "", one.file)
        for one in outcomes
    ]
    title = str(ranks).capitalize() if ranks.count > 1 else ""
    print_table(rows, ("folder", "token", "result", "clips", "steps", "seconds", "file"), title)
    failed = sum(one.state == "failed" for one in outcomes)
    if failed:
        folders = count_noun(len(outcomes), "folder")
        echo(f"{failed} of {folders} failed; see the reasons above. Run the same command again to retry.")
    elif any(one.state == "there before" for one in outcomes):
        echo("Words that existed before were not learned again; --replace learns them again.")
