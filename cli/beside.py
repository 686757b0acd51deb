"""What views show beside generated motions: exemplars of the concepts, and the same seed without the concepts.

An exemplar is the clip nearest to the motions of a prompt, of those that `--beside` names; else the one in the file of
the concept. All are on the body of generations. Nearness is the distance in the spaces of `inversion.similarity`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concepts import Concept
    from lead import Motion

MOST_EXEMPLARS = 6
"""Beside the motions of one view."""
_SLOT = "\0"
_PHRASES = (
    rf"\s+in\s+(?:the\s+|an?\s+)?{_SLOT}\s+(?:style|manner|way)",
    rf"\s+in\s+the\s+style\s+of\s+{_SLOT}",
    rf"\s+(?:like|as)\s+(?:an?\s+)?{_SLOT}",
)


def remove_words(prompt: str, meanings: Mapping[str, str]) -> str:
    """The prompt without its concepts: "a person walks in <x> style" becomes "a person walks".

    Where a concept is the verb, its meaning stands in its place: the phrase that learning started from, by token; an
    empty one is "moves normally". The texts of a prompt without concepts stay as they are.
    """
    from lead.text.prompts import Slot, parse_prompt

    parts = parse_prompt(prompt)
    slots = [part for part in parts if isinstance(part, Slot)]
    if not slots:
        return prompt
    text = "".join(_SLOT if isinstance(part, Slot) else part for part in parts)
    tokens = iter(slots)
    pattern = "|".join((*_PHRASES, rf"\bdoes\s+(?:an?\s+)?{_SLOT}", _SLOT))

    def replace(match: re.Match[str]) -> str:
        meaning = meanings.get(next(tokens).token.lower(), "")
        found = match[0]
        if found.lstrip() != found:
            return ""
        if found == _SLOT:
            return meaning or "normally"
        return meaning or "moves normally"

    return " ".join(re.sub(pattern, replace, text).split())


def generate_plain(
    concepts: "Iterable[Concept]",
    prompts: Sequence[str],
    generate: "Callable[[str, int], Motion]",
    kept: Sequence[int] | None = None,
) -> "dict[int, Motion]":
    """For the first motion of each prompt with a concept, the motion of the same noise without it, by its place.

    `generate` makes the motion of a prompt at a place. `kept` are the places that count, in their order.
    """
    from dataclasses import replace

    from lead.text.prompts import find_tokens

    meanings = {concept.token: concept.init for concept in concepts}
    made: dict[int, Motion] = {}
    first: dict[str, int] = {}
    for place in range(len(prompts)) if kept is None else kept:
        first.setdefault(prompts[place], place)
    for prompt, place in first.items():
        if named := [token for token in find_tokens(prompt) if token in meanings]:
            plain = remove_words(prompt, meanings)
            motion = generate(plain, place)
            made[place] = replace(motion, name=f"without {' and '.join(named)}, same seed: {plain}")
    return made


def choose_exemplars(
    concepts: "Iterable[Concept]", prompts: Sequence[str], motions: "Sequence[Motion]", clips: "Sequence[Motion]"
) -> "list[Motion]":
    """For each prompt with a concept the clip nearest to its motions, each clip once; without clips the files' own.

    A clip is shown for as long as the longest motion.
    """
    from dataclasses import replace

    from cli.load_models import preview_motions
    from lead.text.prompts import find_tokens

    if not clips:
        return preview_motions(concepts)[:MOST_EXEMPLARS]
    tokens = {concept.token for concept in concepts}
    chosen: dict[int, list[str]] = {}
    for prompt in dict.fromkeys(prompts):
        if tokens & set(find_tokens(prompt)):
            own = [motion for motion, other in zip(motions, prompts, strict=True) if other == prompt]
            chosen.setdefault(find_nearest(clips, own), []).append(prompt)
    alone = len(set(prompts)) == 1
    exemplars = []
    for row, of in list(chosen.items())[:MOST_EXEMPLARS]:
        name = f"nearest exemplar{'' if alone else f' to {of[0]}'}: {clips[row].name}"
        shown = clips[row].on_one_skeleton()
        frames = round(max(motion.seconds for motion in motions) * shown.fps)
        exemplars.append(replace(shown, joints=shown.joints[: max(frames, 1)], name=name))
    return exemplars


def find_nearest(clips: "Sequence[Motion]", motions: "Sequence[Motion]") -> int:
    """The place of the clip with the least mean distance to the motions."""
    import numpy as np

    from inversion.similarity import embed
    from lead.eval.evaluator import Evaluator
    from lead.eval.metrics import pairwise_distances

    embedded = embed(Evaluator.load(), [motion.features() for motion in (*clips, *motions)])
    spaces = (embedded.posture, embedded.meaning)
    rows = [pairwise_distances(space[: len(clips)], space[len(clips) :]).mean(axis=1) for space in spaces]
    # each space in units of its own spread, so that both count
    return int(np.argmin(sum(row / max(float(row.mean()), 1e-9) for row in rows)))
