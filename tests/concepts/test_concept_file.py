"""Files of strangers: each hostile one has its own message, and none crashes, hangs or eats memory."""

import io
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from concepts import Concept, ConceptError
from concepts.file import MAX_FILE_BYTES, MAX_HEADER_BYTES

RECORD = "lead_invert.concept"


class Draft:
    """A concept file taken apart: change the header or the body and put it together again."""

    def __init__(self, data):
        (length,) = struct.unpack("<Q", data[:8])
        self.header = json.loads(data[8 : 8 + length])
        self.body = bytearray(data[8 + length :])
        self.metadata = self.header["__metadata__"]
        del self.metadata["modelspec.hash_sha256"]  # optional; each fault has to be found without it

    def set(self, **values):
        record = json.loads(self.metadata[RECORD]) | values
        self.metadata[RECORD] = json.dumps(record)

    def bytes(self):
        return wrap(json.dumps(self.header).encode(), bytes(self.body))


def wrap(header, body=b""):
    return struct.pack("<Q", len(header)) + header + body


def put(body, header, name, bits):
    begin = header[name]["data_offsets"][0]
    body[begin : begin + len(bits)] = bits


# What a hostile file does to an honest one (d) and what the reader answers.
EDITS = {
    "unknown tensor": (lambda d: d.header.update(evil=d.header.pop("init")), "unknown tensor 'evil'"),
    "escape in a name": (
        lambda d: d.header.update({"\x1b[2J": d.header.pop("init")}),
        r"unknown tensor '\x1b[2J'",
    ),
    "no embedding": (
        lambda d: d.header.update({"latent_prior.mean": d.header.pop("token_embedding")}),
        "no tensor token_embedding",
    ),
    "wrong dtype": (
        lambda d: d.header["preview.joints"].update(dtype="F32", shape=[30, 22, 3]),
        "tensor preview.joints is of type 'F32', expected F16",
    ),
    "pickled dtype": (
        lambda d: d.header["init"].update(dtype="OBJ"),
        "is of type 'OBJ', expected F32 or F16",
    ),
    "dtype is a list": (lambda d: d.header["init"].update(dtype=["F32"]), "is of type ['F32']"),
    "rank": (lambda d: d.header["init"].update(shape=[512]), "tensor init has shape [512]"),
    "sizes disagree": (lambda d: d.header["init"].update(shape=[4, 128]), "vectors is"),
    "too many vectors": (
        lambda d: [d.header[n].update(shape=[128, 4]) for n in ("init", "token_embedding")],
        "vectors is 128 in tensor",
    ),
    "shape lies": (lambda d: d.header["init"].update(shape=[2, 2**61]), "does not fit its data_offsets"),
    "shape overflows": (lambda d: d.header["init"].update(shape=[2**62 + 1, 512]), "does not fit"),
    "shape negative": (lambda d: d.header["init"].update(shape=[-2, -256]), "not lists of counts"),
    "shape of floats": (lambda d: d.header["init"].update(shape=[2.0, 256]), "not lists of counts"),
    "shape of bools": (lambda d: d.header["init"].update(shape=[True, 512]), "not lists of counts"),
    "shape endless": (lambda d: d.header["init"].update(shape=[10**4000] * 50), "not lists of counts"),
    "shape missing": (lambda d: d.header["init"].pop("shape"), "is not described by dtype, shape"),
    "entry with extras": (lambda d: d.header["init"].update(code="rm"), "data_offsets alone"),
    "entry is a text": (lambda d: d.header.update(init="F32"), "tensor 'init' is not described by"),
    "offsets overlap": (
        lambda d: d.header["token_embedding"].update(data_offsets=d.header["init"]["data_offsets"]),
        "overlaps another one",
    ),
    "offsets reversed": (
        lambda d: d.header["init"].update(data_offsets=d.header["init"]["data_offsets"][::-1]),
        "does not fit",
    ),
    "three offsets": (lambda d: d.header["init"]["data_offsets"].append(1), "not lists of counts"),
    "gap": (lambda d: d.header.pop("init"), "leaves a gap before it"),
    "offsets beyond the end": (lambda d: d.body.__delitem__(slice(-8, None)), "cut off: the tensors need"),
    "appended archive": (lambda d: d.body.extend(b"PK\x03\x04"), "4 bytes follow the last tensor"),
    "NaN": (
        lambda d: put(d.body, d.header, "token_embedding", struct.pack("<f", np.nan)),
        "token_embedding has NaN or infinite",
    ),
    "infinity": (
        lambda d: put(d.body, d.header, "probe.cond", struct.pack("<f", np.inf)),
        "probe.cond has NaN or infinite",
    ),
    "half infinity": (
        lambda d: put(d.body, d.header, "preview.joints", b"\x00\x7c"),
        "preview.joints has NaN or infinite",
    ),
    "wrong checksum": (
        lambda d: d.metadata.update({"modelspec.hash_sha256": "0x00"}),
        "do not have the checksum",
    ),
    "metadata of numbers": (lambda d: d.metadata.update(a=3), "__metadata__ is not a table of texts"),
    "metadata is a list": (lambda d: d.header.update(__metadata__=[]), "__metadata__ is not a table"),
    "no metadata": (lambda d: d.header.pop("__metadata__"), "another kind of model"),
    "no version": (lambda d: d.metadata.pop("lead_invert.format_version"), "another kind of model"),
    "newer version": (
        lambda d: d.metadata.update({"lead_invert.format_version": "2.0"}),
        "format version 2.0 is newer than this program's 1.x: update with `pip install -U lead-invert`",
    ),
    "older version": (
        lambda d: d.metadata.update({"lead_invert.format_version": "0.9"}),
        "format version 0.9 is older",
    ),
    "odd version": (
        lambda d: d.metadata.update({"lead_invert.format_version": "1.0\n"}),
        r"format version '1.0\n' is not of the form 1.0",
    ),
    "no record": (lambda d: d.metadata.pop(RECORD), "lack lead_invert.concept"),
    "record not JSON": (lambda d: d.metadata.update({RECORD: "{"}), "lead_invert.concept is not valid JSON"),
    "record with NaN": (lambda d: d.metadata.update({RECORD: '{"a": NaN}'}), "NaN is not a number in JSON"),
    "record repeats": (lambda d: d.metadata.update({RECORD: '{"a":1,"a":2}'}), "a key stands twice"),
    "record a list": (lambda d: d.metadata.update({RECORD: "[]"}), "expected a table by name"),
    "record nested": (lambda d: d.metadata.update({RECORD: "[" * 10**5}), "nested too deeply"),
    "record with a huge number": (
        lambda d: d.metadata.update({RECORD: '{"steps":' + "9" * 5000 + "}"}),
        "digits",
    ),
    "no token": (lambda d: d.metadata.update({RECORD: "{}"}), "lead_invert.concept lacks token"),
    "token without brackets": (lambda d: d.set(token="elderly"), 'write it as "<elderly>"'),
    "token is a path": (lambda d: d.set(token="<../../x>"), "cannot be a word's name"),
    "token with a line end": (lambda d: d.set(token="<a>\n"), r"'<a>\n'"),
    "token with bidi": (lambda d: d.set(token="<a\u202eb>"), r"'<a\u202eb>'"),
    "token is a number": (lambda d: d.set(token=3), "the token 3"),
    "kind": (lambda d: d.set(kind=["style"]), "kind is ['style']"),
    "fingerprints": (lambda d: d.set(fingerprints="ab"), "fingerprints is 'ab'"),
    "source path": (
        lambda d: d.set(exemplars=[{"sha256": "0" * 64, "frames": 9, "fps": 20, "source": "C:\\me\\a.bvh"}]),
        "looks like a path",
    ),
    "long loss": (lambda d: d.set(loss=[0.0] * 65), "loss has 65 entries"),
    "infinite score": (
        lambda d: d.metadata.update({RECORD: d.metadata[RECORD].replace("0.25", "1e999")}),
        "finite",
    ),
    "long text": (lambda d: d.metadata.update({"modelspec.title": "x" * 500}), "title has 500 characters"),
}

WHOLE_FILES = {
    "empty": (b"", "empty or cut off: it has only 0 bytes"),
    "short": (b"\x05\0\0\0\0\0\0\0{", "it has only 9 bytes"),
    "claims a huge header": (b"\xff" * 8 + b"{" * 20, "its header claims 18446744073709551615 bytes"),
    "header just too long": (wrap(b"{" + b" " * MAX_HEADER_BYTES), "at most 1048576"),
    "header cut off": (wrap(b'{"a": 1}')[:-3], "cut off: the header claims 8 bytes, 5 follow"),
    "header not JSON": (wrap(b'{"a": 1,}'), "the header is not valid JSON"),
    "header is a list": (wrap(b"[1, 2, 3]"), "the header does not start as JSON"),
    "header not UTF-8": (wrap(b'{"a": "\xff"}'), "the header is not UTF-8"),
    "header with UTF-16": (wrap('{"a":1}'.encode("utf-16-le")), "the header is not valid JSON"),
    "header repeats": (wrap(b'{"a":{},"a":{}}'), "the header is not valid JSON (a key stands twice"),
    "header nested": (wrap(b'{"a":' + b"[" * 500_000), "the header is nested too deeply"),
    "no tensors": (wrap(b'{"__metadata__":{}}'), "another kind of model"),
    "pickle": (pickle.dumps({"<elderly>": [1.0] * 300}), "a Python pickle, which can run code"),
    "old pickle": (pickle.dumps({"<elderly>": [1.0]}, protocol=0), "a Python pickle"),
    "NumPy array": (b"\x93NUMPY\x01\x00" + b" " * 100, "a NumPy array"),
    "gzip": (b"\x1f\x8b\x08" + b"x" * 100, "a gzip archive"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "a picture"),
    "BVH": (b"HIERARCHY\nROOT Hips\n", "a BVH motion, which `lead-invert learn` reads"),
    "web page": (b"<!DOCTYPE html><html>", "a web page; download the file itself"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "noise": (np.random.default_rng(0).bytes(5000), "its header claims"),
}


def refuse(data, tmp_path):
    path = tmp_path / "strange.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(ConceptError) as error:
            Concept.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 500
    assert peak < 100e6
    assert time.monotonic() - started < 5
    return message


@pytest.mark.parametrize("case", EDITS)
def test_hostile_content(case, concept, tmp_path):
    edit, expected = EDITS[case]
    draft = Draft(concept.to_bytes())
    edit(draft)
    assert expected in refuse(draft.bytes(), tmp_path)


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_hostile_files(case, tmp_path):
    data, expected = WHOLE_FILES[case]
    assert expected in refuse(data, tmp_path)


def test_zip_in_disguise(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 100)
    assert "a zip archive, as torch.save writes" in refuse(buffer.getvalue(), tmp_path)


def test_header_that_costs_memory(tmp_path):
    header = b'{"a":[' + b"[],{}," * 170_000 + b"[]]}"
    assert len(header) <= MAX_HEADER_BYTES
    assert "another kind of model" in refuse(wrap(header), tmp_path)


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


def test_newer_minor_version_is_read_without_what_is_new(concept):
    draft = Draft(concept.to_bytes())
    draft.metadata |= {"lead_invert.format_version": "1.7", "modelspec.thumbnail": "data:", "other": "x"}
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


def test_a_folder_that_is_missing_is_said(concept, tmp_path):
    with pytest.raises(ConceptError, match="cannot be written: No such file or directory"):
        concept.save(tmp_path / "none" / "elderly.safetensors")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_kill_during_saves_leaves_a_whole_file(concept, tmp_path):
    path = concept.save(tmp_path / "elderly.safetensors")
    code = (
        "import sys, itertools, dataclasses, concepts\n"
        "concept = concepts.Concept.load(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "for seed in itertools.count(): dataclasses.replace(concept, seed=seed).save(sys.argv[1])\n"
    )
    for delay in (0.01, 0.05, 0.1):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        assert replace(Concept.load(path), seed=7).to_bytes() == concept.to_bytes()


ADAPTED = {
    "adapter.blocks.0.ff.0/down": np.ones((4, 8)),
    "adapter.blocks.0.ff.0/up": np.ones((16, 4)),
    "adapter.blocks.1.out/down": np.ones((2, 8)),
    "adapter.blocks.1.out/up": np.ones((8, 2)),
    "direction": np.arange(6.0),
}


def test_an_adapter_and_a_direction_come_back_and_stand_among_the_words(fields, tmp_path):
    concept = Concept(**{**fields, "tensors": ADAPTED})
    loaded = Concept.load(concept.save(tmp_path / "x.safetensors"))
    word = loaded.words["<elderly>"]
    assert set(word) == {"token_embedding", *ADAPTED}
    for name, array in ADAPTED.items():
        np.testing.assert_array_equal(word[name], array)
        assert word[name].dtype == (np.float32 if name == "direction" else np.float16)
    assert loaded.to_bytes() == concept.to_bytes()


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
        Concept(**{**fields, "tensors": tensors})
