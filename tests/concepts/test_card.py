"""Cards: what hubs read in them; texts of others stay plain text."""

import re
from dataclasses import replace

import pytest
import samples
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from concepts import Concept, ConceptError, Exemplar
from concepts.card import concept_to_card, escape_markup, license_to_hub_id


def front_matter(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_a_card_says_what_hubs_and_people_ask_for():
    text = concept_to_card(samples.style(), "elderly.safetensors", "preview.png", "preview.html")
    assert front_matter(text) == {
        "library_name": "lead-invert",
        "license": "other",
        "license_name": "cc-by-nc-sa-4.0-and-cc-by-4.0",
        "base_model": "sample-base",
        "base_model_relation": "adapter",
        "instance_prompt": "a person walks in <elderly> style",
        "tags": ["text-to-motion", "human-motion", "motion-capture", "textual-inversion", "lead-invert", "style"],
        "thumbnail": "preview.png",
    }
    assert re.findall(r"^#+ (.*)$", text, re.MULTILINE) == [
        "elderly", "Use", "How it was made", "Figures", "License", "Limits",
    ]  # fmt: skip
    for words in (
        "from 2 recordings", "> Learned for nobody; a sample.", "(preview.png)", "[preview.html](preview.html)",
        'generate "a person walks in <elderly> style" --concept elderly.safetensors', "2, 2.7 s in all",
        "Zoë's recordings", "| on how many other actions or ways it works (0 to 1) | 0.75 |", "Not for commercial use",
        "| 2 recordings | CC BY 4.0 |", "text `abababababab`", "like an old person", "Zoë 走る",
    ):  # fmt: skip
        assert words in text


def test_a_card_of_a_word_with_few_facts():
    text = concept_to_card(samples.action(), "spin-kick.safetensors")
    assert "license" not in front_matter(text)
    for words in ("| this word | not stated |", "ask the author", "Its recordings are not stated", "an action"):
        assert words in text
    for words in ("## Figures", "preview", "commercial", "![", "thumbnail"):
        assert words not in text


def test_a_card_warns_of_a_word_that_transfers_badly(concept):
    bound = replace(concept, scores={"report.travels": 0.25})
    assert "It worked on 25% of the other actions" in concept_to_card(bound, "x")
    assert "It worked on" not in concept_to_card(replace(concept, scores={"report.travels": 0.75}), "x")


@pytest.mark.parametrize(
    ("license", "identifier"),
    [
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"), ("CC-BY-4.0", "cc-by-4.0"), ("CC BY 3.0", "cc-by-3.0"),
        ("CC BY 9.0", "other"), ("CC0", "cc0-1.0"), ("PDDL 1.0", "pddl"), ("MIT", "mit"), ("Apache 2.0", "apache-2.0"),
        ("free for all uses", "other"), ("CC BY 4.0 (base model x); CC BY 4.0 (recordings)", "cc-by-4.0"),
        ("CC BY 4.0 (base model x); MIT (recordings)", "other"),
    ],
)  # fmt: skip
def test_licenses_as_the_hub_names_them(license, identifier):
    assert license_to_hub_id(license) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>", "[a](javascript:x)", "![a](http://x)", "`code`", "a | b", "# head", "- item", "1. item",
        "https://example.org", "www.example.org", "a@example.org", "*b* _i_ ~~s~~", "---", "&lt;",
    ],
)  # fmt: skip
def test_markup_of_strangers_is_no_markup(text):
    safe = escape_markup(text)
    assert not re.search(r"[<>\[\]`|*_~@:]|www\.|^(#|-|\d+\.)", safe)
    import html

    assert html.unescape(safe) == text


def test_a_strangers_prompt_is_no_shell_command(concept):
    spoiled = replace(concept, templates=("{} $(rm -rf ~) `x` \"; x",))
    text = concept_to_card(spoiled, "my file;x.safetensors")
    assert 'lead-invert generate "a person <elderly>" --concept \'my file;x.safetensors\'' in text
    assert "rm -rf" not in text.partition("## Use")[2].partition("## How")[0]


anything = st.text(st.characters(), max_size=40)


@settings(max_examples=40, deadline=None)
@given(title=anything, description=anything, license=anything, template=anything, base=anything, author=anything)
def test_any_unicode_gives_a_card_that_can_be_read(honest, title, description, license, template, base, author):
    try:
        odd = replace(honest, title=title, description=description, license=license, author=author,
                      base=base, templates=(template + "{}",),
                      exemplars=(Exemplar("0" * 64, 9, 20.0, license=license),))  # fmt: skip
    except ConceptError:
        return
    text = concept_to_card(odd, "x.safetensors")
    text.encode()
    told = front_matter(text)
    assert (told["base_model"], told["instance_prompt"]) == (odd.base, odd.probe_prompt)
    assert text.count("\n## ") == 5
    assert isinstance(odd, Concept)


@pytest.mark.parametrize(
    "name", ["a\n```\n# Owned\n.safetensors", "`x`.safetensors", "-o.safetensors", "\x1b[31m.safetensors"]
)
def test_a_file_name_stays_in_its_block(concept, name):
    text = concept_to_card(concept, name)
    assert "lead-invert verify elderly.safetensors\n" in text and "Owned" not in text
    assert text.count("```") == 4 and "\x1b" not in text
