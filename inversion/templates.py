"""The prompts in which a word is learned, and what the clips' own action is.

An *action* is the verb.  A *style* or a *persona* changes an action that the prompt names, or else the action leaks
into the word.  Where no captions say what a clip shows, it is the one of ACTIONS nearest to it in the realigned space.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch.nn.functional import cosine_similarity

from inversion.errors import InversionError
from lead import Lead
from lead.motion import Motion

Kind = Literal["action", "style", "persona"]

ACTIONS = (
    "walks forward", "walks", "walks backward", "walks to the left", "walks to the right",
    "walks forward and turns left", "walks forward and turns right", "walks in a circle", "runs", "jogs in a circle",
    "dashes forward", "raises the left hand", "raises the right hand", "raises both hands", "waves the left hand",
    "waves the right hand", "waves both hands", "bows", "points the way", "kicks", "punches", "jumps", "hops",
    "squats", "lunges to the side", "lifts one leg", "sits down and stands up", "lies down", "crawls", "climbs",
    "dances", "picks something up from the floor", "reaches up high", "throws something", "stands still",
)  # fmt: skip

_TEMPLATES = {
    "action": ("a person {}", "someone {}", "a figure does {}"),
    "style": ("a person ACTION in {} style", "someone ACTION in {} style", "a figure ACTION in {} style"),
    "persona": ("a person ACTION like {}", "someone ACTION like {}", "a figure ACTION like {}"),
}


def templates(kind: Kind, actions: Sequence[str]) -> list[tuple[str, ...]]:
    """For each clip, the prompts with `{}` in the word's place; `actions` are verb phrases, one a clip."""
    if kind not in get_args(Kind):
        raise InversionError(f"kind {kind!r} is not known; choose one of {', '.join(get_args(Kind))}")
    return [tuple(t.replace("ACTION", action) for t in _TEMPLATES[kind]) for action in actions]


@torch.no_grad()
def recognize_actions(base: Lead, clips: Sequence[Motion]) -> list[str]:
    """For each clip the action whose text feature is nearest to E_proj(z): cosine in the realigned space.

    The mean over all clips counts as much as the clip's own cosine: clips of one word mostly show one action, and what
    is strange about them must not be taken for another.
    """
    text = base.encode_text([f"a person {action}" for action in ACTIONS])
    z, lengths = base.encode_motion(clips)
    pooled = base.projector.pool(base.projector.encode(z, lengths), lengths)
    near = cosine_similarity(pooled[:, None], text[None], dim=-1)
    nearest = (near + near.mean(dim=0)).argmax(dim=1)
    return [ACTIONS[index] for index in nearest.tolist()]


def caption_to_action(caption: str) -> str:
    """A caption's verb phrase: what follows "a person", "someone" and the like."""
    words = caption.strip().rstrip(".").split()
    subjects = ("person", "man", "woman", "figure", "human", "someone", "somebody", "character", "actor")
    for place, word in enumerate(words[:4]):
        if word.lower() in subjects:
            rest = words[place + 1 :]
            return " ".join(rest[1:] if rest[:1] == ["is"] else rest)
    return " ".join(words)
