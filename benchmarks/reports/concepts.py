"""The concepts of the benchmark of reports: good, poor, of the wrong kind, and mislabeled.

A `Lesson` is what is learned: clips, captions and a kind. Each lesson gives one to three concepts, because a concept is
made poor after learning as well: `weak` has a third of the direction and of the adapter, `token` has neither. Clips are
those that no judge learns from. This module knows nothing of models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.inversion.concepts import list_judge_clips
from benchmarks.judges import actions as action_judge
from benchmarks.judges import fewshot as fewshot_judge
from benchmarks.judges.networks import STYLES
from benchmarks.pack import Row, pack_rows

Group = Literal["style", "fewshot", "action", "wrong kind", "mislabeled"]
Variant = Literal["full", "weak", "token"]
VARIANTS: tuple[Variant, ...] = ("full", "weak", "token")
NEW = ("elderly", "exhausted")
TRAINED = ("active", "feminine", "masculine", "youthful")
WALK = "walk"
CONTENTS = ("run", "raise-up-both-hands", "wave-right-hand", "walk-turn-left")
DONE = {
    "squat": ("hdm05", "squat1Reps", "squats"),
    "hop": ("hdm05", "hopBothLegs1hops", "hops"),
    "kick": ("hdm05", "kickLFront1Reps", "kicks"),
    "grab": ("hdm05", "grabHighR", "reaches up high"),
    "put-down": ("hdm05", "depositFloorR", "puts something down on the floor"),
    "lunge": ("uiprmd", "side lunge", "lunges to the side"),
    "sit": ("uiprmd", "sit to stand", "sits down and stands up again"),
    "leg": ("uiprmd", "standing active straight leg raise", "lifts one leg"),
}
"""Things that a person does, not ways to do things: source, content in the pack, and a true caption's verb phrase."""
WRONG_CAPTIONS = ("a person runs forward", "a person waves with both hands", "a person squats")


@dataclass(frozen=True)
class Lesson:
    """What is learned."""

    name: str
    group: Group
    kind: Literal["style", "action"]
    label: str
    """The judge's class of what the clips show; of the wrong kind, what is done; of mixed clips, the commonest."""
    clips: tuple[str, ...]
    captions: tuple[str, ...] | None = None
    variants: tuple[Variant, ...] = VARIANTS
    steps: int | None = None
    quality: Literal["fast", "balanced"] = "fast"
    fold: str = ""
    """Lessons of one fold stand on one side when limits are fitted and checked."""


def list_lessons() -> list[Lesson]:
    """All lessons, in an order that takes from every group in turn."""
    groups = [
        list(part)
        for part in (
            _styles(), _contents(), _fewshot(), _actions(), _wrong_kind(), _wrong_captions(), _mixed(),
            _styles_as_actions(), _short_searches(),
        )
    ]  # fmt: skip
    order = [
        (place / len(part), number, lesson) for number, part in enumerate(groups) for place, lesson in enumerate(part)
    ]
    return [lesson for _, _, lesson in sorted(order, key=lambda one: one[:2])]


def unseen_rows(style: str, content: str) -> list[Row]:
    """Clips of a style and a content that no judge learns from."""
    splits = ("newstyle_exemplar", "newstyle_eval") if style in NEW else ("val", "test", "compositional")
    rows = [row for row in pack_rows(splits, source="bandai") if row["style"] == style and row["content"] == content]
    return [row for row in rows if row["id"] not in list_judge_clips()]


def _draw(rows: Sequence[Row], count: int, seed: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    places = np.sort(rng.permutation(len(rows))[:count])
    return tuple(rows[place]["id"] for place in places)


def _styles() -> Iterator[Lesson]:
    """Styles from walks: five, two and one."""
    for seed, count in enumerate((5, 2, 1, 5, 3)):
        for style in (*NEW, *TRAINED):
            if seed < 4 or style in NEW:
                clips = _draw(unseen_rows(style, WALK), count, seed)
                yield Lesson(f"{style}-walk-{count}-{seed}", "style", "style", style, clips, fold=style)


def _contents() -> Iterator[Lesson]:
    """Styles from runs and gestures."""
    for content in CONTENTS:
        for style in (*NEW, *TRAINED):
            rows = unseen_rows(style, content)
            if len(rows) >= 3:
                yield Lesson(f"{style}-{content}", "style", "style", style, _draw(rows, 4, 1), fold=style)


def _fewshot() -> Iterator[Lesson]:
    for style in fewshot_judge.STYLES:
        walks = [row["id"] for row in fewshot_judge.select_fewshot_rows(walks=True, style=style)]
        yield Lesson(f"fewshot-{style}", "fewshot", "style", style, tuple(walks), fold=f"fewshot-{style}")
    for style in fewshot_judge.STYLES:
        walks = [row["id"] for row in fewshot_judge.select_fewshot_rows(walks=True, style=style)]
        yield Lesson(
            f"fewshot-{style}-one", "fewshot", "style", style, tuple(walks[:1]), variants=("full",),
            fold=f"fewshot-{style}",
        )  # fmt: skip


def _actions() -> Iterator[Lesson]:
    for seed in range(2):
        for action in action_judge.ACTIONS:
            clips = _draw(action_judge.split_clips(action)[0], 5, seed)
            yield Lesson(f"{action}-{seed}", "action", "action", action, clips, fold=action)


def _wrong_kind() -> Iterator[Lesson]:
    """Actions that are learned as styles: recognized, and with true captions."""
    for name, (source, content, phrase) in DONE.items():
        rows = [row for row in pack_rows(("val", "test"), source=source) if row["content"] == content]
        rows = [row for row in rows if row["style"] != "incorrect"]
        clips = _draw(rows, 4, 0)
        yield Lesson(f"{name}-as-style", "wrong kind", "style", name, clips, variants=("full",), fold=name)
        captions = (f"a person {phrase}",) * len(clips)
        yield Lesson(f"{name}-as-style-captioned", "wrong kind", "style", name, clips, captions, ("full",), fold=name)
    for action in action_judge.ACTIONS:
        clips = _draw(action_judge.split_clips(action)[0], 4, 2)
        yield Lesson(f"{action}-as-style", "wrong kind", "style", action, clips, variants=("full",), fold=action)


def _styles_as_actions() -> Iterator[Lesson]:
    for style in (*NEW, *TRAINED):
        clips = _draw(unseen_rows(style, WALK), 4, 3)
        yield Lesson(f"{style}-as-action", "wrong kind", "action", style, clips, variants=("full",), fold=style)


def _wrong_captions() -> Iterator[Lesson]:
    """Walks with captions of another action."""
    for number, style in enumerate((*NEW, *TRAINED)):
        clips = _draw(unseen_rows(style, WALK), 4, 4)
        captions = (WRONG_CAPTIONS[number % len(WRONG_CAPTIONS)],) * len(clips)
        yield Lesson(f"{style}-miscaptioned", "mislabeled", "style", style, clips, captions, ("full",), fold=style)


def _mixed() -> Iterator[Lesson]:
    """Clips of three styles: three of the first, one of each other."""
    every = (*NEW, *TRAINED)
    for number, style in enumerate(every):
        others = (every[(number + 1) % len(every)], every[(number + 3) % len(every)])
        clips = [*_draw(unseen_rows(style, WALK), 3, 5)]
        clips += [clip for other in others for clip in _draw(unseen_rows(other, WALK), 1, 5)]
        yield Lesson(f"{style}-mixed", "mislabeled", "style", style, tuple(clips), variants=("full",), fold=style)


def _short_searches() -> Iterator[Lesson]:
    """Three steps."""
    for style in (*NEW, *TRAINED):
        clips = _draw(unseen_rows(style, WALK), 5, 6)
        yield Lesson(f"{style}-3-steps", "style", "style", style, clips, steps=3, variants=("full",), fold=style)


def check_labels(lessons: Sequence[Lesson]) -> None:
    """Every label of a style must be a class of the judges."""
    for lesson in lessons:
        known = fewshot_judge.STYLES if lesson.group == "fewshot" else (*STYLES, *action_judge.ACTIONS, *DONE)
        assert lesson.label in known, lesson
