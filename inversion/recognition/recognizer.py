"""The action that a motion shows, or that none is recognized.

The score of action k for a motion x with realigned latents z_proj = E_proj(E_vae(x)) is

    s_k = SHARPNESS * standardize(cos(mean(z_proj), tau_k)) + CONFIRMED or - REFUTED - RARE,

where tau_k is the mean text feature of the action's wordings. `standardize` takes off the mean over all actions and
divides by their standard deviation: how far an action stands out says the same in every base, its cosine does not.
A check of the joints confirms or refutes the actions that stand out most. That none is right has the score
SHARPNESS * UNKNOWN. The confidence of an action is its share of the sum of exp(s).
Knows nothing of concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from inversion.precomputed import find_precomputed
from inversion.recognition.actions import ACTIONS, Action
from inversion.similarity import Features
from inversion.templates import action_to_caption, caption_to_action
from lead import Lead, Motion
from lead.motion.measures import Joints

# Fitted on the validation split of the development pack (benchmarks/inversion/recognition.py --fit), where "none is
# right" is every clip without the actions that are like its own. REFUTED and RARE are chosen.
SHARPNESS, UNKNOWN = 2.7, 3.1
"""A standard deviation of the cosines over actions, in nats; standard deviations that an unmeasured action needs."""
CONFIRMED, REFUTED, RARE = 1.8, 2.0, 0.5
"""Nats."""
SURE = 0.5
"""The confidence from which an action is said."""
MEASURED = 16
"""Actions whose checks run: those that stand out most."""
ALTERNATIVES = 2


@dataclass(frozen=True)
class Guess:
    """An action that a motion may show."""

    action: str
    """A verb phrase."""
    confidence: float
    """In [0, 1]."""


@dataclass(frozen=True)
class Recognition:
    """What a motion is taken for."""

    best: Guess
    alternatives: tuple[Guess, ...] = ()
    """The next ones."""
    refuted: bool = False
    """Whether a measure of the joints denies the best."""
    supported: bool = False
    """Whether the other pieces make the best sure, which this piece alone is not."""

    @property
    def known(self) -> bool:
        """Whether the best is sure enough to be said."""
        return (self.best.confidence >= SURE or self.supported) and not self.refuted


def known_actions(base: Lead) -> list[Action]:
    """The actions that the base was trained on, and what a fine-tuned base was taught beside them.

    All ACTIONS where the base cannot tell.
    """
    if base.vocabulary is None:
        return list(ACTIONS)
    notices = base.find_unknown([action_to_caption(action.phrase) for action in ACTIONS])
    known = [action for action, notice in zip(ACTIONS, notices, strict=True) if notice is None]
    taught = [kind.examples for kind in base.vocabulary.kinds if kind.name == kind.examples[0]]
    own = [Action(caption_to_action(first), tuple(map(caption_to_action, others))) for first, *others in taught]
    return known + own


def describe_known(base: Lead) -> tuple[list[Action], Float[Tensor, "actions d_text"]]:
    """`known_actions` and `encode_actions` of them; of the embedded base they are looked up."""
    stored = find_precomputed(base)
    if stored is None or list(stored.wordings) != list_wordings():
        actions = known_actions(base)
        return actions, encode_actions(base, actions)
    by_phrase = {action.phrase: action for action in ACTIONS}
    return [by_phrase[phrase] for phrase in stored.known], torch.from_numpy(stored.text).to(base.device)


def list_wordings() -> list[str]:
    """Phrases and wordings of all ACTIONS."""
    return [phrase for action in ACTIONS for phrase in action.phrases]


@torch.no_grad()
def recognize(
    base: Lead, pooled: Float[Tensor, "pieces d_text"], features: Sequence[Features]
) -> tuple[Recognition, ...]:
    """What each piece of some clips is taken for.

    `pooled` are the means of the pieces' realigned latents, `features` HumanML3D's. Clips of one concept mostly show
    one action: where a piece alone is not sure, what the others are taken for counts too. Confidences are the piece's
    own, whatever the others are.
    """
    actions, text = describe_known(base)
    cosines = (normalize(pooled.float(), dim=-1) @ text.T).cpu().numpy()
    joints = [Motion.from_features(rows).joints for rows in features]
    evidence = np.stack([measure(actions, row, one) for row, one in zip(cosines, joints, strict=True)])
    shares, denied = share_out(actions, cosines, evidence)
    return tuple(
        describe_shares(actions, own, row, weighed)
        for own, row, weighed in zip(shares, denied, support(shares), strict=True)
    )


def encode_actions(base: Lead, actions: Sequence[Action]) -> Float[Tensor, "actions d_text"]:
    """tau_k: the mean over wordings, of unit length."""
    captions = [action_to_caption(phrase) for action in actions for phrase in action.phrases]
    text = normalize(base.encode_text(captions).float(), dim=-1)
    parts = torch.split(text, [len(action.phrases) for action in actions])
    return normalize(torch.stack([part.mean(dim=0) for part in parts]), dim=-1)


def share_out(
    actions: Sequence[Action],
    cosines: Float[np.ndarray, "pieces actions"],
    evidence: Float[np.ndarray, "pieces actions"],
) -> tuple[Float[np.ndarray, "pieces shares"], Bool[np.ndarray, "pieces actions"]]:
    """The shares of all actions and, last, of none; and which actions the joints deny."""
    scores = SHARPNESS * standardize(cosines) - RARE * np.array([action.rare for action in actions])
    scores = scores + CONFIRMED * (evidence > 0) - REFUTED * (evidence < 0)
    none = np.full((len(scores), 1), SHARPNESS * UNKNOWN)
    scores = np.concatenate([scores, none], axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), evidence < 0


def standardize(cosines: Float[np.ndarray, "pieces actions"]) -> Float[np.ndarray, "pieces actions"]:
    """Each row with mean 0 and standard deviation 1."""
    spread = cosines.std(axis=1, keepdims=True).clip(1e-6)
    standardized: np.ndarray = (cosines - cosines.mean(axis=1, keepdims=True)) / spread
    return standardized


def measure(actions: Sequence[Action], cosines: Float[np.ndarray, "actions"], joints: Joints) -> np.ndarray:
    """1 where a check confirms an action that stands out, -1 where it refutes one, else 0."""
    evidence = np.zeros(len(actions))
    for row in np.argsort(-cosines, kind="stable")[:MEASURED]:
        check = actions[row].check
        if check is not None:
            evidence[row] = 1.0 if check(joints) else -1.0
    return evidence


def support(shares: Float[np.ndarray, "pieces shares"]) -> Float[np.ndarray, "pieces shares"]:
    """The shares; those of a piece that is not sure are weighed by the mean over the others, if that makes it sure."""
    if len(shares) < 2:
        return shares
    others = (shares.sum(axis=0) - shares).clip(0.0) / (len(shares) - 1)
    weighed = shares * others
    weighed = weighed / weighed.sum(axis=1, keepdims=True).clip(1e-12)
    helped = (shares[:, :-1].max(axis=1) < SURE) & (weighed[:, :-1].max(axis=1) >= SURE)
    return np.where(helped[:, None], weighed, shares)


def describe_shares(
    actions: Sequence[Action],
    shares: Float[np.ndarray, "shares"],
    denied: Bool[np.ndarray, "actions"],
    weighed: Float[np.ndarray, "shares"] | None = None,
) -> Recognition:
    """The actions of the greatest shares, as a recognition; the first is that of `weighed` (`support`)."""
    ranks = shares if weighed is None else weighed
    first = int(np.argmax(ranks[:-1]))
    others = [row for row in np.argsort(-shares[:-1], kind="stable").tolist() if row != first][:ALTERNATIVES]
    best, *rest = (Guess(actions[row].phrase, float(shares[row])) for row in (first, *others))
    supported = best.confidence < SURE <= float(ranks[first])
    return Recognition(best, tuple(rest), bool(denied[first]), supported)
