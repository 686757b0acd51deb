"""What can be told about clips before a word is learned from them.

For each clip: whether the base can draw it at all, what is odd about the recording, and which action it shows.  For all
of them: copies, different actions, whether the kind fits, and whether a caption that the base knows already does it.
The base's own error on a clip is taken on its uniform skeleton, relative to the pelvis: the path's drift over seconds
says nothing about what a word can hold.  Meters, Y up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from inversion.encoded_clips import cut
from inversion.similarity import Looks, gap, looks, overlap_cm, poses, realigned, spread
from inversion.templates import ACTIONS, Kind, caption_to_action, recognize_actions
from lead import Lead
from lead.data.dataset import MIN_FRAMES
from lead.eval.clip_quality import SHAKES, UPRIGHT, find_spikes, rise
from lead.eval.evaluator import Evaluator
from lead.eval.metrics import jitter, mean_joint_error
from lead.motion import Motion

# All of these were measured with the embedded base on 400 clips of the development pack, trained on or not, and on 30
# clips that were spoiled on purpose.
CANNOT_CM, HARDLY_CM = 12.0, 5.0
"""Real clips: 1.3 in the middle, 5.2 at the 99th percentile, 10 for the worst ballet.  Upside down: 17 and more."""
FROZEN = 0.02
"""m/s, the joints' mean speed in place; the calmest of 500 real clips has 0.034."""
OFF_FLOOR = 0.25
"""Meters that the lowest joint is above the clip's floor in most frames: only climbing is, among real clips."""
COPY_CM = 0.5
"""Takes of one actor that follow each other differ by 0.6 and more; a copy that was cut or resampled by 0.0 to 0.5."""
UNCLEAR, CLEAR, PLAIN = 0.3, 0.55, 0.7
"""Cosine of a clip and its action: .3 to .6 where the base knows both action and style, .8 to .97 where it knows the
action and the style is neutral or new to it; new actions .1 to .35, sneaking up to .5."""
KNOWN_MEANING, KNOWN_POSTURE, KNOWN_SPREADS, LOOSEST = 5.0, 3.0, 1.3, 4.5
"""A caption does it when what it generates is at most this far from the clips, in both spaces: in posture 3.0, or 1.3
times the clips' own spread and at most 4.5.

Meaning: trained content and style 1.1 to 4.0, unseen styles and actions 7 and more.  The elderly walks are 4.0 from
"walks carefully", and 4.5 in posture, 3.4 times their own spread: hence both.  Of 46 cells of trained content and style
(val and test, five clips each, two draws) 43 are found known, of 17 unseen styles and actions none.
"""
SAMPLES = 3
"""Generations a caption."""
MANNERS = (
    "slowly", "quickly", "energetically", "in a masculine way", "in a feminine way", "in a youthful way", "sadly",
    "happily", "proudly", "angrily", "in a tired way", "like an old man", "carefully", "hunched over", "leaning back",
    "with the head down", "with the arms out to the sides", "crouching", "with short steps", "with long strides",
    "with a wide stance", "stiffly", "swaying from side to side", "trembling",
)  # fmt: skip


@dataclass(frozen=True)
class AssessedClip:
    """One clip."""

    name: str
    seconds: float
    error_cm: float = 0.0
    """How far the VAE's joints are from the clip's, on the mean, relative to the pelvis."""
    projected_cm: float = 0.0
    """The same through the projector."""
    action: str = ""
    """What it shows, a verb phrase."""
    similarity: float = 0.0
    """Cosine of the clip and its action in the realigned space."""
    unusable: str = ""
    """Why nothing can be learned from it; empty where something can."""
    problems: tuple[str, ...] = ()
    """What a person should look at."""


@dataclass(frozen=True)
class Assessment:
    """All clips of a word to be."""

    clips: tuple[AssessedClip, ...]
    mixed: bool = False
    """The clips show more than one action."""
    caption: str = ""
    """The known caption that comes nearest to the clips."""
    caption_gap: float = 0.0
    """How far its generations are from the clips, as a multiple of what counts as doing it: below 1 it does."""
    hints: tuple[str, ...] = ()
    """What to know before training, in words."""

    @property
    def known(self) -> bool:
        """Whether the caption does what the clips show, without a word."""
        return bool(self.caption) and self.caption_gap < 1.0


@torch.no_grad()
def assess(base: Lead, clips: Sequence[Motion], kind: Kind, captions: Sequence[str] | None = None) -> Assessment:
    """What a base makes of clips, before a word is learned; `captions` say what each shows, where somebody knows."""
    named = [replace(clip, name=clip.name or f"clip {number}") for number, clip in enumerate(clips, 1)]
    usable = [row for row, clip in enumerate(named) if len(clip.resample(base.skeleton.fps).joints) > MIN_FRAMES]
    assessed = {row: _too_short(base, clip) for row, clip in enumerate(named) if row not in usable}
    if usable:
        pieces, owners = cut([named[row] for row in usable], base.skeleton.fps)
        errors = _errors(base, pieces, owners)
        actions, similarity = _actions(base, pieces, owners, captions and [captions[row] for row in usable])
        for place, row in enumerate(usable):
            clip = AssessedClip(named[row].name, named[row].seconds, *errors[place], actions[place], similarity[place])
            uniform = Motion.from_features(named[row].features())  # of one size, whatever the file's unit
            assessed[row] = replace(
                clip, unusable=_unusable(clip, uniform.joints), problems=_problems(clip, uniform.joints, uniform.fps)
            )
    rows = tuple(assessed[row] for row in range(len(named)))
    good = [clip for clip, row in zip(named, rows, strict=True) if not row.unusable]
    if not good:
        return Assessment(rows)
    mixed = len({row.action for row in rows if not row.unusable and row.similarity >= CLEAR}) > 1
    caption, caption_gap = nearest_caption(base, cut(good, base.skeleton.fps)[0])
    result = Assessment(rows, mixed, caption, caption_gap)
    return replace(result, hints=(*_copies(good), *_hints(result, kind, bool(captions))))


def _too_short(base: Lead, clip: Motion) -> AssessedClip:
    least = (MIN_FRAMES + 1) / base.skeleton.fps
    return AssessedClip(clip.name, clip.seconds, unusable=f"too short: {clip.seconds:.2f} s, at least {least:.2f} s")


def _errors(base: Lead, pieces: Sequence[Motion], owners: Sequence[int]) -> list[tuple[float, float]]:
    """For each clip the mean joint error, cm, of the VAE and of the VAE with the projector."""
    z, lengths = base.encode_motion(pieces)
    real = [Motion.from_features(p.features(base.skeleton)[:n]) for p, n in zip(pieces, lengths.tolist(), strict=True)]
    columns = []
    for latents in (z, base.projector.realign(z, lengths)):
        drawn = base.decode(latents, lengths)
        each = [mean_joint_error(a.joints, b.joints, local=True) for a, b in zip(real, drawn, strict=True)]
        columns.append(_means(np.array(each) * 100.0, owners))
    return list(zip(*columns, strict=True))


def _means(values: Float[np.ndarray, "pieces"], owners: Sequence[int]) -> list[float]:
    owned = np.array(owners)
    return [float(values[owned == row].mean()) for row in range(max(owners) + 1)]


def _actions(
    base: Lead, pieces: Sequence[Motion], owners: Sequence[int], captions: Sequence[str] | None
) -> tuple[list[str], list[float]]:
    """For each clip its action, as its caption says it or as it is recognized, and the cosine of the two."""
    first = [owners.index(row) for row in range(max(owners) + 1)]
    if captions:
        actions = [caption_to_action(caption) for caption in captions]
    else:
        shown = recognize_actions(base, pieces)
        actions = [shown[piece] for piece in first]
    text = base.encode_text([f"a person {action}" for action in actions])
    near = cosine_similarity(realigned(base, [pieces[piece] for piece in first]), text, dim=-1)
    return actions, near.tolist()


def _unusable(clip: AssessedClip, joints: Float[np.ndarray, "frames 22 3"]) -> str:
    """A person who does not stand upright in a way that the base can draw: the file's axes, not the motion."""
    stands = rise(joints)
    if clip.error_cm < CANNOT_CM or stands > UPRIGHT:
        return ""
    how = "is upside down" if stands < -UPRIGHT else "lies flat"
    return f"the person {how}, and this base draws it {clip.error_cm:.0f} cm off: Y has to point up"


def _problems(clip: AssessedClip, joints: Float[np.ndarray, "frames 22 3"], fps: float) -> tuple[str, ...]:
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


def _copies(clips: Sequence[Motion]) -> list[str]:
    known = [poses(clip) for clip in clips]
    pairs = [
        f"{clips[a].name} and {clips[b].name}"
        for a, b in combinations(range(len(clips)), 2)
        if overlap_cm(known[a], known[b]) < COPY_CM
    ]
    if not pairs:
        return []
    more = f" and {len(pairs) - 3} more pairs" if len(pairs) > 3 else ""
    return [f"the same recording twice: {'; '.join(pairs[:3])}{more}. A copy teaches nothing; other takes would."]


@torch.no_grad()
def nearest_caption(base: Lead, pieces: Sequence[Motion]) -> tuple[str, float]:
    """The caption whose generations are nearest to the clips, and how near: below 1 it does what they show.

    Candidates are the nearest captions of the realigned space: the nearest action plain, and the three nearest of the
    three nearest actions with and without a manner.
    """
    target = realigned(base, pieces).mean(dim=0, keepdim=True)
    actions = _nearest(base, target, [f"a person {action}" for action in ACTIONS], 3)
    styled = [f"{action} {manner}".strip() for action in actions for manner in ("", *MANNERS)]
    captions = list(dict.fromkeys([actions[0], *_nearest(base, target, styled, 3)]))
    seconds = float(np.clip(np.mean([piece.seconds for piece in pieces]), 1.0, 5.0))
    evaluator = Evaluator.load(device=base.device)
    own = looks(evaluator, pieces)
    made = looks(evaluator, base.generate([c for c in captions for _ in range(SAMPLES)], seconds=seconds))
    gaps = [_as_known(made[SAMPLES * row : SAMPLES * (row + 1)], own) for row in range(len(captions))]
    best = int(np.argmin(gaps))
    return captions[best], gaps[best]


def _nearest(base: Lead, target: Float[Tensor, "1 d_text"], captions: Sequence[str], count: int) -> list[str]:
    near = cosine_similarity(target, base.encode_text(captions), dim=-1)
    return [captions[row] for row in near.argsort(descending=True)[:count].tolist()]


def _as_known(made: Looks, own: Looks) -> float:
    """The distance of generations to clips in both spaces, as a multiple of what counts as known; the worse of both."""
    posture = min(max(KNOWN_POSTURE, KNOWN_SPREADS * spread(own.posture)), LOOSEST)
    return max(gap(made.meaning, own.meaning) / KNOWN_MEANING, gap(made.posture, own.posture) / posture)


def _hints(result: Assessment, kind: Kind, captioned: bool) -> list[str]:
    if result.known:
        return [f'you may not need a word: try "{result.caption}"']
    hints = []
    good = [clip for clip in result.clips if not clip.unusable]
    similarity = float(np.mean([clip.similarity for clip in good]))
    shown = sorted({clip.action for clip in good})
    if kind == "action" and result.mixed:
        hints.append(f"the clips show different actions ({', '.join(shown)}): an action is learned best from one")
    elif kind == "action" and similarity > PLAIN:
        hints.append(f'the clips show "{shown[0]}" in a manner of its own: --kind style may travel further')
    if kind != "action" and similarity < UNCLEAR and not captioned:
        hints.append(
            f'no action is recognized (nearest: "{shown[0]}"): say it with --captions, '
            "or learn it with --kind action if the action itself is new"
        )
    return hints
