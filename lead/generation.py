"""Prompts on their way to motions: text features, active concepts, noise, and the steps from noise to features.

Noise -> latents by the sampler -> directions of concepts -> E_proj -> D_proj -> VAE decoder. Rows do not depend on each
other, so a batch may be split. `Lead.generate` is the entry; `lead.control` steers the sampler to constraints.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.conditioning import (
    ActiveConcept,
    Words,
    activate_concepts,
    add_directions,
    check_latents,
    select_adapters,
)
from lead.diffusion import Sampler, Steer, draw_noise
from lead.motion import Motion
from lead.parts import LeadParts

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
        text, concepts = base.encode_text(prompts, words), activate_concepts(base.text, prompts, words)
        on_device = lengths.to(base.device)
        return cls(base, sampling, tuple(prompts), on_device, tuple(draws), text, tuple(concepts))

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
