"""A concept's file states what the concept does at generation, so no release changes a file's meaning."""

import inspect
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import RECORD, Draft
from hypothesis import given
from hypothesis import strategies as st

from concepts import Concept, ConceptError, StyleSchedule
from concepts.schedule import LATER, RANGES, VERSION_1
from lead import Lead

OLD = Path(__file__).parent / "version-1"
"""Files of format 1.2, learned from the procedural clips of examples/make_concept.py on the second edition of the
embedded base, and the latents that they make with the embedded base of today."""
PROMPTS = {
    "zombie": (
        4.0,
        [
            "a person walks in <zombie> style",
            "a person waves in (<zombie>:0.6) style",
            "someone runs in <zombie> style",
        ],
    ),
    "zombie-march": (3.0, ["a person does <zombie-march>", "a person does (<zombie-march>:0.5)"]),
}  # fmt: skip


@pytest.fixture
def styled(fields):
    tensors = {**fields["tensors"], "direction": np.arange(1.0, 7.0)}
    return Concept(**{**fields, "tensors": tensors, "schedule": StyleSchedule(1.1, 0.45, 0.25, 0.3, 0.7, 1.25)})


@pytest.fixture
def other_defaults(monkeypatch):
    """Another release, whose new concepts act otherwise."""
    monkeypatch.setattr(inspect.unwrap(StyleSchedule.__init__), "__defaults__", (2.0, 0.9, 0.8, 0.1, 0.2, 3.0))
    assert StyleSchedule() == StyleSchedule(2.0, 0.9, 0.8, 0.1, 0.2, 3.0)


@given(st.builds(StyleSchedule, *(st.floats(*RANGES[name]) for name in list(RANGES)[:3])))
def test_a_schedule_survives_its_record(schedule):
    assert StyleSchedule.from_record(json.loads(json.dumps(asdict(schedule) | {"newer": 1}))) == schedule


@pytest.mark.parametrize("name", RANGES)
def test_every_number_is_stated_and_within_its_range(name):
    record, (least, most) = asdict(StyleSchedule()), RANGES[name]
    for value, said in (
        (least - 0.01, f"{name} is .*, expected {least:g} to {most:g}"), (most + 0.01, f"{name} is .*, expected"),
        (float("nan"), f"{name} has nan, expected a finite number"), ("1", f"{name} has '1', expected a number"),
    ):  # fmt: skip
        with pytest.raises(ConceptError, match=f"the schedule's {said}"):
            StyleSchedule.from_record(record | {name: value})
    del record[name]
    if name not in LATER:
        with pytest.raises(ConceptError, match=f"the schedule lacks {name}: the file is damaged"):
            StyleSchedule.from_record(record)


def test_a_field_that_version_2_0_lacks_means_what_it_did(other_defaults):
    record = asdict(StyleSchedule(1.1, 0.45, 0.25, 0.3, 0.7, 1.25))
    del record["adapter_scale_unseen"]
    assert StyleSchedule.from_record(record).adapter_scale_unseen == 1.0


def test_the_similarities_are_in_order():
    with pytest.raises(ConceptError, match=r"similarity_low is 0\.8, expected less than similarity_high"):
        StyleSchedule(similarity_low=0.8)


def test_a_schedule_goes_with_a_direction(styled, fields):
    with pytest.raises(ConceptError, match="a direction and no schedule"):
        replace(styled, schedule=None)
    with pytest.raises(ConceptError, match="a schedule and no direction"):
        Concept(**{**fields, "schedule": StyleSchedule()})
    with pytest.raises(ConceptError, match="schedule is 3, expected a table"):
        replace(styled, schedule=3)


def test_a_file_means_what_it_meant_whatever_the_defaults(styled, other_defaults):
    data = styled.to_bytes()
    assert Concept.from_bytes(data).schedule == StyleSchedule(1.1, 0.45, 0.25, 0.3, 0.7, 1.25)
    assert Concept.from_bytes(data).to_bytes() == data
    (word,) = Concept.load(OLD / "zombie.safetensors").words.values()
    assert word.schedule == VERSION_1 == StyleSchedule(1.0, 0.37, 0.3, 0.4, 0.8, 1.0)


def test_a_file_of_version_2_has_to_state_its_schedule(styled):
    draft = Draft(styled.to_bytes())
    record = json.loads(draft.metadata[RECORD])
    del record["schedule"]
    draft.metadata[RECORD] = json.dumps(record)
    with pytest.raises(ConceptError, match="a direction and no schedule"):
        Concept.from_bytes(draft.bytes())


def test_what_version_1_had_and_nobody_read_is_left_out(styled):
    draft = Draft(styled.to_bytes())
    draft.metadata["lead_invert.format_version"] = "1.2"
    for name, shape in (("residual", [3, 4]), ("latent_prior.mean", [2, 6]), ("latent_prior.std", [2, 6])):
        begin, size = len(draft.body), 4 * shape[0] * shape[1]
        draft.header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, begin + size]}
        draft.body += bytes(size)
    draft.set(schedule={"of": "no meaning in version 1"})
    loaded = Concept.from_bytes(draft.bytes())
    assert loaded.tensors.keys() == styled.tensors.keys() and loaded.schedule == VERSION_1
    draft.metadata["lead_invert.format_version"] = "2.0"
    with pytest.raises(ConceptError, match="unknown tensor 'residual'"):
        Concept.from_bytes(draft.bytes())


@pytest.fixture(scope="module")
def base():
    return Lead.load()


def sample_latents(base: Lead, concept: Concept) -> np.ndarray:
    """The latents of a concept's prompts, before E_proj."""
    seen = []

    def decode(z, lengths, **options):
        seen.append(z)
        return []

    seconds, prompts = PROMPTS[concept.slug]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "decode", decode)
        base.generate(prompts, seconds=seconds, words=concept.words, seed=5)
    return torch.cat(seen).numpy()


@pytest.mark.parametrize("name", PROMPTS)
def test_a_file_of_version_1_does_what_it_did(base, name, other_defaults):
    concept = Concept.load(OLD / f"{name}.safetensors")
    with pytest.raises(ConceptError, match="learned on the base"):  # another edition
        concept.check_base(base.fingerprints, base.name)
    with np.load(OLD / "latents.npz") as before:
        found = sample_latents(base, concept)
        np.testing.assert_allclose(found, before[name], atol=1e-3)  # equal to the bit on the machine that made them
    again = Concept.from_bytes(concept.to_bytes())
    assert concept.to_bytes() != (OLD / f"{name}.safetensors").read_bytes()
    np.testing.assert_array_equal(sample_latents(base, again), found)
