"""`verify` reports the checks of loading; both run the same code."""

from dataclasses import replace

import numpy as np
import pytest
from hostile import Draft

from concepts import Concept, StyleSchedule, verify, verify_base


def test_a_sound_file_passes_every_check_and_says_what_was_found(concept, tmp_path):
    path = concept.save(tmp_path / "elderly.safetensors")
    checks = verify(path)
    assert [check.number for check in checks] == list(range(1, 10))
    assert {check.result for check in checks} == {"passed"}
    for words in (f"{path.stat().st_size} bytes", "format 2.1", "sha256 as stated", "token_embedding [2, 256]",
                  "all finite", "<elderly>, style, of the base 'lead-small'"):  # fmt: skip
        assert any(words in check.said for check in checks)


def test_the_first_fault_ends_it(concept, tmp_path):
    path = tmp_path / "x.safetensors"
    draft = Draft(concept.to_bytes())
    draft.header["init"]["shape"] = [4, 128]
    draft.set(token="no")
    path.write_bytes(draft.bytes())
    checks = verify(path)
    assert [check.result for check in checks] == ["passed"] * 6 + ["failed"] + ["not reached"] * 2
    assert "vectors is" in checks[6].said
    assert [check.result for check in verify(tmp_path / "none")] == ["failed"] + ["not reached"] * 8


def test_hidden_characters_are_reported(concept, tmp_path):
    draft = Draft(concept.to_bytes())
    draft.metadata["modelspec.title"] = "nice\u202e walk"
    path = tmp_path / "x.safetensors"
    path.write_bytes(draft.bytes())
    checks = verify(path)
    assert "invisible characters were taken out of title" in checks[8].said
    assert "no sha256" in checks[5].said


def against(concept, allow=False, name="lead-small", **parts):
    cond = np.array(concept.tensors.get("probe.cond", 0))
    return verify_base(concept, {**concept.fingerprints, **parts}, name, lambda: cond, allow)


def test_the_base_that_it_was_learned_on(concept):
    base, probe = against(concept)
    assert (base.number, base.result, probe.number, probe.result) == (10, "passed", 11, "passed")
    assert base.said == "the same text, vae, denoiser, projector as lead-small"
    assert probe.said == "cosine 1.000000 with the author's"
    assert against(replace(concept, tensors={}))[1].said == "the file has no probe.cond"


def test_another_text_tower_is_never_allowed(concept):
    for allow in (False, True):
        base, probe = against(concept, allow, "clip", text="77" * 32)
        assert (base.result, probe.result) == ("failed", "not reached")
        assert "means nothing to the base 'clip'" in base.said


def test_other_parts_may_differ_where_that_is_allowed(concept):
    base, probe = against(concept, vae="77" * 32, projector="88" * 32)
    assert (base.result, probe.result) == ("failed", "not reached")
    assert "the vae cdcd" in base.said
    assert "the projector 0101" in base.said
    base, probe = against(concept, True, vae="77" * 32)
    assert (base.result, probe.result) == ("warning", "passed")


@pytest.mark.parametrize(
    ("other", "lost"),
    [
        ((), set()),
        (("vae",), set()),
        (("projector",), set()),
        (("denoiser",), {"adapter.a/down", "adapter.a/up"}),
        (("vae", "denoiser"), {"adapter.a/down", "adapter.a/up", "direction"}),
    ],
)
def test_what_belongs_to_other_parts_is_left_out(fields, other, lost):
    tensors = {"direction": np.ones(6), "adapter.a/down": np.ones((2, 4)), "adapter.a/up": np.ones((4, 2))}
    concept = Concept(**{**fields, "tensors": tensors, "schedule": StyleSchedule()})
    fitted = concept.fit_to_base({**concept.fingerprints, **dict.fromkeys(other, "77" * 32)})
    assert concept.tensors.keys() - fitted.tensors.keys() == lost
    assert (fitted.schedule is None) == ("direction" in lost)
    assert replace(fitted, tensors=concept.tensors, schedule=concept.schedule).to_bytes() == concept.to_bytes()
