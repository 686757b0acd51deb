"""The figures of `benchmarks.bases.base` as Markdown, and the demands on them. Knows no measuring."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pack import REPOSITORY
from lead.errors import LeadError
from lead.eval.metrics import Estimate
from lead.eval.protocol import COLUMNS, ROWS

CARD = REPOSITORY / "lead" / "weights" / "README.md"
MARKERS = ("<!-- figures: python -m benchmarks.bases.base --card -->", "<!-- end of figures -->")
JUDGED = {"content": "content", "style": "style"}
BONES = ("within a motion", "across motions", "left against right")
"""Where the lengths of bones are compared."""


@dataclass(frozen=True)
class Mark:
    """One demand on an embedded default."""

    name: str
    measured: float
    limit: float
    at_least: bool

    @property
    def demanded(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def marks(figures: Mapping[str, Any]) -> list[Mark]:
    """All demands. Generated motion is the LEAD row."""
    splits = figures["evaluation"]
    lead, real = splits["test"]["lead"], splits["test"]["real"]

    def of_real(key: str) -> float:
        return lead[key]["mean"] / real[key]["mean"]

    errors = {split: row["decode"] for split, row in figures["joint_error_cm"].items()}
    return [
        Mark("R@3, test, as a share of real motion's", of_real("r3"), 0.95, True),
        Mark("content by the judge, test", lead["content"]["mean"], 0.95, True),
        Mark("content by the judge, compositional", splits["compositional"]["lead"]["content"]["mean"], 0.9, True),
        *(
            Mark(
                f"the least recognized style by the judge, {split}",
                min(_style_shares(rows["lead"]).values()),
                0.9,
                True,
            )
            for split, rows in splits.items()
        ),
        Mark("FID, test, as a multiple of the floor", of_real("fid"), 1.5, False),
        Mark("foot skate, test, as a multiple of real motion's", of_real("skate"), 1.5, False),
        Mark("VAE mean joint error, test, cm", errors["test"], 2.5, False),
        Mark("VAE mean joint error, test, Bandai, cm", errors["test, bandai"], 1.4, False),
        Mark("VAE mean joint error, test, UI-PRMD, cm", errors["test, uiprmd"], 1.5, False),
        Mark("VAE mean joint error, newstyle_eval, cm", errors["newstyle_eval"], 4.0, False),
        Mark("VAE mean joint error, newaction, cm", errors["newaction"], 4.0, False),
        *(
            Mark(
                f"bones, {figure}, the largest difference",
                max(row[figure] for row in figures["bones"].values()),
                1e-4,
                False,
            )
            for figure in BONES
        ),
    ]


def _style_shares(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    prefix = "style/share/"
    return {key.removeprefix(prefix): value["mean"] for key, value in figures.items() if key.startswith(prefix)}


def markdown(figures: Mapping[str, Any]) -> str:
    """All tables."""
    parts = [_protocol(split, rows) for split, rows in figures["evaluation"].items()]
    parts.insert(1, f"{figures['notes']} Content and style: the share of motions in which the judge sees them.")
    parts += [_cells(split, rows) for split, rows in figures["evaluation"].items()]
    parts += [_styles(figures["evaluation"]), _joint_errors(figures), _recognition(figures)]
    parts += [format_bones(figures["bones"]), _marks(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def write_between(path: Path, text: str, markers: tuple[str, str] = MARKERS) -> None:
    """Replaces the text between the two markers of a file."""
    whole = path.read_text(encoding="utf-8")
    start, end = (whole.find(marker) for marker in markers)
    if not 0 <= start < end:
        raise LeadError(f"{path} lacks the lines {markers[0]!r} and {markers[1]!r}: put them where the tables go.")
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(f"{whole[: start + len(markers[0])]}\n{text}{whole[end:]}", encoding="utf-8")
    os.replace(partial, path)


def _protocol(split: str, rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    columns = COLUMNS | JUDGED
    lines = [
        [ROWS[row], *(Estimate(**figures[key]) if key in figures else "-" for key in columns)]
        for row, figures in rows.items()
    ]
    return table([f"{split} split", *columns.values()], lines)


def _cells(split: str, rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Each held-out pair of content and style separately, if the split was judged by cell."""
    cells = [key.removeprefix("cell/clips/") for key in rows["lead"] if key.startswith("cell/clips/")]
    if not cells:
        return ""
    lines = [
        [
            cell,
            f"{rows['lead'][f'cell/clips/{cell}']['mean']:.0f}",
            *(Estimate(**rows[row][f"cell/{what}/{cell}"]) for row in rows if row != "vae" for what in JUDGED),
        ]
        for cell in cells
    ]
    ways = [f"{ROWS[row]}: {what}" for row in rows if row != "vae" for what in JUDGED]
    return table([f"{split} split, pair never trained together", "clips", *ways], lines)


def _styles(splits: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> str:
    """Each named style separately: how often the judge sees it where a caption asks for it."""
    shown = {split: sorted(_style_shares(rows["lead"])) for split, rows in splits.items()}
    columns = ["style, seen by the judge"]
    for split in splits:
        columns += [f"{split}: clips", "real motion", "LEAD"]
    lines = []
    for style in sorted({name for names in shown.values() for name in names}):
        line = [style]
        for split, rows in splits.items():
            if style in shown[split]:
                found = [Estimate(**rows[row][f"style/share/{style}"]) for row in ("real", "lead")]
                line += [f"{rows['lead'][f'style/clips/{style}']['mean']:.0f}", *map(str, found)]
            else:
                line += ["-"] * 3
        lines.append(line)
    return table(columns, lines)


def _joint_errors(figures: Mapping[str, Any]) -> str:
    ways = {"decode": "VAE", "projector": "VAE and projector"}
    lines = [
        [split, row["clips"], *(f"{row[way]:.2f} ({row[f'{way} local']:.2f})" for way in ways)]
        for split, row in figures["joint_error_cm"].items()
    ]
    columns = ["mean joint error, cm, in the world (relative to the root)", "clips", *ways.values()]
    return table(columns, lines)


def _recognition(figures: Mapping[str, Any]) -> str:
    names = {"style": "style", "elderly": "elderly", "exhausted": "exhausted", "content": "content"}
    lines = [[way, row["clips"], *(f"{row[key]:.3f}" for key in names)] for way, row in figures["recognition"].items()]
    return table(["never-trained styles, seen by the judge", "clips", *names.values()], lines)


def format_bones(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The differences of bones' lengths, by where the motions come from."""
    lines = [
        [name, f"{row['motions']:.0f}", *(f"{row[figure]:.1e}" for figure in BONES)] for name, row in figures.items()
    ]
    return table(["largest relative difference of a bone's length", "motions", *BONES], lines)


def _format(value: float) -> str:
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}"


def _marks(figures: Mapping[str, Any]) -> str:
    lines = [[mark.name, mark.demanded, _format(mark.measured), "yes" if mark.met else "no"] for mark in marks(figures)]
    return table(["mark", "demanded", "measured (LEAD)", "met"], lines)
