"""What the embedded base says of motions that it knows, and of one that it does not."""

from dataclasses import replace

import numpy as np
import pytest

from inversion import InversionError
from inversion.describe import describe, made_with, motion_words, our_captions, shown


@pytest.fixture(scope="module")
def squats(base):
    return base.generate(["a person squats"] * 3, seconds=3.0, seed=4)


def test_what_the_base_makes_is_described_by_what_it_was_asked_for(base, squats):
    found = describe(base, squats, captions=["a person sits", "a person squats", "a person runs"], count=2)
    assert found.captions[0].text == "a person squats" and len(found.captions) == 2
    assert found.words[0].text == "squat" and found.words[0].similarity > found.words[1].similarity
    assert found.known and "squats" in found.caption and found.concepts == ()


def test_a_style_that_nobody_trained_on_is_not_known_and_its_word_is_near(base, elderly_walks, elderly, squats):
    other = replace(elderly, token="<squat>", tensors={"preview.joints": squats[0].joints}, schedule=None)
    found = describe(base, elderly_walks[2:], [other, elderly])
    assert [near.text for near in found.concepts] == ["<elderly>", "<squat>"]
    assert not found.known and found.caption_gap > 1
    assert {"walk", "stroll", "walking", "zombie", "cautious"} & {near.text for near in found.words}
    assert len(found.captions) == 5 and all("walk" in near.text for near in found.captions)


def test_a_concept_shows_its_preview_or_a_motion_made_with_it(base, elderly):
    np.testing.assert_array_equal(shown(base, elderly).joints, elderly.tensors["preview.joints"].astype(np.float32))
    bare = replace(elderly, tensors={name: x for name, x in elderly.tensors.items() if name != "preview.joints"})
    motions = made_with(base, bare)
    assert len(motions) == 8 and motions[0].seconds == pytest.approx(4.0, abs=0.1)
    np.testing.assert_array_equal(shown(base, bare).joints, motions[0].joints)


def test_candidates_are_words_and_sentences_of_motion():
    assert {"walk", "squat", "vigorously", "elderly"} <= set(motion_words())
    assert "a person walks backward" in our_captions() and "a person runs slowly" in our_captions()


def test_nothing_to_describe_is_said(base):
    with pytest.raises(InversionError, match="no motion to describe"):
        describe(base, [])
