"""Which clips training draws, how often, and in which batches.

The stages share what is here; each says how much of a batch every split has. Knows nothing of networks and losses.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.data.dataset import MAX_FRAMES, Batch, Clip, collate
from lead.data.layout import find_splits
from lead.train.stage import TrainConfig

VAL_CLIPS = 256
"""How many clips of val, spread over it, a stage validates on."""


def load_by_shares(
    data: Path, shares: Mapping[str, float], load: Callable[[str], Sequence[Clip]]
) -> tuple[list[Clip], Float[np.ndarray, " clips"]]:
    """The clips that `load` gives for each split that there is, and the share of the draws that each clip has.

    The splits share the draws as `shares` says, the clips of a split as `balance` does. Empty where no split has any.
    """
    clips: list[Clip] = []
    weights = [np.zeros(0)]
    for split in find_splits(data, shares):
        found = load(split)
        if found:
            clips += found
            weights.append(shares[split] * balance(found))
    every = np.concatenate(weights)
    return clips, every / every.sum() if len(every) else every


def balance(clips: Sequence[Clip]) -> Float[np.ndarray, " clips"]:
    """Each clip's share of the draws: an action with four times as many clips as another is drawn twice as often."""
    counts = Counter(clip.action for clip in clips)
    weights = np.array([counts[clip.action] ** -0.5 for clip in clips])
    balanced: np.ndarray = weights / weights.sum()
    return balanced


class ClipBatches:
    """A training batch for every step: clips by their shares, those of like length together.

    An epoch has as many draws as whole batches of clips, and each clip in it as often as its share says, rounded up or
    down; without shares, once at most. An epoch's order depends on the seed and the epoch, a batch's crops on the seed
    and the step.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        train: TrainConfig,
        shares: Float[np.ndarray, " clips"] | None = None,
        pool: int = 16,
    ):
        self.clips, self.seed, self.size, self.pool = clips, train.seed, train.batch, pool
        self.shares = np.full(len(clips), 1 / len(clips)) if shares is None else shares
        self.lengths = np.array([min(len(clip.features), MAX_FRAMES) for clip in clips])
        self.groups = max(len(clips) // train.batch, 1)
        self._epoch, self._order = -1, np.zeros((0, 0), dtype=int)

    def draw(self, step: int) -> Batch:
        epoch, place = divmod(step, self.groups)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._order_epoch(np.random.default_rng([self.seed, epoch]))
        rng = np.random.default_rng([self.seed, step, 1])
        return collate([self.clips[i] for i in self._order[place]], rng)

    def _order_epoch(self, rng: np.random.Generator) -> Int[np.ndarray, "groups batch"]:
        """Clips drawn into pools of a few batches, each pool sorted by length, and the batches shuffled."""
        draws = self.groups * self.size
        at = (np.arange(draws) + rng.random()) / draws  # systematic draws: each clip as often as its share says
        order = rng.permutation(np.searchsorted(np.cumsum(self.shares), at).clip(max=len(self.clips) - 1))
        pools = np.split(order, range(self.pool * self.size, len(order), self.pool * self.size))
        ordered = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        return rng.permutation(ordered.reshape(self.groups, self.size))


def subsample(clips: Sequence[Clip], most: int = VAL_CLIPS) -> list[Clip]:
    """At most so many clips, evenly spread over all."""
    return [clips[i] for i in np.linspace(0, len(clips) - 1, min(most, len(clips))).round().astype(int)]


def to_tensors(batch: Batch, device: torch.device) -> tuple[Float[Tensor, "batch frames feats"], Int[Tensor, " batch"]]:
    """Features and lengths."""
    return torch.from_numpy(batch.features).to(device), torch.from_numpy(batch.lengths).to(device)
