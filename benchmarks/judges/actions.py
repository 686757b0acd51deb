"""The judge of the four new actions: it says which of them a clip shows, or none.

    python -m benchmarks.judges.actions       # its accuracy on real clips

Each action's clips are split by person, so that no near-copies stand on both sides. (There is one dancer: ballet is
split by choreography.) Concepts are learned from the `pool`. The judge learns from the rest and from the train split.
The contents of the train split are classes of their own; the judge reports all of them as "none". It also reports
"none" for a clip that is farther from its nearest action than any real clip of that action. A discriminant alone would
give many broken motions the name of an action. This module knows nothing of models.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from rich.console import Console

from benchmarks.judges.discriminant import (
    NONE,
    Discriminant,
    compute_statistics,
    fit_discriminant,
    make_copies,
    mirror_name,
)
from benchmarks.judges.fewshot import accuracy_table
from benchmarks.judges.networks import clip_features
from benchmarks.pack import Row, pack_rows, without_near_copies
from lead.errors import LeadError

ACTIONS = {"ballet": "dance - ", "sneak": "sneak", "elbow-to-knee": "elbowToKnee", "hurdle-step": "hurdle step"}
"""The start of each action's content names in the pack."""
POOL_ACTORS = ("bd", "dg", "tr")  # of HDM05's five
POOL_PEOPLE = ("s01", "s02", "s03", "s04", "s05")  # of UI-PRMD's ten
POOL_DANCES = ("02", "03", "04", "09", "10", "11", "12", "13", "16", "17")
"""Takes of CMU's dancer. Takes with the same description are on the same side."""
CMU_KINDS = ("walk", "run", "jump", "climb", "sit")  # classes of CMU's free descriptions; the rest is one more class
SHORTEST = 20  # frames of a clip that concepts are learned from
COPIES_WITHIN = 0.99  # share of an action's augmented copies within its limit; some are odd
ACTION_COPIES, TRAIN_COPIES, TRAIN_CLIPS = 300, 2, 900


def find_action(row: Row) -> str:
    """Which of ACTIONS a clip of split newaction shows."""
    return next(name for name, start in ACTIONS.items() if row["content"].startswith(start))


def split_clips(action: str) -> tuple[list[Row], list[Row]]:
    """An action's clips: those that concepts are learned from, and those that the judge learns from."""
    rows = [row for row in pack_rows("newaction") if find_action(row) == action]
    pool = [row for row in rows if _person(row) in (*POOL_ACTORS, *POOL_PEOPLE, *POOL_DANCES)]
    rest = [row for row in rows if row not in pool]
    return [row for row in pool if row["style"] != "incorrect" and row["frames"] >= SHORTEST], rest


def _person(row: Row) -> str:
    parts = row["id"].split("_")
    return parts[{"hdm05": 1, "uiprmd": 3, "cmu": 2}[row["source"]]]


def label_other(row: Row) -> str:
    """The class of a clip of the train split: its content. CMU's free descriptions become one of a few classes."""
    if row["source"] != "cmu":
        return row["content"]
    return "cmu " + next((kind for kind in CMU_KINDS if kind in row["content"]), "other")


@dataclass(frozen=True, eq=False)
class ActionJudge:
    """A discriminant, and the largest distance of each action's real clips."""

    action: Discriminant
    max_distance: Mapping[str, float]

    def classify(self, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> np.ndarray:
        """The action's name for each clip's features."""
        rows = compute_statistics(clips, extremes=True)
        nearest, names = self.action.classify(rows), np.full(len(rows), NONE, dtype=object)
        for action, limit in self.max_distance.items():
            names[(nearest == action) & (self.action.distance(rows, action) <= limit)] = action
        return names


def train_action_judge(seed: int = 0) -> ActionJudge:
    """Fits the judge (seconds)."""
    rng = np.random.default_rng(seed)
    rest = {action: split_clips(action)[1] for action in ACTIONS}
    train = without_near_copies(pack_rows("train"))
    selected = [train[i] for i in rng.permutation(len(train))[:TRAIN_CLIPS]]
    clips = clip_features([row for rows in rest.values() for row in rows] + selected)
    marks = [action for action, rows in rest.items() for _ in rows] + [label_other(row) for row in selected]
    count = [max(1, ACTION_COPIES // len(rows)) for rows in rest.values() for _ in rows]
    count += [TRAIN_COPIES] * len(selected)
    copied, labels, _ = make_copies(clips, marks, count, rng, mirror_name)
    rows = compute_statistics(copied, extremes=True)
    judge = fit_discriminant(rows, labels)
    max_distance = {}
    for action in ACTIONS:
        recorded = judge.distance(compute_statistics(clip_features(split_clips(action)[0]), extremes=True), action)
        of_copies = judge.distance(rows[labels == action], action)
        max_distance[action] = max(float(recorded.max()), float(np.quantile(of_copies, COPIES_WITHIN)))
    return ActionJudge(judge, max_distance)


def real_accuracy(judge: ActionJudge) -> dict[str, dict[str, float]]:
    """The share of correct answers on unseen real clips: the pools, and the test split, which is "none"."""
    sets = {action: (split_clips(action)[0], action) for action in ACTIONS}
    sets["test (none)"] = (pack_rows("test"), NONE)
    result = {}
    for name, (rows, expected) in sets.items():
        right = judge.classify(clip_features(rows)) == expected
        result[name] = {"clips": len(rows), "action": float(right.mean())}
    return result


def main() -> int:
    """Prints the judge's accuracy."""
    try:
        Console().print(accuracy_table(real_accuracy(train_action_judge()), "Action judge"))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
