"""Steering: the loss agrees with the measure of errors, latents move to their targets, networks stay as they are."""

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from lead.control.constrained_generation import build_guide
from lead.control.constrained_sampling import compute_loss
from lead.control.constraints import JointTarget, PathConstraint, PoseConstraint
from lead.control.targets import build_targets, measure_errors, place_motion
from lead.differentiable import features_to_joints, rigid_joints
from lead.generation import PromptBatch, Sampling

WALK = synthesize_walk().on_one_skeleton().joints.astype(np.float64)


@pytest.mark.parametrize(
    "constraint",
    [
        PoseConstraint(WALK[3] + [0.0, 0.1, 0.0], 1.0, placed=True),
        PoseConstraint(WALK[3] + [4.0, 0.1, 2.0], 1.0),
        JointTarget(20, 1.0, (0.3, 1.4, 0.4)),
    ],
)  # fmt: skip
def test_the_loss_is_the_measured_error_squared_where_all_joints_are_off_alike(constraint):
    joints = np.repeat(WALK[3:4], 60, axis=0)
    targets = build_targets([constraint], 60, 20.0)
    loss = float(compute_loss(torch.from_numpy(joints), targets))
    error = measure_errors(place_motion(joints, targets), [constraint], 20.0)[0]
    assert loss == pytest.approx(error**2, rel=1e-3)


def test_a_path_asks_that_the_body_faces_along_it_as_it_did():
    ahead = PathConstraint(WALK[[0, 59]][:, 0, [0, 2]])
    targets = build_targets([ahead], 60, 20.0)
    turned = WALK.copy()
    turned[30:] = (turned[30:] - WALK[30:, :1]) @ np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]) + WALK[30:, :1]
    straight, askew = (float(compute_loss(torch.from_numpy(some), targets)) for some in (WALK, turned))
    assert straight < 1e-3 < askew


def test_latents_are_moved_to_the_targets(tiny_base, monkeypatch):
    monkeypatch.setattr("lead.control.constrained_sampling.REFINED_STEPS", 20)
    lengths = torch.tensor([16])
    batch = PromptBatch.prepare(tiny_base, Sampling(), ["a person walks"], lengths, [0], {})
    guide = build_guide(batch, [PoseConstraint(WALK[20], 0.5, placed=True)], lambda: None)
    z = batch.draw_noise()

    def off(z):
        with torch.no_grad():
            return float(compute_loss(rigid_joints(features_to_joints(guide.decode(z)))[0], guide.targets[0]))

    refined = guide.refine(z)
    assert off(guide.refine(refined)) < off(refined) < off(z)
