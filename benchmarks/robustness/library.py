"""Checks that the library stays consistent while five processes change it and are killed, and one process reads it.

    python -m benchmarks.robustness.library [--rounds 30] [--learns 20] [--output runs/library.json]

In a round of ten seconds, five processes add, replace, remove and rename concepts of up to a megabyte. Each process is
killed (SIGKILL) at a random moment within two seconds of its first change, and started again. Meanwhile every concept
in the library is read: it must be complete, and its token must match the file's name. After a round, one more change
must repair what the killed processes left. Then real commands run, five at a time: `lead-invert learn`, `add`, `rename`
and `remove`. Some of them are killed too.
"""

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.bases.base import write_json
from benchmarks.pack import REPOSITORY
from benchmarks.robustness.library_worker import TOKENS, make_concept
from concepts import ConceptError
from concepts.library import Library

PROCESSES = 5
ROUND_SECONDS = 10.0
VECTORS = 64
COUNTED = ("add", "replace", "remove", "rename", "refused")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--learns", type=int, default=20, help="number of `learn` commands, and of other commands")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "library.json")
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            counts += run_round(Path(folder), number)
        print(f"round {number + 1}: {dict(counts)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        commands = run_commands(Path(folder), args.learns)
    print(f"commands: {dict(commands)}", flush=True)
    write_json(args.output, {"rounds": args.rounds, "changes": dict(counts), "commands": dict(commands)})
    return 0


def run_round(folder: Path, number: int) -> Counter[str]:
    """Runs five writers and one reader; returns counts of events. AssertionError if the library is broken."""
    draw, counts, library = random.Random(number), Counter[str](), Library(folder)
    until = time.monotonic() + ROUND_SECONDS
    logs = folder.parent / f"{folder.name}-logs"
    logs.mkdir()
    writers: list[Writer] = []
    while time.monotonic() < until:
        while len(writers) < PROCESSES:
            writers.append(Writer(folder, number * 1000 + len(list(logs.iterdir())), logs, draw.uniform(0.0, 2.0)))
        for one in [one for one in writers if one.is_due()]:
            kill(one.process)
            writers.remove(one)
            counts["killed"] += 1
        counts["read whole"] += read_all(library)
    for one in writers:
        kill(one.process)
        counts["killed"] += 1
    counts["writes cut off"] = len(list(folder.glob(".concept-*.tmp")))
    counts["renames cut off"] = len(list(folder.glob(".rename.*")))
    assert_consistent(library)
    for log in logs.iterdir():
        counts.update(line.split(" ")[0] for line in log.read_text().splitlines() if line.startswith(COUNTED))
        log.unlink()
    logs.rmdir()
    return counts


class Writer:
    """A worker process, and the seconds between its first change and its kill."""

    def __init__(self, folder: Path, seed: int, logs: Path, seconds: float) -> None:
        self.log, self.seconds, self.due = logs / str(seed), seconds, math.inf
        command = [
            sys.executable,
            "-m",
            "benchmarks.robustness.library_worker",
            str(folder),
            "60",
            str(seed),
            str(VECTORS),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log)

    def is_due(self) -> bool:
        if self.due == math.inf and self.log.stat().st_size > len("ready\n"):
            self.due = time.monotonic() + self.seconds
        return time.monotonic() > self.due


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def read_all(library: Library) -> int:
    """Reads all concepts; returns how many. A listed concept is complete, or was removed meanwhile."""
    whole = 0
    for token in library:
        try:
            assert library.load(token).token == token
            whole += 1
        except ConceptError as error:
            if not ("has no" in str(error) or "no such file" in str(error)):
                raise
    return whole


def assert_consistent(library: Library) -> None:
    """Makes one more change. Then every file is a complete concept under its own name, and no rename is unfinished."""
    library.add(make_concept("<last>", 0), replace=True)
    tokens = library.names()
    assert [library.load(token).token for token in tokens] == tokens
    assert sorted(f"<{path.stem}>" for path in library.folder.glob("*.safetensors")) == tokens
    assert not list(library.folder.glob(".rename.*"))


def run_commands(folder: Path, learns: int) -> Counter[str]:
    """Runs `learn` and other commands, five at a time, and kills a fifth; counts by command and ending."""
    draw, counts = random.Random(0), Counter[str]()
    library = Library(folder / "library")
    clips = folder / "clips"
    environment = os.environ | {
        "LEAD_CONCEPTS": str(library.folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    subprocess.run([sys.executable, REPOSITORY / "examples" / "make_concept.py", clips], check=True, env=environment)
    word = make_concept("<given>", 0).save(folder / "given.safetensors")
    queue = [make_command(what, draw, clips, word) for what in ("learn", "other") for _ in range(learns)]
    draw.shuffle(queue)
    running: list[tuple[subprocess.Popen[str], str, float]] = []
    while queue or running:
        while queue and len(running) < PROCESSES:
            arguments = queue.pop()
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.invert", *arguments],
                env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            end = time.monotonic() + (draw.uniform(1, 30) if draw.random() < 0.2 else 600)
            running.append((process, arguments[0], end))
        for one in list(running):
            process, what, end = one
            if process.poll() is None and time.monotonic() > end:
                process.kill()
            if process.poll() is not None:
                running.remove(one)
                counts[f"{what}, {describe_end(process)}"] += 1
        read_all(library)
        time.sleep(0.05)
    assert_consistent(library)
    return counts


def make_command(what: str, draw: random.Random, clips: Path, word: Path) -> list[str]:
    name = f"<word-{draw.randrange(2 * len(TOKENS))}>"
    if what == "learn":
        replace = draw.choice([[], ["--replace"]])
        return ["learn", str(clips), "--token", name, "--quality", "fast", "--license", "CC0-1.0", *replace]
    return draw.choice([["remove", name], ["rename", name, draw.choice(TOKENS)], ["add", str(word), "--as", name]])


def describe_end(process: "subprocess.Popen[str]") -> str:
    """How a command ended: `done`, `refused` or `killed`. AssertionError for output that a user should not see."""
    said = process.communicate()[1]
    assert "Traceback" not in said, said
    assert process.returncode in (0, 1, -9), said
    if process.returncode == 1:
        assert "already" in said or "has no" in said or ".learning: another program has this lock" in said, said
    return {0: "done", 1: "refused", -9: "killed"}[process.returncode]


if __name__ == "__main__":
    sys.exit(main())
