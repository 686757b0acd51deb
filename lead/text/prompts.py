"""How a prompt is read: tokens of concepts in angle brackets, and the strength of each.

    a person walks in <elderly> style             the concept as it was learned: strength 1
    a person walks in (<elderly>:0.6) style       weaker; 0 is without it, the most is 2
    a person does (<kick> in <elderly> style:0.5) one strength for all tokens in the parentheses
    a person (does (<kick>:0.8) like <ann>:0.5)   nested strengths multiply: <kick> 0.4, <ann> 0.5

An ending that is written at a token (<kick>s, <kick>ing, <ann>'s) is left out: concepts are learned without it.
One fixed pattern cuts the prompt, from bracket to bracket. So <moon-walk> is never read as <moon>, and no user's text
becomes part of a regular expression. Parentheses without a strength are text; so is everything in a prompt without
tokens. Knows neither a vocabulary nor models.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

from lead.errors import LeadError

TOKEN = re.compile(r"<[^<>\s]+>")
"""A name in angle brackets. `concepts.text.TOKEN` is the stricter rule for tokens in concept files."""
ENDING = re.compile(r"(?<=[>)])(?:['\u2019]s|e?s|ed|ing)\b", re.IGNORECASE)
"""Of a verb or a name, right after a token or its parentheses."""
STRONGEST = 2.0
_PIECES = re.compile(rf"({TOKEN.pattern}|\(|\)|:[^():<>]*\))")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_SEPARATOR = re.compile(r"[^\w-]+|_|-(?=(?:style|like)\b)")
_LOOSE = re.compile(r"[\s)]*:\s*[-+.0-9]\S*")


@dataclass(frozen=True)
class Slot:
    """The place of a token in a prompt."""

    token: str
    """Brackets included; compared in lower case."""
    strength: float = 1.0


def parse_prompt(prompt: str) -> list[str | Slot]:
    """A prompt's texts and slots in order; LeadError for a bad strength."""
    if not TOKEN.search(prompt):
        return [prompt] if prompt else []
    parts: list[str | Slot] = []
    opened: list[int] = []
    for piece in _PIECES.split(ENDING.sub("", prompt)):
        if TOKEN.fullmatch(piece):
            parts.append(Slot(piece))
            continue
        if piece == "(":
            opened.append(len(parts))
        elif piece.endswith(")") and opened:
            start = opened.pop()
            if piece.startswith(":"):
                parts[start:] = _scale(parts[start + 1 :], piece[1:-1].strip())
                continue
        if piece:
            parts.append(piece)
    return _join_texts(parts)


def find_tokens(prompt: str) -> dict[str, float]:
    """The tokens that a prompt names, in lower case, with their strengths; of a token that stands twice the larger."""
    found: dict[str, float] = {}
    for part in parse_prompt(prompt.lower()):
        if isinstance(part, Slot):
            found[part.token] = max(part.strength, found.get(part.token, 0.0))
    return found


def find_plain_names(prompts: Iterable[str], tokens: Iterable[str]) -> dict[str, tuple[str, str]]:
    """By token: its name as plain text in some prompt that does not name the token, and that prompt.

    `limp`, `Limp`, `(limp:0.6)`, `<limp`, `< limp >` and `limp-style` are the name of <limp>; `old man` and `oldman`
    that of <old-man>.
    """
    phrases = {token[1:-1].replace("-", between): token for token in tokens for between in ("", " ", "-")}
    longest = max((phrase.count(" ") + 1 for phrase in phrases), default=0)
    found: dict[str, tuple[str, str]] = {}
    for prompt in prompts:
        lower = prompt.lower()
        for text in TOKEN.split(lower):
            words = _SEPARATOR.sub(" ", text).split()
            for start, count in product(range(len(words)), range(1, longest + 1)):
                phrase = " ".join(words[start : start + count])
                token = phrases.get(phrase)
                if token is not None and token not in lower:
                    found.setdefault(token, (phrase, prompt))
    return found


def _scale(parts: Sequence[str | Slot], strength: str) -> list[str | Slot]:
    """The parts in parentheses with their strengths multiplied; spaces take the places of the parentheses."""
    inside = " ".join("".join(part if isinstance(part, str) else part.token for part in parts).split())
    how = f"expected a number from 0 to {STRONGEST:g}, as in (<name>:0.6)"
    if not any(isinstance(part, Slot) for part in parts):
        raise LeadError(
            f"({inside}:{strength}) has no learned word in it, and only those have strengths: write the word in "
            "brackets, as in (<name>:0.6), or leave the parentheses out"
        )
    if not _NUMBER.fullmatch(strength):
        raise LeadError(f"the strength in ({inside}:{strength}) is {strength!r}; {how}")
    scaled = [replace(p, strength=p.strength * float(strength)) if isinstance(p, Slot) else p for p in parts]
    for part in scaled:
        if isinstance(part, Slot) and part.strength > STRONGEST:
            raise LeadError(f"({inside}:{strength}) makes the strength of {part.token} {part.strength:g}; {how}")
    return [" ", *scaled, " "]


def _join_texts(parts: Sequence[str | Slot]) -> list[str | Slot]:
    """Join texts that follow each other, so that a tokenizer sees them as they were written."""
    joined: list[str | Slot] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    for slot, text in pairwise(joined):
        if isinstance(slot, Slot) and isinstance(text, str) and (loose := _LOOSE.match(text)):
            raise LeadError(
                f"{loose.group().strip()!r} after {slot.token} has no effect: put the strength and its word in "
                f"parentheses, as in ({slot.token}:0.6)"
            )
    return joined
