"""Optimizes a pseudo-word: stochastic gradient descent on an objective. The best state by a fixed batch is kept.

Each step draws a batch and computes its two halves, one a thread. Learning rates rise over the first steps and fall in
the second half. The fixed batch is measured every CHECK_EVERY steps; an optimization that no longer gets better ends.
A checkpoint file holds the state, so that a killed optimization goes on where it was.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from inversion.choices import Objective
from inversion.optimization.adam import Adam
from inversion.optimization.objectives import OBJECTIVES, Batch
from inversion.optimization.pseudo_word import PseudoWord
from inversion.optimization.training_set import TrainingSet
from lead import Lead
from lead.motion.atomic import atomic_write
from lead.threads import Each, side_by_side

Progress = Callable[[int, int, float, float], None]
"""Called with steps done, steps in all, the step's loss, and the fixed batch's loss as last measured."""

WARM_UP = 5
"""Steps over which learning rates rise."""
CHECK_EVERY = 20
FIXED_ROWS = 64
PARTS = 2
"""Of a batch, computed side by side."""
PATIENCE = 60
"""Steps without a better measure after which the optimization ends."""
BETTER = 0.998
"""A measure is better below this share of the best."""
SAVE_EVERY = 5.0
"""Seconds between checkpoints."""
LAYOUT = 3
"""Of checkpoints."""


@dataclass(frozen=True)
class OptimizeConfig:
    """How a pseudo-word is optimized."""

    objective: Objective
    token: str
    steps: int
    """At most."""
    batch: int
    """Rows a step."""
    seed: int


@dataclass
class Optimized:
    """The state of an optimization."""

    tensors: dict[str, Tensor]
    """Of the best pseudo-word so far."""
    first_loss: float
    """The fixed batch's before the first step."""
    best_loss: float
    """The fixed batch's least."""
    best_step: int = 0
    steps: int = 0
    curve: list[float] = field(default_factory=list)
    """The loss of each step."""


class Checkpoint:
    """An optimization's state in a file: written every SAVE_EVERY seconds, atomically, and removed at the end."""

    def __init__(self, path: Path | None, identity: str):
        """`identity` tells one optimization from another; without a path nothing is written."""
        self.path, self.identity = path, hashlib.sha256(f"{LAYOUT} {identity}".encode()).hexdigest()
        self.saved = time.monotonic()

    def load(self, word: PseudoWord, adam: Adam, generator: Generator) -> Optimized | None:
        """Restores the state of the same optimization; None where the file is another's, broken or missing."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, weights_only=True)
        except Exception:  # a broken or foreign file raises anything
            return None
        if not isinstance(state, dict) or state.get("identity") != self.identity:
            return None
        word.load_state_dict(state["word"])
        adam.load(state["adam"])
        generator.set_state(state["generator"])
        return Optimized(**state["optimized"])

    def save(self, optimized: Optimized, word: PseudoWord, adam: Adam, generator: Generator) -> None:
        """Writes the file, unless it was written less than SAVE_EVERY seconds ago."""
        if self.path is None or time.monotonic() - self.saved < SAVE_EVERY:
            return
        state = {"identity": self.identity, "optimized": vars(optimized), "generator": generator.get_state()}
        state |= {"word": word.state_dict(), "adam": adam.state}
        with atomic_write(self.path) as partial_path:
            torch.save(state, partial_path)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Removes the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def optimize_pseudo_word(
    base: Lead,
    word: PseudoWord,
    training: TrainingSet,
    config: OptimizeConfig,
    checkpoint: Checkpoint,
    progress: Progress | None = None,
    watch: Callable[[Callable[[], Optimized]], None] | None = None,
) -> Optimized:
    """The best pseudo-word of at most `config.steps` steps; Ctrl-C ends the optimization early.

    Changes `word`; the base stays as it is. `watch` is called before the first step and after each, with a function
    that gives the state with the pseudo-word's tensors at that step.
    """

    def see() -> Optimized:
        return replace(optimized, tensors=word.tensors())

    steps, timesteps = config.steps, base.config.diffusion.steps
    generator = Generator().manual_seed(config.seed)
    adam = Adam(word.parameter_groups())
    fixed = training.draw(timesteps, FIXED_ROWS, Generator().manual_seed(config.seed + 1))
    with side_by_side(PARTS) as each:
        loss_of = partial(_backpropagate, _in_16_bits(base), word, config, each)
        measure = torch.no_grad()(loss_of)
        optimized = checkpoint.load(word, adam, generator) or Optimized(word.tensors(), first := measure(fixed), first)
        score = optimized.best_loss
        try:
            if watch:
                watch(see)
            while optimized.steps < steps and optimized.steps - max(optimized.best_step, steps // 2) < PATIENCE:
                adam.zero_grad()
                loss = loss_of(training.draw(timesteps, config.batch, generator))
                adam.step(_rate_factor(optimized.steps, steps))
                optimized.steps += 1
                optimized.curve.append(loss)
                if optimized.steps % CHECK_EVERY == 0 or optimized.steps == steps:
                    score = measure(fixed)
                    if score < optimized.best_loss * BETTER:
                        optimized.tensors, optimized.best_loss = word.tensors(), score
                        optimized.best_step = optimized.steps
                    checkpoint.save(optimized, word, adam, generator)
                if progress:
                    progress(optimized.steps, steps, loss, score)
                if watch:
                    watch(see)
        except KeyboardInterrupt:
            pass
    checkpoint.remove()
    return optimized


def _rate_factor(step: int, steps: int) -> float:
    """Up over WARM_UP steps, then level, then down to a tenth in the second half."""
    late = max(0.0, (step - steps / 2) / (steps / 2))
    return min(1.0, (step + 1) / WARM_UP) * (1 - 0.9 * late)


def _backpropagate(base: Lead, word: PseudoWord, config: OptimizeConfig, each: Each, batch: Batch) -> float:
    """The mean loss of a batch; where gradients are recorded, the word's are added to.

    Products are in 16 bits: twice as fast on a CPU, and as good a concept.
    """
    objective, prompts = OBJECTIVES[config.objective], sorted(set(batch.prompts))
    with torch.autocast(base.device.type, torch.bfloat16):
        features = base.encode_text(
            [prompt.replace("{}", config.token) for prompt in prompts], {config.token: word.vectors}
        )
    shared = features.detach().requires_grad_(features.requires_grad)

    def loss_of(part: Batch) -> Tensor:
        with torch.autocast(base.device.type, torch.bfloat16):
            text = shared[[prompts.index(prompt) for prompt in part.prompts]]
            loss = objective(base, part, text) / PARTS
        if loss.requires_grad:
            torch.autograd.backward(loss)  # the sum of two parts does not depend on which comes first
        return loss.detach()

    with word.apply_adapter(base):
        total = float(sum(each(loss_of, batch.split(PARTS))))
    if shared.grad is not None:
        torch.autograd.backward(features, shared.grad)
    return total


def _in_16_bits(base: Lead) -> Lead:
    """The base with the matrices of denoiser and text tower in bfloat16, as autocast multiplies them.

    Everything else is shared with the base.
    """
    copy = base.share_weights()
    for layer in (*copy.denoiser.modules(), *copy.text.modules()):
        if isinstance(layer, nn.Linear | nn.MultiheadAttention):
            for name, weight in list(layer.named_parameters(recurse=False)):
                setattr(layer, name, nn.Parameter(weight.bfloat16(), requires_grad=False))
    return copy
