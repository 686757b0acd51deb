"""What a prompt says of how a learned action is done."""

import pytest

from lead.text.worded_style import StyledAction, split_style


@pytest.mark.parametrize(
    ("prompt", "action", "phrase"),
    [
        ("a person does <kick> in a feminine style", "a person <kick>", "in a feminine way"),
        ("a person <kick>s like an old man", "a person <kick>", "like an old man"),
        ("an old man <kick>s", "a person <kick>", "like an old man"),
        ("A robot is doing a <KICK>.", "a person <KICK>", "in a robotic way"),
        ("happily, someone performs the (<kick>:0.8) twice", "a person (<kick>:0.8) twice", "in a happy way"),
        ("a person <kick> slowly in a sad style", "a person <kick> slowly", "in a sad way"),
        ("a person <kick>s, hunched over, twice", "a person <kick> twice", "hunched over"),
        ("a person does <kick> with crossed arms", "a person <kick>", "with crossed arms"),
        ("a proud king does <kick>", "a person <kick>", "in a proud way like a king"),
    ],
)
def test_the_action_and_its_manner_are_told_apart(prompt, action, phrase):
    assert split_style(prompt, {"<kick>"}) == StyledAction(action, phrase)


@pytest.mark.parametrize(
    "prompt",
    [
        "a person <kick>s",
        "a person <kick>s slowly",
        "a person <kick>s drunkenly",
        "a person <kick>s with the arms raised",
        "a person <kick>s happily, then sits down",
        "a person <kick>s happily while walking",
        "a person does <kick> in <sad> style",
        "a person walks sadly like <kick>",
        "a person does not <kick> sadly",
        "a person jumps sadly",
        "a person <kick>s frobnically in a sad style",
        "a person <sad>s sadly",
        "<kick>",
        "a person (<kick>:0)s sadly",
        "",
    ],
)
def test_all_else_stays_as_it_is(prompt):
    assert split_style(prompt, {"<kick>"}) is None
