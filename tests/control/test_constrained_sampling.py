"""Steering: the loss agrees with the measure of errors, latents move to their targets, networks stay as they are."""

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from lead.control.constrained_sampling import compute_loss
from lead.control.constraints import JointTarget, PathConstraint, PoseConstraint
from lead.control.targets import build_targets, measure_errors, place_motion
from lead.control.timeline import Segment, Timeline
from lead.differentiable import features_to_joints, rigid_joints
from lead.errors import LeadError
from lead.motion.processing.rigid import is_rigid

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
    guide = tiny_base._guide([PoseConstraint(WALK[20], 0.5, placed=True)], lengths, (), slice(0, 1), True, lambda: None)
    z = tiny_base.noise(lengths, 0, 0)

    def off(z):
        with torch.no_grad():
            return float(compute_loss(rigid_joints(features_to_joints(guide.decode(z)))[0], guide.targets[0]))

    refined = guide.refine(z)
    assert off(guide.refine(refined)) < off(refined) < off(z)


def test_generation_meets_constraints_and_leaves_the_base_as_it_is(tiny_base, monkeypatch):
    for steps, number in (("STEERED_STEPS", 2), ("REFINED_STEPS", 10)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)
    before = tiny_base.compute_fingerprints()
    ends = [PoseConstraint(WALK[0], 0.0, placed=True), PoseConstraint(WALK[20], None, placed=True)]
    first, again = (
        tiny_base.generate(["a person walks"] * 2, seconds=1.0, steps=2, seed=3, constraints=ends) for _ in range(2)
    )
    for motion, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(motion.joints, other.joints)
        np.testing.assert_allclose(motion.joints[[0, -1]], WALK[[0, 20]], atol=1e-5)
        assert is_rigid(motion.joints)
    assert tiny_base.compute_fingerprints() == before
    assert not tiny_base.generate("a person walks", seconds=1.0, steps=2)[0].notes


def test_a_timeline_meets_constraints(tiny_base, monkeypatch):
    for steps, number in (("STEERED_STEPS", 2), ("REFINED_STEPS", 20)):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", number)
    timeline = Timeline((Segment("a person walks", 6.0), Segment("a person sits", 6.0)))
    ends = [PoseConstraint(WALK[0], 0.0, placed=True), PoseConstraint(WALK[20], None, placed=True)]
    calls: list[int] = []
    motion, again = (
        tiny_base.generate_timeline(
            timeline, steps=2, constraints=ends, progress=lambda done, of: calls.append(done)
        ) for _ in range(2)
    )  # fmt: skip
    np.testing.assert_array_equal(motion.joints, again.joints)
    np.testing.assert_allclose(motion.joints[[0, -1]], WALK[[0, 20]], atol=1e-5)
    assert is_rigid(motion.joints)
    assert [mark.title for mark in motion.marks] == ["a person walks", "a person sits", "a pose", "a pose"]
    assert set(calls) == {1, 2} and calls.count(2) > 2, "it is called while latents are refined, too"
    long = Timeline((Segment("a person walks", 61.0),))
    with pytest.raises(LeadError, match="61 s with constraints; at most 60 s"):
        tiny_base.generate_timeline(long, constraints=ends)


def test_refined_latents_of_a_timeline_come_nearer(tiny_base, monkeypatch):
    target = JointTarget(20, 8.0, (0.3, 1.4, 3.0))
    timeline = Timeline((Segment("a person walks", 5.0), Segment("a person sits", 6.0)))
    off = []
    for number in (1, 30):
        monkeypatch.setattr("lead.control.constrained_sampling.STEERED_STEPS", number)
        monkeypatch.setattr("lead.control.constrained_sampling.REFINED_STEPS", number)
        monkeypatch.setattr(type(tiny_base), "_meet", lambda self, motions, constraints, clean_feet: motions)
        motion = tiny_base.generate_timeline(timeline, steps=2, constraints=[target])
        off += measure_errors(motion.joints, [target], 20.0)
    assert off[1] < 0.8 * off[0]
