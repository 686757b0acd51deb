"""The figures of a concept beside held-out clips of the same motion, with the concept and without.

For each held-out clip (a piece of at most 9.8 s) motions of its length are generated from equal noise, with the concept
and without. Embeddings are those of `inversion.similarity`. FID needs many clips to mean anything. The energy
distance stands beside it, and in its place where there are fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from concepts import Concept, Exemplar
from inversion.encoded_clips import EncodedClips
from inversion.errors import InversionError
from inversion.similarity import Array, Embeddings, diversity, embed, energy_distance
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.data.dataset import MIN_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio, frechet_distance, jitter, pairwise_distances
from lead.motion import Motion

FID_CLIPS = 64
"""The least number of held-out clips for which FID is given; from fewer it mostly measures how few they are."""
LEAST = 32
"""The least number of generations with and without the concept; several for each clip where there are fewer clips."""


@dataclass(frozen=True)
class Figures:
    """One row: recorded clips, or generations."""

    motions: int
    fid: float | None
    """Against the held-out clips; None where they are too few."""
    distance: float
    """Energy distance to the held-out clips, of meaning embeddings."""
    posture: float
    """The same of posture."""
    diversity: float
    """The mean distance of pairs of meaning embeddings."""
    nearest: float
    """The mean distance to the nearest held-out clip; of the clips themselves, to the nearest other."""
    nearer: float | None
    """The share that is nearer, in posture, to the held-out clips than to the generations without the concept."""
    skate: float
    jitter: float


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`."""

    prompts: tuple[str, ...]
    """With the token, one for each action of the clips."""
    clips: Figures
    word: Figures
    """Generations with the concept."""
    plain: Figures
    """Generations without it."""
    seen: tuple[str, ...] = ()
    """Clips that the concept was learned from: with these the figures are better than they should be."""


@torch.no_grad()
def evaluate(base: Lead, concept: Concept, encoded: EncodedClips, seed: int = 0) -> Evaluation:
    """The figures of a concept beside held-out clips.

    Raises InversionError for no clips, or for one that is too short.
    """
    if not encoded.clips:
        raise InversionError("there are no clips to compare with; give held-out clips of the same motion")
    encoded.check(base.skeleton.fps)
    pieces, actions = encoded.pieces, encoded.actions
    times = -(-LEAST // len(pieces))
    seconds = [max(piece.seconds - 1 / piece.fps, (MIN_FRAMES + 4) / piece.fps) for piece in pieces] * times
    prompts = [row[0].replace("{}", concept.token) for row in fill_templates(concept.kind, actions)]
    word = base.generate(prompts * times, seconds=seconds, words=concept.words, seed=seed)
    captions = [action_to_caption(action) for action in actions]
    plain = base.generate(captions * times, seconds=seconds, seed=seed)

    evaluator = Evaluator.load(device=base.device)
    of_clips = embed(evaluator, encoded.features)
    of_word, of_plain = (embed(evaluator, [motion.features() for motion in motions]) for motions in (word, plain))
    learned = {exemplar.sha256 for exemplar in concept.exemplars}
    return Evaluation(
        tuple(dict.fromkeys(prompts)),
        clips=_figures([Motion.from_features(rows) for rows in encoded.features], of_clips, of_clips, of_plain),
        word=_figures(word, of_word, of_clips, of_plain),
        plain=_figures(plain, of_plain, of_clips, of_plain),
        seen=tuple(
            clip.name for clip in encoded.clips if Exemplar.from_joints(clip.joints, clip.fps).sha256 in learned
        ),
    )


def _figures(motions: Sequence[Motion], own: Embeddings, clips: Embeddings, plain: Embeddings) -> Figures:
    """One row; a row compared with itself has no distance."""
    itself = own is clips
    apart = pairwise_distances(own.meaning, clips.meaning)
    if itself:
        np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1).mean()
    return Figures(
        len(motions),
        None if itself or len(clips.meaning) < FID_CLIPS else frechet_distance(own.meaning, clips.meaning),
        0.0 if itself else energy_distance(own.meaning, clips.meaning),
        0.0 if itself else energy_distance(own.posture, clips.posture),
        diversity(own.meaning),
        float(nearest) if np.isfinite(nearest) else 0.0,
        None if own is plain else _share_nearer(own.posture, clips.posture, plain.posture, itself),
        float(np.mean([foot_skate_ratio(motion.joints, motion.fps) for motion in motions])),
        float(np.mean([jitter(motion.joints, motion.fps) for motion in motions])),
    )


def _share_nearer(
    rows: Float[Array, "n d"], clips: Float[Array, "m d"], plain: Float[Array, "k d"], itself: bool
) -> float:
    """The share of rows whose mean distance to the clips is less than that to the plain rows.

    `itself` says that the rows are the clips: each is left out of its own mean.
    """
    to_clips = pairwise_distances(rows, clips).sum(axis=1) / max(len(clips) - itself, 1)
    return float((to_clips < pairwise_distances(rows, plain).mean(axis=1)).mean())
