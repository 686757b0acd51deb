"""`StyleSpace`: a space in which motions of one style are near each other, whatever action they show.

A linear discriminant (Fisher 1936) of `similarity.Embeddings`: posture and meaning side by side, standardized, times a
projection that divides out what actions and takes change within a style. It was fitted to recordings of nine acted
styles and 90 procedural ones (`benchmarks/judges/style_space.py`); no style that the benchmarks learn is among
them.
The centers of the acted styles stand for all other styles that a motion may be in.
Knows nothing of concepts and bases.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64
from safetensors.numpy import load_file

from inversion.similarity import Embeddings

FILE = Path(__file__).parent / "style_space.safetensors"
SAME = 0.6
"""A center is of the clips' own style where it is nearer to them than this share of the second nearest one."""


@dataclass(frozen=True, eq=False)
class StyleSpace:
    """The projection, and the centers of styles."""

    mean: Float32[np.ndarray, " d"]
    scale: Float32[np.ndarray, " d"]
    projection: Float32[np.ndarray, "d k"]
    centers: Float32[np.ndarray, "styles k"]

    def embed(self, embeddings: Embeddings) -> Float64[np.ndarray, "clips k"]:
        """Motions to places of the space."""
        both = np.concatenate([embeddings.posture, embeddings.meaning], axis=1)
        places: np.ndarray = (both - self.mean) / self.scale @ self.projection.astype(np.float64)
        return places

    def find_others(self, clips: Float64[np.ndarray, "clips k"]) -> Bool[np.ndarray, " styles"]:
        """Which centers are those of other styles than the clips'."""
        distances = np.linalg.norm(self.centers - clips.mean(axis=0), axis=1)
        others: np.ndarray = distances >= SAME * np.sort(distances)[1]
        return others


@cache
def load_style_space() -> StyleSpace:
    """The space that comes with the package."""
    return StyleSpace(**load_file(FILE))
