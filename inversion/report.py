"""What a concept does, measured after learning without any label.

Motions are generated in pairs from equal noise, with the concept and without (`inversion.judgement.trials`). Style and
content are measured apart, by the product's own encoders and by measures of joints:
- *Reproduction*: how much of the way from the plain motions to the clips the concept goes, on the training action;
  whether the clips' style or action is seen there; and whether pace, height and side are those of the clips.
- *Sights*: on which unseen actions the clips' style is seen, on which it is not, and where that is not sure. Of an
  action: in which ways it is still done.
- *Content*: on which unseen actions the action itself is kept. Of an action: which ways change it.
- *Side effects*: what the concept brings that is not its meaning.
- *Plain prompts*: how many of the plain motions show what their prompts say. Where the base itself does not do them,
  no word can, and the report says so instead of blaming the word.
The modules of `inversion.judgement` have one of these questions each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from concepts import Concept
from concepts.kinds import Kind
from inversion.encoded_clips import EncodedClips
from inversion.judgement import wording
from inversion.judgement.content import measure_content
from inversion.judgement.deeds import find_deed
from inversion.judgement.differences import find_differences, measure_figures
from inversion.judgement.plain_base import POOR, measure_base
from inversion.judgement.reproduction import measure_reproduction
from inversion.judgement.side_effects import find_nearest_cm, find_side_effects
from inversion.judgement.style import (
    MIXED,
    UNSURE,
    Sample,
    Sight,
    credit,
    measure_mixture,
    see_actions,
    see_styles,
)
from inversion.judgement.style_space import load_style_space
from inversion.judgement.trials import Pairs, Trials, find_training_action, plan_trials, run_trials
from inversion.similarity import Array, Embeddings, diversity, embed
from lead import Lead
from lead.eval.evaluator import Evaluator
from lead.motion import Motion

WAY_PRESERVED = 0.2
"""Least cosine of a way's displacements with the concept and without; short and small ones are noisy."""
SEEN = 0.2
"""A concept that reproduces less has nothing to transfer."""


@dataclass(frozen=True)
class Report:
    """What a concept does; shares are from 0 to 1. The names of the fields are keys of `--json` and of scores."""

    reproduces: float
    """Reproduction: the share of the way from the plain generations to the clips."""
    travels: float
    """Transfer: the share of unseen actions on which the style is seen and the action kept, or of ways."""
    holds: float
    """Content preservation: how much of the unseen actions' content, or of the ways, is left, on the mean."""
    variety: float
    """The diversity of its motions of the training action, as a share of the clips' own."""
    nearest_cm: float
    """The least distance of a generation to a clip, pose for pose."""
    stays: tuple[str, ...] = ()
    """Unseen actions or ways to which it does not transfer, for sure or perhaps."""
    absorbed: tuple[str, ...] = ()
    """Side effects."""
    advice: tuple[str, ...] = ()
    """What would help."""
    plain_shown: float = 1.0
    """The share of plain generations that show what their prompts say."""
    plain_missed: tuple[str, ...] = ()
    """The plain prompts whose generations mostly do not."""
    kind: Kind = "style"
    grade: str = "badly"
    """How well the clips are reproduced: well, in part or badly."""
    seen: bool | None = None
    """Whether the clips' style or action is seen on the training action; None where it is not sure."""
    differs: tuple[str, ...] = ()
    """What of pace, height and side is not that of the clips."""
    seen_on: tuple[str, ...] = ()
    """Unseen actions on which the style is seen; ways in which the action is."""
    unseen_on: tuple[str, ...] = ()
    """Those on which it is not."""
    unsure_on: tuple[str, ...] = ()
    """Those where neither can be said."""
    kept_on: tuple[str, ...] = ()
    """Unseen actions that the word leaves what they are; ways that still change the action."""
    lost_on: tuple[str, ...] = ()
    """Those that it does not."""

    @property
    def scores(self) -> dict[str, float]:
        """The numbers, as a concept keeps them."""
        names = ("reproduces", "travels", "holds", "variety", "nearest_cm")
        return {f"report.{name}": round(getattr(self, name), 4) for name in names}

    @property
    def sentences(self) -> tuple[str, ...]:
        """The report as text."""
        poor = self.plain_shown < POOR
        sentences = [wording.describe_base(self.plain_shown, self.plain_missed)] if poor else []
        sentences.append(wording.describe_reproduction(self.grade, self.reproduces, self.seen, self.kind, self.differs))
        if self.seen_on or self.unseen_on or self.unsure_on:
            sentences.append(wording.describe_sights(self.kind, self.seen_on, self.unseen_on, self.unsure_on))
        if self.kept_on or self.lost_on:
            sentences.append(wording.describe_content(self.kind, self.kept_on, self.lost_on))
        sentences += [f"Side effects: {'; '.join(self.absorbed)}."] if self.absorbed else []
        sentences += [f"What would help: {'; '.join(self.advice)}."] if self.advice else []
        return tuple(sentences)


@torch.no_grad()
def report(base: Lead, concept: Concept, encoded: EncodedClips, seed: int = 0) -> Report:
    """What a concept does on the base that it was learned on, beside the clips that it was learned from.

    Raises InversionError for a clip that is too short.
    """
    encoded.check(base.skeleton.fps)
    trials = run_trials(base, concept, plan_trials(concept, encoded), seed)
    return judge_trials(base, concept.kind, encoded, trials, seed)


@torch.no_grad()
def judge_trials(base: Lead, kind: Kind, encoded: EncodedClips, trials: Trials, seed: int = 0) -> Report:
    """The report on motions that were generated before."""
    evaluator = Evaluator.load(device=base.device)
    every = [trials.own, *trials.unseen]
    samples = [Sample(_embed(evaluator, pairs.concept), _embed(evaluator, pairs.plain)) for pairs in every]
    clips = embed(evaluator, encoded.features)
    own, *others = samples
    action = find_training_action(encoded)
    rows = [row for row, shown in enumerate(encoded.actions) if shown == action]  # what `own` is to be like
    features, same = [encoded.features[row] for row in rows], clips[rows]
    reproduction = measure_reproduction(own.concept, own.plain, same)
    here, *there = _see(kind, encoded, samples, clips, reproduction)
    if kind == "action":
        left = _ways_preserved(own, others)
        kept = left >= WAY_PRESERVED
    else:
        contents = [measure_content(base, pairs, trials.own) for pairs in trials.unseen]
        left, kept = np.array([one.share for one in contents]), np.array([one.kept for one in contents])
    uniform = [Motion.from_features(each) for each in features]  # of one size, as generated ones are
    differs = find_differences(measure_figures(trials.own.concept), measure_figures(uniform))
    variety = _variety(own.concept, same)
    nearest = find_nearest_cm([motion.features() for motion in trials.own.concept], encoded.features)
    shown, missed = measure_base(base, trials, kind == "action", seed)
    transfers = [bool(sight.seen) and bool(whole) for sight, whole in zip(there, kept, strict=True)]
    result = Report(
        reproduction,
        float(np.mean(transfers)),
        float(np.clip(left, 0, 1).mean()),
        min(variety, 1.0),
        nearest,
        stays=_pick(trials.unseen, [not one for one in transfers]),
        absorbed=tuple(find_side_effects(trials, features, own.concept, own.plain, variety, nearest)),
        plain_shown=shown,
        plain_missed=missed,
        kind=kind,
        grade=wording.grade_reproduction(reproduction, here.seen, here.clear, len(differs)),
        seen=here.seen,
        differs=differs,
        seen_on=_pick(trials.unseen, [sight.seen is True for sight in there]),
        unseen_on=_pick(trials.unseen, [sight.seen is False for sight in there]),
        unsure_on=_pick(trials.unseen, [sight.seen is None for sight in there]),
        kept_on=_pick(trials.unseen, kept),
        lost_on=_pick(trials.unseen, ~kept),
    )
    return replace(result, advice=tuple(_give_advice(result, encoded)))


def _see(
    kind: Kind, encoded: EncodedClips, samples: Sequence[Sample], clips: Embeddings, reproduction: float
) -> list[Sight]:
    """Whether what was learned is seen: on the training action, then on each unseen action or in each way.

    Nothing is sure of a style whose clips show a thing done rather than a way of doing things, or several styles.
    """
    if reproduction < SEEN:
        return [Sight(0.0) for _ in samples]
    own = samples[0]
    without = Sample(own.plain, own.plain)
    if kind == "action":
        sights, plain = see_actions(samples, clips), see_actions([without], clips)[0]
    else:
        space = load_style_space()
        if find_deed(encoded.actions) or measure_mixture(space.embed(clips), encoded.actions) > MIXED:
            return [UNSURE for _ in samples]
        sights = see_styles(space, samples, clips)
        plain = see_styles(space, [without, *samples[1:]], clips)[0]
    return [credit(sights[0], plain), *sights[1:]]


def _give_advice(result: Report, encoded: EncodedClips) -> list[str]:
    return wording.give_advice(
        kind=result.kind, clips=len(encoded.clips), actions=len(set(encoded.actions)), reproduces=result.reproduces,
        travels=result.travels, stays=result.stays, absorbed=result.absorbed, plain_shown=result.plain_shown,
    )  # fmt: skip


def _embed(evaluator: Evaluator, motions: Sequence[Motion]) -> Embeddings:
    return embed(evaluator, [motion.features() for motion in motions])


def _pick(pairs: Sequence[Pairs], chosen: Sequence[bool] | np.ndarray) -> tuple[str, ...]:
    return tuple(one.prompt.name for one, take in zip(pairs, chosen, strict=True) if take)


def _variety(concept: Embeddings, clips: Embeddings) -> float:
    """The diversity of motions as a share of the clips'; a single clip has none, and the share is 1."""
    return diversity(concept.posture) / max(diversity(clips.posture), 1e-6) if len(clips.posture) > 1 else 1.0


def _ways_preserved(own: Sample, ways: Sequence[Sample]) -> Float[Array, "ways"]:
    """For each way, the cosine of its displacements with the concept and without."""
    cosines = []
    for way in ways:
        with_it = way.concept.posture.mean(axis=0) - own.concept.posture.mean(axis=0)
        plain = way.plain.posture.mean(axis=0) - own.plain.posture.mean(axis=0)
        lengths = float(np.linalg.norm(with_it) * np.linalg.norm(plain))
        cosines.append(float(with_it @ plain) / max(lengths, 1e-9))
    return np.array(cosines)
