"""How good the motions of a prompt are, each as a score, so that the best of several can be kept.

    total = SHOWN s + TEXT t + SIMILARITY ln l - SKATE f - JITTER max(j / REAL_JITTER - 1, 0)

    s   1 where the joints show what the prompt says (`lead.data.compose.truth`); 0 where not, or where no measure tells
    t   the probability of the prompt among other sentences, by their cosines to the motion (`compute_probabilities`)
    l   how similar the motion is to an exemplar of the concept that the prompt names, where that is given
    f   the foot skate ratio
    j   jitter

In a prompt with concepts, s is about what is said beside them. Feet and jitter are those of the motion as it is, after
a clean-up of feet if there was one. Knows no model and no concept: features and similarities are handed over by
`Lead.rank`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from lead.data.compose.truth import holds
from lead.eval.metrics import foot_skate_ratio, jitter
from lead.motion import Motion
from lead.motion.skeleton import FPS
from lead.text.meaning import Meaning, contrast
from lead.text.parsing import read_prompt
from lead.text.synthesis import say

# docs/best-of-n.md says how these were chosen.
SHOWN, TEXT, SIMILARITY, SKATE, JITTER = 2.0, 0.5, 1.0, 1.0, 0.2
REAL_JITTER = 160.0
"""m/s^3: nine tenths of real clips have less."""
TEMPERATURE, SAME = 0.05, 0.97
"""Of cosines; and the cosine from which a sentence says the same as the prompt."""
CONTRASTS = 24
COMMON = (
    "a person stands still", "a person walks forward", "a person walks backward", "a person runs",
    "a person turns left", "a person turns right", "a person sits down", "a person lies down", "a person squats",
    "a person jumps", "a person bows", "a person waves", "a person claps", "a person raises both hands",
    "a person punches", "a person kicks",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """How good a motion is, next to others of the same prompt."""

    place: int
    """Of the motion among those that were ranked, from 0."""
    total: float
    """The weighted sum of the parts; the greatest is the best. Totals of different prompts do not compare."""
    shown: bool | None
    """Whether the joints show what the prompt says; None where no measure can tell."""
    text: float
    """How surely the motion is of the prompt, and not of another sentence, in the text space; 0 to 1."""
    similarity: float | None
    """To a concept's exemplar, 0 to 1; None where it was not given."""
    skate: float
    """The share of steps in which a foot on the floor slides."""
    jitter: float
    """m/s^3."""


def rank(
    motions: Sequence[Motion], prompt: str, texts: Sequence[float], similarities: Sequence[float] | None = None
) -> list[Score]:
    """The scores of a prompt's motions, the best first; of equal ones in the order of the motions.

    `texts` are the parts t, `similarities` the parts l of the total.
    """
    meaning = read_prompt(prompt)
    alike = [None] * len(motions) if similarities is None else similarities
    rows = enumerate(zip(motions, texts, alike, strict=True))
    return sorted((_score(place, meaning, *row) for place, row in rows), key=lambda score: -score.total)


def _score(place: int, meaning: Meaning | None, motion: Motion, text: float, similarity: float | None) -> Score:
    joints = motion.resample(FPS).joints.astype(np.float64)
    shown = None if meaning is None else holds(meaning, joints)
    slides, shakes = foot_skate_ratio(joints), jitter(joints)
    alike = 0.0 if similarity is None else float(np.log(max(similarity, 1e-6)))
    quality = SKATE * slides + JITTER * max(shakes / REAL_JITTER - 1.0, 0.0)
    return Score(
        place, SHOWN * bool(shown) + TEXT * text + SIMILARITY * alike - quality, shown, text, similarity, slides, shakes
    )


def write_others(prompt: str) -> list[str]:
    """Sentences that say something else: COMMON, and where the prompt can be read such that differ in one thing."""
    meaning, rng = read_prompt(prompt), random.Random(0)
    contrasts = [say(contrast(meaning, rng), rng) for _ in range(CONTRASTS)] if meaning else []
    return list(dict.fromkeys((*COMMON, *contrasts)))


def compute_probabilities(
    motions: Float[Tensor, "motions d_text"], prompt: Float[Tensor, " d_text"], others: Float[Tensor, "others d_text"]
) -> list[float]:
    """softmax(cos(motion, sentence) / TEMPERATURE) of the prompt among itself and the others, for each motion.

    A motion's vector is the mean of E_proj over its latents. Others that say the same as the prompt are left out.
    """
    others = others[cosine_similarity(others, prompt[None], dim=-1) < SAME]
    own = cosine_similarity(motions, prompt[None], dim=-1)
    apart = cosine_similarity(motions[:, None], others[None], dim=-1) - own[:, None]
    probabilities: list[float] = (1.0 / (1.0 + (apart / TEMPERATURE).exp().sum(dim=1))).tolist()
    return probabilities
