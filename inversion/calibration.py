"""How much a style's adapter may do on actions that its clips do not show, found before the concept is written.

An adapter that was learned from walks makes people walk. The higher the noise at which it acts on other actions, the
more of the style they get and the less of what was asked for; how much differs from style to style. So twelve plain
prompts are generated with the concept, and the strongest level is taken that leaves most of what the mildest one does.
What a motion shows is judged by measures of the joints (`lead.data.compose.truth`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from concepts import Concept
from inversion.precomputed import find_precomputed
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.data.compose.truth import holds
from lead.motion import Motion
from lead.motion.measures import path_length
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
LEVELS = ((0.3, 1.0), (0.7, 1.0), (1.0, 1.0), (1.0, 1.25), (1.0, 1.5))
"""What is tried, from the mildest: the schedule's `adapter_t_max_unseen` and `adapter_scale_unseen`."""
KEPT = 0.8
"""Least share of what the mildest level leaves of the base's actions; what the direction alone takes is not the
adapter's. By the benchmark's judges four few-shot styles have .66 of style and content on unseen actions, elderly and
exhausted .79; with .9 they have .65 and .72, with .75 of what the base does alone .58 and .79. Twice the adapter gives
elderly and exhausted .81, and makes a youthful person wander who should stand."""
WANDERS = 0.5
"""Meters that a standing person may go farther than without the concept."""


def calibrate(base: Lead, concept: Concept, seed: int = 0) -> Concept:
    """The concept whose adapter does as much on unseen actions as their content allows, at least LEVELS[0].

    A concept without a direction or an adapter stays as it is, and so does one of a base that does none of the actions
    or has another skeleton than the measures.
    """
    schedule = concept.schedule
    adapted = any(name.startswith("adapter.") for name in concept.tensors)
    if schedule is None or not adapted or base.skeleton is not HUMANML3D:
        return concept
    done, paths = _measure_plain(base, seed)
    if not done.any():
        return concept
    prompts = [row[0].replace("{}", concept.token) for row in fill_templates(concept.kind, ACTIONS)] * EACH

    def act_at(level: int) -> Concept:
        t_max, scale = LEVELS[level]
        return replace(concept, schedule=replace(schedule, adapter_t_max_unseen=t_max, adapter_scale_unseen=scale))

    def measure_kept(level: int) -> float:
        motions = base.generate(prompts, seconds=_seconds(base), words=act_at(level).words, seed=seed, bfloat16=True)
        stays = _measure_paths(motions) <= paths + WANDERS
        shown = _find_shown(motions) & (stays | np.array([action not in STANDING for action in ACTIONS * EACH]))
        return float(shown[done].mean())

    enough = KEPT * measure_kept(0)
    least, most = 0, len(LEVELS) - 1  # a binary search: the stronger the adapter, the less content
    middle = most  # first, for most styles hold there
    while least < most:
        least, most = (middle, most) if measure_kept(middle) >= enough > 0 else (least, middle - 1)
        middle = (least + most + 1) // 2
    return act_at(least)


def measure_plain(base: Lead, seed: int) -> tuple[Bool[np.ndarray, "motions"], Float[np.ndarray, "motions"]]:
    """Which plain motions show their actions, and how far each goes, in meters."""
    plain = base.generate(list_captions(), seconds=_seconds(base), seed=seed, bfloat16=True)
    return _find_shown(plain), _measure_paths(plain)


def list_captions() -> list[str]:
    """The captions of plain motions."""
    return [action_to_caption(action) for action in ACTIONS] * EACH


def _measure_plain(base: Lead, seed: int) -> tuple[Bool[np.ndarray, "motions"], Float[np.ndarray, "motions"]]:
    """`measure_plain`; of the embedded base it is looked up."""
    stored = find_precomputed(base)
    if stored is None or seed != stored.seed or list(stored.captions) != list_captions():
        return measure_plain(base, seed)
    return stored.shown, stored.paths


def _seconds(base: Lead) -> float:
    return float(np.clip(SECONDS, *base.seconds_range))


def _measure_paths(motions: Sequence[Motion]) -> Float[np.ndarray, "motions"]:
    return np.array([path_length(motion.joints) for motion in motions], dtype=np.float32)


def _find_shown(motions: Sequence[Motion]) -> Bool[np.ndarray, "motions"]:
    """Whether each motion shows its action."""
    meanings = [parse(caption) for caption in list_captions()]
    return np.array([
        bool(meaning and holds(meaning, motion.joints)) for meaning, motion in zip(meanings, motions, strict=True)
    ])  # fmt: skip
