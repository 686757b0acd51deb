"""A motion led along a path: on it, at the path's pace, with steps as long as they were."""

import numpy as np
import pytest
from walks import synthesize_steps

from lead.control.constraints import JointTarget, PathConstraint
from lead.control.follow_path import find_lone_path, follow_path
from lead.control.targets import build_targets
from lead.motion import Motion
from lead.motion.heading import facing

RANGE = (0.8, 9.8)


def make(seconds: float) -> list[Motion]:
    return [synthesize_steps(seconds)]


def stand(seconds: float) -> list[Motion]:
    return [Motion(np.repeat(synthesize_steps(1.0).joints[:1], round(seconds * 20), axis=0), 20.0)]


@pytest.mark.parametrize("seconds", [3.0, 5.0])
@pytest.mark.parametrize("points", [[(0, 0), (0, 3)], [(0, 0), (2, 0), (2, 2)], [(1, 1), (0, 3), (-1, 3)]])
def test_a_walk_goes_along_the_path_and_faces_along_it(points, seconds):
    path, frames = PathConstraint(np.array(points, dtype=float)), round(seconds * 20)
    led = follow_path(make, [path], frames, 20.0, RANGE)
    assert led is not None and led.shape == (frames, 22, 3)
    wanted = build_targets([path], frames, 20.0).positions[:, 0][:, [0, 2]]
    assert np.linalg.norm(led[:, 0, [0, 2]] - wanted, axis=-1).mean() < 0.35  # `finish` does the rest
    np.testing.assert_allclose(led[0, 0, [0, 2]], points[0], atol=1e-9)
    last = np.diff(np.array(points, dtype=float), axis=0)[-1]
    assert facing(led[-5:]).mean(axis=0)[[0, 2]] @ (last / np.linalg.norm(last)) > 0.85


def test_what_goes_nowhere_is_not_led():
    path = PathConstraint(np.array([(0.0, 0.0), (0.0, 3.0)]))
    assert follow_path(stand, [path], 80, 20.0, RANGE) is None
    assert follow_path(make, [PathConstraint(np.array([(0.0, 0.0), (0.0, 0.1)]))], 80, 20.0, RANGE) is None
    far = PathConstraint(np.array([(0.0, 0.0), (0.0, 12.0)]))
    assert follow_path(make, [far], 60, 20.0, RANGE) is None  # more than twice as fast


def test_only_a_path_alone_is_followed():
    path = PathConstraint(np.array([(0.0, 0.0), (0.0, 3.0)]))
    assert find_lone_path([path])
    assert not find_lone_path([path, JointTarget(21, 1.0, (0.0, 1.0, 0.0))])
    assert not find_lone_path([PathConstraint(path.points, headings=(90.0, None))])
    assert not find_lone_path([PathConstraint(path.points, (0.5, 1.5), open=True)])
    assert not find_lone_path([])


def test_only_motions_that_do_not_go_along_are_steered(tiny_base, monkeypatch):
    for steps in ("STEERED_STEPS", "REFINED_STEPS"):
        monkeypatch.setattr(f"lead.control.constrained_sampling.{steps}", 1)
    walked = synthesize_steps(1.05).joints.astype(np.float64)
    lead_second = iter([None, walked, None])
    monkeypatch.setattr("lead.control.follow_path.follow_path", lambda *given: next(lead_second))
    made, done = [], []
    steer = tiny_base._guide
    monkeypatch.setattr(tiny_base, "_guide", lambda *given: made.append(given) or steer(*given))
    path = PathConstraint(np.array([(0.0, 0.0), (0.0, 1.0)]))
    motions = tiny_base.generate(
        ["a person walks"] * 3, seconds=1.0, steps=2, seed=4, constraints=[path], progress=lambda *of: done.append(of)
    )
    assert len(motions) == 3 and len(made) == 2
    assert done == sorted(done) and set(done) == {(count, 3) for count in range(4)}, "while it is steered, too"
    assert not np.allclose(motions[0].joints, motions[2].joints)  # each from its own noise
