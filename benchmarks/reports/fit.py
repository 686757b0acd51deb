"""Fits what reports say to judges: a logistic function of the measures of a sight, checked on styles left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from benchmarks.reports.cells import Cell
from inversion.judgement.style import SEEN, UNSEEN, Logistic

PENALTY = 2.0
"""Of the squared weights of standardized measures."""


@dataclass(frozen=True)
class Agreement:
    """How often sights and judges agree."""

    cells: int
    left_out: int
    """Cells where the judges disagree."""
    agree: float
    """Where the sight is sure."""
    sure: float
    """The share of cells where it is."""
    forced: float
    """Agreement where the likelier answer is said everywhere."""

    def __str__(self) -> str:
        return (
            f"{self.agree:.3f} of the {self.sure:.0%} of {self.cells} cells that are sure; {self.forced:.3f} of all; "
            f"{self.left_out} cells left out, where the judges disagree"
        )


def fit_logistic(cells: Sequence[Cell]) -> Logistic:
    """The function that predicts the judges best."""
    rows = np.array([cell.measures for cell in cells])
    seen = np.array([bool(cell.seen) for cell in cells])
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    x = np.concatenate([(rows - mean) / scale, np.ones((len(rows), 1))], axis=1)

    def loss(weights: np.ndarray) -> tuple[float, Float[np.ndarray, " n"]]:
        z = x @ weights
        value = np.logaddexp(0.0, np.where(seen, -z, z)).sum() + 0.5 * PENALTY * float(weights[:-1] @ weights[:-1])
        slope = x.T @ (1.0 / (1.0 + np.exp(-z)) - seen) + PENALTY * np.append(weights[:-1], 0.0)
        return float(value), slope

    best = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    weights = best[:-1] / scale
    return Logistic(float(best[-1] - weights @ mean), tuple(map(float, weights)))


def predict_left_out(cells: Sequence[Cell]) -> np.ndarray:
    """The probability of each cell by a function that was fitted without its fold."""
    result = np.zeros(len(cells))
    for fold in sorted({cell.fold for cell in cells}):
        function = fit_logistic([cell for cell in cells if cell.fold != fold and cell.seen is not None])
        for place, cell in enumerate(cells):
            if cell.fold == fold:
                result[place] = function(cell.measures)
    return result


def measure_agreement(cells: Sequence[Cell], probabilities: Sequence[float]) -> Agreement:
    """Agreement over the cells that the judges agree on."""
    pairs = [(p, cell.seen) for p, cell in zip(probabilities, cells, strict=True) if cell.seen is not None]
    p, seen = np.array([one for one, _ in pairs]), np.array([two for _, two in pairs])
    sure = (p >= SEEN) | (p <= UNSEEN)
    right = (p >= 0.5) == seen
    agree = float(right[sure].mean()) if sure.any() else float("nan")
    return Agreement(len(pairs), len(cells) - len(pairs), agree, float(sure.mean()), float(right.mean()))
