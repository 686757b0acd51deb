"""The figures of a learned word beside held-out clips of the same motion, with the word and without.

Each held-out clip (a piece of at most 9.8 s) is answered by generations of its own length, from equal noise with the
word and without.  Embeddings are the embedded evaluator's (`lead.eval.evaluator`); `posture` is the space that sees manners
which no caption names (`inversion.similarity`).  FID needs many clips to mean anything; beside it, and with fewer in its
place, stands the energy distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from concepts import Concept, Exemplar
from inversion.encoded_clips import cut
from inversion.errors import InversionError
from inversion.similarity import Array, Looks, energy_distance, looks, spread
from inversion.templates import caption_to_action, recognize_actions, templates
from lead import Lead
from lead.data.dataset import MIN_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio, frechet_distance, jitter, pairwise_distances
from lead.motion import Motion

FID_CLIPS = 64
"""Held-out clips from which on FID is given: with fewer it mostly measures how few they are."""
LEAST = 32
"""Generations with the word and without: several for each clip, where there are fewer clips."""


@dataclass(frozen=True)
class Figures:
    """One row: recorded clips, or generations."""

    motions: int
    fid: float | None
    """Against the held-out clips; None with too few of them."""
    distance: float
    """Energy distance to the held-out clips, of embeddings."""
    posture: float
    """The same of posture."""
    diversity: float
    """The mean distance of pairs of embeddings."""
    nearest: float
    """The mean distance to the nearest held-out clip; of the clips themselves, to the nearest other."""
    nearer: float | None
    """The share that lies nearer to the held-out clips than to the no-word generations, on the mean, in posture."""
    skate: float
    jitter: float


@dataclass(frozen=True)
class Evaluation:
    """What `lead-invert evaluate` tells."""

    prompts: tuple[str, ...]
    """With the word, one for each action of the clips."""
    clips: Figures
    word: Figures
    plain: Figures
    seen: tuple[str, ...] = ()
    """Clips that the word was learned from: with these the figures flatter it."""


@torch.no_grad()
def evaluate(
    base: Lead, concept: Concept, clips: Sequence[Motion], captions: Sequence[str] | None = None, seed: int = 0
) -> Evaluation:
    """The figures of a concept beside held-out clips; `captions` say what each shows, without them it is recognized.

    Raises InversionError for no clips, or for one that is too short.
    """
    if not clips:
        raise InversionError("there are no clips to compare with; give held-out clips of the same motion")
    pieces, owners = cut(clips, base.skeleton.fps)
    actions = [caption_to_action(captions[row]) for row in owners] if captions else recognize_actions(base, pieces)
    times = -(-LEAST // len(pieces))
    seconds = [max(piece.seconds - 1 / piece.fps, (MIN_FRAMES + 4) / piece.fps) for piece in pieces] * times
    prompts = [row[0].replace("{}", concept.token) for row in templates(concept.kind, actions)]
    word = base.generate(prompts * times, seconds=seconds, words=concept.words, seed=seed)
    plain = base.generate([f"a person {action}" for action in actions] * times, seconds=seconds, seed=seed)

    evaluator = Evaluator.load(device=base.device)
    real, with_word, without = (looks(evaluator, motions) for motions in (pieces, word, plain))
    learned = {exemplar.sha256 for exemplar in concept.exemplars}
    return Evaluation(
        tuple(dict.fromkeys(prompts)),
        clips=_figures([Motion.from_features(piece.features()) for piece in pieces], real, real, without),
        word=_figures(word, with_word, real, without),
        plain=_figures(plain, without, real, without),
        seen=tuple(clip.name for clip in clips if Exemplar.from_joints(clip.joints, clip.fps).sha256 in learned),
    )


def _figures(motions: Sequence[Motion], these: Looks, real: Looks, plain: Looks) -> Figures:
    """One row; a row compared with itself has no distance."""
    own = these is real
    apart = pairwise_distances(these.meaning, real.meaning)
    if own:
        np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1).mean()
    return Figures(
        len(motions),
        None if own or len(real.meaning) < FID_CLIPS else frechet_distance(these.meaning, real.meaning),
        0.0 if own else energy_distance(these.meaning, real.meaning),
        0.0 if own else energy_distance(these.posture, real.posture),
        spread(these.meaning),
        float(nearest) if np.isfinite(nearest) else 0.0,
        None if these is plain else _nearer(these.posture, real.posture, plain.posture, own),
        float(np.mean([foot_skate_ratio(motion.joints, motion.fps) for motion in motions])),
        float(np.mean([jitter(motion.joints, motion.fps) for motion in motions])),
    )


def _nearer(these: Array, real: Array, plain: Array, own: bool) -> float:
    """The share of rows whose mean distance to the clips (their own left out) is below that to the no-word rows."""
    apart = pairwise_distances(these, real)
    to_real = apart.sum(axis=1) / max(len(real) - own, 1)
    return float((to_real < pairwise_distances(these, plain).mean(axis=1)).mean())
