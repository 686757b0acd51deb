"""`lead-invert learn --each`: a folder of folders, one word from each.

Each word is learned by `lead-invert learn` in a process of its own, so many at a time as asked: a folder that cannot
be used, or a process that dies, costs its own word and no other. A word that is there already is not learned again; one
that was stopped goes on where it was. Knows nothing of how a word is learned.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import typer

from cli.console import UsageError, counted, existing, print_json, progress, say, table, warn
from cli.jobs.ranks import VARIABLES, Ranks, threads_each

_WARNING = re.compile(r"^warning: (.+(?:\n(?!\w+: |learning ).+)*)", re.MULTILINE)
"""A warning on a command's standard error, which is folded at its width."""
_START = """
import os, signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
sys.path.insert(0, {!r})
import cli.invert
cli.invert.main()
"""
"""The program of a word's process. Told to end, it clears up first: it may be writing its word just then. Its standard
input ends when we do, however we end; then it ends too."""


@dataclass(frozen=True)
class Outcome:
    """What became of a folder."""

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
    places: Sequence[Path],
    flags: Mapping[str, Any],
    switches: Sequence[str],
    jobs: int,
    output: Path | None,
    replace: bool,
    as_json: bool,
) -> dict[str, Any]:
    """This process's share of the folders; exit code 1 at the end where one failed, unless a launcher waits for others.

    `flags` and `switches` are the options of `learn` that hold for all words.
    """
    ranks, started = Ranks.found(), time.perf_counter()
    if output and (output.suffix == ".safetensors" or output.is_file()):
        raise UsageError(f"--output {output}: with --each it is a folder for the words' files; name a folder.")
    tokens = _tokens(places)
    share = ranks.share(list(tokens))
    targets = {folder: _target(tokens[folder], output) for folder in share}
    missing = [folder for folder in share if replace or not targets[folder].is_file()]
    options = [*_words(flags), *switches, *(["--replace"] if replace else [])]
    commands = {
        folder: [*options, *_words({"token": tokens[folder], "output": output and targets[folder]}), "--", str(folder)]
        for folder in missing
    }
    learned = _run_all(commands, tokens, jobs, threads_each(jobs * ranks.local_count)) if commands else {}
    outcomes = [
        learned.get(folder) or Outcome(str(folder), tokens[folder], "there before", str(targets[folder]))
        for folder in share
    ]
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    result = {
        "words": [asdict(outcome) for outcome in outcomes],
        "failed": failed,
        "rank": ranks.rank,
        "processes": ranks.count,
        "seconds": round(time.perf_counter() - started, 3),
    }
    if not as_json:
        _tell(outcomes, ranks)
    if failed and ranks.count == 1:  # a launcher would end its other processes
        if as_json:
            print_json(result)
        raise typer.Exit(1)
    return result


def token_of(folder: Path) -> str:
    """The word that a folder's name means: `Old man, limping` is <old-man-limping>."""
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not 1 <= len(name) <= 63:
        raise UsageError(f"{folder}: no word's name can be made of the folder's; use 1 to 63 letters a-z and digits.")
    return f"<{name}>"


def _tokens(places: Sequence[Path]) -> dict[Path, str]:
    """The folders in all places, in order, and their words."""
    tokens: dict[Path, str] = {}
    for place in places:
        if not existing(place, "a folder of folders").is_dir():
            raise UsageError(f"{place}: a file; with --each give a folder that holds a folder of clips for each word.")
        folders = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not folders:
            raise UsageError(f"{place}: it holds no folders; with --each it has a folder of clips for each word.")
        for folder in folders:
            token = token_of(folder)
            if other := next((path for path, taken in tokens.items() if taken == token), None):
                raise UsageError(f"{folder} and {other} would both be {token}; give one of them another name.")
            tokens[folder] = token
    return tokens


def _target(token: str, output: Path | None) -> Path:
    """The word's file."""
    from concepts.library import Library

    return output / f"{token[1:-1]}.safetensors" if output else Library().path(token)


def _words(flags: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line; those that were not given are left out."""
    return [word for name, value in flags.items() if value is not None for word in (f"--{name}", str(value))]


@dataclass(frozen=True)
class _Running:
    process: subprocess.Popen
    printed: IO[str]
    said: IO[str]
    started: float


def _run_all(
    commands: Mapping[Path, Sequence[str]], tokens: Mapping[Path, str], jobs: int, threads: int
) -> dict[Path, Outcome]:
    """All of them, `jobs` at a time. When stopped it ends them at once; their checkpoints stay."""
    waiting, running, outcomes = list(commands), dict[Path, _Running](), dict[Path, Outcome]()
    told: set[str] = set()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a launcher stops its processes
    try:
        with progress(f"learning {counted(len(commands), 'word')}") as report:
            while waiting or running:
                while waiting and len(running) < jobs:
                    folder = waiting.pop(0)
                    running[folder] = _started(commands[folder], threads)
                for folder in [folder for folder, one in running.items() if one.process.poll() is not None]:
                    one = running.pop(folder)
                    outcomes[folder] = _outcome(folder, tokens[folder], one, told)
                    report(len(outcomes), len(commands))
                time.sleep(0.05)
    except KeyboardInterrupt:
        done = sum(outcome.state == "learned" for outcome in outcomes.values())
        raise KeyboardInterrupt(
            f"stopped; {done} of {counted(len(commands), 'word')} learned. The same command goes on where it was."
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)
        for one in running.values():
            one.process.terminate()
        for one in running.values():
            with one.process, one.printed, one.said:
                pass  # waited for and closed
    return outcomes


def _started(words: Sequence[str], threads: int) -> _Running:
    """`lead-invert learn` as a process that Ctrl-C does not reach and that no launcher counts; it ends with us."""
    start = _START.format(str(Path(__file__).parents[2]))
    program = [sys.executable, "-P", "-c", start, "learn", "--json", *words]
    env = {"OMP_NUM_THREADS": str(threads)} | {k: v for k, v in os.environ.items() if k not in VARIABLES}
    printed, said = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by _outcome
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": printed, "stderr": said}
    process = subprocess.Popen(program, env=env, start_new_session=True, **pipes)
    return _Running(process, printed, said, time.perf_counter())


def _outcome(folder: Path, token: str, one: _Running, told: set[str]) -> Outcome:
    """What a process that has ended came to; its warnings are said, each once."""
    with one.process, one.printed, one.said:
        one.printed.seek(0)
        one.said.seek(0)
        printed, said = one.printed.read(), one.said.read()
    for match in _WARNING.finditer(said):
        text = " ".join(match[1].split())
        if text not in told:
            told.add(text)
            warn(text)
    seconds = round(time.perf_counter() - one.started, 1)
    try:
        result = json.loads(printed)
    except ValueError:
        result = {"error": f"its process ended with exit code {one.process.returncode}: {said.strip()[-500:]}"}
    if "error" in result:
        warn(result["error"] if str(folder) in result["error"] else f"{folder}: {result['error']}")
        return Outcome(str(folder), token, "failed", error=result["error"], seconds=seconds)
    return Outcome(
        str(folder), token, "learned", result["file"], clips=len(result["clips"]), steps=result["steps"], seconds=seconds
    )


def _tell(outcomes: Sequence[Outcome], ranks: Ranks) -> None:
    """A row a folder, and what to do next."""
    table(
        [
            (one.folder, one.token, one.state, one.clips or "", one.steps or "", one.seconds or "", one.file)
            for one in outcomes
        ],
        ("folder", "token", "result", "clips", "steps", "seconds", "file"),
        str(ranks).capitalize() if ranks.count > 1 else "",
    )
    failed = sum(one.state == "failed" for one in outcomes)
    if failed:
        folders = counted(len(outcomes), "folder")
        say(f"{failed} of {folders} failed, for the reasons above; the same command tries again.")
    elif any(one.state == "there before" for one in outcomes):
        say("Words that were there before were not learned again; --replace learns them anew.")
