"""Every meaning has many wordings, no wording two meanings, and each form of sentence its grammar."""

import random
from collections import defaultdict
from dataclasses import replace

import pytest

from lead.text.inflection import gerund
from lead.text.inflection import third_person as third
from lead.text.lexicon import LEXICON
from lead.text.meaning import ADJECTIVES, SIDES, WAYS, Meaning, canonical, contrast, draw
from lead.text.synthesis import ROTATIONS, say

WAVE = Meaning("wave", "left")


def sayings(meaning: Meaning, count: int = 400) -> set[str]:
    rng = random.Random(0)
    return {say(meaning, rng).rstrip(".") for _ in range(count)}


def test_no_wording_says_two_actions():
    owners = defaultdict(set)
    for table in (LEXICON.travel, LEXICON.sided, LEXICON.actions, LEXICON.fused, LEXICON.directions):
        for key, phrases in table.items():
            for phrase in phrases:
                owners[phrase].add(key)
    assert {phrase: keys for phrase, keys in owners.items() if len(keys) > 1} == {}


def test_lists_name_known_actions():
    actions = {*LEXICON.travel, *LEXICON.sided, *LEXICON.actions}
    assert {*LEXICON.gestures, *LEXICON.grounds, *LEXICON.nouns} <= actions
    assert {*LEXICON.one_sided, *LEXICON.unsided} <= set(LEXICON.sided)
    assert set(ADJECTIVES) <= set(WAYS)
    for key in (*LEXICON.fused, *LEXICON.same):
        action, place = key.split()
        assert action in LEXICON.travel
        assert place in LEXICON.directions
    assert all(other.split()[0] in actions for other in LEXICON.same.values())
    assert not {*LEXICON.subjects} & {person for persons in LEXICON.personas.values() for person in persons}


def test_every_action_can_be_said_with_every_place_of_its_kind():
    rng = random.Random(1)
    for action in LEXICON.travel:
        for place in LEXICON.directions:
            assert "  " not in say(Meaning(action, place), rng)
    for action in LEXICON.sided:
        for side in SIDES:
            assert "{" not in say(Meaning(action, side), rng)
    for action in LEXICON.unsided:
        assert "{" not in say(Meaning(action), rng)


@pytest.mark.parametrize(
    ("meaning", "sentences"),
    [
        (Meaning("walk", "forward", meanwhile=WAVE), {"walks while waving", "while", " and "}),
        (Meaning("turn", "left"), {"turns left", "a left turn", "rotating left in place"}),
        (Meaning("walk", "backward", ("slowly",)), {"a slow walk backward", "backs up"}),
        (Meaning("walk", "uturn"), {"there and back", "turns around and walks back"}),
        (Meaning("wave"), {"waves", "wave with one hand"}),
        (Meaning("sit", ways=("normally",)), {"is seated", "sits", "as usual"}),
        (Meaning("walk", "forward", then=replace(WAVE, ways=("twice",))), {", then ", " before ", "twice"}),
    ],
)
def test_a_meaning_has_many_forms(meaning, sentences):
    said = sayings(meaning, 1000)
    assert len(said) > 300
    for part in sentences:
        assert any(part in sentence for sentence in said), part


def test_sides_are_always_said():
    for side, other in (("left", "right"), ("right", "left")):
        for action in LEXICON.sided:
            for sentence in sayings(Meaning(action, side), 15):
                assert any(word in sentence for word in (side, *ROTATIONS[side]))
                assert other not in sentence.split()


def test_equal_meanings_are_one():
    assert canonical(Meaning("walk", "place")) == Meaning("step-in-place")
    assert canonical(Meaning("step", "left", ("slowly",))) == Meaning("side-step", "left", ("slowly",))
    assert canonical(replace(WAVE, meanwhile=Meaning("sit"))) == Meaning("sit", meanwhile=WAVE)
    assert canonical(Meaning("walk", "forward", meanwhile=Meaning("turn", "left"))) == Meaning("walk", "turn-left")
    assert canonical(Meaning("turn", "left", meanwhile=Meaning("walk", "forward"))) == Meaning("walk", "turn-left")
    assert canonical(replace(WAVE, meanwhile=Meaning("stand"))) == WAVE
    rng = random.Random(2)
    for _ in range(500):
        meaning = draw(rng)
        assert canonical(meaning) == meaning
        assert canonical(contrast(meaning, rng)) != meaning


def test_two_actions_and_sequences_are_drawn():
    rng = random.Random(3)
    drawn = [draw(rng) for _ in range(4000)]
    assert 0.07 < sum(meaning.meanwhile is not None for meaning in drawn) / len(drawn) < 0.13
    assert any(meaning.meanwhile and meaning.then for meaning in drawn)
    assert any(meaning.action in LEXICON.sided and not meaning.place for meaning in drawn)


def test_irregular_inflections():
    assert [third(verb) for verb in ("be", "have", "do", "goose-step")] == ["is", "has", "does", "goose-steps"]
    assert [gerund(verb) for verb in ("be", "tiptoe", "boogie", "die", "goose-step")] == [
        "being", "tiptoeing", "boogieing", "dying", "goose-stepping",
    ]  # fmt: skip
