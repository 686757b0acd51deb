"""Animated GIFs with one palette: each frame holds only what differs from the frame before.

Pillow compresses the pixels. The file around them is written here, because Pillow's own animations compare and copy
every frame in color, which takes longer than drawing it. There is no dithering, so what stands still costs no bytes.
Knows nothing of motions.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from struct import pack

import numpy as np
from jaxtyping import UInt8
from PIL import Image

PALETTE_FRAMES = 4
"""Frames from which the palette is best taken."""
COLORS = 255
"""Of the palette; one more index stands for "as before"."""
SAME = COLORS

Picture = UInt8[np.ndarray, "height width 3"]
Indices = UInt8[np.ndarray, "height width"]


def write_gif(path: Path, pictures: Iterable[Picture], samples: Sequence[Picture], milliseconds: int) -> None:
    """Write pictures of one size that play again and again; `samples` are some of them, for the palette.

    A picture is shown for `milliseconds`, in hundredths of a second. Pictures need not stay as they are once the next
    one is asked for.
    """
    palette = Image.fromarray(np.concatenate(list(samples)))
    palette = palette.quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colors = bytes(palette.getpalette("RGB") or ())[: 3 * COLORS].ljust(3 * 256, b"\0")
    frames = (np.asarray(_quantize(picture, palette)) for picture in pictures)
    with path.open("wb") as file:
        for number, (top, left, drawn) in enumerate(_differences(frames)):
            height, width = drawn.shape
            if not number:
                file.write(b"GIF89a" + pack("<HHBBB", width, height, 0xF7, 0, 0) + colors)
                file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # plays for ever
            control = pack("<BBBBHBB", 0x21, 0xF9, 4, 0b101, milliseconds // 10, SAME, 0)
            file.write(control + pack("<BHHHHB", 0x2C, left, top, width, height, 0) + _compress(drawn))
        file.write(b"\x3b")


def _quantize(picture: Picture, palette: Image.Image) -> Image.Image:
    return Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)


def _differences(frames: Iterable[Indices]) -> Iterator[tuple[int, int, Indices]]:
    """Of each frame the box that differs from the one before, SAME where it does not, and the box's top and left."""
    before: Indices | None = None
    for frame in frames:
        if before is None:
            yield 0, 0, frame
        else:
            changed = frame != before
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            box = (slice(0, 1), slice(0, 1))  # a frame needs a pixel, even if nothing has changed
            if len(rows):
                box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            yield box[0].start, box[1].start, np.where(changed[box], frame[box], np.uint8(SAME))
        before = frame


def _compress(indices: Indices) -> bytes:
    """The pixels as a GIF holds them: the size of a code, then blocks of up to 255 bytes, then an empty block."""
    buffer = BytesIO()
    image = Image.fromarray(indices)
    image.putpalette(bytes(3 * 256))
    image.save(buffer, format="GIF", optimize=False, interlace=False)
    data = buffer.getvalue()
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while data[at] == 0x21:  # an extension: label, blocks
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    assert data[at] == 0x2C and data[-1] == 0x3B, "Pillow writes one image"
    flags = data[at + 9]
    at += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    return data[at:-1]
