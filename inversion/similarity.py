"""How similar motions are, without labels, in two spaces that no concept is trained in.

*Posture*: joints' mean positions, how much they move about them and how fast, in the facing frame. It sees styles that
no caption names.  *Meaning*: the embedding of the embedded evaluator. It sees which action is done.
Both take HumanML3D's features [frames, 263] at 20 fps in their own units, whatever the base's skeleton is. A distance
between motions is Euclidean; between sets of motions it is the mean over all pairs.
Knows nothing of concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lead.data.dataset import MAX_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import pairwise_distances
from lead.motion import Motion

Array = np.ndarray
Features = Float[np.ndarray, "_ 263"]
"""HumanML3D's, one row a frame at 20 fps."""
_POSITIONS, _VELOCITIES = slice(4, 67), slice(193, 259)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A set of motions in both spaces."""

    posture: Float[Array, "clips d_posture"]
    meaning: Float[Array, "clips d_meaning"]

    def __getitem__(self, rows: slice | list[int]) -> "Embeddings":
        return Embeddings(self.posture[rows], self.meaning[rows])


def embed(evaluator: Evaluator, features: Sequence[Features]) -> Embeddings:
    """Motions of any lengths by their features; beyond MAX_FRAMES they are not read."""
    scale = evaluator.std.cpu().numpy()
    read = [rows[:MAX_FRAMES] for rows in features]
    return Embeddings(np.stack([posture(rows / scale) for rows in read]), evaluator.embed_motions(read))


def posture(features: Features) -> Float[Array, "d_posture"]:
    """Means over time of joints, their speeds, root velocity and turning, and the joints' standard deviations."""
    joints, speeds = features[:, _POSITIONS], np.abs(features[:, _VELOCITIES])
    turning = np.abs(features[:, :1])
    parts = joints.mean(0), joints.std(0), speeds.mean(0), features[:, 1:4].mean(0), turning.mean(0)
    return np.concatenate(parts).astype(np.float64)


def compare_with_exemplar(
    evaluator: Evaluator, motions: Sequence[Motion], exemplar: Motion
) -> Float[Array, " motions"]:
    """How similar each motion is to an exemplar, from 0 to 1, which is equal.

    1 / (1 + d), d the mean of the distances in posture and in meaning.
    """
    embedded = embed(evaluator, [motion.features() for motion in (exemplar, *motions)])
    distances = [pairwise_distances(space[1:], space[:1])[:, 0] for space in (embedded.posture, embedded.meaning)]
    similarity: Array = 1.0 / (1.0 + np.mean(distances, axis=0))
    return similarity


def mean_distance(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> float:
    """The mean distance of all pairs across two sets."""
    return float(pairwise_distances(a, b).mean())


def diversity(a: Float[Array, "m d"]) -> float:
    """The mean distance of all pairs within a set; 0 for a single clip."""
    return float(pairwise_distances(a, a)[np.triu_indices(len(a), 1)].mean()) if len(a) > 1 else 0.0


def energy_distance(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'|: its mean is 0 where both sets are drawn from one distribution.

    A kernel distance that is fair to sets of two and more; FID is not.
    Source: Székely and Rizzo, *Energy statistics*, 2013; unbiased, without the pairs of a clip with itself.
    """
    return 2.0 * mean_distance(a, b) - diversity(a) - diversity(b)


def features_to_poses(features: Features) -> Float[Array, "frames 21 3"]:
    """Joints 1 to 21 in the facing frame, the root at x = z = 0, of a uniform skeleton; meters at 20 fps."""
    return features[:, _POSITIONS].reshape(len(features), -1, 3)


def pose_distance_cm(a: Float[Array, "m 21 3"], b: Float[Array, "n 21 3"]) -> float:
    """The mean joint distance, in cm, where the poses of two clips fit best; infinite where hardly any overlap.

    The middle frame of the shorter clip is matched in the longer one, so that copies which were cut differently match.
    """
    short, long = sorted((a, b), key=len)
    middle = len(short) // 2
    start = int(np.linalg.norm(long - short[middle], axis=-1).mean(axis=-1).argmin()) - middle
    first, last = max(0, -start), min(len(short), len(long) - start)
    if last - first < len(short) // 2:
        return float("inf")
    apart = short[first:last] - long[start + first : start + last]
    return 100.0 * float(np.linalg.norm(apart, axis=-1).mean())
