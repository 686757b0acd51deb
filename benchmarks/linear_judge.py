"""A second judge of the trained and the new styles: a linear discriminant, beside `benchmarks.judge`'s networks.

On real clips both are right nearly always; on generated ones, which are like no actor's, they differ: a network may go
by details that an actor happened to have with a content, a discriminant sees what all contents of a style share (it
divides out what varies within one).  A style that only one of them sees is not certain; figures stand side by side.
It learns from the same clips as the networks, in half a minute, and is not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.discriminant import Discriminant, compute_statistics, fit_discriminant, make_copies
from benchmarks.judge import clip_features, real_clips, select_known, split_rows
from benchmarks.pack import pack_rows

COPIES = 2


@dataclass(frozen=True, eq=False)
class LinearJudge:
    """Names styles."""

    style: Discriminant

    def classify(self, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> np.ndarray:
        """Each clip's style."""
        return self.style.classify(compute_statistics(clips, extremes=False))


def train_linear_judge(seed: int = 0) -> LinearJudge:
    """Fits the judge."""
    rows = (
        select_known(pack_rows("train", source="bandai"))
        + split_rows("newstyle_eval")[0]
        + split_rows("compositional")[0]
    )
    names = [row["style"] for row in rows]
    copied, labels, _ = make_copies(clip_features(rows), names, [COPIES] * len(rows), np.random.default_rng(seed))
    return LinearJudge(fit_discriminant(compute_statistics(copied, extremes=False), labels))


def real_accuracy(judge: LinearJudge) -> dict[str, dict[str, float]]:
    """Its accuracy on real clips that it never saw."""
    result = {}
    for name, rows in real_clips().items():
        right = judge.classify(clip_features(rows)) == [row["style"] for row in rows]
        result[name] = {"clips": len(rows), "style": float(right.mean())}
    return result
