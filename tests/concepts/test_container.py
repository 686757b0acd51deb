"""Hostile files: each has its own message, and none crashes, hangs or exhausts memory."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import hostile
import numpy as np
import pytest
from hostile import Draft
from hypothesis import given, settings
from hypothesis import strategies as st

from concepts import Concept, ConceptError, StyleSchedule
from concepts.container import MAX_FILE_BYTES

anything = st.text(st.characters(), max_size=30)
CASES = {**hostile.WHOLE_FILES, **hostile.EDITS, "largest": ()}


@pytest.fixture(scope="module")
def answers(honest, tmp_path_factory):
    """What a program of its own says of every hostile file, within 100 MB of memory more than it starts with."""
    folder, files = tmp_path_factory.mktemp("hostile"), hostile.corpus(honest)
    for name, (data, _) in files.items():
        (folder / f"{name}.safetensors").write_bytes(data)
    path = honest.save(tmp_path_factory.mktemp("honest") / "elderly.safetensors")
    program = [sys.executable, str(Path(__file__).with_name("stranger.py")), str(folder), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(program, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers.keys() == {*files, "peak"}
    return answers | {"expected": {name: words for name, (_, words) in files.items()}}


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_file_is_refused_with_its_own_message(case, answers):
    message = answers[case]["said"]
    assert answers["expected"][case] in message
    assert message.isprintable()
    assert len(message) < 500
    assert len(answers[case]["checks"]) == 1
    assert answers[case]["seconds"] < 5


def test_no_hostile_file_takes_100_mb(answers):
    assert 0 < answers["peak"] < 100e6


def test_the_corpus_is_wide(answers):
    """At least 40 files, and at least 40 different messages: one for each thing that can be wrong."""
    messages = {answers[case]["said"] for case in CASES}
    failed = {answers[case]["checks"][0] for case in CASES}
    assert len(CASES) >= 40
    assert len(messages) > len(CASES) - 8  # files of another kind, and pickles, are alike in pairs
    assert failed == set(range(1, 12))


def test_every_cut_is_refused(concept, tmp_path):
    data = concept.to_bytes()
    for length in [*range(0, 64), *range(64, len(data), 997), len(data) - 1]:
        with pytest.raises(ConceptError):
            Concept.from_bytes(data[:length])


def test_every_flipped_bit_of_the_tensors_is_refused(concept):
    data = bytearray(concept.to_bytes())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    for position in range(start, len(data), 499):
        data[position] ^= 1
        with pytest.raises(ConceptError, match="do not have the checksum"):
            Concept.from_bytes(bytes(data))
        data[position] ^= 1


def test_flipped_bits_of_the_header_never_crash(concept):
    data = bytearray(concept.to_bytes())
    end = 8 + struct.unpack("<Q", data[:8])[0]
    rng = np.random.default_rng(0)
    for position in rng.integers(0, end, 400):
        old, data[position] = data[position], rng.integers(256)
        try:
            Concept.from_bytes(bytes(data))
        except ConceptError as error:
            assert str(error).isprintable()  # noqa: PT017
        data[position] = old


def test_places_that_are_no_files(tmp_path):
    with pytest.raises(ConceptError, match=r"none\.safetensors: there is no such file"):
        Concept.load(tmp_path / "none.safetensors")
    with pytest.raises(ConceptError, match="not a file"):
        Concept.load(tmp_path)
    big = tmp_path / "big.safetensors"
    with big.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ConceptError, match="perhaps a whole model"):
        Concept.load(big)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX matter")
def test_a_pipe_does_not_hang_the_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(ConceptError, match="not a file"):
        Concept.load(tmp_path / "pipe.safetensors")


def test_texts_of_strangers_are_cleaned(concept):
    draft = Draft(concept.to_bytes())
    draft.metadata["modelspec.title"] = "\x1b[2Jnice\u202e walk\x00"
    draft.set(init="old\u200b\x07", templates=["a person\x1b[31m {}"])
    loaded = Concept.from_bytes(draft.bytes())
    assert (loaded.title, loaded.init, loaded.templates) == ("nice walk", "old", ("a person {}",))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["title", "author", "description", "license", "other", "usage_hint"]), anything),
       st.fixed_dictionaries({}, optional=dict.fromkeys(["init", "objective", "base", "skeleton"], anything)), anything)
def test_any_unicode_in_a_file_is_cleaned_or_refused(honest, texts, entries, score):
    draft = Draft(honest.to_bytes())
    draft.metadata |= {f"modelspec.{name}": text for name, text in texts.items()}
    draft.set(**entries, scores={score: 1}, **{score: 1} if score not in Concept.__dataclass_fields__ else {})
    try:
        loaded = Concept.from_bytes(draft.bytes())
    except ConceptError as error:
        assert str(error).isprintable()  # noqa: PT017
        return
    again = Concept.from_bytes(loaded.to_bytes())
    assert again.record() == loaded.record()
    assert again.to_bytes() == loaded.to_bytes()
    kept = json.dumps(loaded.record(), ensure_ascii=False)
    kept.encode()
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Cf") and c not in "\u200c\u200d" for c in kept)


def test_newer_minor_version_is_read_without_what_is_new(concept):
    draft = Draft(concept.to_bytes())
    draft.metadata |= {"lead_invert.format_version": "2.7", "other": "x"}
    draft.set(new_field=[1], exemplars=[{"sha256": "0" * 64, "frames": 9, "fps": 20, "camera": "left"}])
    begin = len(draft.body)
    draft.header["adapter.down"] = {"dtype": "F32", "shape": [2, 4], "data_offsets": [begin, begin + 32]}
    draft.body += bytes(32)
    loaded = Concept.from_bytes(draft.bytes())
    assert loaded.tensors.keys() == concept.tensors.keys()
    assert loaded.exemplars[0].frames == 9
    draft.body += b"x"
    with pytest.raises(ConceptError, match="1 bytes follow"):
        Concept.from_bytes(draft.bytes())


def test_files_are_named_safetensors(concept, tmp_path):
    with pytest.raises(ConceptError, match=r"name ends in \.safetensors, as in elderly\.safetensors"):
        concept.save(tmp_path / "elderly.pt")
    assert not list(tmp_path.iterdir())


def test_a_failed_save_keeps_the_old_file_and_nothing_else(concept, tmp_path, monkeypatch):
    path = concept.save(tmp_path / "elderly.safetensors")
    old = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConceptError, match=r"elderly\.safetensors: cannot be written: No space left"):
        replace(concept, seed=1).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(concept, tmp_path):
    with pytest.raises(ConceptError, match="cannot be written: No such file or directory"):
        concept.save(tmp_path / "none" / "elderly.safetensors")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_kill_during_saves_leaves_a_whole_file(concept, tmp_path):
    """The old one or the new one; where there was none, none or the new one."""
    source = concept.save(tmp_path / "source.safetensors")
    code = (
        "import sys, itertools, dataclasses, concepts\n"
        "concept = concepts.Concept.load(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "for seed in itertools.count(): dataclasses.replace(concept, seed=seed).save(sys.argv[2])\n"
    )
    for delay, old in ((0.002, False), (0.01, True), (0.1, True)):
        path = tmp_path / f"{delay}.safetensors"
        if old:
            concept.save(path)
        process = subprocess.Popen([sys.executable, "-c", code, source, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        assert path.exists() or not old
        if path.exists():
            assert replace(Concept.load(path), seed=7).to_bytes() == concept.to_bytes()


SCHEDULE = StyleSchedule(1.25, 0.5)
ADAPTED = {
    "adapter.blocks.0.ff.0/down": np.ones((4, 8)),
    "adapter.blocks.0.ff.0/up": np.ones((16, 4)),
    "adapter.blocks.1.out/down": np.ones((2, 8)),
    "adapter.blocks.1.out/up": np.ones((8, 2)),
    "direction": np.arange(6.0),
}


def test_adapter_and_direction_survive_saving_and_are_in_words(fields, tmp_path):
    concept = Concept(**{**fields, "tensors": ADAPTED, "schedule": SCHEDULE})
    loaded = Concept.load(concept.save(tmp_path / "x.safetensors"))
    word = loaded.words["<elderly>"]
    assert (word.initializer, word.training_prompts, word.schedule) == (fields["init"], concept.templates, SCHEDULE)
    np.testing.assert_array_equal(word.direction, ADAPTED["direction"])
    assert word.seen_directions is None
    assert list(word.adapter) == ["blocks.0.ff.0", "blocks.1.out"]
    for layer, pair in word.adapter.items():
        for end, array in zip(("down", "up"), pair, strict=True):
            np.testing.assert_array_equal(array, ADAPTED[f"adapter.{layer}/{end}"])
            assert array.dtype == np.float16 and array.flags.writeable
    assert loaded.to_bytes() == concept.to_bytes()


def test_a_direction_for_each_action_survives_saving(fields, tmp_path):
    seen = np.arange(6.0 * len(fields["templates"])).reshape(-1, 6) / 8
    concept = Concept(**{**fields, "tensors": ADAPTED | {"direction.seen": seen}, "schedule": SCHEDULE})
    word = Concept.load(concept.save(tmp_path / "x.safetensors")).words["<elderly>"]
    np.testing.assert_array_equal(word.seen_directions, seen.astype(np.float32))
    assert word.seen_directions.flags.writeable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adapter.blocks.1.out/up": None}, "layer blocks.1.out has no up"),
        ({"adapter.blocks.1.out/down": np.ones((3, 8))}, "rank of blocks.1.out"),
        ({"adapter.blocks.1.out/up": np.ones(8)}, r"expected \[out of blocks.1.out, rank of blocks.1.out\]"),
        ({"adapter.blocks.1.out/up": np.full((8, 2), np.inf)}, "NaN or infinite"),
        ({"adapter.a/down": np.ones((65, 2)), "adapter.a/up": np.ones((2, 65))}, "rank of a is 65"),
        ({"adapter.blocks 1/up": np.ones((8, 2))}, "unknown tensor"),
        ({"adapter.blocks.1.out/left": np.ones((8, 2))}, "unknown tensor"),
    ],
)
def test_adapters_that_are_refused(fields, change, message):
    tensors = {name: array for name, array in {**ADAPTED, **change}.items() if array is not None}
    with pytest.raises(ConceptError, match=message):
        Concept(**{**fields, "tensors": tensors, "schedule": SCHEDULE})
