"""Two actions that belong together, and limbs set where they are wanted."""

import numpy as np
import pytest
from walks import synthesize_walk

from lead.data.compose.gestures import box
from lead.data.compose.kitchen import FPS, Kitchen, Product, stand_around
from lead.data.compose.pairs import forth_and_back, one_side_then_other, two_acts
from lead.data.compose.posed import look_around, move_head, stretch_arms
from lead.data.compose.sources import Source, Sources
from lead.data.compose.travel import jump_turn, turn_in_place
from lead.data.compose.truth import holds
from lead.eval.body_states import gaze, hands_rest
from lead.eval.limb_checks import nod, shake_head
from lead.motion import measures
from lead.motion.heading import turn
from lead.motion.processing.edit import mirror_joints
from lead.motion.skeleton import SYMMETRIC_LENGTHS, bone_lengths, tpose
from lead.text.meaning import Meaning


def stand(frames: int) -> np.ndarray:
    """Someone who stands with hanging arms, the head a little forward of the neck."""
    joints = tpose(SYMMETRIC_LENGTHS)
    joints[15] = joints[12] + SYMMETRIC_LENGTHS[15] * np.array([0.0, 0.9, np.sqrt(0.19)])
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


def punch_left(frames: int) -> np.ndarray:
    """Someone who stands with the left fist at the shoulder, shoots it forward and draws it back."""
    joints = stand(frames)
    out = np.exp(-0.5 * ((np.arange(frames) - frames / 2) / 2.5) ** 2)
    bend = 0.5 * np.pi * (1 - out)
    joints[:, 18] = joints[:, 16] + SYMMETRIC_LENGTHS[18] * np.stack([0 * bend, -np.sin(bend), np.cos(bend)], axis=-1)
    joints[:, 20] = joints[:, 18] + SYMMETRIC_LENGTHS[20] * np.stack([0 * bend, np.sin(bend), np.cos(bend)], axis=-1)
    return joints


def jump(frames: int) -> np.ndarray:
    """Someone who jumps up once, with stiff legs."""
    joints = stand(frames)
    joints[:, :, 1] += np.clip(0.4 - 9.81 / 2 * ((np.arange(frames) - frames / 2) / FPS) ** 2, 0, None)[:, None]
    return joints


def turn_left(frames: int) -> np.ndarray:
    """Someone who turns by 180 degrees to the left on the spot."""
    u = np.linspace(0, 1, frames)
    return turn(-0.5 * np.pi * u * u * (3 - 2 * u), stand(frames))


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
    joints, meaning = check(one_side_then_other(make_kitchen(seed, (raise_left(50), Meaning("raise-arm", "left")))))
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


@pytest.mark.parametrize("seed", range(6))
def test_the_head_is_nodded_or_shaken(seed: int) -> None:
    joints, meaning = check(move_head(make_kitchen(seed, (stand(80), Meaning("stand")))))
    assert (nod(joints), shake_head(joints)) == (meaning.action == "nod", meaning.action == "shake-head")
    assert_rigid(joints)


@pytest.mark.parametrize("seed", range(6))
def test_both_fists_punch_in_turn_over_one_stance(seed: int) -> None:
    joints, meaning = check(box(make_kitchen(seed, (punch_left(40), Meaning("punch", "left")))))
    ahead = {side: measures.hand_position(joints, side)[:, 2] for side in measures.SIDES}
    assert meaning == Meaning("box")
    assert all(measures.swings(ahead[side], 0.18) >= 1 for side in measures.SIDES)
    assert measures.net_distance(joints) < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_the_body_turns_in_a_jump_to_the_named_side(seed: int) -> None:
    joints, meaning = check(
        jump_turn(make_kitchen(seed, (jump(60), Meaning("jump-up")), (stand(60), Meaning("stand"))))
    )
    assert meaning.action in ("jump-turn", "jump-turn-to")
    assert holds(Meaning("jump-turn-to", "left"), joints) != holds(Meaning("jump-turn-to", "right"), joints)


@pytest.mark.parametrize("seed", range(6))
def test_a_turn_may_have_standing_around_it(seed: int) -> None:
    kitchen = make_kitchen(seed, (turn_left(40), Meaning("turn-around")), (stand(60), Meaning("stand")))
    made = [
        product for product in (turn_in_place(kitchen) for _ in range(16)) if product and holds(product[1], product[0])
    ]
    lengths = [len(joints) for joints, _ in made]
    assert min(lengths) < 60 < max(lengths)


@pytest.mark.parametrize("seed", range(6))
def test_one_act_follows_another(seed: int) -> None:
    kitchen = make_kitchen(
        seed, (raise_left(50), Meaning("raise-arm", "left")), (punch_left(40), Meaning("punch", "left"))
    )
    joints, meaning = check(next(filter(None, (two_acts(kitchen) for _ in range(20)))))
    assert meaning.then and {meaning.action, meaning.then.action} <= {"raise-arm", "punch"}
    assert holds(meaning, joints)


def test_standing_around_an_act_leaves_it_in_one_piece() -> None:
    kitchen = make_kitchen(0, (stand(60), Meaning("stand")))
    made = stand_around(kitchen, raise_left(50), 160)
    assert len(made) == 160
    assert float(measures.hand_over_shoulder(made, "left").max()) > 0.4
    np.testing.assert_array_equal(stand_around(kitchen, raise_left(50), 30), raise_left(50)[:30])
