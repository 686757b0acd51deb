"""English verbs in their forms. The lexicon marks a verb by a star: `*take a step`. Knows nothing of meanings."""

import re

from lead.text.lexicon import LEXICON


def conjugate(text: str, form: str) -> str:
    """Every `*verb` in the form: third (walks), gerund (walking), progressive (is walking), base (walk)."""
    first = True

    def inflect(match: re.Match[str]) -> str:
        nonlocal first
        verb = match[1]
        if form == "third":
            return third_person(verb)
        if form == "base":
            return verb
        prefix = "is " if form == "progressive" and first else ""
        first = False
        return "is" if prefix and verb == "be" else prefix + gerund(verb)

    return re.sub(r"\*([a-z-]+)", inflect, text)


def third_person(verb: str) -> str:
    """walk -> walks, reach -> reaches, carry -> carries."""
    if verb in ("be", "have"):
        return {"be": "is", "have": "has"}[verb]
    if re.search(r"(s|sh|ch|x|z|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def gerund(verb: str) -> str:
    """walk -> walking, raise -> raising, run -> running, lie -> lying, tiptoe -> tiptoeing."""
    if verb.endswith("ie"):
        return verb[:-2] + ("ieing" if verb == "boogie" else "ying")
    if verb.endswith("e") and not verb.endswith(("ee", "oe")) and verb != "be":
        return verb[:-1] + "ing"
    return verb + verb[-1] + "ing" if verb in LEXICON.doubled else verb + "ing"
