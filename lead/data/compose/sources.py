"""What composition draws from: training clips whose captions say what they show, and whose joints agree.

Knows nothing of the recipes.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lead.data.compose.truth import holds
from lead.data.mirror_captions import swap_sides
from lead.motion.processing.edit import mirror_joints
from lead.text.meaning import Meaning
from lead.text.parsing import parse

Joints = Float[np.ndarray, "_ 22 3"]
"""Joints at 20 fps, in meters."""


ALIKE = {"put-down": ("pick-up",), "sword": ("axe", "bat"), "drink": ("eat",)}
"""Actions whose clips also show others."""


@dataclass(frozen=True, eq=False)
class Source:
    """A motion and what it shows."""

    clip: str
    joints: Joints
    meaning: Meaning

    def list_alike(self) -> "list[Source]":
        """The same motion under actions in which the body moves alike; they have no clip of their own."""
        actions = ALIKE.get(self.meaning.action, ())
        return [Source("", self.joints, replace(self.meaning, action=action)) for action in actions]

    def mirror(self) -> "Source":
        return Source(self.clip, mirror_joints(self.joints), mirror_meaning(self.meaning))


def mirror_meaning(meaning: Meaning) -> Meaning:
    """The meaning of the mirrored motion: left and right exchanged."""
    return replace(
        meaning,
        place=swap_sides(meaning.place),
        ways=tuple(swap_sides(way) for way in meaning.ways),
        then=meaning.then and mirror_meaning(meaning.then),
        meanwhile=meaning.meanwhile and mirror_meaning(meaning.meanwhile),
    )


def read_meaning(captions: Sequence[str], joints: Joints) -> Meaning | None:
    """What most captions say, if the joints show it or no measure can tell; None where it is unclear or untrue."""
    found = [meaning for caption in captions if (meaning := parse(caption))]
    acts = Counter((meaning.action, meaning.place, meaning.then, meaning.meanwhile) for meaning in found)
    for act, _ in sorted(
        acts.items(), key=lambda act: (-act[1], bool(act[0][2]) + bool(act[0][3]))
    ):  # simple ones first
        same = [m for m in found if (m.action, m.place, m.then, m.meanwhile) == act]
        ways = Counter(way for meaning in same for way in set(meaning.ways))
        meaning = replace(same[0], ways=tuple(sorted(way for way, n in ways.items() if 2 * n >= len(same)))[:2])
        if holds(meaning, joints) is not False:
            return meaning
    return None


class Sources:
    """Clips by what they show."""

    def __init__(self, clips: Sequence[Source], rng: np.random.Generator) -> None:
        self.clips, self.rng = tuple(clips), rng

    def pick(
        self,
        *actions: str,
        place: str | Sequence[str] | None = None,
        fits: Callable[[Source], bool] | None = None,
    ) -> Source | None:
        """A clip that shows one of the actions, mirrored half of the time; an action named twice is twice as likely.

        `fits` is asked of the clip as it is returned, for twelve clips of an action at most. None where none fits.
        """
        places = None if place is None else {place} if isinstance(place, str) else set(place)
        for action in self.rng.permutation(list(actions)):
            candidates = list(self._candidates(str(action), places))
            for index in self.rng.permutation(len(candidates))[:12]:
                clip, flipped = candidates[index]
                source: Source = clip.mirror() if flipped else clip
                if fits is None or fits(source):
                    return source
        return None

    def draw_action(self, without: Collection[str]) -> str | None:
        """One of the actions that clips show by themselves; one with sixteen times as many clips twice as often.

        None where there is no other action than those of `without`.
        """
        counts = Counter(s.meaning.action for s in self.clips if not s.meaning.then and not s.meaning.meanwhile)
        names = sorted(set(counts) - set(without))
        if not names:
            return None
        weights = np.array([counts[name] ** 0.25 for name in names])
        return str(self.rng.choice(names, p=weights / weights.sum()))

    def _candidates(self, action: str, places: set[str] | None) -> Iterator[tuple[Source, bool]]:
        for source in self.clips:
            if source.meaning.action != action or source.meaning.then or source.meaning.meanwhile:
                continue
            for flipped in (False, True):
                place = swap_sides(source.meaning.place) if flipped else source.meaning.place
                if places is None or place in places:
                    yield source, flipped
