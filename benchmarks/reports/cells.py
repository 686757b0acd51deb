"""The cells of the benchmark of reports: a concept and a prompt, what judges see, and what is measured without them.

A style is seen where the networks (`benchmarks.judges.networks`) and the linear judge each see it in half of the
motions or more, and not seen where neither does; where they disagree the cell is left out and counted. Of the few-shot
styles there is one judge, which recognizes .74 of real clips, so their cells are a group of their own. Of an action
learned as an action `benchmarks.judges.actions` decides. An action that is learned as a style has no style to see.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inversion.figures import Judges
from benchmarks.judges.networks import CONTENTS, STYLES
from benchmarks.reports.concepts import Lesson, list_lessons
from benchmarks.reports.trials import Trial, TrialFolder
from inversion.judgement.style import Sample, measure_action, measure_style
from inversion.judgement.style_space import load_style_space
from inversion.judgement.trials import UNSEEN, Pairs
from inversion.similarity import Embeddings, embed
from lead import Motion
from lead.eval.evaluator import Evaluator

HALF = 0.5
EXPECTED = dict(
    zip(UNSEEN.values(), ("run", "raise-up-both-hands", "wave-right-hand", "walk-turn-left", "walk"), strict=False)
)
"""The judge's content of each unseen action that the judges know."""


@dataclass(frozen=True)
class Cell:
    """One concept on one prompt; the training action's name is empty."""

    concept: str
    group: str
    kind: str
    fold: str
    name: str
    judges: tuple[float, ...]
    """The share of motions in which each judge sees what was learned."""
    content: float | None
    """The share of motions in which the networks see the content."""
    measures: tuple[float, ...]

    @property
    def seen(self) -> bool | None:
        """None where the judges disagree."""
        votes = {share >= HALF for share in self.judges}
        return votes.pop() if len(votes) == 1 else None


class CellMaker:
    """Judges and measures trials."""

    def __init__(self) -> None:
        self.judges, self.evaluator, self.space = Judges(), Evaluator.load(), load_style_space()

    def make(self, trial: Trial) -> Iterator[Cell]:
        """The cells of a concept: the training action, then each unseen action or way."""
        clips = embed(self.evaluator, trial.encoded.features)
        every = [trial.trials.own, *trial.trials.unseen]
        samples = [Sample(self._embed(pairs.concept), self._embed(pairs.plain)) for pairs in every]
        places = self.space.embed(clips)
        plain = np.stack([self.space.embed(sample.plain).mean(axis=0) for sample in samples])
        for pairs, sample in zip(every, samples, strict=True):
            measures = (
                measure_action(sample, clips)
                if trial.lesson.kind == "action"
                else measure_style(self.space, sample, plain, places)
            )
            yield Cell(
                trial.name, trial.lesson.group, trial.lesson.kind, trial.lesson.fold, pairs.prompt.name,
                self._judge(trial.lesson, pairs.concept), self._content(pairs), measures,
            )  # fmt: skip

    def _embed(self, motions: Sequence[Motion]) -> Embeddings:
        return embed(self.evaluator, [motion.features() for motion in motions])

    def _judge(self, lesson: Lesson, motions: Sequence[Motion]) -> tuple[float, ...]:
        clips = [motion.features() for motion in motions]
        if lesson.group == "fewshot":
            return (float((self.judges.fewshot.classify(clips) == lesson.label).mean()),)
        if lesson.label in STYLES:
            return (
                self.judges.networks.judge(clips).style_rate(lesson.label),
                float((self.judges.linear.classify(clips) == lesson.label).mean()),
            )
        if lesson.kind == "action":
            return (float((self.judges.action.classify(clips) == lesson.label).mean()),)
        return (0.0,)

    def _content(self, pairs: Pairs) -> float | None:
        wanted = EXPECTED.get(pairs.prompt.name)
        if wanted not in CONTENTS:
            return None
        return self.judges.networks.judge_motions(pairs.concept).content_rate(wanted)


def read_cells(folder: TrialFolder, file: Path) -> list[Cell]:
    """The cells of all finished concepts; those that were judged before are read from the file."""
    known: dict[str, list[dict[str, Any]]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    maker: CellMaker | None = None
    for lesson in list_lessons():
        if not folder.is_done(lesson):
            continue
        keys = [f"{lesson.name}.{variant} {folder.digest[:12]}" for variant in lesson.variants]
        if all(key in known for key in keys):
            continue
        maker = maker or CellMaker()
        for key, trial in zip(keys, folder.read(lesson), strict=True):
            known[key] = [asdict(cell) for cell in maker.make(trial)]
        file.write_text(json.dumps(known), encoding="utf-8")
    current = [rows for key, rows in known.items() if key.endswith(folder.digest[:12])]
    return [
        Cell(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
        for rows in current
        for row in rows
    ]
