"""What strengths do, what two concepts do in one prompt, and what blends and opposites of concepts look like.

    python -m benchmarks.inversion.words_together [--parts sweeps pairs blends] [--seeds 0 1 2] [--count 36]

The concepts are those that `benchmarks.inversion` learned by its recipe, one a seed.

1. Strengths of one style go from 0 to 1.25, on the walks that it was learned from and on the nine other contents, with
   the same noise at every strength.
2. Every style with every new action in one prompt, `a person does <action> in <style> style`, beside each of them
   alone.
3. Walks with blends of two styles, and with the opposite of each style, and their speed (m/s).

The networks (mean probability, and how often the style is the likeliest) and the linear judge recognize styles. Neither
of them learned how these styles look in the new actions, and one of these (sneaking) is itself stooped. So `carried`
needs no judge: it is what the style adds to the action's posture, projected onto what it adds to a walk's posture, as a
share of the latter (the posture of `inversion.similarity`; 1: as much as in a walk). Intervals are of 95 %, over
motions: normal for means, Wilson's for shares. The figures go to `runs/words_together.json`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from benchmarks.bases.base import write_json
from benchmarks.inversion.concepts import NEW_STYLES, WALK, Request, Subject, subjects
from benchmarks.inversion.figures import Judges
from benchmarks.judges.actions import ACTIONS
from benchmarks.judges.networks import CONTENTS, STYLES
from benchmarks.pack import REPOSITORY
from concepts import Concept, ConceptError, blend, negate
from inversion.similarity import posture
from lead import Lead, LeadError, Motion
from lead.eval.evaluator import Evaluator

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
TOGETHER = ((1.0, 1.0), (1.0, 0.6), (1.0, 1.25), (0.8, 1.0), (1.0, 0.0), (0.0, 1.0))
"""Strengths of an action and of a style in one prompt; 0 shows what the other one does alone."""
PARTS = ("sweeps", "pairs", "blends")
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MEANS = ("p_style", "carried")
FOUND = ("p_style", "networks", "linear", "content")

Interval = tuple[float, float, float]
"""A figure with the bounds of its interval."""


def load_concept(folder: Path, name: str, seed: int) -> Concept:
    """The recipe's concept of a seed; that of the newest base if there are several."""
    found = sorted(folder.glob(f"*/{name}/recipe-{seed}.safetensors"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise LeadError(f"{folder} has no {name}, seed {seed}: run benchmarks.inversion --concepts {name} first.")
    return Concept.load(found[-1])


def measure_strengths(
    base: Lead, judges: Judges, folder: Path, subject: Subject, seeds: Sequence[int], count: int
) -> list[dict]:
    """The figures on the style's own content and on the others, for each strength."""
    requests = {"walks": [subject.own] * count, "others": [a for a in subject.others for _ in range(count // 9)]}
    rows = []
    for strength in STRENGTHS:
        phrase = subject.format_phrase(f"({subject.token}:{strength:g})")
        row: dict[str, Any] = {"strength": strength}
        for place, wanted in requests.items():
            made = [
                _measure(base, judges, subject, load_concept(folder, subject.name, seed), phrase, wanted, seed)
                for seed in seeds
            ]
            row[place] = {
                name: interval(np.concatenate([figures[name] for figures in made]), name not in MEANS) for name in FOUND
            }
        rows.append(row)
    return rows


def _measure(
    base: Lead, judges: Judges, subject: Subject, concept: Concept, phrase: str, requests: Sequence[Request], seed: int
) -> dict[str, Float[np.ndarray, " motions"]]:
    """For each motion: the style's probability, whether each judge recognizes it, and whether the content is right."""
    words = {subject.token: concept.words[concept.token]}
    prompts, seconds = (
        [request.prompt.format(phrase) for request in requests],
        [request.seconds for request in requests],
    )
    clips = [m.features() for m in base.generate(prompts, seconds=seconds, words=words, seed=seed)]
    return _recognize_style(judges, subject.label, clips) | {
        "content": np.array(
            [
                CONTENTS[best] == request.expected
                for best, request in zip(_recognize_contents(judges, clips), requests, strict=True)
            ],
            dtype=float,
        )
    }


def measure_pairs(
    base: Lead, judges: Judges, folder: Path, action: Subject, style: Subject, seeds: Sequence[int], count: int
) -> list[dict]:
    """A new action and a style in one prompt: how often each is recognized, and both."""
    scale = Evaluator.load().std.numpy()
    made: dict[tuple[float, float], list[dict[str, np.ndarray]]] = {strengths: [] for strengths in TOGETHER}
    for seed in seeds:
        act, manner = load_concept(folder, action.name, seed), load_concept(folder, style.name, seed)
        words = {"<act>": act.words[act.token], "<manner>": manner.words[manner.token]}

        def clips(prompt: str, seconds: float, words: Any = words, seed: int = seed) -> list[np.ndarray]:
            motions = base.generate([prompt] * count, seconds=seconds, words=words, seed=seed)
            return [motion.features() for motion in motions]

        def postures(some: Sequence[np.ndarray]) -> np.ndarray:
            return np.stack([posture(clip / scale) for clip in some])

        ways = [f"a person walks in (<manner>:{strength}) style" for strength in (0, 1)]
        plain, styled = (postures(clips(way, style.own.seconds)).mean(axis=0) for way in ways)
        shift = (styled - plain) / np.square(styled - plain).sum()
        alone = postures(clips(_make_prompt(1.0, 0.0), action.own.seconds)).mean(axis=0)
        for strengths in TOGETHER:
            some = clips(_make_prompt(*strengths), action.own.seconds)
            seen = _recognize_style(judges, style.label, some) | {
                "done": (judges.action.classify(some) == action.label).astype(float)
            }
            seen |= {f"both, {judge}": seen["done"] * seen[judge] for judge in ("networks", "linear")}
            made[strengths].append(seen | {"carried": (postures(some) - alone) @ shift})
    return [
        {"action": action.name, "style": style.name, "strengths": list(strengths)}
        | {name: interval(np.concatenate([s[name] for s in seen]), name not in MEANS) for name in seen[0]}
        for strengths, seen in made.items()
    ]


def measure_blends(
    base: Lead, judges: Judges, folder: Path, styles: Sequence[Subject], seeds: Sequence[int], count: int
) -> list[dict]:
    """Walks with blends of two styles, and with the opposite of each."""
    one, two = ([load_concept(folder, style.name, seed) for seed in seeds] for style in styles)
    words = {f"{w:g}": [blend(a, b, w) for a, b in zip(one, two, strict=True)] for w in WEIGHTS}
    for style, made in zip(styles, (one, two), strict=True):
        words[f"opposite of {style.name}"] = [negate(concept) for concept in made]
    rows = []
    for name, concepts in words.items():
        motions = []
        for seed, concept in zip(seeds, concepts, strict=True):
            prompt, seconds = f"a person walks in {concept.token} style", styles[0].own.seconds
            motions += base.generate([prompt] * count, seconds=seconds, words=concept.words, seed=seed)
        probabilities, contents = judges.networks.probabilities([motion.features() for motion in motions])
        figures = {style: interval(probabilities[:, row].astype(float), False) for row, style in enumerate(STYLES)}
        figures["content"] = interval((contents.argmax(axis=1) == CONTENTS.index(WALK)).astype(float), True)
        figures["speed"] = interval(np.array([_measure_speed(motion) for motion in motions]), False)
        rows.append({"word": name, **figures})
    return rows


def _measure_speed(motion: Motion) -> float:
    """The speed in m/s: the distance from the first place to the last, by the motion's length."""
    return float(np.linalg.norm(motion.joints[-1, 0, [0, 2]] - motion.joints[0, 0, [0, 2]])) / motion.seconds


def _make_prompt(action: float, style: float) -> str:
    return f"a person does (<act>:{action:g}) in (<manner>:{style:g}) style"


def _recognize_style(
    judges: Judges, style: str, clips: Sequence[np.ndarray]
) -> dict[str, Float[np.ndarray, " motions"]]:
    probabilities, _ = judges.networks.probabilities(clips)
    place = STYLES.index(style)
    return {
        "p_style": probabilities[:, place].astype(float),
        "networks": (probabilities.argmax(axis=1) == place).astype(float),
        "linear": (judges.linear.classify(clips) == style).astype(float),
    }


def _recognize_contents(judges: Judges, clips: Sequence[np.ndarray]) -> np.ndarray:
    return judges.networks.probabilities(clips)[1].argmax(axis=1)


def interval(values: Float[np.ndarray, " n"], share: bool) -> Interval:
    """The mean with its interval; for a share, Wilson's."""
    n, mean, z = len(values), float(values.mean()), 1.96
    if not share:
        half = z * float(values.std(ddof=1)) / n**0.5
        return mean, mean - half, mean + half
    center = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (mean * (1 - mean) / n + z * z / (4 * n * n)) ** 0.5
    return mean, center - half, center + half


def format_markdown(result: dict[str, Any]) -> str:
    """The tables of docs/prompt-figures.md."""
    columns_shown = ("p_style", "linear", "content")
    lines = ["| | walks: probability | seen | content | others: probability | seen | content |", "| --- " * 7 + "|"]
    for style, rows in result.get("sweeps", {}).items():
        for row in rows:
            cells = [_format_cell(row[place][name]) for place in ("walks", "others") for name in columns_shown]
            lines.append(f"| {style} {row['strength']:g} | " + " | ".join(cells) + " |")
    columns = ("done", "networks", "linear", "both, networks", "both, linear", "carried")
    lines += ["", "| | strengths | " + " | ".join(columns) + " |", "| --- " * 8 + "|"]
    for row in result.get("pairs", []):
        cells = [_format_cell(row[name]) for name in columns]
        strengths = " ".join(f"{value:g}" for value in row["strengths"])
        lines.append(f"| {row['action']}, {row['style']} | {strengths} | " + " | ".join(cells) + " |")
    names = (*NEW_STYLES, "normal", "content", "speed")
    lines += ["", "| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for row in result.get("blends", []):
        lines.append(f"| {row['word']} | " + " | ".join(_format_cell(row[name]) for name in names) + " |")
    return "\n".join(lines)


def _format_cell(found: Interval) -> str:
    mean, low, high = (f"{value:.2f}".replace("0.", ".", 1) for value in found)
    return f"{mean} ({low}-{high})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts and prints their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion.words_together", description=main.__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run; others are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=36, help="motions of each prompt and concept")
    parser.add_argument("--words", type=Path, default=REPOSITORY / "runs" / "inversion")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "words_together.json")
    options = parser.parse_args(arguments)
    try:
        base, judges, known = Lead.load(), Judges(), subjects()
        styles = [known[name] for name in NEW_STYLES]
        asked, much = (base, judges, options.words), (options.seeds, options.count)
        result = json.loads(options.output.read_text(encoding="utf-8")) if options.output.is_file() else {}
        result |= {"settings": {"base": base.name, "seeds": options.seeds, "count": options.count}}
        if "sweeps" in options.parts:
            result["sweeps"] = {style.name: measure_strengths(*asked, style, *much) for style in styles}
        if "pairs" in options.parts:
            every = [measure_pairs(*asked, known[action], style, *much) for style in styles for action in ACTIONS]
            result["pairs"] = [row for rows in every for row in rows]
        if "blends" in options.parts:
            result["blends"] = measure_blends(*asked, styles, *much)
        write_json(options.output, result)
    except (LeadError, ConceptError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(format_markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
