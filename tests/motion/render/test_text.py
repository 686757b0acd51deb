"""Titles in pictures: no letter is a box."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lead.motion.render import text as module
from lead.motion.render.text import has_letters, load_font, shorten, to_drawable


def draw(title: str) -> np.ndarray:
    picture = Image.new("L", (200, 40))
    ImageDraw.Draw(picture).text((4, 4), title, 255, load_font(17, title))
    return np.asarray(picture)


def test_letters_that_a_font_lacks_are_found() -> None:
    own = ImageFont.load_default(17)
    assert has_letters(own, "a person walks, 100 %")
    assert not has_letters(own, "Zoë") and not has_letters(own, "歩く")
    assert not has_letters(ImageFont.load_default_imagefont(), "Zoë")


def test_without_a_font_of_the_system_titles_lose_accents_or_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SYSTEM_FONTS", ())
    assert to_drawable(["a walk", "Zoë walks", "Zoe\u0308 walks", "歩く", "<x> Ж"]) == [
        "a walk", "Zoe walks", "Zoe walks", "No. 4", "No. 5",
    ]  # fmt: skip
    assert shorten("a walk", 200, 12) == "a walk"


def test_a_font_of_the_system_draws_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], ImageFont.truetype

    def truetype(font: object, *others: object, **named: object) -> ImageFont.FreeTypeFont:
        if not isinstance(font, str):  # Pillow's own font
            return real(font, *others, **named)
        asked.append(font)
        raise OSError("cannot open resource")

    module._load_system_font.cache_clear()
    monkeypatch.setattr(module.ImageFont, "truetype", truetype)
    monkeypatch.setattr(module, "SYSTEM_FONTS", ("A.ttf", "B.ttf"))
    assert to_drawable(["歩く"]) == ["No. 1"] and asked == ["A.ttf", "B.ttf"]  # each is looked for once
    module._load_system_font.cache_clear()
    own = ImageFont.load_default(12)
    monkeypatch.setattr(module, "_load_system_font", lambda name, size: own if name == "B.ttf" else None)
    monkeypatch.setattr(module, "has_letters", lambda font, text: text.isascii() or font is own)
    assert load_font(12, "歩く") is own and to_drawable(["歩く"]) == ["歩く"]


def test_what_is_drawn_is_no_row_of_boxes() -> None:
    for pair in (("Жд", "дЖ"), ("éü", "üé"), ("αω", "ωα")):
        shown = to_drawable(pair)
        assert shown[0] != shown[1] and not np.array_equal(*map(draw, shown))
