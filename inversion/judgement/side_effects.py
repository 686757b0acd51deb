"""Side effects: what a word brings that is not its meaning.

Turning, leaving the spot, one arm, sameness, and copies of the clips. Differences from the clips' pace, height and side
are `inversion.judgement.differences`.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from inversion.judgement.trials import UNSEEN, Pairs, Trials
from inversion.similarity import Array, Embeddings, Features, features_to_poses, pose_distance_cm
from lead.motion import Motion
from lead.motion import measures as m
from lead.motion.skeleton import HUMANML3D, JOINTS

T = TypeVar("T")
STANDING = (UNSEEN["raises both hands"], UNSEEN["waves the right hand"])

# Limits are measured with the embedded base on concepts that were learned well and badly.
TURNING = 8.0
"""Degrees a second: corners have 13 and more, straight walks, recorded or generated, at most 4."""
WANDERING = 0.25
"""Meters a second of a person who should stand; generated ones stay within .01."""
ONE_SIDED = 2.5
"""Times: walks whose arms are alike have 1.0 to 1.9."""
SAME = 0.5
"""Share of the clips' diversity."""
COPY_CM = 1.0
"""Pose for pose: other takes of a walk are 2 and more away."""


def _posture_columns(names: Sequence[str]) -> list[int]:
    """The places of joints' mean positions in `similarity.posture`."""
    return [3 * (JOINTS.index(name) - 1) + axis for name in names for axis in range(3)]


_ARMS = [_posture_columns((f"{side}_elbow", f"{side}_wrist")) for side in ("left", "right")]


def find_side_effects(
    trials: Trials,
    clips: Sequence[Features],
    concept: Embeddings,
    plain: Embeddings,
    variety: float,
    nearest_cm: float,
) -> list[str]:
    """All side effects, in words; `concept` and `plain` are the motions of the training action."""
    effects = [*_find_turning(trials, clips), *_find_leaving(trials.unseen), *_find_one_arm(concept, plain)]
    if variety < SAME:
        effects.append(f"sameness (its motions differ by {variety:.0%} of what the clips do)")
    if nearest_cm < COPY_CM:
        effects.append(f"the clips themselves (a motion is within {nearest_cm:.1f} cm of one)")
    return effects


def find_nearest_cm(generated: Sequence[Features], clips: Sequence[Features]) -> float:
    """The least distance of a motion to a clip, pose for pose."""
    ours, theirs = ([features_to_poses(rows) for rows in each] for each in (generated, clips))
    return min(pose_distance_cm(a, b) for a in ours for b in theirs)


def _find_turning(trials: Trials, clips: Sequence[Features]) -> list[str]:
    """Turning beyond that of clips and plain motions, on the training action or else on the unseen ones."""
    own, unseen = trials.own, trials.unseen
    every = [motion for pairs in unseen for motion in pairs.concept]
    beside = [motion for pairs in unseen for motion in pairs.plain]
    for concept, others in (
        (_features(own.concept), [*clips, *_features(own.plain)]),
        (_features(every), _features(beside)),
    ):
        turns = _mean(lambda rows: abs(turning(rows)), concept)
        if turns - _mean(lambda rows: abs(turning(rows)), others) > TURNING:
            return [f"turning ({turns:.0f} degrees a second)"]
    return []


def _find_leaving(unseen: Sequence[Pairs]) -> list[str]:
    standing = [pairs for pairs in unseen if pairs.prompt.name in STANDING]
    leaves = _mean(speed, [motion for pairs in standing for motion in pairs.concept])
    leaves -= _mean(speed, [motion for pairs in standing for motion in pairs.plain])
    return [f"leaving the spot where the prompt stands ({leaves:.1f} m/s)"] if leaves > WANDERING else []


def _find_one_arm(concept: Embeddings, plain: Embeddings) -> list[str]:
    displacement: Float[Array, d_posture] = (concept.posture - plain.posture).mean(axis=0)
    arms = [float(np.linalg.norm(displacement[columns])) for columns in _ARMS]
    if max(arms) <= ONE_SIDED * min(arms):
        return []
    side = "left" if arms[0] > arms[1] else "right"
    return [f"one side: the {side} arm changes {max(arms) / max(min(arms), 1e-6):.0f} times as much as the other"]


def turning(features: Features) -> float:
    """Mean degrees a second to the left."""
    return float(np.degrees(-2.0 * features[:, 0].mean()) * HUMANML3D.fps)


def speed(motion: Motion) -> float:
    """Mean meters a second along the root's path over the floor."""
    return m.mean_speed(motion.joints, motion.fps)


def _features(motions: Sequence[Motion]) -> list[Features]:
    return [motion.features() for motion in motions]


def _mean(measure: Callable[[T], float], items: Sequence[T]) -> float:
    return float(np.mean([measure(item) for item in items])) if items else 0.0
