"""What a learned word does, told after learning without any label.

Motions are generated in pairs from equal noise, with the word and without: for the action that the clips show and for
a few others.  A manner acts wherever its word stands; it travels to the actions whose own content it leaves.  An action
travels to the ways to do it ("slowly") under which it still shows: where what the word changes, its *displacement*,
points the way it points without them, and the way changes what it changes otherwise.  No-word then means the known
action that comes nearest.  Spaces and distances: `inversion.similarity`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.functional import cosine_similarity

from concepts import Concept
from inversion.assess import KNOWN_MEANING, KNOWN_POSTURE
from inversion.encoded_clips import cut
from inversion.similarity import Array, Looks, gap, looks, overlap_cm, poses, realigned, spread
from inversion.templates import caption_to_action, recognize_actions, templates
from lead import Lead
from lead.eval.evaluator import Evaluator
from lead.motion import Motion
from lead.motion.skeleton import HUMANML3D, JOINTS

OTHERS = {
    "runs": "jogs ahead",
    "raises both hands": "puts both hands up in the air",
    "waves the right hand": "greets with a wave of the right hand",
    "walks forward and turns left": "walks around a corner to the left",
}
"""Other actions of a style (one that travels, one that stands, a one-sided one, one that turns), in other words than
those in which learning carries a manner to them."""
WAYS = ("slowly", "quickly", "hunched over", "with the arms out to the sides")
"""Ways to do an action."""
STANDING = (OTHERS["raises both hands"], OTHERS["waves the right hand"])
OWN, EACH = 8, 3
"""Generations of the clips' own action and of each other one, with the word and without."""

# Measured with the embedded base on words that were learned well and badly, beside the benchmarks' judge.
SHOWN = 0.45
"""Cosine of an action's displacements.  A manner's hardly tell whether a judge sees it (AUC .42 to .65, 140 cases)."""
HELD = 0.5
"""Share of the plain generation's realigned cosine that is left: in .92 of 156 cases it says what the judge says."""
WAY_HELD = 0.2
"""Cosine of a way's displacement with the word and without: short and small ones are noisy."""
TURNS = 8.0
"""Degrees a second: corners are 13 and more, straight walks, recorded or generated, at most 4."""
WANDERS = 0.25
"""Meters a second of a person who stands: generated ones stay within .01."""
PACE = 1.3
"""Times as fast or as slow: well learned walks keep within 1.15 of the clips' pace."""
ONE_SIDED = 2.5
"""Times: learned walks, whose arms are alike, have 1.0 to 1.9."""
SAME = 0.5
"""Share of the clips' variety."""
COPY_CM = 1.0
"""Pose for pose: other takes of a walk are 2 and more away."""
GOOD, FAIR, HEARD = 0.7, 0.4, 0.2
"""Shares; a word that reproduces less than HEARD has nothing that could travel."""
FEW = 5
"""Clips; five walks of one actor are what the benchmark's styles are learned from."""


def _columns(names: Sequence[str]) -> list[int]:
    """Where joints' mean positions stand in `likeness.posture`."""
    return [3 * (JOINTS.index(name) - 1) + axis for name in names for axis in range(3)]


_ARMS = [_columns((f"{side}_elbow", f"{side}_wrist")) for side in ("left", "right")]


@dataclass(frozen=True)
class Report:
    """What a word does; shares are from 0 to 1."""

    reproduces: float
    """How much of the way from the no-word generations to the clips the word goes."""
    travels: float
    """The share of other actions that the word leaves what they are; of an action, of ways under which it shows."""
    holds: float
    """How much of the other actions' content is left."""
    variety: float
    """How different its motions of the clips' own action are from each other, as a share of what the clips are."""
    nearest_cm: float
    """The nearest that a generation comes to a clip, pose for pose."""
    stays: tuple[str, ...] = ()
    """Actions or ways to which it does not travel."""
    absorbed: tuple[str, ...] = ()
    """What it may bring that is not its meaning."""
    advice: tuple[str, ...] = ()
    """What would help."""

    @property
    def scores(self) -> dict[str, float]:
        """The numbers, as a concept keeps them."""
        names = ("reproduces", "travels", "holds", "variety", "nearest_cm")
        return {f"report.{name}": round(getattr(self, name), 4) for name in names}

    @property
    def sentences(self) -> tuple[str, ...]:
        """The report in plain words."""
        said = [f"It reproduces the clips {_grade(self.reproduces)} ({self.reproduces:.0%})."]
        lost = f"; not to: {', '.join(self.stays)}" if self.stays else ""
        said.append(f"It travels {_grade(self.travels)} ({self.travels:.0%} of what was tried{lost}).")
        said += [f"It may also bring: {'; '.join(self.absorbed)}."] if self.absorbed else []
        said += [f"What would help: {'; '.join(self.advice)}."] if self.advice else []
        return tuple(said)


def _grade(share: float) -> str:
    return "well" if share >= GOOD else "in part" if share >= FAIR else "badly"


@torch.no_grad()
def report(
    base: Lead, concept: Concept, clips: Sequence[Motion], captions: Sequence[str] | None = None, seed: int = 0
) -> Report:
    """What a concept does on the base that it was learned on, beside the clips that it was learned from."""
    pieces = cut(clips, base.skeleton.fps)[0]
    actions = [caption_to_action(caption) for caption in captions] if captions else recognize_actions(base, pieces)
    action = max(dict.fromkeys(actions), key=actions.count)
    names = WAYS if concept.kind == "action" else [said for other, said in OTHERS.items() if other not in actions]
    seconds = float(np.clip(np.mean([piece.seconds for piece in pieces]), 1.0, 5.0))
    evaluator = Evaluator.load(device=base.device)
    own = _made(base, evaluator, concept, [_sentences(concept, action)] * OWN, seconds, seed)
    sentences = [_sentences(concept, action, name) for name in names for _ in range(EACH)]
    other = _made(base, evaluator, concept, sentences, min(seconds, 4.0), seed + 1)

    real = looks(evaluator, pieces)
    reproduces = _share(own.word, own.plain, real)
    held = _held(base, own, other, concept.kind)
    there = (held >= HELD) if concept.kind != "action" else (held >= WAY_HELD) & (_shown(own, other) >= SHOWN)
    there &= reproduces >= HEARD
    nearest = _nearest_cm(own.words, pieces)
    variety = spread(own.word.posture) / max(spread(real.posture), 1e-6) if len(pieces) > 1 else 1.0
    result = Report(
        reproduces,
        float(there.mean()),
        float(np.clip(held, 0, 1).mean()),
        min(variety, 1.0),
        nearest,
        stays=tuple(name for name, here in zip(names, there, strict=True) if not here),
        absorbed=tuple(_absorbed(pieces, own, other, names, variety, nearest)),
    )
    return replace(result, advice=tuple(_advice(result, concept.kind, len(clips))))


@dataclass(frozen=True, eq=False)
class _Made:
    """Generations with the word and without, from equal noise, and what they look like."""

    words: list[Motion]
    plains: list[Motion]
    word: Looks
    plain: Looks
    captions: list[str]
    """What the plain ones were generated from."""


def _sentences(concept: Concept, action: str, name: str = "") -> tuple[str, str]:
    """A prompt with the word and one without: of the clips' action, or of an other one (of an action: a way)."""
    if concept.kind == "action":
        template, plain = templates("action", [action])[0][0], f"a person {action}"
        return f"{template} {name}".strip().replace("{}", concept.token), f"{plain} {name}".strip()
    template = templates(concept.kind, [name or action])[0][0]
    return template.replace("{}", concept.token), f"a person {name or action}"


def _made(
    base: Lead,
    evaluator: Evaluator,
    concept: Concept,
    sentences: Sequence[tuple[str, str]],
    seconds: float,
    seed: int,
) -> _Made:
    prompts, captions = ([pair[side] for pair in sentences] for side in (0, 1))
    words = base.generate(prompts, seconds=seconds, words=concept.words, seed=seed)
    plains = base.generate(captions, seconds=seconds, seed=seed)
    return _Made(words, plains, looks(evaluator, words), looks(evaluator, plains), captions)


def _share(word: Looks, plain: Looks, real: Looks) -> float:
    """How much of the no-word generations' way to the clips is gone: 1 - beyond(word) / beyond(plain)."""
    whole = _beyond(plain, plain, real)
    return float(np.clip(1.0 - _beyond(word, plain, real) / whole, 0.0, 1.0)) if whole > 0 else 1.0


def _beyond(made: Looks, plain: Looks, real: Looks) -> float:
    """How far generations lie from the clips beyond what these lie from each other, in the worse of both spaces.

    A single clip has no spread of its own; the no-word generations' stands for it.
    """
    pairs = ((made.posture, plain.posture, real.posture), (made.meaning, plain.meaning, real.meaning))
    scales = KNOWN_POSTURE, KNOWN_MEANING
    beyond = [gap(these, clips) - (spread(clips) if len(clips) > 1 else spread(own)) for these, own, clips in pairs]
    return max(0.0, *(distance / scale for distance, scale in zip(beyond, scales, strict=True)))


def _per_other(rows: Array) -> Array:
    """Rows of generations to their means for each other action."""
    return rows.reshape(-1, EACH, *rows.shape[1:]).mean(axis=1)


def _shown(own: _Made, other: _Made) -> Float[Array, "others"]:
    """cos(displacement there, displacement on the clips' own action)."""
    here = (own.word.posture - own.plain.posture).mean(axis=0)
    return _cosines(_per_other(other.word.posture - other.plain.posture), here)


def _held(base: Lead, own: _Made, other: _Made, kind: str) -> Float[Array, "others"]:
    """What is left of the content: the realigned cosine to its caption; of an action, the way's own displacement.

    A strong manner takes motions far from every caption; so they are compared too without what it changes on the clips'
    own action, and the better of both counts.
    """
    if kind == "action":
        word = _per_other(other.word.posture) - own.word.posture.mean(axis=0)
        plain = _per_other(other.plain.posture) - own.plain.posture.mean(axis=0)
        return np.array([_cosines(a[None], b)[0] for a, b in zip(word, plain, strict=True)])
    text = base.encode_text(other.captions)
    changed = realigned(base, own.words).mean(dim=0) - realigned(base, own.plains).mean(dim=0)
    made = realigned(base, other.words)
    near = [cosine_similarity(z, text, dim=-1) for z in (made, made - changed, realigned(base, other.plains))]
    word, without, plain = (_per_other(cosines.cpu().numpy()) for cosines in near)
    return np.maximum(word, without) / np.maximum(plain, 0.1)


def _cosines(rows: Float[Array, "n d"], direction: Float[Array, "d"]) -> Float[Array, "n"]:
    return rows @ direction / np.maximum(np.linalg.norm(rows, axis=-1) * np.linalg.norm(direction), 1e-9)


def _nearest_cm(made: Sequence[Motion], clips: Sequence[Motion]) -> float:
    taken, known = ([poses(motion) for motion in motions] for motions in (made, clips))
    return min(overlap_cm(a, b) for a in taken for b in known)


def _absorbed(
    clips: Sequence[Motion], own: _Made, other: _Made, names: Sequence[str], variety: float, nearest: float
) -> list[str]:
    """Turning, leaving the spot, another pace than the clips', one arm, sameness, and whole clips."""
    absorbed = []
    for made, beside in ((own.words, [*clips, *own.plains]), (other.words, other.plains)):
        turns = _mean(lambda m: abs(turning(m)), made)
        if turns - _mean(lambda m: abs(turning(m)), beside) > TURNS:
            absorbed.append(f"turning ({turns:.0f} degrees a second)")
            break
    standing = [row for row, name in enumerate(np.repeat(names, EACH)) if name in STANDING]
    leaves = _mean(speed, [other.words[row] for row in standing])
    leaves -= _mean(speed, [other.plains[row] for row in standing])
    if leaves > WANDERS:
        absorbed.append(f"leaving the spot where the prompt stands ({leaves:.1f} m/s)")
    pace, right = _mean(speed, own.words), _mean(speed, clips)
    if right > WANDERS and max(pace / right, right / max(pace, 1e-6)) > PACE:
        absorbed.append(f"a {'faster' if pace > right else 'slower'} pace ({pace:.1f} m/s, the clips have {right:.1f})")
    arms = [np.linalg.norm((own.word.posture - own.plain.posture).mean(axis=0)[columns]) for columns in _ARMS]
    if max(arms) > ONE_SIDED * min(arms):
        side = "left" if arms[0] > arms[1] else "right"
        absorbed.append(f"one side: the {side} arm changes {max(arms) / min(arms):.0f} times as much as the other")
    if variety < SAME:
        absorbed.append(f"sameness (its motions differ by {variety:.0%} of what the clips do)")
    if nearest < COPY_CM:
        absorbed.append(f"the clips themselves (a motion is within {nearest:.1f} cm of one)")
    return absorbed


def turning(motion: Motion) -> float:
    """Degrees a second to the left, on the mean."""
    return float(np.degrees(-2.0 * motion.features()[:, 0].mean()) * HUMANML3D.fps)


def speed(motion: Motion) -> float:
    """Meters a second along the root's path over the floor."""
    steps = np.diff(motion.joints[:, 0][:, [0, 2]], axis=0)
    return float(np.linalg.norm(steps, axis=-1).mean() * motion.fps)


def _mean(trait: Callable[[Motion], float], motions: Sequence[Motion]) -> float:
    return float(np.mean([trait(motion) for motion in motions])) if motions else 0.0


def _advice(result: Report, kind: str, clips: int) -> list[str]:
    """What would help, the most promising first."""
    advice: list[str] = []
    if clips < FEW and (min(result.reproduces, result.travels) < GOOD or result.absorbed):
        advice.append(f"more clips ({FEW} or more, of several takes)")
    if kind != "action" and result.travels < GOOD:
        advice.append("clips of other actions in the same manner (a run, a turn, a gesture)")
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
