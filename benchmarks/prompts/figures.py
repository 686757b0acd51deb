"""The prompt suite's figures of two bases side by side, as a page of the docs.

    lead eval --prompts --json > after.json      # and before.json, of another base
    python -m benchmarks.prompts.figures before.json after.json

Writes `docs/prompt-suite-figures.md`: the summary, each kind, each prompt.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bases.base import REPOSITORY

PAGE = REPOSITORY / "docs" / "prompt-suite-figures.md"


def write_page(before: Mapping[str, Any], after: Mapping[str, Any], page: Path = PAGE) -> Path:
    """The page, from what `lead eval --prompts --json` printed."""
    rows = [("prompts", f"{after['all']['prompts']}", "")]
    for name, key in (("all", "all"), ("plain", "plain"), ("paraphrases", "paraphrases")):
        rows.append((f"{name}: mean share done", f"{before[key]['mean']:.3f}", f"{after[key]['mean']:.3f}"))
    rows.append(("prompts at .75 or more", f"{before['all']['mostly']:.3f}", f"{after['all']['mostly']:.3f}"))
    for seconds, score in after["lengths"].items():
        rows.append((f"at {float(seconds):g} s", f"{before['lengths'][seconds]['mean']:.3f}", f"{score['mean']:.3f}"))
    parts = [
        "# The prompt suite's figures\n\nMade by `python -m benchmarks.prompts.figures`: "
        f"{after['samples']} motions a prompt and length (before: {before['samples']}), the bases' own defaults. "
        "Before is the second edition of the "
        "embedded base, after the third. [The prompt suite](prompt-suite.md) explains the checks.\n\n"
        "![Twenty plain prompts, one motion each](prompt-sheet.png)",
        _table(("", "before", "after"), rows),
        "## By kind",
        _table(
            ("kind", "prompts", "before", "after"),
            [
                (kind, str(score["prompts"]), f"{before['kinds'][kind]['mean']:.2f}", f"{score['mean']:.2f}")
                for kind, score in after["kinds"].items()
            ],
        ),
        "## By prompt",
        "The share at 2, 4 and 8 s, where the prompt is asked at that length.",
        _table(("prompt", "before", "after", "2 s", "4 s", "8 s"), list(_prompt_rows(before, after))),
    ]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _prompt_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, ...]]:
    old = {(row["kind"], row["prompt"]): _share(row) for row in before["prompts"]}
    rows = []
    for row in after["prompts"]:
        shares = {float(seconds): share for seconds, share in row["shares"].items()}
        each = [f"{shares[s]:.2f}" if s in shares else "" for s in (2.0, 4.0, 8.0)]
        was = old.get((row["kind"], row["prompt"]))
        rows.append((row["prompt"], "" if was is None else f"{was:.2f}", f"{_share(row):.2f}", *each))
    return rows


def _share(row: Mapping[str, Any]) -> float:
    return float(sum(row["shares"].values()) / len(row["shares"]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts.figures", description=main.__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    print(write_page(*(json.loads(path.read_text(encoding="utf-8")) for path in (options.before, options.after))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
