"""The search for a word: stochastic descent on an objective, the best state by a fixed draw, kept in a checkpoint.

Each step draws exemplars, a template, times and noise at once, and computes the draw in two halves, by a thread each.
Rates rise over the first steps and fall in the second half.  The fixed draw is measured every few steps; a search that
no longer gets better ends.
"""

import hashlib
import os
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from inversion.adam import Adam
from inversion.encoded_clips import Lesson
from inversion.objectives import Draw, Objective, objective_loss
from inversion.pseudo_word import PseudoWord
from lead import Lead
from lead.threads import Each, side_by_side

Progress = Callable[[int, int, float, float], None]
"""Called with steps done, steps in all, the step's loss, and the fixed draw's loss as last measured."""

WARM_UP = 5
CHECK_EVERY = 20
FIXED_ROWS = 64
PARTS = 2
"""Of a draw, computed side by side."""
PATIENCE = 60
"""Steps without a better measure after which the search ends."""
BETTER = 0.998
SAVE_EVERY = 5.0
"""Seconds between checkpoints."""
LAYOUT = 2
"""Of checkpoints."""


@dataclass
class Found:
    """How far a search is."""

    tensors: dict[str, Tensor]
    """Of the best word so far."""
    start: float
    """The fixed draw's loss before the first step."""
    best: float
    best_step: int = 0
    steps: int = 0
    curve: list[float] = field(default_factory=list)


class Checkpoint:
    """A search's state in a file: written every SAVE_EVERY seconds, moved into place, removed when the search ends."""

    def __init__(self, path: Path | None, search: str):
        """`search` tells one search from another; without a path nothing is kept."""
        self.path, self.identity = path, hashlib.sha256(f"{LAYOUT} {search}".encode()).hexdigest()
        self.saved = time.monotonic()

    def load(self, word: PseudoWord, adam: Adam, generator: Generator) -> Found | None:
        """How far the same search was, its state put back in place; None where the file is another's or is broken."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, weights_only=True)
        except Exception:  # whatever a broken or foreign file raises, it holds no search of ours
            return None
        if not isinstance(state, dict) or state.get("identity") != self.identity:
            return None
        word.load_state_dict(state["word"])
        adam.load(state["adam"])
        generator.set_state(state["generator"])
        return Found(**state["found"])

    def save(self, found: Found, word: PseudoWord, adam: Adam, generator: Generator) -> None:
        if self.path is None or time.monotonic() - self.saved < SAVE_EVERY:
            return
        partial = self.path.with_name(self.path.name + ".partial")
        state = {"identity": self.identity, "found": vars(found), "generator": generator.get_state()}
        state |= {"word": word.state_dict(), "adam": adam.state}
        torch.save(state, partial)
        os.replace(partial, self.path)
        self.saved = time.monotonic()

    def forget(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def search(
    base: Lead,
    word: PseudoWord,
    taught: Lesson,
    objective: Objective,
    token: str,
    steps: int,
    batch: int,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress | None,
) -> Found:
    """The best word of at most `steps` steps; Ctrl-C ends the search early."""
    generator = Generator().manual_seed(seed)
    adam = Adam(word.rates())
    fixed = taught.draw(base, FIXED_ROWS, Generator().manual_seed(seed + 1))
    with side_by_side(PARTS) as each:
        loss_of = partial(_loss, _in_16_bits(base), word, objective, token, each)
        measure = torch.no_grad()(loss_of)
        found = checkpoint.load(word, adam, generator)
        if found is None:
            first = measure(fixed)
            found = Found(word.tensors(), first, first)
        score = found.best
        try:
            while found.steps < steps and found.steps - max(found.best_step, steps // 2) < PATIENCE:
                adam.forget_gradients()
                loss = loss_of(taught.draw(base, batch, generator))
                adam.step(_rate(found.steps, steps))
                found.steps += 1
                found.curve.append(loss)
                if found.steps % CHECK_EVERY == 0 or found.steps == steps:
                    score = measure(fixed)
                    if score < found.best * BETTER:
                        found.tensors, found.best, found.best_step = word.tensors(), score, found.steps
                    checkpoint.save(found, word, adam, generator)
                if progress:
                    progress(found.steps, steps, loss, score)
        except KeyboardInterrupt:
            pass
    checkpoint.forget()
    return found


def _rate(step: int, steps: int) -> float:
    """Up over WARM_UP steps, then level, then down to a tenth in the second half."""
    late = max(0.0, (step - steps / 2) / (steps / 2))
    return min(1.0, (step + 1) / WARM_UP) * (1 - 0.9 * late)


def _loss(base: Lead, word: PseudoWord, objective: Objective, token: str, each: Each, draw: Draw) -> float:
    """The objective's loss of a draw, the mean of its parts'; where gradients are recorded the word's are added to.

    16-bit products, which are twice as fast on a CPU and lead to the same words.
    """
    different = sorted(set(draw.prompts))
    with torch.autocast(base.device.type, torch.bfloat16):
        features = base.encode_text([prompt.replace("{}", token) for prompt in different], {token: word.vectors})
    shared = features.detach().requires_grad_(features.requires_grad)

    def loss_of(part: Draw) -> Tensor:
        with torch.autocast(base.device.type, torch.bfloat16):
            text = shared[[different.index(prompt) for prompt in part.prompts]]
            loss = objective_loss(base, objective, part, text) / PARTS
        if loss.requires_grad:
            loss.backward()  # of two parts a sum does not depend on which comes first
        return loss.detach()

    with word.acting(base):
        loss = float(sum(each(loss_of, draw.parts(PARTS))))
    if shared.grad is not None:
        features.backward(shared.grad)
    return loss


def _in_16_bits(base: Lead) -> Lead:
    """The base with the matrices of denoiser and text tower in 16 bits, as autocast multiplies them; all else is
    shared.
    """
    shared = [*base.parameters(), *base.buffers(), base.text.tokenizer]
    copy = deepcopy(base, {id(part): part for part in shared})
    for layer in (*copy.denoiser.modules(), *copy.text.modules()):
        if isinstance(layer, nn.Linear | nn.MultiheadAttention):
            for name, weight in list(layer.named_parameters(recurse=False)):
                setattr(layer, name, nn.Parameter(weight.bfloat16(), requires_grad=False))
    return copy
