"""The judge of the four few-shot styles: it says which of them a clip shows, or none, and whether the person walks.

    python -m benchmarks.judges.fewshot      # its accuracy on real clips

It learns from the nine clips of each style that are not walks, and from the train split's Bandai clips. The styles of
the train split are classes too; the judge reports all of them as "none". They show what content alone does to a clip.
No concept is learned from these clips. Concepts are learned from the two walks of each style, and these walks measure
the judge. One person acted each style, in single takes. So style and actor cannot be separated, and a style's walk may
look unlike its other clips. `benchmarks.judges.networks` judges contents other than walking, because it knows them
better; of these walks it takes some for turns or waves. This module knows nothing of models.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from rich.console import Console
from rich.table import Table

from benchmarks.judges.discriminant import (
    NONE,
    Discriminant,
    compute_statistics,
    fit_discriminant,
    make_copies,
    mirror_name,
)
from benchmarks.judges.networks import clip_features
from benchmarks.pack import Row, pack_rows
from lead.errors import LeadError

STYLES = ("angry", "old", "proud", "tired")
WALK = "walk"
TRAINED = "trained "  # prefix of the train split's styles; some of their names are also few-shot styles
TRAINED_WEIGHT = 5.0  # weight of a trained style in the covariance: it has many clips and all contents
FEWSHOT_COPIES, TRAIN_COPIES, TRAIN_CLIPS = 30, 3, 500


@dataclass(frozen=True, eq=False)
class FewshotJudge:
    """Two discriminants, and their data: statistics of augmented copies, and the index of each copy's clip."""

    rows: list[Row]
    copied: Float[np.ndarray, "copies n"]
    styles: np.ndarray
    contents: np.ndarray
    owners: np.ndarray

    @cached_property
    def style(self) -> Discriminant:
        """Fitted to everything."""
        return self._fit_style(np.ones(len(self.styles), dtype=bool))

    @cached_property
    def content(self) -> Discriminant:
        """Fitted to everything."""
        return fit_discriminant(self.copied, self.contents)

    def classify(self, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> np.ndarray:
        """The style's name for each clip's features."""
        return _classify(self.style, clips)

    def find_walks(self, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> Bool[np.ndarray, " clips"]:
        """Whether each clip is a walk straight ahead."""
        return self.content.classify(compute_statistics(clips, extremes=False)) == WALK

    def classify_without(self, content: str, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> np.ndarray:
        """Styles by a judge that did not learn from few-shot clips of this content."""
        out = np.array([row["split"] == "fewshot_style" and row["content"] == content for row in self.rows])
        return _classify(self._fit_style(~out[self.owners]), clips)

    def _fit_style(self, keep: np.ndarray) -> Discriminant:
        weight = {name: TRAINED_WEIGHT for name in self.styles if name.startswith(TRAINED)}
        return fit_discriminant(self.copied[keep], self.styles[keep], weight)


def _classify(style: Discriminant, clips: Sequence[Float[np.ndarray, "frames feats"]]) -> np.ndarray:
    names = style.classify(compute_statistics(clips, extremes=False))
    return np.where(np.isin(names, STYLES), names, NONE)


def train_fewshot_judge(seed: int = 0) -> FewshotJudge:
    """Fits the judge (seconds)."""
    rng = np.random.default_rng(seed)
    fewshot = select_fewshot_rows(walks=False)
    train = pack_rows("train", source="bandai")
    single = [
        row for row in train if row["id"].startswith("dataset-1")
    ]  # contents of the few-shot styles, without a style
    selected = [train[i] for i in rng.permutation(len(train))[:TRAIN_CLIPS]] + single
    names = [f"{row['style']}/{row['content']}" for row in fewshot]
    names += [f"{TRAINED}{row['style']}/{row['content']}" for row in selected]
    count = [FEWSHOT_COPIES] * len(fewshot) + [TRAIN_COPIES] * len(selected)
    copied, labels, owners = make_copies(clip_features(fewshot + selected), names, count, rng, _mirror_label)
    styles, contents = np.array([label.split("/") for label in labels]).T
    return FewshotJudge(fewshot + selected, compute_statistics(copied, extremes=False), styles, contents, owners)


def _mirror_label(label: str) -> str:
    style, content = label.split("/")
    return f"{style}/{mirror_name(content)}"


def select_fewshot_rows(walks: bool, style: str | None = None) -> list[Row]:
    """The few-shot clips that are walks, or those that are not; of all styles or of one."""
    rows = [row for row in pack_rows("fewshot_style") if (row["content"] == WALK) == walks]
    return rows if style is None else [row for row in rows if row["style"] == style]


def measure_without_content(judge: FewshotJudge, style: str | None = None) -> float:
    """The share of clips, walks excepted, whose style is recognized by a judge without their content."""
    rows = select_fewshot_rows(walks=False, style=style)
    right: list[bool] = []
    for content in sorted({row["content"] for row in rows}):
        part = [row for row in rows if row["content"] == content]
        right += list(judge.classify_without(content, clip_features(part)) == [row["style"] for row in part])
    return float(np.mean(right))


def real_accuracy(judge: FewshotJudge) -> dict[str, dict[str, float]]:
    """The share of correct answers on real clips: unseen walks, each content left out in turn, and test ("none")."""
    walks, test = select_fewshot_rows(walks=True), pack_rows("test", source="bandai")
    on_walks = judge.classify(clip_features(walks)) == [row["style"] for row in walks]
    on_test = judge.classify(clip_features(test)) == NONE
    walking = judge.find_walks(clip_features(walks))
    walking_test = judge.find_walks(clip_features(test)) == [row["content"] == WALK for row in test]
    others = len(select_fewshot_rows(walks=False))
    return {
        "few-shot walks": {"clips": len(walks), "style": float(on_walks.mean()), "walk": float(walking.mean())},
        "few-shot others, each content left out": {"clips": others, "style": measure_without_content(judge)},
        "test (none)": {"clips": len(test), "style": float(on_test.mean()), "walk": float(walking_test.mean())},
    }


def accuracy_table(figures: dict[str, dict[str, float]], title: str) -> Table:
    """A table of the share of correct answers on real clips."""
    columns = [key for key in ("style", "walk", "action") if any(key in row for row in figures.values())]
    table = Table("real clips", "clips", *columns, title=title)
    for name, row in figures.items():
        table.add_row(name, str(row["clips"]), *(f"{row[key]:.3f}" if key in row else "-" for key in columns))
    return table


def main() -> int:
    """Prints the judge's accuracy."""
    try:
        Console().print(accuracy_table(real_accuracy(train_fewshot_judge()), "Few-shot judge"))
    except LeadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
