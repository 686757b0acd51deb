"""Whether `evaluate` ranks the right word above wrong ones, on held-out clips.

Words are those that the benchmark of reports learned from five walks, the few-shot styles' and the actions'. Held-out
clips are of the same styles, in walks and in other contents, and of the same actions; none was learned from. For each
set of clips every word is scored as `evaluate` scores it; a pair is the right word and a wrong one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks import action_judge, fewshot_judge
from benchmarks.pack import Row
from benchmarks.report_concepts import NEW, TRAINED, Lesson, list_lessons, unseen_rows
from benchmarks.report_trials import TrialFolder, load_clips
from concepts import Concept
from inversion.encoded_clips import encode_clips
from inversion.evaluate import Verdict, generate_matched, give_verdict, score_motions
from inversion.judgement.style import SEEN, UNSEEN, Sight
from inversion.similarity import embed
from lead import Motion
from lead.eval.evaluator import Evaluator

HELD_OUT = 6
"""Clips of a set at most."""
CONTENTS = {"walk": "walks forward", "run": "runs forward", "raise-up-both-hands": "raises both hands"}


@dataclass(frozen=True)
class WordSet:
    """Held-out clips, and the score of each word on them."""

    name: str
    right: str
    scores: dict[str, float]

    @property
    def pairs(self) -> list[bool]:
        """Whether the right word is above each wrong one."""
        return [self.scores[self.right] > score for word, score in self.scores.items() if word != self.right]

    def verdict(self, word: str) -> Verdict:
        """What `evaluate` would say of a word, with all others in the library."""
        score = self.scores[word]
        return give_verdict(Sight(score), {name: value for name, value in self.scores.items() if name != word}, "")


def choose_words(folder: TrialFolder) -> dict[str, Lesson]:
    """Finished lessons by the style or action that they teach."""
    wanted = {f"{style}-walk-5-0": style for style in (*NEW, *TRAINED)}
    wanted |= {f"fewshot-{style}": f"fewshot {style}" for style in fewshot_judge.STYLES}
    wanted |= {f"{action}-0": action for action in action_judge.ACTIONS}
    return {wanted[one.name]: one for one in list_lessons() if one.name in wanted and folder.is_done(one)}


def list_sets(words: dict[str, Lesson]) -> Iterator[tuple[str, str, str, list[Row]]]:
    """Name, right word, action and clips of each set."""
    for word, lesson in words.items():
        if lesson.kind == "action":
            rows = action_judge.split_clips(word)[0]
            yield word, word, "", _without(rows, lesson)
        elif lesson.group == "style":
            for content, action in CONTENTS.items():
                rows = _without(unseen_rows(lesson.label, content), lesson)
                if len(rows) >= 2:
                    yield f"{word}, {content}", word, action, rows
        else:
            rows = fewshot_judge.select_fewshot_rows(walks=False, style=lesson.label)
            yield f"{word}, runs", word, "runs forward", [row for row in rows if row["content"] in ("run", "dash")]


def _without(rows: Sequence[Row], lesson: Lesson) -> list[Row]:
    return [row for row in rows if row["id"] not in lesson.clips][:HELD_OUT]


def rank_words(folder: TrialFolder) -> list[WordSet]:
    """Every set with the scores of all words of its kind."""
    words, evaluator = choose_words(folder), Evaluator.load()

    @cache
    def generate(word: str, action: str) -> tuple[list[Motion], list[Motion]]:
        concept = Concept.load(folder.concept_path(words[word]))
        return generate_matched(folder.base, concept, action)

    result = []
    for name, right, action, rows in list_sets(words):
        encoded = encode_clips(folder.base, load_clips([row["id"] for row in rows]))
        clips = embed(evaluator, encoded.features)
        kind = words[right].kind
        shown = action or max(dict.fromkeys(encoded.actions), key=encoded.actions.count)
        scores = {
            word: score_motions(evaluator, kind, *generate(word, shown), clips)
            for word, lesson in words.items()
            if lesson.kind == kind
        }
        result.append(WordSet(name, right, scores))
    return result


def describe_ranks(sets: Sequence[WordSet]) -> list[str]:
    """How often the right word is above wrong ones, and what is said of right and of wrong words."""
    pairs = [pair for one in sets for pair in one.pairs]
    first = [all(one.pairs) for one in sets]
    right = [one.verdict(one.right).fit for one in sets]
    wrong = [one.verdict(word).fit for one in sets for word in one.scores if word != one.right]
    alone = [one.scores[word] for one in sets for word in one.scores if word != one.right]
    return [
        f"the right word is above {sum(pairs)} of {len(pairs)} wrong ones ({sum(pairs) / len(pairs):.3f}), "
        f"and first in {sum(first)} of {len(first)} sets",
        f"right words: {_count(right)}",
        f"wrong words: {_count(wrong)}",
        f"wrong words alone: not seen {sum(x <= UNSEEN for x in alone)}, seen {sum(x >= SEEN for x in alone)}, "
        f"of {len(alone)}",
    ]


def _count(fits: Sequence[str]) -> str:
    return ", ".join(f"{fit} {fits.count(fit)}" for fit in dict.fromkeys(fits))
