"""What learnt words do: two styles that the base never saw, learnt from five walks each, by every objective.

    python -m benchmarks.words [--base PATH] [--seeds 0 1 2] [--objectives latent text]

For each concept, objective and seed a word is learnt from the BVH files in the pack's exemplars; then 32
walks and nine other contents are generated with it, plainly (realign=False) and through the projector. The
judge says how often the style is there and how often the content still is: both matter, a word that wins the
style by losing the walk is no use. Beside them stand the same prompt without the word, the same prompt with
the English word, and real clips of that style that neither the word nor the judge learnt from.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.base import write_json
from benchmarks.judge import (
    CONTENTS,
    STYLES,
    Judge,
    Verdict,
    accuracy_table,
    clip_features,
    load_judge,
    parted,
    real_accuracy,
    real_clips,
)
from benchmarks.pack import REPOSITORY, pack_folder
from concepts import ConceptError
from inversion import InversionError, learn
from lead import Lead, LeadError, Motion, MotionError

CONCEPTS = {
    "elderly": "elderly-walk",
    "exhausted": "exhausted-walk",
}  # the judge's class, the exemplars' folder
OBJECTIVES = ("realigned", "latent", "noise", "text")
PATHS = {"plain": False, "projector": True}
WIDTH = 160  # columns of print; the tables are wide
WALK = "a person walks"
OTHER_CONTENTS = {
    "run": "a person runs",
    "walk-turn-left": "a person walks forward and turns left",
    "walk-turn-right": "a person walks forward and turns right",
    "raise-up-both-hands": "a person raises both hands",
    "raise-up-left-hand": "a person raises the left hand",
    "raise-up-right-hand": "a person raises the right hand",
    "wave-both-hands": "a person waves with both hands",
    "wave-left-hand": "a person waves with the left hand",
    "wave-right-hand": "a person waves with the right hand",
}
WALK_SECONDS, OTHER_SECONDS = 8.0, 4.0  # about what real clips of these styles last

Figures = dict[str, Any]


def walk_figures(verdict: Verdict, style: str) -> Figures:
    """Shares of walks with the style, the content and both."""
    return {
        "walk style": verdict.style_rate(style),
        "walk content": verdict.content_rate("walk"),
        "walk both": verdict.both_rate(style, "walk"),
    }


def other_figures(verdict: Verdict, style: str, contents: Sequence[str]) -> Figures:
    """The same on other contents, each clip against its own."""
    styled = verdict.styles == STYLES.index(style)
    held = verdict.contents == np.array([CONTENTS.index(content) for content in contents])
    return {
        "other style": float(styled.mean()),
        "other content": float(held.mean()),
        "other both": float((styled & held).mean()),
    }


def generated_figures(
    base: Lead, judge: Judge, style: str, suffix: str, count: int, realign: bool, seed: int, words: Any = None
) -> Figures:
    """The judge on `count` walks and on about as many other contents, each prompt ending with `suffix`."""
    options: dict[str, Any] = {"seed": seed, "realign": realign, "words": words}
    each = max(count // len(OTHER_CONTENTS), 1)
    contents = [content for content in OTHER_CONTENTS for _ in range(each)]
    prompts = [OTHER_CONTENTS[content] + suffix for content in contents]
    walks = base.generate([WALK + suffix] * count, seconds=WALK_SECONDS, **options)
    others = base.generate(prompts, seconds=OTHER_SECONDS, **options)
    figures = walk_figures(judge.judge_motions(walks), style)
    return figures | other_figures(judge.judge_motions(others), style, contents)


def real_figures(judge: Judge, style: str, learnt: set[str]) -> Figures:
    """The judge on real clips of the style: the exemplar split's walks not learnt from, other contents."""
    walks = [
        row for row in real_clips()["newstyle_exemplar"] if row["style"] == style and row["id"] not in learnt
    ]
    others = [
        row for row in parted("newstyle_eval")[1] if row["style"] == style and row["content"] in OTHER_CONTENTS
    ]
    figures = walk_figures(judge.judge(clip_features(walks)), style)
    contents = [row["content"] for row in others]
    return figures | other_figures(judge.judge(clip_features(others)), style, contents)


def measure(base: Lead, judge: Judge, style: str, options: argparse.Namespace) -> list[Figures]:
    """One concept's rows: real clips, no word, then every objective, seed and way through the base."""
    folder = pack_folder() / "exemplars" / CONCEPTS[style]
    clips = [Motion.read(path) for path in sorted(folder.glob("*.bvh"))]
    real = real_figures(judge, style, {clip.name for clip in clips})
    rows = [{"concept": style, "row": "real clips", **real}]
    for name, suffix in (("no word", ""), ("English word", f" in {style} style")):
        for path, realign in PATHS.items():
            for seed in options.seeds:
                figures = generated_figures(base, judge, style, suffix, options.count, realign, seed)
                rows.append({"concept": style, "row": name, "path": path, "seed": seed, **figures})
    token = f"<{style}>"
    given = {} if options.steps is None else {"steps": options.steps}
    for objective in options.objectives:
        for seed in options.seeds:
            started = time.perf_counter()
            concept = learn(base, clips, token, kind="style", objective=objective, seed=seed, **given)
            cost = {"seconds": time.perf_counter() - started, "steps": concept.steps}
            for path, realign in PATHS.items():
                figures = generated_figures(
                    base, judge, style, f" in {token} style", options.count, realign, seed, concept.words
                )
                row = {"concept": style, "row": objective, "path": path, "seed": seed}
                rows.append({**row, **figures, **cost})
    return rows


def means(rows: Sequence[Figures]) -> list[Figures]:
    """Rows of several seeds as one: each number's mean, and the lowest and highest `walk style` beside."""
    groups: dict[tuple[str, ...], list[Figures]] = {}
    for row in rows:
        groups.setdefault((row["concept"], row["row"], row.get("path", "")), []).append(row)
    result = []
    for (concept, name, path), group in groups.items():
        numbers = [key for key, value in group[0].items() if not isinstance(value, str) and key != "seed"]
        mean = {key: float(np.mean([row[key] for row in group])) for key in numbers}
        styles = [row["walk style"] for row in group]
        spread = {"seeds": len(group), "lowest": min(styles), "highest": max(styles)}
        result.append({"concept": concept, "row": name, "path": path, **mean, **spread})
    return result


def words_table(rows: Sequence[Figures], title: str) -> Table:
    """Means over seeds to look at."""
    shares = ("walk style", "walk content", "walk both", "other style", "other content", "other both")
    table = Table("concept", "", "path", *shares, "walk style range", "seconds", "steps", title=title)
    for row in means(rows):
        cost = (f"{row['seconds']:.1f}", f"{row['steps']:.0f}") if "steps" in row else ("-", "-")
        span = f"{row['lowest']:.2f} .. {row['highest']:.2f}" if row["seeds"] > 1 else "-"
        cells = [f"{row[key]:.2f}" for key in shares]
        table.add_row(row["concept"], row["row"], row["path"] or "-", *cells, span, *cost)
    return table


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words", description="What learnt words do.")
    parser.add_argument("--base", type=Path, help="a checkpoint (default: the embedded base)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--concepts", nargs="+", choices=list(CONCEPTS), default=list(CONCEPTS))
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES))
    parser.add_argument("--count", type=int, default=32, help="walks generated a row")
    parser.add_argument("--steps", type=int, help="steps of learning (default: the objective's own)")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "words.json")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark, prints each concept when it is done, and writes all rows as JSON."""
    options = parser().parse_args(arguments)
    console = Console(width=WIDTH)
    rows: list[Figures] = []
    try:
        base, judge = Lead.load(options.base), load_judge()
        real = real_accuracy(judge)
        console.print(accuracy_table(real))
        for style in options.concepts:
            rows += measure(base, judge, style, options)
            console.print(words_table([row for row in rows if row["concept"] == style], f"<{style}>"))
    except (LeadError, MotionError, ConceptError, InversionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result = {"base": base.name, "fingerprints": dict(base.fingerprints), "judge": real, "rows": rows}
    write_json(options.output, result)
    console.print(str(options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
