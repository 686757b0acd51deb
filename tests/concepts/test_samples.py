"""The samples beside the specification, and its JSON schema, agree with the code."""

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import samples
from hostile import RECORD, Draft
from jsonschema import Draft202012Validator

from concepts import Concept, ConceptError, StyleSchedule, verify

DOCS = Path(__file__).parent.parent.parent / "docs"
SCHEMA = json.loads((DOCS / "concept.schema.json").read_text(encoding="utf-8"))
METADATA = Draft202012Validator(SCHEMA)
RECORDS = Draft202012Validator({"$defs": SCHEMA["$defs"], **SCHEMA["$defs"]["record"]})


@pytest.mark.parametrize("name", ["elderly.safetensors", "spin-kick.safetensors"])
def test_the_samples_are_made_anew_byte_by_byte(name):
    committed = (DOCS / "samples" / name).read_bytes()
    assert samples.files()[name] == committed
    assert Concept.from_bytes(committed).to_bytes() == committed
    assert len(committed) < 4096
    assert name in (DOCS / "concept-format.md").read_text(encoding="utf-8")


def test_there_are_no_other_samples():
    assert {path.name for path in (DOCS / "samples").iterdir()} == samples.files().keys()
    assert all(check.result == "passed" for name in samples.files() for check in verify(DOCS / "samples" / name))


def test_the_specification_tells_what_stands_in_the_sample():
    text = (DOCS / "concept-format.md").read_text(encoding="utf-8").partition("## Samples")[2].partition("## ")[0]
    style = Concept.load(DOCS / "samples" / "elderly.safetensors")
    np.testing.assert_array_equal(style.token_embedding[1], np.arange(8, 16) / 64)
    np.testing.assert_array_equal(style.tensors["adapter.blocks.0.ff/up"][0], [-0.25, -0.234375])
    np.testing.assert_array_equal(style.tensors["preview.joints"][3, 21], np.arange(261, 264) / 64)
    assert list(asdict(style.schedule).values()) == [1.25, 0.375, 0.25, 0.5, 0.75, 1.5]
    assert "1.25, 0.375, 0.25, 0.5, 0.75" in text
    for said in ("0.125 to 0.234375", "-0.25, -0.234375", "4.078125, 4.09375, 4.109375", style.exemplars[0].sha256):
        assert said in text


def test_the_schema_is_one_and_takes_what_we_write(concept):
    Draft202012Validator.check_schema(SCHEMA)
    for one in (concept, samples.style(), samples.action()):
        metadata = Draft(one.to_bytes()).metadata
        METADATA.validate(metadata)
        RECORDS.validate(json.loads(metadata[RECORD]))


GOOD = [
    {"token": f"<{'a' * 63}>"}, {"kind": "persona"}, {"base": "x" * 200}, {"base": "org/model"},
    {"fingerprints": {"text": "0" * 8, "a_1": "f" * 64}}, {"init": "x" * 200}, {"templates": ["{}"] * 256},
    {"templates": ["{" * 200 + "{}" + "}" * 198]}, {"fps": 1}, {"fps": 1000.0}, {"steps": 2**63 - 1},
    {"loss": [0.0] * 64},
    {"scores": {"x" * 64: -1e300}}, {"exemplars": [{"sha256": "0" * 64, "frames": 1, "fps": 20}]},
    {"exemplars": [{"sha256": "0" * 64, "frames": 1, "fps": 20, "source": "https://example.org/a", "camera": 1}]},
    {"new entry": [1]}, {"schedule": None},
]  # fmt: skip
BAD = [
    {"token": "<A>"}, {"token": "a"}, {"token": f"<{'a' * 64}>"}, {"token": None}, {"kind": "dance"}, {"base": ""},
    {"base": "x" * 201}, {"base": "../x"}, {"base": "C:\\x"}, {"fingerprints": {"vae": "0" * 8}},
    {"fingerprints": {"text": "0" * 7}}, {"fingerprints": {"text": "0" * 8, "Text": "0" * 8}},
    {"fingerprints": {"text": "G" * 8}}, {"init": "x" * 201}, {"templates": ["{}"] * 257}, {"templates": ["{} {}"]},
    {"templates": ["no place"]}, {"templates": ["{}" + "x" * 399]}, {"fps": 0.5}, {"fps": "20"}, {"steps": -1},
    {"steps": 1.5}, {"seed": 2**63}, {"loss": [0.0] * 65}, {"loss": ["1"]}, {"scores": {"x" * 65: 1}}, {"scores": [1]},
    {"objective": "x" * 41}, {"exemplars": [{"sha256": "0" * 64, "frames": 1}]},
    {"exemplars": [{"sha256": "0" * 63, "frames": 1, "fps": 20}]},
    {"exemplars": [{"sha256": "0" * 64, "frames": 0, "fps": 20}]},
    {"exemplars": [{"sha256": "0" * 64, "frames": 1, "fps": 20, "source": "/home/me"}]},
    {"exemplars": [{"sha256": "0" * 64, "frames": 1, "fps": 20, "license": "x" * 201}]},
]  # fmt: skip


@pytest.mark.parametrize("change", GOOD, ids=str)
def test_schema_and_reader_take_alike(concept, change):
    draft = Draft(concept.to_bytes())
    draft.set(**change)
    Concept.from_bytes(draft.bytes())
    RECORDS.validate(json.loads(draft.metadata[RECORD]))


@pytest.mark.parametrize("change", BAD, ids=str)
def test_schema_and_reader_refuse_alike(concept, change):
    draft = Draft(concept.to_bytes())
    draft.set(**change)
    with pytest.raises(ConceptError):
        Concept.from_bytes(draft.bytes())
    assert not RECORDS.is_valid(json.loads(draft.metadata[RECORD]))


@pytest.mark.parametrize(
    "change",
    [
        {"modelspec.title": "x" * 201}, {"modelspec.license": "x" * 2001}, {"modelspec.description": "x" * 20_001},
        {"modelspec.date": "yesterday"}, {"modelspec.date": "2026-W05-1"}, {"modelspec.thumbnail": "data:text/html,x"},
        {"modelspec.hash_sha256": "0x0"}, {"lead_invert.format_version": "3.0"},
    ],
)  # fmt: skip
def test_schema_and_reader_refuse_metadata_alike(concept, change):
    draft = Draft(concept.to_bytes())
    draft.metadata.update(change)
    with pytest.raises(ConceptError):
        Concept.from_bytes(draft.bytes())
    assert not METADATA.is_valid(draft.metadata)


SCHEDULE = asdict(StyleSchedule())


@pytest.mark.parametrize(
    ("schedule", "good"),
    [
        (SCHEDULE, True), (SCHEDULE | {"direction_scale": 10, "newer": "x"}, True),
        (SCHEDULE | {"direction_scale": 10.1}, False), (SCHEDULE | {"direction_share_seen": -0.1}, False),
        (SCHEDULE | {"adapter_t_max_unseen": 1.1}, False), (SCHEDULE | {"similarity_low": "0.4"}, False),
        ({name: SCHEDULE[name] for name in list(SCHEDULE)[1:]}, False), ([], False),
    ],
    ids=str,
)  # fmt: skip
def test_schema_and_reader_judge_schedules_alike(concept, schedule, good):
    styled = replace(concept, tensors={**concept.tensors, "direction": np.ones(6)}, schedule=StyleSchedule())
    draft = Draft(styled.to_bytes())
    draft.set(schedule=schedule)
    assert RECORDS.is_valid(json.loads(draft.metadata[RECORD])) == good
    with nullcontext() if good else pytest.raises(ConceptError, match="schedule"):
        Concept.from_bytes(draft.bytes())
