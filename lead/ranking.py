"""How good the motions of a prompt are, each as a score, so that the best of several can be kept.

    total = SHOWN s + PROMPT c + SIMILARITY l - SKATE f - JITTER j

    s   1 where the joints show what the prompt says (`lead.data.compose.truth`); 0 where not, or where no measure tells
    c   the cosine of the motion and the prompt in the text space
    l   how similar the motion is to exemplars of the concept that the prompt names, where that is given
    f   the foot skate ratio
    j   how far jitter is above REAL_JITTER, as a share of it

Of a concept's prompt, s judges what is said beside the concept. Joints are at 20 fps on HumanML3D's skeleton.
Knows no model and no concept: cosines and similarities are handed over. `Lead.rank` computes the cosines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lead.data.compose.truth import holds
from lead.eval.metrics import foot_skate_ratio, jitter
from lead.motion import Motion
from lead.motion.skeleton import FPS
from lead.text.main_words import leave_out_tokens
from lead.text.parsing import parse

# docs/best-of-n.md says how the weights were chosen.
SHOWN, PROMPT, SIMILARITY, SKATE, JITTER = 1.0, 0.2, 0.5, 1.0, 0.2
REAL_JITTER = 160.0
"""m/s^3: nine tenths of real clips have less."""


@dataclass(frozen=True)
class Score:
    """How good a motion is, next to others of the same prompt."""

    place: int
    """Of the motion among those that were ranked, from 0."""
    total: float
    """The weighted sum of the parts; the greatest is the best."""
    shown: bool | None
    """Whether the joints show what the prompt says; None where no measure can tell."""
    cosine: float
    """Of the motion and the prompt in the text space."""
    similarity: float | None
    """To a concept's exemplars; None where it was not given."""
    skate: float
    """The share of steps in which a foot on the floor slides."""
    jitter: float
    """m/s^3."""


def rank(
    motions: Sequence[Motion], prompt: str, cosines: Sequence[float], similarities: Sequence[float] | None = None
) -> list[Score]:
    """The scores of a prompt's motions, the best first; of equal ones in the order of the motions."""
    meaning = parse(leave_out_tokens(prompt))
    scores = []
    for place, (motion, cosine) in enumerate(zip(motions, cosines, strict=True)):
        joints = motion.resample(FPS).joints.astype(np.float64)
        shown = None if meaning is None else holds(meaning, joints)
        similarity = None if similarities is None else similarities[place]
        skate, shake = foot_skate_ratio(joints), jitter(joints)
        total = (
            SHOWN * bool(shown)
            + PROMPT * cosine
            + SIMILARITY * (similarity or 0.0)
            - SKATE * skate
            - JITTER * max(shake / REAL_JITTER - 1.0, 0.0)
        )
        scores.append(Score(place, total, shown, cosine, similarity, skate, shake))
    return sorted(scores, key=lambda score: -score.total)
