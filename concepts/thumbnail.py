"""The small picture in a concept file: a PNG in a data: URI. Its form is checked; it is never decoded here.

Only the chunks that make the picture may be in it: no texts, no profiles, nothing after its end. The limit on its sides
limits what a program spends to show it. Knows nothing of drawing.
"""

import base64
import binascii
import struct
import zlib

from concepts.errors import ConceptError

PREFIX = "data:image/png;base64,"
MAX_CHARACTERS = 65_536
MAX_SIDE = 512

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The bit depths of each color type."""
_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def png_to_thumbnail(png: bytes) -> str:
    """The data: URI of a PNG's bytes; ConceptError where it could not stand in a file."""
    return check_thumbnail(PREFIX + base64.b64encode(png).decode("ascii"))


def thumbnail_to_png(thumbnail: str) -> bytes:
    """The PNG's bytes of a data: URI that was checked. The inverse of `png_to_thumbnail`."""
    return base64.b64decode(thumbnail.removeprefix(PREFIX))


def check_thumbnail(thumbnail: object) -> str:
    """Return the text if it is empty or such a picture; otherwise raise a ConceptError that says what is wrong."""
    if thumbnail == "":
        return ""
    if not isinstance(thumbnail, str) or not thumbnail.startswith(PREFIX):
        raise ConceptError(f"the thumbnail is not a PNG as a text that starts with {PREFIX}: leave it out, or make one")
    if len(thumbnail) > MAX_CHARACTERS:
        raise ConceptError(f"the thumbnail has {len(thumbnail)} characters, at most {MAX_CHARACTERS}: make it smaller")
    try:
        png = base64.b64decode(thumbnail[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise ConceptError("the thumbnail is not valid base64: leave it out, or make it again") from None
    _check_png(png)
    return thumbnail


def _check_png(png: bytes) -> None:
    """ConceptError unless the bytes are whole chunks of a picture of at most MAX_SIDE x MAX_SIDE, and no others."""
    names: list[bytes] = []
    sizes: list[int] = []
    position = len(_SIGNATURE)
    while png.startswith(_SIGNATURE) and names[-1:] != [b"IEND"] and position + 12 <= len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        chunk, end = png[position + 4 : position + 8 + length], position + 12 + length
        if png[end - 4 : end] != struct.pack(">I", zlib.crc32(chunk)):
            break
        names.append(chunk[:4])
        sizes.append(length)
        position = end
    if names[:1] != [b"IHDR"] or names[-1] != b"IEND" or b"IDAT" not in names or position != len(png):
        raise ConceptError("the thumbnail is not exactly one whole PNG: leave it out, or make it again")
    if unknown := [name for name in names if name not in _CHUNKS]:
        raise ConceptError(f"the thumbnail has a PNG chunk {unknown[0]!r}, which no picture needs: save it without")
    if names.count(b"IHDR") != 1 or sizes[0] != 13 or sizes[-1] != 0:
        raise ConceptError("the thumbnail has not exactly one IHDR of 13 bytes and an empty IEND: make it again")
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", png[16:29])
    if depth not in _DEPTHS.get(color, ()) or methods[:2] != [0, 0] or methods[2] > 1:
        raise ConceptError("the thumbnail's IHDR names a color type that PNG has not: make it again")
    first = names.index(b"IDAT")
    if set(names[first : first + names.count(b"IDAT")]) != {b"IDAT"}:
        raise ConceptError("the thumbnail has another chunk between its IDAT chunks: make it again")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ConceptError(f"the thumbnail has {width} x {height} pixels, expected 1 to {MAX_SIDE} a side: scale it")
