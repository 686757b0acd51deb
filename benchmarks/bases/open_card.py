"""The open base's figures beside the embedded one's, for its model card.

    for base in embedded open; do
        lead eval --prompts --samples 4 --base $base --json > FIGURES/suite-$base.json
        lead eval DATA --base $base --replications 5 --texts 20 --json > FIGURES/test-$base.json
    done
    python -m benchmarks.bases.open_card FIGURES [--card]

DATA is the open base's data set, which `OPEN=1 bash benchmarks/bases/train_default.sh` makes: its test split has
clips of the open sources alone, which neither base was trained on. The embedded evaluator judges both. Prints Markdown;
`--card` puts the tables into the open base's card, between its two markers.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bases.card import table, write_between
from lead.bases import BASES
from lead.errors import LeadError
from lead.eval.metrics import Estimate
from lead.eval.protocol import COLUMNS, ROWS

CARD = BASES["open"].with_name("README-open.md")
MARKERS = ("<!-- figures: python -m benchmarks.bases.open_card --card -->", "<!-- end of figures -->")
Figures = Mapping[str, Mapping[str, Any]]
"""What `lead eval --json` printed, by the base's name in BASES."""


def read_figures(folder: Path) -> tuple[Figures, Figures]:
    """The suite's figures and the test split's, of both bases; LeadError where a file is missing."""
    found = []
    for what in ("suite", "test"):
        files = {base: folder / f"{what}-{base}.json" for base in BASES}
        if missing := [str(path) for path in files.values() if not path.is_file()]:
            raise LeadError(
                f"{', '.join(missing)} missing: `lead eval --json` writes them, see `benchmarks.bases.open_card`."
            )
        found.append({base: json.loads(path.read_text(encoding="utf-8")) for base, path in files.items()})
    return found[0], found[1]


def markdown(suite: Figures, test: Figures) -> str:
    """All tables."""
    samples = {base: figures["samples"] for base, figures in suite.items()}
    note = "The share of motions that show what the prompt says. Motions a prompt and length: " + ", ".join(
        f"{count} ({base})" for base, count in samples.items()
    )
    return "\n\n".join([_suite(suite), f"{note}.", _test(test)]) + "\n"


def _suite(suite: Figures) -> str:
    """Scores of all prompts, by wording, length and family."""
    first = next(iter(suite.values()))
    rows: list[tuple[str, int, list[str]]] = []

    def add(name: str, scores: Sequence[Mapping[str, float]], key: str = "mean") -> None:
        rows.append((name, int(scores[0]["prompts"]), [f"{score[key]:.2f}" for score in scores]))

    for name, key in (("all", "all"), ("plain sentences", "plain"), ("paraphrases", "paraphrases")):
        add(name, [figures[key] for figures in suite.values()])
    add("prompts at .75 or more", [figures["all"] for figures in suite.values()], "mostly")
    for seconds in first["lengths"]:
        add(f"at {float(seconds):g} s", [figures["lengths"][seconds] for figures in suite.values()])
    for family in first["families"]:
        add(family, [figures["families"][family] for figures in suite.values()])
    return table(["prompt suite", "prompts", *suite], [[name, count, *cells] for name, count, cells in rows])


def _test(test: Figures) -> str:
    """The protocol's rows on the test split; real motion is the same for both."""
    lines = []
    for base, figures in test.items():
        for row, values in figures["splits"]["test"].items():
            if row == "real" and lines:
                continue
            name = ROWS[row] if row == "real" else f"{base}: {ROWS[row]}"
            lines.append([name, *(Estimate(**values[key]) if key in values else "-" for key in COLUMNS)])
    return table(["test split of the open sources", *COLUMNS.values()], lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; with --card it also writes them into the card."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases.open_card", description=main.__doc__)
    parser.add_argument("figures", type=Path, help="the folder with the four JSON files")
    parser.add_argument("--card", action="store_true", help=f"write the tables into {CARD.name}")
    options = parser.parse_args(arguments)
    try:
        text = markdown(*read_figures(options.figures))
        if options.card:
            write_between(CARD, text, MARKERS)
    except (LeadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
