"""What a base can do, and prompts that are outside of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lead.errors import LeadError
from lead.text.main_words import stem
from lead.text.vocabulary import Kind, Vocabulary, find_unread, merge_notices

D_TEXT = 8
AXES = np.eye(D_TEXT, dtype=np.float32)
KINDS = (
    Kind("walk", "walking", ("a person walks", "walking"), 100, 0.9),
    Kind("wave", "arms", ("a person waves",), 20),
    Kind("throw", "arms", ("a person throws a ball",), 1, 0.1),
)


@pytest.fixture
def vocabulary() -> Vocabulary:
    terms = frozenset((*map(stem, ("walk", "wave", "throw", "ball", "hand")), "throw ball"))
    return Vocabulary(KINDS, terms, AXES[:3], AXES[3:5])


def test_what_it_was_trained_on_is_inside(vocabulary: Vocabulary) -> None:
    assert vocabulary.judge("an old man walks in the park", AXES[0]) is None
    assert vocabulary.judge("a person waves with the left hand", AXES[1]) is None


def test_an_unknown_word_is_named_with_the_nearest_that_the_base_can_do(vocabulary: Vocabulary) -> None:
    notice = vocabulary.judge("a person walks and juggles", AXES[1] + 0.5 * AXES[0] + 0.4 * AXES[2])
    assert notice
    assert notice.word == "juggles"
    assert [kind.name for kind in notice.nearest] == ["wave", "walk"]  # throwing is shown in one motion of ten
    assert notice.message == (
        "'a person walks and juggles': the base does not know 'juggles'; nearest: 'a person waves', 'a person walks'"
    )
    assert 0.5 < notice.score <= 1.0


def test_a_known_verb_with_a_known_word_of_another_verb_counts_less(vocabulary: Vocabulary) -> None:
    together, apart = (vocabulary.weigh(f"a person {text}", AXES[0]) for text in ("throws a ball", "waves a ball"))
    assert (together["pair"], apart["pair"]) == (0.0, 1.0)
    assert together["object"] == apart["object"] == 0.0


def test_known_words_that_say_something_else_together_are_outside(vocabulary: Vocabulary) -> None:
    notice = vocabulary.judge("a person throws a wave", 2 * AXES[3] - AXES[0] - AXES[1])
    assert notice
    assert notice.word == ""
    assert "was not trained on anything like it" in notice.message


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("一个人走路", "一个人走路"), ("a person walks медленно", "медленно"), ("walks in <x> style 慢慢", "慢慢"),
        ("!!!", "!!!"), ("👋", "👋"),
    ],
)  # fmt: skip
def test_what_no_base_can_read_is_named(vocabulary: Vocabulary, prompt: str, word: str) -> None:
    notice = vocabulary.judge(prompt, AXES[0])
    assert notice and (notice.word, notice.score) == (word, 1.0)


def test_accents_and_tokens_can_be_read(vocabulary: Vocabulary) -> None:
    assert find_unread("Zoë walks") == find_unread("<x>") == ""
    assert vocabulary.judge("<x>", AXES[0]) is None


def test_learned_tokens_say_nothing(vocabulary: Vocabulary) -> None:
    assert vocabulary.judge("a person does <spin-kick>", AXES[3]) is None
    assert vocabulary.judge("<sneak>", AXES[4]) is None
    assert vocabulary.judge("a person walks in <juggling> style", AXES[0]) is None


def test_unknown_words_raise_the_score(vocabulary: Vocabulary) -> None:
    known, tool, verb, thing = (
        vocabulary.score(f"a person {text}", AXES[0])
        for text in ("walks", "walks with a barbell", "juggles", "throws a barbell")
    )
    assert known < min(tool, thing) < max(tool, thing) < verb


def test_kinds_are_found_by_name_family_and_prompts(vocabulary: Vocabulary) -> None:
    assert [kind.name for kind in vocabulary.find_kinds("Walk")] == ["walk"]
    assert [kind.name for kind in vocabulary.find_kinds("arms")] == ["wave", "throw"]
    assert [kind.name for kind in vocabulary.find_kinds("ball")] == ["throw"]


def test_a_vocabulary_survives_its_text(vocabulary: Vocabulary) -> None:
    rows = np.random.default_rng(0).normal(size=(3, D_TEXT)).astype(np.float32)
    known = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    again = Vocabulary.from_json(replace(vocabulary, known=known).to_json(), "base", D_TEXT)
    assert (again.kinds, again.terms) == (vocabulary.kinds, vocabulary.terms)
    np.testing.assert_allclose(again.known, known, atol=0.02)
    np.testing.assert_allclose(again.unknown, vocabulary.unknown, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"}, {"d_text": 9}, {"kinds": 3}, {"kinds": []}, {"known": "?"}, {"known": "AAAA"},
        {"terms": None}, {"kinds": [{"name": "walk"}] * 3}, {"unknown": 4},
    ],
)  # fmt: skip
def test_text_that_is_no_vocabulary_is_refused(vocabulary: Vocabulary, change: dict[str, object]) -> None:
    text = json.dumps(json.loads(vocabulary.to_json()) | change)
    with pytest.raises(LeadError, match=r"base\.safetensors: its vocabulary cannot be read"):
        Vocabulary.from_json(text, "base.safetensors", D_TEXT)


def test_notices_are_merged_by_prompt(vocabulary: Vocabulary) -> None:
    one, other = (vocabulary.judge(f"a person {verb}", AXES[0]) for verb in ("juggles", "yodels"))
    assert merge_notices([one, None, other, one]) == [one, other]
