"""The wordings of the lexicon, in all forms, as a trie; a caption is read wording by wording.

Knows words and their forms. What may stand where in a sentence is `lead.text.parsing`'s.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from lead.text.inflection import conjugate
from lead.text.lexicon import LEXICON
from lead.text.meaning import ADJECTIVES, WAYS
from lead.text.synthesis import LIGHT_VERBS, ROTATIONS

_TOKEN = re.compile(r"\{\w+\}|[a-z0-9]+(?:[-'][a-z0-9]+)*|[^\sa-z0-9]")
_TAIL = re.compile(r" (with|using|of|in) \{\w+\}$")
_OPEN = re.compile(r"( to \{side\}| \{direction\})$")
_ARTICLE = re.compile(r"^an? ")
_OWNERS = ("his", "her", "their", "its")
"""Read as `the`."""
LINKS = {
    ",": "comma", ";": "then", ".": "then", "and": "and", "then": "then", "afterwards": "then", "afterward": "then",
    "before": "then", "next": "then", "finally": "then", "later": "then", "after that": "then", "while": "while",
    "followed by": "then", "whilst": "while", "as": "while", "at the same time": "while", "simultaneously": "while",
    "meanwhile": "while",
}  # fmt: skip
_INERT = (
    "tries to", "starts to", "begins to", *(
        joint + back
        for joint in ("and ", "then ", ", then ", "and then ", ", ", ", and ")
        for verb in (
            "*lower it", "*lower it again", "*bring it back", "*bring it down", "*return it", "*let it return",
            "*let it down", "*come back", "*put it down", "*put it down again", "*return to the middle",
            "*rise to the middle", "*lower them", "*lower them again", "*bring them down", "*put them down",
        )
        for back in (conjugate(verb, form) for form in ("third", "past", "gerund", "base"))
    ),
)  # fmt: skip
"""What changes no meaning: that a limb that is raised comes down in the end."""


@dataclass(frozen=True)
class Entry:
    """What a wording stands for."""

    kind: str
    """act, noun, place, way, adjective, person, circumstance, inert, link, limb or side (what fills a limb's place)."""
    key: str
    place: str = ""
    form: str = ""
    """third, past, gerund or base, of an act."""
    needs_side: bool = False
    """An act whose side follows later: turns slowly to the left."""


@dataclass(frozen=True)
class Match:
    """A wording that is found in a caption: what it stands for, the token after it, and the side that it names."""

    entry: Entry
    end: int
    side: str = ""


class Trie:
    """Wordings by their tokens; limbs' places are tokens such as {arm}."""

    def __init__(self) -> None:
        self.after: dict[str, Trie] = {}
        self.entries: list[Entry] = []

    def add(self, phrase: str, entry: Entry) -> None:
        """Of two wordings of one kind the first stays."""
        node = self
        for token in list_tokens(phrase):
            node = node.after.get(token) or node.after.setdefault(token, Trie())
        if all(known.kind != entry.kind for known in node.entries):
            node.entries.append(entry)

    def match(self, tokens: list[str], at: int, side: str = "") -> Iterator[Match]:
        """Every wording that starts at the token."""
        for entry in self.entries:
            yield Match(entry, at, side)
        if at < len(tokens) and tokens[at] in self.after:
            yield from self.after[tokens[at]].match(tokens, at + 1, side)
        for name, node in self.after.items():
            if name[0] == "{":
                for limb in list_limbs(name[1:-1]).match(tokens, at):
                    yield from node.match(tokens, limb.end, limb.entry.key or side)


def list_tokens(text: str) -> list[str]:
    """The words and marks of a text; owners are read as `the`."""
    return ["the" if token in _OWNERS else token for token in _TOKEN.findall(text)]


@cache
def build_trie() -> Trie:
    """Every wording of the lexicon, and grammar."""
    trie = Trie()
    for key, phrases in LEXICON.actions.items():
        _add_forms(trie, phrases, Entry("act", key))
    for key, phrases in LEXICON.fused.items():
        action, place = key.split()
        _add_forms(trie, phrases, Entry("act", action, place))
    for key, phrases in LEXICON.travel.items():
        _add_forms(trie, phrases, Entry("act", key))
    for key, phrases in LEXICON.sided.items():
        _add_forms(trie, phrases, Entry("act", key))
    for key, phrases in LEXICON.sided.items():
        plural = (phrase.replace(" to the side", " to the sides") for phrase in phrases if "{arm}" in phrase)
        _add_forms(trie, plural, Entry("act", key))
    for key, phrases in LEXICON.sided.items():  # after all that say a side
        _add_forms(trie, (phrase.replace(" with {", " using {") for phrase in phrases), Entry("act", key))
        _add_forms(trie, (_TAIL.sub("", phrase) for phrase in phrases), Entry("act", key))
        opened = (_OPEN.sub("", phrase) for phrase in phrases if _OPEN.search(phrase))
        _add_forms(trie, opened, Entry("act", key, needs_side=True))
    for key, phrases in LEXICON.directions.items():
        later = (phrase.replace("and ", "and then ", 1) for phrase in phrases if phrase.startswith("and *"))
        for phrase in filter(None, (*phrases, *later)):
            for form in ("third", "past", "gerund", "base"):
                trie.add(conjugate(phrase, form), Entry("place", key))
    for kind, table in (("noun", LEXICON.nouns), ("way", WAYS), ("person", LEXICON.personas)):
        for key, phrases in table.items():
            for phrase in phrases:
                trie.add(phrase, Entry(kind, key))
    for kind, plain in (("person", LEXICON.subjects), ("circumstance", sum(LEXICON.circumstances.values(), ()))):
        for phrase in plain:
            trie.add(phrase, Entry(kind, ""))
    for key, phrases in LEXICON.nouns.items():
        for phrase in phrases:
            trie.add(phrase.replace(" with {", " using {"), Entry("noun", key))
            trie.add(_TAIL.sub("", phrase), Entry("noun", key))
            trie.add(_ARTICLE.sub("", phrase), Entry("noun", key))
            trie.add(_ARTICLE.sub("", _TAIL.sub("", phrase)), Entry("noun", key))
    for phrase in _INERT:
        trie.add(phrase, Entry("inert", phrase))
    trie.add("they", Entry("person", ""))
    for phrase, link in LINKS.items():
        trie.add(phrase, Entry("link", link))
    return trie


def _add_forms(trie: Trie, phrases: Iterator[str] | tuple[str, ...], entry: Entry) -> None:
    entries = {form: replace(entry, form=form) for form in ("third", "past", "gerund", "base")}
    for phrase in phrases:
        for form, inflected in entries.items():
            trie.add(conjugate("*" + phrase, form), inflected)


@cache
def list_light_verbs() -> dict[str, str]:
    """Their forms by their words."""
    verbs = (*LIGHT_VERBS, "give", "take", "execute")
    return {conjugate("*" + verb, form): form for verb in verbs for form in ("third", "past", "gerund", "base")}


@cache
def list_adjectives() -> Trie:
    """The adjectives, each with its way."""
    trie = Trie()
    for key, phrases in ADJECTIVES.items():
        for phrase in phrases:
            trie.add(phrase, Entry("adjective", key))
    return trie


@cache
def list_limbs(name: str) -> Trie:
    """What may stand in a limb's place, each with its side: the left arm, both hands, one leg."""
    trie = Trie()

    def add(side: str, *phrases: str) -> None:
        for phrase in phrases:
            trie.add(phrase, Entry("side", side))

    if name == "thing":
        add("", *LEXICON.things)
        return trie
    if name == "rotation":
        for side, words in ROTATIONS.items():
            add(side, *words)
        return trie
    if name in ("side", "direction"):
        add("both", "both sides", "left and right")
        add("", "one side")
        for side in ("left", "right"):
            add(side, *((f"the {side}", f"the {side} one") if name == "side" else (side,)))
        return trie
    for limb in LEXICON.limbs.get(name, (name,)):
        plural = {"foot": "feet"}.get(limb, limb + "s")
        for side in ("left", "right"):
            add(side, f"{side} {limb}", f"the {side} {limb}", f"the straight {side} {limb}")
            add(side, f"the {side} one", f"the {side}")
        add("both", f"both {plural}", f"both of the {plural}", f"two {plural}", f"the two {plural}")
        add("both", plural, f"the {plural}", f"both the {plural}")
        add("", *(f"{word} {limb}" for word in ("a", "an", "one", "the")))
    return trie
