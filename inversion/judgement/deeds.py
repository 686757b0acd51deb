"""Deeds: actions that are done once, as a kick, beside those that a style is learned from, as a walk.

A style is a way of doing things. Clips of one deed alone show no way of doing other things, and a word that is learned
from them as a style has nothing that it could transfer.
"""

from collections.abc import Sequence

from inversion.templates import action_to_caption
from lead.text.parsing import parse

CARRIERS = frozenset(
    (
        "walk", "run", "jog", "sprint", "march", "stride", "step", "tiptoe", "drift", "stand", "turn", "turn-around",
        "step-in-place", "jog-in-place", "raise-arm", "wave", "side-arm", "front-arm", "diagonal-arm", "shift-weight",
        "sway", "sit", "dance", "clap", "skip", "crouch-walk", "crawl", "climb", "climb-down", "open-arms", "victory",
        "argue", "laugh", "look-around", "hands-hips-stand", "cross-arms", "guide",
    )
)  # fmt: skip
"""Actions that people do in many styles: gaits, gestures, standing and sitting."""
MOST = 0.75
"""Share of the clips that show one deed."""


def find_deed(actions: Sequence[str]) -> str:
    """The one deed that nearly all clips show, in their words; empty where there is none, or where it is not read."""
    deeds = [_deed(action) for action in actions]
    common = max(set(deeds), key=deeds.count) if deeds else ""
    if not common or deeds.count(common) < MOST * len(deeds):
        return ""
    return actions[deeds.index(common)]


def _deed(action: str) -> str:
    """The action that a verb phrase names, unless it is a carrier or not read."""
    meaning = parse(action_to_caption(action))
    return "" if meaning is None or meaning.action in CARRIERS else meaning.action
