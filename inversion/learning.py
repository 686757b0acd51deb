"""Motion textual inversion: a few clips to a concept.

The base is frozen.  What is sought is the word: its token vectors and a low-rank adapter of the denoiser that acts
where the word stands.  For a style or a persona the vectors are sought among the base's own made-up words for manners,
v = mean + W p, plus a free part; for an action they are free.  What it is sought from is `inversion.encoded_clips`'s, what
for `inversion.objectives`'s, the prompts are `inversion.templates`'s, the descent is `inversion.optimize`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from concepts import Concept, Exemplar, StyleSchedule, check_token, thin_curve
from inversion.encoded_clips import cut, lesson
from inversion.errors import InversionError
from inversion.objectives import Objective
from inversion.optimize import Checkpoint, Progress, search
from inversion.pseudo_word import PseudoWord
from inversion.templates import Kind
from lead import Lead
from lead.motion import Motion

PREVIEW_FRAMES = 60

Quality = Literal["fast", "balanced", "best"]


@dataclass(frozen=True)
class Effort:
    """What a quality costs and buys."""

    steps: int
    batch: int
    rank: int
    """Of the adapter."""


EFFORTS: dict[str, Effort] = {
    "fast": Effort(16, 32, 4),
    "balanced": Effort(64, 32, 4),
    "best": Effort(80, 128, 4),
}
ACTION_EFFORTS = EFFORTS | {"balanced": Effort(80, 48, 4)}
"""An action has no direction, all of it is learned: a ballet is seen in .84 after 64 steps of 32, in .95 after these."""


def learn(
    base: Lead,
    clips: Sequence[Motion],
    token: str,
    *,
    init: str | None = None,
    kind: Kind = "style",
    objective: Objective = "denoising",
    quality: Quality = "balanced",
    steps: int | None = None,
    rank: int | None = None,
    carry: bool = True,
    vectors: int = 2,
    seed: int = 0,
    captions: Sequence[str] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Concept:
    """The concept that clips show.

    `captions` say what each clip shows (one a clip, without the word); without them the action is recognized.
    `init` is a phrase that the word starts from.  `quality` sets steps and the adapter's rank, which `steps` and `rank`
    override.  `carry` gives a manner a direction that carries it to other actions (`inversion.encoded_clips`).  With rank 0
    and no direction this is textual inversion as published.
    Ctrl-C ends the search; the best word so far is returned, and `Concept.steps` says how many steps were made.
    `checkpoint` names a file where the search is kept, and from which the same search goes on.  The same seed gives
    the same concept.  Raises InversionError for clips that are missing or too short, ConceptError for a bad token.
    """
    _check(clips, token, objective, quality, steps, rank, vectors, captions)
    effort = (ACTION_EFFORTS if kind == "action" else EFFORTS)[quality]
    effort = replace(effort, steps=steps or effort.steps, rank=effort.rank if rank is None else rank)
    rank = 0 if objective == "text" else effort.rank
    schedule = StyleSchedule()
    share = schedule.direction_share_seen if rank else 1.0
    taught = lesson(base, clips, kind, captions, carry, seed, share, schedule.direction_scale)
    manners = kind != "action" and init is None and vectors == base.style_tokens.config.vectors
    word = PseudoWord(base, init, vectors, manners, rank, seed)
    exemplars = tuple(Exemplar.from_joints(clip.joints, clip.fps) for clip in clips)
    prints = base.fingerprints
    told = (token, kind, objective, effort, seed, vectors, init, carry, schedule, taught.actions, [e.sha256 for e in exemplars])
    kept = Checkpoint(checkpoint, repr((*told, sorted(prints.items()))))
    found = search(base, word, taught, objective, token, effort.steps, effort.batch, seed, kept, progress)
    concept = Concept(
        token=token,
        token_embedding=found.tensors.pop("token_embedding").numpy(),
        kind=kind,
        base=base.name,
        fingerprints=prints,
        init=init or "",
        templates=tuple(dict.fromkeys(row[0] for row in taught.prompts)),
        objective=objective,
        fps=base.skeleton.fps,
        steps=found.steps,
        seed=seed,
        loss=thin_curve(found.curve),
        scores={"loss.start": found.start, "loss.best": found.best, "step.best": found.best_step},
        exemplars=exemplars,
        license=base.license,
        schedule=None if taught.direction is None else schedule,
        tensors={name: tensor.numpy() for name, tensor in (found.tensors | taught.kept()).items()},
    )
    return _with_probe_and_preview(base, concept, cut(clips[:1], base.skeleton.fps)[0][0])


def _check(
    clips: Sequence[Motion],
    token: str,
    objective: str,
    quality: str,
    steps: int | None,
    rank: int | None,
    vectors: int,
    captions: Sequence[str] | None,
) -> None:
    check_token(token)
    if not clips:
        raise InversionError("there are no clips to learn from; give at least one BVH, NPZ or NPY clip")
    if objective not in get_args(Objective):
        raise InversionError(f"objective {objective!r} is not known; choose one of {', '.join(get_args(Objective))}")
    if quality not in EFFORTS:
        raise InversionError(f"quality {quality!r} is not known; choose one of {', '.join(EFFORTS)}")
    if (steps is not None and steps < 1) or not 1 <= vectors <= 16 or not 0 <= (rank or 0) <= 64:
        raise InversionError(
            f"steps={steps}, vectors={vectors}, rank={rank}: expected at least 1 step, 1 to 16 vectors, rank 0 to 64"
        )
    if captions is not None and len(captions) != len(clips):
        raise InversionError(f"{len(captions)} captions for {len(clips)} clips; give one caption a clip")


@torch.no_grad()
def _with_probe_and_preview(base: Lead, concept: Concept, exemplar: Motion) -> Concept:
    """Adds the condition that a loader recomputes, and a short clip of what the word was learned from."""
    cond = base.encode_text([concept.probe_prompt], concept.words)[0].cpu().numpy()
    preview = exemplar.joints[:PREVIEW_FRAMES].astype(np.float16)
    return replace(concept, tensors={**concept.tensors, "probe.cond": cond, "preview.joints": preview})
