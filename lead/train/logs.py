"""What a run folder says of a stage: how it was trained and on what, its metrics, minutes and memory.

`<stage>.json` holds the configs, the package's version and commit, and the environment; `<stage>.metrics.jsonl` a row
a report, the last one {"finished": true, "minutes", "peak_memory_gb", ...}. Knows nothing of models and steps.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lead.checkpoint import atomic_write

PACKAGE = Path(__file__).parents[1]


class Logs:
    """A stage's log files; processes other than the main one give `write=False` and write nothing.

    `track` gets the figures of each step too.
    """

    def __init__(
        self, run: Path, stage: str, write: bool = True, track: Callable[[dict[str, float], int], object] | None = None
    ):
        self.description, self.metrics = run / f"{stage}.json", run / f"{stage}.metrics.jsonl"
        self.write, self.track = write, track

    def begin(self, content: Mapping[str, Any], step: int) -> None:
        """Writes the description, and drops the rows after `step`: training goes on from there."""
        if not self.write:
            return
        _write(self.description, json.dumps({**content, **describe_origin()}, indent=2))
        rows = [row for row in _read_rows(self.metrics) if row["step"] <= step] if step else []
        _write(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row to the metrics; it has a `step`."""
        if not self.write:
            return
        with self.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.track:
            self.track({key: value for key, value in row.items() if isinstance(value, float)}, row["step"])


def read_result(run: Path, stage: str) -> dict[str, Any] | None:
    """The last row of a stage that was trained to its end: minutes, memory and best validation; else None."""
    rows = _read_rows(Path(run) / f"{stage}.metrics.jsonl")
    return rows[-1] if rows and rows[-1].get("finished") else None


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file; a line that a kill or a full disk left unfinished is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        with suppress(ValueError, RecursionError):
            row = json.loads(line)
            rows += [row] if isinstance(row, dict) and isinstance(row.get("step"), int) else []
    return rows


def fingerprint(data: Path) -> str:
    """A data set's fingerprint: sha256 over its files' names, sizes and times of change."""
    digest = hashlib.sha256()
    for folder in (Path(data), *(Path(data) / name for name in ("new_joint_vecs", "texts", "extra_texts"))):
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if folder.is_dir() else []
        for entry in entries:
            if entry.is_file() and not entry.name.startswith("."):
                about = entry.stat()
                digest.update(f"{folder.name}/{entry.name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def describe_origin() -> dict[str, Any]:
    """The package's version and, in a checkout, its commit; Python, torch and the machine."""
    try:
        installed = version("lead-invert")
    except PackageNotFoundError:
        installed = "not installed"
    machine = {"platform": platform.platform(), "processor": platform.processor(), "cpus": os.cpu_count()}
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    software = {"python": sys.version.split()[0], "torch": torch.__version__, "threads": torch.get_num_threads()}
    return {"package": installed, "commit": _read_commit(), **software, **machine}


def peak_memory_gb() -> float:
    """The most main memory that this process has held, GiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**30
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB elsewhere


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text)


def _read_commit() -> str | None:
    """The checkout's commit, with a `+` where files differ from it; None outside a checkout."""
    if not (PACKAGE.parent / ".git").exists():
        return None
    try:
        answers = [
            subprocess.run(["git", *words], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=10, check=True)
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return answers[0].stdout.strip() + ("+" if answers[1].stdout.strip() else "")
