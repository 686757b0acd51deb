"""The judge of the four new actions: which of them, or none, a person in a clip does.

    python -m benchmarks.action_judge       # its accuracy on real clips

Each action's clips are parted by person (the dancer is one person: by choreography), so that no near-copies stand on
both sides: words are learned from the `pool`, the judge learns from the rest and from the train split, whose contents
are classes of their own and all of them "none" to whoever asks. So is what is nearest to an action but farther from it
than any real clip: a discriminant alone would call many a broken motion by some name. Knows nothing of models.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from rich.console import Console

from benchmarks.discriminant import NONE, Discriminant, compute_statistics, fit_discriminant, make_copies, mirror_name
from benchmarks.fewshot_judge import accuracy_table
from benchmarks.judge import clip_features
from benchmarks.pack import Row, pack_rows, without_near_copies
from lead.errors import LeadError

ACTIONS = {"ballet": "dance - ", "sneak": "sneak", "elbow-to-knee": "elbowToKnee", "hurdle-step": "hurdle step"}
"""How each action's contents begin in the pack."""
POOL_ACTORS = ("bd", "dg", "tr")  # of HDM05's five
POOL_PEOPLE = ("s01", "s02", "s03", "s04", "s05")  # of UI-PRMD's ten
POOL_DANCES = ("02", "03", "04", "09", "10", "11", "12", "13", "16", "17")
"""Takes of CMU's dancer; those with one description are on one side."""
CMU_KINDS = ("walk", "run", "jump", "climb", "sit")  # the classes of its free descriptions; what is left is one more
SHORTEST = 20  # frames of a clip that words are learned from
COPIES_WITHIN = 0.99  # of an action's augmented make_copies, some of which are odd
ACTION_COPIES, TRAIN_COPIES, TRAIN_CLIPS = 300, 2, 900


def find_action(row: Row) -> str:
    """Which of ACTIONS a clip of split newaction shows."""
    return next(name for name, start in ACTIONS.items() if row["content"].startswith(start))


def split_clips(action: str) -> tuple[list[Row], list[Row]]:
    """An action's clips that words are learned from, and those that the judge learns from."""
    rows = [row for row in pack_rows("newaction") if find_action(row) == action]
    pool = [row for row in rows if _person(row) in (*POOL_ACTORS, *POOL_PEOPLE, *POOL_DANCES)]
    rest = [row for row in rows if row not in pool]
    return [row for row in pool if row["style"] != "incorrect" and row["frames"] >= SHORTEST], rest


def _person(row: Row) -> str:
    parts = row["id"].split("_")
    return parts[{"hdm05": 1, "uiprmd": 3, "cmu": 2}[row["source"]]]


def label_other(row: Row) -> str:
    """The class of a clip of the train split: its content, in words of a known few where they are free."""
    if row["source"] != "cmu":
        return row["content"]
    return "cmu " + next((kind for kind in CMU_KINDS if kind in row["content"]), "other")


@dataclass(frozen=True, eq=False)
class ActionJudge:
    """A discriminant, and how far from it each action's real clips are."""

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
    """Shares right on real clips that the judge never saw: the pools, and the test split, which is "none"."""
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
