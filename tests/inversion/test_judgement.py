from dataclasses import replace

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from benchmarks.pack import pack_rows, read_joints
from inversion.encoded_clips import encode_clips
from inversion.evaluate import give_verdict
from inversion.judgement.clip_hints import check_captions, check_style
from inversion.judgement.content import count_shown, measure_content
from inversion.judgement.deeds import find_deed
from inversion.judgement.differences import Figures, find_differences, measure_figures
from inversion.judgement.style import (
    CLEAR_STYLE,
    MIXED,
    SEEN,
    UNSEEN,
    UNSURE,
    Logistic,
    Sample,
    Sight,
    credit,
    measure_action,
    measure_mixture,
    see_styles,
)
from inversion.judgement.style_space import load_style_space
from inversion.judgement.trials import (
    EACH,
    OWN,
    Pairs,
    Prompt,
    Trials,
    choose_unseen,
    find_training_action,
    plan_trials,
    run_trials,
)
from inversion.judgement.trials import UNSEEN as UNSEEN_ACTIONS
from inversion.judgement.wording import describe_content, describe_sights, grade_reproduction
from inversion.report import judge_trials
from inversion.similarity import Embeddings, embed
from lead import Motion
from lead.eval.evaluator import Evaluator


def clips_of(style, content, split="newstyle_eval", count=4):
    rows = [row for row in pack_rows(split) if (row["style"], row["content"]) == (style, content)]
    return [Motion(read_joints(row["id"]), name=row["id"]) for row in rows[:count]]


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator.load()


@pytest.fixture(scope="module")
def embed_clips(evaluator):
    return lambda clips: embed(evaluator, [clip.features() for clip in clips])


# Trials


def test_no_unseen_action_is_one_that_the_clips_show():
    assert choose_unseen(["walks forward"])[0] == "jogs ahead" and "walks ahead" not in choose_unseen(["walks"])
    for shown, left_out in (
        ("runs forward", "jogs ahead"),
        ("waves with the left hand", "greets with a wave of the right hand"),
        ("walks forward and turns right", "walks around a corner to the left"),
        ("raises the left hand", "puts both hands up in the air"),
    ):
        tried = choose_unseen([shown])
        assert len(tried) == 4 and left_out not in tried and "walks ahead" in tried
    assert choose_unseen(["kicks", "runs", "waves the left hand"])[3] == "claps the hands"
    first_five = list(UNSEEN_ACTIONS)[:5]
    assert choose_unseen(first_five) == ("claps the hands", "takes a bow", "jumps up", "crouches down")
    assert len(choose_unseen(list(UNSEEN_ACTIONS))) == 4


def test_a_style_of_several_actions_is_compared_with_the_clips_of_the_tried_one(base):
    """Else standing would be called another pace than that of clips which walk."""
    clips = [*clips_of("elderly", "raise-up-both-hands", count=2), *clips_of("elderly", "walk", count=1)]
    encoded = encode_clips(base, clips, ["a person raises both hands", "a person raises both hands", "a person walks"])
    assert find_training_action(encoded) == "raises both hands"
    plain = base.generate(["a person raises both hands"] * OWN, seconds=2.0)
    other = Pairs(Prompt("bows", "", "a person bows"), plain[:EACH], plain[:EACH])
    trials = Trials(Pairs(Prompt("", "", "a person raises both hands"), plain, plain), (other,))
    assert not [found for found in judge_trials(base, "style", encoded, trials).differs if "travel" in found]


def test_pairs_share_their_noise_and_a_plain_concept_changes_nothing(tiny_base, stand_in):
    encoded = encode_clips(tiny_base, [synthesize_walk(2.0)], ["a person walks"])
    plan = plan_trials(stand_in, encoded)
    trials = run_trials(tiny_base, stand_in, plan, seed=3)
    assert len(trials.own.concept) == len(trials.own.plain) == OWN and plan.seconds == 2.0
    assert [len(pairs.concept) for pairs in trials.unseen] == [EACH] * 4
    again = tiny_base.generate([plan.own.plain] * OWN, seconds=plan.seconds, seed=3, bfloat16=True)
    assert all(np.array_equal(a.joints, b.joints) for a, b in zip(trials.own.plain, again, strict=True))


@pytest.fixture
def stand_in(tiny_base):
    from inversion import learn

    return learn(tiny_base, [synthesize_walk(2.0)], "<x>", steps=1, direction=False, captions=["a person walks"])


# Style


def test_the_style_space_puts_a_style_together_and_actions_aside(pack, embed_clips):
    space = load_style_space()

    def place(style, content):
        return space.embed(embed_clips(clips_of(style, content))).mean(axis=0)

    walk, run = place("elderly", "walk"), place("elderly", "run")
    other = place("exhausted", "run")
    assert np.linalg.norm(walk - run) < np.linalg.norm(walk - other)


def test_real_clips_of_a_style_are_seen_and_those_of_another_are_not(pack, embed_clips):
    exemplars = embed_clips(clips_of("exhausted", "walk", "newstyle_exemplar"))
    plain = embed_clips(clips_of("normal", "walk", "test"))
    right, wrong = (embed_clips(clips_of(style, "walk")) for style in ("exhausted", "elderly"))
    space = load_style_space()
    sights = see_styles(space, [Sample(right, plain), Sample(wrong, plain), Sample(plain, plain)], exemplars)
    assert sights[0].seen is True and sights[2].seen is False
    assert sights[1].probability < sights[0].probability and not sights[1].clear


def test_a_sight_is_sure_only_beyond_its_limits():
    assert [Sight(p).seen for p in (SEEN, UNSEEN, 0.5)] == [True, False, None]
    assert Logistic(0.0, (2.0, -1.0))((1.0, 2.0)) == 0.5 and Logistic(1.0, (0.0,))((9.0,)) > 0.7
    assert CLEAR_STYLE > 0


def test_a_word_gets_no_credit_for_what_plain_motions_show():
    assert credit(Sight(0.9, True), Sight(0.8)) == UNSURE and UNSURE.seen is None
    assert credit(Sight(0.9, True), Sight(0.1)) == Sight(0.9, True)
    assert credit(Sight(0.1), Sight(0.8)) == Sight(0.1)


def test_an_action_is_measured_from_plain_motions_to_the_clips():
    rng = np.random.default_rng(0)

    def at(place):
        return Embeddings(rng.normal(size=(30, 4)) + place, rng.normal(size=(30, 4)) + place)

    clips, plain = at(0.0), at(9.0)
    there, away = measure_action(Sample(at(0.0), plain), clips), measure_action(Sample(at(18.0), plain), clips)
    assert there[0] == pytest.approx(0.0, abs=0.05) and there[1] == pytest.approx(1.0, abs=0.1) and there[2] > 0.99
    assert away[0] > 1.5 and away[2] < -0.99


# Content


def test_content_is_what_the_joints_show_and_style_does_not_count(tiny_base):
    walk, stand = synthesize_walk(3.0), Motion(np.repeat(synthesize_walk(3.0).joints[:1], 60, axis=0), 20.0)
    assert (
        count_shown([walk, stand], "a person walks forward") == 0.5 and count_shown([walk], "a person gloops") is None
    )
    prompt = Prompt("walks ahead", "", "a person walks ahead")
    own = Pairs(prompt, [walk, walk], [walk, walk])
    kept = measure_content(tiny_base, Pairs(prompt, [walk, walk], [walk, walk]), own)
    assert (kept.share, kept.kept, kept.measured) == (1.0, True, True)
    lost = measure_content(tiny_base, Pairs(prompt, [stand, stand], [walk, walk]), own)
    assert (lost.share, lost.kept, lost.measured) == (0.0, False, True)
    unmeasured = measure_content(tiny_base, Pairs(prompt, [stand, stand], [stand, stand]), own)
    assert not unmeasured.measured and unmeasured.plain == 0.0


# Differences


def test_pace_height_and_side_are_compared():
    figures = Figures(speed=1.0, tempo=0.3, hips=1.1, head=1.85, hands=1.0, feet=1.0)
    assert find_differences(figures, figures) == ()
    for change, words in (
        ({"speed": 1.6}, "a faster pace (1.6 m/s, the clips have 1.0)"),
        ({"speed": 0.1}, "it stands where the clips travel at 1.0 m/s"),
        ({"hips": 0.9}, "the hips are lower (0.90 legs, the clips 1.10)"),
        ({"head": 2.05}, "the head is higher (2.05 legs, the clips 1.85)"),
    ):
        assert find_differences(replace(figures, **change), figures) == (words,)
    standing = replace(figures, speed=0.05, hands=3.0)
    assert find_differences(replace(standing, hands=0.4), standing) == (
        "the other hand acts (the clips use the left one)",
    )
    assert find_differences(replace(standing, hands=1.1), standing)[0].startswith("both hands act alike")
    assert find_differences(replace(standing, speed=0.9), standing)[0].startswith("it travels at 0.9 m/s")


def test_standing_still_is_no_pace():
    still = Figures(speed=0.01, tempo=0.3, hips=1.1, head=1.85, hands=1.0, feet=1.0)
    assert find_differences(replace(still, speed=0.04), still) == ()
    assert find_differences(replace(still, tempo=0.1), still)[0].startswith("limbs that move slower")


def test_figures_are_those_of_the_joints():
    figures = measure_figures([synthesize_walk(4.0)])
    assert figures.speed == pytest.approx(1.1, abs=0.1) and figures.hands == pytest.approx(1.0, abs=0.2)
    assert 1.0 < figures.hips < 1.3 < figures.head


# Words


def test_praise_needs_a_clear_sight_and_no_difference():
    assert grade_reproduction(0.9, True, True, 0) == "well"
    assert grade_reproduction(0.9, True, False, 0) == grade_reproduction(0.9, None, False, 0) == "in part"
    assert grade_reproduction(0.9, True, True, 1) == "in part" and grade_reproduction(0.9, True, True, 2) == "badly"
    assert grade_reproduction(1.0, False, False, 0) == "badly" == grade_reproduction(0.1, True, True, 0)


def test_sentences_say_where_a_style_was_seen():
    assert describe_sights("style", ["a", "b"], ["c"], ["d"]) == "Style seen on: a, b; not on: c; not sure on: d."
    assert describe_sights("action", [], ["slowly"], []) == "Action seen in these ways: none; not: slowly."
    assert describe_content("style", ["a"], ["b"]) == "The action itself is kept on: a; lost on: b."


# Clips


def test_a_deed_is_no_carrier_of_a_style():
    assert find_deed(["kicks with the left leg"] * 3 + ["kicks"]) == "kicks with the left leg"
    assert find_deed(["walks forward", "runs", "waves the left hand"]) == find_deed(["walks"] * 4) == ""
    assert find_deed(["kicks", "kicks", "walks", "walks"]) == find_deed([]) == find_deed(["gloops"]) == ""


def test_clips_of_one_deed_are_asked_about(pack, base):
    kicks = [row for row in pack_rows("test", source="hdm05") if row["content"].startswith("kick")][:3]
    encoded = encode_clips(base, [Motion(read_joints(row["id"]), name=row["id"]) for row in kicks])
    assert check_style(base, encoded)[0].startswith('did you mean --kind action? The clips show a thing done ("kicks')


def test_clips_of_several_styles_are_noticed(pack, base, elderly_walks):
    assert check_style(base, encode_clips(base, elderly_walks)) == []
    mixed = [*elderly_walks[:2], *clips_of("youthful", "walk", "test", 1), *clips_of("feminine", "walk", "test", 1)]
    assert check_style(base, encode_clips(base, mixed))[0].startswith(
        "the clips look as if they were in different styles"
    )


def test_captions_that_the_clips_deny_are_noticed(base, elderly_walks):
    wrong = encode_clips(base, elderly_walks[:2], ["a person squats"] * 2)
    assert check_captions(base, wrong)[0].startswith('the captions say "squats", and the clips look like "walks')
    assert check_captions(base, encode_clips(base, elderly_walks[:2], ["a person walks"] * 2)) == []
    assert check_captions(base, encode_clips(base, elderly_walks[:2])) == []


def test_a_mixture_is_measured_among_clips_of_one_action():
    places = np.array([[0.0, 0.0], [3.0, 4.0], [90.0, 90.0]])
    assert measure_mixture(places, ["walks", "walks", "runs"]) == 5.0 > MIXED
    assert measure_mixture(places, ["walks", "runs", "waves"]) == 0.0


# Verdicts


@pytest.mark.parametrize(
    ("score", "others", "deed", "fit"),
    [
        (0.9, {}, "", "this word"),
        (0.9, {"<b>": 0.95}, "", "this word"),
        (0.7, {"<b>": 0.95}, "", "another word"),
        (0.1, {"<b>": 0.9}, "", "another word"),
        (0.1, {"<b>": 0.4}, "", "another motion"),
        (0.5, {}, "", "not sure"),
        (0.9, {}, "kicks", "not sure"),
        (0.1, {}, "kicks", "another motion"),
    ],
)
def test_a_verdict_in_words(score, others, deed, fit):
    verdict = give_verdict(Sight(score), others, deed)
    text = verdict.describe("<a>", "style")
    assert verdict.fit == fit and verdict.score == score and "<a>" in text and text.endswith(".")
    assert ("not the word" in text) == fit.startswith("another") and ("<b>" in text) == (fit == "another word")


def test_the_space_is_the_same_each_time_and_frozen():
    space = load_style_space()
    assert space is load_style_space() and space.centers.shape == (9, 20)
    assert torch.isfinite(torch.from_numpy(space.projection)).all()
