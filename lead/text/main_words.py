"""The words of a prompt that say what is done: verbs, and what they are done to.

    main_words("a proud king juggles three balls in the park")    juggles: verb, balls: object

Who acts, where, when and how is left out: a person's noun, what follows a preposition such as `in`, adverbs, learned
tokens. The rules are a few word lists and endings, so that reading a prompt takes microseconds; they err on rare
sentences. `stem` says which forms are one word. Knows neither the lexicon nor models.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lead.text.prompts import ENDING, TOKEN

Role = Literal["verb", "object", "tool"]
"""What is done, what it is done to, and what stands after `with`, `on`, `off` or `out`."""


def _to_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*|[,;.:!?]")
_STRENGTH = re.compile(r"\(|:\s*[0-9.]+\s*\)|\)")
_LEARNED = re.compile(rf"(?:\b(?:in|like|as)\s+(?:an?\s+|the\s+)?)?{TOKEN.pattern}(?:\s+(?:style|way|manner)\b)?")
"""A learned token with what belongs to it."""
_LINKS = _to_set(", ; . : ! ? and then while whilst but or afterwards afterward finally next")
_GERUND_LINKS = _to_set("before after by without")
"""Links where a verb in -ing follows; else what follows says when or how."""
_ARTICLES = _to_set(
    "a an the this that his her their its my our your some another each every both one two three four five six seven "
    "eight nine ten"
)
_PRONOUNS = _to_set("he she they it i you we someone somebody everyone anybody who")
_PERSONS = _to_set("person man woman boy girl guy human figure character child kid lady individual")
"""After these a verb follows at once, whatever its ending."""
_PLURAL = _to_set("people men women persons kids children")
_HELPING = _to_set("is are was be being been am will would can could should has have had to")
_PLACING = _to_set(
    "in at through along across into inside outside near to toward towards from during after until past by under "
    "beneath beside between among behind above below over around about against within for onto upon up before "
    "down without like as because when where if ahead forward forwards backward backwards"
)
"""What follows one of these says where, when or how."""
_TOOLS = _to_set("with using on off out")
_LIGHT = _to_set(
    "do does doing perform performs performing make makes making give gives giving take takes taking get gets getting "
    "have has having go goes going start starts starting begin begins beginning try tries trying keep keeps keeping "
    "use uses using play plays playing practice practices practicing execute executes executing show shows showing "
    "stop stops stopping continue continues continuing"
)
"""Verbs that say little without their object."""
_EMPTY = _to_set(
    "not no very really quite rather so too more most all again once twice times time away back home there here "
    "together apart alone also just only still yet nothing someone somebody himself herself "
    "themselves itself oneself him them me us it each other lot bit few several many much of which who whom "
    "person man woman people fast slow hard high low quick loud big small large little long short tall new old young "
    "red blue green black white yellow brown gray heavy light way style manner fashion movement movements motion "
    "action pose position left right up down first second last half full same straight well pretty real "
    "street road path beach stage field sidewalk pavement grass lawn sand snow bridge roof bench sofa couch bed"
)
"""Words that never decide what is done."""
_MANNERS = _to_set(
    "polite casual calm steady sudden sharp firm brief brisk swift rapid easy lazy clumsy sloppy angry happy sad "
    "sleepy tired excited annoyed bored relaxed scared surprised worried confused exhausted weary weak strong deep "
    "shallow wide narrow huge tiny giant gigantic enormous perfect proper nice good great bad better best simple "
    "basic formal elegant energetic dramatic athletic enthusiastic frantic romantic majestic epic heroic realistic "
    "natural normal usual regular smooth soft stiff rigid loose sneaky shy proud confident bold timid fancy funny "
    "silly goofy crazy wild mad evil scary spooky creepy tough quiet silent noisy controlled careless exaggerated "
    "subtle solid hearty single whole complete entire final extra horizontal diagonal"
)
"""Adjectives that say how something is done."""
_MANNER_ENDINGS = ("ful", "ous", "less", "tive", "sive", "ical")
_THINGS = _to_set("something anything object objects item items thing things")
ANYTHING = "*"
"""The stem of `something`: a verb that is known with it is known with any object."""
_IRREGULAR = {
    **dict.fromkeys(_THINGS, ANYTHING),
    "sat": "sit", "stood": "stand", "ran": "run", "fell": "fall", "fallen": "fall", "lay": "lie", "took": "take",
    "swung": "swing", "threw": "throw", "thrown": "throw", "knelt": "kneel", "bent": "bend", "went": "go", "got": "get",
    "held": "hold", "swam": "swim", "rode": "ride", "wrote": "write", "ate": "eat", "drank": "drink", "spun": "spin",
    "hung": "hang", "shook": "shake", "feet": "foot", "knives": "knife", "lying": "lie", "dying": "die", "tying": "tie",
}  # fmt: skip


@dataclass(frozen=True)
class MainWord:
    """A word that says what is done."""

    text: str
    """As the prompt has it, in lower case."""
    role: Role
    stem: str


def stem(word: str) -> str:
    """What all forms of a word share: walk, walks, walked, walking -> walk; raise, raising -> rais."""
    word = _IRREGULAR.get(word, word)
    if word == ANYTHING:
        return word
    if word.endswith("'s"):
        word = word[:-2]
    if word.endswith("ing") and len(word) > 5:
        word = _undouble(word[:-3])
    elif word.endswith("ed") and len(word) > 4:
        word = _undouble(word[:-2])
    elif word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3:
        word = word[:-1]
    if word.endswith(("she", "che", "xe", "sse")) or word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") else word


def _undouble(word: str) -> str:
    """runn -> run; but fall, press."""
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] and word[-1] not in "lsze" else word


def leave_out_tokens(prompt: str) -> str:
    """A prompt without its learned tokens and their strengths: walks in (<elderly>:0.6) style -> walks."""
    if not TOKEN.search(prompt):
        return prompt
    return " ".join(_LEARNED.sub(" ", _STRENGTH.sub(" ", ENDING.sub("", prompt))).split())


def main_words(prompt: str) -> list[MainWord]:
    """The words of a prompt that say what is done, in order; none where a learned token says it."""
    text = leave_out_tokens(prompt.lower())
    found: list[MainWord] = []
    for number, clause in enumerate(_split_clauses(_WORD.findall(text))):
        found += _read_clause(clause, first=number == 0)
    return found


def list_terms(words: Iterable[MainWord]) -> Iterator[str]:
    """Stems of main words, and pairs of a verb with what it is done to: "shak", "shak head", "pick *"."""
    verb = ""
    for word in words:
        if word.stem != ANYTHING:
            yield word.stem
        if word.role == "verb":
            verb = word.stem
        elif verb:
            yield f"{verb} {word.stem}"


def _split_clauses(words: Sequence[str]) -> Iterator[list[str]]:
    clause: list[str] = []
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in _LINKS or (word in _GERUND_LINKS and after.endswith("ing")):
            if clause:
                yield clause
            clause = []
        else:
            clause.append(word)
    if clause:
        yield clause


def _read_clause(words: list[str], first: bool) -> Iterator[MainWord]:
    """The main words of what is said with one verb."""
    rest = words[_find_verb(words, first) :]
    while rest and (rest[0] in _HELPING or rest[0] in _ARTICLES or _is_empty(rest[0])):
        rest = rest[1:]
    if not rest or rest[0] in _PLACING:
        return
    role: Role | None = "verb"
    for word in rest:
        if word in _LIGHT:
            role = "verb" if role else role
        elif word in _TOOLS:
            role = "tool"
        elif word in _PLACING:
            role = None
        elif role and not _is_empty(word) and word not in _ARTICLES and word not in _HELPING:
            yield MainWord(word, role, stem(word))
            role = "object" if role == "verb" else role


def _find_verb(words: Sequence[str], first: bool) -> int:
    """Where the subject ends; 0 where there is none."""
    if words[0] in _PRONOUNS:
        return 1
    if not first and words[0] not in _ARTICLES:
        return 0
    if words[0] in _ARTICLES:
        if len(words) > 1 and words[1] in _PLURAL:
            return 2
        if len(words) > 2 and words[1] in _PERSONS and words[2] not in _PLACING | _TOOLS and not _is_empty(words[2]):
            return 2
        for place, word in enumerate(words[2:], start=2):
            if word in _HELPING or word in _LIGHT or _looks_like_verb(word):
                return place
        return 0
    for place, word in enumerate(words[1:], start=1):
        if word.endswith("ing") and not words[0].endswith("ing"):
            return place
        if word in _PLACING:
            break
    return 0


def _looks_like_verb(word: str) -> bool:
    return (word.endswith("s") and not word.endswith(("ss", "'s", "us"))) or (word.endswith("ing") and len(word) > 4)


def _is_empty(word: str) -> bool:
    if word in _EMPTY or word in _MANNERS or word.isdigit():
        return True
    return len(word) > 4 and word.endswith(("ly", *_MANNER_ENDINGS))
