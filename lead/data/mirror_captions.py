"""Left and right exchanged in captions, for mirrored clips.

An exchanged caption may say just what a data set keeps back for judging ("turns left with a swagger", where training
has only the right turn), so a mirrored clip has captions only where they say nothing that training did not say before.
Knows nothing of motion or files.
"""

import re
from collections.abc import Collection, Sequence

_SIDED = re.compile(
    r"\b(?:(?:counter|anti)[- ]?clockwise\b|clockwise\b"
    r"|(?:left|right)(?=(?:wards?|most|side|hand(?:ed)?)?\b)(?!\s+(?:away|angles?)\b))",
    re.IGNORECASE,
)
_OTHER = {"left": "right", "right": "left", "clockwise": "counterclockwise"}


def swap_sides(caption: str) -> str:
    """The caption of the mirrored motion: left and right, clockwise and counterclockwise exchanged."""
    return _SIDED.sub(_other_side, caption)


def _other_side(match: re.Match[str]) -> str:
    word = match[0]
    other = _OTHER.get(word.lower(), "clockwise")
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def mirrored_captions(captions: Sequence[str], known: Collection[str], held: Collection[str]) -> tuple[str, ...]:
    """A mirrored clip's captions, or none of them; `known` and `held` are lower-case.

    None where an exchanged caption is one that only splits for judging have (`held`), and none where no exchanged
    caption is one of the training split (`known`): paraphrases of what is held back are in neither list.
    """
    swapped = tuple(swap_sides(caption) for caption in captions)
    said = {caption.lower() for caption in swapped}
    return swapped if not said.isdisjoint(known) and not any(c in held and c not in known for c in said) else ()
