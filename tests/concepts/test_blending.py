"""Blends lie between two words part by part; opposites have the opposite direction; unfit pairs are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from concepts import Concept, ConceptError, Exemplar, StyleSchedule, blend, negate
from concepts.blending import slerp
from concepts.schedule import VERSION_1

LAYER = "adapter.blocks.0.mlp"
SCHEDULES = StyleSchedule(1.5, 0.25, 0.3), StyleSchedule(1.0, 0.75, 0.3)


@pytest.fixture
def pair(concept):
    """Two words with all that acts: of ranks 2 and 3."""
    rng = np.random.default_rng(1)

    def make_tensors(rank: int) -> dict[str, np.ndarray]:
        down, up = rng.normal(size=(rank, 6)), rng.normal(size=(5, rank))
        return {"direction": rng.normal(size=8), f"{LAYER}/down": down, f"{LAYER}/up": up}

    a = replace(concept, tensors={**concept.tensors, **make_tensors(2)}, schedule=SCHEDULES[0])
    exemplars = (concept.exemplars[0], Exemplar.from_joints(rng.normal(size=(9, 22, 3)), 20.0, "mine", "CC0"))
    b = replace(
        concept, token="<proud>", token_embedding=rng.normal(size=(2, 256)), tensors=make_tensors(3), init="",
        exemplars=exemplars, author="Ann", license="CC BY-NC 4.0; CC0 (recordings)", kind="persona",
        schedule=SCHEDULES[1],
    )  # fmt: skip
    return a, b


def product(concept: Concept) -> np.ndarray:
    return concept.tensors[f"{LAYER}/up"].astype(np.float64) @ concept.tensors[f"{LAYER}/down"].astype(np.float64)


def scale_direction(concept: Concept) -> np.ndarray:
    return np.float32(concept.schedule.direction_scale) * concept.tensors["direction"]


VECTORS = arrays.arrays(np.float32, 6, elements=st.floats(-3, 3, width=32))


@settings(deadline=None, max_examples=100)
@given(VECTORS, VECTORS, st.floats(0, 1))
def test_slerp_keeps_lengths_and_turns_evenly(a, b, weight):
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) < 0.1 or a @ b < -0.99 * lengths[0] * lengths[1]:
        return
    found = slerp(a, b, weight).astype(np.float64)
    assert np.linalg.norm(found) == pytest.approx((1 - weight) * lengths[0] + weight * lengths[1], rel=1e-4)

    def angle(x, y):
        return np.arccos(np.clip(x @ y / np.linalg.norm(x) / np.linalg.norm(y), -1, 1))

    assert angle(a, found) == pytest.approx(weight * angle(a, b), abs=2e-3)


def test_slerp_at_its_ends_and_where_there_is_no_arc():
    a, b = np.array([3.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    np.testing.assert_array_equal(slerp(a, b, 0.0), a)
    np.testing.assert_array_equal(slerp(a, b, 1.0), b)
    np.testing.assert_allclose(slerp(a, b, 0.5), np.sqrt([2.0, 2.0]), rtol=1e-6)
    np.testing.assert_allclose(slerp(a, 2 * a, 0.25), 1.25 * a)
    np.testing.assert_allclose(slerp(np.zeros(2), b, 0.25), 0.25 * b)
    with pytest.raises(ConceptError, match="a blend of opposites is not defined"):
        slerp(a, -a, 0.5)


def test_a_blend_lies_between_part_by_part(pair):
    a, b = pair
    new = blend(a, b, 0.25)
    assert (new.token, new.title, new.kind, new.objective) == ("<elderly-proud>", "elderly-proud", "style", "blend")
    np.testing.assert_allclose(new.token_embedding[1], slerp(a.token_embedding[1], b.token_embedding[1], 0.25))
    scaled = (scale_direction(word) for word in (new, a, b))
    np.testing.assert_array_equal(next(scaled), slerp(*scaled, 0.25))
    assert new.schedule == StyleSchedule(1.0, 0.375, 0.3)
    assert new.tensors[f"{LAYER}/down"].shape == (5, 6)
    np.testing.assert_allclose(product(new), 0.75 * product(a) + 0.25 * product(b), atol=0.01)  # float16
    assert set(new.tensors) == {"direction", f"{LAYER}/down", f"{LAYER}/up"}
    assert Concept.from_bytes(new.to_bytes()).to_bytes() == new.to_bytes()


def test_a_blend_records_its_parents(pair):
    a, b = pair
    new = blend(a, b, 0.25, "<grandee>")
    assert (new.token, new.scores) == ("<grandee>", {"blend.weight": 0.25})
    assert new.description == "A blend: 0.75 of <elderly>, 0.25 of <proud>."
    assert new.license == "CC BY-NC 4.0; CC0 (recordings)" and new.author == "Zoë 走る, Ann"
    assert [one.sha256 for one in new.exemplars] == [one.sha256 for one in (*a.exemplars, b.exemplars[1])]
    assert new.init == "" and new.loss == () and new.steps == 0 and new.fingerprints == a.fingerprints


def test_blends_at_weight_0_and_1_are_the_words_themselves(pair):
    for weight, word in zip((0.0, 1.0), pair, strict=True):
        new = blend(*pair, weight)
        np.testing.assert_array_equal(new.token_embedding, word.token_embedding)
        for name in (f"{LAYER}/down", f"{LAYER}/up"):
            np.testing.assert_array_equal(new.tensors[name], word.tensors[name])
        np.testing.assert_array_equal(scale_direction(new), scale_direction(word))
        assert new.schedule == replace(word.schedule, direction_scale=1.0)


def test_a_file_of_version_1_and_its_like_of_version_2_blend_alike(pair):
    """The direction of the one is stored scaled, that of the other is not."""
    a, b = pair
    schedule = replace(VERSION_1, direction_share_seen=a.schedule.direction_share_seen)
    old = replace(a, tensors={**a.tensors, "direction": scale_direction(a)}, schedule=schedule)
    for weight in (0.0, 0.3, 1.0):
        assert blend(old, b, weight).to_bytes() == blend(a, b, weight).to_bytes()


def test_tensors_of_only_one_word_are_weighted(pair):
    a, b = pair
    bare = replace(b, tensors={}, schedule=None)
    new = blend(a, bare, 0.25)
    np.testing.assert_allclose(scale_direction(new), 0.75 * scale_direction(a), rtol=1e-6)
    assert new.schedule == blend(bare, a, 0.75).schedule == replace(a.schedule, direction_scale=1.0)
    assert blend(bare, bare, 0.5).schedule is None
    np.testing.assert_allclose(product(new), 0.75 * product(a), atol=0.01)
    assert "init" not in new.tensors


def test_a_blend_has_a_direction_for_each_action_of_both(pair):
    """A concept that was learned from one action has its direction in the place of the missing ones."""
    rng = np.random.default_rng(2)
    a, b = pair
    seen = rng.normal(size=(2, 8))
    a = replace(a, templates=("a person walks {}", "a person runs {}"), tensors={**a.tensors, "direction.seen": seen})
    b = replace(b, templates=("a person runs {}", "a person waves {}"))
    new = blend(a, b, 0.25)
    assert new.templates == ("a person walks {}", "a person runs {}", "a person waves {}")
    ours = np.float32(1.5) * np.stack([*seen, a.tensors["direction"]]).astype(np.float32)
    theirs = np.float32(1.0) * b.tensors["direction"]
    for row, direction in zip(new.tensors["direction.seen"], ours, strict=True):
        np.testing.assert_allclose(row, slerp(direction, theirs, 0.25), rtol=1e-6)
    np.testing.assert_array_equal(blend(a, b, 0.0).tensors["direction.seen"], ours)
    assert "direction.seen" not in blend(b, b, 0.5, "<b>").tensors
    np.testing.assert_array_equal(negate(a).tensors["direction.seen"], -a.tensors["direction.seen"])


def test_the_opposite_changes_only_the_directions_sign(pair):
    a, _ = pair
    new = negate(a)
    assert (new.token, new.title, new.description) == ("<not-elderly>", "not-elderly", "The opposite of <elderly>.")
    assert list(new.tensors) == ["direction"] and not new.token_embedding.any() and new.init == ""
    np.testing.assert_array_equal(new.tensors["direction"], -a.tensors["direction"])
    assert (new.license, new.exemplars, new.templates) == (a.license, a.exemplars, a.templates)
    assert new.schedule == a.schedule
    np.testing.assert_array_equal(negate(new).tensors["direction"], a.tensors["direction"])
    with pytest.raises(ConceptError, match="<elderly> has no direction, so it has no opposite"):
        negate(replace(a, tensors={}, schedule=None))


def test_long_names_still_make_a_token(pair):
    a, b = (replace(word, token=f"<{letter * 63}>") for word, letter in zip(pair, "ab", strict=True))
    assert blend(a, b).token == f"<{'a' * 63}>" and negate(a).token == f"<not-{'a' * 59}>"


def test_words_that_cannot_be_blended_are_refused(pair):
    a, b = pair
    with pytest.raises(ConceptError, match=r"the weight is 1.5, expected 0 \(all of <elderly>\) to 1"):
        blend(a, b, 1.5)
    with pytest.raises(ConceptError, match="expected 0"):
        blend(a, b, float("nan"))
    elsewhere = replace(b, base="other", fingerprints={**b.fingerprints, "text": "77" * 32})
    with pytest.raises(ConceptError, match=r"base 'lead-small' \(text abab.*'other' \(text 7777.*words of one base"):
        blend(a, elsewhere)
    with pytest.raises(ConceptError, match=r"\(vae cdcd"):
        blend(a, replace(b, fingerprints={**b.fingerprints, "vae": "77" * 32}))
    other_projector = replace(b, fingerprints={**b.fingerprints, "projector": "77" * 32})
    assert blend(a, other_projector).token == "<elderly-proud>"
    with pytest.raises(ConceptError, match="cannot be blended: put both into one prompt"):
        blend(a, replace(b, kind="action"))
    with pytest.raises(ConceptError, match="<elderly> has 2 vectors, <proud> has 3"):
        blend(a, replace(b, token_embedding=np.ones((3, 256))))
    with pytest.raises(ConceptError, match="direction of <elderly> and of <proud> differ in size"):
        blend(a, replace(b, tensors={"direction": np.ones(9)}))
    wide = {f"{LAYER}/down": np.full((40, 6), 0.1), f"{LAYER}/up": np.full((5, 40), 0.1)}
    with pytest.raises(ConceptError, match="adapter would have rank 80, at most 64"):
        blend(*(replace(word, tensors=wide, schedule=None) for word in pair))
