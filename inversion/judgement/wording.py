"""The sentences of a report. What is not sure is said to be unsure, and nothing is praised for its content alone."""

from collections.abc import Sequence

from concepts.kinds import Kind
from inversion.judgement.plain_base import POOR

GOOD, FAIR = 0.7, 0.4
"""Shares from which something is done well, and in part."""
FEW = 5
"""Clips; the benchmark's styles are learned from five walks of one actor."""
MANY = 4
"""Actions that clips show, from which others are named one by one in the advice."""
GRADES = ("badly", "in part", "well")


def grade_reproduction(share: float, seen: bool | None, clear: bool, differences: int) -> str:
    """How well the clips are reproduced: "well" needs the style or action to be seen clearly.

    Each difference in pace, height or side from the clips lowers the grade by one; where what was learned is not seen,
    the grade is "badly".
    """
    if seen is False:
        return GRADES[0]
    place = 2 if share >= GOOD else 1 if share >= FAIR else 0
    return GRADES[max(0, min(place, 1 + clear) - differences)]


def describe_base(shown: float, missed: Sequence[str]) -> str:
    """The sentence about a base that does not do plain prompts."""
    named = f"; not {', '.join(map(repr, missed[:3]))}" if missed else ""
    return (
        f"The base itself does not do plain prompts: {shown:.0%} of its motions without the word show what their "
        f"prompts say{named}. So what follows says little of the word."
    )


def describe_reproduction(grade: str, share: float, seen: bool | None, kind: Kind, differences: Sequence[str]) -> str:
    """How well the clips are reproduced, and what differs from them."""
    what = "action" if kind == "action" else "style"
    sight = {True: "", False: f"; the clips' {what} is not seen in its motions", None: ""}[seen]
    sight = sight or ("" if seen else f"; whether the clips' {what} is seen is not sure")
    differs = f", with {'; '.join(differences)}" if differences else ""
    return f"It reproduces the clips {grade} ({share:.0%} of the way from plain motions{differs}{sight})."


def describe_sights(kind: Kind, seen: Sequence[str], unseen: Sequence[str], unsure: Sequence[str]) -> str:
    """On which actions the style was seen, or in which ways the action."""
    what = "Action seen" if kind == "action" else "Style seen on"
    joint = ": " if kind != "action" else " in these ways: "
    parts = [f"{what}{joint}{', '.join(seen) or 'none'}"]
    parts += [f"not{' on' if kind != 'action' else ''}: {', '.join(unseen)}"] if unseen else []
    parts += [f"not sure{' on' if kind != 'action' else ''}: {', '.join(unsure)}"] if unsure else []
    return "; ".join(parts) + "."


def describe_content(kind: Kind, kept: Sequence[str], lost: Sequence[str]) -> str:
    """What the prompts ask for beside the word, and whether it is still done."""
    what = "The way is kept" if kind == "action" else "The action itself is kept"
    if not lost:
        return f"{what} on all {len(kept)}."
    return f"{what} on: {', '.join(kept) or 'none'}; lost on: {', '.join(lost)}."


def give_advice(
    *,
    kind: Kind,
    clips: int,
    actions: int,
    reproduces: float,
    travels: float,
    stays: Sequence[str],
    absorbed: Sequence[str],
    plain_shown: float,
) -> list[str]:
    """What would help, the most promising first. Where the base is poor, nothing else would.

    `clips` show `actions`; to those of `stays` the word does not transfer.
    """
    if plain_shown < POOR:
        return [
            "another base: leave --base out, which takes the embedded one, or train this one longer; "
            "`lead eval --prompts --base FILE` says which prompts a base does"
        ]
    advice: list[str] = []
    if clips < FEW and (min(reproduces, travels) < GOOD or absorbed):
        advice.append(f"more clips ({FEW} or more, of several takes)")
    if kind != "action" and travels < GOOD:
        others = f"clips in the same style of: {', '.join(stays[:3])}"
        advice.append(
            others if actions >= MANY else "clips of other actions in the same style (a run, a turn, a gesture)"
        )
    if kind == "action" and travels < GOOD:
        advice.append("clips at different speeds and of different people")
    if reproduces < FAIR:
        advice.append("a longer search (--quality best)")
        advice += [] if kind == "action" else ["--kind action, if it is a thing done rather than a way to do things"]
    if any(name.startswith("turning") for name in absorbed):
        advice.append("clips that go straight")
    if any(name.startswith("one side") for name in absorbed):
        advice.append("clips of the other side, unless the side is meant")
    return advice
