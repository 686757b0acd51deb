"""Sentences of motion language, made from meanings: the text tower's training text beside a data set's captions.

A `Meaning` is an action, where it goes or which side it uses, and how it is done. `say` puts it in words, in another
wording each time, so that two sayings of one meaning are paraphrases. `contrast` changes one thing that a reader would
notice (left to right, raise to lower, slowly to quickly), so that the two sayings are a minimal pair. The words are
`lead.text.lexicon`'s. Knows nothing of models and of data sets.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lead.motion.processing.style_augment import ATTRIBUTES
from lead.text.lexicon import Lexicon, read_lexicon

SIDES = ("left", "right", "both")
LEXICON = read_lexicon()


def _join_ways(lexicon: Lexicon) -> dict[str, tuple[str, ...]]:
    """Every way to say how: attributes of procedural variations, adjectives in all their forms, personas."""
    ways = {attribute.phrases[0]: tuple(attribute.phrases) for attribute in ATTRIBUTES}
    for key, phrases in lexicon.ways.items():
        ways[key] = (*ways.get(key, ()), *phrases)
    for key, phrases in lexicon.adjectives.items():
        ways[key] = tuple(form for phrase in phrases for form in _inflect_adjective(phrase))
    for key, phrases in lexicon.personas.items():
        ways[key] = (*ways.get(key, ()), *(f"like {person}" for person in phrases))
    return ways


def _inflect_adjective(phrase: str) -> tuple[str, ...]:
    """`happy` as it is used: in a happy way, with happy movements; `+with joy` stands as it is."""
    if phrase.startswith("+"):
        return (phrase[1:],) * 2
    article = "an" if phrase[0] in "aeiou" else "a"
    return (
        *(f"in {article} {phrase} {way}" for way in ("way", "style", "manner")),
        f"with {phrase} movements",
    )


WAYS = _join_ways(LEXICON)


@dataclass(frozen=True)
class Meaning:
    """What a sentence says; two sentences of one meaning are paraphrases."""

    action: str
    place: str = ""
    """A direction of travel, or the side that a limb is on."""
    ways: tuple[str, ...] = ()
    """Keys of WAYS, at most two."""
    then: "Meaning | None" = None


def draw(rng: random.Random) -> Meaning:
    """A random meaning."""
    ways = tuple(rng.sample(sorted(WAYS), rng.choices((0, 1, 2), (3, 5, 1))[0]))
    meaning = replace(_draw_action(rng), ways=ways)
    return replace(meaning, then=_draw_action(rng)) if rng.random() < 0.08 else meaning


def _draw_action(rng: random.Random) -> Meaning:
    kind = rng.choices((LEXICON.travel, LEXICON.sided, LEXICON.actions), (5, 4, 3))[0]
    common = rng.random() < 0.35  # walking and running are most of what people ask for
    action = (
        rng.choice(("walk", "walk", "run", "jog", "march"))
        if kind is LEXICON.travel and common
        else rng.choice(sorted(kind))
    )
    if kind is LEXICON.travel:
        return Meaning(action, rng.choice(sorted(LEXICON.directions)) if rng.random() < 0.6 else "forward")
    return Meaning(action, rng.choices(SIDES, (4, 4, 2))[0] if kind is LEXICON.sided else "")


def contrast(meaning: Meaning, rng: random.Random) -> Meaning:
    """The same but for one thing: the opposite where there is one, else another of its kind."""
    options = []
    if meaning.place in LEXICON.opposites:
        options += [replace(meaning, place=LEXICON.opposites[meaning.place])] * 3
    elif meaning.place and meaning.action in LEXICON.travel:
        places = [place for place in sorted(LEXICON.directions) if place != meaning.place]
        options.append(replace(meaning, place=rng.choice(places)))
    if meaning.action in LEXICON.opposites:
        options += [replace(meaning, action=LEXICON.opposites[meaning.action])] * 2
    kind = next(kind for kind in (LEXICON.travel, LEXICON.sided, LEXICON.actions) if meaning.action in kind)
    options.append(replace(meaning, action=rng.choice([a for a in sorted(kind) if a != meaning.action])))
    others = [way for way in sorted(WAYS) if way not in meaning.ways]
    if meaning.ways:
        changed = LEXICON.opposites.get(meaning.ways[0], rng.choice(others))
        options += [
            replace(meaning, ways=(changed, *meaning.ways[1:])),
            replace(meaning, ways=meaning.ways[1:]),
        ]
    else:
        options.append(replace(meaning, ways=(rng.choice(others),)))
    return rng.choice(options)


def say(meaning: Meaning, rng: random.Random) -> str:
    """The meaning in one of its many wordings."""
    ways = list(meaning.ways)
    person = rng.choice(LEXICON.subjects)
    for way in meaning.ways:
        if way in LEXICON.personas and rng.random() < 0.6:
            person = rng.choice(LEXICON.personas[way])
            ways.remove(way)
            break
    form = rng.choices(("third", "gerund", "progressive", "base"), (12, 2, 2, 1))[0]
    if form in ("gerund", "base") and person in LEXICON.subjects:
        person = ""
    elif form == "base":
        form = "third"
    act = _conjugate(_word_action(meaning, rng), form)
    if meaning.then:
        joint = rng.choice((", then ", " and then ", " before " if form == "gerund" else " and afterwards "))
        act += joint + _conjugate(_word_action(meaning.then, rng), form)
    return _join_sentence(person, act, [rng.choice(WAYS[way]) for way in ways], rng)


def _join_sentence(person: str, act: str, hows: Sequence[str], rng: random.Random) -> str:
    text = f"{person} {act}".strip()
    if hows and rng.random() < 0.15:
        text = f"{hows[0]}, {text}"
        hows = hows[1:]
    elif hows and person and " " not in hows[0] and hows[0].endswith("ly") and rng.random() < 0.25:
        text = f"{person} {hows[0]} {act}"
        hows = hows[1:]
    text = " ".join([text, *hows])
    return text + "." if rng.random() < 0.2 else text


def _word_action(meaning: Meaning, rng: random.Random) -> str:
    """The action in base form, limbs and direction filled in."""
    if meaning.action in LEXICON.travel:
        return f"*{rng.choice(LEXICON.travel[meaning.action])} {rng.choice(LEXICON.directions[meaning.place])}".strip()
    if meaning.action in LEXICON.sided:
        text = "*" + rng.choice(LEXICON.sided[meaning.action])
        return re.sub(r"\{(\w+)\}", lambda match: _word_limb(match[1], meaning.place, rng), text)
    return "*" + rng.choice(LEXICON.actions[meaning.action])


def _word_limb(name: str, side: str, rng: random.Random) -> str:
    limb = rng.choice(LEXICON.limbs.get(name, (name,)))
    if name == "side":
        return {"left": "the left", "right": "the right", "both": "both sides"}[side]
    if side != "both":
        return f"{rng.choice(('the', 'the', 'the', 'their', 'his', 'her'))} {side} {limb}"
    plural = {"foot": "feet"}.get(limb, limb + "s")
    return rng.choice((f"both {plural}", f"the two {plural}", f"both of the {plural}"))


def _conjugate(text: str, form: str) -> str:
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
        return prefix + gerund(verb)

    return re.sub(r"\*([a-z]+)", inflect, text)


def third_person(verb: str) -> str:
    """walk -> walks, reach -> reaches, carry -> carries."""
    if re.search(r"(s|sh|ch|x|z|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def gerund(verb: str) -> str:
    """walk -> walking, raise -> raising, run -> running, lie -> lying."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + verb[-1] + "ing" if verb in LEXICON.doubled else verb + "ing"


def single_words(vocabulary: Mapping[str, int], rng: random.Random, count: int) -> list[str]:
    """Sentences around a tower's own words, so that none stays untrained: bare, as a style, as a comparison."""
    words = sorted(vocabulary)
    frames = (
        "{}",
        "{}",
        "a person {}",
        "a person walks in {} style",
        "a person moves like a {}",
        "someone does {}",
    )
    return [rng.choice(frames).format(rng.choice((*words, *LEXICON.generic))) for _ in range(count)]
