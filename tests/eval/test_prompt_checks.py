"""Checks of prompts on made-up bodies, and what no check may depend on: place, heading, the side that is mirrored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import synthesize_walk

from lead.errors import LeadError
from lead.eval.check_language import parse
from lead.eval.prompt_checks import CHECKS
from lead.eval.prompt_suite import read_kinds
from lead.motion.skeleton import MIRROR, tpose

WALK = synthesize_walk(4.0).joints.astype(float)
SWAPPED = {"left": "right", "right": "left"}


def hanging(frames: int = 60) -> np.ndarray:
    """Standing with the arms at the sides."""
    joints = np.repeat(tpose()[None], frames, axis=0)
    for side in (0, 1):
        shoulder = joints[:, 16 + side]
        joints[:, 18 + side] = shoulder - [0, 0.26, 0]
        joints[:, 20 + side] = shoulder - [0, 0.52, 0]
    return joints


def raised(joints: np.ndarray, side: str, swing: float = 0.0) -> np.ndarray:
    """With a hand above its shoulder, going to and fro by `swing` meters twice a second."""
    joints = joints.copy()
    left = side == "left"
    shoulder, elbow, wrist = (16, 18, 20) if left else (17, 19, 21)
    out = np.array([1.0 if left else -1.0, 0, 0])
    joints[:, elbow] = joints[:, shoulder] + 0.26 * out
    sideways = swing / 2 * np.sin(2 * np.pi * 2 * np.arange(len(joints)) / 20)
    joints[:, wrist] = joints[:, elbow] + np.array([0, 0.26, 0]) + sideways[:, None] * out
    return joints


def turned(joints: np.ndarray, degrees: float | np.ndarray, move: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Turned to the left about the vertical axis through the origin, by an angle or one a frame."""
    angle = np.radians(np.broadcast_to(degrees, len(joints)))[:, None]
    x, y, z = np.moveaxis(joints, -1, 0)
    out = np.stack([np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x], axis=-1)
    return out + np.array(move)


def mirrored(joints: np.ndarray) -> np.ndarray:
    return joints[:, list(MIRROR)] * np.array([-1.0, 1.0, 1.0])


def leaping() -> np.ndarray:
    joints = hanging()
    joints[20:30, :, 1] += 0.35 * np.sin(np.linspace(0, np.pi, 10))[:, None]
    return joints


def kicking() -> np.ndarray:
    joints = hanging()
    swing = np.sin(np.linspace(0, np.pi, 12))[:, None]
    joints[20:32, 4] += swing * [0, 0.2, 0.35]
    joints[20:32, 7] += swing * [0, 0.7, 0.7]
    joints[20:32, 10] += swing * [0, 0.7, 0.7]
    return joints


def circling() -> np.ndarray:
    """A walk of a full circle to the left, of 1 m radius."""
    angle = np.linspace(0, 360, len(WALK))
    return turned(WALK - WALK[:, :1] * [1, 0, 1] - np.array([1.0, 0, 0]), angle)


CASES = {
    "walk()": WALK,
    'walk(way="backward")': np.concatenate([WALK[::-1]]),
    "stand_still()": hanging(),
    'raise_hand(side="left")': raised(hanging(), "left"),
    'wave(side="right")': raised(hanging(), "right", 0.3),
    "jump()": leaping(),
    'kick(side="left")': kicking(),
    'circle(side="left")': circling(),
    'turn(degrees=180, side="left")': turned(hanging(), np.linspace(0, 180, 60)),
    "then(walk(), stand_still())": np.concatenate([WALK, np.repeat(hanging(60)[:1] + WALK[-1, :1] * [0, 0, 1], 60, 0)]),
    'at_once(walk(), wave(side="left"))': raised(WALK, "left", 0.3),
}
ALL = dict.fromkeys([*CASES, *(kind.check for kind in read_kinds())])


@pytest.mark.parametrize("expression", CASES)
def test_a_check_is_true_of_a_body_that_shows_it_and_not_of_all(expression):
    assert parse(expression)(CASES[expression])
    others = [joints for name, joints in CASES.items() if name != expression]
    assert not all(parse(expression)(joints) for joints in others)


def test_sides_are_told_apart():
    for expression, joints in CASES.items():
        side = next((side for side in SWAPPED if f'"{side}"' in expression), None)
        if side:
            swapped = expression.replace(side, SWAPPED[side])
            assert not parse(swapped)(joints)
            assert parse(swapped)(mirrored(joints))


def test_a_raised_hand_is_no_wave_and_standing_is_no_walk():
    assert not parse('wave(side="left")')(raised(hanging(), "left"))
    assert not parse("walk()")(hanging())
    assert not parse("jump()")(WALK)
    assert not parse("run()")(WALK)
    assert not parse("then(stand_still(), walk())")(CASES["then(walk(), stand_still())"])


@settings(max_examples=4, deadline=None)
@given(st.floats(-180, 180), st.floats(-3, 3), st.floats(-3, 3))
def test_no_check_depends_on_place_or_heading(degrees, x, z):
    for joints in (WALK, CASES['wave(side="right")'], leaping()):
        moved = turned(joints, degrees, (x, 0.2, z))
        for expression in CHECKS:
            assert parse(f"{expression}()")(joints) == parse(f"{expression}()")(moved), expression


def test_every_check_answers_on_short_and_on_still_clips():
    for expression in ALL:
        assert parse(expression)(hanging(16)) in (True, False)
        assert parse(expression)(WALK[:16]) in (True, False)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("fly()", "no check is called fly"),
        ("walk", "expected name"),
        ('walk("left")', "keywords only"),
        ('walk(side="left")', "walk has no side"),
        ("then(walk())", "then takes two checks"),
        ("walk(way=__import__('os'))", "No check"),
        ("walk(", "No check"),
        ("walk(**{})", r"walk has no \*\*"),
    ],
)
def test_an_expression_that_is_none_is_refused(expression, found):
    with pytest.raises(LeadError, match=found):
        parse(expression)


def test_every_check_says_what_a_person_would_see():
    assert all((check.__doc__ or "").strip() for check in CHECKS.values())
