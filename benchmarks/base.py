"""How good a base is: the protocol's table, what its decoder can express, and how exactly.

    python -m benchmarks.base [--base PATH] [--replications 20] [--output runs/base.json]

Three tables:
1. `lead.evaluate` on the test split: real motion, VAE reconstruction, MLD, LEAD.
2. The judge on clips of the two never-trained styles after encode and decode, plainly and through the
   projector, beside the same clips as recorded. They are clips that the judge never saw either.
3. The mean joint error of encode and decode in centimetres: on the whole path, and with the pelves together.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.judge import (
    Judge,
    accuracy,
    accuracy_table,
    load_judge,
    newstyle_parts,
    real_accuracy,
    real_clips,
)
from benchmarks.pack import REPOSITORY, Row, pack_rows, read_joints, write_folder
from lead import Lead, Motion
from lead.data import MAX_FRAMES, UNIT, prepare
from lead.errors import LeadError
from lead.evaluate import COLUMNS, Evaluation, Protocol, evaluate, reconstructed, table_rows
from lead.evaluator import Evaluator
from lead.metrics import mean_joint_error
from lead.model import MIN_FRAMES
from lead.motion.features import joints_to_features

DATA = REPOSITORY / "runs" / "data"
WIDTH = 160  # columns of print; the tables are wide
RECONSTRUCTED = ("test", "newstyle_eval", "newaction")
PATHS = {"decode": False, "projector": True}  # how a clip comes back, and whether through the projector


def prepared_data(folder: Path = DATA) -> Path:
    """The pack in HumanML3D's layout; it is prepared there first where it is absent."""
    if not (folder / "Mean.npy").is_file():
        clips = folder.with_name(f"{folder.name}-clips")
        write_folder(clips)
        prepare(clips, folder)
    return folder


def real_motions(rows: Sequence[Row]) -> list[Motion]:
    """The clips on the uniform skeleton, cut so that the base loses nothing: 4 n + 1 frames, at most 197."""
    motions = []
    for row in rows:
        features = joints_to_features(read_joints(row["id"]))
        frames = min(len(features) - 1, MAX_FRAMES) // UNIT * UNIT
        motions.append(Motion.from_features(features[: frames + 1], name=row["id"]))
    return motions


def recognition(base: Lead, judge: Judge) -> dict[str, dict[str, float]]:
    """How often the judge names style and content of never-trained styles' clips, recorded and decoded."""
    rows = newstyle_parts()[1] + real_clips()["newstyle_exemplar"]
    motions = real_motions(rows)
    ways = {"recorded": motions}
    ways |= {name: reconstructed(base, motions, realign) for name, realign in PATHS.items()}
    result = {}
    for name, clips in ways.items():
        features = [clip.features() for clip in clips]
        style, content = accuracy(judge, rows, features)
        result[name] = {"clips": len(rows), "style": style, "content": content}
        for own in ("elderly", "exhausted"):
            part = [i for i, row in enumerate(rows) if row["style"] == own]
            result[name][own] = accuracy(judge, [rows[i] for i in part], [features[i] for i in part])[0]
    return result


def joint_errors(base: Lead) -> dict[str, dict[str, float]]:
    """Centimetres between recorded and decoded joints, the mean over clips, by split and by way back."""
    result: dict[str, dict[str, float]] = {}
    for split in RECONSTRUCTED:
        rows = [row for row in pack_rows(split) if row["frames"] > MIN_FRAMES + 2]
        motions = real_motions(rows)
        placed = [Motion.from_features(motion.features()) for motion in motions]  # as the decoder places them
        result[split] = {"clips": len(rows)}
        for name, realign in PATHS.items():
            pairs = list(zip(placed, reconstructed(base, motions, realign=realign), strict=True))
            for key, local in (("", False), (" local", True)):
                errors = [mean_joint_error(a.joints, b.joints, local=local) for a, b in pairs]
                result[split][name + key] = 100.0 * float(np.mean(errors))
    return result


def evaluation_table(evaluation: Evaluation, title: str) -> Table:
    """The protocol's table to look at."""
    table = Table("", *COLUMNS.values(), title=title)
    for row in table_rows(evaluation):
        table.add_row(*row)
    return table


def figures_table(figures: dict[str, dict[str, float]], title: str, digits: int) -> Table:
    """A dict of rows of numbers to look at."""
    columns = list(next(iter(figures.values())))
    table = Table("", *columns, title=title)
    for name, row in figures.items():
        cells = [f"{row[key]:.0f}" if key == "clips" else f"{row[key]:.{digits}f}" for key in columns]
        table.add_row(name, *cells)
    return table


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measures and prints everything; returns it for the JSON file."""
    started = time.perf_counter()
    data = prepared_data(arguments.data)
    base, evaluator, judge = Lead.load(arguments.base), Evaluator.load(arguments.evaluator), load_judge()

    real = real_accuracy(judge)
    seen = recognition(base, judge)
    errors = joint_errors(base)
    console.print(accuracy_table(real))
    console.print(figures_table(seen, "Never-trained styles after encode and decode, by the judge", 3))
    console.print(figures_table(errors, "Mean joint error of encode and decode, cm", 2))

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("replications", total=arguments.replications)
        evaluation = evaluate(
            base,
            evaluator,
            data,
            protocol=Protocol(replications=arguments.replications),
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(evaluation_table(evaluation, f"Test split, {arguments.replications} replications"))
    return {
        "base": base.name,
        "fingerprints": dict(base.fingerprints),
        "replications": arguments.replications,
        "evaluation": {
            row: {key: asdict(value) for key, value in it.items()} for row, it in evaluation.items()
        },
        "recognition": seen,
        "joint_error_cm": errors,
        "judge": real,
        "seconds": round(time.perf_counter() - started, 1),
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.base", description="How good a base is.")
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--evaluator", type=Path, help="an evaluator (default: the embedded one)")
    parser.add_argument("--data", type=Path, default=DATA, help="the prepared pack; made here where absent")
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "base.json")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and writes its figures as JSON."""
    options = parser().parse_args(arguments)
    console = Console(width=WIDTH)
    try:
        figures = run(options, console)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, figures)
    console.print(f"{options.output}: {figures['seconds']} s")
    return 0


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Writes figures, moved into place when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
