"""The numbers by which generated motion is judged: plain functions on embeddings and on joints.

Embeddings are rows [clips, d] of a text-motion evaluator; joints are [frames, 22, 3] in meters, Y up, floor
at y = 0. The protocol (which clips, how many replications) is `lead.eval.protocol`'s; this module knows no
model. Source of FID, R-precision, MM-Dist, Diversity and MModality: Guo et al., *Generating Diverse and
Natural 3D Human Motions from Text*, CVPR 2022, section 5.1, after Heusel et al. 2017 for FID.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

GROUP = 32
"""Clips that a text must find its own motion among."""
TOES = (10, 11)
TOE_HEIGHT = 0.05
"""Meters; a lower toe stands on the floor."""
SKATE_SPEED = 0.5
"""m/s, which is 2.5 cm a frame at 20 fps."""

Array = np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A mean over replications and the half width of its 95 % interval."""

    mean: float
    interval: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """mean ± 1.96 s / sqrt(n), s the sample's standard deviation; the half width of equal values is 0."""
        array = np.asarray(values, dtype=np.float64)
        half = 1.96 * array.std(ddof=1) / np.sqrt(len(array)) if np.ptp(array) > 0 else 0.0
        return cls(float(array.mean()), float(half))

    def __str__(self) -> str:
        """`.976 ±.004`, `14.75 ±.20`: decimals by the mean's size; one value alone has no interval."""
        decimals = 3 if abs(self.mean) < 1 else 2 if abs(self.mean) < 100 else 1
        parts = [self.mean, self.interval] if self.interval else [self.mean]
        return " ±".join(f"{part:.{decimals}f}".removeprefix("0") for part in parts)


def frechet_distance(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> float:
    """FID: the squared Fréchet distance of the Gaussians fitted to two sets of embeddings.

    |mu_a - mu_b|^2 + tr(A) + tr(B) - 2 tr((A B)^1/2)   (Heusel et al. 2017, equation 6)

    A B is similar to the symmetric A^1/2 B A^1/2, so the last trace is the sum of the square roots of that
    product's eigenvalues: real and finite also where the sets are smaller than d.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    values, vectors = np.linalg.eigh(cov_a)
    root_a = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root_a @ cov_b @ root_a)
    cross = np.sqrt(product.clip(min=0.0)).sum()
    offset = a.mean(axis=0) - b.mean(axis=0)
    return float(max(offset @ offset + np.trace(cov_a) + np.trace(cov_b) - 2.0 * cross, 0.0))


def pairwise_distances(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> Float[Array, "m n"]:
    """Euclidean distances of all rows of a to all rows of b."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    distances: Array = np.sqrt(squared.clip(min=0.0))
    return distances


def r_precision(
    text: Float[Array, "n d"],
    motion: Float[Array, "n d"],
    rng: np.random.Generator,
    top: int = 3,
    group: int = GROUP,
) -> Float[Array, " top"]:
    """R@1 .. R@top: how often a text's own motion is among the nearest k of a group of clips.

    The pairs are shuffled and cut into whole groups; the rest is left out. Pairs with equal captions may meet in a
    group, as in the paper's protocol, so that real motion too stays below 1: show its value beside.
    """
    if len(text) < group:
        raise ValueError(f"R-precision needs at least {group} text-motion pairs, found {len(text)}.")
    order = rng.permutation(len(text))
    groups = order[: len(order) // group * group].reshape(-1, group)
    hits = np.zeros(top)
    for rows in groups:
        distances = pairwise_distances(text[rows], motion[rows])
        rank = (distances < np.diag(distances)[:, None]).sum(axis=1)
        hits += (rank[:, None] <= np.arange(top)).sum(axis=0)
    return hits / groups.size


def mm_dist(text: Float[Array, "n d"], motion: Float[Array, "n d"]) -> float:
    """MM-Dist: the mean distance of a text's embedding to its own motion's."""
    return float(np.linalg.norm(np.asarray(text, np.float64) - np.asarray(motion, np.float64), axis=1).mean())


def diversity(motion: Float[Array, "n d"], rng: np.random.Generator, pairs: int = 300) -> float:
    """The mean distance of random pairs of motions: 300 of them, or as many as the set allows."""
    pairs = min(pairs, len(motion) // 2)
    if pairs < 1:
        raise ValueError(f"Diversity needs at least 2 motions, found {len(motion)}.")
    first, second = rng.permutation(len(motion))[: 2 * pairs].reshape(2, pairs)
    return mm_dist(motion[first], motion[second])


def multimodality(motion: Float[Array, "texts samples d"], rng: np.random.Generator, pairs: int = 10) -> float:
    """MModality: the mean distance of random pairs of motions that were generated from the same text."""
    texts, samples, _ = motion.shape
    pairs = min(pairs, samples // 2)
    if pairs < 1:
        raise ValueError(f"MModality needs at least 2 motions a text, found {samples}.")
    order = rng.permuted(np.tile(np.arange(samples), (texts, 1)), axis=1)[:, : 2 * pairs]
    chosen = np.take_along_axis(motion, order[:, :, None], axis=1)
    return float(np.linalg.norm(chosen[:, :pairs] - chosen[:, pairs:], axis=-1).mean())


def foot_skate_ratio(joints: Float[Array, "frames 22 3"], fps: float = 20.0) -> float:
    """The share of frame steps in which a toe is under 5 cm in both frames and moves faster than 0.5 m/s.

    Source: the foot-skating ratio of Karunratanakul et al., *Guided Motion Diffusion*, ICCV 2023, section 5.
    """
    toes = np.asarray(joints, dtype=np.float64)[:, TOES]
    if len(toes) < 2:
        return 0.0
    low = toes[..., 1] < TOE_HEIGHT
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * fps
    return float((low[1:] & low[:-1] & (speed > SKATE_SPEED)).any(axis=1).mean())


def mean_joint_error(
    a: Float[Array, "*batch joints 3"], b: Float[Array, "*batch joints 3"], local: bool = False
) -> float:
    """MPJPE: the mean distance of corresponding joints, in meters; `local` puts the pelves together first."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if local:
        a, b = a - a[..., :1, :], b - b[..., :1, :]
    return float(np.linalg.norm(a - b, axis=-1).mean())


def jitter(joints: Float[Array, "frames 22 3"], fps: float = 20.0) -> float:
    """The mean size of the joints' third derivative over time (jerk), in m/s^3; 0 for fewer than four frames.

    Source: Yi et al., *TransPose*, SIGGRAPH 2021, section 4.1.
    """
    if len(joints) < 4:
        return 0.0
    jerk = np.diff(np.asarray(joints, dtype=np.float64), n=3, axis=0) * fps**3
    return float(np.linalg.norm(jerk, axis=-1).mean())
