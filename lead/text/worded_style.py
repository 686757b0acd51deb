"""How a learned action is to be done, where a prompt says so in words: "a person <kick>s like an old man".

A verb that the base knows is put in the token's place, so that the prompt can be read. `lead.generation` says what
becomes of the style. Knows nothing of models.
"""

import re
from collections.abc import Set
from dataclasses import dataclass, replace

from lead.text.lexicon import LEXICON
from lead.text.meaning import WAYS
from lead.text.parsing import parse
from lead.text.prompts import Slot, parse_prompt
from lead.text.wordings import list_light_verbs

POSTURES = (
    "hunched over", "leaning back", "leaning to the left", "leaning to the right", "with the head down",
    "with the head up", "with the arms out to the sides", "with the arms stretched forward", "with bent elbows",
    "with big arm swings", "with the left shoulder dropped", "with the right shoulder dropped", "arms-behind",
    "arms-still", "arms-crossed", "hands-front", "hands-pockets", "stiffly", "smoothly", "swaying from side to side",
    "bouncing", "trembling", "heavy", "light",
)  # fmt: skip
"""Other ways that change the whole body."""
LEFT_TO_TEXT = ("drunk", "powerful", "sexy")
"""Styles of which the base makes another action: as directions they leave .25 to .59 of four learned actions, and
all others of STYLES .62 and more, most of them .9."""
STYLES = frozenset((*LEXICON.adjectives, *LEXICON.personas, *POSTURES)).difference(LEFT_TO_TEXT)
"""Moods, kinds of people, and postures. How fast, how far and how often are none, and a pose that is another action."""
_VERB = "jumps"
_LIGHT = re.compile(rf"\b(?:{'|'.join(list_light_verbs())})\s+(?:(?:an?|the|another)\s+)?$")


@dataclass(frozen=True)
class StyledAction:
    """A prompt for a learned action, taken apart."""

    action: str
    """The prompt without the style: "a person <kick> twice"."""
    style: str
    """The style after any verb: "like an old man"."""


def split_style(prompt: str, actions: Set[str]) -> StyledAction | None:
    """The style of a prompt that asks for one of the learned `actions` (tokens in lower case) and for nothing else.

    None where a prompt names no style, a second token or the strength 0, asks for two actions, or has words that cannot
    be read.
    """
    parts = parse_prompt(prompt)
    slots = [part for part in parts if isinstance(part, Slot)]
    if len(slots) != 1 or slots[0].token.lower() not in actions or not slots[0].strength:
        return None
    place = parts.index(slots[0])
    before, after = ("".join(map(str, side)).lower() for side in (parts[:place], parts[place + 1 :]))
    said = parse(f"{_LIGHT.sub('', before)}{_VERB}{after}")
    plain = parse(f"a person {_VERB}")
    if said is None or plain is None or replace(said, ways=()) != plain:
        return None
    styles = [way for way in said.ways if way in STYLES]
    if not styles:
        return None
    others = [WAYS[way][0] for way in said.ways if way not in STYLES]
    token = slots[0].token if slots[0].strength == 1 else f"({slots[0].token}:{slots[0].strength:g})"
    return StyledAction(" ".join(["a person", token, *others]), " ".join(WAYS[way][0] for way in styles))
