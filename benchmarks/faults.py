"""What remains when a command is stopped, killed, or cannot write: a table of faults by commands.

python -m benchmarks.faults [--points 10] [--kills 5] [--output runs/faults.json]

The commands run on tiny networks: `learn`, `learn --each`, `generate`, `generate --prompts`, and a training stage, as
`lead train` runs it. The output folder holds an earlier result before the command starts. For a command that resumes,
it holds a finished part of the work.
After each fault, three things must hold. Every result file is complete: the earlier or the new one. The command ended
with a message, not with a traceback. The same command, run again, gives the result of an uninterrupted run and no other
files.
The full disk is a tmpfs, the read-only folder a bind mount: both need root on Linux.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LEFT_FREE = 4096
"""Free bytes of the full disk."""
EARLIER, FILLER = b"an earlier result", "filler"


@dataclass(frozen=True)
class Command:
    """One command that writes into a folder."""

    name: str
    words: tuple[str, ...]
    """The command line; {} is the folder."""
    results: tuple[str, ...]
    """The result files, as patterns."""
    goes_on_from: tuple[str, ...] = ()
    """Results of an uninterrupted run that are in the folder beforehand; if empty, the first result is EARLIER."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    output: str
    seconds: float

    @property
    def traceback(self) -> bool:
        return "Traceback" in self.output


def start(command: Command, folder: Path) -> "subprocess.Popen[str]":
    own = {"LEAD_CONCEPTS": str(folder / "library"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **own}
    words = [word.replace("{}", str(folder)) for word in command.words]
    return subprocess.Popen([sys.executable, *words], env=environment, cwd=folder.parent, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip


def run(command: Command, folder: Path, fault: signal.Signals | None = None, after: float = 0.0) -> Ended:
    """Runs a command to its end; with `fault`, sends that signal `after` seconds."""
    began = time.monotonic()
    process = start(command, folder)
    if fault is not None:
        with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
            process.wait(after)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(fault)
    output = process.communicate(timeout=300)[0]
    return Ended(process.returncode, output, time.monotonic() - began)


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


def try_signal(command: Command, clean: Path, seconds: float, fault: signal.Signals, points: int) -> dict[str, Any]:
    """Sends a signal at evenly spaced moments of a run; runs the same command again after each."""
    whole = read_results(command, clean)
    ends: list[str] = []
    wrong: list[str] = []
    leftovers: set[str] = set()
    for point in range(points):
        folder = prepare(command, clean, f"{fault.name}-{point}")
        ended = run(command, folder, fault, seconds * (point + 0.5) / points)
        ends.append(str(ended.code))
        where = f"at {point + 1} of {points}"
        wrong += _find_faults(command, whole, folder, ended, where)
        leftovers.update(list_left_over(folder, clean))
        again = run(command, folder)
        if again.code or list_differing(whole, read_results(command, folder)):
            wrong.append(f"{where}: the command again ended with {again.code}: {again.output[-300:]}")
        if list_left_over(folder, clean):
            wrong.append(f"{where}: {list_left_over(folder, clean)} lie there after the end")
        shutil.rmtree(folder)
    if set(ends) == {"0"}:
        wrong.append("all: the signal stopped no run")
    return {"runs": points, "exit codes": sorted(set(ends)), "wrong": wrong, "left until it goes on": sorted(leftovers)}


def _find_faults(command: Command, whole: dict[str, Any], folder: Path, ended: Ended, where: str) -> list[str]:
    """The faults of a folder after a signal or a full disk."""
    found = [f"{where}: a traceback: {ended.output[-600:]}"] if ended.traceback else []
    for name, held in read_results(command, folder).items():
        if held not in (EARLIER, whole.get(name)) and not (command.name == "learn" and ended.code == 0):
            found.append(f"{where}: {name} is neither the earlier nor the new one")
    return found


def prepare(command: Command, clean: Path, name: str) -> Path:
    """A folder beside the uninterrupted run's, with an earlier result in it."""
    folder = clean.with_name(f"{command.name} {name}")
    folder.mkdir()
    write_earlier_results(command, clean, folder)
    return folder


def write_earlier_results(command: Command, clean: Path, folder: Path) -> None:
    for pattern in command.goes_on_from:
        for path in clean.glob(pattern):
            (folder / path.relative_to(clean)).parent.mkdir(exist_ok=True)
            shutil.copy(path, folder / path.relative_to(clean))
    if not command.goes_on_from:
        (folder / next(iter(read_results(command, clean)))).write_bytes(EARLIER)


def try_unwritable(command: Command, clean: Path, kind: str) -> dict[str, Any]:
    """Runs a command on a folder that cannot be written: a full disk, or a read-only folder."""
    folder, whole = prepare(command, clean, kind), read_results(command, clean)
    try:
        with mount_full_disk(folder) if kind == "full disk" else mount_read_only(folder):
            if kind == "full disk":
                write_earlier_results(command, clean, folder)
                fill_disk(folder)
            earlier = read_results(command, folder)
            ended = run(command, folder)
            wrong = _find_faults(command, whole, folder, ended, kind)
            if gone := list_differing(earlier, read_results(command, folder)):
                wrong.append(f"the earlier {gone[0]} is gone")
            if ended.code == 0:
                wrong.append("it ended with code 0")
            leftovers = list_left_over(folder, clean)
    except subprocess.CalledProcessError as error:
        return {"runs": 0, "wrong": [], "not tried": str(error)}
    lines = ended.output.strip().splitlines()
    about = {"exit codes": [str(ended.code)], "told": lines[-1:], "left until it goes on": leftovers}
    return {"runs": 1, **about, "wrong": wrong}


def list_differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names that only one of the two has, or whose content differs."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@contextlib.contextmanager
def mount_full_disk(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
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


def list_commands(place: Path) -> list[Command]:
    from benchmarks.fuzz_targets import make_data_folder, make_small_motion, make_tiny_run

    clips, data, base = place / "clips", place / "data", make_tiny_run() / "base.safetensors"
    clips.mkdir()
    data.mkdir()
    for number in range(3):
        make_small_motion().save(clips / f"{number}.bvh")
    make_data_folder(data)
    for split in ("val", "test"):
        shutil.copy(data / "train.txt", data / f"{split}.txt")
    styles, prompts = place / "styles", place / "prompts.txt"
    for number in range(3):
        shutil.copytree(clips, styles / f"word-{number}")
    prompts.write_text("a person walks\na person runs\n")
    on_base = ("--base", str(base), "--device", "cpu")
    invert = ("-c", "from cli.start import lead_invert; lead_invert()")
    learn = (*invert, "learn", str(clips), "--token", "<x>", "--steps", "60", "--quality", "fast", "--replace")
    generate = (*invert, "generate", "a person walks", "-n", "24", "--seconds", "2", "--format", "bvh,png")
    return [
        Command("learn", (*learn, *on_base, "-o", "{}/x.safetensors"), ("x.safetensors",)),
        Command("generate", (*generate, *on_base, "-o", "{}"), ("*.bvh", "*.png"), ("*-01.bvh",)),
        Command(
            "generate --prompts",
            (*invert, "generate", "--prompts", str(prompts), "-n", "80", "--seconds", "2", *on_base, "-o", "{}"),
            ("shard-*/*", "settings.json"), ("shard-00000/*", "settings.json"),
        ),
        Command(
            "learn --each",
            (*invert, "learn", str(styles), "--each", "--steps", "60", "--quality", "fast", *on_base, "-o", "{}"),
            ("*.safetensors",), ("word-0.safetensors",),
        ),
        Command("train", ("-m", "benchmarks.faults", "--train", str(data), "{}"), ("vae.safetensors",)),
    ]  # fmt: skip


def train(data: Path, run: Path) -> None:
    """A tiny stage with the errors and the Ctrl-C of `lead train`."""
    import typer

    from cli.command import command
    from cli.options import Json

    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @command
    def stage(as_json: Json = False) -> dict[str, Any]:
        from lead.networks.vae import VAEConfig
        from lead.train.stage import TrainConfig
        from lead.train.stages.vae import train_vae

        config = VAEConfig(width=32, layers=1, heads=2, ff=64, d_latent=8)
        train = TrainConfig(steps=60, batch=2, warmup=2, report_every=10, save_every=5, val_every=20, precision="no")
        train_vae(data, run, config, train)
        return {"as_json": as_json}

    app([])


def measure(names: Sequence[str] | None, points: int, kills: int) -> dict[str, dict[str, Any]]:
    """What happened, by command and fault."""
    table: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for command in (command for command in list_commands(place) if names is None or command.name in names):
            clean = place / f"{command.name}-clean"
            clean.mkdir()
            run(command, clean)
            shutil.rmtree(clean)
            clean.mkdir()
            ended = run(command, clean)
            assert ended.code == 0 and read_results(command, clean), ended.output
            row = table[command.name] = {"unbroken run, s": round(ended.seconds, 1)}
            row["Ctrl-C"] = try_signal(command, clean, ended.seconds, signal.SIGINT, points)
            row["kill -9"] = try_signal(command, clean, ended.seconds, signal.SIGKILL, kills)
            for kind in ("full disk", "read-only folder"):
                row[kind] = try_unwritable(command, clean, kind)
            print(json.dumps({command.name: row}, indent=2), flush=True)
    return table


def to_markdown(table: dict[str, dict[str, Any]]) -> Sequence[str]:
    """The table as Markdown."""
    faults = ("Ctrl-C", "kill -9", "full disk", "read-only folder")
    lines = ["| fault | " + " | ".join(table) + " |", "| --- |" + " --- |" * len(table)]
    for fault in faults:
        cells = []
        for row in table.values():
            about = row[fault]
            good = about["runs"] - len({text.partition(":")[0] for text in about["wrong"]})
            cells.append(f"{good} of {about['runs']} correct" if about["runs"] else "not tried")
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", help="names of commands (default: all)")
    parser.add_argument("--points", type=int, default=10, help="number of moments for Ctrl-C")
    parser.add_argument("--kills", type=int, default=5, help="number of moments for kill -9")
    parser.add_argument("--output", type=Path, help="a JSON file for the table")
    parser.add_argument("--train", nargs=2, type=Path, metavar=("DATA", "RUN"), help="only the tiny training stage")
    given = parser.parse_args()
    if given.train:
        train(*given.train)
        return
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell in the background ignores it, and child processes inherit that
    table = measure(given.commands, given.points, given.kills)
    print("\n".join(to_markdown(table)))
    if given.output:
        given.output.write_text(json.dumps(table, indent=2))
    wrong = any(about["wrong"] for row in table.values() for about in row.values() if isinstance(about, dict))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
