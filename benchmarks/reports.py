"""The benchmark of reports: do they say what judges see?

    python -m benchmarks.reports --collect     # learns and tries all concepts (most of an hour); it resumes
    python -m benchmarks.reports --fit         # fits the limits of inversion/judgement, and prints constants
    python -m benchmarks.reports               # agreement of reports with the judges

Concepts: `benchmarks.report_concepts`; their motions: `benchmarks.report_trials`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.pack import REPOSITORY
from benchmarks.report_cells import Cell, read_cells
from benchmarks.report_concepts import list_lessons
from benchmarks.report_fit import fit_logistic, measure_agreement, predict_left_out
from benchmarks.report_trials import TrialFolder, code_digest
from lead import Lead, LeadError


def collect(folder: TrialFolder, console: Console) -> None:
    """Learns and tries every concept that is not done yet."""
    lessons = list_lessons()
    for number, lesson in enumerate(lessons, 1):
        if not folder.is_done(lesson):
            started = time.perf_counter()
            folder.make(lesson)
            console.print(f"{number}/{len(lessons)} {lesson.name}: {time.perf_counter() - started:.1f} s")


def choose(cells: Sequence[Cell], kind: str) -> list[Cell]:
    """The cells of unseen actions or ways that functions are fitted to."""
    groups = ("style", "mislabeled") if kind == "style" else ("action",)
    return [cell for cell in cells if cell.group in groups and cell.kind == kind and cell.name]


def fit(cells: Sequence[Cell], console: Console) -> None:
    """Prints the constants of `inversion.judgement.style`, and agreement on styles that were left out."""
    for kind in ("style", "action"):
        chosen = choose(cells, kind)
        console.print(f"{kind}: {measure_agreement(chosen, predict_left_out(chosen))}")
        function = fit_logistic([cell for cell in chosen if cell.seen is not None])
        weights = ", ".join(f"{weight:.4f}" for weight in function.weights)
        console.print(f"{kind.upper()} = Logistic({function.bias:.4f}, ({weights}))")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__.splitlines()[0])
    parser.add_argument("--collect", action="store_true", help="learn and try the concepts that are missing")
    parser.add_argument("--fit", action="store_true", help="print the constants that agree best with the judges")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "reports")
    options, console = parser.parse_args(arguments), Console(width=160)
    code_digest()  # read now: the files may be edited while this runs
    try:
        folder = TrialFolder(Lead.load(), options.output)
        if options.collect:
            collect(folder, console)
        cells = read_cells(folder, options.output / "cells.json")
        if options.fit:
            fit(cells, console)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
