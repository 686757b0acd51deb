"""Whether the library stays whole: five processes that change it, killed at random moments, and a reader beside them.

    python -m benchmarks.library [--rounds 30] [--learns 20] [--output runs/library.json]

A round is ten seconds of five processes that add, replace, remove and rename words of up to a megabyte. Each is killed
(SIGKILL) at a random moment within two seconds of its first change, and started anew. Meanwhile every word that the
library names is read: it has to be whole and to be called what its file is called. After a round one more change has to
put right what the killed left.
Then real commands, five at a time: `lead-invert learn`, `add`, `rename` and `remove`, some killed as well.
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

from benchmarks.base import write_json
from benchmarks.library_worker import TOKENS, make_concept
from benchmarks.pack import REPOSITORY
from concepts import ConceptError
from concepts.library import Library

PROCESSES = 5
ROUND_SECONDS = 10.0
VECTORS = 64
COUNTED = ("add", "replace", "remove", "rename", "refused")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--learns", type=int, default=20, help="how many `learn` commands, with as many others")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "library.json")
    args = parser.parse_args()
    told: Counter[str] = Counter()
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            told += run_round(Path(folder), number)
        print(f"round {number + 1}: {dict(told)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        commands = run_commands(Path(folder), args.learns)
    print(f"commands: {dict(commands)}", flush=True)
    write_json(args.output, {"rounds": args.rounds, "changes": dict(told), "commands": dict(commands)})
    return 0


def run_round(folder: Path, number: int) -> Counter[str]:
    """Five writers, killed and started anew, and one reader; the counts of what happened. AssertionError if broken."""
    draw, told, library = random.Random(number), Counter[str](), Library(folder)
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
            told["killed"] += 1
        told["read whole"] += read_all(library)
    for one in writers:
        kill(one.process)
        told["killed"] += 1
    told["writes cut off"] = len(list(folder.glob(".concept-*.tmp")))
    told["renames cut off"] = len(list(folder.glob(".rename.*")))
    assert_consistent(library)
    for log in logs.iterdir():
        told.update(line.split(" ")[0] for line in log.read_text().splitlines() if line.startswith(COUNTED))
        log.unlink()
    logs.rmdir()
    return told


class Writer:
    """A worker process, and how long after its first change it is to be killed."""

    def __init__(self, folder: Path, seed: int, logs: Path, seconds: float) -> None:
        self.log, self.seconds, self.due = logs / str(seed), seconds, math.inf
        command = [sys.executable, "-m", "benchmarks.library_worker", str(folder), "60", str(seed), str(VECTORS)]
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
    """How many words were read; all that are named are whole, or gone again."""
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
    """After one more change each file is a whole word under its own name, and no rename is half done."""
    library.add(make_concept("<last>", 0), replace=True)
    tokens = library.names()
    assert [library.load(token).token for token in tokens] == tokens
    assert sorted(f"<{path.stem}>" for path in library.folder.glob("*.safetensors")) == tokens
    assert not list(library.folder.glob(".rename.*"))


def run_commands(folder: Path, learns: int) -> Counter[str]:
    """`learn` and others, five at a time, a fifth of them killed on the way; counts by what and how it ended."""
    draw, told = random.Random(0), Counter[str]()
    library = Library(folder / "library")
    clips = folder / "clips"
    environment = os.environ | {
        "LEAD_CONCEPTS": str(library.folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    subprocess.run([sys.executable, REPOSITORY / "examples" / "make_concept.py", clips], check=True, env=environment)
    word = make_concept("<given>", 0).save(folder / "given.safetensors")
    queue = [command(what, draw, clips, word) for what in ("learn", "other") for _ in range(learns)]
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
                told[f"{what}, {ending(process)}"] += 1
        read_all(library)
        time.sleep(0.05)
    assert_consistent(library)
    return told


def command(what: str, draw: random.Random, clips: Path, word: Path) -> list[str]:
    name = f"<word-{draw.randrange(2 * len(TOKENS))}>"
    if what == "learn":
        replace = draw.choice([[], ["--replace"]])
        return ["learn", str(clips), "--token", name, "--quality", "fast", "--license", "CC0-1.0", *replace]
    return draw.choice([["remove", name], ["rename", name, draw.choice(TOKENS)], ["add", str(word), "--as", name]])


def ending(process: "subprocess.Popen[str]") -> str:
    """`done`, `refused` or `killed`; AssertionError for anything that a user should not see."""
    said = process.communicate()[1]
    assert "Traceback" not in said, said
    assert process.returncode in (0, 1, -9), said
    if process.returncode == 1:
        assert "already" in said or "has no" in said or ".learning: another program has this lock" in said, said
    return {0: "done", 1: "refused", -9: "killed"}[process.returncode]


if __name__ == "__main__":
    sys.exit(main())
