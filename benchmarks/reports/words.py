"""Whether `evaluate` ranks the right word above wrong ones, on held-out clips.

Words are those that the benchmark of reports learned: styles from walks, runs and raised hands, the few-shot styles and
the actions. Held-out clips are of the same styles and actions, and none of them was learned from. A set is of the *same
motion* as its right word was learned from, as `evaluate` asks for, or of another: there the word has to transfer before
it can be recognized. For each set every word of its kind is scored as `evaluate` scores it; a pair is the right word
and a wrong one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.judges import actions as action_judge
from benchmarks.judges import fewshot as fewshot_judge
from benchmarks.pack import Row
from benchmarks.reports.concepts import NEW, TRAINED, Lesson, list_lessons, unseen_rows
from benchmarks.reports.trials import TrialFolder, load_clips
from concepts import Concept
from inversion.encoded_clips import encode_clips
from inversion.evaluate import Verdict, generate_matched, give_verdict, score_motions
from inversion.judgement.style import SEEN, UNSEEN, Sight
from inversion.similarity import embed
from lead import Motion
from lead.eval.evaluator import Evaluator

HELD_OUT = 6
"""Clips of a set at most."""
RUNS = ("run", "dash")
CONTENTS = {"walk": "walks forward", "run": "runs forward", "raise-up-both-hands": "raises both hands"}


@dataclass(frozen=True)
class WordSet:
    """Held-out clips, and the score of each word on them."""

    name: str
    right: str
    same: bool
    """Whether the clips show the motion that the right word was learned from."""
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
    """Finished lessons by name: of the styles those from one content each, and one of each action."""
    names = [f"{style}-walk-2-1" for style in (*NEW, *TRAINED)]
    names += [f"{style}-{content}" for style in (*NEW, *TRAINED) for content in CONTENTS if content != "walk"]
    names += [f"fewshot-{style}" for style in fewshot_judge.STYLES] + [f"{action}-0" for action in action_judge.ACTIONS]
    return {one.name: one for one in list_lessons() if one.name in names and folder.is_done(one)}


def list_sets(words: dict[str, Lesson]) -> Iterator[tuple[str, str, bool, str, list[Row]]]:
    """Name, right word, whether the motion is the same, action and clips of each set."""
    for word, lesson in words.items():
        if lesson.kind == "action":
            yield word, word, True, "", _without(action_judge.split_clips(lesson.label)[0], lesson)
        elif lesson.group == "fewshot":
            rows = fewshot_judge.select_fewshot_rows(walks=False, style=lesson.label)
            yield f"{word} on run", word, False, "runs forward", [row for row in rows if row["content"] in RUNS]
        else:
            for content, action in CONTENTS.items():
                rows = _without(unseen_rows(lesson.label, content), lesson)
                own = content == content_of(lesson)
                if len(rows) >= 2 and (own or content_of(lesson) == "walk"):
                    yield f"{word} on {content}", word, own, action, rows


def content_of(lesson: Lesson) -> str:
    """What the clips of a style's lesson show."""
    return next((content for content in CONTENTS if content != "walk" and lesson.name.endswith(content)), "walk")


def list_rivals(words: dict[str, Lesson], right: str) -> list[str]:
    """The words that a right word is compared with: of its kind, learned from the same motion, of other styles."""
    mine = words[right]
    return [
        name
        for name, one in words.items()
        if one.kind == mine.kind and one.fold != mine.fold
        and (mine.kind == "action" or content_of(one) == content_of(mine))
    ]  # fmt: skip


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
    for name, right, same, action, rows in list_sets(words):
        encoded = encode_clips(folder.base, load_clips([row["id"] for row in rows]))
        clips = embed(evaluator, encoded.features)
        kind = words[right].kind
        shown = action or max(dict.fromkeys(encoded.actions), key=encoded.actions.count)
        compared = [right, *list_rivals(words, right)]
        scores = {word: score_motions(evaluator, kind, *generate(word, shown), clips) for word in compared}
        result.append(WordSet(name, right, same, scores))
    return result


def describe_ranks(sets: Sequence[WordSet]) -> list[str]:
    """How often the right word is above wrong ones, and what is said of right and of wrong words."""
    lines = []
    for title, part in (
        ("same motion", [one for one in sets if one.same]),
        ("another motion", [one for one in sets if not one.same]),
        ("all", list(sets)),
    ):
        pairs = [pair for one in part for pair in one.pairs]
        first = sum(all(one.pairs) for one in part)
        right = [one.verdict(one.right).fit for one in part]
        wrong = [one.verdict(word).fit for one in part for word in one.scores if word != one.right]
        alone = [one.scores[word] for one in part for word in one.scores if word != one.right]
        lines += [
            f"{title}: the right word is above {sum(pairs)} of {len(pairs)} wrong ones "
            f"({sum(pairs) / max(len(pairs), 1):.3f}), and first in {first} of {len(part)} sets",
            f"  said of right words: {_count(right)}; of wrong words: {_count(wrong)}; of wrong words with no other in "
            f"the library: not this word {sum(x <= UNSEEN for x in alone)}, this word {sum(x >= SEEN for x in alone)}",
        ]
    return lines


def _count(fits: Sequence[str]) -> str:
    return ", ".join(f"{fit} {fits.count(fit)}" for fit in dict.fromkeys(fits))
