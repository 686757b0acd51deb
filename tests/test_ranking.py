"""Motions of a prompt by how good they are."""

import numpy as np
import pytest
import torch
from walks import synthesize_walk

from lead import Lead, LeadError, Motion
from lead.eval.metrics import foot_skate_ratio, jitter
from lead.motion.skeleton import tpose
from lead.ranking import compute_probabilities, rank, write_others


def stand(seconds: float = 2.0) -> Motion:
    return Motion(np.repeat(tpose()[None], round(20 * seconds), axis=0), 20.0)


def shake(motion: Motion, meters: float) -> Motion:
    noise = np.random.default_rng(0).normal(size=motion.joints.shape)
    return Motion(motion.joints + meters * noise, motion.fps)


def test_what_shows_the_prompt_comes_first_whatever_the_text_space_says() -> None:
    first, second = rank([stand(), synthesize_walk()], "a person walks forward", [0.9, 0.1])
    assert (first.place, first.shown, second.place, second.shown) == (1, True, 0, False)
    assert first.total > second.total
    first, second = rank([synthesize_walk(), stand()], "a person stands still", [0.9, 0.1])
    assert (first.place, first.shown, second.shown) == (1, True, False)


def test_without_a_measure_the_text_space_decides() -> None:
    scores = rank([stand()] * 3, "a person frobnicates", [0.2, 0.9, 0.5])
    assert [score.place for score in scores] == [1, 2, 0]
    assert {score.shown for score in scores} == {None}


def test_equal_motions_stay_in_order() -> None:
    assert [score.place for score in rank([stand()] * 4, "a person stands", [0.5] * 4)] == [0, 1, 2, 3]


def test_a_learned_word_is_left_out_of_what_is_measured() -> None:
    (score,) = rank([synthesize_walk()], "a person walks in (<limp>:0.6) style", [0.5])
    assert score.shown
    (score,) = rank([synthesize_walk()], "a person does <spin-kick>", [0.5])
    assert score.shown is None


def test_similar_smooth_and_standing_come_before_others() -> None:
    walk = synthesize_walk()
    scores = rank([walk, walk], "a person walks in <limp> style", [0.5, 0.5], [0.2, 0.8])
    assert [(score.place, score.similarity) for score in scores] == [(1, 0.8), (0, 0.2)]
    scores = rank([shake(walk, 0.02), walk], "a person walks", [0.5, 0.5])
    assert [score.place for score in scores] == [1, 0]
    slides = Motion(stand().joints + np.linspace(0, 2, 40)[:, None, None] * [0.0, 0.0, 1.0], 20.0)
    scores = rank([slides, stand()], "a person frobnicates", [0.5, 0.5])
    assert [score.place for score in scores] == [1, 0]
    assert scores[1].skate > scores[0].skate == 0.0


def test_the_figures_are_those_of_the_evaluation() -> None:
    walk = synthesize_walk()
    (score,) = rank([walk.resample(30.0)], "a person walks", [0.5])
    joints = walk.resample(30.0).resample(20.0).joints.astype(np.float64)
    assert (score.skate, score.jitter) == (foot_skate_ratio(joints), jitter(joints))


def test_the_probability_is_a_softmax_without_sentences_that_say_the_same() -> None:
    motions, prompt = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1.0, 0.0])
    others = torch.tensor([[0.0, 2.0], [1.0, 0.01]])
    expected = [1 / (1 + np.exp(-20.0)), 1 / (1 + np.exp(20.0))]
    np.testing.assert_allclose(compute_probabilities(motions, prompt, others), expected, rtol=1e-5)


def test_other_sentences_differ_from_the_prompt_and_are_the_same_each_time() -> None:
    for prompt, fewest in (("a person walks backward in <limp> style", 20), ("a person frobnicates", 16)):
        others = write_others(prompt)
        assert len(others) >= fewest and len(set(others)) == len(others)
        assert write_others(prompt) == others
    assert any("backward" not in text for text in write_others("a person walks backward"))


def test_a_base_ranks_by_its_own_text_space(tiny_base: Lead) -> None:
    motions = tiny_base.generate(["a person walks"] * 3, seconds=2.0, steps=2)
    scores = tiny_base.rank(motions, "a person walks")
    assert sorted(score.place for score in scores) == [0, 1, 2]
    assert [score.total for score in scores] == sorted((score.total for score in scores), reverse=True)
    alone = [tiny_base.rank([motions[score.place]], "a person walks")[0].text for score in scores]
    np.testing.assert_allclose([score.text for score in scores], alone, atol=1e-5)
    assert tiny_base.rank([], "a person walks") == []


def test_motions_of_any_length_are_ranked(tiny_base: Lead) -> None:
    shortest, longest = tiny_base.seconds_range
    for motions in (tiny_base.generate("a person walks", seconds=shortest, steps=1), [synthesize_walk(longest + 2)]):
        assert len(tiny_base.rank(motions, "a person walks")) == 1


def test_words_change_the_prompt_that_motions_are_compared_with(tiny_base: Lead) -> None:
    motions = tiny_base.generate("a person walks", seconds=2.0, steps=2)
    prompt, vectors = "a person walks in <limp> style", np.full((2, 32), 0.5, dtype=np.float32)
    (a,) = tiny_base.rank(motions, prompt, words={"<limp>": vectors})
    (b,) = tiny_base.rank(motions, prompt, words={"<limp>": -vectors})
    assert a.text != b.text
    with pytest.raises(LeadError, match="<limp>"):
        tiny_base.rank(motions, prompt)


def test_similarities_are_one_a_motion(tiny_base: Lead) -> None:
    motions = tiny_base.generate(["a person walks"] * 2, seconds=2.0, steps=1)
    scores = tiny_base.rank(motions, "a person walks", similarities=[0.1, 0.9])
    assert {score.place: score.similarity for score in scores} == {0: 0.1, 1: 0.9}
    with pytest.raises(LeadError, match="3 similarities for 2 motions"):
        tiny_base.rank(motions, "a person walks", similarities=[0.1, 0.2, 0.3])
