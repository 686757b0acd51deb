"""Text of numbers to an array and back. Most of a BVH file is numbers, so this decides how fast it is read.

Knows nothing of what the numbers mean.
"""

import re
import warnings

import numpy as np
from jaxtyping import Float

_PLAIN_WIDTH = 17
"""Characters of the longest number read the fast way: 15 digits, a point and a sign."""
_POWERS = 10.0 ** np.arange(_PLAIN_WIDTH + 1)
_PIECE = 1 << 18
"""Characters that are read at a time."""
_BLANK = re.compile(rb"[\x00-\x20]")


def parse_numbers(text: bytes) -> Float[np.ndarray, "count"]:
    """The numbers in a text up to the first word that is not a number; each exactly as float() gives it.

    The text is read in pieces that stay in the cache, so that what is needed beside the text and the numbers is small.
    """
    pieces, start = list[Float[np.ndarray, "piece"]](), 0
    while start < len(text):
        end = _end_of_word(text, start + _PIECE)
        try:
            values, words = _parse_piece(text[start:end])
        except ValueError:  # half a number, such as a sign alone
            return np.empty(0)
        pieces.append(values)
        if len(values) < words:
            break
        start = end
    return np.concatenate(pieces) if pieces else np.empty(0)


def _end_of_word(text: bytes, place: int) -> int:
    """The first place from `place` on at which no word is cut."""
    blank = _BLANK.search(text, place)
    return blank.start() if blank else len(text)


def _parse_piece(text: bytes) -> tuple[Float[np.ndarray, "count"], int]:
    """The numbers up to the first word that is not a number, and how many words there are.

    All plain decimals of at most 15 digits are read at once, one character of each in every step. The digits make a
    whole number below 2^53, whose quotient by a power of ten is correctly rounded. A piece with anything else
    (exponents, longer numbers) goes to NumPy's parser, at a third of the speed.
    """
    characters = np.frombuffer(b" " + text + b" " * (_PLAIN_WIDTH + 1), dtype=np.uint8)
    inside = characters > ord(" ")
    starts, ends = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2).T + 1
    widths = ends - starts
    longest = int(widths.max(initial=0))
    if longest > _PLAIN_WIDTH:
        return _parse_any_numbers(text), len(starts)
    widths = widths.astype(np.int8)
    firsts = characters[starts]
    signs = (firsts == ord("-")) | (firsts == ord("+"))
    whole = np.zeros(len(starts), dtype=np.int64)
    decimals, points, digits = np.zeros((3, len(starts)), dtype=np.int8)
    for place in range(longest):
        character = characters[place:].take(starts)
        within = widths > place
        digit = character - np.uint8(ord("0"))  # characters below "0" wrap round to above 9
        is_digit = within & (digit < 10)
        np.copyto(whole, whole * 10 + digit, where=is_digit)
        digits += is_digit
        decimals += is_digit & (points > 0)
        points += within & (character == ord("."))
    if not ((digits + points + signs == widths) & (digits > 0) & (digits <= 15) & (points < 2)).all():
        return _parse_any_numbers(text), len(starts)
    values = whole / _POWERS.take(decimals)
    np.negative(values, out=values, where=firsts == ord("-"))
    return values, len(starts)


def _parse_any_numbers(text: bytes) -> Float[np.ndarray, "count"]:
    """`numpy.fromstring`, which raises ValueError for half a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by a word that is not a number
        return np.fromstring(text, dtype=np.float64, sep=" ")


def format_numbers(rows: Float[np.ndarray, "rows columns"]) -> str:
    """A line of text for each row, with six decimals and single spaces: the inverse of `parse_numbers`.

    The characters of all numbers are made at once, in columns. Those that are not needed (signs, leading zeros) are
    removed at the end. Numbers must be below 2^31.
    """
    if not rows.size:
        return "\n" * len(rows)
    micro = np.rint(rows.ravel() * 1e6).astype(np.int64)
    whole, part = (half.astype(np.int32) for half in np.divmod(np.abs(micro), 1_000_000))
    digits = len(str(int(whole.max())))
    point = 1 + digits  # after the sign and the digits before it
    characters = np.empty((len(micro), point + 8), dtype=np.uint8)
    needed = np.ones(characters.shape, dtype=bool)
    characters[:, 0], needed[:, 0] = ord("-"), micro < 0
    characters[:, point], characters[:, -1] = ord("."), ord(" ")
    characters[rows.shape[1] - 1 :: rows.shape[1], -1] = ord("\n")
    for place in range(point - 1, 0, -1):
        needed[:, place] = (whole > 0) | (place == point - 1)
        whole, digit = np.divmod(whole, 10)
        characters[:, place] = digit + ord("0")
    for place in range(point + 6, point, -1):
        part, digit = np.divmod(part, 10)
        characters[:, place] = digit + ord("0")
    return characters[needed].tobytes().decode("ascii")
