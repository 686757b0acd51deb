"""Left and right exchanged in captions, for mirrored clips.

An exchanged caption may be one that a data set keeps for judging ("turns left with a swagger", where training has only
the right turn). A mirrored clip therefore has captions only where the training split already has such a caption.
Knows nothing of motion or files.
"""

import re
from collections.abc import Collection, Sequence

_SIDED = re.compile(
    r"\b(?:(?:counter|anti)[- ]?clockwise\b|clockwise\b"
    r"|(?:left|right)(?=(?:wards?|most|side|hand(?:ed)?)?\b)(?!\s+(?:away|angles?)\b))",
    re.IGNORECASE,
)
_COUNTERPART = {"left": "right", "right": "left", "clockwise": "counterclockwise"}


def swap_sides(caption: str) -> str:
    """The caption of the mirrored motion: left and right, clockwise and counterclockwise exchanged."""
    return _SIDED.sub(_swap_match, caption)


def _swap_match(match: re.Match[str]) -> str:
    word = match[0]
    other = _COUNTERPART.get(word.lower(), "clockwise")
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def mirror_captions(captions: Sequence[str], known: Collection[str], held: Collection[str]) -> tuple[str, ...]:
    """A mirrored clip's captions: all of its original's with sides exchanged, or none.

    `known` are the captions of the training split, `held` those of splits for judging; both lower-case. None are
    given where an exchanged caption is in `held` alone, and where none of them is in `known` (a paraphrase of what is
    held back is in neither).
    """
    swapped = tuple(swap_sides(caption) for caption in captions)
    lowered = {caption.lower() for caption in swapped}
    leaks = any(caption in held and caption not in known for caption in lowered)
    return () if leaks or lowered.isdisjoint(known) else swapped
