"""What can be said about clips before a concept is learned from them.

For each clip: whether the base can generate it at all, what is odd about the recording, and which action it shows.
For all together: copies, different actions, whether the kind fits, and whether a caption that the base knows already
does what they show. The base's error on a clip is measured on its uniform skeleton, relative to the pelvis, because
the drift of a path over seconds does not limit a concept.
Needs no concept. Meters, Y up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from concepts.kinds import Kind
from inversion.encoded_clips import EncodedClips, shortest_seconds
from inversion.judgement.clip_hints import check_captions, check_style
from inversion.judgement.deeds import find_deed
from inversion.recognition import Guess, Recognition
from inversion.similarity import Embeddings, diversity, embed, features_to_poses, mean_distance, pose_distance_cm
from inversion.templates import ACTIONS, STYLES, action_to_caption
from lead import Lead
from lead.eval.clip_quality import SHAKES, UPRIGHT, find_misfit, find_spikes, rise
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import jitter, mean_joint_error
from lead.motion import Motion
from lead.motion.read import LEAD_IN

# Limits are measured with the embedded base on 400 clips of the development pack, some of them trained on, and on 30
# clips that were spoiled on purpose.
CANNOT_CM, HARDLY_CM = 9.0, 5.0
"""Real clips have a median of 1.2, a 95th percentile of 2.2 and at most 12 (ballet). Upside down they have 10 and
more."""
FROZEN = 0.02
"""m/s, the joints' mean speed in place; the calmest of 500 real clips has 0.034."""
OFF_FLOOR = 0.25
"""Meters of the lowest joint above the clip's floor in most frames. Among real clips only climbing has more."""
COPY_CM = 0.5
"""Consecutive takes of one actor differ by 0.6 and more, cut or resampled copies by 0.0 to 0.5."""
ALIKE_CLIPS = 0.55
"""The mean cosine of clips of one action. Of five clips of one action of the pack, known or new, it is .6 and more
(ballet: .47 and more), of five clips of different actions at most .4."""
KNOWN_MEANING, KNOWN_POSTURE, KNOWN_DIVERSITIES, LOOSEST, ALIKE = 6.0, 3.5, 1.9, 5.0, 1.35
"""A caption is known where its generations are at most this far from the clips in both spaces: in meaning 6.0, in
posture 3.5, or 1.9 times the clips' own diversity and at most 5.0; in either space, 1.35 times the clips' diversity,
because motions of one kind are as far from each other as from more of that kind.

Measured on cells of five clips each. 22 acted actions and styles that the base was trained on are all known: their
meaning is 1.2 to 7.6 away and the posture 1.1 to 6.7. None of nine unseen ones is: their gaps are 1.07 and more.
"""
SAMPLES = 3
"""Generations a caption."""


@dataclass(frozen=True)
class AssessedClip:
    """One clip."""

    name: str
    seconds: float
    error_cm: float = 0.0
    """The mean joint error of the VAE's reconstruction, relative to the pelvis."""
    projected_cm: float = 0.0
    """The same through the projector."""
    action: str = ""
    """What it shows, a verb phrase: what its caption says, else what most of it is taken for."""
    known: bool = True
    """Whether that is sure; a caption is."""
    confidence: float = 1.0
    """In [0, 1], of this clip alone; of what a caption says, 1."""
    supported: bool = False
    """Whether the other clips make it sure, which this clip alone is not."""
    alternatives: tuple[Guess, ...] = ()
    """What it may show instead."""
    also: tuple[str, ...] = ()
    """Other actions that parts of a long clip are taken for."""
    pieces: int = 0
    """The number of parts that the clip is cut into."""
    cut: tuple[str, ...] = ()
    """What is cut, in words."""
    similarity: float = 0.0
    """Cosine of the clip and its action in the realigned space."""
    unusable: str = ""
    """Why nothing can be learned from it; empty where something can."""
    problems: tuple[str, ...] = ()
    """What a person should look at."""


@dataclass(frozen=True)
class Assessment:
    """All clips."""

    clips: tuple[AssessedClip, ...]
    mixed: bool = False
    """The clips show more than one action."""
    caption: str = ""
    """The known caption that comes nearest to the clips."""
    caption_gap: float = 0.0
    """The distance of its generations to the clips, as a multiple of what counts as known; below 1 it is known."""
    hints: tuple[str, ...] = ()
    """Sentences to read before training."""

    @property
    def known(self) -> bool:
        """Whether the caption does what the clips show, without a concept."""
        return bool(self.caption) and self.caption_gap < 1.0


@torch.no_grad()
def assess(base: Lead, encoded: EncodedClips, kind: Kind) -> Assessment:
    """What a base makes of clips. A clip without a piece is reported as too short."""
    names = [clip.name or f"clip {number}" for number, clip in enumerate(encoded.clips, 1)]
    long_enough = sorted(set(encoded.owners))
    assessed = dict(zip(long_enough, _assess_clips(base, encoded.select(long_enough)), strict=True))
    rows = tuple(
        replace(assessed[row], name=names[row]) if row in assessed else _assess_short(base, names[row], clip)
        for row, clip in enumerate(encoded.clips)
    )
    usable = [row for row, clip in enumerate(rows) if not clip.unusable]
    if not usable:
        return Assessment(rows)
    mixed = len({rows[row].action for row in usable if rows[row].known}) > 1
    good = encoded.select(usable)
    caption, gap = find_nearest_caption(base, good)
    result = Assessment(rows, mixed, caption, gap)
    hints = [
        *_find_copies(good, [names[row] for row in usable]),
        *check_captions(base, good),
        *_write_hints(result, kind, encoded.captioned, measure_alikeness(good)),
        *([] if kind == "action" else check_style(base, good)),
    ]
    return replace(result, hints=tuple(hints))


def _assess_short(base: Lead, name: str, clip: Motion) -> AssessedClip:
    least = shortest_seconds(base.skeleton.fps)
    return AssessedClip(name, clip.seconds, unusable=f"too short: {clip.seconds:.2f} s, at least {least:.2f} s")


def _assess_clips(base: Lead, encoded: EncodedClips) -> list[AssessedClip]:
    """A row a clip, each of which has a piece."""
    if not encoded.clips:
        return []
    errors = _reconstruction_errors(base, encoded)
    shown = [name_action(encoded, row) for row in range(len(encoded.clips))]
    first = [encoded.owners.index(row) for row in range(len(encoded.clips))]
    actions = [each.action for each in shown]
    text = base.encode_text([action_to_caption(action) for action in actions])
    cosines = cosine_similarity(encoded.pooled[first], text, dim=-1).tolist()
    rows = []
    for place, clip in enumerate(encoded.clips):
        error_cm, projected_cm = errors[place]
        row = replace(
            shown[place], name=clip.name, seconds=clip.seconds, error_cm=error_cm, projected_cm=projected_cm,
            similarity=cosines[place], cut=_list_cuts(clip, shown[place].pieces),
        )  # fmt: skip
        uniform = Motion.from_features(encoded.clip_features[place])  # of one size, whatever the file's unit
        unusable = find_misfit(clip.joints) or _find_fault(row, uniform.joints)
        problems = _find_problems(row, uniform.joints, uniform.fps)
        rows.append(replace(row, unusable=unusable, problems=problems))
    return rows


def name_action(encoded: EncodedClips, row: int) -> AssessedClip:
    """A clip's row with its action alone: its caption's, or the one that most of its pieces are taken for.

    The clip has a piece.
    """
    pieces = [piece for piece, owner in enumerate(encoded.owners) if owner == row]
    if not encoded.recognized:
        return AssessedClip("", 0.0, action=encoded.actions[pieces[0]], pieces=len(pieces))
    found = [encoded.recognized[piece] for piece in pieces]
    main = max(found, key=lambda one: (_count_same(one, found), one.best.confidence))
    others = [one.best.action for one in found if one.known and one.best.action != main.best.action]
    return AssessedClip(
        "", 0.0, action=main.best.action, known=main.known, confidence=main.best.confidence,
        supported=main.supported, alternatives=main.alternatives, also=tuple(dict.fromkeys(others)), pieces=len(pieces),
    )  # fmt: skip


def _list_cuts(clip: Motion, pieces: int) -> tuple[str, ...]:
    """What of a clip is left out, and into how many pieces it is cut."""
    cuts = ["a T-pose at the start"] if any(note.endswith(LEAD_IN) for note in clip.notes) else []
    if pieces > 1:
        cuts.append(f"into {pieces} pieces of {clip.seconds / pieces:.1f} s")
    return tuple(cuts)


def _count_same(one: Recognition, found: Sequence[Recognition]) -> int:
    """How many pieces are surely taken for the same; 0 where this one is not sure."""
    return sum(other.known and other.best.action == one.best.action for other in found) if one.known else 0


def measure_alikeness(encoded: EncodedClips) -> float:
    """The mean cosine of all pairs of clips in the realigned space; 0 for a single clip."""
    clips = [
        encoded.pooled[[owner == row for owner in encoded.owners]].mean(dim=0) for row in range(len(encoded.clips))
    ]
    if len(clips) < 2:
        return 0.0
    unit = normalize(torch.stack(clips), dim=-1)
    total = float((unit @ unit.T).sum()) - len(clips)
    return total / (len(clips) * (len(clips) - 1))


def _reconstruction_errors(base: Lead, encoded: EncodedClips) -> list[tuple[float, float]]:
    """For each clip the mean joint error in cm, of the VAE and of the VAE with the projector."""
    lengths = encoded.lengths
    rows = zip(encoded.base_features, lengths.tolist(), strict=True)
    real = [Motion.from_features(features[:length]) for features, length in rows]
    columns = []
    for z in (encoded.z, base.projector.decode(encoded.z_proj, lengths)):
        decoded = base.decode(z, lengths)
        errors = [mean_joint_error(a.joints, b.joints, local=True) for a, b in zip(real, decoded, strict=True)]
        columns.append(_means_by_clip(np.array(errors) * 100.0, encoded.owners))
    return list(zip(*columns, strict=True))


def _means_by_clip(values: Float[np.ndarray, "pieces"], owners: Sequence[int]) -> list[float]:
    owned = np.array(owners)
    return [float(values[owned == row].mean()) for row in range(max(owners) + 1)]


def _find_fault(clip: AssessedClip, joints: Float[np.ndarray, "frames 22 3"]) -> str:
    """Why a clip is unusable: the base cannot generate it, and nobody stands in it: the file's axes are wrong."""
    stands = rise(joints)
    if clip.error_cm < CANNOT_CM or stands > UPRIGHT:
        return ""
    how = "is upside down" if stands < -UPRIGHT else "lies flat"
    return f"the person {how}, and this base draws it {clip.error_cm:.0f} cm off: Y has to point up"


def _find_problems(clip: AssessedClip, joints: Float[np.ndarray, "frames 22 3"], fps: float) -> tuple[str, ...]:
    """What is odd about the recording."""
    problems = []
    if clip.error_cm >= HARDLY_CM:
        degree = "hardly" if clip.error_cm < CANNOT_CM else "not"
        problems.append(f"this base can {degree} draw it ({clip.error_cm:.1f} cm off): a word will only come near it")
    if spikes := find_spikes(joints, fps):
        problems.append(f"a joint jumps at {spikes[0]:.2f} s: a tracking error, or a bad cut")
    elif jitter(joints, fps) > SHAKES:
        problems.append("it shakes: smooth it first, or the word will learn the shaking")
    in_place = joints - joints[:, :1]
    if np.linalg.norm(np.diff(in_place, axis=0), axis=-1).mean() * fps < FROZEN:
        problems.append("hardly anything moves")
    lowest = joints[..., 1].min(axis=1)
    if (lowest - lowest.min() > OFF_FLOOR).mean() > 0.5:
        problems.append("the feet are off the floor most of the time: the base knows little but floors")
    return tuple(problems)


def _find_copies(encoded: EncodedClips, names: Sequence[str]) -> list[str]:
    """A sentence about clips that are the same recording."""
    poses = [features_to_poses(features) for features in encoded.clip_features]
    pairs = [
        f"{names[a]} and {names[b]}"
        for a, b in combinations(range(len(poses)), 2)
        if pose_distance_cm(poses[a], poses[b]) < COPY_CM
    ]
    if not pairs:
        return []
    more = f" and {len(pairs) - 3} more pairs" if len(pairs) > 3 else ""
    return [f"the same recording twice: {'; '.join(pairs[:3])}{more}. A copy adds nothing; record another take."]


@torch.no_grad()
def find_nearest_caption(base: Lead, encoded: EncodedClips) -> tuple[str, float]:
    """The caption whose generations are nearest to the clips, and their distance as in `Assessment.caption_gap`.

    Candidates are the nearest captions of the realigned space: the nearest action, and the three nearest of the three
    nearest actions with and without a style.
    """
    target = encoded.pooled.mean(dim=0, keepdim=True)
    actions = _nearest_texts(base, target, [action_to_caption(action) for action in ACTIONS], 3)
    styled = [f"{action} {style}".strip() for action in actions for style in ("", *STYLES)]
    captions = list(dict.fromkeys([actions[0], *_nearest_texts(base, target, styled, 3)]))
    seconds = float(np.clip(np.mean([piece.seconds for piece in encoded.pieces]), 1.0, 5.0))
    evaluator = Evaluator.load(device=base.device)
    own = embed(evaluator, encoded.features)
    generated = base.generate([caption for caption in captions for _ in range(SAMPLES)], seconds=seconds, bfloat16=True)
    embeddings = embed(evaluator, [motion.features() for motion in generated])
    gaps = [_caption_gap(embeddings[SAMPLES * row : SAMPLES * (row + 1)], own) for row in range(len(captions))]
    best = int(np.argmin(gaps))
    return captions[best], gaps[best]


def _nearest_texts(base: Lead, target: Float[Tensor, "1 d_text"], captions: Sequence[str], count: int) -> list[str]:
    cosines = cosine_similarity(target, base.encode_text(captions), dim=-1)
    return [captions[row] for row in cosines.argsort(descending=True)[:count].tolist()]


def _caption_gap(generated: Embeddings, clips: Embeddings) -> float:
    """The distance of generations to clips as a multiple of what counts as known; the greater of both spaces."""
    spread = diversity(clips.posture)
    posture = max(KNOWN_POSTURE, min(KNOWN_DIVERSITIES * spread, LOOSEST), ALIKE * spread)
    meaning = max(KNOWN_MEANING, ALIKE * diversity(clips.meaning))
    return max(
        mean_distance(generated.meaning, clips.meaning) / meaning,
        mean_distance(generated.posture, clips.posture) / posture,
    )


def _write_hints(result: Assessment, kind: Kind, captioned: bool, alikeness: float) -> list[str]:
    """Whether a concept is needed, and whether the kind and the captions fit."""
    if result.known:
        return [f'you may not need a word: try "{result.caption}"']
    good = [clip for clip in result.clips if not clip.unusable]
    shown = list(dict.fromkeys(clip.action for clip in good if clip.known))
    unknown = [clip for clip in good if not clip.known]
    if kind == "action" and result.mixed:
        return [f"the clips show different actions ({', '.join(sorted(shown))}): an action is learned best from one"]
    if kind == "action" and not unknown and not captioned and not find_deed(shown):
        return [
            f'did you mean --kind style? The clips show "{shown[0]}", which the base knows, in a style of their own'
        ]
    if kind == "action" or not unknown:
        return []
    ask = "write what they show with --captions (--draft-captions makes a file to correct)"
    if len(unknown) > len(good) / 2 and alikeness > ALIKE_CLIPS:
        return [
            "did you mean --kind action? The base knows no action like these clips, and they are alike. "
            f"If they show a known action in a style, {ask}"
        ]
    return [f"of {len(unknown)} of {len(good)} clips no action is recognized: {ask}"]
