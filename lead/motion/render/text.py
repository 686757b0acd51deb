"""Text in pictures: fonts, colors, and titles that fit their line.

Pillow's own font has ASCII and little more. Other letters are drawn with a font of the system that has them. Where none
has, accents are left out, or the title is a number: no letter becomes a box.
"""

import functools
import unicodedata
from collections.abc import Sequence

from PIL import ImageFont, features

from lead.motion.render.figure import Color

INK: Color = (34, 38, 45)
FAINT: Color = (104, 112, 124)
WHITE: Color = (255, 255, 255)
SYSTEM_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansDevanagari-Regular.ttf",  # Linux
    "segoeui.ttf", "YuGothM.ttc", "msgothic.ttc", "msyh.ttc", "malgun.ttf", "Nirmala.ttf",  # Windows
    "Arial Unicode.ttf", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc",  # macOS
)  # fmt: skip
"""Names that Pillow looks for in the system's folders of fonts, in this order."""
_NO_LETTER = "\uffff"
"""A code point that no font has."""
_UNSEEN = {"Cf", "Mn", "Me", "Zs", "Zl", "Zp"}
"""Categories of what is not drawn by itself."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def load_font(size: int, text: str = "") -> Font:
    """A font of a size in pixels that has the letters of a text: Pillow's own, else the system's; else Pillow's own."""
    own = ImageFont.load_default(size)
    if not has_letters(own, text):
        for name in SYSTEM_FONTS:
            font = _load_system_font(name, size)
            if font and has_letters(font, text):
                return font
    return own


@functools.lru_cache(maxsize=64)
def _load_system_font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def has_letters(font: Font, text: str) -> bool:
    """Whether a font draws every letter of a text. Scripts whose letters join or change sides need libraqm, too."""
    if text.isascii():
        return True
    if not isinstance(font, ImageFont.FreeTypeFont):
        return False
    joins = any(unicodedata.bidirectional(c) in ("R", "AL") or unicodedata.category(c) == "Mc" for c in text)
    if joins and not features.check("raqm"):
        return False
    box = bytes(font.getmask(_NO_LETTER))
    letters = {c for c in text if not c.isascii() and unicodedata.category(c) not in _UNSEEN}
    return all(bytes(font.getmask(letter)) != box for letter in letters)


def to_drawable(titles: Sequence[str]) -> list[str]:
    """Titles as pictures show them: composed, else without accents, else `No. 3` for the third."""
    drawable = []
    for number, title in enumerate(titles, start=1):
        text = unicodedata.normalize("NFC", title)
        if not has_letters(load_font(12, text), text):
            text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
            text = text if text.isascii() else f"No. {number}"
        drawable.append(text)
    return drawable


def shorten(text: str, width: int, size: int) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    font = load_font(size, line)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
