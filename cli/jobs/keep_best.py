"""`generate --keep`: of the motions of each prompt only the best are kept.

`Lead.rank` scores them. What a prompt's concepts add is how similar a motion is to the exemplar in the concept's file,
which the base does not know. Knows no files.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cli.console import count_noun
from cli.errors import UsageError

if TYPE_CHECKING:
    from concepts import Concept, ConceptTensors
    from lead import Lead, Motion
    from lead.ranking import Score

Rank = Callable[["Sequence[Motion]", str], "list[Score]"]
"""The scores of the motions of one prompt, the best first."""
COLUMNS = ("score", "shown", "text", "concept", "skate", "jitter")
NOTES = (
    "The best of each prompt first. Shown: whether measures of the joints find what the prompt says; a dash where none "
    "can tell. Text: how surely the motion is of the prompt and not of another sentence. Concept: similarity to the "
    "exemplar. Skate: the share of steps in which a foot on the floor slides. Jitter: m/s³."
)


@dataclass(frozen=True)
class BestOf:
    """How many motions of a prompt are kept, and which."""

    number: int
    """Motions of each prompt, which follow each other."""
    keep: int
    rank: Rank

    @property
    def name(self) -> str:
        """`3 of 16`."""
        return f"{self.keep} of {self.number}"


def check_keep(keep: int | None, number: int) -> None:
    """UsageError where more motions are to be kept than are made."""
    if keep is not None and keep > number:
        raise UsageError(f"--keep {keep}, of {number} for each prompt; keep at most {number}, or make more with -n.")


def make_rank(model: "Lead", concepts: "Sequence[Concept]", words: "Mapping[str, ConceptTensors]") -> Rank:
    """`Lead.rank` with the similarity to the exemplars of the concepts that a prompt names."""
    return lambda motions, prompt: model.rank(
        motions, prompt, words=words, similarities=_compare(motions, prompt, concepts)
    )


def _compare(motions: "Sequence[Motion]", prompt: str, concepts: "Sequence[Concept]") -> list[float] | None:
    """The mean similarity to the exemplars of the concepts in the prompt; None where no file has one."""
    from cli.load_models import preview_motions
    from lead.text.prompts import find_tokens

    strengths = find_tokens(prompt)
    exemplars = preview_motions(concept for concept in concepts if strengths.get(concept.token))
    if not exemplars:
        return None
    from inversion.similarity import compare_with_exemplar
    from lead.eval.evaluator import Evaluator

    evaluator = Evaluator.load()
    columns = [compare_with_exemplar(evaluator, motions, exemplar).tolist() for exemplar in exemplars]
    return [sum(row) / len(row) for row in zip(*columns, strict=True)]


def keep_best(best: BestOf, motions: "Sequence[Motion]", prompts: Sequence[str]) -> "tuple[list[int], list[Score]]":
    """The places of the motions that are kept and their scores: of each prompt the best first."""
    places: list[int] = []
    scores: list[Score] = []
    for start in range(0, len(motions), best.number):
        kept = best.rank(motions[start : start + best.number], prompts[start])[: best.keep]
        places += [start + score.place for score in kept]
        scores += kept
    return places, scores


def list_unshown(prompts: Sequence[str], scores: "Sequence[Score]") -> list[str]:
    """The prompts of which no motion that is kept shows what they say; a prompt and a score for each motion."""
    pairs = list(zip(prompts, scores, strict=True))
    return [
        prompt
        for prompt in dict.fromkeys(prompts)
        if {score.shown for other, score in pairs if other == prompt} == {False}
    ]


def describe_unshown(prompt: str, number: int) -> str:
    """The warning for a prompt that `list_unshown` has, of so many motions each."""
    return f"{prompt!r}: measures of the joints do not find it in the best of {count_noun(number, 'motion')}"


def score_to_json(score: "Score") -> dict[str, Any]:
    """A score with its parts, without the place."""
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(score).items()
        if name != "place"
    }


def score_to_cells(score: "Score") -> list[str]:
    """A score as cells of COLUMNS."""
    shown = "-" if score.shown is None else "yes" if score.shown else "no"
    similarity = "" if score.similarity is None else f"{score.similarity:.2f}"
    figures = f"{score.text:.2f}", similarity, f"{score.skate:.3f}", f"{score.jitter:.0f}"
    return [f"{score.total:.2f}", shown, *figures]
