"""Two actions that belong together, and limbs set where they are wanted."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.data.compose.kitchen import Kitchen, Product
from lead.data.compose.pairs import forth_and_back, one_side_then_other
from lead.data.compose.posed import look_around, stretch_arms
from lead.data.compose.sources import Source, Sources
from lead.data.compose.truth import holds
from lead.eval.body_states import gaze, hands_rest
from lead.motion.processing.edit import mirror_joints
from lead.motion.skeleton import SYMMETRIC_LENGTHS, bone_lengths, tpose
from lead.text.synthesis import Meaning


def stand(frames: int) -> np.ndarray:
    """Someone who stands with hanging arms."""
    joints = tpose(SYMMETRIC_LENGTHS)
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        joints[elbow] = joints[shoulder] + [0.0, -SYMMETRIC_LENGTHS[elbow], 0.0]
        joints[wrist] = joints[elbow] + [0.0, -SYMMETRIC_LENGTHS[wrist], 0.0]
    return np.repeat(joints[None], frames, axis=0)


def raise_left(frames: int) -> np.ndarray:
    """Someone who stands, raises the left arm and lowers it."""
    joints = stand(frames)
    angle = np.pi * np.sin(np.linspace(0, np.pi, frames))
    along = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], axis=-1)
    joints[:, 18] = joints[:, 16] + SYMMETRIC_LENGTHS[18] * along
    joints[:, 20] = joints[:, 18] + SYMMETRIC_LENGTHS[20] * along
    return joints


def make_kitchen(seed: int, *clips: tuple[np.ndarray, Meaning]) -> Kitchen:
    rng = np.random.default_rng(seed)
    return Kitchen(Sources([Source(str(n), *clip) for n, clip in enumerate(clips)], rng), rng)


def assert_rigid(joints: np.ndarray) -> None:
    np.testing.assert_allclose(bone_lengths(joints), np.broadcast_to(SYMMETRIC_LENGTHS, (len(joints), 22)), atol=1e-6)


def check(made: Product | None) -> Product:
    assert made is not None
    assert holds(made[1], made[0]) is not False
    return made


@pytest.mark.parametrize("seed", range(6))
def test_one_arm_is_raised_and_then_the_other(seed: int) -> None:
    joints, meaning = check(
        one_side_then_other(make_kitchen(seed, (raise_left(50), Meaning("raise-arm", "left"))))
    )
    assert meaning.then and {meaning.place, meaning.then.place} == {"left", "right"}
    first, second = meaning.place, meaning.then.place
    swapped = Meaning("raise-arm", second, then=Meaning("raise-arm", first))
    assert holds(meaning, joints) and not holds(swapped, joints)
    assert holds(swapped, mirror_joints(joints))


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_goes_forth_and_back_without_a_turn(seed: int) -> None:
    walk = synthesize_walk(8.0, seed=0).resample(20.0).joints
    joints, meaning = check(forth_and_back(make_kitchen(seed, (walk, Meaning("walk", "forward")))))
    assert meaning.then and {meaning.place, meaning.then.place} == {"forward", "backward"}
    steps = np.linalg.norm(np.diff(joints[:, 0], axis=0), axis=1)
    assert np.abs(np.diff(steps)).max() < 0.03  # it brakes and starts again, and does not bounce


@pytest.mark.parametrize("seed", range(6))
def test_arms_are_stretched_out_and_stay_there(seed: int) -> None:
    kitchen = make_kitchen(seed, (stand(80), Meaning("stand")))
    joints, meaning = check(next(filter(None, (stretch_arms(kitchen) for _ in range(50)))))  # it may want a walk
    assert meaning.action in ("side-arm", "front-arm", "point", "reach-forward")
    assert_rigid(joints)


@pytest.mark.parametrize("seed", range(6))
def test_someone_looks_to_both_sides_with_resting_hands(seed: int) -> None:
    joints, meaning = check(look_around(make_kitchen(seed, (stand(80), Meaning("stand")))))
    angles = gaze(joints)
    assert meaning == Meaning("look-around") and hands_rest(joints)
    assert np.ptp(angles) > 20
    assert_rigid(joints)
