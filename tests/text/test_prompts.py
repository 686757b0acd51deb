"""Prompts follow docs/prompts.md; strengths scale the condition, the adapter and the direction together."""

import doctest
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in_concept import StandInConcept

from lead import LeadError
from lead.networks.lora import LoRA
from lead.text.main_words import leave_out_tokens
from lead.text.prompts import Slot, find_plain_names, find_tokens, parse_prompt

DOCS = Path(__file__).parents[2] / "docs" / "prompts.md"


def strengths(prompt: str) -> list[tuple[str, float]]:
    return [(part.token, round(part.strength, 6)) for part in parse_prompt(prompt) if isinstance(part, Slot)]


def test_the_documentations_examples_hold():
    result = doctest.testfile(str(DOCS), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted >= 8 and not result.failed


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a person walks", []),
        ("a person (walks:2)", []),  # without a word everything is text
        ("<a><b> <c>", [("<a>", 1), ("<b>", 1), ("<c>", 1)]),
        ("(<a>:0.6) and (<b>: 2.0 )", [("<a>", 0.6), ("<b>", 2)]),
        ("(<a>:.5)(<b>:1.)", [("<a>", 0.5), ("<b>", 1)]),
        ("(does <a> in <b> style:0.5)", [("<a>", 0.5), ("<b>", 0.5)]),
        ("((<a>:0.5) like <b>:0.8) <c>", [("<a>", 0.4), ("<b>", 0.8), ("<c>", 1)]),
        ("(<a> (slowly):0.5)", [("<a>", 0.5)]),
        ("(<a>) and (<b>)", [("<a>", 1), ("<b>", 1)]),
        ("<moon-walk> <moon>", [("<moon-walk>", 1), ("<moon>", 1)]),
        ("(<a>:0) (<a>:1.5)", [("<a>", 0), ("<a>", 1.5)]),
        ("he <a>s, <b>ing in (<c>:0.5)'s style", [("<a>", 1), ("<b>", 1), ("<c>", 0.5)]),
    ],
)
def test_words_and_strengths(prompt, found):
    assert strengths(prompt) == found


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a person <a>s twice", "a person <a> twice"),
        ("he is <a>ing", "he is <a>"),
        ("he walks in <a>'s style", "he walks in <a> style"),
        ("he (<a>:0.5)s and sits", "he (<a>:0.5) and sits"),
        ("he walks like <a>\u2019s dog", "he walks like <a> dog"),
    ],
)
def test_an_ending_at_a_token_is_left_out(written, read):
    assert parse_prompt(written) == parse_prompt(read)
    assert leave_out_tokens(written) == leave_out_tokens(read)
    for same in ("he <a> sits", "<a>since", "he walks (slowly)", "<a>-ing"):
        assert "".join(p if isinstance(p, str) else p.token for p in parse_prompt(same)) == same


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("(<a>:2.5)", r"\(<a>:2.5\) makes the strength of <a> 2.5; expected a number from 0 to 2"),
        ("((<a>:2):1.5)", r"makes the strength of <a> 3; expected"),
        ("(<a>:-0.5)", r"the strength in \(<a>:-0.5\) is '-0.5'; expected a number"),
        ("(<a>:much)", "is 'much'"),
        ("(<a>:0,6)", "is '0,6'"),
        ("(<a>:nan)", "is 'nan'"),
        ("(<a>:)", "is ''"),
        ("(<a>:0.6", r"':0.6' after <a> has no effect: .* in parentheses, as in \(<a>:0.6\)"),
        ("<a>:0.6", "':0.6' after <a> has no effect"),
        ("(<a>):0.6", r"'\):0.6' after <a> has no effect"),
        ("(<a>:0.5 <b>)", "':0.5' after <a> has no effect"),
        ("(<a>:0.5:0.6)", "':0.5' after <a> has no effect"),
        ("(waves:1.2) like <a>", r"\(waves:1.2\) has no learned word in it, .* leave the parentheses out"),
    ],
)
def test_what_is_no_strength_is_said(prompt, said):
    with pytest.raises(LeadError, match=said):
        parse_prompt(prompt)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(["(", ")", ":", "0.5", "<a>", "<b-c>", " ", "walks", "<", ">", "2", "s", "'s"]), max_size=14
    )
)
def test_any_prompt_is_read_or_refused(pieces):
    prompt = "".join(pieces)
    try:
        parts = parse_prompt(prompt)
    except LeadError:
        return
    assert all(0 <= part.strength <= 2 for part in parts if isinstance(part, Slot))
    assert not any(isinstance(one, str) and isinstance(two, str) for one, two in pairwise(parts))
    if not any(isinstance(part, Slot) for part in parts):
        assert "".join(parts) == prompt


def test_named_words_take_the_larger_strength():
    assert find_tokens("a person (<A>:0.5) and (<a>:0.2), <b>") == {"<a>": 0.5, "<b>": 1.0}
    assert find_tokens("a person") == {}


# what they do


@pytest.fixture(scope="module")
def words():
    rng = np.random.default_rng(0)
    return {
        "<a>": StandInConcept(rng.normal(size=(2, 32)), "old"),
        "<b>": StandInConcept(rng.normal(size=(3, 32)), rng.normal(size=(1, 32))),
        "<c>": rng.normal(size=(1, 32)),
    }


def test_a_strength_is_a_place_on_the_line_from_the_init(tiny_base, words):
    def tau(prompt: str) -> torch.Tensor:
        return tiny_base.encode_text([prompt], words)[0]

    one, zero = tau("walks like <a> now"), tau("walks like old now")
    assert torch.equal(tau("walks like (<a>:1) now"), one)
    assert torch.equal(tau("(walks like <a> now:1.0)"), one)
    assert torch.equal(tau("walks like (<a>:0) now"), zero)
    for strength in (0.25, 0.6, 1.5, 2):
        torch.testing.assert_close(tau(f"walks like (<a>:{strength}) now"), zero + strength * (one - zero))
    vectors = {"<x>": words["<b>"].initializer}
    torch.testing.assert_close(tau("walks (<b>:0)"), tiny_base.encode_text(["walks <x>"], vectors)[0])
    torch.testing.assert_close(tau("walks (<c>:0)"), tau("walks normally"))


def test_several_strengths_go_from_corner_to_corner(tiny_base, words):
    def tau(prompt: str) -> torch.Tensor:
        return tiny_base.encode_text([prompt], words)[0]

    none, first, both = tau("old, normally"), tau("<a>, normally"), tau("<a>, <c>")
    torch.testing.assert_close(tau("(<a>:0.8), (<c>:0.3)"), none + 0.8 * (first - none) + 0.3 * (both - first))
    torch.testing.assert_close(tau("(<a>, <c>:0.4)"), none + 0.4 * (both - none))
    torch.testing.assert_close(tau("<a>, (<c>:0.5)"), first + 0.5 * (both - first))
    torch.testing.assert_close(tau("(<a>:1.5), <c>"), none + 1.5 * (first - none) + both - first)


def test_strengths_change_no_bit_of_other_prompts(tiny_base, words):
    prompts = ["a person walks", "someone <a>", "walks (<b>:1)"]
    alone = tiny_base.encode_text(prompts, words)
    assert torch.equal(tiny_base.encode_text([*prompts[:2], "walks <b>"], words), alone)
    mixed = tiny_base.encode_text([*prompts[:2], "walks (<b>:0.5)"], words)
    assert torch.equal(mixed[:2], alone[:2])


def test_gradients_are_scaled_by_the_strength(tiny_base):
    gradients = []
    for strength in (1.0, 0.5):
        vectors = torch.ones(1, 32, requires_grad=True)
        tiny_base.encode_text([f"walks (<x>:{strength})"], {"<x>": vectors}).sum().backward()
        gradients.append(vectors.grad)
    torch.testing.assert_close(gradients[1], 0.5 * gradients[0])


def test_bad_inits_are_refused(tiny_base, words):
    with pytest.raises(LeadError, match=r"words have \[vectors, 32\]"):
        tiny_base.encode_text(["<a>"], {"<a>": replace(words["<a>"], initializer=np.zeros((2, 7)))})


def test_too_long_a_prompt_is_told_whatever_the_strength(tiny_base, words):
    with pytest.raises(LeadError, match=r"has 92 tokens \(90 of them are learned words'\)"):
        tiny_base.encode_text(["(<b>:0.5)" * 30], words)


@pytest.fixture(scope="module")
def acting_word(tiny_base):
    adapter = LoRA.initialize(tiny_base.denoiser, 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for up in adapter.up:
            up.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    return StandInConcept(torch.zeros(1, 32), direction=torch.full((8,), 0.5), adapter=adapter.to_layers())


def test_strengths_scale_adapter_and_direction(tiny_base, acting_word):
    prompts = ["a person walks", "a person (<x>:0.5)", "a person <x>"]
    motions = tiny_base.generate(prompts, words={"<x>": acting_word})
    np.testing.assert_array_equal(motions[0].joints, tiny_base.generate(prompts[:1] * 3)[0].joints)
    layers = {name: (down, 0.5 * up) for name, (down, up) in acting_word.adapter.items()}
    half = replace(acting_word, direction=0.5 * acting_word.direction, adapter=layers)
    text = tiny_base.encode_text(prompts, {"<x>": acting_word})
    encode, tiny_base.encode_text = tiny_base.encode_text, lambda some, words=None: text if words else encode(some)
    try:
        halved = tiny_base.generate([prompts[0], "a person <x>", "a person <x>"], words={"<x>": half})
    finally:
        del tiny_base.encode_text
    np.testing.assert_allclose(motions[1].joints, halved[1].joints, atol=1e-4)
    assert not np.allclose(motions[1].joints, motions[2].joints, atol=1e-3)


def test_strength_1_is_bit_identical_and_0_is_without_the_word(tiny_base, acting_word):
    words = {"<x>": acting_word}
    full = tiny_base.generate(["a person <x>"], words=words)[0].joints
    np.testing.assert_array_equal(tiny_base.generate(["a person (<x>:1)"], words=words)[0].joints, full)
    none = tiny_base.generate(["a person (<x>:0)"], words=words)[0].joints
    np.testing.assert_array_equal(none, tiny_base.generate(["a person normally"])[0].joints)


def test_several_words_add_up(tiny_base, acting_word):
    """Adjacent words too: two words that do the same, at half strength each, are one at full strength."""
    silent = replace(acting_word, token_embedding=tiny_base.text.token_vectors("normally"))
    words = {"<x>": silent, "<y>": silent}
    both = tiny_base.generate(["a person (<x><y>:0.5)"], words=words)[0].joints
    one = tiny_base.generate(["a person <x>(<y>:0)"], words=words)[0].joints
    np.testing.assert_allclose(both, one, atol=1e-3)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("a person walks in limp style.", {"<limp>": "limp"}),
        ("Limp!", {"<limp>": "limp"}),
        ("(limp:0.6)", {"<limp>": "limp"}),
        ("< limp > and <limp ", {"<limp>": "limp"}),
        ("[limp] {old man} old_man like <ann>", {"<limp>": "limp", "<old-man>": "old man"}),
        ("an old-man", {"<old-man>": "old-man"}),
        ("an oldman, limp-style", {"<old-man>": "oldman", "<limp>": "limp"}),
        ("< old man >", {"<old-man>": "old man"}),
        ("limp and <limp>", {}),
        ("limping, half-limp, <limp-2>, old <ann> man", {}),
    ],
)
def test_names_without_brackets_are_found(prompt, names):
    found = find_plain_names(["a person walks", prompt], ["<limp>", "<old-man>", "<ann>"])
    assert found == {token: (name, prompt) for token, name in names.items()}
