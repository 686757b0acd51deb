"""Prompts on their way to motions: text features, active concepts, noise, and the steps from noise to features.

Noise -> latents by the sampler -> directions of concepts -> E_proj -> D_proj -> VAE decoder. Rows do not depend on each
other, so a batch may be split. `Lead.generate` is the entry; `lead.control` steers the sampler to constraints.

A learned action's adapter was trained on prompts that say no more than the action. Words of a style beside it, as in
"a person <kick>s like an old man", change the text feature and with it the action, and the adapter leaves little of the
style. So the action has its prompt alone, and the style comes as a direction, as a learned style does on an action
that its clips do not show: the mean of what the style adds to the base's own motions of STYLE_ACTIONS, made
STYLE_LENGTH long.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.conditioning import (
    ActiveConcept,
    ConceptTensors,
    Words,
    activate_concepts,
    add_directions,
    check_latents,
    select_adapters,
)
from lead.diffusion import Sampler, Steer, draw_noise
from lead.motion import Motion
from lead.parts import LeadParts
from lead.text.worded_style import split_style
from lead.threads import side_by_side

STYLE_ACTIONS = (
    "walks", "runs", "kicks", "jumps", "squats", "raises both hands", "waves with the right hand", "sits down",
    "raises the left hand", "punches", "bows", "lifts one leg",
)  # fmt: skip
STYLE_SAMPLES, STYLE_SECONDS, STYLE_DRAW = 4, 4.0, 7
"""Motions of each action, their length, and the seed of their noise, which is the same with and without the style."""
STYLE_LENGTH = 7.0
"""Of the direction. What 27 styles add to one of these actions is 6 long in the mean, and their mean over the actions
1.4 to 9. Judges see action and style together in .64 at 6 and in .70 at 7, of 32 pairs of a learned action and a
style; from the text feature alone in .23."""
STYLE_SCALE = 2.5
"""The greatest factor that makes it so long: what is short says little."""

Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much; what it raises ends the work."""


@dataclass(frozen=True)
class Sampling:
    """How latents are sampled; None is the base's own choice."""

    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None
    realign: bool = True
    """With the projector; else plain MLD."""
    bfloat16: bool = False
    batch: int = 32
    """Rows that are computed at a time."""


@dataclass(frozen=True, eq=False)
class PromptBatch:
    """Prompts with what the sampler needs of them."""

    base: LeadParts
    sampling: Sampling
    prompts: tuple[str, ...]
    lengths: Int[Tensor, " batch"]
    """Frames, multiples of UNIT."""
    draws: tuple[int, ...]
    """Seeds of the noise, one a prompt."""
    text: Float[Tensor, "batch d_text"]
    concepts: tuple[ActiveConcept, ...]

    @classmethod
    def prepare(
        cls,
        base: LeadParts,
        sampling: Sampling,
        prompts: Sequence[str],
        lengths: Int[Tensor, " batch"],
        draws: Sequence[int],
        words: Words,
    ) -> "PromptBatch":
        """The prompts encoded, with the concepts that act on them."""
        text, concepts = encode_prompts(base, prompts, words)
        on_device = lengths.to(base.device)
        return cls(base, sampling, tuple(prompts), on_device, tuple(draws), text, concepts)

    def __len__(self) -> int:
        return len(self.prompts)

    def select(self, rows: Sequence[int]) -> "PromptBatch":
        """These rows, in this order; a row may come several times."""
        rows = list(rows)
        return replace(
            self,
            prompts=tuple(self.prompts[row] for row in rows),
            lengths=self.lengths[rows],
            draws=tuple(self.draws[row] for row in rows),
            text=self.text[rows],
            concepts=tuple(concept.select(rows) for concept in self.concepts),
        )

    def split(self) -> Iterator["PromptBatch"]:
        """The rows, `sampling.batch` at a time."""
        for start in range(0, len(self), self.sampling.batch):
            yield self.select(range(start, min(start + self.sampling.batch, len(self))))

    def draw_noise(self, tries: int = 1) -> Float[Tensor, "rows latents d_latent"]:
        """Noise for each row; with `tries` a row has so many, one after the other, its first one the same as alone."""
        vae = self.base.vae
        return draw_noise(vae.latent_lengths(self.lengths), vae.config.d_latent, self.draws, tries).to(self.base.device)

    def sample(
        self, noise: Float[Tensor, "batch latents d_latent"], steer: Steer | None = None
    ) -> Float[Tensor, "batch latents d_latent"]:
        """Latents by the sampler, before concepts' directions."""
        s = self.sampling
        with torch.autocast(self.base.device.type, torch.bfloat16, enabled=s.bfloat16):
            return self.base.sample(
                self.text, self.lengths, noise, s.steps, s.guidance, s.sampler, select_adapters(self.concepts),
                steer=steer,
            )  # fmt: skip

    def complete(self, z: Float[Tensor, "batch latents d_latent"]) -> Float[Tensor, "batch latents d_latent"]:
        """Sampled latents with concepts' directions, through the projector."""
        z = add_directions(z, self.concepts)
        return self.base.projector.realign(z, self.lengths) if self.sampling.realign else z

    def check(self, z: Float[Tensor, "batch latents d_latent"]) -> None:
        """LeadError for a prompt whose sampled latents mean no motion."""
        check_latents(add_directions(z, self.concepts), self.prompts)


def encode_prompts(
    base: LeadParts, prompts: Sequence[str], words: Words
) -> tuple[Float[Tensor, "prompts d_text"], tuple[ActiveConcept, ...]]:
    """The prompts' text features, and the concepts and styles that act on them."""
    concepts = {token.lower(): word for token, word in words.items() if isinstance(word, ConceptTensors)}
    actions = {token for token, word in concepts.items() if word.adapter and word.direction is None}
    split = [split_style(prompt, actions) if actions else None for prompt in prompts]
    said = [styled.action if styled else prompt for prompt, styled in zip(prompts, split, strict=True)]
    text, active = base.encode_text(said, words), activate_concepts(base.text, said, words)
    if any(split):
        phrases = [styled.style if styled else "" for styled in split]
        by_phrase = {phrase: compute_style_direction(base, phrase) for phrase in dict.fromkeys(phrases)}
        ones = torch.ones(len(prompts), device=base.device)
        active.append(ActiveConcept(None, torch.stack([by_phrase[p] for p in phrases]), ones, ones, ones, ones))
    return text, tuple(active)


def compute_style_direction(base: LeadParts, phrase: str) -> Float[Tensor, " d_latent"]:
    """The direction of a style such as "like an old man"; zero for an empty phrase."""
    delta = _compute_mean(base, phrase) - _compute_mean(base, "")
    return delta * min(STYLE_LENGTH / max(float(delta.norm()), 1e-6), STYLE_SCALE)


@torch.no_grad()
def _compute_mean(base: LeadParts, phrase: str) -> Float[Tensor, " d_latent"]:
    """The mean latent of the base's own motions of STYLE_ACTIONS in a style.

    They are sampled in 16 bits, exact enough for a mean and twice as fast, and once for each state of the weights.
    """
    key = phrase, *base.fingerprints.values()
    if key not in base.style_means:
        prompts = [f"a person {action} {phrase}".strip() for action in STYLE_ACTIONS for _ in range(STYLE_SAMPLES)]
        shortest, longest = base.seconds_range
        lengths = torch.tensor(base.count_each(min(max(STYLE_SECONDS, shortest), longest), len(prompts)))
        draws = [STYLE_DRAW + row for row in range(len(prompts))]
        sampling = Sampling(bfloat16=True, batch=len(prompts) // 2)
        batch = PromptBatch.prepare(base, sampling, prompts, lengths, draws, {})
        with side_by_side(2) as each:
            z = torch.cat(each(lambda part: part.sample(part.draw_noise()), list(batch.split())))
        base.style_means[key] = z.float().mean(dim=(0, 1))
    return base.style_means[key].to(base.device)


def generate_plain(batch: PromptBatch, clean_feet: bool, progress: Progress | None = None) -> list[Motion]:
    """A motion a prompt, without constraints."""
    motions: list[Motion] = []
    for part in batch.split():
        z = part.sample(part.draw_noise())
        part.check(z)
        motions += part.base.decode(part.complete(z), part.lengths, clean_feet=clean_feet)
        if progress:
            progress(len(motions), len(batch))
    return motions
