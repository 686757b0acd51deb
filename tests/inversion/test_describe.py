"""What the embedded base reports about motions that it knows, and about one that it does not know."""

from dataclasses import replace

import numpy as np
import pytest

from inversion import InversionError
from inversion.describe import CAPTIONS, describe, find_example, generate_examples, list_words
from inversion.encoded_clips import encode_clips


@pytest.fixture(scope="module")
def squats(base):
    return base.generate(["a person squats"] * 3, seconds=3.0, seed=4)


def test_a_generated_motion_is_described_by_its_prompt(base, squats):
    captions = ["a person sits", "a person squats", "a person runs"]
    found = describe(base, encode_clips(base, squats), captions=captions, count=2)
    assert found.captions[0].text == "a person squats" and len(found.captions) == 2
    assert found.words[0].text in ("squat", "squats") and found.words[0].similarity > found.words[1].similarity
    assert "squats" in found.caption and found.concepts == ()


def test_a_generated_motion_is_known(base):
    raised = base.generate(["a person raises the left hand"] * 3, seconds=3.0, seed=4)
    found = describe(base, encode_clips(base, raised))
    assert found.known and "left hand" in found.caption


def test_an_unseen_style_is_not_known_and_its_concept_is_near(base, elderly_walks, elderly, squats):
    other = replace(elderly, token="<squat>", tensors={"preview.joints": squats[0].joints}, schedule=None)
    found = describe(base, encode_clips(base, elderly_walks[2:]), [other, elderly])
    assert [near.text for near in found.concepts] == ["<elderly>", "<squat>"]
    assert not found.known and found.caption_gap > 1
    assert {"walk", "stroll", "walking", "zombie", "cautious"} & {near.text for near in found.words}
    assert len(found.captions) == 5 and all("walk" in near.text for near in found.captions)


def test_a_concepts_example_is_its_preview_or_a_generated_motion(base, elderly):
    preview = elderly.tensors["preview.joints"].astype(np.float32)
    np.testing.assert_array_equal(find_example(base, elderly).joints, preview)
    bare = replace(elderly, tensors={name: x for name, x in elderly.tensors.items() if name != "preview.joints"})
    motions = generate_examples(base, bare)
    assert len(motions) == 8 and motions[0].seconds == pytest.approx(4.0, abs=0.1)
    np.testing.assert_array_equal(find_example(base, bare).joints, motions[0].joints)


def test_candidates_are_words_and_captions_of_motion():
    assert {"walk", "squat", "vigorously", "elderly"} <= set(list_words())
    assert {"a person walks backward", "a person runs slowly"} <= set(CAPTIONS)


def test_nothing_to_describe_is_an_error(base):
    with pytest.raises(InversionError, match="no motion to describe"):
        describe(base, encode_clips(base, []))
