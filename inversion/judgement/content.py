"""Content: whether a motion still shows the action that its prompt names, apart from its style.

Measures of joints say it where there are any (`lead.data.compose.truth`). Where there are none, the cosine of the
motion and its caption in the realigned space does, beside that of plain motions. What plain motions do not show
themselves says nothing of a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from inversion.encoded_clips import pool_realigned
from inversion.judgement.trials import Pairs
from lead import Lead
from lead.data.compose.truth import holds
from lead.motion import Motion
from lead.text.parsing import parse

KEPT = 0.5
"""Share of a word's motions that have to show the action."""
COSINE_KEPT = 0.5
"""Least share of the plain motions' cosine; in .92 of 156 cases it says what the judge says."""
PLAIN_COSINE = 0.1
"""Least cosine that a plain motion is given, so that a share of it means something."""


@dataclass(frozen=True)
class Content:
    """How much of an action is left."""

    share: float
    """Of the motions that show the action, or, without a measure, of the plain motions' cosine; at most 1."""
    kept: bool
    measured: bool
    """By joints."""
    plain: float | None
    """The share of plain motions that show the action, by joints."""


def count_shown(motions: Sequence[Motion], caption: str) -> float | None:
    """The share of motions that show what a caption says; None where no measure can tell."""
    meaning = parse(caption)
    found = [holds(meaning, motion.joints) for motion in motions] if meaning else [None]
    return None if None in found else float(np.mean([bool(one) for one in found]))


@torch.no_grad()
def measure_content(base: Lead, pairs: Pairs, own: Pairs) -> Content:
    """The content that a word leaves of an unseen action; `own` are the motions of the training action."""
    plain = count_shown(pairs.plain, pairs.prompt.plain)
    shown = count_shown(pairs.concept, pairs.prompt.plain)
    if shown is not None and plain is not None and plain >= KEPT:
        return Content(shown, shown >= KEPT, True, plain)
    share = _cosine_share(base, pairs, own)
    return Content(share, share >= COSINE_KEPT, False, plain)


def _cosine_share(base: Lead, pairs: Pairs, own: Pairs) -> float:
    """The share of the plain motions' cosine to their caption.

    A strong style takes motions far from every caption. So the better of two measures counts, with and without what
    the style changes on the training action.
    """

    def pool(motions: Sequence[Motion]) -> torch.Tensor:
        return pool_realigned(base, motions, [motion.features() for motion in motions])

    text = base.encode_text([pairs.prompt.plain])
    changed = pool(own.concept).mean(dim=0) - pool(own.plain).mean(dim=0)
    generated, plain = pool(pairs.concept), pool(pairs.plain)
    cosines = [float(cosine_similarity(z, text, dim=-1).mean()) for z in (generated, generated - changed, plain)]
    return float(np.clip(max(cosines[0], cosines[1]) / max(cosines[2], PLAIN_COSINE), 0.0, 1.0))
