"""Poses that hold are found by measures; legs are lifted, hands go to the head, weight is shifted from standing."""

import numpy as np
import pytest

from lead.data.compose.gestures import pick_up
from lead.data.compose.kitchen import Kitchen
from lead.data.compose.posed import lift_leg, shift_weight
from lead.data.compose.poses import SHORTEST, find_poses
from lead.data.compose.sources import Source, Sources
from lead.data.compose.touches import TOUCHES, touch_head
from lead.data.compose.truth import holds
from lead.motion.skeleton import REST_DIRECTIONS, SYMMETRIC_LENGTHS, bone_lengths, place_bones
from lead.text.meaning import Meaning


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
    (picked,) = Source("a", stand(40), Meaning("put-down", "right")).list_alike()
    assert picked.meaning == Meaning("pick-up", "right") and picked.clip == ""
    made = pick_up(make_kitchen("pick-up", stand(40), 0, "right"))
    assert made is not None and made[1].action == "pick-up" and made[1].place in ("left", "right")
    assert pick_up(make_kitchen("stand", stand(40), 0)) is None


@pytest.mark.parametrize("seed", range(12))
def test_a_hand_goes_to_the_head_and_the_arm_keeps_its_bones(seed: int) -> None:
    made = None
    while made is None:  # of the postures that it may draw there is but one
        made, seed = touch_head(make_kitchen("stand", stand(60), seed)), seed + 100
    joints, meaning = made
    np.testing.assert_allclose(bone_lengths(joints), np.broadcast_to(SYMMETRIC_LENGTHS, (len(joints), 22)), atol=1e-5)
    assert meaning.action in TOUCHES
    assert holds(meaning, joints) or len(joints) < 45  # a motion may be over before the hand is there
    np.testing.assert_array_equal(joints[:, 4:12], np.repeat(joints[:1, 4:12], len(joints), axis=0))  # legs stay


@pytest.mark.parametrize("seed", range(6))
def test_weight_is_shifted_over_feet_that_stay(seed: int) -> None:
    made = shift_weight(make_kitchen("stand", stand(60), seed))
    assert made is not None and made[1].action in ("sway", "shift-weight")
    assert holds(made[1], made[0])
    ankles = made[0][:, [7, 8]]
    assert np.abs(ankles - ankles[0]).max() < 0.02
    lengths = bone_lengths(made[0])[:, [4, 5, 7, 8]]
    np.testing.assert_allclose(lengths, np.broadcast_to(SYMMETRIC_LENGTHS[[4, 5, 7, 8]], lengths.shape), atol=1e-5)
