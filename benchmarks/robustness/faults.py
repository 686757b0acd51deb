"""What remains when a command is stopped, killed, or cannot read or write: a table of faults by commands.

python -m benchmarks.robustness.faults [--points 10] [--kills 5] [--output runs/faults.json] [--commands generate learn]

The commands are those of `benchmarks.robustness.fault_commands`, on tiny networks. The output folder holds an earlier
result before the command starts; for a command that resumes, a finished part of the work. After each fault, all of
MUST_HOLD must hold, and the same command, run again, must give the result of an uninterrupted run and leave no other
files. The full disk is a tmpfs, the read-only folder a bind mount: both need root on Linux.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.robustness.fault_commands import ROOT, Command, Ended, list_commands, load_everything, run

LEFT_FREE = 4096
"""Free bytes of the full disk."""
EARLIER, FILLER = b"an earlier result", "filler"
SIGNALS: Mapping[str, tuple[signal.Signals, ...]] = {
    "Ctrl-C": (signal.SIGINT,),
    "three Ctrl-C": (signal.SIGINT,) * 3,
    "SIGTERM": (signal.SIGTERM,),
    "kill -9": (signal.SIGKILL,),
}
CODES: Mapping[str, set[int]] = {
    "Ctrl-C": {130}, "three Ctrl-C": {130}, "SIGTERM": {143}, "kill -9": {-9},
    "full disk": {1}, "read-only folder": {1}, "input vanishes": {0, 1},
}  # fmt: skip
"""The exit codes of a command that a fault ended. One that was done before ends with 0."""
WHOLE = "results are whole"
AGAIN = "the command again ends as an unbroken run"
MUST_HOLD: Mapping[str, str] = {
    "Ctrl-C": f"{WHOLE}; one message; code 130, or 0 where what is there is kept; {AGAIN}",
    "three Ctrl-C": f"{WHOLE}; one message; code 130; {AGAIN}",
    "SIGTERM": f"{WHOLE}; one message; code 143; {AGAIN}",
    "kill -9": f"{WHOLE}; no process lives on; {AGAIN}",
    "full disk": f"the earlier results; one message; code 1; {AGAIN}",
    "read-only folder": f"the earlier results; one message; code 1; {AGAIN}",
    "input vanishes": f"skipped with a warning, or one message that names it and code 1; {AGAIN}",
}


def read_results(command: Command, folder: Path) -> dict[str, Any]:
    """The content of each result file by name, without the dates and times of headers."""
    paths = (path for pattern in command.results for path in sorted(folder.glob(pattern)) if path.is_file())
    return {str(path.relative_to(folder)): _read_content(path) for path in paths}


def _read_content(path: Path) -> Any:
    data = path.read_bytes()
    if path.suffix != ".safetensors" or data == EARLIER:
        return data
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118 - safe_open is no dict


def list_left_over(folder: Path, clean: Path) -> list[str]:
    """Files and folders that an uninterrupted run does not leave; random parts of names become `*`."""
    there, others = ({path.relative_to(place) for path in place.rglob("*")} for place in (folder, clean))
    names = {str(path) for path in there - others if path.parent == Path() or path.parent in others}
    return sorted({re.sub(r"[0-9a-f]{8,}", "*", name) for name in names - {FILLER}})


def list_differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names that only one of the two has, or whose content differs."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def prepare(command: Command, clean: Path, name: str) -> Path:
    """A folder beside the uninterrupted run's, with an earlier result in it."""
    folder = clean.with_name(f"{command.name} {name}")
    folder.mkdir()
    write_earlier_results(command, clean, folder)
    return folder


def write_earlier_results(command: Command, clean: Path, folder: Path) -> None:
    for path in command.brings:
        shutil.copy(path, folder)
    for pattern in command.goes_on_from:
        for path in clean.glob(pattern):
            (folder / path.relative_to(clean)).parent.mkdir(exist_ok=True)
            shutil.copy(path, folder / path.relative_to(clean))
    if not command.goes_on_from and not command.goes_further:
        first = folder / next(iter(read_results(command, clean)))
        first.parent.mkdir(exist_ok=True)
        if first.parent.name == "library":
            shutil.copy(ROOT / "docs/samples/elderly.safetensors", first)
        else:
            first.write_bytes(EARLIER)


def find_faults(command: Command, fault: str, ended: Ended, earlier: dict[str, Any], whole: dict[str, Any],
                folder: Path) -> list[str]:  # fmt: skip
    """What does not hold after a fault."""
    found = [f"a traceback: {ended.output[-600:]}"] if "Traceback" in ended.output else []
    stopped = ended.code not in (0, -9)
    if ended.code not in (CODES[fault] | {0}):
        found.append(f"code {ended.code}: {ended.output[-300:]}")
    if len(ended.errors) > 1 or (fault not in SIGNALS and stopped and not ended.errors):
        found.append(f"{len(ended.errors)} messages: {ended.errors}")
    for name, held in read_results(command, folder).items():
        own = command.keeps_what_it_has or fault == "input vanishes"
        if held not in (earlier.get(name), whole.get(name)) and not (own and ended.code == 0):
            found.append(f"{name} is neither the earlier nor the new one")
    found += check_library(folder / "library")
    return found


def find_living(folder: Path, seconds: float = 5.0) -> list[str]:
    """The processes of a command that live on after it has ended; its environment names the folder."""
    until, mark = time.monotonic() + seconds, str(folder / "library").encode()
    while living := [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]:
        if time.monotonic() > until:
            return [f"processes {', '.join(living)} live on"]
        time.sleep(0.1)
    return []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def check_library(folder: Path) -> list[str]:
    """Each concept of a library that cannot be read."""
    from concepts import Concept, ConceptError, Library

    found = []
    for token in Library(folder) if folder.is_dir() else ():
        try:
            Concept.load(Library(folder).locate(token))
        except ConceptError as error:
            found.append(f"the library's {token} cannot be read: {error}")
    return found


def find_faults_again(command: Command, whole: dict[str, Any], folder: Path, clean: Path) -> list[str]:
    """What does not hold after the same command has run again; nothing to try where it would go further."""
    if command.goes_further and not list_differing(whole, read_results(command, folder)):
        return []
    again = run(command, folder)
    found = []
    if again.code or (differing := list_differing(whole, read_results(command, folder))):
        found.append(f"the command again ended with {again.code}, {differing if not again.code else again.output}")
    if list_left_over(folder, clean):
        found.append(f"{list_left_over(folder, clean)} lie there after the end")
    return found


def try_signal(command: Command, clean: Path, seconds: float, fault: str, points: int) -> dict[str, Any]:
    """Sends signals at evenly spaced moments of a run; runs the same command again after each."""
    whole = read_results(command, clean)
    codes: list[int] = []
    wrong: dict[str, list[str]] = {}
    leftovers: set[str] = set()
    for point in range(points):
        folder = prepare(command, clean, f"{fault}-{point}")
        earlier = read_results(command, folder)
        ended = run(command, folder, SIGNALS[fault], seconds * (point + 0.5) / points)
        codes.append(ended.code)
        found = find_faults(command, fault, ended, earlier, whole, folder) + find_living(folder)
        leftovers.update(list_left_over(folder, clean))
        found += find_faults_again(command, whole, folder, clean)
        if found:
            wrong[f"at {point + 1} of {points}"] = found
        shutil.rmtree(folder)
    if set(codes) == {0} and not command.keeps_what_it_has:
        wrong["all"] = ["the signal stopped no run"]
    about = {"exit codes": sorted(set(codes)), "left until it goes on": sorted(leftovers)}
    return {"tries": points, **about, "wrong": wrong}


def try_unwritable(command: Command, clean: Path, fault: str) -> dict[str, Any]:
    """Runs a command on a folder that cannot be written: a full disk, or a read-only folder. Then again, elsewhere."""
    folder, whole = prepare(command, clean, fault), read_results(command, clean)
    found = []
    try:
        with mount_full_disk(folder) if fault == "full disk" else mount_read_only(folder):
            if fault == "full disk":
                write_earlier_results(command, clean, folder)
                fill_disk(folder)
            earlier = read_results(command, folder)
            ended = run(command, folder)
            found += find_faults(command, fault, ended, earlier, whole, folder)
            if gone := list_differing(earlier, read_results(command, folder)):
                found.append(f"the earlier {gone[0]} is gone")
            if ended.code == 0:
                found.append("it ended with code 0")
            leftovers = list_left_over(folder, clean)
            if fault == "full disk":
                (folder / FILLER).unlink()
                found += find_faults_again(command, whole, folder, clean)
        if fault == "read-only folder":
            found += find_faults_again(command, whole, folder, clean)
    except subprocess.CalledProcessError as error:
        return {"tries": 0, "wrong": {}, "not tried": str(error)}
    about = {"exit codes": [ended.code], "told": ended.errors, "left until it goes on": leftovers}
    return {"tries": 1, **about, "wrong": {fault: found} if found else {}}


def try_vanishing(command: Command, clean: Path) -> dict[str, Any]:
    """Runs a command while one of its inputs vanishes between the listing and the reading."""
    whole, fault = read_results(command, clean), "input vanishes"
    wrong: dict[str, list[str]] = {}
    told, codes, tries = [], [], 0
    for path in command.inputs:
        folder, content, about = prepare(command, clean, f"{fault}-{path.name}"), path.read_bytes(), path.stat()
        for place in path.parents[:2]:
            shutil.rmtree(place / ".cache", ignore_errors=True)  # of a data set, which would be read instead
        earlier = read_results(command, folder)
        ended = run(command, folder, vanishes=path)
        if not (path.exists() or path.name in ended.output):
            wrong[path.name] = [f"nothing is said of it: {ended.output[-300:]}"]
        if path.exists():  # the command does not read it
            shutil.rmtree(folder)
            continue
        tries += 1
        found = find_faults(command, fault, ended, earlier, whole, folder)
        path.write_bytes(content)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # which a data set's fingerprint has
        told += [line for line in ended.output.splitlines() if path.name in line][:1]
        codes.append(ended.code)
        if ended.code:  # else the result is that of the files which were there
            found += find_faults_again(command, whole, folder, clean)
        if found:
            wrong[path.name] = wrong.get(path.name, []) + found
        shutil.rmtree(folder)
    return {"tries": tries, "exit codes": sorted(set(codes)), "told": told, "wrong": wrong}


@contextlib.contextmanager
def mount_full_disk(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill_disk(folder: Path) -> None:
    """Fills a small disk up to LEFT_FREE bytes."""
    free = shutil.disk_usage(folder).free
    (folder / FILLER).write_bytes(bytes(max(free - LEFT_FREE, 0)))


@contextlib.contextmanager
def mount_read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def measure(
    names: Sequence[str] | None, faults: Sequence[str], points: int, kills: int, output: Path | None
) -> dict[str, dict[str, Any]]:
    """What happened, by command and fault. Written to `output` after each command, into what is there."""
    load_everything()
    table: dict[str, dict[str, Any]] = json.loads(output.read_text()) if output and output.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for command in list_commands(place, names):
            clean = place / f"{command.name}-clean"
            for _ in range(2):  # the first fills caches
                shutil.rmtree(clean, ignore_errors=True)
                clean.mkdir()
                for path in command.brings:
                    shutil.copy(path, clean)
                ended = run(command, clean)
            assert ended.code == 0 and read_results(command, clean), ended.output
            row = table.setdefault(command.name, {}) | {"unbroken run, s": round(ended.seconds, 1)}
            for fault in faults:
                if fault in SIGNALS:
                    times = points if fault == "Ctrl-C" else kills
                    row[fault] = try_signal(command, clean, ended.seconds, fault, times)
                elif fault == "input vanishes":
                    row[fault] = try_vanishing(command, clean)
                else:
                    row[fault] = try_unwritable(command, clean, fault)
            table[command.name] = row
            print(json.dumps({command.name: row}, indent=2), flush=True)
            if output:
                output.write_text(json.dumps(table, indent=2))
    return table


def to_markdown(table: dict[str, dict[str, Any]]) -> Sequence[str]:
    """The table as Markdown: how many tries of how many held, by command and fault."""
    lines = ["| command | " + " | ".join(MUST_HOLD) + " |", "| --- |" + " --- |" * len(MUST_HOLD)]
    for name, row in table.items():
        cells = [
            f"{row[fault]['tries'] - len(row[fault]['wrong'])} of {row[fault]['tries']}"
            if row.get(fault, {}).get("tries")
            else "not tried"
            for fault in MUST_HOLD
        ]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return ["| fault | what must hold |", "| --- | --- |", *(f"| {key} | {text} |" for key, text in MUST_HOLD.items()),
            "", *lines]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", help="names of commands (default: all)")
    parser.add_argument("--faults", nargs="+", choices=MUST_HOLD, default=list(MUST_HOLD), help="default: all")
    parser.add_argument("--points", type=int, default=10, help="number of moments for Ctrl-C")
    parser.add_argument("--kills", type=int, default=5, help="number of moments for the other signals")
    parser.add_argument("--output", type=Path, help="a JSON file for the table")
    given = parser.parse_args()
    table = measure(given.commands, given.faults, given.points, given.kills, given.output)
    print("\n".join(to_markdown(table)))
    sys.exit(any(about["wrong"] for row in table.values() for about in row.values() if isinstance(about, dict)))


if __name__ == "__main__":
    main()
