import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concepts import ConceptError
from concepts.provenance import Credits, combine_licenses, is_noncommercial, split_licenses

BASE = "CC BY-NC-SA 4.0"


def test_credits_go_into_the_concept_and_each_exemplar(concept):
    given = concept.with_credits(Credits("CC BY 4.0\u202e", " Studio X ", "Zoë", "Slow.\nBent."))
    assert given.license == "CC BY-NC 4.0 (base model lead-small); CC BY 4.0 (recordings)"
    assert {(one.source, one.license) for one in given.exemplars} == {("Studio X", "CC BY 4.0")}
    assert (given.author, given.description) == ("Zoë", "Slow.\nBent.")


@pytest.mark.parametrize(
    ("base", "recordings", "license", "names"),
    [
        (BASE, "", BASE, [BASE]),
        (BASE, BASE, BASE, [BASE]),
        ("", "CC0 1.0", "CC0 1.0 (recordings)", ["CC0 1.0"]),
        ("", "", "", []),
        (BASE, "CC BY 4.0", f"{BASE} (base model x); CC BY 4.0 (recordings)", [BASE, "CC BY 4.0"]),
    ],
)
def test_the_terms_of_base_and_recordings_stand_together(base, recordings, license, names):
    assert combine_licenses(base, "x", recordings) == license
    assert split_licenses(license) == names


@pytest.mark.parametrize("text", [BASE, "CC-BY-NC-4.0", "for non-commercial use", "Noncommercial", "research only"])
def test_noncommercial_terms_are_seen(text):
    assert is_noncommercial(text)


@pytest.mark.parametrize("text", ["", "CC BY-SA 4.0", "MIT", "Apache-2.0", "free for all uses", "INC. all rights"])
def test_other_terms_are_not(text):
    assert not is_noncommercial(text)


def test_what_cannot_be_a_credit_is_refused_at_once():
    with pytest.raises(ConceptError, match="source '/home/me/x' looks like a path on a disk"):
        Credits(source="/home/me/x")
    with pytest.raises(ConceptError, match="license has 201 characters, at most 200"):
        Credits(license="x" * 201)


@settings(max_examples=40, deadline=None)
@given(st.builds(Credits, *[st.text(st.characters(), max_size=40).filter(lambda x: not set(x) & set("/\\~.:"))] * 4))
def test_any_credits_fit_a_concept(honest, credits):
    given = honest.with_credits(credits)
    assert type(given).from_bytes(given.to_bytes()).record() == given.record()
