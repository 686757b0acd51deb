"""Bytes of a concept file: safetensors with our limits, checked before anything is believed.

A safetensors file is 8 bytes (the header's length, little endian), a JSON header, and the tensors' bytes.
We read and write it ourselves, for two reasons: the reader has to limit and check the header before it parses it, and
equal content has to give equal bytes whatever the library's version. Every safetensors library opens the result.

This module knows metadata as strings; their meaning is for `concepts.concept`. The checks stand in the order of
docs/concept-format.md, and `report` is called after each one that passed. A message does not name the file:
`Concept.load` does.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from concepts.errors import ConceptError
from concepts.tensors import DROPPED, DTYPES, check_forms, check_numbers, check_tensors, require_form, tensor_form
from concepts.text import quote

FORMAT_VERSION = (2, 1)
"""Major and minor version of the files that this module writes."""
NEWEST_MINOR = {1: 2, 2: 1}
"""The major versions that it reads, and the newest minor version of each that it knows."""
VERSION_KEY = "lead_invert.format_version"
HASH_KEY = "modelspec.hash_sha256"
MAX_FILE_BYTES = 16 * 2**20
MAX_HEADER_BYTES = 2**20

Report = Callable[[str], object]
"""Receives what was found after each check of the specification that a file passed, in their order."""

_DAMAGED = "the file is damaged, get it again"
_DISGUISES = (
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), "a zip archive, as torch.save writes"),
    (re.compile(rb"\x80[\x01-\x05]|[(c\]}].*\.\Z", re.DOTALL), "a Python pickle, which can run code"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive"),
    (re.compile(rb"\x93NUMPY"), "a NumPy array"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff"), "a picture"),
    (re.compile(rb"\s*HIERARCHY"), "a BVH motion, which `lead-invert learn` reads"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
    (re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE), "a web page; download the file itself"),
)


def report_nothing(found: str) -> None:
    """The report of a caller who does not ask."""


def pack(metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> bytes:
    """A concept file's bytes; equal content gives equal bytes. The inverse of `unpack`."""
    check_tensors(tensors)
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))  # wide types first: all aligned
    body = b"".join(np.ascontiguousarray(tensors[name], DTYPES[require_form(name)[0]]).tobytes() for name in names)
    entries: dict[str, Any] = {
        "__metadata__": {
            **metadata,
            VERSION_KEY: "{}.{}".format(*FORMAT_VERSION),
            HASH_KEY: f"0x{hashlib.sha256(body).hexdigest()}",
        }
    }
    end = 0
    for name in names:
        begin, end = end, end + tensors[name].nbytes
        entries[name] = {
            "dtype": require_form(name)[0],
            "shape": list(tensors[name].shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER_BYTES:
        raise ConceptError(f"the texts take {len(header)} bytes, at most {MAX_HEADER_BYTES}: shorten them")
    data = struct.pack("<Q", len(header)) + header + body
    if len(data) > MAX_FILE_BYTES:
        raise ConceptError(f"the concept has {len(data)} bytes, at most {MAX_FILE_BYTES}: leave out tensors")
    return data


def unpack(data: bytes, report: Report = report_nothing) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and tensors of a concept file's bytes, all structure checked. The inverse of `pack`."""
    text, body = _split_file(data)
    report(f"header of {len(text)} bytes, {len(body)} bytes of tensors")
    header, metadata = _parse_header(text)
    report(f"JSON in UTF-8 that describes {len(header)} tensors and has {len(metadata)} texts")
    major, minor = read_version(metadata)
    newer = minor > NEWEST_MINOR[major]
    report(f"format {metadata[VERSION_KEY]}" + (", newer than this reader: what is new is left out" * newer))
    spans = {name: _check_entry(name, entry) for name, entry in header.items()}
    report("each tensor has dtype, shape and data_offsets that fit each other")
    _check_offsets(spans, len(body))
    if HASH_KEY in metadata and metadata[HASH_KEY] != f"0x{hashlib.sha256(body).hexdigest()}":
        raise ConceptError(f"the tensors do not have the checksum that the header states: {_DAMAGED}")
    stated = "sha256 as stated" if HASH_KEY in metadata else "no sha256"
    report(f"no overlap, no gap, nothing after the end; {stated}")
    dropped = DROPPED.get(major, frozenset())
    known = [name for name in header if name not in dropped and not (newer and tensor_form(name) is None)]
    tensors = {name: _view_array(name, header[name], body[slice(*spans[name])]) for name in known}
    check_forms(tensors)
    report(f"{len(tensors)} tensors, all known, token_embedding {list(tensors['token_embedding'].shape)}")
    check_numbers(tensors)
    report(f"{sum(tensor.size for tensor in tensors.values())} numbers, all finite and of a size that a base can mean")
    return metadata, tensors


def _view_array(name: str, entry: Mapping[str, Any], part: memoryview) -> np.ndarray:
    """A view of a tensor's bytes. Its header entry and its place have been checked."""
    dtype = require_form(name)[0]
    if entry["dtype"] != dtype:
        raise ConceptError(f"tensor {name} is of type {quote(entry['dtype'])}, expected {dtype}")
    return np.frombuffer(part, DTYPES[dtype]).reshape(entry["shape"])


def parse_json(text: str, what: str) -> Any:
    """Parse JSON of untrusted origin. Repeated keys, NaN and nesting that exhausts the stack are refused."""

    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key stands twice in one object")
        return result

    def refuse_constant(name: str) -> float:
        raise ValueError(f"{name} is not a number in JSON")

    try:
        return json.loads(text, object_pairs_hook=refuse_repeats, parse_constant=refuse_constant)
    except RecursionError:
        raise ConceptError(f"{what} is nested too deeply, as in a malicious file: do not use it") from None
    except ValueError as error:
        raise ConceptError(f"{what} is not valid JSON ({error}): {_DAMAGED}") from None


def read_bytes(path: Path) -> bytes:
    """A regular file's bytes, at most MAX_FILE_BYTES of them."""
    with _open_file(path) as (file, _):
        return file.read(MAX_FILE_BYTES)


@contextlib.contextmanager
def _open_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file of at most MAX_FILE_BYTES, and its size; ConceptError where it cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConceptError("not a file; expected a concept file that ends in .safetensors")
        if status.st_size > MAX_FILE_BYTES:
            raise ConceptError(
                f"{status.st_size} bytes, and a concept has at most {MAX_FILE_BYTES}: perhaps a whole model"
            )
        with path.open("rb") as file:
            yield file, status.st_size
    except FileNotFoundError:
        raise ConceptError("there is no such file: check the name, or learn the concept first") from None
    except OSError as error:
        raise ConceptError(f"cannot be read: {error.strerror}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """A file's metadata, checked as `unpack` does from its header and its size; the tensors are not read."""
    with _open_file(path) as (file, size):
        start = file.read(8)
        (length,) = struct.unpack("<Q", start.ljust(8, b"\0"))
        text, _ = _split_file(start + file.read(min(length, MAX_HEADER_BYTES)))
    header, metadata = _parse_header(text)
    read_version(metadata)
    _check_offsets({name: _check_entry(name, entry) for name, entry in header.items()}, size - 8 - length)
    return metadata


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and move it into place: a crash leaves the old file or the new one."""
    temporary = path.with_name(f".concept-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ConceptError(f"cannot be written: {error.strerror}; choose another folder or name") from None
    finally:
        with contextlib.suppress(OSError):  # a successful move leaves nothing to remove
            temporary.unlink()


def _split_file(data: bytes) -> tuple[bytes, memoryview]:
    """Header and tensor bytes; the header's length is checked before it is used."""
    (length,) = struct.unpack("<Q", data[:8].ljust(8, b"\0"))
    if len(data) < 10 or length > MAX_HEADER_BYTES or data[8:9] != b"{":
        for signature, meaning in _DISGUISES:
            if signature.match(data):
                raise ConceptError(f"not a concept but {meaning}; expected a safetensors file")
    if len(data) < 10:
        raise ConceptError(f"empty or cut off: it has only {len(data)} bytes; get the file again")
    if length > MAX_HEADER_BYTES:
        raise ConceptError(f"not a concept: its header claims {length} bytes, at most {MAX_HEADER_BYTES}")
    if 8 + length > len(data):
        raise ConceptError(f"cut off: the header claims {length} bytes, {len(data) - 8} follow; get the file again")
    if data[8:9] != b"{":
        raise ConceptError("not a safetensors file: the header does not start as JSON")
    return data[8 : 8 + length], memoryview(data)[8 + length :]


def _parse_header(header: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors' entries by name, unchecked, and the metadata."""
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError:
        raise ConceptError(f"the header is not UTF-8 text: {_DAMAGED}") from None
    entries = parse_json(text, "the header")
    if not isinstance(entries, dict):
        raise ConceptError(f"the header is not a JSON object: {_DAMAGED}")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ConceptError(f"the header's __metadata__ is {quote(metadata)}, not a table of texts: {_DAMAGED}")
    return entries, metadata


def read_version(metadata: Mapping[str, str]) -> tuple[int, int]:
    """The file's major and minor version; ConceptError for a major version that this module does not read."""
    version = metadata.get(VERSION_KEY)
    if version is None:
        raise ConceptError(
            f"a safetensors file without {VERSION_KEY}: another kind of model, not a concept of lead-invert"
        )
    match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", version)
    if match is None:
        raise ConceptError(f"format version {quote(version)} is not of the form 2.0: {_DAMAGED}")
    major, minor = int(match[1]), int(match[2])
    if major not in NEWEST_MINOR:
        newer = major > FORMAT_VERSION[0]
        advice = "update with `pip install -U lead-invert`" if newer else "learn the concept again"
        raise ConceptError(
            f"format version {major}.{minor} is {'newer' if newer else 'older'} than what this program reads, "
            f"{' and '.join(f'{known}.x' for known in NEWEST_MINOR)}: {advice}"
        )
    return major, minor


def _check_entry(name: str, entry: object) -> tuple[int, int]:
    """A tensor's span in the body, after its header entry proved to be well formed."""

    def counts(value: object) -> bool:
        return isinstance(value, list) and len(value) <= 8 and all(type(n) is int and n >= 0 for n in value)

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ConceptError(
            f"tensor {quote(name)} is described by {quote(entry)}, expected dtype, shape and data_offsets alone"
        )
    shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ConceptError(f"tensor {quote(name)} is of type {quote(dtype)}, expected F32 or F16")
    if not counts(shape) or not counts(offsets) or len(offsets) != 2:
        raise ConceptError(
            f"tensor {quote(name)} has shape {quote(shape)} and data_offsets {quote(offsets)}, "
            "expected lists of counts, two offsets"
        )
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise ConceptError(
            f"tensor {quote(name)} of shape {quote(shape)} does not fit its data_offsets {quote(offsets)}"
        )
    return begin, end


def _check_offsets(spans: Mapping[str, tuple[int, int]], body_bytes: int) -> None:
    """The tensors follow each other without overlap or gap and end where the file ends."""
    position = 0
    for name, (begin, end) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != position:
            problem = "overlaps another one" if begin < position else "leaves a gap before it"
            raise ConceptError(f"tensor {quote(name)} {problem} in the file: do not use this file")
        position = end
    if position > body_bytes:
        raise ConceptError(f"cut off: the tensors need {position} bytes, {body_bytes} are left; get the file again")
    if position < body_bytes:
        raise ConceptError(f"{body_bytes - position} bytes follow the last tensor: do not use this file")
