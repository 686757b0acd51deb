"""How well a base knows which prompts are outside of what it was trained on, and the weights of its evidence.

    python -m benchmarks.prompts.vocabulary                                     # the embedded base, on vocabulary.toml
    python -m benchmarks.prompts.vocabulary --base my-base.safetensors --fit    # weights for lead.text.vocabulary
    python -m benchmarks.prompts.vocabulary --prompts other.json                # a file with "known" and "unknown"

AUC is the share of pairs, one known and one unknown prompt, in which the unknown one has the larger score. The weights
are those of a logistic regression with a ridge penalty; with --fit the AUC is also cross-validated in ten parts.
A thing counts as unknown where no training caption and no recipe of `lead.data.compose` shows it. vocabulary.toml and
vocabulary_development.json may be tuned on. known_unknown.json, known_unknown_2.json and known_unknown_3.json may not:
they are the test.
"""

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead import Lead
from lead.errors import LeadError
from lead.text import vocabulary as rule
from lead.text.main_words import leave_out_tokens, main_words

PROMPTS = Path(__file__).with_name("vocabulary.toml")
RIDGE = 0.02


@dataclass(frozen=True)
class Judged:
    """Prompts with the evidence that they are outside."""

    prompts: tuple[str, ...]
    unknown: tuple[bool, ...]
    """Whether they are."""
    evidence: Float[np.ndarray, "prompts features"]
    """In the order of `rule.WEIGHTS`."""
    scores: tuple[float, ...]


def read_prompts(path: Path) -> Mapping[str, Sequence[str]]:
    text = path.read_text(encoding="utf-8")
    content: Mapping[str, Sequence[str]] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    return content


def judge(base: Lead, prompts: Mapping[str, Sequence[str]]) -> Judged:
    if base.vocabulary is None:
        raise LeadError("the base has no vocabulary; make one with `lead vocabulary DATA BASE`")
    texts = [*prompts["known"], *prompts["unknown"]]
    features = base.encode_text([leave_out_tokens(text) for text in texts]).detach().cpu().numpy()
    rows = [base.vocabulary.weigh(text, feature) for text, feature in zip(texts, features, strict=True)]
    scores = [base.vocabulary.score(text, feature) for text, feature in zip(texts, features, strict=True)]
    evidence = np.array([[row[name] for name in rule.WEIGHTS] for row in rows])
    outside = (*[False] * len(prompts["known"]), *[True] * len(prompts["unknown"]))
    return Judged(tuple(texts), outside, evidence, tuple(scores))


def compute_auc(scores: Sequence[float], unknown: Sequence[bool]) -> float:
    values, outside = np.array(scores), np.array(unknown)
    known, other = values[~outside][:, None], values[outside][None]
    return float((other > known).mean() + 0.5 * (other == known).mean())


def fit(evidence: Float[np.ndarray, "prompts features"], unknown: Sequence[bool]) -> Float[np.ndarray, " weights"]:
    """The bias and the weights of a logistic regression, by Newton's method; both classes count alike."""
    x = np.column_stack([np.ones(len(evidence)), evidence])
    y = np.array(unknown, dtype=float)
    importance = np.where(y > 0, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    penalty = RIDGE * np.diag([0.0, *[0.1] * evidence.shape[1]])
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (importance * (p - y)) + penalty @ weights
        curve = (x * (importance * p * (1 - p))[:, None]).T @ x + penalty
        weights -= np.linalg.solve(curve, slope)
    return weights


def cross_validate(judged: Judged, parts: int = 10, repeats: int = 5) -> float:
    unknown, values = np.array(judged.unknown), []
    for seed in range(repeats):
        fold = np.random.default_rng(seed).permutation(len(unknown)) % parts
        scores = np.zeros(len(unknown))
        for part in range(parts):
            weights = fit(judged.evidence[fold != part], unknown[fold != part].tolist())
            scores[fold == part] = weights[0] + judged.evidence[fold == part] @ weights[1:]
        values.append(compute_auc(scores.tolist(), judged.unknown))
    return float(np.mean(values))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints AUC, rates at the threshold, and the prompts on the wrong side."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts.vocabulary", description=main.__doc__)
    parser.add_argument("--base", type=Path, help="default: the embedded base")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, help="TOML or JSON with the lists known and unknown")
    parser.add_argument("--fit", action="store_true", help="also print weights that fit these prompts")
    parser.add_argument("--quiet", action="store_true", help="figures alone, no prompts")
    options = parser.parse_args(arguments)
    try:
        base = Lead.load(options.base)
        judged = judge(base, read_prompts(options.prompts))
    except (LeadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_figures(judged, options.quiet)
    if options.fit:
        weights = fit(judged.evidence, judged.unknown)
        named = {name: round(float(value), 2) for name, value in zip(rule.WEIGHTS, weights[1:], strict=True)}
        print(f"cross-validated AUC {cross_validate(judged):.3f}; BIAS = {weights[0]:.2f}, WEIGHTS = {named}")
    started = time.process_time()
    for prompt in judged.prompts[:50]:
        base.find_unknown([prompt])
    print(f"{(time.process_time() - started) * 20:.1f} ms of CPU time a prompt")
    return 0


def print_figures(judged: Judged, quiet: bool) -> None:
    rows = list(zip(judged.prompts, judged.unknown, judged.scores, judged.evidence.round(2).tolist(), strict=True))
    missed = [row for row in rows if row[1] and row[2] <= rule.THRESHOLD]
    wrong = [row for row in rows if not row[1] and row[2] > rule.THRESHOLD]
    count = sum(judged.unknown)
    auc, found = compute_auc(judged.scores, judged.unknown), 1 - len(missed) / count
    print(f"AUC {auc:.3f} on {len(rows) - count} known and {count} unknown prompts")
    print(f"at {rule.THRESHOLD:g}: {found:.2f} of unknown found, {len(wrong)} known taken for unknown")
    for name, some in (("missed", missed), ("known, taken for unknown", wrong)):
        for prompt, _, score, evidence in () if quiet else some:
            words = ", ".join(f"{word.text} ({word.role})" for word in main_words(prompt))
            print(f"  {name}: {score:.2f} {prompt!r} {evidence} {words}")


if __name__ == "__main__":
    sys.exit(main())
