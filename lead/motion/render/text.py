"""Text in pictures: the font, colors, and titles that fit their line."""

from PIL import ImageFont

from lead.motion.render.figure import Color

INK: Color = (34, 38, 45)
FAINT: Color = (104, 112, 124)
WHITE: Color = (255, 255, 255)


def load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, of a size in pixels."""
    return ImageFont.load_default(size)


def shorten(text: str, width: int, size: int) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if load_font(size).getlength(line) <= width:
        return line
    while line and load_font(size).getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
