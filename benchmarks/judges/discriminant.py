"""Judges for few clips a class: a linear discriminant on statistics of a clip's features.

A network needs hundreds of clips a class; nine are enough for this. Each clip is cut, warped in time, smoothed, shaken
and mirrored many times (`judge.augment`). Each copy becomes one row of statistics of the features' slice 0:67. A
regularized linear discriminant (Fisher 1936; shrinkage as in Friedman 1989) is solved in closed form: it takes seconds
and always gives the same result. What varies within a class, such as the content within a style, counts as noise and is
divided out.
This module knows nothing of the pack.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.judges.networks import FEATS, OTHER_SIDE, augment, mirror

SHRINK = 0.05
"""Weight of the covariance's diagonal: .01 to .05 worked best on held-out contents."""
FPS = 20.0
NONE = "none"  # a judge's answer for a clip of none of its classes


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Classes that share one covariance: their centers, and the covariance's inverse."""

    names: tuple[str, ...]
    mean: Float[np.ndarray, " n"]
    scale: Float[np.ndarray, " n"]
    centers: Float[np.ndarray, "classes n"]
    precision: Float[np.ndarray, "n n"]

    def classify(self, rows: Float[np.ndarray, "clips n"]) -> np.ndarray:
        """The name of each row's nearest class."""
        weights = self.centers @ self.precision
        offsets = 0.5 * np.einsum("kn,kn->k", weights, self.centers)
        scores = (rows - self.mean) / self.scale @ weights.T - offsets
        return np.array(self.names)[scores.argmax(axis=1)]

    def distance(self, rows: Float[np.ndarray, "clips n"], name: str) -> Float[np.ndarray, " clips"]:
        """Each row's squared distance from a class, in units of the spread within classes (Mahalanobis)."""
        x = (rows - self.mean) / self.scale - self.centers[self.names.index(name)]
        return np.einsum("kn,nm,km->k", x, self.precision, x)


def compute_statistics(
    clips: Sequence[Float[np.ndarray, "frames feats"]], extremes: bool
) -> Float[np.ndarray, "clips n"]:
    """Mean of each number, log of its deviation and of its mean speed; with `extremes` also 10 % and 90 % quantiles.

    Extremes distinguish actions that differ in one short moment.
    """
    return np.stack([_compute_statistics(clip[:, :FEATS].astype(np.float64), extremes) for clip in clips])


def _compute_statistics(x: Float[np.ndarray, "frames 67"], extremes: bool) -> Float[np.ndarray, " n"]:
    places = x[:, 3:]
    speed = np.abs(np.diff(places, axis=0)).mean(axis=0) * FPS
    parts = [x.mean(axis=0), np.log(x.std(axis=0) + 0.005), np.log(speed + 0.02)]
    if extremes:
        parts += list(np.quantile(places, (0.1, 0.9), axis=0))
    return np.concatenate(parts)


def make_copies(
    clips: Sequence[Float[np.ndarray, "frames feats"]],
    labels: Sequence[str],
    count: Sequence[int],
    rng: np.random.Generator,
    mirror_label: Callable[[str], str] = lambda label: label,
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Augmented copies of clips, half of them mirrored; the copies' labels; and the index of each copy's clip."""
    copied, names, owners = [], [], []
    for owner, (clip, label, times) in enumerate(zip(clips, labels, count, strict=True)):
        for _ in range(times):
            copy, flip = augment(clip[:, :FEATS], rng), rng.random() < 0.5
            copied.append(mirror(copy) if flip else copy)
            names.append(mirror_label(label) if flip else label)
            owners.append(owner)
    return copied, np.array(names), np.array(owners)


def mirror_name(name: str) -> str:
    """The name of a mirrored content: `wave-left-hand` becomes `wave-right-hand`."""
    return "-".join(OTHER_SIDE.get(part, part) for part in name.split("-"))


def fit_discriminant(
    rows: Float[np.ndarray, "clips n"],
    labels: np.ndarray,
    weight: Mapping[str, float] | None = None,
    shrink: float = SHRINK,
) -> Discriminant:
    """Fits a discriminant to labeled statistics; `weight` is how much a class counts in the covariance (default 1)."""
    names, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    x = (rows - mean) / scale
    centers = np.stack([x[index == label].mean(axis=0) for label in range(len(names))])
    each = np.array([(weight or {}).get(name, 1.0) for name in names])[index] / counts[index]
    within = x - centers[index]
    covariance = (within * each[:, None]).T @ within / each.sum()
    covariance = (1 - shrink) * covariance + np.diag(shrink * np.diag(covariance) + 1e-6)
    return Discriminant(tuple(map(str, names)), mean, scale, centers, np.linalg.inv(covariance))
