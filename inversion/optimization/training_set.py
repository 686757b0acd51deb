"""What a pseudo-word is trained on: latents of clips, the prompts of each, and batches of them.

A style's direction acts on the training action too, in part. What remains to be learned is then what the clips show
beyond that part, z_i - direction_share_seen * (direction_scale * delta_a), delta_a the direction of the clip's action;
without an adapter, which could learn it, direction_scale * delta_a in full.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from concepts import StyleSchedule
from concepts.kinds import Kind
from inversion.encoded_clips import EncodedClips
from inversion.optimization.objectives import Batch
from inversion.style_direction import group_actions, schedule_style, style_displacements, without_travel
from inversion.templates import fill_templates
from lead import Lead


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """One row a piece of a clip."""

    z: Float[Tensor, "rows latents d_latent"]
    """Scaled latents, less the part of the direction that acts on the training action."""
    lengths: Int[Tensor, "rows"]
    """Frames at the base's rate."""
    prompts: tuple[tuple[str, ...], ...]
    """With `{}` in the place of the token, one for each template."""
    direction: Float[Tensor, "d_latent"] | None = None
    """delta, where the concept has a direction; not scaled."""
    seen_directions: Float[Tensor, "actions d_latent"] | None = None
    """delta_a of each action's prompts, in their order, where the clips show several actions; not scaled."""
    schedule: StyleSchedule | None = None
    """How the direction acts, where there is one."""

    def draw(self, timesteps: int, size: int, generator: torch.Generator) -> Batch:
        """Rows drawn with replacement, timesteps and noise; all rows under one template."""
        rows = torch.randint(len(self.z), (size,), generator=generator)
        t = torch.randint(timesteps, (size,), generator=generator)
        eps = torch.randn(size, *self.z.shape[1:], generator=generator)
        template = int(torch.randint(len(self.prompts[0]), (), generator=generator))
        prompts = tuple(self.prompts[row][template] for row in rows.tolist())
        return Batch(self.z[rows], self.lengths[rows], t.to(self.z.device), eps.to(self.z.device), prompts)


def build_training_set(
    base: Lead, encoded: EncodedClips, kind: Kind, with_direction: bool, adapter: bool, seed: int
) -> TrainingSet:
    """The rows of encoded clips and, if wanted, a direction and its schedule.

    `adapter` says whether the concept has one: then only a share of the direction acts on the training action.
    """
    z, lengths, prompts = encoded.z, encoded.lengths, tuple(fill_templates(kind, encoded.actions))
    if not with_direction:
        return TrainingSet(z, lengths, prompts)
    same = group_actions(base, encoded.actions)
    shown = list(dict.fromkeys(same.values()))
    deltas = style_displacements(base, z, lengths, [same[action] for action in encoded.actions], seed)
    deltas = without_travel(base, deltas, z, lengths)
    delta, several = deltas.mean(dim=0), len(shown) > 1
    schedule = schedule_style(delta, several)
    share = schedule.direction_share_seen if adapter else 1.0
    of_rows, of_prompts = ([shown.index(same[action]) for action in actions] for actions in (encoded.actions, same))
    acting = share * (schedule.direction_scale * deltas[of_rows])
    return TrainingSet(z - acting[:, None], lengths, prompts, delta, deltas[of_prompts] if several else None, schedule)
