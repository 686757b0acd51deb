"""The finish: constraints are met exactly, corrections die out smoothly, and bones keep their lengths."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.control.constraints import PARTS, JointTarget, PathConstraint, PoseConstraint
from lead.control.finish import finish_motion, meet_constraints, spread
from lead.motion import Motion
from lead.motion.processing.rigid import is_rigid
from lead.motion.skeleton import SYMMETRIC_LENGTHS

FPS = 20.0
WALK = synthesize_walk().on_one_skeleton().joints.astype(np.float64)
OTHER = synthesize_walk(seed=2, sway=1.0).on_one_skeleton().joints.astype(np.float64)


def test_a_correction_is_given_where_it_is_fixed_and_goes_on_with_its_slope():
    fixed = np.zeros(60, dtype=bool)
    fixed[:10], fixed[50] = True, True
    values = np.where(fixed, np.arange(60) * 0.01, 0.0)[:, None]
    spread_out = spread(values, fixed, 6.0)
    np.testing.assert_array_equal(spread_out[fixed], values[fixed])
    assert np.abs(np.diff(spread_out[5:14, 0], n=2)).max() < 0.01  # no kink where the fixed frames end
    assert np.abs(spread_out[26:32]).max() < 0.1 * values.max()  # dies out between
    assert not spread(values, np.zeros(60, dtype=bool), 6.0).any()


@pytest.mark.parametrize("placed", [True, False])
def test_whole_poses_are_met_exactly_and_nothing_snaps(placed):
    joints, before = meet_constraints(WALK, [PoseConstraint(OTHER[0] + [0.03, 0.0, 0.02], 1.0, placed=placed)], FPS)
    shape = OTHER[0] - OTHER[0, :1]
    if placed:
        np.testing.assert_allclose(joints[20], OTHER[0] + [0.03, 0.0, 0.02], atol=1e-9)
    else:
        np.testing.assert_allclose(joints[20, :, 1] - joints[20, 0, 1], shape[:, 1], atol=1e-9)
    assert is_rigid(joints) and before[0] > 0.02
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max()
    assert steps < 2.5 * np.linalg.norm(np.diff(WALK, axis=0), axis=-1).max()


def test_named_joints_take_their_directions_and_leave_the_others():
    joints, _ = meet_constraints(WALK, [PoseConstraint(OTHER[10], 1.0, PARTS["left_arm"])], FPS, clean_feet=False)
    elbow, hand = (joints[20, 20] - joints[20, 18], OTHER[10, 20] - OTHER[10, 18])
    np.testing.assert_allclose(elbow[1], hand[1], atol=1e-6)  # heights do not depend on where the body faces
    assert np.linalg.norm(joints[20, 20] - WALK[20, 20]) > 0.05
    np.testing.assert_allclose(joints[:, [5, 8, 11]], WALK[:, [5, 8, 11]], atol=1e-6)


@pytest.mark.parametrize(
    ("joint", "height"), [(20, 0.2), (21, 0.1), (10, 0.15), (11, 0.05), (7, 0.1), (8, 0.05), (0, 0.05)]
)
def test_hands_feet_and_pelvis_go_to_their_places(joint, height):
    place = WALK[30, joint] + [0.0, height, 0.05]
    joints, _ = meet_constraints(WALK, [JointTarget(joint, 1.5, tuple(place))], FPS, clean_feet=False)
    assert np.linalg.norm(joints[30, joint] - place) < 0.01
    assert is_rigid(joints)


def test_a_hand_out_of_reach_ends_where_the_arm_does():
    joints, _ = meet_constraints(WALK, [JointTarget(20, 1.5, (0.0, 9.0, 0.0))], FPS)
    arm = np.linalg.norm(joints[30, 20] - joints[30, 16])
    assert arm == pytest.approx(SYMMETRIC_LENGTHS[[18, 20]].sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (WALK[30, 20], None),
        (WALK[30, 20] + [0.0, 0.2, 0.0], "up: the base came within 20 cm; the rest was bent to it"),
        (WALK[30, 20] + [0.0, 9.0, 0.0], "up: not met, "),
    ],
)
def test_a_note_says_what_was_bent_and_what_is_not_met(place, said):
    motion = Motion(WALK.astype(np.float32), FPS)
    notes = finish_motion(motion, [JointTarget(20, 1.5, tuple(place), name="up")], clean_feet=False).notes
    assert not notes if said is None else notes[0].startswith(said)


def test_a_path_is_followed_within_its_slack():
    way = WALK[:, 0, [0, 2]]
    bent = PathConstraint(np.array([way[0], way[30] + [0.2, 0.0], way[-1]]))
    joints, before = meet_constraints(WALK, [bent], FPS)
    _, after = meet_constraints(joints, [bent], FPS)
    assert before[0] > 0.04 and after[0] < 0.035


def test_an_open_path_leaves_the_rest_free():
    way = WALK[:, 0, [0, 2]]
    part = PathConstraint(np.array([way[20], way[30] + [0.2, 0.0], way[40]]), (1.0, 1.5, 2.0), open=True)
    joints, before = meet_constraints(WALK, [part], FPS, clean_feet=False)
    _, after = meet_constraints(joints, [part], FPS, clean_feet=False)
    assert before[0] > 0.04 and after[0] < 0.035
    assert np.diff(joints[45:, 0, 2]).min() > 0.8 * np.diff(WALK[45:, 0, 2]).min() > 0, "it walks on"


def test_marks_say_when_poses_targets_and_waypoints_are_met():
    motion = Motion(WALK.astype(np.float32), FPS)
    pose, hand = PoseConstraint(OTHER[0], None, name="--end walk.bvh:3"), JointTarget(20, 1.0, (0.0, 1.0, 0.3), "hand")
    path = PathConstraint(WALK[[0, 20, -1]][:, 0, [0, 2]].round(1), (0.0, 1.5, None))
    marks = finish_motion(motion, [pose, path, hand], clean_feet=False).marks
    assert all(mark.start == mark.end for mark in marks)
    assert [round(mark.start, 2) for mark in marks] == [0.0, 1.0, 1.5, 2.95, 2.95]
    titles = [mark.title for mark in marks]
    assert titles[1] == "hand" and "end walk.bvh:3" in titles[3:]
    assert titles[2] == "waypoint {:g},{:g}".format(*path.points[1])
