"""A second judge of the trained and the new styles: a linear discriminant, beside the networks.

Both are nearly always right on real clips. Generated clips resemble no actor, and there the judges differ. A network
may rely on details that an actor happened to have with a content. A discriminant finds what all contents of a style
share, because it divides out what varies within a style. A style that only one of them recognizes is not certain, so
both figures are reported. It learns from the same clips as the networks. Training takes half a minute; it is not
cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.judges.discriminant import Discriminant, compute_statistics, fit_discriminant, make_copies
from benchmarks.judges.networks import clip_features, real_clips, select_known, split_rows
from benchmarks.pack import pack_rows

COPIES = 2


@dataclass(frozen=True, eq=False)
class LinearJudge:
    """Recognizes styles by a linear discriminant."""

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
    """Its accuracy on real clips that it did not learn from."""
    result = {}
    for name, rows in real_clips().items():
        right = judge.classify(clip_features(rows)) == [row["style"] for row in rows]
        result[name] = {"clips": len(rows), "style": float(right.mean())}
    return result
