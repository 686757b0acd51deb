"""The words of motion language, read from `lexicon.toml`, which says how they are written.

Knows nothing of how sentences are built or read: that is `lead.text.synthesis`'s and `lead.text.parsing`'s.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

LEXICON_FILE = Path(__file__).with_name("lexicon.toml")

Phrases = Mapping[str, tuple[str, ...]]
"""Synonymous phrases by a key."""


@dataclass(frozen=True)
class Lexicon:
    subjects: tuple[str, ...]
    """Who acts."""
    generic: tuple[str, ...]
    """Single words that every vocabulary needs."""
    doubled: tuple[str, ...]
    """Verbs that double their last letter before -ing."""
    opposites: Mapping[str, str]
    """Keys of places, actions and ways, each with its contrary; both directions."""
    one_sided: tuple[str, ...]
    """Sided actions that are never of both sides."""
    unsided: tuple[str, ...]
    """Sided actions that may be told without their side."""
    gestures: tuple[str, ...]
    """Actions of the upper body: of two actions at once, the second."""
    grounds: tuple[str, ...]
    """Actions beside which gestures are made."""
    things: tuple[str, ...]
    """What may be handled, in the place of {thing}."""
    limbs: Phrases
    """Nouns that a limb's name may become."""
    poses: Mapping[str, str]
    """Ways to hold the arms, each with the action, and its side, that standing so is."""
    bare: Mapping[str, str]
    """Actions that go somewhere, each with the action that it is where no place is said."""
    same: Mapping[str, str]
    """`action place` that is another `action`, or another `action side`."""
    fused: Phrases
    """Wordings of an `action place` as a whole."""
    travel: Phrases
    """Actions that go somewhere."""
    directions: Phrases
    """Where they go."""
    sided: Phrases
    """Actions of one side or of both."""
    actions: Phrases
    """Actions of the whole body."""
    nouns: Phrases
    """Actions as nouns."""
    circumstances: Phrases
    """What changes nothing, for `travel` and for `standing`."""
    ways: Phrases
    qualities: Phrases
    """Adjectives of ways that are no adjectives themselves."""
    adjectives: Phrases
    personas: Phrases

    def list_phrases(self) -> Iterator[str]:
        """Keys and phrases of what is done and how: of everything but places and names of limbs."""
        for phrases in (self.travel, self.sided, self.actions, self.ways, self.adjectives, self.personas):
            for key, synonyms in phrases.items():
                yield from (key, *synonyms)


def read_lexicon(path: Path = LEXICON_FILE) -> Lexicon:
    """The lexicon in a file; ValueError naming the list that is not as expected."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    names = [field.name for field in fields(Lexicon)]
    if sorted(content) != sorted(names):
        raise ValueError(f"{path}: expected the lists {', '.join(names)}, found {', '.join(content)}")
    pairs = [_check_phrases(f"{path}: opposites", pair) for pair in content["opposites"]]

    def read_list(name: str) -> tuple[str, ...]:
        return _check_phrases(f"{path}: {name}", content[name])

    def read_table(name: str) -> Phrases:
        return {key: _check_phrases(f"{path}: {name}, {key}", phrases) for key, phrases in content[name].items()}

    def read_pairs(name: str) -> Mapping[str, str]:
        return {key: _check_phrases(f"{path}: {name}, {key}", [other])[0] for key, other in content[name].items()}

    return Lexicon(
        subjects=read_list("subjects"),
        generic=read_list("generic"),
        doubled=read_list("doubled"),
        opposites={a: b for pair in pairs for a, b in (pair, pair[::-1])},
        one_sided=read_list("one_sided"),
        unsided=read_list("unsided"),
        gestures=read_list("gestures"),
        grounds=read_list("grounds"),
        things=read_list("things"),
        limbs=read_table("limbs"),
        poses=read_pairs("poses"),
        bare=read_pairs("bare"),
        same=read_pairs("same"),
        fused=read_table("fused"),
        travel=read_table("travel"),
        directions=read_table("directions"),
        sided=read_table("sided"),
        actions=read_table("actions"),
        nouns=read_table("nouns"),
        circumstances=read_table("circumstances"),
        ways=read_table("ways"),
        qualities=read_table("qualities"),
        adjectives=read_table("adjectives"),
        personas=read_table("personas"),
    )


def _check_phrases(what: str, phrases: object) -> tuple[str, ...]:
    if not isinstance(phrases, list) or not phrases or not all(isinstance(phrase, str) for phrase in phrases):
        raise ValueError(f"{what}: expected a list of phrases, found {phrases!r:.80}")
    return tuple(phrases)


LEXICON = read_lexicon()
