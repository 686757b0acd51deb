"""The objectives that a pseudo-word can be optimized for.

Notation: z is an exemplar's latent, z_t its noisy version at timestep t with noise eps, tau(y(v)) the text feature of a
prompt with the pseudo-word. z_hat and eps_hat are the denoiser's estimates of z and eps. An objective is a function
of a base, a batch and text features; it returns the mean loss. Gradients reach the text features and what is applied
to the denoiser, never the base's parameters.

A new objective is a function here, a row of OBJECTIVES, and a name in `inversion.choices.Objective`.
Shapes: batch first; z [batch, latents, d_latent], scaled; lengths in frames at the base's rate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from inversion.choices import Objective
from lead import Lead
from lead.networks.projector import alignment_loss


@dataclass(frozen=True, eq=False)
class Batch:
    """Exemplars with timesteps and noise. Used again without a change, a batch is a fixed measure."""

    z: Float[Tensor, "batch latents d_latent"]
    """Scaled latents."""
    lengths: Int[Tensor, "batch"]
    """Frames at the base's rate."""
    t: Int[Tensor, "batch"]
    eps: Float[Tensor, "batch latents d_latent"]
    prompts: tuple[str, ...]
    """One a row, with `{}` in the place of the token."""

    def split(self, count: int) -> list["Batch"]:
        """`count` batches of consecutive rows, of sizes that differ by at most one."""
        ends = torch.arange(count + 1) * len(self.prompts) // count
        parts = [slice(start, end) for start, end in pairwise(ends.tolist())]
        return [
            Batch(self.z[part], self.lengths[part], self.t[part], self.eps[part], self.prompts[part]) for part in parts
        ]


Text = Float[Tensor, "batch d_text"]
Loss = Float[Tensor, ""]
ObjectiveFunction = Callable[[Lead, Batch, Text], Loss]


def denoising_loss(base: Lead, batch: Batch, text: Text) -> Loss:
    """|| v_hat - v ||^2: the base's own training loss; v is what its denoiser predicts (velocity or noise)."""
    output, _, _ = _denoise(base, batch, text)
    return _mean_square(base, output - base.diffusion.target(batch.z, batch.t, batch.eps), batch.lengths)


def realigned_loss(base: Lead, batch: Batch, text: Text) -> Loss:
    """|| E_proj(z_hat) - E_proj(z) ||^2: motion textual inversion (LEAD, arXiv 2410.14508, Eq. 9)."""
    _, z_hat, _ = _denoise(base, batch, text)
    with torch.no_grad():
        target = base.projector.encode(batch.z, batch.lengths)
    return _mean_square(base, base.projector.encode(z_hat, batch.lengths) - target, batch.lengths)


def latent_loss(base: Lead, batch: Batch, text: Text) -> Loss:
    """|| z_hat - z ||^2: the same in the VAE's latent space, which LEAD compares with."""
    _, z_hat, _ = _denoise(base, batch, text)
    return _mean_square(base, z_hat - batch.z, batch.lengths)


def noise_loss(base: Lead, batch: Batch, text: Text) -> Loss:
    """|| eps_hat - eps ||^2: textual inversion of images (Gal et al., arXiv 2208.01618, Eq. 2)."""
    _, _, eps_hat = _denoise(base, batch, text)
    return _mean_square(base, eps_hat - batch.eps, batch.lengths)


def text_loss(base: Lead, batch: Batch, text: Text) -> Loss:
    """1 - cos(tau(y(v)), E_proj(z)): without diffusion."""
    z_proj = base.projector.encode(batch.z, batch.lengths)
    return alignment_loss(text, base.projector.pool(z_proj, batch.lengths))


OBJECTIVES: Mapping[Objective, ObjectiveFunction] = {
    "denoising": denoising_loss,
    "realigned": realigned_loss,
    "latent": latent_loss,
    "noise": noise_loss,
    "text": text_loss,
}
WITHOUT_DENOISER: frozenset[Objective] = frozenset({"text"})
"""Objectives that do not run the denoiser: an adapter of it gets no gradient."""


def _denoise(
    base: Lead, batch: Batch, text: Text
) -> tuple[
    Float[Tensor, "batch latents d_latent"],
    Float[Tensor, "batch latents d_latent"],
    Float[Tensor, "batch latents d_latent"],
]:
    """The denoiser's output at z_t, and the estimates z_hat and eps_hat that follow from it."""
    z_t = base.diffusion.add_noise(batch.z, batch.t, batch.eps)
    output = base.denoiser(z_t, batch.t, text, batch.lengths)
    z_hat, eps_hat = base.diffusion.clean_and_noise(z_t, batch.t, output)
    return output, z_hat, eps_hat


def _mean_square(base: Lead, error: Float[Tensor, "batch latents d"], lengths: Int[Tensor, "batch"]) -> Loss:
    """The mean over all numbers that are not padding."""
    mask = base.projector.mask(lengths, error.shape[1])[..., None]
    total: Tensor = (error.square() * mask).sum()
    return total / (mask.sum() * error.shape[-1])
