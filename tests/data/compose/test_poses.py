"""Poses that hold are found by measures, and legs are lifted from standing."""

import numpy as np
import pytest

from lead.data.compose.gestures import pick_up
from lead.data.compose.kitchen import Kitchen
from lead.data.compose.posed import lift_leg
from lead.data.compose.poses import SHORTEST, find_poses
from lead.data.compose.sources import Source, Sources
from lead.data.compose.truth import holds
from lead.motion.skeleton import REST_DIRECTIONS, SYMMETRIC_LENGTHS, bone_lengths, place_bones
from lead.text.synthesis import Meaning


def stand(frames: int) -> np.ndarray:
    """Someone who stands with hanging arms."""
    joints = place_bones(np.zeros(3), REST_DIRECTIONS, SYMMETRIC_LENGTHS)
    joints[:, 1] -= joints[:, 1].min()
    return np.repeat(joints[None], frames, axis=0)


def put_hands_on_hips(joints: np.ndarray) -> np.ndarray:
    posed = joints.copy()
    for hip, elbow, wrist, out in ((1, 18, 20, 1.0), (2, 19, 21, -1.0)):
        posed[:, wrist] = posed[:, hip] + [0.1 * out, 0.08, 0.05]
        posed[:, elbow] = (posed[:, wrist] + posed[:, 16 if out > 0 else 17]) / 2 + [0.15 * out, 0.0, -0.08]
    return posed


def make_kitchen(action: str, joints: np.ndarray, seed: int, place: str = "") -> Kitchen:
    rng = np.random.default_rng(seed)
    return Kitchen(Sources([Source("a", joints, Meaning(action, place))], rng), rng)


def test_hands_on_the_hips_are_found_while_they_stay() -> None:
    joints = np.concatenate([stand(20), put_hands_on_hips(stand(40)), stand(20)])
    ((part, meaning),) = find_poses(joints)
    assert meaning == Meaning("hands-hips-stand") and len(part) == 40


def test_a_moment_is_no_pose_and_hanging_arms_are_none() -> None:
    short = np.concatenate([stand(30), put_hands_on_hips(stand(SHORTEST - 1)), stand(30)])
    assert list(find_poses(short)) == [] and list(find_poses(stand(60))) == []


@pytest.mark.parametrize("seed", range(6))
def test_a_lifted_leg_is_one_and_keeps_its_bones(seed: int) -> None:
    made = lift_leg(make_kitchen("stand", stand(60), seed))
    assert made is not None
    joints, meaning = made
    np.testing.assert_allclose(bone_lengths(joints), np.broadcast_to(SYMMETRIC_LENGTHS, (len(joints), 22)), atol=1e-6)
    assert meaning.action in ("raise-knee", "stand-leg") and meaning.place in ("left", "right")
    other = {"left": "right", "right": "left"}[meaning.place]
    lifted = meaning.place if meaning.action == "raise-knee" else other
    assert holds(Meaning("raise-knee", lifted), joints)


def test_what_is_put_down_may_be_picked_up() -> None:
    made = pick_up(make_kitchen("put-down", stand(40), 0, "right"))
    assert made is not None and made[1].action == "pick-up" and made[1].place in ("left", "right")
    assert pick_up(make_kitchen("stand", stand(40), 0)) is None
