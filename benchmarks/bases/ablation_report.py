"""The ablations' tables, and the differences that count. Computed from the figures alone.

Every seed of training decodes the same latents. So a value is first averaged over seeds, and the 95 % interval is over
replications (or clips). Each row is compared with the default row value by value: same latents, same captions, same
groups. A difference counts if, for every seed separately, the interval of the paired differences excludes zero, and all
seeds agree on the side.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.bases.ablation_figures import Figures
from lead.eval.metrics import Estimate

DEFAULT = "default"
COLUMNS = {
    "fid": "FID",
    "r1": "R@1",
    "r3": "R@3",
    "mm_dist": "MM-Dist",
    "diversity": "Diversity",
    "multimodality": "MModality",
    "content": "content",
    "style": "style",
    "rec": "latent error x 1000",
    "error": "joint error cm",
    "local_error": "of it local",
    "root_error": "root error cm",
    "recognized": "style recognized",
    "cosine": "caption cosine",
    "retrieval": "retrieval R@3",
}
LOWER = {"fid", "mm_dist", "rec", "error", "local_error", "root_error"}
NEITHER = {"diversity", "multimodality"}

Results = Mapping[str, Mapping[int, Figures]]
"""Row -> seed -> figures."""


def format_report(results: Results, labels: Mapping[str, str]) -> str:
    """All tables and the comparison, in Markdown."""
    settings = list(dict.fromkeys(s for seeds in results.values() for figures in seeds.values() for s in figures))
    parts = [format_table(results, labels, setting) for setting in settings]
    if DEFAULT in results:
        parts.append("## Compared with the default row\n")
        parts += compare_rows(results, labels)
    return "\n".join(parts) + "\n"


def format_table(results: Results, labels: Mapping[str, str], setting: str) -> str:
    """One setting's rows, means with 95 % intervals."""
    rows = {row: _average_seeds(seeds, setting) for row, seeds in results.items()}
    columns = [key for key in COLUMNS if any(key in figures for figures in rows.values())]
    lines = [
        f"## {setting}\n",
        "| row | " + " | ".join(COLUMNS[key] for key in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for row, figures in rows.items():
        cells = [str(Estimate.of(figures[key])) if key in figures else "-" for key in columns]
        lines.append(f"| {labels[row]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _average_seeds(seeds: Mapping[int, Figures], setting: str) -> dict[str, list[float]]:
    """Values averaged over seeds."""
    each = [figures.get(setting, {}) for figures in seeds.values()]
    return {key: np.mean([figures[key] for figures in each], axis=0).tolist() for key in each[0]}


def compare_rows(results: Results, labels: Mapping[str, str]) -> list[str]:
    """For each row and setting: the figures whose difference from the default row counts."""
    lines = []
    for row in results:
        if row != DEFAULT:
            found = (compare_row(results, row, setting) for setting in next(iter(results[row].values())))
            lines += [f"**{labels[row]}** against {labels[DEFAULT]}:", *(line for line in found if line), ""]
    return lines


def compare_row(results: Results, row: str, setting: str) -> str:
    differing: list[str] = []
    same: list[str] = []
    for key, name in COLUMNS.items():
        pairs = pair_values(results, row, setting, key)
        if pairs and (verdict := judge_differences(pairs, key)):
            differing.append(f"{name} {_format_difference(pairs)}: {verdict}")
        elif pairs:
            same.append(name)
    if not differing and not same:
        return ""
    rest = f". Within the interval: {', '.join(same)}" if same else ""
    return f"- {setting}: {'; '.join(differing) or 'no difference'}{rest}"


def pair_values(results: Results, row: str, setting: str, key: str) -> list[list[float]]:
    """For each seed that both rows have: the row's values minus the default's."""
    pairs = []
    for seed, figures in results[row].items():
        own = figures.get(setting, {}).get(key)
        default = results[DEFAULT].get(seed, {}).get(setting, {}).get(key)
        if own and default:
            pairs.append([a - b for a, b in zip(own, default, strict=True)])
    return pairs


def judge_differences(differences: Sequence[Sequence[float]], key: str) -> str:
    """The verdict on a figure's differences (one list a seed): better, worse, higher, lower, or an empty text."""
    if min(map(len, differences)) < 2:
        return ""  # one value has no interval
    estimates = [Estimate.of(values) for values in differences]
    signs = {float(np.sign(e.mean)) if abs(e.mean) > e.interval else 0.0 for e in estimates}
    if len(signs) > 1 or 0.0 in signs:
        return ""
    lower = signs == {-1.0}
    if key in NEITHER:
        return "lower" if lower else "higher"
    return "better" if lower == (key in LOWER) else "worse"


def _format_difference(differences: Sequence[Sequence[float]]) -> str:
    estimate = Estimate.of(np.mean(differences, axis=0).tolist())
    return f"{estimate.mean:+.3f} ±{estimate.interval:.3f}"
