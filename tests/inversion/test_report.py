from dataclasses import replace

import numpy as np
import pytest
from walks import synthesize_walk

from inversion import InversionError, learn
from inversion.encoded_clips import encode_clips
from inversion.judgement.plain_base import measure_plain
from inversion.judgement.reproduction import measure_reproduction
from inversion.judgement.side_effects import speed, turning
from inversion.judgement.trials import UNSEEN, WAYS
from inversion.judgement.wording import give_advice
from inversion.report import Report, report
from inversion.similarity import Embeddings
from lead import Motion


def test_a_learned_concept_reproduces_and_an_empty_one_does_not(base, elderly, elderly_walks):
    walks = encode_clips(base, elderly_walks[:2])
    learned = report(base, elderly, walks)
    assert learned.reproduces > 0.4 and learned.travels >= 0.5 and 0.3 < learned.holds <= 1.0
    assert learned.nearest_cm > 2.0
    names = ("reproduces", "travels", "holds", "variety", "nearest_cm")
    assert set(learned.scores) == {f"report.{name}" for name in names}
    assert all(np.isfinite(value) for value in learned.scores.values())
    neutral = replace(elderly, token_embedding=base.style_tokens.mean.numpy(), tensors={}, schedule=None)
    empty = report(base, neutral, walks)
    assert empty.reproduces < 0.2 and empty.travels < 0.5 and set(empty.stays) <= set(UNSEEN.values())
    assert any("other actions" in text for text in empty.advice)
    assert empty.plain_shown > 0.8 and empty.plain_missed == ()
    assert empty.grade == "badly" and empty.seen is False and empty.unseen_on == tuple(UNSEEN.values())[:4]
    assert empty.sentences[0].startswith("It reproduces the clips badly")
    assert empty.sentences[1].startswith("Style seen on: none; not on: jogs ahead, puts both hands up in the air,")
    assert empty.sentences[2] == "The action itself is kept on all 4."


def test_each_unseen_action_is_seen_not_seen_or_not_sure(base, elderly, elderly_walks):
    found = report(base, elderly, encode_clips(base, elderly_walks[:2]))
    tried = (*found.seen_on, *found.unseen_on, *found.unsure_on)
    assert sorted(tried) == sorted(tuple(UNSEEN.values())[:4]) == sorted((*found.kept_on, *found.lost_on))
    assert "walks around a corner to the left" in found.seen_on and found.seen and found.grade != "badly"
    assert set(found.stays) == set(tried) - (set(found.seen_on) & set(found.kept_on))
    assert found.travels == pytest.approx(1 - len(found.stays) / 4)
    assert found.sentences[1].startswith(f"Style seen on: {', '.join(found.seen_on)}")


def test_an_action_is_tried_in_several_ways(tiny_base):
    clips = encode_clips(
        tiny_base, [synthesize_walk(2.0), synthesize_walk(2.5, seed=1)], ["a person spins", "a person spins"]
    )
    concept = learn(tiny_base, clips, "<spin>", kind="action", steps=2)
    found = report(tiny_base, concept, clips)
    assert set(found.stays) <= set(WAYS)
    assert found == report(tiny_base, concept, clips)
    assert found != report(tiny_base, concept, clips, seed=5)
    assert found.plain_shown < 0.4 and set(found.plain_missed) <= {f"a person {text}" for text in UNSEEN.values()}
    assert found.sentences[0].startswith("The base itself does not do plain prompts: ")
    assert len(found.advice) == 1 and found.advice[0].startswith("another base: leave --base out")


def advised(result, kind, clips, actions=1):
    names = ("reproduces", "travels", "stays", "absorbed", "plain_shown")
    return {"kind": kind, "clips": clips, "actions": actions} | {name: getattr(result, name) for name in names}


def test_plain_prompts_are_judged_by_what_can_be_measured():
    walk, stand = synthesize_walk(3.0), Motion(np.repeat(synthesize_walk(3.0).joints[:1], 60, axis=0), 20.0)
    assert measure_plain([walk, stand], ["a person walks forward", "a person dances"]) == (1.0, ())
    assert measure_plain([stand], ["a person dances"]) == (None, ())
    shown, missed = measure_plain([walk, stand, stand, walk], ["a person walks forward"] * 3 + ["a person jumps"])
    assert (shown, missed) == (pytest.approx(1 / 6), ("a person walks forward", "a person jumps"))


def test_a_poor_base_is_named_before_the_word():
    poor = Report(0.1, 0.0, 0.1, 1.0, 5.0, plain_shown=0.0, plain_missed=("a person jogs ahead",))
    assert poor.sentences[0] == (
        "The base itself does not do plain prompts: 0% of its motions without the word show what their prompts say; "
        "not 'a person jogs ahead'. So what follows says little of the word."
    )
    assert [text[:12] for text in give_advice(**advised(poor, "style", 2))] == ["another base"]
    assert "base" not in Report(0.1, 0.0, 0.1, 1.0, 5.0).sentences[0]


def test_a_clip_that_is_too_short_is_an_error(tiny_base, elderly):
    clips = encode_clips(tiny_base, [synthesize_walk(2.0), synthesize_walk(0.5)], keep_short=True)
    with pytest.raises(InversionError, match=r"walk-0 is 0\.50 s long"):
        report(tiny_base, elderly, clips)


def test_reproduction_is_0_for_plain_generations_and_1_for_the_clips():
    rng = np.random.default_rng(0)

    def set_at(place):
        """Forty clips about a place, the same in both spaces."""
        return Embeddings(rng.normal(size=(40, 4)) + place, rng.normal(size=(40, 4)) + place)

    real, plain = set_at(0.0), set_at(9.0)
    assert measure_reproduction(plain, plain, real) == 0.0 == measure_reproduction(set_at(20.0), plain, real)
    assert measure_reproduction(set_at(0.0), plain, real) > 0.98 and measure_reproduction(real, real, real) == 1.0
    assert measure_reproduction(set_at(4.0), plain, real) == pytest.approx(5 / 9, abs=0.15)
    assert measure_reproduction(Embeddings(set_at(0.0).posture, plain.meaning), plain, real) < 0.5
    assert measure_reproduction(set_at(0.0), plain, real[:1]) > 0.9


def test_turning_and_speed_are_those_of_the_path():
    walk = synthesize_walk(4.0)
    assert speed(walk) == pytest.approx(1.1, abs=0.05)
    assert abs(turning(walk.features())) < 1.0
    walk = synthesize_walk(9.0)
    angle = np.radians(20.0) * np.arange(180) / 20.0  # to the left: from +Z towards +X
    x, y, z = np.moveaxis(walk.joints - walk.joints[:, :1] * [1, 0, 1], -1, 0)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
    assert turning(Motion(turned, 20.0).features()) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize(
    ("found", "kind", "clips", "expected"),
    [
        (Report(0.9, 1.0, 0.9, 1.0, 5.0), "style", 2, []),
        (Report(0.6, 1.0, 0.9, 1.0, 5.0), "style", 2, ["more clips"]),
        (Report(0.9, 0.2, 0.9, 1.0, 5.0), "style", 5, ["clips of other actions"]),
        (Report(0.2, 0.9, 0.9, 1.0, 5.0), "action", 8, ["a longer search"]),
        (Report(0.2, 0.9, 0.9, 1.0, 5.0), "persona", 8, ["a longer search", "--kind action"]),
        (Report(0.9, 0.9, 0.9, 1.0, 5.0, absorbed=("turning (9 degrees a second)",)), "style", 8, ["clips that go"]),
    ],
)
def test_advice(found, kind, clips, expected):
    advice = give_advice(**advised(found, kind, clips))
    assert len(advice) == len(expected)
    assert all(text.startswith(start) for text, start in zip(advice, expected, strict=True))


def test_clips_of_many_actions_are_to_be_joined_by_those_that_are_missed():
    found = Report(0.9, 0.2, 0.9, 1.0, 5.0, stays=("crouches", "claps"))
    assert give_advice(**advised(found, "style", 10, actions=10)) == ["clips in the same style of: crouches, claps"]
