"""Clients' skeletons: motions to the protocol's poses and back, and rigs that bend the right way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionmcp.errors import ProtocolError
from motionmcp.schemas import Skeleton
from motionmcp.trajectory import fk_positions
from rigs_of_clients import mixamo_skeleton, rest_orientations
from walks import synthesize_walk

from cli.server.skeletons import make_canonical, motion_to_poses, poses_to_motion, read_client_rig

WALK = synthesize_walk()


@settings(max_examples=15, deadline=None)
@given(st.one_of(st.none(), st.integers(0, 10**6)))
def test_poses_to_motion_is_the_inverse(seed):
    skeleton = Skeleton(**mixamo_skeleton(seed))
    client = read_client_rig(skeleton, 20.0)
    poses = motion_to_poses(WALK, client)
    np.testing.assert_allclose(np.linalg.norm(poses.rotations, axis=-1), 1.0, atol=1e-9)
    joints = [joint.model_dump() for joint in skeleton.joints]
    places, _ = fk_positions(joints, client.rig.names, poses.rotations[None], poses.roots[None])  # the SDK's own
    back = poses_to_motion(skeleton, client.rig.names, poses.rotations, poses.roots, 20.0)
    there = [(ours, node) for ours, node in enumerate(client.rig.nodes) if 0 <= node < len(joints)]
    assert len(there) == 22
    for ours, node in there:
        np.testing.assert_allclose(back.joints[:, ours], places[0, :, node], atol=1e-5)


def test_joints_that_a_clip_leaves_out_keep_their_rest():
    skeleton = Skeleton(**mixamo_skeleton(3))
    client = read_client_rig(skeleton, 20.0)
    rest = np.array([[joint.rest_rotation for joint in skeleton.joints]] * 4)
    roots = np.array([skeleton.joints[0].rest_translation] * 4)
    whole = poses_to_motion(skeleton, client.rig.names, rest, roots, 20.0)
    part = poses_to_motion(skeleton, client.rig.names[:3], rest[:, :3], roots, 20.0)
    np.testing.assert_allclose(part.joints, whole.joints, atol=1e-6)
    np.testing.assert_allclose(client.rest, rest_orientations(mixamo_skeleton(3)), atol=1e-9)


def test_straight_knees_bend_back_and_elbows_forward():
    rig = read_client_rig(Skeleton(**mixamo_skeleton()), 20.0).rig
    np.testing.assert_allclose(rig.hinges[[1, 2]], [[1, 0, 0]] * 2, atol=0.05)
    np.testing.assert_allclose(rig.hinges[[16, 17]], [[0, -1, 0], [0, 1, 0]], atol=0.05)


def test_a_bases_own_skeleton_fits_its_motions():
    skeleton = Skeleton(joints=make_canonical(WALK))
    client = read_client_rig(skeleton, WALK.fps)
    assert client.rig.floor == pytest.approx(0.0, abs=1e-6)
    poses = motion_to_poses(WALK, client)
    back = poses_to_motion(skeleton, client.rig.names, poses.rotations, poses.roots, WALK.fps)
    lowest = WALK.joints[..., 1].min()
    assert np.linalg.norm(back.joints - WALK.joints + [0, lowest, 0], axis=-1).mean() < 0.01


def test_too_many_joints_are_refused():
    joints = [{"name": str(n), "parent": str(n - 1) if n else None, "rest_translation": (0, 1, 0),
               "rest_rotation": (0, 0, 0, 1)} for n in range(600)]  # fmt: skip
    with pytest.raises(ProtocolError, match="600 joints; at most 512"):
        read_client_rig(Skeleton(joints=joints), 20.0)


def test_joints_that_hang_from_a_persons_change_nothing():
    plain = mixamo_skeleton()
    chain = [{"name": f"c{n}", "parent": f"c{n - 1}" if n else "mixamorig:Head", "rest_translation": (0, 0.001, 0),
              "rest_rotation": (0, 0, 0, 1)} for n in range(480)]  # fmt: skip
    own, with_chain = (
        motion_to_poses(WALK, read_client_rig(Skeleton(joints=joints), 20.0))
        for joints in (plain["joints"], [*plain["joints"], *chain])
    )
    np.testing.assert_allclose(with_chain.rotations[:, : len(plain["joints"])], own.rotations, atol=1e-9)
    np.testing.assert_allclose(with_chain.roots, own.roots, atol=1e-9)
