"""Whether the base itself does what plain prompts ask for. Where it does not, no word can."""

from collections.abc import Sequence

import numpy as np

from inversion.judgement.trials import EACH, TRIED, UNSEEN, Trials
from inversion.templates import action_to_caption
from lead import Lead
from lead.data.compose.truth import holds
from lead.motion import Motion
from lead.text.parsing import parse

POOR = 0.4
"""Share of plain motions that show what their prompts say: the embedded base has 1.0 on `UNSEEN`, one whose denoiser is
noise 0.25 (jerks that pass for a run)."""


def measure_base(base: Lead, trials: Trials, action: bool, seed: int) -> tuple[float, tuple[str, ...]]:
    """`measure_plain` of the plain motions of a report.

    An action that the base does not do, or for which there is no measure, says nothing of the base: then unseen actions
    of styles do.
    """
    every = [trials.own, *trials.unseen]
    motions = [motion for pairs in every for motion in pairs.plain]
    captions = [pairs.prompt.plain for pairs in every for _ in pairs.plain]
    shown, missed = measure_plain(motions, captions)
    if not action or (shown is not None and shown >= POOR):
        return 1.0 if shown is None else shown, missed
    captions = [action_to_caption(text) for text in list(UNSEEN.values())[:TRIED] for _ in range(EACH)]
    shown, missed = measure_plain(base.generate(captions, seconds=3.0, seed=seed + 2), captions)
    return shown or 0.0, missed


def measure_plain(motions: Sequence[Motion], captions: Sequence[str]) -> tuple[float | None, tuple[str, ...]]:
    """The share of motions that show what their captions say, and the captions that most of their motions do not show.

    None where there is no measure for any caption.
    """
    shown: dict[str, list[bool]] = {}
    for motion, caption in zip(motions, captions, strict=True):
        meaning = parse(caption)
        if meaning and (found := holds(meaning, motion.joints)) is not None:
            shown.setdefault(caption, []).append(found)
    if not shown:
        return None, ()
    missed = tuple(caption for caption, found in shown.items() if 2 * sum(found) < len(found))
    return float(np.mean([np.mean(found) for found in shown.values()])), missed
