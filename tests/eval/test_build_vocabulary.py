"""What a base can do, found in captions and in the suite's figures; kept in the base's file."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from lead import Lead
from lead.base_file import read_vocabulary
from lead.data.layout import MEANINGS_FILE, write_captions, write_split
from lead.errors import LeadError
from lead.eval.vocabulary import build_vocabulary, extend_vocabulary, put_vocabulary, read_training, word_action

CAPTIONS = {
    "0": ["a person walks forward", "someone strolls ahead"],
    "1": ["a person waves with the left hand", "a man greets with a wave of the left hand"],
    "2": ["a person performs the caber toss"],
    "3": ["a person walks backward and waves with the right hand"],
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "texts").mkdir(parents=True)
    for name, captions in CAPTIONS.items():
        write_captions(folder / "texts" / f"{name}.txt", captions)
    write_split(folder, "train", CAPTIONS)
    write_captions(folder / "texts" / "V0.txt", ["a person walks forward in a limping way"])
    write_split(folder, "train_varied", ["V0"])
    return folder


def test_captions_say_what_training_clips_show(data: Path) -> None:
    training = read_training(data)
    assert dict(training.clips) == {"walk": 2, "wave": 2}
    assert {"walk", "wav", "stroll", "caber", "toss", "limp"} <= training.terms
    (data / MEANINGS_FILE).write_text(json.dumps({"0": "jog forward; slowly", "1": "wave left"}))
    assert dict(read_training(data).clips) == {"jog": 1, "walk": 1, "wave": 2}


def test_a_data_set_without_captions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LeadError, match="no training clip has a caption"):
        read_training(tmp_path)


def test_kinds_are_the_suites_and_other_actions_with_figures(tiny_base: Lead, data: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.json"
    suite.write_text(json.dumps({"kinds": {"walk": {"mean": 0.75, "prompts": 4}, "ballet": {"mean": 0.9}}}))
    kinds = {kind.name: kind for kind in build_vocabulary(tiny_base, data, suite).kinds}
    assert (kinds["walk"].family, kinds["walk"].shown, kinds["walk"].clips) == ("walking", 0.75, 2)
    assert kinds["wave with the left hand"].shown is None
    assert "ballet" in kinds  # no clip shows it, but the base does it
    assert not kinds.keys() & {"jog", "sit down", "clap"}


def test_prompts_outside_are_found_and_the_files_tensors_stay(tiny_base: Lead, data: Path, tmp_path: Path) -> None:
    path = tiny_base.save(tmp_path / "base.safetensors", compact=True)
    before = Lead.load(path)
    assert before.find_unknown(["a person juggles"]) == [None]
    assert read_vocabulary(path) == (None, "tiny")
    with safe_open(path, "pt") as file:
        bytes_before = {key: file.get_tensor(key).numpy().tobytes() for key in file.keys()}  # noqa: SIM118
    put_vocabulary(path, build_vocabulary(tiny_base, data))
    with safe_open(path, "pt") as file:
        assert {key: file.get_tensor(key).numpy().tobytes() for key in file.keys()} == bytes_before  # noqa: SIM118
    base = Lead.load(path)
    assert base.fingerprints == before.fingerprints
    prompts = ["a person walks forward", "a person kneads dough", "a person does <kick>", "a person kneads dough"]
    inside, outside, token, again = base.find_unknown(prompts)
    assert (inside, token) == (None, None)
    assert outside == again
    assert outside
    assert (outside.word, len(outside.nearest)) == ("kneads", 3)
    found, name = read_vocabulary(base.save(tmp_path / "again.safetensors"))
    assert found
    assert base.vocabulary
    assert (name, found.kinds) == ("tiny", base.vocabulary.kinds)


def test_a_base_that_learned_more_knows_more(tiny_base: Lead, data: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "texts").mkdir(parents=True)
    write_captions(own / "texts" / "a.txt", ["a person does a cartwheel", "someone turns a cartwheel on the lawn"])
    write_split(own, "train", ["a"])
    before = build_vocabulary(tiny_base, data)
    after = extend_vocabulary(tiny_base, before, own)
    assert [word.text for word in before.find_foreign("a person does a cartwheel")] == ["cartwheel"]
    assert after.find_foreign("a person does a cartwheel") == []
    assert after.kinds[-1].examples[0] == "a person does a cartwheel"
    assert len(after.known) == len(after.kinds)


def test_a_file_that_is_no_suite_is_refused(tiny_base: Lead, data: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.json"
    suite.write_text("[]")
    with pytest.raises(LeadError, match="expected what `lead eval --prompts --json` prints"):
        build_vocabulary(tiny_base, data, suite)


def test_actions_are_worded_plainly() -> None:
    assert word_action("walk")[0] == "a person walks"
    assert word_action("wave")[:2] == ("a person waves the left hand", "a person waves with the left hand")
    assert word_action("nothing") == ()
