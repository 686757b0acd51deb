import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from concepts import Concept, ConceptError, Exemplar, thin_curve


def test_round_trip_keeps_everything(concept, tmp_path):
    path = concept.save(tmp_path / "elderly.safetensors")
    loaded = Concept.load(path)
    assert loaded.record() == concept.record()
    assert loaded.words.keys() == {"<elderly>"}
    np.testing.assert_array_equal(loaded.token_embedding, concept.token_embedding)
    assert loaded.tensors.keys() == concept.tensors.keys()
    for name, tensor in concept.tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(loaded.tensors[name], tensor)
    assert loaded.to_bytes() == concept.to_bytes()
    assert path.stat().st_size < 64 * 1024
    assert [p.name for p in tmp_path.iterdir()] == ["elderly.safetensors"]


def test_equal_content_gives_equal_bytes(fields, concept):
    other = dict(reversed(fields.items()))
    for name in ("scores", "tensors", "fingerprints"):
        other[name] = dict(reversed(fields[name].items()))
    other["token_embedding"] = np.asfortranarray(fields["token_embedding"].astype(">f4"))
    assert Concept(**other).to_bytes() == concept.to_bytes()
    assert replace(concept, seed=8).to_bytes() != concept.to_bytes()


def test_the_safetensors_library_reads_it(concept, tmp_path):
    path = concept.save(tmp_path / "elderly.safetensors")
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        assert set(file.keys()) == {"token_embedding", "init", "probe.cond", "preview.joints"}
        np.testing.assert_array_equal(file.get_tensor("token_embedding"), concept.token_embedding)
        np.testing.assert_array_equal(file.get_tensor("preview.joints"), concept.tensors["preview.joints"])
    assert metadata["modelspec.sai_model_spec"] == "1.0.0"
    assert metadata["modelspec.title"] == "elderly"
    assert metadata["modelspec.author"] == "Zoë 走る"
    assert metadata["modelspec.trigger_phrase"] == "<elderly>"
    assert metadata["modelspec.usage_hint"] == "a person walks in <elderly> style"
    assert json.loads(metadata["lead_invert.concept"])["exemplars"][0]["source"] == "Bandai"


anything = st.text(st.characters(), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.fixed_dictionaries(
        dict.fromkeys(("title", "author", "description", "license", "init", "objective"), anything)
    ),
    template=anything,
    score=anything,
    source=anything,
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_unicode_survives_cleaned(fields, texts, template, score, source, value):
    texts["objective"] = texts["objective"][:40]
    exemplar = {"sha256": "0" * 64, "frames": 1, "fps": 20}
    texts |= {"templates": ("{} " + template,), "scores": {score: value}}
    try:
        exemplars = (Exemplar(**exemplar, source=source, license=source),)
        concept = Concept(**fields | texts | {"exemplars": exemplars})
    except ConceptError as error:
        assert "like a path" in str(error) or "places for the word" in str(error)  # noqa: PT017
        return
    loaded = Concept.from_bytes(concept.to_bytes())
    assert loaded.record() == concept.record()
    assert loaded.to_bytes() == concept.to_bytes()
    assert "\x1b" not in json.dumps(concept.record(), ensure_ascii=False)


def test_arrays_are_copies_that_cannot_be_changed(fields):
    concept = Concept(**fields)
    before = concept.to_bytes()
    fields["token_embedding"][:] = 0
    word = concept.words["<elderly>"]
    for array in (word.token_embedding, word.initializer):
        array[:] = 0
    assert concept.to_bytes() == before
    with pytest.raises(ValueError, match="read-only"):
        concept.token_embedding[:] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token": "elderly"}, 'write it as "<elderly>"'),
        ({"kind": "dance"}, "expected one of action, style, persona"),
        ({"base": "/home/me/base"}, "never a path"),
        ({"base": ""}, "expected the base model's name"),
        ({"fingerprints": {"vae": "ab" * 32}}, 'fingerprints lacks "text"'),
        ({"fingerprints": {"text": "xyz"}}, "fingerprint of text is 'xyz'"),
        ({"templates": ("a person walks",)}, "has 0 places for the word"),
        ({"templates": ("{} and {}",)}, "has 2 places for the word"),
        ({"templates": "a {}"}, "templates is 'a {}', expected a list"),
        ({"loss": tuple(range(65))}, "loss has 65 entries, at most 64"),
        ({"loss": (float("nan"),)}, "the loss curve has nan, expected a finite number"),
        ({"scores": {"a": "b"}}, "a score has 'b', expected a number"),
        ({"scores": {"a": 10**400}}, "expected a finite number"),
        ({"steps": -1}, "steps is -1"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"seed": True}, "seed is True"),
        ({"seed": 2**64}, "seed is 18446744073709551616"),
        ({"fps": 0}, "fps is 0.0, expected 1 to 1000"),
        ({"date": "yesterday"}, "ISO 8601"),
        ({"title": "x" * 201}, "title has 201 characters, at most 200"),
        ({"title": 3}, "title is 3, expected a text"),
        (
            {"token_embedding": np.zeros((0, 256)), "tensors": {}},
            "vectors is 0 in tensor token_embedding, expected 1 to 64",
        ),
        ({"token_embedding": np.zeros(8)}, "expected [vectors, d_token]"),
        ({"token_embedding": np.full((2, 256), 11)}, "has numbers of 11 in the mean, expected at most 10"),
        ({"tensors": {"init": np.full((2, 256), -1e30)}}, "tensor init has numbers of 1e+30 in the mean"),
        ({"tensors": {"probe.cond": np.full(8, 1e4)}}, "tensor probe.cond has numbers of 1e+04 in the mean"),
        ({"tensors": {"preview.joints": np.full((5, 22, 3), 6e4)}}, "preview.joints has numbers of 6e"),
        (
            {"tensors": {"adapter.a/down": np.full((2, 6), 6e4), "adapter.a/up": np.full((5, 2), 6e4)}},
            "tensors adapter.a, up x down, has numbers of",
        ),
        ({"token_embedding": np.full((2, 256), np.nan)}, "token_embedding has NaN or infinite"),
        ({"token_embedding": "abc"}, "tensor 'token_embedding' is not an array of numbers"),
        (
            {"tensors": {"init": np.zeros((3, 256))}},
            "vectors is 2 in tensor token_embedding but 3 in tensor init",
        ),
        ({"tensors": {"preview.joints": np.zeros((5, 22, 2))}}, "expected [frames, joints, 3]"),
        ({"tensors": {"preview.joints": np.full((5, 22, 3), 1e6)}}, "preview.joints has NaN or infinite"),
        ({"tensors": {"backdoor": np.zeros(3)}}, "unknown tensor 'backdoor'"),
        ({"exemplars": (3,)}, "an exemplar is 3"),
        ({"exemplars": ({"frames": 3},)}, "an exemplar lacks fps, sha256"),
    ],
)
def test_what_cannot_be_a_concept_is_refused(fields, change, message):
    with pytest.raises(ConceptError) as error:
        Concept(**fields | change)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "abc"}, "expected 64 small hex digits"),
        ({"frames": 0}, "expected a whole number from 1 up"),
        ({"fps": float("inf")}, "expected a finite number"),
        ({"source": "/home/me/clips/walk.bvh"}, "looks like a path on a disk"),
    ],
)
def test_exemplars_are_checked(change, message):
    with pytest.raises(ConceptError, match=message):
        Exemplar(**{"sha256": "0" * 64, "frames": 1, "fps": 20} | change)


def test_probe_prompt_is_plain_replacement(concept):
    assert concept.probe_prompt == "a person walks in <elderly> style"
    assert replace(concept, templates=()).probe_prompt == "a person <elderly>"
    assert replace(concept, templates=("{0.__class__} {}",)).probe_prompt == "{0.__class__} <elderly>"


def test_too_many_texts_are_refused_when_saving(fields):
    exemplar = Exemplar("0" * 64, 1, 20, "走" * 200, "走" * 200)
    with pytest.raises(ConceptError, match=r"the texts take .* shorten them"):
        Concept(**fields | {"exemplars": (exemplar,) * 1024}).to_bytes()


def test_too_many_numbers_are_refused_when_saving(fields):
    fields["tensors"] = {"preview.joints": np.zeros((100_000, 64, 3), np.float16)}
    with pytest.raises(ConceptError, match="at most 16777216: leave out tensors"):
        Concept(**fields).to_bytes()


def test_check_base(concept):
    same = dict(concept.fingerprints)
    assert concept.check_base(same, "lead-small") == []
    assert concept.check_base(same | {"tokenizer": "99" * 32}, "lead-small") == []
    (warning,) = concept.check_base(same | {"vae": "77" * 32}, "lead-large")
    assert "'lead-small'" in warning
    assert "'lead-large'" in warning
    assert "vae" in warning
    with pytest.raises(ConceptError, match=r"'lead-small' \(text abab.*'clip' \(text 7777") as error:
        concept.check_base(same | {"text": "77" * 32}, "clip")
    assert "learn the word again" in str(error.value)
    with pytest.raises(ConceptError, match="tokenizer unknown"):
        replace(concept, fingerprints=same | {"tokenizer": "99" * 32}).check_base(same, "lead-small")


def test_check_probe(concept):
    cond = concept.tensors["probe.cond"]
    concept.check_probe(cond * 3)
    replace(concept, tensors={}).check_probe(cond)
    for wrong in (-cond, np.zeros_like(cond), np.full_like(cond, np.nan)):
        with pytest.raises(ConceptError, match=r"has another meaning on this base .* 0\.999"):
            concept.check_probe(wrong)
    with pytest.raises(ConceptError, match="384 numbers, this base has 10: use the base 'lead-small'"):
        concept.check_probe(cond[:10])


def test_thin_curve_keeps_both_ends():
    losses = [float(step) for step in range(1001)]
    assert thin_curve(losses[:10]) == tuple(range(10))
    thinned = thin_curve(losses)
    assert len(thinned) == 64
    assert (thinned[0], thinned[-1]) == (0, 1000)


def test_an_exemplars_digest_depends_on_its_joints():
    joints = np.arange(4 * 22 * 3, dtype=np.float64).reshape(4, 22, 3)
    first = Exemplar.from_joints(joints, 20.0)
    assert first.frames == 4
    assert first == Exemplar.from_joints(np.asfortranarray(joints.astype(np.float32)), 20)
    assert first != Exemplar.from_joints(joints + 1, 20.0)


@pytest.mark.parametrize(
    ("statement", "absent"),
    [("from concepts import Concept", {"torch", "lead"}), ("from concepts.kinds import Kind", {"numpy", "jaxtyping"})],
)
def test_imports_stay_light(statement, absent):
    code = f"import sys\n{statement}\nsys.exit(bool({absent} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_public_names_are_those_of_their_modules():
    import concepts

    assert sorted(concepts.__all__) == sorted(concepts._MODULES)
    assert all(getattr(concepts, name) is not None for name in concepts.__all__)
    with pytest.raises(AttributeError, match="module 'concepts' has no attribute 'nothing'"):
        getattr(concepts, "nothing")  # noqa: B009 - what is not there cannot be written as an attribute


def test_reprs_are_short(concept):
    assert repr(concept) == f"Concept(<elderly>, style, of 'lead-small', from {len(concept.exemplars)} clips)"
    assert len(repr(concept.words)) < 120
