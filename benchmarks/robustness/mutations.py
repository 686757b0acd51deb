"""Seeded damage to files: to bytes, to text, to trees of JSON, to NPY arrays and to archives of them.

Each function takes a random generator and returns new bytes; the same generator state gives the same damage.
This module knows nothing of the readers.
"""

import ast
import copy
import io
import json
import random
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Mutator = Callable[[random.Random, bytes], bytes]

NUMBERS = (0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, -(2**31), 2**32 - 1,
           2**53 + 1, 2**63 - 1, -(2**63), 10**9, 10**30, 10**400, 10**5000)  # fmt: skip
"""The last two: more than a float holds, and more digits than Python reads."""
REALS = (0.5, -0.0, 1e-9, 1e-300, 1e9, -1e9, 1e20, 3.5e38, 1e308, float("nan"), float("inf"), float("-inf"))
TEXTS = ("", " ", "\x00", "NaN", "null", "../../x", "/etc/passwd", "C:\\x.bvh", "a" * 300, "<b>", "\u202ex", "é走",
         "{}", "{}{}", "\ud800", "%s%n", "1e999", "0x10", "-", "data:,", "data:image/png;base64,AAAA")  # fmt: skip
WORDS = (b"HIERARCHY", b"ROOT", b"JOINT", b"End Site", b"OFFSET", b"CHANNELS", b"MOTION", b"Frames:", b"Frame Time:",
         b"{", b"}", b"Xposition", b"Zrotation", b"nan", b"inf", b"-", b"1e400", b"#", b'"', b"=", b"[", b"]", b"\x00",
         b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\t", b"9" * 5000, b"0x" + b"f" * 5000)  # fmt: skip
DTYPES = ("<f8", ">f8", "<f4", "<f2", "<i8", "|i1", "|u1", "|b1", "<c16", "|O", "<U4", "|S3", "|V8", "<f3", "")


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    """Damage bytes: flip bits, set bytes or odd integers, cut out, double or move parts, or cut off the end."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not out:
            return bytes(out)
        place = rng.randrange(len(out))
        reach = min(len(out), place + rng.choice((1, 2, 4, 8, 64, 1024)))
        match rng.randrange(8):
            case 0:
                out[place] ^= 1 << rng.randrange(8)
            case 1:
                out[place] = rng.randrange(256)
            case 2:
                form = rng.choice(("<i", ">i", "<q", "<h", "<f", "<d"))
                value = rng.choice(REALS) if form[1] in "fd" else rng.choice(NUMBERS)
                out[place : place + struct.calcsize(form)] = _pack(form, value)
            case 3:
                del out[place:reach]
            case 4:
                out[place:place] = out[place:reach]
            case 5:
                out[place:place] = rng.randbytes(rng.choice((1, 2, 7, 100)))
            case 6:
                other = rng.randrange(len(out))
                out[other : other + reach - place] = out[place:reach]
            case 7:
                del out[place:]
    return bytes(out)


def _pack(form: str, value: float) -> bytes:
    try:
        return struct.pack(form, value)
    except OverflowError:  # an infinity of a float, or a number cut to its width
        return struct.pack(form, float("inf"))
    except struct.error:
        size = struct.calcsize(form)
        return (int(value) % (1 << 8 * size)).to_bytes(size, "little")


def mutate_text(rng: random.Random, data: bytes) -> bytes:
    """Replace, double, exchange or remove words and lines of a text, and make its numbers odd."""
    parts = re.split(rb"(\s+)", data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        place, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        match rng.randrange(8):
            case 0:
                parts[place] = b""
            case 1:
                parts[place] = parts[place] * 2
            case 2:
                parts[place], parts[other] = parts[other], parts[place]
            case 3:
                parts[place] = rng.choice(WORDS)
            case 4:
                found = [n for n, part in enumerate(parts) if re.fullmatch(rb"[-+.\deE]+", part)] or [place]
                parts[rng.choice(found)] = _format(rng.choice((*NUMBERS, *REALS)), rng.random() < 0.1)
            case 5:
                del parts[min(place, other) : min(place, other) + rng.choice((1, 2, 8, 40, 400))]
            case 6:
                parts[place:place] = parts[other : other + rng.choice((2, 8, 40))]
            case 7:
                parts[place] = mutate_bytes(rng, parts[place])
        parts = parts or [b""]
    return b"".join(parts)


def _format(number: float, as_hex: bool) -> bytes:
    """A number as text; an integer in hexadecimal if asked."""
    with _any_digits():
        return (f"{number:#x}" if as_hex and isinstance(number, int) else str(number)).encode()


@contextmanager
def _any_digits() -> Iterator[None]:
    """Within the block, Python writes integers of any length."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


def _dump_json(tree: Any) -> str:
    with _any_digits():
        return json.dumps(tree)


def mutate_tree(rng: random.Random, tree: Any) -> Any:
    """A copy of nested lists and dicts with a few values replaced, removed, doubled, moved or renamed."""
    box = [copy.deepcopy(tree)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holder, key = rng.choice(_list_places(box))
        match rng.randrange(6):
            case 0 | 1:
                holder[key] = _make_odd(rng, holder[key])
            case 2 if holder is not box:
                del holder[key]
            case 3 if isinstance(holder, list) and holder is not box:
                holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice((1, 1, 2, 70))
            case 4:
                other, name = rng.choice(_list_places(box))
                holder[key] = copy.deepcopy(other[name])
            case 5 if isinstance(holder, dict):
                holder[rng.choice(TEXTS)] = holder.pop(key)
    return box[0]


def _list_places(tree: Any) -> list[tuple[Any, Any]]:
    """For every value in a tree its holder and its key there."""
    found, todo = [], [tree]
    while todo:
        holder = todo.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                todo.append(holder[key])
    return found


def _make_odd(rng: random.Random, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        size = rng.choice((0, 1, len(value), len(value) + 1))
        with np.errstate(all="ignore"):
            return np.resize(value * rng.choice((1, -1, 1e300)), size).astype(value.dtype) if len(value) else value
    if isinstance(value, int | float) and rng.random() < 0.7:
        return rng.choice((*NUMBERS, *REALS, value + 1, value - 1, -value))
    if isinstance(value, str) and rng.random() < 0.7:
        return rng.choice((*TEXTS, value + rng.choice(TEXTS), value[: len(value) // 2]))
    return rng.choice((*NUMBERS, *REALS, *TEXTS, None, True, False, [], {}, [value], {"x": value}))


def mutate_json(rng: random.Random, data: bytes) -> bytes:
    """Damage one line of JSON."""
    lines = data.splitlines()
    row = rng.randrange(len(lines))
    lines[row] = _dump_json(mutate_tree(rng, json.loads(lines[row]))).encode()
    return b"\n".join(lines)


def mutate_safetensors(rng: random.Random, data: bytes) -> bytes:
    """Damage the header of a safetensors file, or a text in it that is JSON itself."""
    (length,) = struct.unpack_from("<Q", data)
    tree = json.loads(data[8 : 8 + length])
    texts = tree.get("__metadata__", {})
    inner = [key for key, text in texts.items() if text.startswith("{")]
    if inner and rng.random() < 0.5:
        key = rng.choice(inner)
        texts[key] = _dump_json(mutate_tree(rng, json.loads(texts[key])))
    else:
        tree = mutate_tree(rng, tree)
    header = _dump_json(tree).encode()
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def mutate_glb(rng: random.Random, data: bytes) -> bytes:
    """Damage the JSON chunk of a GLB; correct all lengths."""
    (length,) = struct.unpack_from("<I", data, 12)
    text = mutate_json(rng, data[20 : 20 + length])
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON") + text + rest


def mutate_npy(rng: random.Random, data: bytes) -> bytes:
    """Damage an NPY file's header or numbers and correct the header's length; damage the bytes of other files."""
    try:
        (length,) = struct.unpack_from("<H", data, 8)
        header, numbers = ast.literal_eval(data[10 : 10 + length].decode("latin1")), data[10 + length :]
        shape = list(header["shape"])
    except (struct.error, SyntaxError, ValueError, TypeError, KeyError):
        return mutate_bytes(rng, data)
    match rng.randrange(6):
        case 0:
            header["descr"] = rng.choice(DTYPES)
        case 1 | 2:
            other = mutate_tree(rng, shape)
            header["shape"] = tuple(other) if isinstance(other, list) else other
        case 3:
            header = mutate_tree(rng, {**header, "shape": shape})
        case _:
            numbers = mutate_bytes(rng, numbers)
    with _any_digits():
        text = repr(header).encode("utf-8", "replace") + b"\n"
    version = rng.choice((b"\x01\x00",) * 9 + (b"\x02\x00", b"\x03\x00", b"\x09\x01"))
    count = struct.pack("<I" if version == b"\x02\x00" else "<H", len(text) % 65536)
    return b"\x93NUMPY" + version + count + text + numbers


def mutate_zip(rng: random.Random, data: bytes) -> bytes:
    """Change, rename, double or remove members of a zip archive; correct all checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(rng.choice((1, 1, 2))):
        row = rng.randrange(len(members))
        name, content = members[row]
        match rng.randrange(7):
            case 0 if len(members) > 1:
                del members[row]
            case 1:
                members.append((name, mutate_npy(rng, content)))
            case 2:
                renamed = rng.choice((*TEXTS, rng.choice(members)[0], "poses.npy", "joints.npy", "fps.npy"))
                members[row] = renamed.encode("utf-8", "replace").decode() or "x", content
            case _:
                members[row] = name, mutate_npy(rng, content)
    out = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            with archive.open(zipfile.ZipInfo(name), "w") as file:
                file.write(content)
    return out.getvalue()
