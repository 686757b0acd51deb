"""Captions read: `parse` is the reverse of `lead.text.synthesis.say`, for sentences whose every word is known.

From left to right the longest wording wins (`lead.text.wordings`). Whatever is neither a wording nor grammar (a verb
that the lexicon lacks, say) makes the whole caption unreadable: None is better than a wrong meaning. Knows nothing of
models and of data sets.
"""

import re
from collections.abc import Set
from dataclasses import dataclass, field, replace

from lead.text.lexicon import LEXICON
from lead.text.main_words import leave_out_tokens
from lead.text.meaning import Meaning, canonical
from lead.text.synthesis import may_be_simultaneous
from lead.text.wordings import (
    LINKS,
    Entry,
    Match,
    build_trie,
    list_adjectives,
    list_light_verbs,
    list_limbs,
    list_tokens,
)

_SLOT = re.compile(r"\{(\w+)\}")
_PUT = re.compile(r"\bput(s|ting)? it down")
_ARTICLES = ("a", "an", "the", "my", "our", "this")
_SKIPPED = ("is", "are", "also", "again", "first", "starts", "begins")
_FINAL = ("stop", "around", "uturn", "turn-left", "turn-right")
"""Places that end a walk straight ahead; after another place they are an action that follows."""
_HANDLING = ("pick-up", "lift-box", "catch", "catch-hand", "carry-box")
"""After these it is the thing that is put down, not a limb."""
_RETRIES = 2
_STRENGTHS = ("", "comma", "and", "then", "while")
"""Of several links in a row the strongest counts: ", and then"."""


@dataclass
class _Act:
    """An action as far as it is read."""

    entry: Entry
    place: str
    ways: list[str] = field(default_factory=list)

    @property
    def is_travel(self) -> bool:
        return self.entry.key in LEXICON.travel

    def build(self) -> Meaning | None:
        if self.entry.needs_side and not self.place:
            return None
        key = self.entry.key if self.place else LEXICON.bare.get(self.entry.key, self.entry.key)
        place = self.place or ("forward" if key in LEXICON.travel else "")
        return Meaning(key, place, tuple(dict.fromkeys(self.ways)))


def parse(caption: str) -> Meaning | None:
    """What a caption says; None where a word is unknown or the sentence has none of the known forms."""
    tokens = list_tokens(caption.lower())
    while tokens and not tokens[-1][0].isalnum():
        tokens.pop()
    refused: set[tuple[int, int]] = set()
    for _ in range(1 + _RETRIES):
        reader = _Reader(tokens, refused)
        meaning = reader.read()
        if meaning or reader.last in refused or reader.last == (0, 0):
            return meaning
        refused.add(reader.last)  # the longest wording there may be too long: walks along | a circle
    return None


def read_prompt(prompt: str) -> Meaning | None:
    """What a prompt says beside its learned tokens; None where it cannot be read."""
    return parse(leave_out_tokens(prompt))


class _Reader:
    """Reads a caption from left to right."""

    def __init__(self, tokens: list[str], refused: Set[tuple[int, int]] = frozenset()) -> None:
        self.tokens = tokens
        self.refused = refused
        """Wordings, by start and end, that are not to be read as such."""
        self.last = (0, 0)
        """The wording before the one that could not be read."""
        self.steps: list[list[_Act]] = []
        """What is done one after the other; in each step, what is done at once."""
        self.link = ""
        """What stands between the last action and the next one."""
        self.pending: list[str] = []
        """Ways that stand before their action."""
        self.lacks_main = False
        """Only what is done beside is read yet: while waving, ..."""

    def read(self) -> Meaning | None:
        at = 0
        while at < len(self.tokens):
            found = self._find(at)
            if found is None or not self._take(found):
                return None
            self.last = (at, found.end)
            at = found.end
        if not self.steps and len(self.pending) == 1 and self.pending[0] in LEXICON.poses:
            return canonical(Meaning("stand", ways=tuple(self.pending)))
        if self.link == "and" and self.pending:  # happily and energetically
            self.link = ""
        if not self.steps or self.lacks_main or self.link not in ("", "comma"):
            return None
        self.steps[-1][-1].ways += self.pending
        meaning: Meaning | None = None
        for step in reversed(self.steps):
            built = [act.build() for act in step]
            if len(built) > 2 or built[0] is None or built[-1] is None:
                return None
            meaning = replace(built[0], then=meaning, meanwhile=built[1] if len(built) > 1 else None)
        return meaning and canonical(meaning)

    @property
    def expects_act(self) -> bool:
        return not self.steps or self.link != ""

    def _find(self, at: int) -> Match | None:
        """The longest wording here that may stand here."""
        found = [match for match in build_trie().match(self.tokens, at) if self._accepts(match.entry)]
        found = [match for match in found if (at, match.end) not in self.refused]
        found += self._match_described(at, ("noun", "act", "person"))
        found += self._match_light_verb(at)
        found += self._match_other_side(at)
        found += self._match_limb(at)
        if found:
            return max(found, key=lambda match: (match.end, self._rank(at, match)))
        if self.tokens[at] in _SKIPPED:
            return Match(Entry("circumstance", ""), at + 1)
        return self._match_unknown_person(at)

    def _accepts(self, entry: Entry) -> bool:
        if entry.kind == "place":
            if not self.steps or self.link == "and":
                return False
            act = self.steps[-1][-1]
            if self.link == "then":  # walks forward, then backward
                return act.is_travel and act.place != entry.key and entry.key not in _FINAL
            if entry.key in _FINAL and act.place not in ("", "forward", entry.key):
                return False
            return (
                act.is_travel
                or entry.key == "place"
                or (act.entry.needs_side and entry.key in ("left", "right") and not act.place)
            )
        if entry.kind == "act":
            return self.expects_act or entry.form == "gerund"
        if entry.kind == "inert" and self.steps and _PUT.search(entry.key):
            return self.steps[-1][-1].entry.key not in _HANDLING
        return entry.kind not in ("noun", "person") or self.expects_act

    def _rank(self, at: int, match: Match) -> int:
        """Which of two readings of the same words is meant."""
        if match.entry.kind == "way":
            after = self.tokens[match.end : match.end + 2]
            is_front = at == 0 and after[:1] == [","] and after[-1] not in LINKS
            return 3 if is_front or not self.expects_act else 1
        return {"place": 4, "act": 2}.get(match.entry.kind, 0)

    def _match_described(self, at: int, kinds: tuple[str, ...]) -> list[Match]:
        """A noun or a person with adjectives, which become pending ways: a slow walk, slow walking, an angry man."""
        start = at + 1 if self.tokens[at] in _ARTICLES else at
        ways, after = [], start
        while found := [m for m in list_adjectives().match(self.tokens, after) if m.end > after]:
            longest = max(found, key=lambda match: match.end)
            ways.append(longest.entry.key)
            after = longest.end
        if not ways or not self.expects_act:
            return []
        trie = build_trie()
        unfit = "person" if start == at else "act"
        nodes = [trie] if start == at else [trie.after[article] for article in _ARTICLES if article in trie.after]
        matches = [match for node in nodes for match in node.match(self.tokens, after) if match.end > after]
        matches = [
            m for m in matches if m.entry.kind in kinds and m.entry.kind != unfit and m.entry.form in ("", "gerund")
        ]
        if matches:
            self.pending += ways
        return matches

    def _match_light_verb(self, at: int) -> list[Match]:
        """A verb that says no more than its noun: performs a bow."""
        form = list_light_verbs().get(self.tokens[at])
        if not form or not self.expects_act or at + 1 == len(self.tokens):
            return []
        found = [match for match in build_trie().match(self.tokens, at + 1) if match.entry.kind == "noun"]
        found += self._match_described(at + 1, ("noun",))
        return [replace(match, entry=replace(match.entry, form=form)) for match in found]

    def _match_limb(self, at: int) -> list[Match]:
        """What an action is done with, told after how it is done: waves slowly | with the left hand."""
        act = self.steps[-1][-1] if self.steps and not self.link else None
        if not act or act.place or self.tokens[at] not in ("with", "using"):
            return []
        key = act.entry.key if act.entry.key in LEXICON.sided else f"{act.entry.key}-hand"  # drink, drink-hand
        phrases = LEXICON.sided.get(key, ())
        names = {name for phrase in phrases for name in re.findall(r" with \{(\w+)\}", phrase)}
        found = [match for name in names for match in list_limbs(name).match(self.tokens, at + 1)]
        return [Match(Entry("limb", key, match.entry.key), match.end) for match in found if match.entry.key]

    def _match_other_side(self, at: int) -> list[Match]:
        """The last action again, of which only the side is said: kicks with the left leg, then with the right one."""
        act = self.steps[-1][-1] if self.steps else None
        if not act or self.link != "then" or act.entry.key not in LEXICON.sided:
            return []
        start = at + 1 if self.tokens[at] in ("with", "to") else at
        slots = {name for phrase in LEXICON.sided[act.entry.key] for name in _SLOT.findall(phrase)} - {"thing"}
        found = [match for name in {*slots, "side"} for match in list_limbs(name).match(self.tokens, start)]
        return [
            replace(match, entry=replace(act.entry, place=match.entry.key))
            for match in found
            if match.entry.key not in ("", act.place)
        ]

    def _match_unknown_person(self, at: int) -> Match | None:
        """An article and a word or two that the lexicon lacks, before something that is done: the wizard walks."""
        if not self.expects_act or self.tokens[at] not in _ARTICLES:
            return None
        for end in (at + 2, at + 3):
            if not all(word.isalpha() and not word.endswith(("ing", "ly")) for word in self.tokens[at + 1 : end]):
                return None
            after = end + 1 if self.tokens[end : end + 1] == ["is"] else end
            forms = {m.entry.form for m in build_trie().match(self.tokens, after) if m.entry.kind == "act"}
            if forms & ({"gerund"} if after > end else {"third", "past", "gerund"}):
                return Match(Entry("person", ""), end)
        return None

    def _take(self, match: Match) -> bool:
        """Adds what is found; False where it does not fit."""
        entry = match.entry
        if entry.kind == "link":
            self.link = max(self.link, entry.key, key=_STRENGTHS.index)
        elif entry.kind == "place":
            return self._take_place(entry.key)
        elif entry.kind in ("act", "noun"):
            return self._take_act(_Act(entry, match.side or entry.place))
        elif entry.kind == "limb":
            act = self.steps[-1][-1]
            act.entry, act.place = replace(act.entry, key=entry.key), entry.place
        elif entry.kind in ("way", "person") and entry.key:
            if self.expects_act:
                self.pending.append(entry.key)
            else:
                self.steps[-1][-1].ways.append(entry.key)
        return True

    def _take_place(self, place: str) -> bool:
        act = self.steps[-1][-1]
        if self.link == "then":
            return self._take_act(_Act(act.entry, place))
        self.link = ""
        if not act.is_travel and place == "place":
            return True
        if "forward" in (place, act.place):
            act.place = place if act.place in ("", "forward") else act.place
            return True
        fits = act.place in ("", place)
        act.place = place
        return fits

    def _take_act(self, act: _Act) -> bool:
        act.ways, self.pending = self.pending, []
        simultaneous = self._is_simultaneous(act) if self.steps else False
        if simultaneous is None:
            return False
        if simultaneous:
            self.steps[-1].append(act)
        else:
            self.steps.append([act])
        is_fronted = self.link == "while" and len(self.steps) == len(self.steps[0]) == 1
        self.link = "comma" if is_fronted else ""  # another action follows
        self.lacks_main = is_fronted
        return True

    def _is_simultaneous(self, act: _Act) -> bool | None:
        """Whether the act happens beside the last one, by what stands between them; None where nothing does."""
        last = self.steps[-1][-1]
        if self.link in ("then", "while"):
            return self.link == "while"
        if len(self.steps[-1]) > 1:
            return False
        gerunds = [entry.form == "gerund" for entry in (last.entry, act.entry)]
        if self.link in ("", "comma") and gerunds[0] != gerunds[1]:
            return True
        if self.link == "" or (self.link == "comma" and not gerunds[0]):
            return False if self.link else None
        keys = last.entry.key, act.entry.key
        return may_be_simultaneous(*keys) or may_be_simultaneous(*reversed(keys))
