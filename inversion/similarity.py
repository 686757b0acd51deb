"""How alike motions are, told without labels: in two spaces that no word was trained in.

*Posture*: where the joints are on the mean, how much they move about it and how fast, in the facing frame; it sees
manners that no caption names.  *Meaning*: the embedded evaluator's embedding; it sees which action is done.  Both take
HumanML3D's features at 20 fps, whatever the base, in the evaluator's units.  A distance is Euclidean, between clips;
between two sets it is the mean over their pairs, so a set's `spread` is what its distance to others can fall to.
Knows nothing of concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from lead import Lead
from lead.data.dataset import MAX_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import pairwise_distances
from lead.motion import Motion

Array = np.ndarray
_POSITIONS, _VELOCITIES = slice(4, 67), slice(193, 259)


@dataclass(frozen=True, eq=False)
class Looks:
    """A set of motions in both spaces."""

    posture: Float[Array, "clips d_posture"]
    meaning: Float[Array, "clips d_meaning"]

    def __getitem__(self, rows: slice) -> "Looks":
        return Looks(self.posture[rows], self.meaning[rows])


def realigned(base: Lead, motions: Sequence[Motion]) -> Float[Tensor, "batch d_text"]:
    """E_proj of motions: their place among captions."""
    z, lengths = base.encode_motion(motions)
    return base.projector.pool(base.projector.encode(z, lengths), lengths)


def looks(evaluator: Evaluator, motions: Sequence[Motion]) -> Looks:
    """Motions of any length; beyond MAX_FRAMES they are not read."""
    features = [motion.features()[:MAX_FRAMES] for motion in motions]
    scale = evaluator.std.cpu().numpy()
    return Looks(np.stack([posture(rows / scale) for rows in features]), evaluator.embed_motions(features))


def posture(features: Float[Array, "frames 263"]) -> Float[Array, "d_posture"]:
    """A clip's means and spreads over time: height, joints, their speeds, turning, and the root's velocity."""
    joints, speeds = features[:, _POSITIONS], np.abs(features[:, _VELOCITIES])
    turning = np.abs(features[:, :1])
    parts = joints.mean(0), joints.std(0), speeds.mean(0), features[:, 1:4].mean(0), turning.mean(0)
    return np.concatenate(parts).astype(np.float64)


def gap(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> float:
    """The mean distance of all pairs across two sets."""
    return float(pairwise_distances(a, b).mean())


def spread(a: Float[Array, "m d"]) -> float:
    """The mean distance of all pairs within a set; 0 for a single clip."""
    return float(pairwise_distances(a, a)[np.triu_indices(len(a), 1)].mean()) if len(a) > 1 else 0.0


def energy_distance(a: Float[Array, "m d"], b: Float[Array, "n d"]) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'|: 0 on the mean where both sets are drawn from one distribution.

    A kernel distance that is fair to sets of any size from two on, which FID is not.
    Source: Székely and Rizzo, *Energy statistics*, 2013; unbiased, without the pairs of a clip with itself.
    """
    return 2.0 * gap(a, b) - spread(a) - spread(b)


def poses(motion: Motion) -> Float[Array, "frames 21 3"]:
    """Joints 1 to 21 in the facing frame, the root at x = z = 0, of a uniform skeleton; meters at 20 fps."""
    features = motion.features()
    return features[:, _POSITIONS].reshape(len(features), -1, 3)


def overlap_cm(a: Float[Array, "m 21 3"], b: Float[Array, "n 21 3"]) -> float:
    """The mean joint distance, in cm, where two clips' poses lie best over each other; infinite where hardly any do.

    The shorter one's middle frame finds its place in the other, so that copies which were cut differently are found.
    """
    short, long = sorted((a, b), key=len)
    middle = len(short) // 2
    start = int(np.linalg.norm(long - short[middle], axis=-1).mean(axis=-1).argmin()) - middle
    first, last = max(0, -start), min(len(short), len(long) - start)
    if last - first < len(short) // 2:
        return float("inf")
    apart = short[first:last] - long[start + first : start + last]
    return 100.0 * float(np.linalg.norm(apart, axis=-1).mean())
