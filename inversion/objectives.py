"""What a pseudo-word is optimized for: objectives over one batch of exemplars, times and noise.

With z_i an exemplar's latent, z_0_hat the denoiser's estimate of it from z_t under the prompt y(v):

    denoising   || v_hat - v ||^2                        what the base itself was trained for (v-prediction or noise)
    realigned   || E_proj(z_0_hat) - E_proj(z_i) ||^2    motion textual inversion (LEAD, arXiv 2410.14508, Eq. 9)
    latent      || z_0_hat - z_i ||^2                    the same in the raw VAE space, the paper's comparison
    noise       || eps_hat - eps ||^2                    textual inversion of images (Gal et al., arXiv 2208.01618)
    text        1 - cos(tau(y(v)), E_proj(z_i))          no diffusion at all

Shapes: batch first; z [batch, latents, d_latent], scaled; lengths in frames.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead import Lead
from lead.networks.projector import alignment_loss

Objective = Literal["denoising", "realigned", "latent", "noise", "text"]


@dataclass(frozen=True, eq=False)
class Draw:
    """A batch of exemplars with times and noise; reused unchanged, it is a fixed measure."""

    z: Float[Tensor, "batch latents d_latent"]
    lengths: Int[Tensor, "batch"]
    t: Int[Tensor, "batch"]
    eps: Float[Tensor, "batch latents d_latent"]
    prompts: tuple[str, ...]
    """With `{}` in the word's place."""

    def parts(self, count: int) -> list["Draw"]:
        """The rows in their order, cut into so many draws."""
        ends = torch.arange(count + 1) * len(self.prompts) // count
        rows = [slice(start, end) for start, end in pairwise(ends.tolist())]
        return [
            Draw(self.z[part], self.lengths[part], self.t[part], self.eps[part], self.prompts[part]) for part in rows
        ]


def objective_loss(base: Lead, objective: Objective, draw: Draw, text: Float[Tensor, "batch d_text"]) -> Tensor:
    """The mean loss of a draw under the text features of its prompts; gradients reach `text` alone."""
    z, lengths, projector = draw.z, draw.lengths, base.projector
    mask = projector.mask(lengths, z.shape[1])[..., None]
    if objective == "text":
        return alignment_loss(text, projector.pool(projector.encode(z, lengths), lengths))
    z_t = base.diffusion.add_noise(z, draw.t, draw.eps)
    output = base.denoiser(z_t, draw.t, text, lengths)
    z_hat, eps_hat = base.diffusion.clean_and_noise(z_t, draw.t, output)
    if objective == "denoising":
        error = output - base.diffusion.target(z, draw.t, draw.eps)
    elif objective == "noise":
        error = eps_hat - draw.eps
    elif objective == "latent":
        error = z_hat - z
    else:
        with torch.no_grad():
            target = projector.encode(z, lengths)
        error = projector.encode(z_hat, lengths) - target
    return (error.square() * mask).sum() / (mask.sum() * error.shape[-1])
