"""The direction of a style: one vector that is added to latents and transfers the style to other actions.

It is the displacement of the clips from the base's own motions of the same actions,

    delta = mean_i E_vae(x_i) - mean_j z_j,   z_j ~ p(z | "a person walks normally"),

without its part that would move or turn the person: clips of a lively walk are fast, and a person who raises a hand in
a lively way still stays in place. The rest is the concept's direction. How strongly it is added to the latents of
prompts that name the concept is the concept's schedule (`concepts.schedule`): `schedule_style`.

Clips of several actions give a direction for each (`style_displacements`), and delta is their mean. What a style adds
to a walk says little of what it adds to a gesture: in real clips of seven styles their cosine is .25 in the mean.
Latents are scaled; lengths count frames at the base's rate.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize, pad

from concepts import StyleSchedule
from inversion.precomputed import find_precomputed
from inversion.templates import action_to_caption
from lead import Lead
from lead.data.dataset import UNIT
from lead.networks.layers import lengths_to_mask, masked_mean
from lead.text.tower import NEUTRAL
from lead.threads import side_by_side

SAMPLES = 64
"""The base's own motions of each action, all "normally": from a bare prompt the base draws any of the styles that it
knows, and which one depends on the length. The means of 16 motions of 5 s and of 64 of all lengths are 3 to 4 apart;
delta has a length of 2 to 3."""
FEWEST = 16
"""Of each action, where clips show several, which share SAMPLES; of actions that are known beforehand, all SAMPLES."""
SAME = StyleSchedule().similarity_high
"""Cosine of two captions from which they say the same action."""
SAMPLE_SECONDS = (2.0, 8.0)
"""Their shortest and longest duration; drawn evenly."""
SAMPLE_BATCH = 32
ROOT_VELOCITY = (0, 1, 2)
"""Places in the features: turning, and velocity to the side and ahead."""
LENGTH = 5.0
"""Of the direction as it acts on an unseen action. What six real styles add to ten actions is 2 to 7.9 long, 4.7 in the
mean, and hardly depends on how long it is on walks."""
SCALES = (0.5, 2.0)
"""Least and greatest factor that makes the direction so long."""
SEEN = 0.48
"""Share of the stored direction that acts on the training action beside an adapter, where there is but one."""
MAX_PROBED = 32
"""Clips at most whose decoding shows what moves the root, spread over all: gradients of 300 clips take a gigabyte."""


@torch.no_grad()
def style_displacements(
    base: Lead,
    z: Float[Tensor, "clips latents d_latent"],
    lengths: Int[Tensor, "clips"],
    actions: Sequence[str],
    seed: int,
) -> Float[Tensor, "actions d_latent"]:
    """For each action that clips show, in their order, what they add to the base's own motions of it: delta_a."""
    deltas, shown = [], list(dict.fromkeys(actions))
    samples = max(SAMPLES // len(shown), FEWEST)
    for action in shown:
        rows = [row for row, name in enumerate(actions) if name == action]
        neutral = _look_up_neutral(base, action, seed)
        if neutral is None:
            neutral = mean_neutral(base, action, samples, seed)
        deltas.append(_mean_latent(base, z[rows], lengths[rows]) - neutral)
    return torch.stack(deltas)


@torch.no_grad()
def mean_neutral(base: Lead, action: str, samples: int, seed: int) -> Float[Tensor, "d_latent"]:
    """The mean latent of the base's own motions of an action."""
    return _mean_latent(base, *sample_neutral(base, [action] * samples, seed + 1))


def _look_up_neutral(base: Lead, action: str, seed: int) -> Float[Tensor, "d_latent"] | None:
    """`mean_neutral` of SAMPLES, where it is known beforehand."""
    stored = find_precomputed(base)
    if stored is None or seed != stored.seed or action not in stored.known:
        return None
    return torch.from_numpy(stored.neutral[stored.known.index(action)]).to(base.device)


@torch.no_grad()
def group_actions(base: Lead, actions: Sequence[str]) -> dict[str, str]:
    """For each action the first one that means the same: "walks" for "walks ahead"."""
    actions = list(dict.fromkeys(actions))
    text = normalize(base.encode_text([action_to_caption(action) for action in actions]).float(), dim=-1)
    same = text @ text.T >= SAME
    first: list[int] = []
    for row in range(len(actions)):
        first.append(next((other for other in dict.fromkeys(first) if same[row, other]), row))
    return {action: actions[place] for action, place in zip(actions, first, strict=True)}


def without_travel(
    base: Lead,
    deltas: Float[Tensor, "*directions d_latent"],
    z: Float[Tensor, "clips latents d_latent"],
    lengths: Int[Tensor, "clips"],
) -> Float[Tensor, "*directions d_latent"]:
    """The nearest directions that leave the root's mean velocity and turning as they are, to first order.

    delta - A^+ A delta, where A is the gradient of the decoded velocities' means by a shift of all latents. Each row
    of A is computed by one thread, so the result does not depend on the number of threads.
    """
    shift = torch.zeros(deltas.shape[-1], device=deltas.device, requires_grad=True)
    some = slice(None, None, -(-len(z) // MAX_PROBED))
    z, lengths = z[some], lengths[some]
    with torch.enable_grad(), side_by_side(torch.get_num_threads()) as each:
        features = base.vae.decode((z + shift) / base.vae.latent_scale, lengths)
        mask = lengths_to_mask(lengths, features.shape[1])
        means = [masked_mean(features[..., number : number + 1], mask) for number in ROOT_VELOCITY]
        a = torch.stack(each(lambda mean: torch.autograd.grad(mean, shift, retain_graph=True)[0], means))
    travel: Tensor = deltas @ (torch.linalg.pinv(a) @ a).T
    return deltas - travel


def schedule_style(delta: Float[Tensor, "d_latent"], several: bool) -> StyleSchedule:
    """How the direction acts. One that was learned from one action is scaled to LENGTH for others, and a part of it
    acts on its own; directions of several actions act as they are.
    """
    if several:
        return StyleSchedule(direction_scale=1.0, direction_share_seen=1.0)
    least, most = SCALES
    scale = min(max(LENGTH / max(float(delta.norm()), 1e-6), least), most)
    return StyleSchedule(direction_scale=scale, direction_share_seen=min(SEEN / scale, 1.0))


@torch.no_grad()
def sample_neutral(
    base: Lead, actions: Sequence[str], seed: int
) -> tuple[Float[Tensor, "actions latents d_latent"], Int[Tensor, "actions"]]:
    """Latents and lengths of "a person <action> normally", one an action, zero past each end."""
    seconds = np.random.default_rng(seed).uniform(*SAMPLE_SECONDS, len(actions))
    lengths = torch.tensor([int(n * base.skeleton.fps) // UNIT * UNIT for n in seconds], device=base.device)
    text = base.encode_text([action_to_caption(action, NEUTRAL) for action in actions])
    latents = int(base.vae.latent_lengths(lengths).max())

    def sample_from(start: int) -> Float[Tensor, "part latents d_latent"]:
        part = slice(start, start + SAMPLE_BATCH)
        with torch.autocast(base.device.type, torch.bfloat16):  # exact enough for a mean, in half the time
            z = base.sample(text[part], lengths[part], base.noise(lengths[part], seed, start))
        return pad(z, (0, 0, 0, latents - z.shape[1]))

    with side_by_side(2) as each:
        return torch.cat(each(sample_from, range(0, len(actions), SAMPLE_BATCH))), lengths


def _mean_latent(
    base: Lead, z: Float[Tensor, "clips latents d_latent"], lengths: Int[Tensor, "clips"]
) -> Float[Tensor, "d_latent"]:
    """The mean over the latents of all clips, without padding."""
    mask = base.projector.mask(lengths, z.shape[1])[..., None]
    total: Tensor = (z * mask).sum(dim=(0, 1))
    return total / mask.sum()
