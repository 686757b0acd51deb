"""The prompts that a pseudo-word is trained in, and the actions that clips may show.

The template of an *action* has the token in the place of the verb. The templates of a *style* and of a *persona* name
the clip's own action, so that the action does not leak into the concept. Imports no torch.
"""

from collections.abc import Sequence
from typing import get_args

from concepts.kinds import Kind
from inversion.errors import InversionError

ACTIONS = (
    "walks forward", "walks", "walks backward", "walks to the left", "walks to the right",
    "walks forward and turns left", "walks forward and turns right", "walks in a circle", "runs", "jogs in a circle",
    "dashes forward", "raises the left hand", "raises the right hand", "raises both hands", "waves the left hand",
    "waves the right hand", "waves both hands", "bows", "points the way", "kicks", "punches", "jumps", "hops",
    "squats", "lunges to the side", "lifts one leg", "sits down and stands up", "lies down", "crawls", "climbs",
    "dances", "picks something up from the floor", "reaches up high", "throws something", "stands still",
)  # fmt: skip
"""What a clip without a caption may be recognized as: verb phrases."""
STYLES = (
    "slowly", "quickly", "energetically", "in a masculine way", "in a feminine way", "in a youthful way", "sadly",
    "happily", "proudly", "angrily", "in a tired way", "like an old man", "carefully", "hunched over", "leaning back",
    "with the head down", "with the arms out to the sides", "crouching", "with short steps", "with long strides",
    "with a wide stance", "stiffly", "swaying from side to side", "trembling",
)  # fmt: skip
"""Styles that a caption may name."""
SUBJECTS = (
    "person", "man", "woman", "he", "she", "boy", "girl", "guy", "lady", "figure", "human", "someone", "somebody",
    "character", "actor", "actress", "dancer", "performer", "player",
)  # fmt: skip

_TEMPLATES: dict[Kind, tuple[str, ...]] = {
    "action": ("a person {}", "someone {}", "a figure does {}"),
    "style": ("a person ACTION in {} style", "someone ACTION in {} style", "a figure ACTION in {} style"),
    "persona": ("a person ACTION like {}", "someone ACTION like {}", "a figure ACTION like {}"),
}


def fill_templates(kind: Kind, actions: Sequence[str]) -> list[tuple[str, ...]]:
    """For each action its prompts, with `{}` in the place of the token; actions are verb phrases.

    Raises InversionError for an unknown kind.
    """
    if kind not in get_args(Kind):
        raise InversionError(f"kind {kind!r} is not known; choose one of {', '.join(get_args(Kind))}")
    return [tuple(template.replace("ACTION", action) for template in _TEMPLATES[kind]) for action in actions]


def action_to_caption(action: str, style: str = "") -> str:
    """`walks`, `slowly` -> `a person walks slowly`."""
    return f"a person {action} {style}".strip()


def caption_to_action(caption: str) -> str:
    """A caption's verb phrase: what follows "a person", "someone" and the like, without "is"."""
    words = caption.strip().rstrip(".").split()
    for place, word in enumerate(words[:4]):
        if word.lower() in SUBJECTS:
            rest = words[place + 1 :]
            return " ".join(rest[1:] if rest[:1] == ["is"] else rest)
    return " ".join(words)
