import io
import struct
import zlib

import hostile
import numpy as np
import pytest
from PIL import Image

from concepts import ConceptError
from concepts.thumbnail import check_thumbnail, png_to_thumbnail, thumbnail_to_png


def to_png(picture: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_pictures_come_back(mode):
    png = to_png(Image.new(mode, (512, 300)))
    assert thumbnail_to_png(png_to_thumbnail(png)) == png
    assert check_thumbnail("") == ""


def test_every_cut_and_changed_byte_is_refused():
    png = hostile.png()
    png_to_thumbnail(png)
    for position in range(len(png)):
        changed = png[:position] + bytes([png[position] ^ 1]) + png[position + 1 :]
        for spoiled in (png[:position], changed):
            with pytest.raises(ConceptError):
                png_to_thumbnail(spoiled)


def test_limits_are_named_in_messages():
    with pytest.raises(ConceptError, match="513 x 300 pixels, expected 1 to 512 a side"):
        png_to_thumbnail(to_png(Image.new("RGB", (513, 300))))
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(ConceptError, match="at most 65536: make it smaller"):
        png_to_thumbnail(to_png(Image.fromarray(noise)))
    with pytest.raises(ConceptError, match="starts with data:image/png;base64,"):
        check_thumbnail(3)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_one_header_and_an_empty_end():
    png = hostile.png()
    header, rest, end = png[8:33], png[33:-12], png[-12:]
    size = header[8:21]
    for parts in (
        (header, chunk(b"IHDR", struct.pack(">II", 60_000, 60_000) + size[8:]), rest, end),
        (chunk(b"IHDR", size + b"more"), rest, end),
        (chunk(b"IHDR", size[:8]), rest, end),
        (header, rest, chunk(b"IEND", b"more")),
    ):
        with pytest.raises(ConceptError, match="exactly one IHDR of 13 bytes and an empty IEND"):
            png_to_thumbnail(png[:8] + b"".join(parts))


def test_a_header_that_png_does_not_have_and_data_in_two_places():
    png = hostile.png()
    rest = png[33:-12]
    for kind in (b"\x4d\x09\0\0\0", b"\x08\x01\0\0\0", b"\x08\x02\x01\0\0", b"\x08\x02\0\x01\0", b"\x08\x02\0\0\x02"):
        with pytest.raises(ConceptError, match="IHDR names a color type that PNG has not"):
            png_to_thumbnail(png[:8] + chunk(b"IHDR", png[16:24] + kind) + rest + png[-12:])
    with pytest.raises(ConceptError, match="another chunk between its IDAT chunks"):
        png_to_thumbnail(png[:-12] + chunk(b"PLTE", b"abc") + chunk(b"IDAT", b"") + png[-12:])
