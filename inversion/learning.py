"""Motion textual inversion (LEAD, arXiv 2410.14508, section 3): a few clips to a concept.

The base is frozen. What is learned are token embeddings and a LoRA adapter of the denoiser, which acts in prompts that
name the concept (`inversion.optimization.pseudo_word`), and for a style or persona a direction
(`inversion.style_direction`).
The clips are encoded by `inversion.encoded_clips`, the prompts are those of `inversion.templates`, the objectives those
of `inversion.optimization.objectives`, and `inversion.optimization.optimize` does the optimization.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from concepts import Concept, Exemplar, check_token, thin_curve
from concepts.concept import PREVIEW_FRAMES
from concepts.kinds import Kind
from inversion.calibration import calibrate
from inversion.choices import MAX_VECTORS, Objective, Quality
from inversion.encoded_clips import EncodedClips, encode_clips
from inversion.errors import InversionError
from inversion.optimization.objectives import WITHOUT_DENOISER
from inversion.optimization.optimize import Checkpoint, OptimizeConfig, Optimized, Progress, optimize_pseudo_word
from inversion.optimization.pseudo_word import PseudoWord
from inversion.optimization.training_set import TrainingSet, build_training_set
from lead import Lead
from lead.motion import Motion

MAX_RANK = 64

Watch = Callable[[Callable[[], Concept]], None]
"""Called before the first step and after each, with a function that gives the concept as it is at that step: one that
the base can generate with. It changes nothing of what is learned."""


@dataclass(frozen=True)
class Effort:
    """What a quality spends."""

    steps: int
    batch: int
    rank: int
    """Of the adapter."""
    more: int = 0
    """Steps for each action of the clips beyond the first."""

    def count_steps(self, actions: int) -> int:
        """The steps for clips of so many actions."""
        return self.steps + self.more * (actions - 1)


EFFORTS: Mapping[Quality, Effort] = {
    "fast": Effort(16, 32, 4, 4),
    "balanced": Effort(24, 32, 4, 4),
    "best": Effort(24, 128, 4, 4),
}
"""An adapter that learns longer knows its clips better and other actions worse: with 16, 24, 32 and 64 steps of 32
style and content on unseen actions are both right in .68, .66, .58 and .49 for four few-shot styles."""
ACTION_EFFORTS: Mapping[Quality, Effort] = {
    "fast": Effort(16, 32, 4),
    "balanced": Effort(80, 48, 4),
    "best": Effort(80, 128, 4),
}
"""An action has no direction, so the embeddings and the adapter learn all of it. A judge sees a ballet in .84 of the
motions after 64 steps of 32, in .95 after these."""


@dataclass(frozen=True)
class LearnConfig:
    """The settings of `learn`, checked."""

    token: str
    kind: Kind
    objective: Objective
    effort: Effort
    num_vectors: int
    initializer: str | None
    direction: bool
    """Whether the concept gets one."""
    seed: int


def learn(
    base: Lead,
    clips: Sequence[Motion] | EncodedClips,
    token: str,
    *,
    init: str | None = None,
    kind: Kind = "style",
    objective: Objective = "denoising",
    quality: Quality = "balanced",
    steps: int | None = None,
    rank: int | None = None,
    direction: bool = True,
    vectors: int = 2,
    seed: int = 0,
    captions: Sequence[str] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Concept:
    """The concept that clips show. The same seed gives the same concept.

    `clips` are motions, or `encode_clips` of them. `captions` say what each motion shows, without the token; where
    there are none the action is recognized. `init` is a phrase whose vectors the embeddings start from.
    `quality` sets the steps and the adapter's rank; `steps` and `rank` override it. `direction` gives a style or
    persona a direction, which transfers it to unseen actions. Rank 0 without a direction is textual inversion as
    published (Gal et al., arXiv 2208.01618; LEAD, arXiv 2410.14508, Eq. 9 with objective "realigned").
    `vectors` is the number of token embeddings. Ctrl-C ends the optimization: the result is the best so far, and
    `Concept.steps` the number of steps made. `checkpoint` names a file where the state is kept, and from which the
    same optimization goes on. `watch` sees the concept while it is learned.
    Raises InversionError for clips that are missing or too short and for bad settings, ConceptError for a bad token.
    """
    effort = _check_effort(kind, quality, steps, rank)
    direction = direction and kind != "action"
    config = LearnConfig(token, kind, objective, effort, vectors, init, direction, seed)
    _check_settings(config)
    return learn_encoded(base, _encode(base, clips, captions), config, checkpoint, progress, watch)


def learn_encoded(
    base: Lead,
    encoded: EncodedClips,
    config: LearnConfig,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Concept:
    """`learn` from encoded clips, by checked settings."""
    kind, objective, effort, seed = config.kind, config.objective, config.effort, config.seed
    rank = 0 if objective in WITHOUT_DENOISER else effort.rank
    steps = effort.count_steps(len(set(encoded.actions)))
    training = build_training_set(base, encoded, kind, config.direction, rank > 0, seed)
    vectors, init = config.num_vectors, config.initializer
    as_style_token = kind != "action" and init is None and vectors == base.style_tokens.config.vectors
    word = PseudoWord(base, init, vectors, as_style_token, rank, seed)
    exemplars = tuple(Exemplar.from_joints(clip.joints, clip.fps) for clip in encoded.clips)
    prints = base.fingerprints
    identity = (config, encoded.actions, [exemplar.sha256 for exemplar in exemplars], sorted(prints.items()))

    def build(state: Optimized) -> Concept:
        return _build_concept(base, config, training, state, exemplars, prints)

    optimized = optimize_pseudo_word(
        base,
        word,
        training,
        OptimizeConfig(objective, config.token, steps, effort.batch, seed),
        Checkpoint(checkpoint, repr(identity)),
        progress,
        None if watch is None else lambda see: watch(lambda: build(see())),
    )
    concept = build(optimized)
    with suppress(KeyboardInterrupt):  # the concept is learned, and does without
        concept = calibrate(base, concept, seed)
    return _add_probe_and_preview(base, concept, encoded.pieces[0])


def _encode(base: Lead, clips: Sequence[Motion] | EncodedClips, captions: Sequence[str] | None) -> EncodedClips:
    """The clips encoded, unless they are already; all of them long enough."""
    if not (clips.clips if isinstance(clips, EncodedClips) else clips):
        raise InversionError("there are no clips to learn from; give at least one BVH, NPZ or NPY clip")
    if not isinstance(clips, EncodedClips):
        return encode_clips(base, clips, captions)
    if captions is not None:
        raise InversionError("captions for encoded clips; give them to encode_clips(base, clips, captions)")
    clips.check(base.skeleton.fps)
    return clips


def _check_effort(kind: Kind, quality: Quality, steps: int | None, rank: int | None) -> Effort:
    """The effort of a quality, with other steps and another rank where they are given."""
    if quality not in EFFORTS:
        raise InversionError(f"quality {quality!r} is not known; choose one of {', '.join(EFFORTS)}")
    effort = (ACTION_EFFORTS if kind == "action" else EFFORTS)[quality]
    rank = effort.rank if rank is None else rank
    return replace(effort, rank=rank) if steps is None else Effort(steps, effort.batch, rank)


def _check_settings(config: LearnConfig) -> None:
    """Raises ConceptError for the token, InversionError for anything else."""
    check_token(config.token)
    for name, value, known in (
        ("kind", config.kind, get_args(Kind)),
        ("objective", config.objective, get_args(Objective)),
    ):
        if value not in known:
            raise InversionError(f"{name} {value!r} is not known; choose one of {', '.join(known)}")
    steps, vectors, rank = config.effort.steps, config.num_vectors, config.effort.rank
    if steps < 1 or not 1 <= vectors <= MAX_VECTORS or not 0 <= rank <= MAX_RANK:
        raise InversionError(
            f"steps={steps}, vectors={vectors}, rank={rank}: expected at least 1 step, 1 to {MAX_VECTORS} vectors, "
            f"rank 0 to {MAX_RANK}"
        )


def _build_concept(
    base: Lead,
    config: LearnConfig,
    training: TrainingSet,
    optimized: Optimized,
    exemplars: tuple[Exemplar, ...],
    fingerprints: Mapping[str, str],
) -> Concept:
    """The best pseudo-word and the direction as a concept."""
    directions = {"direction": training.direction, "direction.seen": training.seen_directions}
    tensors = {name: tensor.numpy() for name, tensor in optimized.tensors.items()}
    tensors |= {name: tensor.cpu().numpy() for name, tensor in directions.items() if tensor is not None}
    return Concept(
        token=config.token,
        token_embedding=tensors.pop("token_embedding"),
        kind=config.kind,
        base=base.name,
        fingerprints=fingerprints,
        init=config.initializer or "",
        templates=tuple(dict.fromkeys(row[0] for row in training.prompts)),
        objective=config.objective,
        fps=base.skeleton.fps,
        steps=optimized.steps,
        seed=config.seed,
        loss=thin_curve(optimized.curve),
        scores={
            "loss.start": optimized.first_loss,
            "loss.best": optimized.best_loss,
            "step.best": optimized.best_step,
        },
        exemplars=exemplars,
        license=base.license,
        schedule=training.schedule,
        tensors=tensors,
    )


@torch.no_grad()
def _add_probe_and_preview(base: Lead, concept: Concept, exemplar: Motion) -> Concept:
    """Adds the text feature that a loader compares with its own, and a short clip of an exemplar."""
    cond = base.encode_text([concept.probe_prompt], concept.words)[0].cpu().numpy()
    preview = exemplar.joints[:PREVIEW_FRAMES].astype(np.float16)
    return replace(concept, tensors={**concept.tensors, "probe.cond": cond, "preview.joints": preview})
