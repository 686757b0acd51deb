"""Sentences of motion language, made from meanings: the text tower's training text beside a data set's
captions.

A `Meaning` is an action, where it goes or which side it uses, and how it is done. `say` puts it in words,
another wording each time, so that two sayings of one meaning are paraphrases; `contrast` changes one thing
that a reader would notice (left to right, raise to lower, slowly to quickly), so that the two sayings are a
minimal pair. It knows nothing of models and nothing of any data set. Verbs stand in their base form behind
a `*`.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lead.motion.processing.style_augment import ATTRIBUTES
from lead.text.lexicon import ACTIONS, ADJECTIVES, DIRECTIONS, MANNERS, OPPOSITES, PERSONAS, SIDED, TRAVEL

SIDES = ("left", "right", "both")

SUBJECTS = (
    *("a person", "the person") * 3,
    *("someone", "somebody", "a man", "a woman", "a human", "a figure", "the figure", "he", "she", "the man"),
    *("the woman", "a guy", "the character", "a human being", "this person", "an individual", "a lady"),
)

LIMBS = {
    "arm": ("arm", "arm", "hand"),
    "hand": ("hand", "hand", "arm"),
    "leg": ("leg", "leg", "foot"),
    "fist": ("fist", "hand"),
}

GENERIC = """
walk run jump dance sit stand kick punch wave turn old young fast slow left right up down forward backward
happy sad angry tired drunk robot zombie elderly limping hunched crouching sneaking marching hopping skipping
"""

THIRD = {"do": "does", "go": "goes"}

DOUBLED = """
run hop jog sit skip step clap nod spin bat swim grab put hit dig get cut stop drop shrug flap hug pat
tap rub wag beg
dip let trot slip trip plod drag tug rap squat throb strut knock-knock set twig slog jab chat bob jut hum
"""


def _groups(text: str) -> dict[str, tuple[str, ...]]:
    """Lines of `key: phrase / phrase` as a mapping."""
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {key.strip(): tuple(part.strip() for part in rest.split("/")) for key, _, rest in lines}


def _manners() -> dict[str, tuple[str, ...]]:
    """Every way to say how: attributes of procedural variations, adjectives in all their forms, personas."""
    manners = {attribute.phrases[0]: tuple(attribute.phrases) for attribute in ATTRIBUTES}
    for key, phrases in _groups(MANNERS).items():
        manners[key] = (*manners.get(key, ()), *phrases)
    for key, phrases in _groups(ADJECTIVES).items():
        manners[key] = tuple(form for phrase in phrases for form in _adjective_forms(phrase))
    for key, phrases in _groups(PERSONAS).items():
        manners[key] = (*manners.get(key, ()), *(f"like {person}" for person in phrases))
    return manners


def _adjective_forms(phrase: str) -> tuple[str, ...]:
    """`happy` as it is used: in a happy way, with happy movements; `+with joy` stands as it is."""
    if phrase.startswith("+"):
        return (phrase[1:],) * 2
    article = "an" if phrase[0] in "aeiou" else "a"
    return (
        *(f"in {article} {phrase} {way}" for way in ("way", "style", "manner")),
        f"with {phrase} movements",
    )


TRAVELS, SIDEDS, WHOLES = _groups(TRAVEL), _groups(SIDED), _groups(ACTIONS)
PLACES, PEOPLE, WAYS = _groups(DIRECTIONS), _groups(PERSONAS), _manners()
_OPPOSITE = {a: b for pair in _groups(OPPOSITES).values() for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Meaning:
    """What a sentence says; two sentences of one meaning are paraphrases."""

    action: str
    place: str = ""
    """A direction of travel, or the side that a limb is on."""
    ways: tuple[str, ...] = ()
    """Manners and personas, at most two."""
    then: "Meaning | None" = None


def draw(rng: random.Random) -> Meaning:
    """A random meaning."""
    ways = tuple(rng.sample(sorted(WAYS), rng.choices((0, 1, 2), (3, 5, 1))[0]))
    meaning = replace(_draw_action(rng), ways=ways)
    return replace(meaning, then=_draw_action(rng)) if rng.random() < 0.08 else meaning


def _draw_action(rng: random.Random) -> Meaning:
    kind = rng.choices((TRAVELS, SIDEDS, WHOLES), (5, 4, 3))[0]
    common = rng.random() < 0.35  # walking and running are most of what people ask for
    action = (
        rng.choice(("walk", "walk", "run", "jog", "march"))
        if kind is TRAVELS and common
        else rng.choice(sorted(kind))
    )
    if kind is TRAVELS:
        return Meaning(action, rng.choice(sorted(PLACES)) if rng.random() < 0.6 else "forward")
    return Meaning(action, rng.choices(SIDES, (4, 4, 2))[0] if kind is SIDEDS else "")


def contrast(meaning: Meaning, rng: random.Random) -> Meaning:
    """The same but for one thing: the opposite where there is one, else another of its kind."""
    options = []
    if meaning.place in _OPPOSITE:
        options += [replace(meaning, place=_OPPOSITE[meaning.place])] * 3
    elif meaning.place and meaning.action in TRAVELS:
        options.append(replace(meaning, place=rng.choice([p for p in sorted(PLACES) if p != meaning.place])))
    if meaning.action in _OPPOSITE:
        options += [replace(meaning, action=_OPPOSITE[meaning.action])] * 2
    kind = next(kind for kind in (TRAVELS, SIDEDS, WHOLES) if meaning.action in kind)
    options.append(replace(meaning, action=rng.choice([a for a in sorted(kind) if a != meaning.action])))
    others = [way for way in sorted(WAYS) if way not in meaning.ways]
    if meaning.ways:
        changed = _OPPOSITE.get(meaning.ways[0], rng.choice(others))
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
    person = rng.choice(SUBJECTS)
    for way in meaning.ways:
        if way in PEOPLE and rng.random() < 0.6:
            person = rng.choice(PEOPLE[way])
            ways.remove(way)
            break
    form = rng.choices(("third", "gerund", "progressive", "base"), (12, 2, 2, 1))[0]
    if form in ("gerund", "base") and person in SUBJECTS:
        person = ""
    elif form == "base":
        form = "third"
    act = _conjugate(_action_text(meaning, rng), form)
    if meaning.then:
        joint = rng.choice((", then ", " and then ", " before " if form == "gerund" else " and afterwards "))
        act += joint + _conjugate(_action_text(meaning.then, rng), form)
    return _joined(person, act, [rng.choice(WAYS[way]) for way in ways], rng)


def _joined(person: str, act: str, hows: Sequence[str], rng: random.Random) -> str:
    text = f"{person} {act}".strip()
    if hows and rng.random() < 0.15:
        text = f"{hows[0]}, {text}"
        hows = hows[1:]
    elif hows and person and " " not in hows[0] and hows[0].endswith("ly") and rng.random() < 0.25:
        text = f"{person} {hows[0]} {act}"
        hows = hows[1:]
    text = " ".join([text, *hows])
    return text + "." if rng.random() < 0.2 else text


def _action_text(meaning: Meaning, rng: random.Random) -> str:
    """The action in base form, limbs and direction filled in."""
    if meaning.action in TRAVELS:
        return f"*{rng.choice(TRAVELS[meaning.action])} {rng.choice(PLACES[meaning.place])}".strip()
    if meaning.action in SIDEDS:
        text = "*" + rng.choice(SIDEDS[meaning.action])
        return re.sub(r"\{(\w+)\}", lambda match: _limb(match[1], meaning.place, rng), text)
    return "*" + rng.choice(WHOLES[meaning.action])


def _limb(name: str, side: str, rng: random.Random) -> str:
    limb = rng.choice(LIMBS.get(name, (name,)))
    if name == "side":
        return {"left": "the left", "right": "the right", "both": "both sides"}[side]
    if side != "both":
        return f"{rng.choice(('the', 'the', 'the', 'their', 'his', 'her'))} {side} {limb}"
    plural = {"foot": "feet"}.get(limb, limb + "s")
    return rng.choice((f"both {plural}", f"the two {plural}", f"both of the {plural}"))


def _conjugate(text: str, form: str) -> str:
    """Every `*verb` in the form: third (walks), gerund (walking), progressive (is walking), base (walk)."""
    first = True

    def inflected(match: re.Match[str]) -> str:
        nonlocal first
        verb = match[1]
        if form == "third":
            return THIRD.get(verb) or third_person(verb)
        if form == "base":
            return verb
        prefix = "is " if form == "progressive" and first else ""
        first = False
        return prefix + gerund(verb)

    return re.sub(r"\*([a-z]+)", inflected, text)


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
    return verb + verb[-1] + "ing" if verb in DOUBLED.split() else verb + "ing"


def single_words(vocabulary: Mapping[str, int], rng: random.Random, count: int) -> list[str]:
    """Sentences around a tower's own words, so that none stays untrained: bare, as a style, as a likeness."""
    words = sorted(vocabulary)
    frames = (
        "{}",
        "{}",
        "a person {}",
        "a person walks in {} style",
        "a person moves like a {}",
        "someone does {}",
    )
    return [rng.choice(frames).format(rng.choice((*words, *GENERIC.split()))) for _ in range(count)]
