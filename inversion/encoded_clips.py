"""What a word is learned from: the clips under their prompts and, for a manner, the direction in which it lies.

A style or a persona shown by a walk has to work in other sentences too.  What the clips add to the walk is a direction
in the latent space: their mean token less that of the base's own motions of the same actions,

    delta = mean_i E_vae(x_i) - mean_j z_j,   z_j ~ p(z | "a person walks normally").

of which what would move or turn the person is taken out: a lively walk is a fast one too, and who raises a hand in its
manner stays where they are.  The rest becomes the concept's direction: `scale` times it is added to the latents generated
with the concept, and on the clips' own action only a share of that (`concepts.schedule`).  What is left to learn is then
what the clips show beyond that share, z_i - share * (scale * delta).
Latents are scaled; lengths count frames at the base's rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from inversion.errors import InversionError
from inversion.objectives import Draw
from inversion.templates import Kind, caption_to_action, recognize_actions, templates
from lead import Lead
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES, UNIT
from lead.motion import Motion
from lead.networks.layers import lengths_to_mask, masked_mean
from lead.text.tower import NEUTRAL
from lead.threads import side_by_side

DRAWN = 64
"""The base's own motions of each of the clips' actions, which are asked for `lead.text.tower.NEUTRAL`: of the manners that it
knows, a bare prompt gets any, and which follows from the length asked for (16 motions of 5 s lay 3 to 4 from 64 of all
lengths; a manner's direction is 2 to 3 long)."""
ROOT_VELOCITY = (0, 1, 2)
"""Places in the features: turning, and velocity to the side and ahead."""
PROBED = 32
"""Clips at most, spread over all, whose decoding says what moves the root: with gradients 300 take a gigabyte."""
SHORTEST, LONGEST = 2.0, 8.0
"""Seconds of the base's own motions."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """The clips' latents, less their share of the direction, with the prompts that each stands under."""

    z: Float[Tensor, "rows latents d_latent"]
    lengths: Int[Tensor, "rows"]
    prompts: tuple[tuple[str, ...], ...]
    """With `{}` in the word's place, one for each template."""
    actions: tuple[str, ...]
    """What the clips show, a verb phrase a row."""
    direction: Float[Tensor, "d_latent"] | None = None
    """delta, where the concept has one."""

    def kept(self) -> dict[str, Tensor]:
        """What of it becomes part of the concept."""
        return {} if self.direction is None else {"direction": self.direction.cpu()}

    def draw(self, base: Lead, size: int, generator: torch.Generator) -> Draw:
        """Rows with times and noise, all under one template."""
        rows = torch.randint(len(self.z), (size,), generator=generator)
        t = torch.randint(base.config.diffusion.steps, (size,), generator=generator)
        eps = torch.randn(size, *self.z.shape[1:], generator=generator)
        template = int(torch.randint(len(self.prompts[0]), (), generator=generator))
        prompts = tuple(self.prompts[row][template] for row in rows.tolist())
        return Draw(self.z[rows], self.lengths[rows], t.to(self.z.device), eps.to(self.z.device), prompts)


def lesson(
    base: Lead,
    clips: Sequence[Motion],
    kind: Kind,
    captions: Sequence[str] | None,
    carry: bool,
    seed: int,
    share: float = 1.0,
    scale: float = 1.0,
) -> Lesson:
    """The clips' rows and, unless the kind is an action or `carry` is off, the direction.

    `share` of `scale` times the direction is what acts on the clips' own action.  Raises InversionError for a clip that is too short.
    """
    windows, owners = cut(clips, base.skeleton.fps)
    actions = [caption_to_action(captions[owner]) for owner in owners] if captions else recognize_actions(base, windows)
    with torch.no_grad():
        z, lengths = base.encode_motion(windows)
    prompts = tuple(templates(kind, actions))
    if kind == "action" or not carry:
        return Lesson(z, lengths, prompts, tuple(actions))
    delta = without_travel(base, direction(base, z, lengths, actions, seed), z, lengths)
    return Lesson(z - share * (scale * delta), lengths, prompts, tuple(actions), delta)


@torch.no_grad()
def direction(
    base: Lead,
    z: Float[Tensor, "clips latents d_latent"],
    lengths: Int[Tensor, "clips"],
    actions: Sequence[str],
    seed: int,
) -> Float[Tensor, "d_latent"]:
    """delta: the mean over the actions of what clips add to the base's own motions of the same actions."""
    deltas = []
    for action in dict.fromkeys(actions):
        rows = [row for row, name in enumerate(actions) if name == action]
        neutral = _mean_token(base, *generated(base, [action] * DRAWN, seed + 1))
        deltas.append(_mean_token(base, z[rows], lengths[rows]) - neutral)
    return torch.stack(deltas).mean(dim=0)


def without_travel(
    base: Lead,
    delta: Float[Tensor, "d_latent"],
    z: Float[Tensor, "clips latents d_latent"],
    lengths: Int[Tensor, "clips"],
) -> Float[Tensor, "d_latent"]:
    """The nearest direction that leaves the root's mean velocity and turning as they are, to first order.

    With A the gradient of the decoded velocities' means by a shift of all latents, delta - A^+ A delta.  Each row of A
    is computed by one thread, so that it does not depend on how many there are.
    """
    shift = torch.zeros_like(delta, requires_grad=True)
    some = slice(None, None, -(-len(z) // PROBED))
    z, lengths = z[some], lengths[some]
    with torch.enable_grad(), side_by_side(torch.get_num_threads()) as each:
        features = base.vae.decode((z + shift) / base.vae.latent_scale, lengths)
        mask = lengths_to_mask(lengths, features.shape[1])
        means = [masked_mean(features[..., number : number + 1], mask) for number in ROOT_VELOCITY]
        a = torch.stack(each(lambda mean: torch.autograd.grad(mean, shift, retain_graph=True)[0], means))
    return delta - torch.linalg.pinv(a) @ a @ delta


def generated(
    base: Lead, actions: Sequence[str], seed: int
) -> tuple[Float[Tensor, "actions latents d_latent"], Int[Tensor, "actions"]]:
    """Latents and lengths of "a person <action> normally", of lengths drawn evenly."""
    seconds = np.random.default_rng(seed).uniform(SHORTEST, LONGEST, len(actions))
    lengths = torch.tensor([int(n * base.skeleton.fps) // UNIT * UNIT for n in seconds], device=base.device)
    text = base.encode_text([f"a person {action} {NEUTRAL}" for action in actions])
    latents = int(base.vae.latent_lengths(lengths).max())

    def made(start: int) -> Float[Tensor, "part latents d_latent"]:
        part = slice(start, start + 32)
        with torch.autocast(base.device.type, torch.bfloat16):  # as exact as lessons need, in half the time
            z = base.sample(text[part], lengths[part], base.noise(lengths[part], seed, start))
        return pad(z, (0, 0, 0, latents - z.shape[1]))

    with side_by_side(2) as each:
        return torch.cat(each(made, range(0, len(actions), 32))), lengths


def cut(clips: Sequence[Motion], fps: float) -> tuple[list[Motion], list[int]]:
    """Clips at the base's rate, long ones cut into equal pieces; and for each piece the clip it comes from."""
    windows, owners = [], []
    for index, clip in enumerate(clips):
        at_rate = clip.resample(fps)
        frames = len(at_rate.joints) - 1
        if frames < MIN_FRAMES:
            raise InversionError(
                f"{clip.name or f'clip {index + 1}'} is {clip.seconds:.2f} s long ({len(clip.joints)} frames at "
                f"{clip.fps:g} fps); at least {(MIN_FRAMES + 1) / fps:.2f} s are needed: leave it out or record more"
            )
        pieces = -(-frames // MAX_FRAMES)
        for piece in np.array_split(np.arange(frames), pieces):
            windows.append(replace(at_rate, joints=at_rate.joints[piece[0] : piece[-1] + 2]))
            owners.append(index)
    return windows, owners


def _mean_token(base: Lead, z: Tensor, lengths: Tensor) -> Float[Tensor, "d_latent"]:
    mask = base.projector.mask(lengths, z.shape[1])[..., None]
    return (z * mask).sum(dim=(0, 1)) / mask.sum()
