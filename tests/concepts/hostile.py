"""Hostile files: how each changes a valid concept, and the reader's message."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from base64 import b64encode
from dataclasses import asdict

import numpy as np

from concepts import Concept
from concepts.container import HASH_KEY, MAX_FILE_BYTES, MAX_HEADER_BYTES
from concepts.schedule import StyleSchedule

RECORD = "lead_invert.concept"


class Draft:
    """A concept file taken apart: change the header or the body and put it together again."""

    def __init__(self, data):
        (length,) = struct.unpack("<Q", data[:8])
        self.header = json.loads(data[8 : 8 + length])
        self.body = bytearray(data[8 + length :])
        self.metadata = self.header["__metadata__"]
        del self.metadata[HASH_KEY]  # optional; each fault has to be found without it

    def set(self, **values):
        record = json.loads(self.metadata[RECORD]) | values
        self.metadata[RECORD] = json.dumps(record)

    def bytes(self):
        return wrap(json.dumps(self.header).encode(), bytes(self.body))


def wrap(header, body=b""):
    return struct.pack("<Q", len(header)) + header + body


def put(draft, name, bits):
    begin = draft.header[name]["data_offsets"][0]
    draft.body[begin : begin + len(bits)] = bits


def put_direction(draft, direction, seen=None, **schedule):
    for name, array in (("direction", direction), ("direction.seen", seen)):
        if array is not None:
            begin = len(draft.body)
            draft.body += array.astype("<f4").tobytes()
            span = [begin, len(draft.body)]
            draft.header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": span}
    if schedule:
        draft.set(schedule=asdict(StyleSchedule()) | schedule)


def metadata(key, value):
    return lambda d: d.metadata.update({key: value})


def record(**values):
    return lambda d: d.set(**values)


def entry(name, **values):
    return lambda d: d.header[name].update(values)


def exemplar(**values):
    return record(exemplars=[{"sha256": "0" * 64, "frames": 9, "fps": 20} | values])


def png(width=8, height=8, extra=b"", after=b""):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    image = chunk(b"IDAT", zlib.compress(bytes(9 * 8)))
    return b"\x89PNG\r\n\x1a\n" + head + extra + image + chunk(b"IEND", b"") + after


def thumbnail(data, kind="png"):
    return metadata("modelspec.thumbnail", f"data:image/{kind};base64,{b64encode(data).decode()}")


EDITS = {
    "unknown tensor": (lambda d: d.header.update(evil=d.header.pop("init")), "unknown tensor 'evil'"),
    "escape in a name": (lambda d: d.header.update({"\x1b[2J": d.header.pop("init")}), r"unknown tensor '\x1b[2J'"),
    "name is a path": (lambda d: d.header.update({"../../x": d.header.pop("init")}), "unknown tensor '../../x'"),
    "no embedding": (
        lambda d: d.header.update({"direction": d.header.pop("token_embedding")}),
        "no tensor token_embedding",
    ),
    "wrong dtype": (entry("preview.joints", dtype="F32", shape=[30, 22, 3]), "is of type 'F32', expected F16"),
    "pickled dtype": (entry("init", dtype="OBJ"), "is of type 'OBJ', expected F32 or F16"),
    "dtype is a list": (entry("init", dtype=["F32"]), "is of type ['F32']"),
    "rank": (entry("init", shape=[512]), "tensor init has shape [512]"),
    "sizes disagree": (entry("init", shape=[4, 128]), "vectors is"),
    "too many vectors": (
        lambda d: [d.header[n].update(shape=[128, 4]) for n in ("init", "token_embedding")],
        "vectors is 128 in tensor",
    ),
    "shape lies": (entry("init", shape=[2, 2**61]), "does not fit its data_offsets"),
    "shape overflows": (entry("init", shape=[2**62 + 1, 512]), "does not fit"),
    "shape negative": (entry("init", shape=[-2, -256]), "has shape [-2, -256]"),
    "shape of floats": (entry("init", shape=[2.0, 256]), "has shape [2.0, 256]"),
    "shape of bools": (entry("init", shape=[True, 512]), "has shape [True, 512]"),
    "shape endless": (entry("init", shape=[10**4000] * 50), "expected lists of counts"),
    "shape missing": (lambda d: d.header["init"].pop("shape"), "expected dtype, shape and data_offsets alone"),
    "entry with extras": (entry("init", code="rm"), "data_offsets alone"),
    "entry is a text": (lambda d: d.header.update(init="F32"), "tensor 'init' is described by 'F32'"),
    "offsets overlap": (
        lambda d: d.header["token_embedding"].update(data_offsets=d.header["init"]["data_offsets"]),
        "overlaps another one",
    ),
    "offsets reversed": (
        lambda d: d.header["init"].update(data_offsets=d.header["init"]["data_offsets"][::-1]),
        "does not fit its data_offsets",
    ),
    "three offsets": (lambda d: d.header["init"]["data_offsets"].append(1), "two offsets"),
    "gap": (lambda d: d.header.pop("init"), "leaves a gap before it"),
    "offsets beyond the end": (lambda d: d.body.__delitem__(slice(-8, None)), "cut off: the tensors need"),
    "appended archive": (lambda d: d.body.extend(b"PK\x03\x04"), "4 bytes follow the last tensor"),
    "NaN": (lambda d: put(d, "token_embedding", struct.pack("<f", np.nan)), "token_embedding has NaN or infinite"),
    "infinity": (lambda d: put(d, "probe.cond", struct.pack("<f", np.inf)), "probe.cond has NaN or infinite"),
    "half infinity": (lambda d: put(d, "preview.joints", b"\x00\x7c"), "preview.joints has NaN or infinite"),
    "enormous embedding": (
        lambda d: put(d, "token_embedding", struct.pack("<f", 1e30)),
        "tensor token_embedding has numbers of",
    ),
    "enormous probe": (lambda d: put(d, "probe.cond", struct.pack("<f", 1e30)), "tensor probe.cond has numbers of"),
    "enormous direction": (
        lambda d: put_direction(d, np.full(6, 1e4), **asdict(StyleSchedule())),
        "tensor direction has numbers of 1e+04 in the mean, expected at most 10",
    ),
    "enormous seen direction": (
        lambda d: put_direction(d, np.ones(6), np.full((2, 6), 9.0), **asdict(StyleSchedule(direction_scale=9.0))),
        "tensor direction.seen, times the schedule's direction_scale, has numbers of 81",
    ),
    "seen directions of other templates": (
        lambda d: put_direction(d, np.ones(6), np.ones((9, 6)), **asdict(StyleSchedule())),
        "direction.seen has 9 rows for 2 templates, expected one each",
    ),
    "seen direction without a direction": (
        lambda d: put_direction(d, None, np.ones((1, 6))), "there is a tensor direction.seen and no direction",
    ),
    "enormous scaled direction": (
        lambda d: put_direction(d, np.full(6, 9.0), **asdict(StyleSchedule(direction_scale=9.0))),
        "tensor direction, times the schedule's direction_scale, has numbers of 81",
    ),
    "wrong checksum": (metadata(HASH_KEY, "0x00"), "do not have the checksum"),
    "metadata of numbers": (metadata("a", 3), "not a table of texts"),
    "metadata is a list": (lambda d: d.header.update(__metadata__=[]), "__metadata__ is [], not a table of texts"),
    "no version": (lambda d: d.metadata.pop("lead_invert.format_version"), "another kind of model"),
    "newer version": (
        metadata("lead_invert.format_version", "3.0"),
        "format version 3.0 is newer than what this program reads, 1.x and 2.x: update with `pip install -U",
    ),
    "older version": (metadata("lead_invert.format_version", "0.9"), "format version 0.9 is older"),
    "odd version": (metadata("lead_invert.format_version", "1.0\n"), r"'1.0\n' is not of the form 2.0"),
    "no record": (lambda d: d.metadata.pop(RECORD), "lack lead_invert.concept"),
    "record not JSON": (metadata(RECORD, "{"), "lead_invert.concept is not valid JSON"),
    "record with NaN": (metadata(RECORD, '{"a": NaN}'), "NaN is not a number in JSON"),
    "record repeats": (metadata(RECORD, '{"a":1,"a":2}'), "a key stands twice"),
    "record a list": (metadata(RECORD, "[]"), "expected a table by name"),
    "record nested": (metadata(RECORD, "[" * 10**5), "concept is nested too deeply"),
    "record with a huge number": (metadata(RECORD, '{"steps":' + "9" * 5000 + "}"), "digits"),
    "schedule without a direction": (record(schedule=asdict(StyleSchedule())), "a schedule and no direction"),
    "direction without a schedule": (
        lambda d: put_direction(d, np.ones(6)), "there is a direction and no schedule, which says how strongly it acts",
    ),
    "schedule that shouts": (
        lambda d: put_direction(d, np.ones(6), direction_scale=1e4),
        "the schedule's direction_scale is 10000, expected 0 to 10",
    ),
    "no token": (metadata(RECORD, "{}"), "lead_invert.concept lacks token"),
    "token without brackets": (record(token="elderly"), 'write it as "<elderly>"'),
    "token is a path": (record(token="<../../x>"), "cannot be a word's name"),
    "token with a line end": (record(token="<a>\n"), r"'<a>\n'"),
    "token with bidi": (record(token="<a\u202eb>"), r"'<a\u202eb>'"),
    "token with a control character": (record(token="<a\x07b>"), r"'<a\x07b>'"),
    "token that looks alike": (record(token="<\u0435lderly>"), "small letters a-z"),
    "token is a number": (record(token=3), "the token 3"),
    "kind": (record(kind=["style"]), "kind is ['style']"),
    "base is a path": (record(base="/home/me/base.safetensors"), "never a path"),
    "base is invisible": (record(base="\u202e\u200b\x07"), "base is '', expected the base model's name"),
    "fingerprints": (record(fingerprints="ab"), "fingerprints is 'ab'"),
    "fingerprint of escapes": (record(fingerprints={"text": "\x1b[31m"}), r"fingerprint of text is '\x1b[31m'"),
    "source path": (exemplar(source="C:\\me\\a.bvh"), "looks like a path"),
    "source path behind bidi": (exemplar(source="\u202e../secret"), "looks like a path"),
    "exemplar's digest": (exemplar(sha256="../../x"), "an exemplar's sha256 is '../../x'"),
    "template that formats": (record(templates=["{} {0.__class__} {}"]), "has 2 places for the word"),
    "long loss": (record(loss=[0.0] * 65), "loss has 65 entries"),
    "infinite score": (lambda d: d.metadata.update({RECORD: d.metadata[RECORD].replace("0.25", "1e999")}), "finite"),
    "long text": (metadata("modelspec.title", "x" * 500), "title has 500 characters"),
    "no date": (metadata("modelspec.date", "yesterday"), "date is 'yesterday', expected ISO 8601"),
    "thumbnail elsewhere": (metadata("modelspec.thumbnail", "https://example.org/x.png"), "is not a PNG as a text"),
    "thumbnail with scripts": (thumbnail(b"<svg onload='x()'/>", "svg+xml"), "starts with data:image/png;base64,"),
    "thumbnail too long": (thumbnail(bytes(60_000)), "the thumbnail has 80022 characters, at most 65536"),
    "thumbnail not base64": (metadata("modelspec.thumbnail", "data:image/png;base64,%%"), "not valid base64"),
    "thumbnail with a tail": (thumbnail(png(after=b"PK\x03\x04")), "not exactly one whole PNG"),
    "thumbnail as a bomb": (thumbnail(png(100_000, 100_000)), "the thumbnail has 100000 x 100000 pixels"),
    "thumbnail that tells": (
        thumbnail(png(extra=b"\0\0\0\x04tEXtc\0me" + struct.pack(">I", zlib.crc32(b"tEXtc\0me")))),
        "has a PNG chunk b'tEXt'",
    ),
    "another base": (record(fingerprints={"text": "77" * 32}), "means nothing to the base 'lead-small' (text abab"),
    "another tokenizer": (record(fingerprints={"text": "ab" * 32, "tokenizer": "99" * 32}), "tokenizer unknown"),
    "another denoiser": (
        record(fingerprints={"text": "ab" * 32, "denoiser": "77" * 32}),
        "learned with the denoiser 777777777777",
    ),
    "another probe": (lambda d: put(d, "probe.cond", b"\0\0\x80\x3f" * 300), "has another meaning on this base"),
}


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 100)
    return buffer.getvalue()


WHOLE_FILES = {
    "empty": (b"", "empty or cut off: it has only 0 bytes"),
    "short": (b"\x05\0\0\0\0\0\0\0{", "it has only 9 bytes"),
    "claims a huge header": (b"\xff" * 8 + b"{" * 20, "its header claims 18446744073709551615 bytes"),
    "header just too long": (wrap(b"{" + b" " * MAX_HEADER_BYTES), "claims 1048577 bytes, at most 1048576"),
    "header cut off": (wrap(b'{"a": 1}')[:-3], "cut off: the header claims 8 bytes, 5 follow"),
    "header not JSON": (wrap(b'{"a": 1,}'), "the header is not valid JSON"),
    "header is a list": (wrap(b"[1, 2, 3]"), "the header does not start as JSON"),
    "header not UTF-8": (wrap(b'{"a": "\xff"}'), "the header is not UTF-8"),
    "header with UTF-16": (wrap('{"a":1}'.encode("utf-16-le")), "the header is not valid JSON"),
    "header repeats": (wrap(b'{"a":{},"a":{}}'), "the header is not valid JSON (a key stands twice"),
    "header nested": (wrap(b'{"a":' + b"[" * 500_000), "the header is nested too deeply"),
    "no tensors": (wrap(b'{"__metadata__":{}}'), "another kind of model"),
    "header of many lists": (wrap(b'{"a":[' + b"[],{}," * 170_000 + b"[]]}"), "another kind of model"),
    "header of many tensors": (
        wrap(b"{" + b",".join(b'"%x":{}' % i for i in range(90_000)) + b"}"), "another kind of model",
    ),
    "zip archive": (_zip(), "a zip archive, as torch.save writes"),
    "pickle": (pickle.dumps({"<elderly>": [1.0] * 300}), "a Python pickle, which can run code"),
    "old pickle": (pickle.dumps({"<elderly>": [1.0]}, protocol=0), "a Python pickle"),
    "NumPy array": (b"\x93NUMPY\x01\x00" + b" " * 100, "a NumPy array"),
    "gzip": (b"\x1f\x8b\x08" + b"x" * 100, "a gzip archive"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "a picture"),
    "BVH": (b"HIERARCHY\nROOT Hips\n", "a BVH motion, which `lead-invert learn` reads"),
    "web page": (b"<!DOCTYPE html><html>", "a web page; download the file itself"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "noise": (np.random.default_rng(0).bytes(5000), "its header claims"),
    "too big": (bytes(MAX_FILE_BYTES + 1), "perhaps a whole model"),
}  # fmt: skip


def largest(concept: Concept) -> bytes:
    """As big as a file may be, and honest but for its very last number."""
    draft = Draft(concept.to_bytes())
    begin = draft.header["preview.joints"]["data_offsets"][0]  # it is the last tensor
    frames = (MAX_FILE_BYTES - 2**16 - begin) // (64 * 3 * 2)
    size = frames * 64 * 3 * 2
    draft.header["preview.joints"] = {"dtype": "F16", "shape": [frames, 64, 3], "data_offsets": [begin, begin + size]}
    draft.body[begin:] = bytes(size - 2) + struct.pack("<e", np.nan)
    return draft.bytes()


def corpus(concept: Concept) -> dict[str, tuple[bytes, str]]:
    """Every hostile file by name: its bytes, and words of the message that refuses it."""
    files = dict(WHOLE_FILES)
    for name, (edit, expected) in EDITS.items():
        draft = Draft(concept.to_bytes())
        edit(draft)
        files[name] = (draft.bytes(), expected)
    return files | {"largest": (largest(concept), "preview.joints has NaN or infinite")}
