"""How often each check of `lead eval --prompts` is true of recorded clips that show it, and of clips that do not.

    python -m benchmarks.prompts.calibration                   # the table in Markdown, as docs/prompt-suite.md has it
    python -m benchmarks.prompts.calibration --only "kick()"   # one check, with the clips on which it is wrong

A clip or a segment of the pack is one line of text, `source/content style | caption | caption`. It shows an action
where the check's first pattern (`prompt_calibration.toml`) is found in that line; it does not where neither that nor
the second pattern (what is unclear) is. Of one source and content at most CAP clips count, spread evenly, so that no
source decides alone; of those that show the action five times as many. Needs the pack (`benchmarks.pack`), no model.
"""

import argparse
import functools
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.pack import pack_folder, pack_rows, read_joints
from lead.eval.check_language import parse

CAP = 12
LONGEST = 196
"""Frames; longer clips count by their segments."""
TABLE_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Item:
    """A clip, or a segment of one."""

    clip: str
    start: int
    stop: int
    kind: str
    line: str

    @functools.cached_property
    def joints(self) -> np.ndarray:
        return read_joints(self.clip)[self.start : self.stop].astype(np.float64)


@dataclass(frozen=True)
class Rates:
    """Of one check: clips that show the action, and clips that do not, each with those on which the check is true."""

    shows: tuple[Item, ...]
    found: tuple[Item, ...]
    others: tuple[Item, ...]
    wrong: tuple[Item, ...]


MISLABELED = {
    "cmu_14_17#294": "called a sidestep: the person backs off, bent over with laughter, and steps left at the end",
    "cmu_13_30#368": "called jogging in place: it is the end of it, mostly standing",
    "ltd_train_basketball_signal_4#344": "called arms straight out: the forearms are folded across at the chest",
    "cmu_13_18#456": "called a left and a right punch: the left arm stays bent at the belly",
}
"""Clip or clip#start -> why it does not count: contact sheets of them were looked at."""


def read_table() -> dict[str, tuple[str, str]]:
    """Check -> the pattern of what shows it, and that of what is unclear."""
    table = tomllib.loads(TABLE_FILE.read_text(encoding="utf-8"))
    rows = {row["check"]: (row.get("shows", "$^"), row["unclear"]) for row in table["checks"]}
    return {check: (shows, unclear.replace("ARMS_UP", table["arms_up"])) for check, (shows, unclear) in rows.items()}


def read_items() -> list[Item]:
    """Clips up to LONGEST frames, and all segments; at most CAP of a kind, spread evenly."""
    items = []
    styles = {row["id"]: row for row in pack_rows()}
    for row in styles.values():
        if row["frames"] <= LONGEST:
            kind = f"{row['source']}/{row['content']}"
            line = f"{kind} {row['style'] or ''} | {' | '.join(row['captions'])}"
            items.append(Item(row["id"], 0, row["frames"], kind, line))
    with open(pack_folder() / "segments.jsonl", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            tags = f"[{','.join(row['tags'])}]"
            line = f"segment {tags} {' | '.join(row['captions'])}"
            items.append(Item(row["clip"], row["start"], row["end"], f"segment {tags}", line))
    items = [item for item in items if f"{item.clip}#{item.start}" not in MISLABELED]
    return items


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of each kind, evenly spread."""
    result = []
    for kind in dict.fromkeys(item.kind for item in items):
        some = [item for item in items if item.kind == kind]
        result += [some[i] for i in np.unique(np.linspace(0, len(some) - 1, most).round().astype(int))]
    return result


def rate(check: Callable[[np.ndarray], bool], items: Sequence[Item], shows: str, unclear: str) -> Rates:
    """The check on all clips that show the action and on all that do not."""
    yes = tuple(spread([item for item in items if re.search(shows, item.line)], 5 * CAP))
    no = [item for item in items if not re.search(shows, item.line) and not re.search(unclear, item.line)]
    others = tuple(spread(no, CAP))
    return Rates(
        yes,
        tuple(item for item in yes if check(item.joints)),
        others,
        tuple(item for item in others if check(item.joints)),
    )


def to_row(expression: str, rates: Rates) -> str:
    """A line of the table."""
    return f"| `{expression}` | {_share(rates.found, rates.shows)} | {_share(rates.wrong, rates.others)} |"


def _share(some: Sequence[Item], all_of_them: Sequence[Item]) -> str:
    if not all_of_them:
        return "none"
    return f"{len(some) / len(all_of_them):.2f} of {len(all_of_them)}".removeprefix("0")


def explain(rates: Rates) -> Iterable[str]:
    """Where the check is wrong: clips by kind, and a few of their names."""
    for what, wrong in (
        ("missed", [i for i in rates.shows if i not in rates.found]),
        ("wrongly", list(rates.wrong)),
    ):
        kinds = Counter(item.kind for item in wrong)
        for kind, count in kinds.most_common(12):
            names = [f"{item.clip}#{item.start}" for item in wrong if item.kind == kind][:3]
            of = sum(item.kind == kind for item in (rates.shows if what == "missed" else rates.others))
            yield f"    {what}: {kind} {count}/{of}: {' '.join(names)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, or what one check gets wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts.calibration", description=main.__doc__)
    parser.add_argument("--only", action="append", help="an expression of the table, or its beginning")
    parser.add_argument("--explain", action="store_true", help="name the clips on which a check is wrong")
    options = parser.parse_args(arguments)
    items = read_items()
    print("| check | true where shown | true elsewhere |\n| --- | --- | --- |")
    for expression, (shows, unclear) in read_table().items():
        if options.only and not any(expression.startswith(only) for only in options.only):
            continue
        rates = rate(parse(expression), items, shows, unclear)
        print(to_row(expression, rates), flush=True)
        if options.only or options.explain:
            print("\n".join(explain(rates)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
