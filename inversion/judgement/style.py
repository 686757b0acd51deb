"""Whether what was learned is seen in motions: the clips' style, or their action.

Of a style, in the style space: `margin` is how much nearer the motions are to the clips than to the nearest center of
another style, `way` is the distance from the plain motions of all prompts to the clips, and `moved` how far the word
moves the motions from their plain ones. Nothing here reads which action is shown (`inversion.judgement.content`).
Of an action: `excess` is the share of the plain motions' distance to the clips that is left in meaning, beyond the
clips' diversity; `apart` is the distance in meaning in units of that diversity; `heading` is the cosine in posture of
the way from plain motions to the word's and to the clips.
A logistic function makes a probability of them. Between UNSEEN and SEEN nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from inversion.judgement.style_space import StyleSpace
from inversion.similarity import Array, Embeddings, diversity, mean_distance

SEEN, UNSEEN = 0.65, 0.3
"""Probabilities from which, and up to which, a sight is sure."""

FAR = 13.0
"""The greatest `moved` that counts: styles learned well have 5 to 13."""
PLAIN_SEEN = 0.5
"""Probability of the plain motions from which a word gets no credit."""


@dataclass(frozen=True)
class Logistic:
    """A logistic function of measures."""

    bias: float
    weights: tuple[float, ...]

    def __call__(self, measures: Sequence[float]) -> float:
        score = self.bias + sum(weight * measure for weight, measure in zip(self.weights, measures, strict=True))
        return float(1.0 / (1.0 + np.exp(-np.clip(score, -40.0, 40.0))))


# Fitted by `python -m benchmarks.reports --fit` to the benchmarks' judges; docs/reports.md has how well they agree.
STYLE = Logistic(-1.7512, (0.9402, 0.0747, 0.2195))
"""Of margin, way and moved."""
ACTION = Logistic(-2.5199, (-1.2686, -0.5899, 5.1156))
"""Of excess, apart and heading."""


CLEAR_STYLE, CLEAR_ACTION = 2.4, 0.75
"""Margin, and probability, from which a sight is clear enough for praise: of the concepts that were tried, none with
more had judges who agreed that it is seen in less than half of its motions."""


@dataclass(frozen=True)
class Sight:
    """How likely what was learned is seen in some motions."""

    probability: float
    clear: bool = False
    """Seen beyond doubt."""

    @property
    def seen(self) -> bool | None:
        """None where it is not sure."""
        if self.probability >= SEEN:
            return True
        return False if self.probability <= UNSEEN else None


MIXED = 4.7
"""Distance of clips of one action from each other, on the mean, from which they are not in one style: clips of one
style have up to 3.7, of three styles 5.8 and more; two few-shot walks that look unlike have 6 and 9."""


def measure_mixture(places: Float[Array, "clips k"], actions: Sequence[str]) -> float:
    """The mean distance, in the style space, of all pairs of clips that show the same action; 0 without such a pair."""
    apart = [
        float(np.linalg.norm(places[a] - places[b]))
        for a, b in combinations(range(len(actions)), 2)
        if actions[a] == actions[b]
    ]
    return float(np.mean(apart)) if apart else 0.0


@dataclass(frozen=True, eq=False)
class Sample:
    """Motions of one prompt, with a word and without it."""

    concept: Embeddings
    plain: Embeddings


def measure_style(
    space: StyleSpace, sample: Sample, plain: Float[Array, "prompts k"], clips: Float[Array, "clips k"]
) -> tuple[float, float, float]:
    """Margin, way and moved; `plain` are the places of the plain motions of all prompts, `clips` those of the clips."""
    motions, own = space.embed(sample.concept).mean(axis=0), space.embed(sample.plain).mean(axis=0)
    target = clips.mean(axis=0)
    others = space.centers[space.find_others(clips)]
    nearest = float(np.linalg.norm(motions - others, axis=1).min())
    margin = nearest - float(np.linalg.norm(motions - target))
    way = float(np.linalg.norm(target - plain.mean(axis=0)))
    return margin, way, min(float(np.linalg.norm(motions - own)), FAR)


def measure_action(sample: Sample, clips: Embeddings) -> tuple[float, float, float]:
    """Excess, apart and heading. A single clip has no diversity; that of the plain motions stands for it."""
    spread = diversity(clips.meaning if len(clips.meaning) > 1 else sample.plain.meaning)
    there = mean_distance(sample.concept.meaning, clips.meaning)
    plain = mean_distance(sample.plain.meaning, clips.meaning)
    excess = (there - spread) / max(plain - spread, 0.1 * max(spread, 1e-6))
    changed = (sample.concept.posture - sample.plain.posture).mean(axis=0)
    wanted = clips.posture.mean(axis=0) - sample.plain.posture.mean(axis=0)
    lengths = float(np.linalg.norm(changed) * np.linalg.norm(wanted))
    heading = float(changed @ wanted) / max(lengths, 1e-9)
    return float(np.clip(excess, -2.0, 4.0)), there / max(spread, 1e-6), heading


UNSURE = Sight(0.5)


def credit(word: Sight, plain: Sight) -> Sight:
    """A sight that the word may be given credit for: not sure where plain motions show as much without it."""
    return UNSURE if word.seen and plain.probability >= PLAIN_SEEN else word


def see_styles(space: StyleSpace, samples: Sequence[Sample], clips: Embeddings) -> list[Sight]:
    """Whether the clips' style is seen in each sample; the first one is of the training action."""
    places = space.embed(clips)
    plain = np.stack([space.embed(sample.plain).mean(axis=0) for sample in samples])
    measured = [measure_style(space, sample, plain, places) for sample in samples]
    return [Sight(STYLE(measures), measures[0] >= CLEAR_STYLE) for measures in measured]


def see_actions(samples: Sequence[Sample], clips: Embeddings) -> list[Sight]:
    """Whether the clips' action is seen in each sample."""
    found = [ACTION(measure_action(sample, clips)) for sample in samples]
    return [Sight(probability, probability >= CLEAR_ACTION) for probability in found]
