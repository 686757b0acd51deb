"""Reproduction: how much of the way from plain motions to the clips a word goes, on its training action."""

import numpy as np

from inversion.assess import KNOWN_MEANING, KNOWN_POSTURE
from inversion.similarity import Embeddings, diversity, mean_distance


def measure_reproduction(concept: Embeddings, plain: Embeddings, clips: Embeddings) -> float:
    """The share of the plain generations' way to the clips that is gone: 1 - excess(concept) / excess(plain)."""
    whole = _excess(plain, plain, clips)
    return float(np.clip(1.0 - _excess(concept, plain, clips) / whole, 0.0, 1.0)) if whole > 0 else 1.0


def _excess(generated: Embeddings, plain: Embeddings, clips: Embeddings) -> float:
    """The distance of generations to clips beyond the clips' diversity, in the greater of both spaces; 0 at least.

    A single clip has no diversity; that of the plain generations stands for it.
    """
    spaces = (
        (generated.posture, plain.posture, clips.posture, KNOWN_POSTURE),
        (generated.meaning, plain.meaning, clips.meaning, KNOWN_MEANING),
    )
    return max(
        0.0,
        *(
            (mean_distance(these, real) - diversity(real if len(real) > 1 else own)) / scale
            for these, own, real, scale in spaces
        ),
    )
