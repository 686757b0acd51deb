"""The benchmark of reports: do they say what judges see?

    python -m benchmarks.reports --collect     # learns and tries all concepts (most of an hour); it resumes
    python -m benchmarks.reports --fit         # fits the limits of inversion/judgement, and prints constants
    python -m benchmarks.reports --words       # whether `evaluate` ranks the right word above wrong ones
    python -m benchmarks.reports               # agreement of reports with the judges

Concepts: `benchmarks.reports.concepts`; their motions: `benchmarks.reports.trials`.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.pack import REPOSITORY
from benchmarks.reports.cells import HALF, Cell, read_cells
from benchmarks.reports.concepts import list_lessons
from benchmarks.reports.fit import fit_logistic, measure_agreement, predict_left_out
from benchmarks.reports.trials import TrialFolder, code_digest
from benchmarks.reports.words import describe_ranks, rank_words
from inversion.judgement.style import ACTION
from inversion.report import judge_trials
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


def fit_praise(cells: Sequence[Cell], console: Console) -> None:
    """Prints what CLEAR_STYLE and CLEAR_ACTION have to exceed: the best measures of concepts that judges do not see."""
    own = [cell for cell in cells if not cell.name and cell.group != "wrong kind"]
    for kind, measure in (("style", lambda cell: cell.measures[0]), ("action", lambda cell: ACTION(cell.measures))):
        unseen = [measure(cell) for cell in own if cell.kind == kind and max(cell.judges) < HALF]
        doubted = [measure(cell) for cell in own if cell.kind == kind and cell.seen is None]
        console.print(
            f"CLEAR_{kind.upper()}: above {max(unseen, default=0.0):.2f} of concepts that no judge sees, and "
            f"{max(doubted, default=0.0):.2f} of those that one judge sees"
        )


def check(folder: TrialFolder, cells: Sequence[Cell], console: Console) -> None:
    """Makes the report of every concept, and prints how often it says what the judges say."""
    by_concept: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        by_concept.setdefault(cell.concept, {})[cell.name] = cell
    votes: dict[str, list[tuple[bool | None, bool | None]]] = {}
    praised, grades, contents = list[str](), Counter[str](), list[bool]()
    for lesson in list_lessons():
        for trial in folder.read(lesson) if folder.is_done(lesson) else ():
            own = by_concept[trial.name]
            result = judge_trials(folder.base, lesson.kind, trial.encoded, trial.trials)
            grades[result.grade] += 1
            if result.grade == "well" and max(own[""].judges) < HALF:
                praised.append(trial.name)
            said = dict.fromkeys(result.seen_on, True) | dict.fromkeys(result.unseen_on, False)
            for name, cell in own.items():
                if name:
                    votes.setdefault(lesson.group, []).append((said.get(name), cell.seen))
                    if cell.content is not None and lesson.group != "wrong kind":
                        contents.append((name in result.kept_on) == (cell.content >= HALF))
    for group, pairs in [*votes.items(), ("all", [pair for rows in votes.values() for pair in rows])]:
        console.print(f"{group}: {describe_votes(pairs)}")
    console.print(f"content: {np.mean(contents):.3f} of {len(contents)} cells agree with the networks")
    console.print(f"grades: {dict(grades)}; praised where every judge sees less than half: {praised or 'none'}")


def describe_votes(pairs: Sequence[tuple[bool | None, bool | None]]) -> str:
    """How often what is said is what judges see; cells where either side is not sure are counted apart."""
    judged = [(said, seen) for said, seen in pairs if seen is not None]
    sure = [said == seen for said, seen in judged if said is not None]
    agree = f"{np.mean(sure):.3f}" if sure else "-"
    return (
        f"{agree} of {len(sure)} cells agree; in {len(judged) - len(sure)} the report is not sure, "
        f"in {len(pairs) - len(judged)} the judges disagree"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__.splitlines()[0])
    parser.add_argument("--collect", action="store_true", help="learn and try the concepts that are missing")
    parser.add_argument("--fit", action="store_true", help="print the constants that agree best with the judges")
    parser.add_argument("--words", action="store_true", help="rank words on held-out clips, as `evaluate` does")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "reports")
    options, console = parser.parse_args(arguments), Console(width=160)
    code_digest()  # read now: the files may be edited while this runs
    try:
        folder = TrialFolder(Lead.load(), options.output)
        if options.collect:
            collect(folder, console)
        if options.words:
            sets = rank_words(folder)
            for one in sets:
                console.print(f"{one.name}: {', '.join(f'{word} {score:.2f}' for word, score in one.scores.items())}")
            console.print("\n".join(describe_ranks(sets)))
            return 0
        cells = read_cells(folder, options.output / "cells.json")
        if options.fit:
            fit(cells, console)
            fit_praise(cells, console)
        else:
            check(folder, cells, console)
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
