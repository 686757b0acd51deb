"""Whether a concept is the word for held-out clips: a verdict, and the figures of motions with it and without.

For each held-out clip (a piece of at most 9.8 s) motions of its length are generated from equal noise, with the concept
and without. Embeddings are those of `inversion.similarity`. FID needs many clips to mean anything. The energy
distance stands beside it, and in its place where there are fewer.
A distance that falls says little: nearly every word brings motions nearer to nearly all clips. So the verdict is
whether the clips' style, or their action, is seen in the motions (`inversion.judgement.style`), and whether another
word of the library comes nearer to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from concepts import Concept, Exemplar
from concepts.kinds import Kind
from inversion.encoded_clips import EncodedClips
from inversion.errors import InversionError
from inversion.judgement.deeds import find_deed
from inversion.judgement.style import SEEN, Sample, Sight, see_actions, see_styles
from inversion.judgement.style_space import load_style_space
from inversion.similarity import Array, Embeddings, diversity, embed, energy_distance
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.data.dataset import MIN_FRAMES
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import foot_skate_ratio, frechet_distance, jitter, pairwise_distances
from lead.motion import Motion

FID_CLIPS = 64
"""The least number of held-out clips for which FID is given; from fewer it mostly measures how few they are."""
MATCHED = 8
"""Motions of each other word."""
MATCHED_SECONDS = 4.0
CLEARLY = 0.15
"""Of probability: by so much another word has to be nearer."""
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


Fit = Literal["this word", "another word", "another motion", "not sure"]
_VERDICTS: dict[Fit, str] = {
    "this word": "{token} is the word for these clips: {what} is seen in its motions",
    "another word": "{token} is not the word for these clips: {better} comes nearer to them",
    "another motion": "{token} is not the word for these clips: {what} is not seen in its motions",
    "not sure": "whether {token} is the word for these clips cannot be told: {why}",
}


@dataclass(frozen=True)
class Verdict:
    """Whether a word is the one for some clips."""

    fit: Fit
    score: float
    """How likely the clips' style or action is seen in the word's motions, from 0 to 1."""
    others: dict[str, float] = field(default_factory=dict)
    """The scores of other words, by token."""
    deed: str = ""
    """The one thing done that the clips show, where they show no style."""

    def describe(self, token: str, kind: str) -> str:
        """The verdict as a sentence."""
        why = "the two are too near to each other" if not self.deed else f"all clips show a thing done ({self.deed})"
        what = f"the clips' {'action' if kind == 'action' else 'style'}"
        better = max(self.others, key=lambda name: self.others[name], default="")
        return _VERDICTS[self.fit].format(token=token, what=what, better=better, why=why) + "."


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
    verdict: Verdict
    seen: tuple[str, ...] = ()
    """Clips that the concept was learned from: with these the figures are better than they should be."""


@torch.no_grad()
def evaluate(
    base: Lead, concept: Concept, encoded: EncodedClips, seed: int = 0, others: Sequence[Concept] = ()
) -> Evaluation:
    """The verdict and the figures of a concept beside held-out clips; `others` are words that may be meant instead.

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
    action = max(dict.fromkeys(actions), key=actions.count)
    rival = {
        other.token: score_motions(evaluator, other.kind, *generate_matched(base, other, action, seed), of_clips)
        for other in others
        if other.token != concept.token
    }
    own = _see(concept.kind, Sample(of_word, of_plain), of_clips)
    verdict = give_verdict(own, rival, "" if concept.kind == "action" else find_deed(actions))
    learned = {exemplar.sha256 for exemplar in concept.exemplars}
    return Evaluation(
        tuple(dict.fromkeys(prompts)),
        clips=_figures([Motion.from_features(rows) for rows in encoded.features], of_clips, of_clips, of_plain),
        word=_figures(word, of_word, of_clips, of_plain),
        plain=_figures(plain, of_plain, of_clips, of_plain),
        verdict=verdict,
        seen=tuple(
            clip.name for clip in encoded.clips if Exemplar.from_joints(clip.joints, clip.fps).sha256 in learned
        ),
    )


def generate_matched(base: Lead, concept: Concept, action: str, seed: int = 0) -> tuple[list[Motion], list[Motion]]:
    """Motions of an action with a word and without it, to score the word by."""
    prompt = fill_templates(concept.kind, [action])[0][0].replace("{}", concept.token)
    word = base.generate([prompt] * MATCHED, seconds=MATCHED_SECONDS, words=concept.words, seed=seed)
    return word, base.generate([action_to_caption(action)] * MATCHED, seconds=MATCHED_SECONDS, seed=seed)


def score_motions(
    evaluator: Evaluator, kind: Kind, word: Sequence[Motion], plain: Sequence[Motion], clips: Embeddings
) -> float:
    """How likely the clips' style or action is seen in a word's motions."""
    own, without = (embed(evaluator, [motion.features() for motion in motions]) for motions in (word, plain))
    return _see(kind, Sample(own, without), clips).probability


def give_verdict(own: Sight, others: Mapping[str, float], deed: str) -> Verdict:
    """The verdict from a word's sight and the scores of other words.

    Another word is said to be nearer where it is by CLEARLY and is itself seen.
    """
    best = max(others.values(), default=0.0)
    if deed:
        fit: Fit = "another motion" if own.seen is False else "not sure"
    elif own.seen is False:
        fit = "another word" if best >= SEEN else "another motion"
    elif best >= SEEN and best - own.probability >= CLEARLY:
        fit = "another word"
    else:
        fit = "this word" if own.seen else "not sure"
    return Verdict(fit, own.probability, dict(others), deed)


def _see(kind: Kind, sample: Sample, clips: Embeddings) -> Sight:
    return see_actions([sample], clips)[0] if kind == "action" else see_styles(load_style_space(), [sample], clips)[0]


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
