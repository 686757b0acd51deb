"""Checks of single values of a file or a caller: the clean value, or a ConceptError that names it.

Used alike when a concept is made and when it is read: nothing can be saved that would be refused on loading.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from concepts.errors import ConceptError
from concepts.text import clean_text, quoted


def as_text(value: object, name: str, limit: int, lines: bool = False) -> str:
    """A cleaned text of at most `limit` characters; line ends survive with `lines`."""
    if not isinstance(value, str):
        raise ConceptError(f"{name} is {quoted(value)}, expected a text")
    text = clean_text(value, lines)
    if len(text) > limit:
        raise ConceptError(f"{name} has {len(text)} characters, at most {limit}: shorten it")
    return text


def as_number(value: object, name: str) -> float:
    """A finite float."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ConceptError(f"{name} has {quoted(value)}, expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConceptError(f"{name} has {quoted(value)}, expected a finite number")
    return number


def as_fps(value: object, name: str) -> float:
    """Frames a second."""
    rate = as_number(value, name)
    if not 1 <= rate <= 1000:
        raise ConceptError(f"{name} is {rate}, expected 1 to 1000 frames a second")
    return rate


def as_count(value: object, name: str, least: int = 0) -> int:
    """A whole number that fits 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        raise ConceptError(f"{name} is {quoted(value)}, expected a whole number from {least} up")
    return int(value)


def as_list(value: object, name: str, limit: int) -> list[Any]:
    """A list of at most `limit` entries."""
    if not isinstance(value, list | tuple):
        raise ConceptError(f"{name} is {quoted(value)}, expected a list")
    if len(value) > limit:
        raise ConceptError(f"{name} has {len(value)} entries, at most {limit}")
    return list(value)


def as_mapping(value: object, name: str, limit: int = 1024) -> dict[str, Any]:
    """A dict with text keys and at most `limit` entries."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConceptError(f"{name} is {quoted(value)}, expected a table by name")
    if len(value) > limit:
        raise ConceptError(f"{name} has {len(value)} entries, at most {limit}")
    return dict(value)
