"""Trials of a concept: motions generated with it and without it, from equal noise.

A style or persona is tried on its training action and on up to four unseen actions, an action alone and in four ways
("slowly"). This module decides what is tried and generates; it judges nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from concepts import Concept
from concepts.kinds import Kind
from inversion.encoded_clips import EncodedClips
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.motion import Motion
from lead.text.parsing import parse

UNSEEN = {
    "runs": "jogs ahead",
    "raises both hands": "puts both hands up in the air",
    "waves the right hand": "greets with a wave of the right hand",
    "walks forward and turns left": "walks around a corner to the left",
    "walks forward": "walks ahead",
    "claps": "claps the hands",
    "bows": "takes a bow",
    "jumps up": "jumps up",
    "crouches": "crouches down",
}
"""Unseen actions of a style, and the words in which they are asked for: one that travels, one that stands, one of one
side, one that turns, a plain walk, and what is left for clips that show these. The first four that the clips do not
show are tried."""
WAYS = ("slowly", "quickly", "crouching", "with the arms raised")
"""Ways to do an action."""
TRIED = 4
"""Unseen actions, or ways."""
OWN, EACH = 8, 4
"""Motions of the training action, and of each unseen action or way, with the concept and without."""
SHORTEST, LONGEST, LONGEST_UNSEEN = 1.0, 5.0, 4.0
"""Seconds of a motion; within them it is as long as the clips are on the mean."""
_SAME = {"jog": "run", "sprint": "run", "stride": "walk", "march": "walk"}
"""Actions that count as another one when the clips' own are left out."""
_TURNS = ("turn-", "curve-", "circle", "clockwise", "counterclockwise", "uturn", "around")


@dataclass(frozen=True)
class Prompt:
    """What is asked for, with the token and without it."""

    name: str
    """The action or way, in words; empty for the training action."""
    with_token: str
    plain: str


@dataclass(frozen=True)
class Plan:
    """What is tried."""

    action: str
    """The training action: what most clips show."""
    own: Prompt
    unseen: tuple[Prompt, ...]
    seconds: float
    """Of a motion of the training action."""

    @property
    def unseen_seconds(self) -> float:
        """Of a motion of an unseen action or way."""
        return min(self.seconds, LONGEST_UNSEEN)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Motions of one prompt from equal noise, with the concept and without."""

    prompt: Prompt
    concept: list[Motion]
    plain: list[Motion]


@dataclass(frozen=True, eq=False)
class Trials:
    """All motions of a report."""

    own: Pairs
    unseen: tuple[Pairs, ...]


def plan_trials(concept: Concept, encoded: EncodedClips) -> Plan:
    """What is tried of a concept that was learned from these clips."""
    actions, action = encoded.actions, find_training_action(encoded)
    names = WAYS if concept.kind == "action" else choose_unseen(actions)
    seconds = float(np.clip(np.mean([piece.seconds for piece in encoded.pieces]), SHORTEST, LONGEST))
    unseen = tuple(_write_prompt(concept.kind, concept.token, action, name) for name in names)
    return Plan(action, _write_prompt(concept.kind, concept.token, action), unseen, round(seconds, 1))


def find_training_action(encoded: EncodedClips) -> str:
    """What most pieces of the clips show."""
    return max(dict.fromkeys(encoded.actions), key=encoded.actions.count)


def choose_unseen(actions: Sequence[str]) -> tuple[str, ...]:
    """The unseen actions that are tried of a style, in the words of prompts.

    None that the clips show, unless they show all of them.
    """
    shown = {_action_key(action) for action in actions}
    unseen = tuple(text for name, text in UNSEEN.items() if _action_key(name) not in shown)
    return (unseen or tuple(UNSEEN.values()))[:TRIED]


def _action_key(action: str) -> str:
    """What an action has in common with other wordings of it: of `jogs ahead`, "run"; of a turn to a side, "turn"."""
    meaning = parse(action_to_caption(action))
    if meaning is None:
        return action
    key = _SAME.get(meaning.action, meaning.action)
    return f"{key} turn" if meaning.place.startswith(_TURNS) else key


def _write_prompt(kind: Kind, token: str, action: str, name: str = "") -> Prompt:
    """The prompts of the training action, of an unseen one, or of a way to do an action."""
    if kind == "action":
        prompt = f"{fill_templates('action', [action])[0][0]} {name}".strip()
        return Prompt(name, prompt.replace("{}", token), action_to_caption(action, name))
    prompt = fill_templates(kind, [name or action])[0][0]
    return Prompt(name, prompt.replace("{}", token), action_to_caption(name or action))


def run_trials(base: Lead, concept: Concept, plan: Plan, seed: int = 0) -> Trials:
    """Generates all motions of a plan."""
    return combine(plan, generate_with(base, concept, plan, seed), generate_plain(base, plan, seed))


def generate_with(base: Lead, concept: Concept, plan: Plan, seed: int) -> list[Motion]:
    """The motions with the concept: of the training action, then of each unseen action or way."""
    own = base.generate(
        [plan.own.with_token] * OWN, seconds=plan.seconds, words=concept.words, seed=seed, bfloat16=True
    )
    prompts = [prompt.with_token for prompt in plan.unseen for _ in range(EACH)]
    return own + base.generate(prompts, seconds=plan.unseen_seconds, words=concept.words, seed=seed + 1, bfloat16=True)


def generate_plain(base: Lead, plan: Plan, seed: int) -> list[Motion]:
    """The motions without the concept, in the order of `generate_with`."""
    own = base.generate([plan.own.plain] * OWN, seconds=plan.seconds, seed=seed, bfloat16=True)
    prompts = [prompt.plain for prompt in plan.unseen for _ in range(EACH)]
    return own + base.generate(prompts, seconds=plan.unseen_seconds, seed=seed + 1, bfloat16=True)


def combine(plan: Plan, concept: Sequence[Motion], plain: Sequence[Motion]) -> Trials:
    """Motions in the order of `generate_with`, in pairs."""
    unseen = []
    for place, prompt in enumerate(plan.unseen):
        rows = slice(OWN + EACH * place, OWN + EACH * (place + 1))
        unseen.append(Pairs(prompt, list(concept[rows]), list(plain[rows])))
    return Trials(Pairs(plan.own, list(concept[:OWN]), list(plain[:OWN])), tuple(unseen))
