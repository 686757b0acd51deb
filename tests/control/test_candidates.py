"""Candidates: the one nearest to the constraints is steered, and one that shows the prompt before one that does not."""

import numpy as np
import torch
from walks import synthesize_steps

from lead.control.candidates import choose
from lead.control.constraints import JointTarget, PoseConstraint
from lead.control.targets import build_targets
from lead.motion import Motion

WALK = synthesize_steps(4.0).on_one_skeleton().joints.astype(np.float64)
STILL = np.repeat(WALK[:1], len(WALK), axis=0)


def to_features(*motions: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([Motion(joints).features() for joints in motions]))


def test_the_nearest_candidate_is_chosen():
    features = to_features(STILL, WALK, WALK[::-1])
    frames = features.shape[1]
    for place, joints in ((1, WALK), (2, WALK[::-1])):
        targets = build_targets([PoseConstraint(joints[30], 1.5), PoseConstraint(joints[55], 2.75)], frames, 20.0)
        assert choose(features, targets, "what no lexicon can read") == place


def test_of_candidates_that_are_as_near_one_shows_the_prompt():
    features = to_features(STILL, WALK)
    targets = build_targets([PoseConstraint(WALK[0], 0.0)], features.shape[1], 20.0)
    assert choose(features, targets, "a person walks forward") == 1
    assert choose(features, targets, "a person stands still") == 0
    far = build_targets([JointTarget(0, 3.5, tuple(STILL[0, 0]))], features.shape[1], 20.0)
    assert choose(features, far, "a person walks forward") == 0  # meters nearer
