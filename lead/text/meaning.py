"""What sentences of motion language say, apart from how they say it.

A `Meaning` is an action, where it goes or which side it uses, how it is done, what is done at the same time and what
follows. `canonical` gives equal meanings one form. `draw` makes a random meaning; `contrast` changes one thing that a
reader would notice (left to right, raise to lower, slowly to quickly). The words are `lead.text.lexicon`'s;
`lead.text.synthesis` puts meanings in words and `lead.text.parsing` reads them.
"""

import random
from dataclasses import dataclass, replace

from lead.motion.processing.style_augment import ATTRIBUTES
from lead.text.lexicon import LEXICON, Lexicon

SIDES = ("left", "right", "both")


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
ADJECTIVES = {
    **LEXICON.qualities,
    **{key: tuple(p for p in phrases if p[0] != "+") for key, phrases in LEXICON.adjectives.items()},
}
"""Ways as adjectives before a noun: a slow walk, a happy man."""


@dataclass(frozen=True)
class Meaning:
    """What a sentence says; two sentences of one meaning are paraphrases."""

    action: str
    place: str = ""
    """A direction of travel, or the side that a limb is on; empty where a sided action does not say its side."""
    ways: tuple[str, ...] = ()
    """Keys of WAYS, at most two."""
    then: "Meaning | None" = None
    """What follows; its own ways included."""
    meanwhile: "Meaning | None" = None
    """A second action at the same time; with two, the one of the upper body stands here (see `canonical`)."""


def canonical(meaning: Meaning) -> Meaning:
    """The one of several equal meanings that stands for them: to walk in place is to step in place."""
    action, place, ways = meaning.action, meaning.place, meaning.ways
    if f"{action} {place}" in LEXICON.same:
        action, place = (*LEXICON.same[f"{action} {place}"].split(), "")[:2]
    elif action == "walk" and "crouching" in ways:
        action, ways = "crouch-walk", tuple(way for way in ways if way != "crouching")
    elif action == "walk" and "on-toes" in ways:
        action, ways = "tiptoe", tuple(way for way in ways if way != "on-toes")
    elif action == "stand" and (pose := next((way for way in ways if way in LEXICON.poses), "")):
        action, place = (*LEXICON.poses[pose].split(), "")[:2]
        ways = tuple(way for way in ways if way != pose)
    other = meaning.meanwhile and canonical(meaning.meanwhile)
    found = Meaning(action, place, ways, meaning.then and canonical(meaning.then), other)
    first = Meaning(action, place, ways)
    if other == Meaning("stand") and action not in LEXICON.travel:  # as one does who waves
        return replace(first, then=found.then)
    if other and first == Meaning("stand") and other.action not in LEXICON.travel:
        return replace(other, then=found.then)
    beside = (*LEXICON.gestures, "turn")
    if other and action in beside and other.action not in beside:
        return canonical(replace(other, then=found.then, meanwhile=first))
    if other == Meaning(action, "forward"):  # veers to the left while walking
        return replace(found, meanwhile=None)
    if other and action in LEXICON.travel and place == "forward" and other.action == "turn" and other.place:
        return replace(found, place=f"turn-{other.place}", meanwhile=None)
    if first == Meaning("bend") and not other and found.then and found.then.action in ("pick-up", "put-down"):
        return found.then  # as one does who picks something up
    turn = found.then
    if action in LEXICON.travel and place == "forward" and turn and not (other or ways or turn.ways or turn.meanwhile):
        if turn.action == "turn-around":
            return replace(found, place="around", then=turn.then)
        if turn.action == "turn" and turn.place:
            return replace(found, place=f"turn-{turn.place}", then=turn.then)
    return found


def draw(rng: random.Random) -> Meaning:
    """A random meaning."""
    meaning = replace(_draw_action(rng), ways=_draw_ways(rng))
    if rng.random() < 0.1:
        meaning = _draw_two(rng)
    if rng.random() < 0.15:
        then = replace(_draw_action(rng), ways=_draw_ways(rng) if rng.random() < 0.3 else ())
        if meaning.action in LEXICON.sided and meaning.place in ("left", "right") and rng.random() < 0.25:
            then = Meaning(meaning.action, LEXICON.opposites[meaning.place])
        meaning = replace(meaning, then=then)
    return canonical(meaning)


def _draw_ways(rng: random.Random) -> tuple[str, ...]:
    return tuple(rng.sample(sorted(WAYS), rng.choices((0, 1, 2), (3, 5, 1))[0]))


def _draw_action(rng: random.Random) -> Meaning:
    kind = rng.choices((LEXICON.travel, LEXICON.sided, LEXICON.actions), (5, 4, 4))[0]
    common = rng.random() < 0.35  # walking and running are most of what people ask for
    action = (
        rng.choice(("walk", "walk", "run", "jog", "march"))
        if kind is LEXICON.travel and common
        else rng.choice(sorted(kind))
    )
    return _draw_place(action, rng)


def _draw_place(action: str, rng: random.Random) -> Meaning:
    if action in LEXICON.travel:
        return Meaning(action, rng.choice(sorted(LEXICON.directions)) if rng.random() < 0.6 else "forward")
    if action not in LEXICON.sided:
        return Meaning(action)
    if action in LEXICON.unsided and rng.random() < 0.2:
        return Meaning(action)
    return Meaning(action, rng.choices(SIDES, (4, 4, 0 if action in LEXICON.one_sided else 2))[0])


def _draw_two(rng: random.Random) -> Meaning:
    first = _draw_place(rng.choice(LEXICON.grounds), rng)
    if first.action in LEXICON.travel and rng.random() < 0.6:
        first = replace(first, place="forward")
    second = _draw_place(rng.choice(("wave", *LEXICON.gestures)), rng)
    ways = _draw_ways(rng)[:1] if rng.random() < 0.4 else ()
    return replace(first, ways=ways, meanwhile=second)


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
    if meaning.meanwhile:
        options += [replace(meaning, meanwhile=contrast(meaning.meanwhile, rng))] * 3
        options.append(replace(meaning, meanwhile=None))
    if meaning.then:
        options += [_swap_order(meaning)] * 3 + [replace(meaning, then=contrast(meaning.then, rng))] * 2
    options = [option for option in map(canonical, options) if option != meaning]
    return rng.choice(options) if options else Meaning("stand")


def _swap_order(meaning: Meaning) -> Meaning:
    """The second action first."""
    assert meaning.then
    return replace(meaning.then, then=replace(meaning, then=meaning.then.then))
