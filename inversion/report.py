"""What a concept does, measured after learning without any label.

Motions are generated in pairs from equal noise, with the concept and without: on the training action, and on four
unseen actions (of a style or persona) or in four ways to do the action ("slowly").
- *Reproduction*: how much of the way from the plain generations to the clips the concept goes, on the training action.
- *Transfer* of a style: the share of unseen actions whose content it preserves. Of an action: the share of ways in
  which the concept's *displacement*, what it changes in posture, points as it does without the way, and in which the
  way changes what it changes in plain generations. Plain then means the nearest known action.
- *Side effects*: what the concept brings that is not its meaning, as turning, another pace, or copies of the clips.
- *Plain prompts*: how many of the plain generations show what their prompts say, by measures of the joints. Where the
  base itself does not do them, no word can, and the report says so instead of blaming the word.
Spaces and distances are those of `inversion.similarity`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.functional import cosine_similarity

from concepts import Concept
from inversion.assess import KNOWN_MEANING, KNOWN_POSTURE
from inversion.encoded_clips import EncodedClips, pool_realigned
from inversion.similarity import (
    Array,
    Embeddings,
    Features,
    diversity,
    embed,
    features_to_poses,
    mean_distance,
    pose_distance_cm,
)
from inversion.templates import action_to_caption, fill_templates
from lead import Lead
from lead.data.compose.truth import holds
from lead.eval.evaluator import Evaluator
from lead.motion import Motion
from lead.motion.skeleton import HUMANML3D, JOINTS
from lead.text.parsing import parse

T = TypeVar("T")

UNSEEN = {
    "runs": "jogs ahead",
    "raises both hands": "puts both hands up in the air",
    "waves the right hand": "greets with a wave of the right hand",
    "walks forward and turns left": "walks around a corner to the left",
}
"""Unseen actions of a style, and the words in which they are asked for: one that travels, one that stands, a one-sided
one, one that turns. Those that the clips show are left out."""
WAYS = ("slowly", "quickly", "hunched over", "with the arms out to the sides")
"""Ways to do an action."""
STANDING = (UNSEEN["raises both hands"], UNSEEN["waves the right hand"])
OWN, EACH = 8, 3
"""Generations of the training action, and of each unseen action or way, with the concept and without."""

# Limits are measured with the embedded base on concepts that were learned well and badly, beside the benchmarks' judge.
ALIGNED = 0.45
"""Least cosine of an action's displacements. A style's say little about what a judge sees (AUC .42 to .65, 140 cases).
"""
PRESERVED = 0.5
"""Least share of the plain generation's realigned cosine; in .92 of 156 cases it says what the judge says."""
WAY_PRESERVED = 0.2
"""Least cosine of a way's displacements with the concept and without; short and small ones are noisy."""
TURNING = 8.0
"""Degrees a second: corners have 13 and more, straight walks, recorded or generated, at most 4."""
WANDERING = 0.25
"""Meters a second of a person who should stand; generated ones stay within .01."""
PACE = 1.3
"""Times as fast or as slow: concepts learned well keep within 1.15 of the clips' pace."""
ONE_SIDED = 2.5
"""Times: walks whose arms are alike have 1.0 to 1.9."""
SAME = 0.5
"""Share of the clips' diversity."""
COPY_CM = 1.0
"""Pose for pose: other takes of a walk are 2 and more away."""
GOOD, FAIR, SEEN = 0.7, 0.4, 0.2
"""Shares. A concept that reproduces less than SEEN has nothing to transfer."""
POOR = 0.4
"""Share of plain generations that show what their prompts say: the embedded base has 1.0 on `UNSEEN`, one whose
denoiser is noise 0.25 (jerks that pass for a run)."""
FEW = 5
"""Clips; the benchmark's styles are learned from five walks of one actor."""


def _posture_columns(names: Sequence[str]) -> list[int]:
    """The places of joints' mean positions in `similarity.posture`."""
    return [3 * (JOINTS.index(name) - 1) + axis for name in names for axis in range(3)]


_ARMS = [_posture_columns((f"{side}_elbow", f"{side}_wrist")) for side in ("left", "right")]


@dataclass(frozen=True)
class Report:
    """What a concept does; shares are from 0 to 1. The names of the fields are keys of `--json` and of scores."""

    reproduces: float
    """Reproduction: the share of the way from the plain generations to the clips."""
    travels: float
    """Transfer: the share of unseen actions, or of ways, to which the concept transfers."""
    holds: float
    """Content preservation: how much of the unseen actions' content, or of the ways, is left, on the mean."""
    variety: float
    """The diversity of its motions of the training action, as a share of the clips' own."""
    nearest_cm: float
    """The least distance of a generation to a clip, pose for pose."""
    stays: tuple[str, ...] = ()
    """Unseen actions or ways to which it does not transfer."""
    absorbed: tuple[str, ...] = ()
    """Side effects."""
    advice: tuple[str, ...] = ()
    """What would help."""
    plain_shown: float = 1.0
    """The share of plain generations that show what their prompts say."""
    plain_missed: tuple[str, ...] = ()
    """The plain prompts whose generations mostly do not."""

    @property
    def scores(self) -> dict[str, float]:
        """The numbers, as a concept keeps them."""
        names = ("reproduces", "travels", "holds", "variety", "nearest_cm")
        return {f"report.{name}": round(getattr(self, name), 4) for name in names}

    @property
    def sentences(self) -> tuple[str, ...]:
        """The report as text."""
        poor = [_describe_base(self.plain_shown, self.plain_missed)] if self.plain_shown < POOR else []
        sentences = [*poor, f"It reproduces the clips {_grade(self.reproduces)} ({self.reproduces:.0%})."]
        failed = f"; not to: {', '.join(self.stays)}" if self.stays else ""
        sentences.append(f"It transfers {_grade(self.travels)} ({self.travels:.0%} of what was tried{failed}).")
        sentences += [f"Side effects: {'; '.join(self.absorbed)}."] if self.absorbed else []
        sentences += [f"What would help: {'; '.join(self.advice)}."] if self.advice else []
        return tuple(sentences)


@dataclass(frozen=True, eq=False)
class Generations:
    """Motions with what is measured of them."""

    motions: list[Motion]
    features: list[Features]
    embeddings: Embeddings


@dataclass(frozen=True, eq=False)
class Pairs:
    """Generations from equal noise with the concept and without."""

    concept: Generations
    plain: Generations
    captions: list[str]
    """The prompts of the plain ones."""


@torch.no_grad()
def report(base: Lead, concept: Concept, encoded: EncodedClips, seed: int = 0) -> Report:
    """What a concept does on the base that it was learned on, beside the clips that it was learned from.

    Raises InversionError for a clip that is too short.
    """
    encoded.check(base.skeleton.fps)
    actions, pieces = encoded.actions, encoded.pieces
    action = max(dict.fromkeys(actions), key=actions.count)
    names = WAYS if concept.kind == "action" else [text for name, text in UNSEEN.items() if name not in actions]
    seconds = float(np.clip(np.mean([piece.seconds for piece in pieces]), 1.0, 5.0))
    evaluator = Evaluator.load(device=base.device)
    own = _generate_pairs(base, evaluator, concept, [_write_prompts(concept, action)] * OWN, seconds, seed)
    prompts = [_write_prompts(concept, action, name) for name in names for _ in range(EACH)]
    unseen = _generate_pairs(base, evaluator, concept, prompts, min(seconds, 4.0), seed + 1)

    clips = embed(evaluator, encoded.features)
    reproduction = measure_reproduction(own.concept.embeddings, own.plain.embeddings, clips)
    if concept.kind == "action":
        preserved = _ways_preserved(own, unseen)
        transfers = (preserved >= WAY_PRESERVED) & (_displacement_cosines(own, unseen) >= ALIGNED)
    else:
        preserved = measure_content(*_caption_cosines(base, own, unseen))
        transfers = preserved >= PRESERVED
    transfers &= reproduction >= SEEN
    nearest = _nearest_cm(own.concept.features, encoded.features)
    posture = own.concept.embeddings.posture
    variety = diversity(posture) / max(diversity(clips.posture), 1e-6) if len(pieces) > 1 else 1.0
    shown, missed = _measure_base(base, concept, own, unseen, seed)
    result = Report(
        reproduction,
        float(transfers.mean()),
        float(np.clip(preserved, 0, 1).mean()),
        min(variety, 1.0),
        nearest,
        stays=tuple(name for name, there in zip(names, transfers, strict=True) if not there),
        absorbed=tuple(_find_side_effects(encoded, own, unseen, names, variety, nearest)),
        plain_shown=shown,
        plain_missed=missed,
    )
    return replace(result, advice=tuple(give_advice(result, concept.kind, len(encoded.clips))))


def _grade(share: float) -> str:
    return "well" if share >= GOOD else "in part" if share >= FAIR else "badly"


def _describe_base(shown: float, missed: Sequence[str]) -> str:
    named = f"; not {', '.join(map(repr, missed[:3]))}" if missed else ""
    return (
        f"The base itself does not do plain prompts: {shown:.0%} of its motions without the word show what their "
        f"prompts say{named}. So what follows says little of the word."
    )


def _measure_base(base: Lead, concept: Concept, own: Pairs, unseen: Pairs, seed: int) -> tuple[float, tuple[str, ...]]:
    """`measure_plain` of the plain generations. An action that the base does not do, or for which there is no measure,
    says nothing of the base: then unseen actions of styles do.
    """
    motions, captions = [*own.plain.motions, *unseen.plain.motions], [*own.captions, *unseen.captions]
    shown, missed = measure_plain(motions, captions)
    if concept.kind != "action" or (shown is not None and shown >= POOR):
        return 1.0 if shown is None else shown, missed
    captions = [action_to_caption(text) for text in UNSEEN.values() for _ in range(EACH)]
    shown, missed = measure_plain(base.generate(captions, seconds=3.0, seed=seed + 2), captions)
    return shown or 0.0, missed


def measure_plain(motions: Sequence[Motion], captions: Sequence[str]) -> tuple[float | None, tuple[str, ...]]:
    """The share of motions that show what their captions say, and the captions that most of their motions do not show.

    None where there is no measure for any caption.
    """
    shown: dict[str, list[bool]] = {}
    for motion, caption in zip(motions, captions, strict=True):
        meaning = parse(caption)
        if meaning and (found := holds(meaning, motion.joints)) is not None:
            shown.setdefault(caption, []).append(found)
    if not shown:
        return None, ()
    missed = tuple(caption for caption, found in shown.items() if 2 * sum(found) < len(found))
    return float(np.mean([np.mean(found) for found in shown.values()])), missed


def _write_prompts(concept: Concept, action: str, name: str = "") -> tuple[str, str]:
    """A prompt with the token and a plain one, of the training action or of an unseen one; of an action, in a way."""
    if concept.kind == "action":
        prompt = f"{fill_templates('action', [action])[0][0]} {name}".strip()
        return prompt.replace("{}", concept.token), action_to_caption(action, name)
    prompt = fill_templates(concept.kind, [name or action])[0][0]
    return prompt.replace("{}", concept.token), action_to_caption(name or action)


def _generate_pairs(
    base: Lead,
    evaluator: Evaluator,
    concept: Concept,
    prompts: Sequence[tuple[str, str]],
    seconds: float,
    seed: int,
) -> Pairs:
    with_token, captions = ([pair[side] for pair in prompts] for side in (0, 1))
    motions = base.generate(with_token, seconds=seconds, words=concept.words, seed=seed)
    plain = base.generate(captions, seconds=seconds, seed=seed)
    return Pairs(_embed_motions(evaluator, motions), _embed_motions(evaluator, plain), captions)


def _embed_motions(evaluator: Evaluator, motions: list[Motion]) -> Generations:
    features = [motion.features() for motion in motions]
    return Generations(motions, features, embed(evaluator, features))


def measure_reproduction(concept: Embeddings, plain: Embeddings, clips: Embeddings) -> float:
    """The share of the plain generations' way to the clips that is gone: 1 - excess(concept) / excess(plain)."""
    whole = _excess(plain, plain, clips)
    return float(np.clip(1.0 - _excess(concept, plain, clips) / whole, 0.0, 1.0)) if whole > 0 else 1.0


def _excess(generated: Embeddings, plain: Embeddings, clips: Embeddings) -> float:
    """The distance of generations to clips beyond the clips' diversity, in the greater of both spaces; 0 at least.

    A single clip has no diversity; that of the plain generations stands for it.
    """
    spaces = (
        (generated.posture, plain.posture, clips.posture, KNOWN_POSTURE),
        (generated.meaning, plain.meaning, clips.meaning, KNOWN_MEANING),
    )
    return max(
        0.0,
        *(
            (mean_distance(these, real) - diversity(real if len(real) > 1 else own)) / scale
            for these, own, real, scale in spaces
        ),
    )


def _mean_each(rows: Float[Array, "generations *d"]) -> Float[Array, "unseen *d"]:
    """Rows of generations to their means for each unseen action or way."""
    means: Array = rows.reshape(-1, EACH, *rows.shape[1:]).mean(axis=1)
    return means


def _displacements(pairs: Pairs) -> Float[Array, "pairs d_posture"]:
    """What the concept changes in posture."""
    changed: Array = pairs.concept.embeddings.posture - pairs.plain.embeddings.posture
    return changed


def _displacement_cosines(own: Pairs, unseen: Pairs) -> Float[Array, "unseen"]:
    """cos(displacement there, displacement on the training action)."""
    return _cosines(_mean_each(_displacements(unseen)), _displacements(own).mean(axis=0))


def _ways_preserved(own: Pairs, unseen: Pairs) -> Float[Array, "unseen"]:
    """For each way, the cosine of its displacements with the concept and without."""
    changes = [
        _mean_each(there.embeddings.posture) - here.embeddings.posture.mean(axis=0)
        for there, here in ((unseen.concept, own.concept), (unseen.plain, own.plain))
    ]
    return np.array([_cosines(a[None], b)[0] for a, b in zip(*changes, strict=True)])


def _caption_cosines(
    base: Lead, own: Pairs, unseen: Pairs
) -> tuple[Float[Array, "generations"], Float[Array, "generations"], Float[Array, "generations"]]:
    """Realigned cosines of unseen actions to their captions: with the concept; with it, less what it changes on the
    training action; and of plain generations.
    """

    def pool(generations: Generations) -> torch.Tensor:
        return pool_realigned(base, generations.motions, generations.features)

    text = base.encode_text(unseen.captions)
    changed = pool(own.concept).mean(dim=0) - pool(own.plain).mean(dim=0)
    generated = pool(unseen.concept)
    with_concept, corrected, plain = (
        cosine_similarity(z, text, dim=-1).cpu().numpy()
        for z in (generated, generated - changed, pool(unseen.plain))
    )
    return with_concept, corrected, plain


def measure_content(
    concept: Float[Array, "generations"],
    corrected: Float[Array, "generations"],
    plain: Float[Array, "generations"],
) -> Float[Array, "unseen"]:
    """Content preservation of a style for each unseen action, from `_caption_cosines`: the share of the plain cosine.

    A strong style takes motions far from every caption. So the better of both measures counts, with and without what
    the style changes on the training action.
    """
    kept = np.maximum(_mean_each(concept), _mean_each(corrected))
    shares: Array = kept / np.maximum(_mean_each(plain), 0.1)
    return shares


def _cosines(rows: Float[Array, "n d"], direction: Float[Array, "d"]) -> Float[Array, "n"]:
    lengths = np.linalg.norm(rows, axis=-1) * np.linalg.norm(direction)
    cosines: Array = rows @ direction / np.maximum(lengths, 1e-9)
    return cosines


def _nearest_cm(generated: Sequence[Features], clips: Sequence[Features]) -> float:
    ours, theirs = ([features_to_poses(rows) for rows in each] for each in (generated, clips))
    return min(pose_distance_cm(a, b) for a in ours for b in theirs)


def _find_side_effects(
    encoded: EncodedClips, own: Pairs, unseen: Pairs, names: Sequence[str], variety: float, nearest: float
) -> list[str]:
    """Turning, leaving the spot, another pace than the clips', one arm, sameness, and copies of clips."""
    effects = _find_turning(encoded, own, unseen)
    standing = [row for row, name in enumerate(np.repeat(names, EACH)) if name in STANDING]
    leaves = _mean(speed, [unseen.concept.motions[row] for row in standing])
    leaves -= _mean(speed, [unseen.plain.motions[row] for row in standing])
    if leaves > WANDERING:
        effects.append(f"leaving the spot where the prompt stands ({leaves:.1f} m/s)")
    pace, right = _mean(speed, own.concept.motions), _mean(speed, encoded.pieces)
    if right > WANDERING and max(pace / right, right / max(pace, 1e-6)) > PACE:
        effects.append(f"a {'faster' if pace > right else 'slower'} pace ({pace:.1f} m/s, the clips have {right:.1f})")
    displacement = _displacements(own).mean(axis=0)
    arms = [np.linalg.norm(displacement[columns]) for columns in _ARMS]
    if max(arms) > ONE_SIDED * min(arms):
        side = "left" if arms[0] > arms[1] else "right"
        effects.append(f"one side: the {side} arm changes {max(arms) / min(arms):.0f} times as much as the other")
    if variety < SAME:
        effects.append(f"sameness (its motions differ by {variety:.0%} of what the clips do)")
    if nearest < COPY_CM:
        effects.append(f"the clips themselves (a motion is within {nearest:.1f} cm of one)")
    return effects


def _find_turning(encoded: EncodedClips, own: Pairs, unseen: Pairs) -> list[str]:
    """Turning beyond that of clips and plain generations, on the training action or else on the unseen ones."""
    for concept, beside in (
        (own.concept.features, [*encoded.features, *own.plain.features]),
        (unseen.concept.features, unseen.plain.features),
    ):
        turns = _mean(lambda rows: abs(turning(rows)), concept)
        if turns - _mean(lambda rows: abs(turning(rows)), beside) > TURNING:
            return [f"turning ({turns:.0f} degrees a second)"]
    return []


def turning(features: Features) -> float:
    """Mean degrees a second to the left."""
    return float(np.degrees(-2.0 * features[:, 0].mean()) * HUMANML3D.fps)


def speed(motion: Motion) -> float:
    """Mean meters a second along the root's path over the floor."""
    steps = np.diff(motion.joints[:, 0][:, [0, 2]], axis=0)
    return float(np.linalg.norm(steps, axis=-1).mean() * motion.fps)


def _mean(measure: Callable[[T], float], items: Sequence[T]) -> float:
    return float(np.mean([measure(item) for item in items])) if items else 0.0


def give_advice(result: Report, kind: str, clips: int) -> list[str]:
    """What would help, the most promising first. Where the base is poor, nothing else would."""
    if result.plain_shown < POOR:
        return [
            "another base: leave --base out, which takes the embedded one, or train this one longer; "
            "`lead eval --prompts --base FILE` says which prompts a base does"
        ]
    advice: list[str] = []
    if clips < FEW and (min(result.reproduces, result.travels) < GOOD or result.absorbed):
        advice.append(f"more clips ({FEW} or more, of several takes)")
    if kind != "action" and result.travels < GOOD:
        advice.append("clips of other actions in the same style (a run, a turn, a gesture)")
    if kind == "action" and result.travels < GOOD:
        advice.append("clips at different speeds and of different people")
    if result.reproduces < FAIR:
        advice.append("a longer search (--quality best)")
        advice += [] if kind == "action" else ["--kind action, if it is a thing done rather than a way to do things"]
    if any(name.startswith("turning") for name in result.absorbed):
        advice.append("clips that go straight")
    if any(name.startswith("one side") for name in result.absorbed):
        advice.append("clips of the other side, unless the side is meant")
    return advice
