"""Text of numbers to an array and back. Most of a BVH file is numbers, so this decides how fast it is read.

Knows nothing of what the numbers mean.
"""

import warnings

import numpy as np
from jaxtyping import Float

_PLAIN_WIDTH = 17
"""Characters of the longest number read the fast way: 15 digits, a point and a sign."""


def parse_numbers(text: bytes) -> Float[np.ndarray, "count"]:
    """The numbers in a text up to the first word that is not a number; each exactly as float() gives it.

    All plain decimals of at most 15 digits are read at once, one character of each in every step. The digits make a
    whole number below 2^53, whose quotient by a power of ten is correctly rounded. A text with anything else
    (exponents, longer numbers) goes to NumPy's parser, at a third of the speed.
    """
    characters = np.frombuffer(b" " + text + b" ", dtype=np.uint8)
    inside = characters > ord(" ")
    starts, ends = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2).T + 1
    widths = ends - starts
    longest = int(widths.max(initial=0))
    if longest > _PLAIN_WIDTH:
        return _parse_any_numbers(text)
    padded = np.concatenate([characters, np.full(longest, ord(" "), dtype=np.uint8)])
    signs = np.isin(padded[starts], (ord("-"), ord("+")))
    whole = np.zeros(len(starts), dtype=np.int64)
    decimals, points = np.zeros((2, len(starts)), dtype=np.int8)
    digits = np.zeros(len(starts), dtype=np.int8)
    for place in range(longest):
        character = padded[starts + place]
        within = widths > place
        digit = character - np.uint8(ord("0"))  # characters below "0" wrap round to above 9
        is_digit = within & (digit < 10)
        whole = np.where(is_digit, whole * 10 + digit, whole)
        digits += is_digit
        decimals += is_digit & (points > 0)
        points += within & (character == ord("."))
    if not ((digits + points + signs == widths) & (digits > 0) & (digits <= 15) & (points < 2)).all():
        return _parse_any_numbers(text)
    values = whole / 10.0 ** np.arange(_PLAIN_WIDTH + 1)[decimals]
    return np.where(padded[starts] == ord("-"), -values, values)


def _parse_any_numbers(text: bytes) -> Float[np.ndarray, "count"]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by a word that is not a number
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except ValueError:
            return np.empty(0)


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
