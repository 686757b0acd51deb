"""What clips are taken for: scores, measures of joints, and recorded clips of the pack."""

from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_walk

from benchmarks.pack import pack_rows, read_joints
from inversion.assess import assess
from inversion.encoded_clips import encode_clips
from inversion.recognition import ACTIONS, Action, recognizer
from lead import Motion

PHRASES = [action.phrase for action in ACTIONS]


def lookup(phrase):
    return ACTIONS[PHRASES.index(phrase)]


def test_every_action_is_told_once_and_in_both_sides():
    assert len(set(PHRASES)) == len(PHRASES)
    assert {phrase.replace("left", "right") for phrase in PHRASES} <= set(PHRASES)


def test_checks_of_a_walk():
    joints = synthesize_walk(4.0).joints
    assert lookup("walks forward").check(joints)
    for other in ("runs forward", "walks backward", "walks diagonally to the left", "turns left", "sits down"):
        assert not lookup(other).check(joints), other


def test_shares_favor_what_stands_out_and_what_is_confirmed():
    actions = [Action("a"), Action("b"), Action("c", rare=True), *(Action(f"x{n}") for n in range(30))]
    cosines = np.full((1, len(actions)), 0.1)
    cosines[0, :3] = 0.6
    evidence = np.zeros_like(cosines)
    evidence[0, :2] = 1.0, -1.0
    shares, denied = recognizer.share_out(actions, cosines, evidence)
    assert shares.sum() == pytest.approx(1.0) and denied[0].tolist() == [False, True] + [False] * (len(actions) - 2)
    assert shares[0, 0] > shares[0, 2] > shares[0, 1]
    scaled, _ = recognizer.share_out(actions, 0.2 + 3.0 * cosines, evidence)
    np.testing.assert_allclose(scaled, shares)  # only how far an action stands out counts
    one = recognizer.describe_shares(actions, shares[0], denied[0])
    assert one.best.action == "a" and len(one.alternatives) == 2
    assert not replace(one, refuted=True).known


def test_where_nothing_stands_out_nothing_is_known():
    cosines = np.random.default_rng(0).normal(size=(1, 40)).clip(-1.5, 1.5)
    actions = [Action(f"x{number}") for number in range(40)]
    shares, denied = recognizer.share_out(actions, cosines, np.zeros_like(cosines))
    assert not recognizer.describe_shares(actions, shares[0], denied[0]).known


def test_a_piece_that_is_not_sure_is_judged_with_the_others():
    shares = np.array([[0.9, 0.05, 0.05], [0.4, 0.4, 0.2]])
    weighed = recognizer.support(shares)
    np.testing.assert_array_equal(weighed[0], shares[0])
    assert weighed[1, 0] > 0.5 and weighed[1].sum() == pytest.approx(1.0)
    one = recognizer.describe_shares([Action("a"), Action("b")], shares[1], np.zeros(2, bool), weighed[1])
    assert one.known and one.supported and one.best == recognizer.Guess("a", 0.4)  # its own confidence
    assert not replace(one, supported=False).known
    unsure = np.array([[0.3, 0.2, 0.5], [0.2, 0.3, 0.5]])
    np.testing.assert_array_equal(recognizer.support(unsure), unsure)


def test_the_confidence_of_a_clip_does_not_depend_on_the_others(base):
    clips = [Motion(synthesize_walk(seconds).joints, 20.0) for seconds in (2.0, 4.0)]
    together = encode_clips(base, clips).recognized
    for clip, one in zip(clips, together, strict=True):
        alone = encode_clips(base, [clip]).recognized[0]
        found = {guess.action: guess.confidence for guess in (alone.best, *alone.alternatives)}
        assert found[one.best.action] == pytest.approx(one.best.confidence, abs=1e-4)
        assert not alone.supported


def test_one_piece_does_not_support_itself():
    shares = np.array([[0.4, 0.1, 0.5]])
    np.testing.assert_array_equal(recognizer.support(shares), shares)


def test_a_base_without_a_vocabulary_knows_all_actions(tiny_base):
    assert recognizer.known_actions(tiny_base) == list(ACTIONS)


def clips_of(split, count=5, **wanted):
    rows = [row for row in pack_rows(split) if all(row[key] == value for key, value in wanted.items())]
    return [Motion(read_joints(row["id"]), 20.0, name=row["id"]) for row in rows if row["frames"] > 20][:count]


@pytest.mark.parametrize(
    ("split", "content", "phrase"),
    [
        ("newstyle_exemplar", "walk", "walks forward"),
        ("fewshot_style", "bow", "bows"),
        ("fewshot_style", "walk-back", "walks backward"),
        ("test", "squat1Reps", "squats"),
        ("test", "wave-left-hand", "waves with the left hand"),
    ],
)
def test_recorded_clips_are_recognized(pack, base, split, content, phrase):
    recognized = encode_clips(base, clips_of(split, content=content)).recognized
    assert [one.best.action for one in recognized if one.known] == [phrase] * sum(one.known for one in recognized)
    assert sum(one.known for one in recognized) >= len(recognized) - 1


def test_the_kind_is_asked_about(pack, base):
    new = assess(base, encode_clips(base, clips_of("newaction", content="elbowToKnee1RepsLelbowStart")), "style")
    assert any("did you mean --kind action?" in hint for hint in new.hints)
    elderly = assess(base, encode_clips(base, clips_of("newstyle_exemplar", style="elderly")), "action")
    assert any("did you mean --kind style?" in hint for hint in elderly.hints)
    kicks = encode_clips(base, [Motion.read(path) for path in sorted((pack / "exemplars" / "kick").glob("*.bvh"))])
    asked = {
        kind: [hint for hint in assess(base, kicks, kind).hints if "--kind" in hint] for kind in ("style", "action")
    }
    assert "--kind action" in asked["style"][0] and not asked["action"], asked
