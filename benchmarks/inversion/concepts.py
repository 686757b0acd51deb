"""The concepts of the inversion benchmark: their clips, their prompts, and the real clips to compare with.

A prompt has a gap for a phrase: the learned token, the real word, or nothing. For a style the gap follows any action
("a person runs{}"). For an action the gap is the verb ("a person {} slowly"). Each seed draws its clips from the
concept's pool; no judge learns from the pool. Elderly and exhausted are also learned from one clip, from all walks, and
from a walk and four or nine clips of other contents, with captions. This module knows nothing of models.

The other contents are the nine that fulfill two conditions. The judges know both their style and their content. And the
base does them without a concept: `benchmarks.judges.networks` recognizes each in .79 or more of its generations. The
few-shot styles have contents of their own that the base does not do, and these are left out (rate of recognition in 24
generations each: sprint 0, bow .33, one-handed goodbye .75, two-handed 0, show the way .25, backward .38, diagonally
left 0 and right .25).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

import numpy as np

from benchmarks.judges import actions as action_judge
from benchmarks.judges import fewshot as fewshot_judge
from benchmarks.judges import networks as judge
from benchmarks.pack import Row, pack_rows, read_joints
from lead import LeadError, Motion

WALK = "walk"
WALK_SECONDS, OTHER_SECONDS = 8.0, 4.0  # about the length of real clips of these styles
SHORTEST, LONGEST = 0.8, 9.6  # seconds that are generated
OTHERS = {
    "run": "a person runs{}",
    "walk-turn-left": "a person walks forward and turns left{}",
    "walk-turn-right": "a person walks forward and turns right{}",
    "raise-up-both-hands": "a person raises both hands{}",
    "raise-up-left-hand": "a person raises the left hand{}",
    "raise-up-right-hand": "a person raises the right hand{}",
    "wave-both-hands": "a person waves with both hands{}",
    "wave-left-hand": "a person waves with the left hand{}",
    "wave-right-hand": "a person waves with the right hand{}",
}
VARIANTS = (
    ("a person {} slowly", None, 1.5),
    ("a person {} twice", None, 2.0),
    ("a person {} in a feminine style", "feminine", 1.0),
    ("a person {} in a masculine style", "masculine", 1.0),
)  # of an action: the prompt, the style to recognize, and the factor of the length
NEW_STYLES = ("elderly", "exhausted")
CONTROL = "youthful"
REAL_WORDS = {
    "masculinity": "masculine",
    "not-confident": "unconfident",
    "ballet": "dances ballet",
    "sneak": "sneaks",
    "elbow-to-knee": "touches the left elbow to the right knee",
    "hurdle-step": "steps over a hurdle",
}
GROUPS = {
    "new": "elderly and exhausted",
    "fewshot": "few-shot styles",
    "action": "new actions",
    "control": "control: a trained style, its word withheld",
    "amount": "elderly and exhausted from other clips than five walks",
}
Group = Literal["new", "fewshot", "action", "control", "amount"]
FEWSHOT = "fewshot-"  # prefix of the few-shot styles' names; some are also names of trained styles


@dataclass(frozen=True)
class Request:
    """A prompt with a gap, and what must be recognized beside a style (a content) or beside an action (a style)."""

    prompt: str
    expected: str | None
    seconds: float


@dataclass(frozen=True)
class Subject:
    """A concept to learn."""

    name: str
    group: Group
    label: str
    """The judge's class for this concept."""
    draw: int
    """The number of clips to learn from."""
    mixed: bool = False
    """One clip shows the concept's own content; the others show other contents, which are then not unseen."""

    @property
    def kind(self) -> Literal["style", "action"]:
        return "action" if self.group == "action" else "style"

    @property
    def token(self) -> str:
        return "<concept>"

    @property
    def word_phrase(self) -> str:
        """The phrase that asks for the learned concept."""
        return self.format_phrase(self.token)

    @property
    def real_phrase(self) -> str:
        """The phrase that asks for the concept in English."""
        word = REAL_WORDS.get(self.label, self.label)
        return word if self.kind == "action" else f" in {'an' if word[0] in 'aeou' else 'a'} {word} style"

    @property
    def no_phrase(self) -> str:
        """The phrase that asks for no concept."""
        return "moves" if self.kind == "action" else ""

    def format_phrase(self, word: str) -> str:
        """The phrase with any word in the place of the token."""
        return f"does {word}" if self.kind == "action" else f" in {word} style"

    @cached_property
    def own(self) -> Request:
        """The request for what the exemplars show."""
        if self.kind == "style":
            return Request("a person walks{}", WALK, WALK_SECONDS)
        return Request("a person {}", None, self._seconds)

    @cached_property
    def others(self) -> tuple[Request, ...]:
        """The requests for what the exemplars do not show."""
        if self.kind == "style":
            return tuple(Request(prompt, content, OTHER_SECONDS) for content, prompt in OTHERS.items())
        return tuple(Request(prompt, style, min(times * self._seconds, LONGEST)) for prompt, style, times in VARIANTS)

    @property
    def _seconds(self) -> float:
        """About the median length of the pool's clips in seconds."""
        median = float(np.median([row["seconds"] for row in self.pool]))
        return round(min(max(median, SHORTEST), LONGEST) * 5) / 5

    @cached_property
    def pool(self) -> list[Row]:
        """The clips that exemplars are drawn from. No judge learns from them."""
        if self.group in ("new", "amount"):
            return _select_rows(pack_rows("newstyle_exemplar"), self.label, [WALK])
        if self.group == "fewshot":
            return fewshot_judge.select_fewshot_rows(walks=True, style=self.label)
        if self.group == "action":
            return action_judge.split_clips(self.label)[0]
        return _select_rows(pack_rows(("val", "test"), source="bandai"), self.label, [WALK])

    def exemplars(self, seed: int) -> list[Row]:
        """The clips of a seed, in the pool's order."""
        rng = np.random.default_rng((seed, zlib.crc32(self.name.encode())))
        selected = [self.pool[i] for i in np.sort(rng.permutation(len(self.pool))[: 1 if self.mixed else self.draw])]
        if not self.mixed:
            return selected
        contents = rng.permutation(list(OTHERS))[: self.draw - 1]
        unseen = [row for row in self.real_others if row["id"] not in list_judge_clips()]
        choices = [_select_rows(unseen, self.label, [content]) for content in contents]
        return selected + [rows[rng.integers(len(rows))] for rows in choices]

    def captions(self, seed: int) -> list[str] | None:
        """What the clips of a seed show, where they show different contents; without them, learning recognizes it."""
        prompts = {WALK: self.own.prompt, **OTHERS}
        return [prompts[row["content"]].format("") for row in self.exemplars(seed)] if self.mixed else None

    def real_own(self, exemplars: Sequence[Row]) -> list[Row]:
        """Real clips of the same content, without the exemplars; the exemplars themselves if there are no others."""
        rows = list(self.pool)
        if self.group in ("new", "amount"):
            rows += _select_rows(pack_rows("newstyle_eval"), self.label, [WALK])
        elif self.group == "action":
            rows += action_judge.split_clips(self.label)[1]
        elif self.group == "control":
            rows += _select_rows(pack_rows("train", source="bandai"), self.label, [WALK])
        learned = {row["id"] for row in exemplars}
        return [row for row in rows if row["id"] not in learned] or list(exemplars)

    @cached_property
    def real_others(self) -> list[Row]:
        """Real clips of the other contents; empty if there are too few to compare with."""
        if self.group in ("new", "amount"):
            return _select_rows(pack_rows("newstyle_eval"), self.label, list(OTHERS))
        if self.group == "control":
            return _select_rows(pack_rows(("val", "test", "compositional"), source="bandai"), self.label, list(OTHERS))
        return []


def _select_rows(rows: Sequence[Row], style: str, contents: Sequence[str]) -> list[Row]:
    return [row for row in rows if row["style"] == style and row["content"] in contents]


@cache
def subjects() -> dict[str, Subject]:
    """All concepts by name."""
    all_of_them = [
        *(Subject(name, "new", name, 5) for name in NEW_STYLES),
        *(Subject(FEWSHOT + name, "fewshot", name, 2) for name in fewshot_judge.STYLES),
        *(Subject(name, "action", name, 5) for name in action_judge.ACTIONS),
        Subject(CONTROL, "control", CONTROL, 5),
        *(
            Subject(f"{name}-{amount}", "amount", name, clips, amount in ("mixed", "ten"))
            for name in NEW_STYLES
            for amount, clips in (("one", 1), ("all", 1000), ("mixed", 5), ("ten", 10))
        ),
    ]
    return {subject.name: subject for subject in all_of_them}


def choose_subjects(names: Sequence[str] | None) -> list[Subject]:
    """Concepts by name or by group; all concepts if `names` is empty."""
    known = subjects()
    if not names:
        return list(known.values())
    if unknown := sorted(set(names) - known.keys() - GROUPS.keys()):
        choice = ", ".join([*GROUPS, *known])
        raise LeadError(f"There is no concept {', '.join(unknown)}: choose among {choice}.")
    return [subject for subject in known.values() if subject.name in names or subject.group in names]


def load_motion(row: Row) -> Motion:
    """A clip of the pack as a motion."""
    return Motion(read_joints(row["id"]), name=row["id"])


@cache
def list_judge_clips() -> frozenset[str]:
    """Ids of the clips that `benchmarks.judges.networks` learns from."""
    rows = (
        pack_rows("train", source="bandai")
        + judge.split_rows("newstyle_eval")[0]
        + judge.split_rows("compositional")[0]
    )
    return frozenset(row["id"] for row in rows)
