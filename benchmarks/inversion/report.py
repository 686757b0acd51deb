"""The inversion benchmark's tables and contact sheets, made from cells.

A figure's interval is 95 % over seeds by Student's t (three seeds: 2.5 standard deviations). A group's row is the mean
over its concepts, computed within each seed. `real` and `decoded` are not methods: they are real clips, and real clips
through the base's encoder, projector and decoder. The judges err: a method that scores above these two rows has reached
the limit of the judge, and is not better than real motion.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bases.card import table as markdown_table
from benchmarks.inversion.concepts import GROUPS, Subject, load_motion, subjects
from benchmarks.inversion.methods import METHODS, MethodResult
from lead.eval.metrics import Estimate
from lead.motion.render.sheets import contact_sheet

Cell = dict[str, Any]
"""concept, method, seed, settings, exemplars, figures."""

SHARES = ("wS", "wC", "wB", "eS", "eC", "eB", "wL", "eL", "eLB")
COLUMNS = (
    *SHARES, "fid", "kid", "fid other", "diversity", "nearest", "skate", "jitter", "processor seconds", "kB", "leak",
)  # fmt: skip
T_975 = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
SHEET_OTHERS = {"style": (0, 3, 6), "action": (0, 1, 2)}  # indices of the other prompts to draw
SHEET_COLUMNS = 8

NOTES = """wS, wC, wB: the share of motions of the exemplars' own content in which the judge recognizes the concept, the
content, both. eS, eC, eB: the same on other contents. For an action, S is the action itself, also when the prompt asks
for it slowly, twice, or in another style (e...); C is that other style. wL, eL, eLB: as wS, eS, eB, but a second,
linear judge recognizes the style. fid, kid: distance to real clips of the concept, own content, in windows of 4 s. In
the row `real` they compare the exemplars with the other real clips. The few-shot styles have no real walks except the
exemplars, so there a copy scores best. fid is biased upward for sets this small; kid is not. `fid other`: fid on other
contents. diversity: mean distance within the set. nearest: mean distance to the nearest exemplar; a value far below
that of `real` means copying. processor seconds: of learning, on one core. kB: size of what is shared. leak: the largest
joint difference in meters between motions of prompts without the word, before and after learning."""


def get_figures(cell: Cell) -> dict[str, float]:
    """A cell's numbers by column name."""
    figures = {key: value for key, value in cell["figures"].items() if isinstance(value, int | float)}
    if "bytes" in figures:
        figures["kB"] = figures["bytes"] / 1000
    return figures


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and half width of the 95 % interval by Student's t; the half width of a single value is 0."""
    count = len(values)
    if count < 2:
        return Estimate(float(values[0]), 0.0)
    half = T_975.get(count, 1.96) * float(np.std(values, ddof=1)) / count**0.5
    return Estimate(float(np.mean(values)), half)


def summarize(cells: Iterable[Cell], figures: Callable[[Cell], Mapping[str, Any]] = get_figures) -> dict[str, Estimate]:
    """Each figure over the cells of one method: the mean over concepts within each seed, then over seeds."""
    by_seed: dict[int, list[Mapping[str, Any]]] = {}
    for cell in cells:
        by_seed.setdefault(cell["seed"], []).append(figures(cell))
    result = {}
    for key in {key for rows in by_seed.values() for row in rows for key in row}:
        found = [[row[key] for row in rows if row.get(key) is not None] for rows in by_seed.values()]
        if means := [float(np.mean(values)) for values in found if values]:
            result[key] = estimate(means)
    return result


def get_label(method: str) -> str:
    """A method's name in tables."""
    return METHODS[method].label if method in METHODS else method


def list_rows(cells: Sequence[Cell], columns: Sequence[str] = COLUMNS) -> list[tuple[str, ...]]:
    """One row a method, in the order of the cells."""
    rows = []
    for method in dict.fromkeys(cell["method"] for cell in cells):
        figures = summarize([cell for cell in cells if cell["method"] == method])
        rows.append((get_label(method), *(_format_figure(figures, key) for key in columns)))
    return rows


def _format_figure(figures: Mapping[str, Estimate], key: str) -> str:
    if key not in figures:
        return "-"
    return f"{figures[key].mean:.0e}" if key == "leak" and figures[key].mean else str(figures[key])


def list_sections(cells: Sequence[Cell]) -> Iterable[tuple[str, list[Cell]]]:
    """Titles and cells: each group, then each of its concepts."""
    known = subjects()
    for group, title in GROUPS.items():
        part = [cell for cell in cells if known[cell["concept"]].group == group]
        names = list(dict.fromkeys(cell["concept"] for cell in part))
        if len(names) > 1:
            yield f"{title} ({len(names)})", part
        for name in names:
            yield name, [cell for cell in part if cell["concept"] == name]


def print_tables(cells: Sequence[Cell], console: Console) -> None:
    """Prints all sections."""
    for title, part in list_sections(cells):
        table = Table("", *COLUMNS, title=title)
        for row in list_rows(part):
            table.add_row(*row)
        console.print(table)


def list_path_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """One row a method and way of decoding, for cells that were decoded with the projector and without."""
    rows = []
    both = [cell for cell in cells if "plain" in cell["figures"]]
    for method in dict.fromkeys(cell["method"] for cell in both):
        part = [cell for cell in both if cell["method"] == method]
        for way, figures in (("projector", get_figures), ("plain", lambda cell: cell["figures"]["plain"])):
            found = summarize(part, figures)
            rows.append((get_label(method), way, *(_format_figure(found, key) for key in SHARES)))
    return rows


def list_prompt_rows(cells: Sequence[Cell], method: str) -> list[tuple[str, ...]]:
    """The three shares of one method for each other prompt."""
    part = [cell for cell in cells if cell["method"] == method and "by prompt" in cell["figures"]]
    rows = []
    for prompt in dict.fromkeys(prompt for cell in part for prompt in cell["figures"]["by prompt"]):

        def of_prompt(cell: Cell, prompt: str = prompt) -> Mapping[str, Any]:
            return cell["figures"]["by prompt"].get(prompt, {})

        found = summarize(part, of_prompt)
        rows.append((prompt.replace("{}", " ...").replace("  ", " "), *(_format_figure(found, key) for key in "SCB")))
    return rows


def format_page(cells: Sequence[Cell], judges: Mapping[str, Mapping], base: str, arguments: Sequence[str]) -> str:
    """The page docs/inversion-figures.md, without its hand-written paragraph."""
    seeds = sorted({cell["seed"] for cell in cells})
    counts = sorted({cell["settings"]["judging"]["count"] for cell in cells})
    parts = [
        "# Inversion: the benchmark's tables",
        f"Base `{base}`, seeds {', '.join(map(str, seeds))}, {counts[0]} motions of own content a cell. Made by",
        f"    python -m benchmarks.inversion {shlex.join(arguments)}",
        f"{NOTES} Intervals: 95 % over seeds by Student's t.",
        "## The judges on real clips that they never saw",
        markdown_table(["judge", "real clips", "clips", "style", "content or action"], list(_list_judge_rows(judges))),
    ]
    for title, part in list_sections(cells):
        parts += [f"## {title}", markdown_table(["", *COLUMNS], list_rows(part))]
        if paths := list_path_rows(part):
            parts += [markdown_table(["decoded both ways", "", *SHARES], paths)]
        if prompts := list_prompt_rows(part, "recipe"):
            parts += [markdown_table(["recipe, other prompts", "S", "C", "both"], prompts)]
    return "\n\n".join(parts) + "\n"


def _list_judge_rows(judges: Mapping[str, Mapping]) -> Iterable[tuple[str, ...]]:
    for judge, sets in judges.items():
        for name, row in sets.items():
            other = row.get("content", row.get("action", row.get("walk")))
            shares = (f"{share:.3f}" if share is not None else "-" for share in (row.get("style"), other))
            yield (judge, name, str(row["clips"]), *shares)


def write_contact_sheet(folder: Path, subject: Subject, learned: MethodResult, seed: int) -> Path:
    """Writes one picture: an exemplar, a generated motion of its content, and three of other prompts."""
    requests = [subject.own, *(subject.others[i] for i in SHEET_OTHERS[subject.kind])]
    prompts = [request.prompt.format(learned.phrase) for request in requests]
    exemplar = load_motion(subject.exemplars(seed)[0]).on_one_skeleton()
    motions = [exemplar, *learned.generate(prompts, [request.seconds for request in requests], seed, True)]
    sheet = contact_sheet(motions, [f"exemplar: {exemplar.name}", *prompts], subject.name, SHEET_COLUMNS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject.name}.png"
    sheet.save(path)
    return path
