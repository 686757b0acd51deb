"""The words that say what is done, read from prompts."""

import pytest

from lead.text.main_words import leave_out_tokens, main_words, stem


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a person walks forward", "walks"),
        ("a proud king juggles three balls in the park", "juggles balls"),
        ("someone is waiting", "waiting"),
        ("walking", "walking"),
        ("old man walking slowly", "walking"),
        ("the musician plays the guitar", "guitar"),
        ("two people shake hands", "shake hands"),
        ("a person in a red jacket walks ahead", "walks"),
        ("he sits down, then knits a scarf", "sits knits scarf"),
        ("a person digs a hole with a shovel", "digs hole shovel"),
        ("a person swings on a trapeze", "swings trapeze"),
        ("a person walks like a heron", "walks"),
        ("a graceful bow", "bow"),
        ("do a strong kick", "kick"),
        ("a relaxed yodel", "yodel"),
        ("arms crossed, bored", "arms crossed"),
        ("a person walks in (<elderly>:0.6) style", "walks"),
        ("a person does <spin-kick>", ""),
        ("", ""),
        ("?!", ""),
    ],
)
def test_main_words_leave_out_who_where_and_how(prompt: str, words: str) -> None:
    assert " ".join(word.text for word in main_words(prompt)) == words


def test_roles_are_verb_object_and_tool() -> None:
    found = {word.text: word.role for word in main_words("a person digs a hole with a shovel")}
    assert found == {"digs": "verb", "hole": "object", "shovel": "tool"}


@pytest.mark.parametrize(
    "forms",
    [
        "walk walks walked walking", "raise raises raised raising", "run runs running ran", "carry carries carrying",
        "lie lies lying", "reach reaches reached reaching", "pass passes passing", "tiptoe tiptoes", "push-up push-ups",
        "clap claps clapping", "fall falls falling fell", "squeeze squeezes squeezing", "catch catches catching",
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


def test_other_words_have_other_stems() -> None:
    words = ["walk", "wave", "wander", "run", "row", "raise", "rise", "sit", "stand", "step", "stop", "lie", "lay"]
    assert len({stem(word) for word in words}) == len(words) - 1  # "lay" is what one did who lies


def test_tokens_are_left_out_with_what_belongs_to_them() -> None:
    assert leave_out_tokens("a person walks in <elderly> style") == "a person walks"
    assert leave_out_tokens("a person (walks like (<ann>:0.5))") == "a person walks"
    assert leave_out_tokens("a person (calmly) walks") == "a person (calmly) walks"
