"""How far a style's adapter may reach on actions that its clips do not show, found before the concept is written.

An adapter that was learned from walks makes people walk. The higher the noise at which it acts on other actions, the
more of the style they get and the less of what was asked for; how much differs from style to style. So twelve plain
prompts are generated with the concept, and the greatest reach is taken that leaves most of what the base does of them.
What a motion shows is judged by measures of the joints (`lead.data.compose.truth`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from concepts import Concept
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.data.compose.truth import holds
from lead.motion import Motion
from lead.motion.skeleton import HUMANML3D
from lead.text.parsing import parse

STANDING = (
    "raises both hands", "raises the left hand", "waves with the right hand", "bows", "claps", "stands still",
    "crouches",
)  # fmt: skip
MOVING = ("runs", "walks forward and turns left", "walks in a circle", "walks backward", "jumps")
ACTIONS = (*STANDING, *MOVING)
EACH, SECONDS = 2, 4.0
"""Motions of each action, and their length."""
REACHES = (0.15, 0.3, 0.5, 0.7, 1.0)
"""Values of the schedule's `adapter_t_max_unseen` that are tried."""
KEPT = 0.75
"""Least share of what the base does without the concept. By the benchmark's judges four few-shot styles have .81 of the
contents and .41 of style and content with .8, .78 and .42 with .75, .73 and .44 at a fixed reach of .5. Elderly and
exhausted bear 1.0 in any case."""
WANDERS = 0.5
"""Meters that a standing person may go farther than without the concept."""


def calibrate(base: Lead, concept: Concept, seed: int = 0) -> Concept:
    """The concept whose adapter reaches as far on unseen actions as their content allows, at least REACHES[0].

    A concept without a direction or an adapter stays as it is, and so does one of a base that does none of the actions
    or has another skeleton than the measures.
    """
    schedule = concept.schedule
    adapted = any(name.startswith("adapter.") for name in concept.tensors)
    if schedule is None or not adapted or base.skeleton is not HUMANML3D:
        return concept
    seconds = float(np.clip(SECONDS, *base.seconds_range))
    plain = base.generate([action_to_caption(action) for action in ACTIONS] * EACH, seconds=seconds, seed=seed)
    done = _find_shown(plain, plain)
    if not done.any():
        return concept
    prompts = [row[0].replace("{}", concept.token) for row in fill_templates(concept.kind, ACTIONS)] * EACH

    def reach(t_max: float) -> Concept:
        return replace(concept, schedule=replace(schedule, adapter_t_max_unseen=t_max))

    def keeps(t_max: float) -> bool:
        motions = base.generate(prompts, seconds=seconds, words=reach(t_max).words, seed=seed)
        return bool(_find_shown(motions, plain)[done].mean() >= KEPT)

    least, most = 0, len(REACHES) - 1  # a binary search: content falls as the reach grows
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if keeps(REACHES[middle]) else (least, middle - 1)
    return reach(REACHES[least])


def _find_shown(motions: Sequence[Motion], plain: Sequence[Motion]) -> Bool[np.ndarray, "motions"]:
    """Whether each motion shows its action and, where a person should stand, goes hardly farther than the plain one."""
    shown = []
    for action, motion, beside in zip(ACTIONS * EACH, motions, plain, strict=True):
        meaning = parse(action_to_caption(action))
        stays = action not in STANDING or _path_length(motion) <= _path_length(beside) + WANDERS
        shown.append(stays and bool(meaning and holds(meaning, motion.joints)))
    return np.array(shown)


def _path_length(motion: Motion) -> float:
    """Meters that the root goes over the floor."""
    steps = np.diff(motion.joints[:, 0][:, [0, 2]], axis=0)
    return float(np.linalg.norm(steps, axis=-1).sum())
