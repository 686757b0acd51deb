"""How a prompt may go on."""

from hypothesis import given
from hypothesis import strategies as st

from cli.studio.generate.completion import MOST, complete_prompt

TOKENS, EXAMPLES = (
    ["<elderly>", "<elf-walk>", "<kick>"],
    ["a person walks", "a person walks backward", "a person waves"],
)


def test_an_open_bracket_is_completed_by_words() -> None:
    assert complete_prompt("a person walks in <el", TOKENS, EXAMPLES) == [
        "a person walks in <elderly>", "a person walks in <elf-walk>"
    ]  # fmt: skip
    assert complete_prompt("does <wa", TOKENS, EXAMPLES) == ["does <elf-walk>"]
    assert complete_prompt("does <", TOKENS, []) == [f"does {token}" for token in TOKENS]


def test_sentences_and_plain_names_are_completed() -> None:
    assert complete_prompt("A person walks", TOKENS, EXAMPLES) == ["A person walks backward"]
    assert complete_prompt("a person does ki", TOKENS, EXAMPLES) == ["a person does <kick>"]
    assert complete_prompt("  ", TOKENS, EXAMPLES) == []


@given(st.text(max_size=40))
def test_completions_are_few_and_are_prompts(text: str) -> None:
    found = complete_prompt(text, TOKENS, EXAMPLES)
    assert len(found) <= MOST and len(set(found)) == len(found) and text not in found
