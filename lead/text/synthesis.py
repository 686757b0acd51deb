"""Sentences of motion language, made from meanings: the text tower's training text beside a data set's captions.

`say` puts a `Meaning` in words, in another wording each time, so that two sayings of one meaning are paraphrases. The
sayings of a meaning and of its `contrast` are a minimal pair. Knows nothing of models and of data sets.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lead.text.inflection import conjugate
from lead.text.lexicon import LEXICON
from lead.text.meaning import ADJECTIVES, WAYS, Meaning

ROTATIONS = {
    "left": ("counterclockwise", "counterclockwise", "anticlockwise", "counter-clockwise"),
    "right": ("clockwise",),
}
"""Sides as the sense of a turn, seen from above."""
LIFTS = ("raise-arm", "side-arm", "front-arm", "diagonal-arm", "raise-leg", "raise-knee")
"""Actions after which the limb may be said to come down."""
FOLLOWED = ", followed by "
_LIMB_AT_END = re.compile(r" with (the|their|his|her) (left|right) (hand|arm|leg|foot|fist)$")
_BODY = re.compile(
    r"\bthe(?= (head|hands|arms|hips|waist|weight|shoulders|toes|face|chin|chest|mouth|ear|body|torso|upper body|neck"
    r"|elbows|knees|pockets)\b)|(?<=behind )the(?= back\b)"
)
LIGHT_VERBS = ("do", "perform", "perform", "make")
"""Verbs that make a sentence of a noun: performs a slow turn to the left."""
GERUND_JOINTS = (" while ", " while ", " while also ", ", ")


def say(meaning: Meaning, rng: random.Random) -> str:
    """The meaning in one of its many wordings."""
    if rng.random() < 0.08:
        text = _say_nominal(meaning, rng)
        if text:
            return text + "." if rng.random() < 0.1 else text
    ways = list(meaning.ways)
    person = rng.choice(LEXICON.subjects)
    for way in meaning.ways:
        if way in LEXICON.personas and rng.random() < 0.6:
            person = rng.choice(LEXICON.personas[way])
            ways.remove(way)
            break
        if way in LEXICON.adjectives and rng.random() < 0.08:
            person = _insert_adjective(rng.choice(("a person", "a man", "a woman", "the man")), way, rng)
            ways.remove(way)
            break
    form = rng.choices(("third", "gerund", "progressive", "base", "past"), (24, 4, 4, 4, 1))[0]
    if form in ("gerund", "base") and (person in LEXICON.subjects or form == "base"):
        named = person not in LEXICON.subjects
        form, person = ("third", person) if named else (form, "")
    first = replace(meaning, ways=tuple(ways))
    text = _say_first(person, first, form, rng)
    last, step = meaning, meaning.then
    while step:
        text += _say_back(last, form, rng) + _say_next(last, step, form, rng)
        last, step = step, step.then
    text = _own(text, rng)
    return text + "." if rng.random() < 0.2 else text


def _say_first(person: str, meaning: Meaning, form: str, rng: random.Random) -> str:
    """The subject with what it does first, and at the same time."""
    hows = [rng.choice(WAYS[way]) for way in meaning.ways]
    act = conjugate(_word_action(meaning, rng), form)
    name = _name_action(replace(meaning, meanwhile=None), rng) if rng.random() < 0.07 else ""
    if name.startswith(("a ", "an ")):
        act, hows = conjugate(f"*{rng.choice(LIGHT_VERBS)} {name}", form), []
    front = ""
    if hows and rng.random() < 0.15:
        front, hows = f"{hows[0]}, ", hows[1:]
    elif hows and person and " " not in hows[0] and hows[0].endswith("ly") and rng.random() < 0.25 and form == "third":
        act, hows = f"{hows[0]} {act}", hows[1:]
    where = _word_circumstance(meaning, rng)
    limb = _LIMB_AT_END.search(act)
    if limb and hows and " and " not in act and rng.random() < 0.3:  # waves slowly with the left hand
        act, hows = act[: limb.start()], [*hows, limb[0].strip()]
    text = " ".join([act, *hows, *where] if rng.random() < 0.5 else [act, *where, *hows])
    if meaning.meanwhile:
        return _join_meanwhile(person, front, text, meaning, form, rng)
    return front + f"{person} {text}".strip()


def may_be_simultaneous(first: str, second: str) -> bool:
    """Whether "first and second" says two actions at once: of something that lasts, and a gesture."""
    if first == "stand" and second in ("shift-weight", "sway", "twist", "hands-hips-stand"):
        return True
    lasts = (first in LEXICON.travel and first != "step") or first in LEXICON.grounds or first == "stand"
    return lasts and second in LEXICON.gestures


def _join_meanwhile(person: str, front: str, text: str, meaning: Meaning, form: str, rng: random.Random) -> str:
    action, other = meaning.action, meaning.meanwhile
    assert other
    second = _word_gesture(other, rng)
    hows = "".join(f" {rng.choice(WAYS[way])}" for way in other.ways)
    kind = rng.random()
    if kind < 0.4 and not may_be_simultaneous(action, other.action):
        kind = 0.3  # "turns around and waves" would be one after the other
    if kind < 0.2:
        return f"{front}{f'{person} {conjugate(second, form)}{hows} and'.strip()} {_plain(text, form)}"
    if kind < 0.4:
        plain = may_be_simultaneous(action, other.action)
        joint = rng.choice((" and ", " and at the same time ") if plain else (" and at the same time ",))
        return f"{front}{f'{person} {text}'.strip()}{joint}{_plain(conjugate(second, form), form)}{hows}"
    if kind < 0.55 and person:
        return f"{conjugate(second, 'gerund')}{hows}, {front}{person} {text}"
    if kind < 0.65 and person:
        return f"while {conjugate(second, 'gerund')}{hows}, {front}{person} {text}"
    return f"{front}{f'{person} {text}'.strip()}{rng.choice(GERUND_JOINTS)}{conjugate(second, 'gerund')}{hows}"


def _word_gesture(meaning: Meaning, rng: random.Random) -> str:
    """What is done beside another action, by someone who need not stand."""
    acts = [_word_action(meaning, rng) for _ in range(6)]
    return next((act for act in acts if not act.lstrip("*").startswith("stand")), acts[0])


def _plain(act: str, form: str) -> str:
    """The act without its own `is`, after another act that has one."""
    return re.sub(r"^is (?=[a-z-]+ing\b)", "", act) if form == "progressive" else act


def _own(text: str, rng: random.Random) -> str:
    """The body's parts with their owner, in half of all sentences: shakes their head."""
    owner = rng.choice(("the", "the", "the", "their", "their", "his", "her"))
    return _BODY.sub(owner, text)


def _say_back(meaning: Meaning, form: str, rng: random.Random) -> str:
    """That the limb comes down before the next action, sometimes."""
    if meaning.action not in LIFTS or not meaning.place or meaning.meanwhile or rng.random() < 0.6:
        return ""
    if meaning.place == "both":
        back = rng.choice(("*lower them", "*lower them again", "*put them down"))
        return rng.choice((", ", " and ", ", then ")) + _plain(conjugate(back, form), form)
    back = rng.choice(("*lower it", "*lower it again", "*put it down again", "*bring it down"))
    return rng.choice((", ", " and ", ", then ")) + _plain(conjugate(back, form), form)


def _say_next(last: Meaning, step: Meaning, form: str, rng: random.Random) -> str:
    joint = rng.choice(
        (", then ", " and then ", ", and then ", " then ", " and afterwards ", " before ", ", after that ", FOLLOWED)
    )
    if joint == FOLLOWED:
        name = "" if step.meanwhile else _name_action(step, rng)
        if name.startswith(("a ", "an ")):
            return joint + name
    repeats = step == replace(last, place=step.place, then=step.then)
    short = _say_other_side(step, rng) if repeats and rng.random() < 0.4 else ""
    if short:
        return rng.choice((", then ", " and then ", ", and then ")) + short
    form = "gerund" if joint in (" before ", FOLLOWED) else form
    text = _plain(conjugate(_word_action(step, rng), form), form)
    text = " ".join([text, *(rng.choice(WAYS[way]) for way in step.ways)])
    if step.meanwhile:
        other = step.meanwhile
        hows = "".join(f" {rng.choice(WAYS[way])}" for way in other.ways)
        text += f" while {conjugate(_word_gesture(other, rng), 'gerund')}{hows}"
    return joint + text


def _say_other_side(meaning: Meaning, rng: random.Random) -> str:
    """What remains of an action that is repeated with the other side: the left one, to the right, with the left leg."""
    if meaning.ways or meaning.meanwhile or meaning.place not in ("left", "right"):
        return ""
    slot = re.search(r"(with |to )?\{(arm|hand|leg|fist|knee|side)\}$", LEXICON.sided[meaning.action][0])
    if not slot:
        return ""
    if slot[2] == "side" or rng.random() < 0.5:
        return _fill_side(slot[0], meaning.place, rng)
    return f"{slot[1] or ''}the {meaning.place} one"


def _word_circumstance(meaning: Meaning, rng: random.Random) -> list[str]:
    if rng.random() >= 0.12:
        return []
    if meaning.action not in LEXICON.travel:
        return [rng.choice(LEXICON.circumstances["standing"])]
    flat = meaning.place in ("forward", "backward", "left", "right", "side-left", "side-right", "sideways", "zigzag")
    return [rng.choice(LEXICON.circumstances["travel"])] if flat else []


def _say_nominal(meaning: Meaning, rng: random.Random) -> str:
    """The meaning as a noun phrase, "a slow walk backward"; empty where it has none."""
    parts = []
    step: Meaning | None = meaning
    while step:
        part = _name_action(step, rng)
        if not part:
            return ""
        parts.append(part)
        step = step.then
    if rng.random() < 0.2:
        parts = [re.sub("^an? ", "", part) for part in parts]  # right hook
    return rng.choice((", then ", " and then ")).join(parts)


def _name_action(meaning: Meaning, rng: random.Random) -> str:
    nouns = [noun for noun in LEXICON.nouns.get(meaning.action, ()) if _fits_side(noun, meaning)]
    places = [place for place in LEXICON.directions.get(meaning.place, ("",)) if "*" not in place]
    if not nouns or (meaning.action in LEXICON.travel and not places):
        return ""
    name = rng.choice(nouns)
    hows = []
    for way in meaning.ways:
        if way in ADJECTIVES and rng.random() < 0.7:
            name = _insert_adjective(name, way, rng)
        else:
            hows.append(rng.choice(WAYS[way]))
    text = _fill_side(name, meaning.place, rng)
    if meaning.action in LEXICON.travel:
        text = f"{text} {rng.choice(places)}".strip()
    if meaning.meanwhile:
        other = meaning.meanwhile
        hows += ["while", conjugate(_word_action(other, rng), "gerund"), *(rng.choice(WAYS[w]) for w in other.ways)]
    return " ".join([text, *hows])


def _insert_adjective(noun: str, way: str, rng: random.Random) -> str:
    """a walk -> a slow walk, walking -> slow walking."""
    adjective = rng.choice(ADJECTIVES[way])
    article, _, rest = noun.partition(" ")
    if article == "the":
        return f"the {adjective} {rest}"
    if article not in ("a", "an"):
        return f"{adjective} {noun}"
    return f"{'an' if adjective[0] in 'aeiou' else 'a'} {adjective} {rest}"


def _word_action(meaning: Meaning, rng: random.Random) -> str:
    """The action in base form, limbs and direction filled in."""
    if meaning.action in LEXICON.travel:
        fused = LEXICON.fused.get(f"{meaning.action} {meaning.place}")
        if fused and rng.random() < 0.35:
            return "*" + rng.choice(fused)
        place = rng.choice(LEXICON.directions[meaning.place])
        return f"*{_choose(LEXICON.travel[meaning.action], rng)} {place}".strip().replace(" ,", ",")
    if meaning.action in LEXICON.sided:
        phrases = [phrase for phrase in LEXICON.sided[meaning.action] if _fits_side(phrase, meaning)]
        return "*" + _fill_side(_choose(phrases, rng), meaning.place, rng)
    bare = [action for action, other in LEXICON.bare.items() if other == meaning.action]
    if bare and rng.random() < 0.3:
        return "*" + _choose(LEXICON.travel[bare[0]], rng)
    return "*" + _fill_side(_choose(LEXICON.actions[meaning.action], rng), "", rng)


def _choose(phrases: Sequence[str], rng: random.Random) -> str:
    """One of them; a little more often the first, which is the plain one."""
    return phrases[0] if rng.random() < 0.15 else rng.choice(phrases)


def _fits_side(phrase: str, meaning: Meaning) -> bool:
    """Whether the phrase can say the side, or can leave it out."""
    if meaning.action not in LEXICON.sided or meaning.place:
        return meaning.action not in LEXICON.sided or "{" in phrase.replace("{thing}", "")
    return "{direction}" not in phrase and "{rotation}" not in phrase


def _fill_side(phrase: str, side: str, rng: random.Random) -> str:
    if not side and rng.random() < 0.7:
        phrase = re.sub(r" (with|using|of|in) \{\w+\}$", "", phrase)
    if rng.random() < 0.1:
        phrase = phrase.replace(" with {", " using {")
    return re.sub(r"\{(\w+)\}", lambda match: _word_limb(match[1], side, rng), phrase)


def _word_limb(name: str, side: str, rng: random.Random) -> str:
    if name == "thing":
        return rng.choice(LEXICON.things)
    limb = rng.choice(LEXICON.limbs.get(name, (name,)))
    if name == "side":
        return {"left": "the left", "right": "the right", "both": "both sides", "": "one side"}[side]
    if name == "direction":
        return {"left": "left", "right": "right", "both": "left and right"}[side]
    if name == "rotation":
        return rng.choice(ROTATIONS.get(side, ("both ways",)))
    if not side:
        return f"{rng.choice(('a', 'one') if limb[0] not in 'aeiou' else ('an', 'one'))} {limb}"
    if side != "both":
        return f"{rng.choice(('the', 'the', 'the', 'their', 'his', 'her'))} {side} {limb}"
    plural = {"foot": "feet"}.get(limb, limb + "s")
    both = rng.choice((f"both {plural}", f"both {plural}", f"the two {plural}", f"both of the {plural}"))
    return both if rng.random() < 0.6 else rng.choice((plural, f"their {plural}", f"the {plural}"))


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
