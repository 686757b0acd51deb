"""What concepts do to a motion beyond the text feature: adapters of the denoiser and directions in the latent space.

A concept's token embedding acts through the text feature (`lead.text.tower`). A concept may also have a LoRA adapter
and, if it is a style, a direction. Both act on the prompts that name the concept, and on no others.

The prompt decides what a person does, at high noise; the style decides how, at low noise. Therefore a style's adapter,
which was trained on one action, runs at every timestep only if the prompt asks for its training action; on an unseen
action it runs at the lowest timesteps. The direction does the opposite: it acts fully on unseen actions, and partly on
the training action, where the token embedding and the adapter have learned the rest. The schedule of the concept gives
the numbers. With `near` the place of the prompt's similarity between `similarity_low` (0) and `similarity_high` (1):

    t_max           = adapter_t_max_unseen + (1 - adapter_t_max_unseen) near
    adapter scale   = a + (1 - a) near                          with a = adapter_scale_unseen / b
    direction share = d - (d - direction_share_seen) near       with d = (1 + b) / (2 b)

Both are factors of the strength in the prompt, and b is that strength, but at least 1: beyond 1 an adapter does no more
on unseen actions, for its reach there was measured at 1, and the direction grows half as fast. With both in full,
people who should clap or bow walk off at a strength of 1.5. On unseen actions of STILL t_max is at most STILL_T_MAX,
adapter_scale_unseen counts as at most 1, and d is 1 / b. Beside a learned action the direction share is BESIDE_ACTION
times as great.

The similarity is the greatest cosine c_k of the text features of the prompt and of a training prompt, both with
"normally" in the place of every token. A style that was learned from several actions has a direction for each of them,
one a training prompt. In the place of the common direction stands their kernel regression (Nadaraya 1964, Watson 1964):

    direction = sum_k softmax_k(c_k / TEMPERATURE) seen_direction_k

A prompt like none of them gets about the mean.
Knows nothing of concept files: a concept comes as `ConceptTensors` by its token.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from lead.errors import LeadError
from lead.networks.lora import LoRA, apply_lora
from lead.text.parsing import read_prompt
from lead.text.prompts import find_tokens
from lead.text.tower import NEUTRAL, TextTower, WordTensors

TEMPERATURE = 0.1
"""Of the weights of several training actions' directions. A part of the file format.

Real displacements of six styles on ten actions, each predicted from those on the other nine: a cosine of .63, .64, .63,
.57 to the true ones at .05, .1, .2, .4; of the mean of the nine .47."""
STILL = frozenset(("stand", "look-around", "look-up", "look-down", "nod", "shake-head", "shift-weight"))
"""Actions of people who stay where they are and hardly move their limbs, by their keys in the lexicon."""
STILL_T_MAX = 0.5
"""Whether a person goes anywhere is decided at the highest noise, and an adapter of walks makes people walk: asked to
stand still, up to three in four walk off with adapters that act at all timesteps, and none of 80 with this."""
BESIDE_ACTION = 1.4
"""Factor of a style's direction where the prompt names a learned action too, whose adapter leaves less of the style.

Elderly and exhausted (three words each) on four actions that were learned from neutral clips and that the judges know:
at 1 the networks see .27 and .47 of the styles and the linear judge .80 and .97, at 1.4 they see .53 and .71, .85 and
.96, at 2 .62 and .83, .73 and .82. The action is seen in 1.00, 1.00 and .99."""
LARGEST_LATENTS = 20.0
"""The greatest root mean square of a motion's latents, which have unit spread."""


@runtime_checkable
class Schedule(Protocol):
    """How strongly a style acts, by the similarity of a prompt to its training prompts."""

    @property
    def direction_scale(self) -> float:
        """Factor of the direction."""

    @property
    def direction_share_seen(self) -> float:
        """Share of the scaled direction on the training action, where there is an adapter."""

    @property
    def adapter_t_max_unseen(self) -> float:
        """Fraction of the timesteps, from the lowest, on which the adapter acts on unseen actions."""

    @property
    def adapter_scale_unseen(self) -> float:
        """Factor of the adapter on unseen actions."""

    @property
    def similarity_low(self) -> float:
        """Cosine up to which an action is unseen."""

    @property
    def similarity_high(self) -> float:
        """Cosine from which an action is the training action."""


@runtime_checkable
class ConceptTensors(WordTensors, Protocol):
    """All of a concept that acts at generation."""

    @property
    def direction(self) -> Tensor | np.ndarray | None:
        """[d_latent]: times the schedule's `direction_scale` it is added to the latents."""

    @property
    def seen_directions(self) -> Tensor | np.ndarray | None:
        """[prompts, d_latent]: the direction on the action of each training prompt; None where there is but one."""

    @property
    def adapter(self) -> Mapping[str, tuple[Tensor | np.ndarray, Tensor | np.ndarray]]:
        """LoRA of the denoiser: down [rank, inputs] and up [outputs, rank] by the layer's name; may be empty."""

    @property
    def schedule(self) -> Schedule | None:
        """Given where there is a direction."""

    @property
    def training_prompts(self) -> Sequence[str]:
        """Prompts that the concept was trained on, each with `{}` in the token's place."""


Words = Mapping[str, Tensor | np.ndarray | ConceptTensors]
"""Concepts by token, "<elderly>": a token embedding [vectors, d_token] alone, or all of a concept."""


@dataclass(frozen=True, eq=False)
class ActiveConcept:
    """A concept with an adapter or a direction, and how strongly it acts on each prompt of a batch."""

    lora: LoRA | None
    direction: Float[Tensor, "batch d_latent"] | None
    """For each prompt, scaled by the schedule's `direction_scale`."""
    strengths: Float[Tensor, " batch"]
    """As written in the prompts; 0 where a prompt does not name the concept."""
    t_max: Float[Tensor, " batch"]
    """Fraction of the timesteps, from the lowest, on which the adapter acts."""
    adapter_scale: Float[Tensor, " batch"]
    direction_share: Float[Tensor, " batch"]

    def select(self, rows: list[int]) -> "ActiveConcept":
        """The same for these prompts; one may come several times."""
        direction = None if self.direction is None else self.direction[rows]
        by_row = (self.strengths, self.t_max, self.adapter_scale, self.direction_share)
        return ActiveConcept(self.lora, direction, *(values[rows] for values in by_row))


class ScheduledLoRA(NamedTuple):
    """An adapter, with its strength and its range of timesteps for each row of a batch."""

    lora: LoRA
    strengths: Float[Tensor, " batch"]
    t_max: Float[Tensor, " batch"]
    """Fraction of the timesteps, from the lowest, on which it acts."""

    def repeat(self, times: int) -> "ScheduledLoRA":
        """The same for the batch repeated."""
        return ScheduledLoRA(self.lora, self.strengths.repeat(times), self.t_max.repeat(times))


def activate_concepts(text: TextTower, prompts: Sequence[str], words: Words) -> list[ActiveConcept]:
    """The concepts that some prompt names and that have an adapter or a direction."""
    concepts = {token.lower(): word for token, word in words.items() if isinstance(word, ConceptTensors)}
    concepts = {token: word for token, word in concepts.items() if word.adapter or word.direction is not None}
    named = [text.find_tokens(prompt) for prompt in prompts] if concepts else []
    active = []
    for token, concept in concepts.items():
        strengths = torch.tensor([tokens.get(token, 0.0) for tokens in named], device=text.device)
        if strengths.any():
            active.append(_activate(text, prompts, token, concept, strengths))
    return _lengthen_beside_actions(active)


def select_adapters(active: Sequence[ActiveConcept]) -> list[ScheduledLoRA]:
    """The adapters that act on some row of the batch."""
    return [
        ScheduledLoRA(concept.lora, concept.strengths * concept.adapter_scale, concept.t_max)
        for concept in active
        if concept.lora is not None and concept.strengths.any()
    ]


def mix_adapters(active: Sequence[ActiveConcept], shares: Float[Tensor, "rows prompts"]) -> list[ScheduledLoRA]:
    """The adapters of rows that are partly of several prompts: strengths in proportion, the widest of the ranges."""
    mixed = []
    for concept in active:
        strengths = concept.strengths * concept.adapter_scale
        if concept.lora is not None and (shares @ strengths).any():
            t_max = ((shares * strengths > 0) * concept.t_max).amax(dim=1)
            mixed.append(ScheduledLoRA(concept.lora, shares @ strengths, t_max))
    return mixed


def add_directions(
    z: Float[Tensor, "batch latents d_latent"], active: Sequence[ActiveConcept]
) -> Float[Tensor, "batch latents d_latent"]:
    """z + strength * share * direction, for each concept with a direction."""
    for concept in active:
        if concept.direction is not None:
            z = z + (concept.strengths * concept.direction_share)[:, None, None] * concept.direction[:, None]
    return z


def check_latents(z: Float[Tensor, "batch latents d_latent"], prompts: Sequence[str]) -> None:
    """LeadError for a prompt whose latents are NaN or far beyond those of any motion; it names the tokens in it."""
    sizes = z.square().mean(dim=(1, 2)).sqrt()
    for prompt, size in zip(prompts, sizes.tolist(), strict=True):
        if not size <= LARGEST_LATENTS:
            found = f"latents of {size:.3g} in the mean, where motions have about 1"
            if tokens := find_tokens(prompt):
                names = " and ".join(tokens)
                raise LeadError(
                    f"{names} in {prompt!r} means nothing that a body can do ({found}): give it a smaller strength, as "
                    f"in ({next(iter(tokens))}:0.5), or learn it again"
                )
            raise LeadError(f"{prompt!r} gives no motion ({found}): less guidance may help, or another base model")


@contextmanager
def schedule_adapters(
    network: nn.Module, adapters: Sequence[ScheduledLoRA], t: Int[Tensor, ""], timesteps: int
) -> Iterator[None]:
    """During the block the network has the adapters that act at the time t: on the rows where t < t_max * timesteps."""
    strengths = [adapter.strengths * (t < adapter.t_max * timesteps) for adapter in adapters]
    pairs = [(one.lora, rows) for one, rows in zip(adapters, strengths, strict=True) if rows.any()]
    with apply_lora(network, pairs):
        yield


def _activate(
    text: TextTower, prompts: Sequence[str], token: str, concept: ConceptTensors, strengths: Float[Tensor, " batch"]
) -> ActiveConcept:
    directions = [part for part in (concept.direction, concept.seen_directions) if part is not None]
    if not all(torch.as_tensor(part).isfinite().all() for part in (*directions, *chain(*concept.adapter.values()))):
        raise LeadError(f"{token} has NaN or infinite numbers and means nothing: learn it again")
    lora = LoRA.from_layers(concept.adapter).to(text.device) if concept.adapter else None
    schedule, ones = concept.schedule, torch.ones_like(strengths)
    t_max, scale, share = ones, ones, ones
    if concept.direction is None:
        return ActiveConcept(lora, None, strengths, t_max, scale, share)
    assert schedule is not None, f"{token} has a direction and no schedule"
    direction = schedule.direction_scale * torch.as_tensor(concept.direction).to(strengths).expand(len(prompts), -1)
    if lora is not None or concept.seen_directions is not None:
        training_prompts = [prompt.replace("{}", token) for prompt in concept.training_prompts]
        similarity = _compute_similarity(text, prompts, training_prompts)
        near = _compute_nearness(similarity, schedule)
        if concept.seen_directions is not None:
            seen = schedule.direction_scale * torch.as_tensor(concept.seen_directions).to(strengths)
            direction = (similarity / TEMPERATURE).softmax(dim=1) @ seen
        if lora is not None:
            still = torch.tensor([_is_still(prompt) for prompt in prompts], device=near.device)
            beyond, far = strengths.abs().clamp(min=1.0), 1 - near
            moving, staying = schedule.adapter_t_max_unseen, min(schedule.adapter_t_max_unseen, STILL_T_MAX)
            full, share_seen = schedule.adapter_scale_unseen, schedule.direction_share_seen
            # what is less beyond 1, and for people who stand, is taken off: it is 0 for all others, to the bit
            less_scale = full - torch.where(still, min(full, 1.0), full) / beyond
            less_share = 1 - torch.where(still, 1.0, (1 + beyond) / 2) / beyond
            t_max = torch.where(still, staying + (1 - staying) * near, moving + (1 - moving) * near)
            scale = full + (1 - full) * near - less_scale * far
            share = 1 - (1 - share_seen) * near - less_share * far
    return ActiveConcept(lora, direction, strengths, t_max, scale, share)


def _lengthen_beside_actions(active: Sequence[ActiveConcept]) -> list[ActiveConcept]:
    """The concepts, with a greater direction share where a prompt names an action, which has no direction, too."""
    actions = [concept.strengths != 0 for concept in active if concept.direction is None]
    if not actions or len(actions) == len(active):
        return list(active)
    factor = torch.where(torch.stack(actions).any(dim=0), BESIDE_ACTION, 1.0)
    shares = [concept.direction_share * factor for concept in active]
    return [replace(concept, direction_share=share) for concept, share in zip(active, shares, strict=True)]


def _is_still(prompt: str) -> bool:
    """Whether a prompt asks for one of STILL alone."""
    said = read_prompt(prompt)
    return said is not None and said.action in STILL and said.then is None and said.meanwhile is None


def _compute_similarity(
    text: TextTower, prompts: Sequence[str], training_prompts: Sequence[str]
) -> Float[Tensor, "batch training_prompts"]:
    """The cosines c_k of each prompt's text feature to those of the training prompts."""
    neutral, every = text.token_vectors(NEUTRAL), [*prompts, *training_prompts]
    features = text.encode(every, {token: neutral for prompt in every for token in text.find_tokens(prompt)})
    return cosine_similarity(features[: len(prompts), None], features[None, len(prompts) :], dim=-1)


def _compute_nearness(
    similarity: Float[Tensor, "batch training_prompts"], schedule: Schedule
) -> Float[Tensor, " batch"]:
    """0 for unseen actions, 1 for a training action; along a line between."""
    if not similarity.shape[1]:
        return similarity.new_zeros(len(similarity))
    low, high = schedule.similarity_low, schedule.similarity_high
    return ((similarity.amax(dim=1) - low) / (high - low)).clamp(0.0, 1.0)
