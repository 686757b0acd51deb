"""Hundreds of thousands of damaged files: does every reader return a result or an error that a user can act on?

python -m benchmarks.robustness.fuzz --inputs 220000 --output runs/fuzz.json     # all kinds, each its share
python -m benchmarks.robustness.fuzz --kinds bvh fbx --inputs 2000
python -m benchmarks.robustness.fuzz --case bvh:1234 --keep /tmp/case   # one input again, kept, with its traceback

The seed, the kind and the number alone make an input. It fails if the reader raises anything but an error meant for the
user, warns (a stray line on the user's screen), takes more than SECONDS of processor time, takes MEMORY more than
before, or ends the process. Worker processes read the inputs, a chunk each.
"""

import argparse
import json
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.robustness.fuzz_targets import ROOT, TARGETS, Target
from cli.errors import user_errors

SECONDS, PATIENCE = 10.0, 180.0
"""Processor time for one input; time until a silent worker is killed."""
MEMORY = 2 << 30
CHUNK = 500


class Slow(BaseException):
    """An input took too long."""


def _make_input(target: Target, kind: str, number: int, seed: int, whole: list[bytes]) -> bytes:
    """The damaged file of this number: one kind of damage, or two in one of eight cases."""
    rng = random.Random(f"{seed} {kind} {number}")
    data = rng.choice(whole)
    data = rng.choice(target.mutators)(rng, data)
    return target.mutators[0](rng, data) if rng.random() < 0.125 else data


def _try_input(target: Target, folder: Path, data: bytes) -> tuple[str, str]:
    """Read one input: "read", "refused" or "failed", and for a failure what and where."""
    path = folder / target.name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        target.read(path)
    except user_errors() as error:
        if isinstance(error, OSError) and not error.filename:
            return "failed", _locate(error)
        return "refused", ""
    except (Exception, Slow) as error:
        return "failed", _locate(error)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return "read", ""


def _locate(error: BaseException) -> str:
    """An error's type and the last line of ours in its traceback; `--case` shows its message."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(ROOT))]
    ours = [f for f in frames if f"{os.sep}benchmarks{os.sep}" not in f.filename] or frames
    last = ours[-1]
    return f"{type(error).__name__} at {Path(last.filename).relative_to(ROOT)}:{last.lineno}"


def _raise_slow(*_: Any) -> None:
    raise Slow(f"more than {SECONDS:g} s of processor time")


def _limit_process() -> None:
    """Limit this process's memory and make warnings errors."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGVTALRM, _raise_slow)
    warnings.simplefilter("error")
    logging.disable()


def _try_chunk(kind: str, whole: list[bytes], numbers: range, seed: int, at: Any, pipe: Connection) -> None:
    """Try a chunk of inputs; send the counts and the failures."""
    target, counts, failures = TARGETS[kind], Counter[str](), []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        target.beside(folder)
        _limit_process()
        for number in numbers:
            at.value = number
            try:
                data = _make_input(target, kind, number, seed, whole)
            except Exception:  # a fault of the mutators, not of the reader
                pipe.send(f"{kind}:{number}: {traceback.format_exc()}")
                return
            outcome, what = _try_input(target, folder, data)
            counts[outcome] += 1
            if what:
                failures.append((number, what))
    pipe.send((counts, failures))


def _try_inputs(kind: str, count: int, seed: int) -> Iterator[tuple[Counter[str], list[tuple[int, str]]]]:
    """Yield the outcomes of a kind's inputs, chunk by chunk; an input that ends its worker is a failure."""
    whole, first = list(TARGETS[kind].seeds()), 0
    while first < count:
        numbers = range(first, min(first + CHUNK, count))
        context = multiprocessing.get_context("fork")
        at = context.Value("q", first, lock=False)
        here, there = context.Pipe(duplex=False)
        worker = context.Process(target=_try_chunk, args=(kind, whole, numbers, seed, at, there))
        worker.start()
        there.close()
        seen, said = -1, time.monotonic()
        while worker.is_alive() and not here.poll(0.2):
            if at.value != seen:
                seen, said = at.value, time.monotonic()
            if time.monotonic() - said > PATIENCE:
                worker.kill()
        try:
            found = here.recv()
            if isinstance(found, str):
                raise RuntimeError(found)
            yield found
            first = numbers.stop
        except EOFError:  # the worker died: what it read before that input counts as read
            worker.join()
            yield Counter(failed=1, read=at.value - first), [(at.value, f"the process ended with {worker.exitcode}")]
            first = at.value + 1
        worker.join()


def _try_kinds(kinds: list[str], inputs: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """For each kind the counts of read, refused and failed inputs, and the failures grouped by what they are."""
    total, report = sum(TARGETS[kind].share for kind in kinds), {}
    for kind in kinds:
        counts, groups, started = Counter[str](), dict[str, list[int]](), time.monotonic()
        for more, failures in _try_inputs(kind, -(-inputs * TARGETS[kind].share // total), seed):
            counts += more
            for number, what in failures:
                groups.setdefault(what, []).append(number)
        found = {what: {"count": len(numbers), "first": numbers[0]} for what, numbers in groups.items()}
        report[kind] = {"inputs": counts.total(), **{key: counts[key] for key in ("read", "refused", "failed")},
                        "seconds": round(time.monotonic() - started, 1), "failures": found}  # fmt: skip
        row = report[kind]
        tell(f"{kind:20} {row['inputs']:8} {row['read']:8} {row['refused']:8} {row['failed']:8} {row['seconds']:8}")
        for what, about in found.items():
            tell(f"    {about['count']:6} x {what}   --case {kind.replace(' ', '_')}:{about['first']}")
    return report


def _repeat_case(case: str, seed: int, keep: Path) -> None:
    """Read one input again in this process, and keep its file."""
    name, number = case.rsplit(":", 1)
    kind = name.replace("_", " ")
    target = TARGETS[kind]
    keep.mkdir(parents=True, exist_ok=True)
    target.beside(keep)
    data = _make_input(target, kind, int(number), seed, list(target.seeds()))
    (keep / target.name).unlink(missing_ok=True)
    (keep / target.name).write_bytes(data)
    _limit_process()
    try:
        target.read(keep / target.name)
        print("read")
    except user_errors() as error:
        print(f"refused: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=220_000, help="over all kinds")
    parser.add_argument("--kinds", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="a JSON file for the report")
    parser.add_argument("--case", metavar="KIND:NUMBER")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-case"))
    given = parser.parse_args()
    if given.case:
        _repeat_case(given.case, given.seed, given.keep)
        return
    print(f"{'kind':20} {'inputs':>8} {'read':>8} {'refused':>8} {'failed':>8} {'seconds':>8}", flush=True)
    report = _try_kinds(given.kinds, given.inputs, given.seed, lambda line: print(line, flush=True))
    totals = {key: sum(row[key] for row in report.values()) for key in ("inputs", "read", "refused", "failed")}
    print(f"{'all':20} {totals['inputs']:8} {totals['read']:8} {totals['refused']:8} {totals['failed']:8}")
    if given.output:
        given.output.write_text(json.dumps({"seed": given.seed, **totals, "kinds": report}, indent=2))
    sys.exit(1 if totals["failed"] else 0)


if __name__ == "__main__":
    main()
