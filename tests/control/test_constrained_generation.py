"""Generation under constraints: they are met, the base stays as it is, and only what has to be is steered."""

import numpy as np
from walks import synthesize_steps, synthesize_walk

from lead.control import constrained_generation
from lead.control.constraints import PathConstraint, PoseConstraint
from lead.motion.processing.rigid import is_rigid

WALK = synthesize_walk().on_one_skeleton().joints.astype(np.float64)


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


def test_only_motions_that_do_not_go_along_are_steered(tiny_base, monkeypatch):
    for steps in ("STEERED_STEPS", "REFINED_STEPS"):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", 1)
    walked = synthesize_steps(1.05).joints.astype(np.float64)
    lead_second = iter([None, walked, None])
    monkeypatch.setattr(constrained_generation, "follow_path", lambda *given: next(lead_second))
    made, done = [], []
    steer = constrained_generation.build_guide
    monkeypatch.setattr(constrained_generation, "build_guide", lambda *given: made.append(given) or steer(*given))
    path = PathConstraint(np.array([(0.0, 0.0), (0.0, 1.0)]))
    motions = tiny_base.generate(
        ["a person walks"] * 3, seconds=1.0, steps=2, seed=4, constraints=[path], progress=lambda *of: done.append(of)
    )
    assert len(motions) == 3 and len(made) == 2
    assert done == sorted(done) and set(done) == {(count, 3) for count in range(4)}, "while it is steered, too"
    assert not np.allclose(motions[0].joints, motions[2].joints)  # each from its own noise
