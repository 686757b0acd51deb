"""A timeline under constraints: they are met, within bounds, and refinement comes nearer."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.control.constraints import JointTarget, PoseConstraint
from lead.control.targets import measure_errors
from lead.control.timeline import Segment, Timeline
from lead.errors import LeadError
from lead.motion.processing.rigid import is_rigid

WALK = synthesize_walk().on_one_skeleton().joints.astype(np.float64)


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
        motion = tiny_base.generate_timeline(timeline, steps=2, constraints=[target])
        off += measure_errors(motion.joints, [target], 20.0)
    assert off[1] < 0.8 * off[0]
