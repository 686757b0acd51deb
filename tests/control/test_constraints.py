"""Constraints: what is refused, where poses are put, and how targets of frames follow from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks import synthesize_walk

from lead.control.constraints import (
    JointTarget,
    PathConstraint,
    Place,
    PoseConstraint,
    find_joints,
    put_at,
)
from lead.control.targets import build_targets, lay_over, measure_errors, place_motion
from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.heading import facing, turn

FPS = 20.0
WALK = synthesize_walk().on_one_skeleton().joints.astype(np.float64)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-180, 180), st.integers(0, 59))
def test_a_pose_stands_and_faces_where_it_was_put(x, z, heading, frame):
    put = put_at(WALK[frame], Place(x, z, heading))
    ahead = facing(put[None])[0]
    np.testing.assert_allclose(put[0, [0, 2]], [x, z], atol=1e-9)
    np.testing.assert_allclose(ahead[[0, 2]], [np.sin(np.radians(heading)), np.cos(np.radians(heading))], atol=1e-6)


@given(st.floats(-3, 3), st.floats(-20, 20), st.floats(-20, 20))
def test_points_are_laid_over_what_they_were_moved_from(half_yaw, x, z):
    moved = turn(np.full(60, half_yaw), WALK) + np.array([x, 0.0, z])
    points, onto = (some.reshape(1, -1, 3) for some in (moved, WALK))
    np.testing.assert_allclose(lay_over(points, onto, np.ones(onto.shape[:2])), onto, atol=1e-6)


def test_a_frame_of_a_clip_is_on_the_one_skeleton_and_the_floor():
    clip = synthesize_walk()
    pose = PoseConstraint.from_motion(clip, -1, None)
    assert PoseConstraint.from_motion(clip, 59, None).pose[0, 2] == pose.pose[0, 2]
    assert pose.whole_body and not pose.placed and pose.pose[:, 1].min() > -1e-6
    with pytest.raises(LeadError, match="frame 60 of walk-0: the clip has 60 frames, from 0 to 59"):
        PoseConstraint.from_motion(clip, 60, None)


def test_a_path_is_walked_at_its_times_and_at_one_speed_between_them():
    path = PathConstraint(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), (None, 2.0, None))
    walked = build_targets([path], 80, FPS).positions[:, 0]
    assert walked[0, 0] == pytest.approx(0.0) and walked[40, 0] == pytest.approx(1.0, abs=0.05)
    assert walked[-1, 0] == pytest.approx(3.0)
    assert np.diff(walked[:30, 0]) == pytest.approx(1.0 / 40, abs=1e-4)


def test_a_motion_is_moved_to_its_path_and_errors_are_measured_there():
    moved = turn(np.full(60, 0.7), WALK) + np.array([5.0, 0.0, -2.0])
    path = PathConstraint(WALK[[0, 59]][:, 0, [0, 2]])
    placed = place_motion(moved, build_targets([path], 60, FPS))
    np.testing.assert_allclose(placed, WALK, atol=0.02)
    assert measure_errors(placed, [path], FPS)[0] < 0.02
    target = JointTarget(20, 1.0, tuple(WALK[20, 20] + [0.0, 0.3, 0.0]))
    assert measure_errors(WALK, [target], FPS) == [pytest.approx(0.3)]
    np.testing.assert_array_equal(place_motion(moved, build_targets([target], 60, FPS)), moved)


def test_errors_of_a_pose_that_may_be_anywhere_do_not_count_its_place():
    pose = turn(np.array([1.0]), WALK[30:31])[0] + [9.0, 0.0, 9.0]
    floating, placed = (PoseConstraint(pose, 1.5, placed=placed) for placed in (False, True))
    assert measure_errors(WALK, [floating, placed], FPS) == [pytest.approx(0.0, abs=1e-6), pytest.approx(12, abs=3)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoseConstraint(WALK[0] * np.nan, 0.0), "expected finite"),
        (lambda: PoseConstraint(WALK[0], -1.0), "a pose: found a time of -1 s; expected 0 to 3600"),
        (lambda: JointTarget(20, 1e308, (0.0, 0.0, 0.0)), r"a time of 1e\+308 s; expected 0 to 3600"),
        (lambda: PoseConstraint(WALK[0] + 200.0, 0.0), "at most 100 m"),
        (lambda: PathConstraint(np.zeros((1, 2))), "found 1 waypoint; expected 2 to 1,000"),
        (lambda: PathConstraint(np.zeros((2, 2)), (1.0, 0.5)), "the path: times 1, 0.5 do not rise"),
        (lambda: PathConstraint(np.full((2, 2), np.inf)), "infinite or none"),
        (lambda: JointTarget(3, 0.0, (0.0, 0.0, 0.0)), "joint 3 has no targets; left_hand, right_hand"),
        (lambda: JointTarget(20, 0.0, (0.0, np.nan, 0.0)), "infinite or none"),
        (lambda: find_joints(["elbow"]), "there is no joint 'elbow'; expected legs"),
        (lambda: build_targets([PoseConstraint(WALK[0], 9.0)], 80, FPS), "at 9 s, and the motion ends after 4 s"),
        (lambda: build_targets([PoseConstraint(WALK[0], 1.0)] * 2, 80, FPS), "both at 1 s and want the same joint"),
        (lambda: build_targets([PathConstraint(np.zeros((2, 2)))] * 2, 80, FPS), "found two paths, expected one"),
        (lambda: build_targets([PathConstraint(np.array([[0, 0], [90.0, 0]]))], 80, FPS), "asks for 22.8 m/s"),
        (lambda: build_targets([PathConstraint(np.eye(2), (0.0, 7.0))], 80, FPS), "do not fit into 4 s"),
        (lambda: build_targets([PathConstraint(np.eye(2), (0.0, 1e-320))], 80, FPS), "asks for inf m/s"),
    ],
)  # fmt: skip
def test_what_cannot_be_met_is_refused(make, message):
    with pytest.raises(LeadError, match=message):
        make()


def test_a_clip_that_was_recorded_far_away_has_poses_too():
    far = Motion(WALK + np.array([500.0, 0.0, -300.0]), FPS)
    pose, near = (PoseConstraint.from_motion(motion, 7, 1.0) for motion in (far, Motion(WALK, FPS)))
    np.testing.assert_allclose(pose.pose, near.pose, atol=1e-3)
