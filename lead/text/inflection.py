"""English verbs in their forms. The lexicon marks a verb by a star: `*take a step`. Knows nothing of meanings."""

import re

from lead.text.lexicon import LEXICON

_VERB = re.compile(r"\*([a-z-]+)")
_PAST = {
    "be": "was", "have": "had", "do": "did", "go": "went", "come": "came", "take": "took", "make": "made",
    "give": "gave", "get": "got", "run": "ran", "sit": "sat", "stand": "stood", "lie": "lay", "rise": "rose",
    "fall": "fell", "throw": "threw", "catch": "caught", "swing": "swung", "spin": "spun", "bend": "bent",
    "hold": "held", "keep": "kept", "bring": "brought", "drink": "drank", "eat": "ate", "leap": "leapt",
    "spring": "sprang", "creep": "crept", "steal": "stole", "strike": "struck", "shake": "shook", "say": "said",
    "write": "wrote", "draw": "drew", "sing": "sang", "fight": "fought", "shoot": "shot", "drive": "drove",
    "ride": "rode", "sleep": "slept", "think": "thought", "weep": "wept", "speak": "spoke", "hang": "hung",
    "swim": "swam", "slide": "slid", "sweep": "swept", "dig": "dug", "sink": "sank", "cling": "clung",
    "fling": "flung", "hide": "hid", "freeze": "froze", "feel": "felt", "break": "broke", "tread": "trod",
    "wind": "wound", "kneel": "knelt", "lay": "laid", "lead": "led", "tell": "told", "leave": "left",
    "tear": "tore",
    "set": "set", "put": "put", "hit": "hit", "cut": "cut", "let": "let", "cast": "cast", "burst": "burst",
}  # fmt: skip


def conjugate(text: str, form: str) -> str:
    """Every `*verb` in the form: third (walks), past (walked), gerund (walking), progressive (is walking) or base."""
    parts = _VERB.split(text)
    for place in range(1, len(parts), 2):
        parts[place] = _inflect(parts[place], form, first=place == 1)
    return "".join(parts)


def _inflect(verb: str, form: str, first: bool) -> str:
    if form == "third":
        return third_person(verb)
    if form == "past":
        return past(verb)
    if form == "base":
        return verb
    prefix = "is " if form == "progressive" and first else ""
    return "is" if prefix and verb == "be" else prefix + gerund(verb)


def third_person(verb: str) -> str:
    """walk -> walks, reach -> reaches, carry -> carries."""
    if verb in ("be", "have"):
        return {"be": "is", "have": "has"}[verb]
    if re.search(r"(s|sh|ch|x|z|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def past(verb: str) -> str:
    """walk -> walked, raise -> raised, hop -> hopped, carry -> carried, take -> took."""
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + verb[-1] + "ed" if verb in LEXICON.doubled else verb + "ed"


def gerund(verb: str) -> str:
    """walk -> walking, raise -> raising, run -> running, lie -> lying, tiptoe -> tiptoeing."""
    if verb.endswith("ie"):
        return verb[:-2] + ("ieing" if verb == "boogie" else "ying")
    if verb.endswith("e") and not verb.endswith(("ee", "oe")) and verb != "be":
        return verb[:-1] + "ing"
    return verb + verb[-1] + "ing" if verb in LEXICON.doubled else verb + "ing"
