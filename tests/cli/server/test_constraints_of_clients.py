"""Constraints on clients' skeletons: what the base is asked for, and what comes back at the very frames."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionmcp import GenerateRequest
from motionmcp.trajectory import fk_positions
from rigs_of_clients import mixamo_skeleton
from walks import synthesize_walk

from cli.server.client_constraints import Wishes, read_wishes, to_constraints
from cli.server.client_finish import meet_wishes, spread
from cli.server.skeletons import ClientRig, motion_to_poses, read_client_rig
from cli.server.takes import Segment, Take, plan_take
from lead.control.constraints import JointTarget, PathConstraint, PoseConstraint
from lead.motion.heading import facing
from lead.motion.rotations import axis_angle_to_matrix, matrix_to_quaternion
from lead.motion.skeleton import JOINTS

FRAMES = 60
NAMES = [joint["name"] for joint in mixamo_skeleton()["joints"]]
HAND = NAMES.index("mixamorig:LeftHand")


def ask(*constraints: dict[str, Any], turned: int | None = 3) -> tuple[Wishes, GenerateRequest, ClientRig, Take]:
    skeleton = mixamo_skeleton(turned)
    segment = {"type": "text", "prompt": "a", "duration_frames": FRAMES}
    request = GenerateRequest.model_validate(
        {"protocol_version": "1.0", "model": "m", "skeleton": skeleton, "segments": [segment],
         "constraints": list(constraints)}
    )  # fmt: skip
    client = read_client_rig(request.skeleton, 30.0)
    return read_wishes(request, client), request, client, plan_take([Segment("a", FRAMES, 0)], 30.0)


def make(wishes: Wishes, request: GenerateRequest, client: ClientRig, take: Take) -> tuple[Any, Any, list[str]]:
    """Quaternions, places and what is missed of a walk that is given these wishes."""
    walk = synthesize_walk()
    poses = motion_to_poses(take.assemble(walk), client, wishes.placed, wishes.high)
    poses, missed = meet_wishes(poses, wishes, request.skeleton, client)
    joints = [joint.model_dump() for joint in request.skeleton.joints]
    places, _ = fk_positions(joints, NAMES, poses.rotations[None], poses.roots[None])
    return poses.rotations, places[0], missed


def test_one_place_puts_the_motion_as_a_whole():
    pin = {"type": "root_path", "frames": [20], "positions_xz": [[3.0, 4.0]], "heading_radians": [np.pi]}
    asked = ask(pin)
    assert to_constraints(*asked) == ()
    _, places, missed = make(*asked)
    np.testing.assert_allclose(places[20, 0, ::2], [3, 4], atol=1e-9)
    ours = np.zeros((1, 22, 3))
    ours[0, [1, 2, 16, 17]] = places[20, [asked[2].rig.nodes[joint] for joint in (1, 2, 16, 17)]]
    np.testing.assert_allclose(facing(ours)[0], [0, 0, -1], atol=1e-6)
    assert missed == []


def test_a_path_is_scaled_with_the_legs_and_open_where_it_covers_a_part():
    path = {"type": "root_path", "frames": [0, 30, 59], "positions_xz": [[0, 0], [0, 1], [1, 1]]}
    wishes, request, client, take = ask(path)
    (constraint,) = to_constraints(wishes, request, client, take)
    assert isinstance(constraint, PathConstraint)
    np.testing.assert_allclose(constraint.points * client.ratio, path["positions_xz"])
    assert not constraint.open
    assert constraint.seconds == pytest.approx((0.0, 30 / 59 * 39 / 20, 39 / 20))
    part = {**path, "frames": [5, 30, 50], "heading_radians": [0.0, 0.7, 1.5]}
    (constraint,) = to_constraints(*ask(part))
    assert constraint.open
    assert constraint.headings == (), "the body faces along its path anyway"
    (constraint,) = to_constraints(*ask({**part, "heading_radians": [0.0, np.pi, 0.0]}))
    assert constraint.headings == pytest.approx((0.0, 180.0, 0.0))


def test_a_start_with_a_place_of_a_hand_is_a_path():
    pin = {"type": "root_path", "frames": [0], "positions_xz": [[3.0, 4.0]], "heading_radians": [np.pi / 2]}
    hand = {"type": "effector_target", "joint": NAMES[HAND], "frames": [30], "positions": [[3.3, 1.2, 4.0]]}
    path, target = to_constraints(*ask(pin, hand))
    assert isinstance(path, PathConstraint)
    assert (path.headings, path.open) == ((90.0, None), True)
    assert isinstance(target, JointTarget)
    assert JOINTS[target.joint] == "left_wrist"


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_poses_come_back_as_they_were_sent(seed):
    rng = np.random.default_rng(seed)
    sent = matrix_to_quaternion(axis_angle_to_matrix(rng.normal(size=(2, len(NAMES), 3))))
    roots = [[0.2, 0.9, 0.1], [1.0, 1.4, 2.0]]
    keyframes = [{"type": "pose_keyframe", "frame": frame, "fill_mode": "rest", "root_position": root,
                  "joint_rotations": dict(zip(NAMES, turns.tolist(), strict=True))}
                 for frame, turns, root in zip((10, 59), sent, roots, strict=True)]  # fmt: skip
    asked = ask(*keyframes, turned=seed)
    for one, root in zip(to_constraints(*asked), roots, strict=True):
        assert isinstance(one, PoseConstraint)
        assert one.placed and one.whole_body
        assert one.pose[0, ::2] * asked[2].ratio == pytest.approx([root[0], root[2]], abs=0.05)
    rotations, places, missed = make(*asked)
    np.testing.assert_allclose(np.abs((rotations[[10, 59]] * sent).sum(-1)), 1.0, atol=1e-6)
    np.testing.assert_allclose(places[[10, 59], 0], roots, atol=1e-6)
    assert missed == []


def test_some_rotations_leave_the_rest_free():
    arm = {"mixamorig:LeftArm": [0, 0, 0.6, 0.8], "mixamorig:LeftForeArm": [0, 0, 0, 2.0 / 2]}
    keyframe = {"type": "pose_keyframe", "frame": 30, "joint_rotations": arm}
    asked = ask(keyframe, turned=None)
    (pose,) = to_constraints(*asked)
    assert [JOINTS[joint] for joint in pose.joints] == ["left_elbow", "left_wrist"]
    assert not pose.placed
    rotations, _, _ = make(*asked)
    plain, _, _ = make(*ask(turned=None))
    np.testing.assert_allclose(rotations[30, NAMES.index("mixamorig:LeftArm")], [0, 0, 0.6, 0.8], atol=1e-6)
    still = [n for n, name in enumerate(NAMES) if name not in arm]
    np.testing.assert_allclose(rotations[:, still], plain[:, still], atol=1e-6)
    _, target = sorted(to_constraints(*ask({**keyframe, "root_position": [0, 1, 2]})), key=lambda one: one.name)
    assert isinstance(target, JointTarget | PoseConstraint)


def test_a_pose_without_a_place_keeps_the_heading_of_the_motion():
    half_turn = {name: [0, 0, 0, 1] for name in NAMES} | {"mixamorig:Hips": [0, 1, 0, 0]}
    keyframe = {"type": "pose_keyframe", "frame": 30, "joint_rotations": half_turn, "fill_mode": "rest"}
    rotations, _, _ = make(*ask(keyframe, turned=None))
    plain, _, _ = make(*ask(turned=None))
    apart = 2 * np.arccos(np.abs((rotations[:, 0] * plain[:, 0]).sum(-1)).clip(max=1))
    assert np.degrees(apart.max()) < 20


@pytest.mark.parametrize("name", ["LeftHand", "RightFoot", "LeftToeBase", "Hips"])
def test_hands_and_feet_go_to_their_places(name):
    node = NAMES.index(f"mixamorig:{name}")
    _, plain, _ = make(*ask())
    goal = plain[30, node] + [0.03, 0.04, 0.05]
    target = {"type": "effector_target", "joint": NAMES[node], "frames": [30], "positions": [goal.tolist()]}
    _, places, missed = make(*(asked := ask(target)))
    assert np.linalg.norm(places[30, node] - goal) < 0.005
    assert missed == []
    lengths = [np.linalg.norm(body[:, HAND] - body[:, HAND - 1], axis=-1) for body in (plain, places)]
    np.testing.assert_allclose(*lengths, atol=1e-9)
    assert isinstance(to_constraints(*asked)[0], JointTarget)
    far = {**target, "positions": [[0, 1, 50.0]]}
    assert name == "Hips" or "is missed by" in make(*ask(far))[2][0]


def test_corrections_are_met_at_their_frames_and_die_out():
    given = np.array([[1.0], [-2.0], [0.5]])
    values = spread(given, [10, 11, 40], 200, 4.0)
    np.testing.assert_allclose(values[[10, 11, 40]], given, atol=1e-9)
    assert np.abs(values[100:]).max() < 1e-3
