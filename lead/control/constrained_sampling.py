"""How generation meets constraints: the sampler's estimates of the clean latent are steered, and its result is refined.

1. *Steered sampling.* At each step of the sampler the network's estimate of the clean latent is moved by STEERED_STEPS
   steps of Adam down the loss of the decoded joints; the sampler goes on from there, so that later steps make the rest
   of the motion fit. No gradient runs through the denoiser. Source: manifold preserving guidance (He et al., arXiv
   2311.16424) in the latent space.
2. *Refinement.* The finished latent is moved on, through the decoder, until the constraints are met within NEAR_ENOUGH
   or REFINED_STEPS are done.
The loss of joints j, with p the constrained ones of the weights w, and j_0 the joints before the first step:

    L = sum w max(|j - p| - slack, 0)^2 + SMOOTH mean |(j - j_0)''|^2 + PACE mean |v - v_0|^2
        + SLIP mean c |j_toes'|^2 + FLOOR mean min(y_lowest, 0)^2 + NEAR |z - z_0|^2

The second part spreads what changes over time, so that poses come out of movement. The third holds the velocity v of
the root, as the body sees it: without it two poses that are near each other slow a whole walk down. The fourth keeps
toes in place while the features say that they stand (c), so that little is left to the clean-up of feet. All networks
are frozen. What is
left of the errors is done by `finish`. Noise as the variable (DNO, arXiv 2312.11994) is as near and takes five times as
long. Knows nothing of text: networks come as functions of latents. Conventions: meters, Y up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from lead.control.targets import HEADING_METERS, FloatingPoses, Targets
from lead.differentiable import features_to_joints, rigid_joints
from lead.motion.processing.ik import TOES

STEERED_STEPS, STEERED_RATE = 10, 0.15
"""Of Adam, in each step of the sampler."""
REFINED_STEPS, REFINED_RATE = 100, 0.05
NEAR_ENOUGH = 0.015
"""Meters: the root mean square of what constraints are off."""
DAMPING = 0.02
"""Of Adam's steps: a number of the latents whose gradient is below this share of the largest one moves little."""
SMOOTH = 30.0
"""The weight of a change's acceleration, which is in meters a frame^2."""
SLIP = 20.0
"""The weight of a standing toe's movement, in meters a frame."""
PACE = 5.0
"""The weight of a change of the root's velocity, in meters a frame."""
FLOOR = 3.0
"""The weight of the depth of the lowest joint below the floor, in meters."""
NEAR = 0.01
"""The weight of a change of latents, which have unit spread."""

Latents = Float[Tensor, "batch latents d_latent"]
Joints = Float[Tensor, "batch frames 22 3"]
Decode = Callable[[Latents], Float[Tensor, "batch frames feats"]]
"""Latents to features that are not normalized."""


@dataclass(frozen=True, eq=False)
class Guide:
    """Steers latents to the targets of a batch, one `Targets` a row."""

    targets: Sequence[Targets]
    decode_estimate: Decode
    """Of what the sampler estimates: through the projector and the decoder."""
    decode: Decode
    """Of finished latents."""
    tell: Callable[[], None] = lambda: None
    """Called at each step of Adam; what it raises ends the work."""

    def steer(self, z_0: Latents) -> Latents:
        """An estimate of the clean latents, moved toward the targets."""
        return self._descend(z_0, self.decode_estimate, STEERED_STEPS, STEERED_RATE)

    def refine(self, z: Latents) -> Latents:
        """Finished latents, moved to the targets."""
        return self._descend(z, self.decode, REFINED_STEPS, REFINED_RATE)

    def _descend(self, z_0: Latents, decode: Decode, steps: int, rate: float) -> Latents:
        """Adam (Kingma & Ba, arXiv 1412.6980) on the latents alone."""
        with torch.enable_grad():
            z, before = z_0.detach().clone().requires_grad_(True), decode(z_0).detach()
            joints_before = _to_joints(before)
            mean, square = torch.zeros_like(z), torch.zeros_like(z)
            for step in range(1, steps + 1):
                self.tell()
                features = decode(z)
                joints = _to_joints(features)
                change = (joints - joints_before).diff(n=2, dim=1)
                off = [compute_loss(row, own) for row, own in zip(joints, self.targets, strict=True)]
                if all(one.item() < NEAR_ENOUGH**2 * own.count for one, own in zip(off, self.targets, strict=True)):
                    break
                loss = torch.stack(off).sum() + SMOOTH * change.square().sum(-1).mean(dim=(1, 2)).sum()
                loss = loss + SLIP * _measure_slip(joints, features).sum()
                loss = loss + PACE * (features - before)[..., 1:3].square().sum(-1).mean(dim=1).sum()
                loss = loss + FLOOR * joints[..., 1].amin(-1).clamp(max=0.0).square().mean(dim=1).sum()
                loss = loss + NEAR * (z - z_0).square().mean(dim=(1, 2)).sum()
                (gradient,) = torch.autograd.grad(loss, z)
                mean = 0.9 * mean + 0.1 * gradient
                square = 0.99 * square + 0.01 * gradient.square()
                size = (square / (1 - 0.99**step)).sqrt()
                update = mean / (1 - 0.9**step) / (size + DAMPING * size.amax(dim=(1, 2), keepdim=True) + 1e-8)
                z = (z - rate * update).detach().requires_grad_(True)
        return z.detach()


def compute_loss(joints: Float[Tensor, "frames 22 3"], targets: Targets) -> Float[Tensor, ""]:
    """The weighted squares of what is off beyond the slack, in meters squared."""
    joints = joints[: len(targets.positions)]
    positions, weights, slack = (_like(x, joints) for x in (targets.positions, targets.weights, targets.slack))
    placed = joints
    if targets.free:
        points, onto = (x.reshape(1, -1, 3) for x in (joints, positions))
        placed = _lay_over(points, onto, weights[..., 0].reshape(1, -1)).reshape(joints.shape)
    on = weights > 0
    distance = (((placed - positions) * on).square().sum(-1) + 1e-10).sqrt()
    loss = (weights.amax(-1) * (distance - slack).clamp(min=0.0).square()).sum()
    if len(targets.floating.frames):
        loss = loss + _measure_poses(joints, targets.floating)
    if targets.heading_weights.any():
        forward = _face(placed)
        off = (forward - _like(targets.headings, joints)).square().sum(-1)
        loss = loss + HEADING_METERS**2 * (off * _like(targets.heading_weights, joints)).sum()
    if targets.course.any():
        loss = loss + HEADING_METERS**2 * _measure_turned(placed, _like(targets.course, joints))
    return loss


def _measure_turned(joints: Float[Tensor, "frames 22 3"], course: Float[Tensor, "frames 2"]) -> Float[Tensor, ""]:
    """How far the body is turned from the way that it faces along its path, as a mean square.

    That way is the motion's own: the mean angle from facing to movement, as backward or sideways; where there is no
    such angle, as in a dance, the body may face anywhere. Pairs x, z are complex numbers.
    """
    facing = torch.view_as_complex(_face(joints).contiguous())
    moved = torch.view_as_complex(joints[:, 0, [0, 2]].detach().diff(dim=0).contiguous())
    relative = (moved * facing[1:].detach().conj()).sum()
    coherence = relative.abs() / moved.abs().sum().clamp(min=1e-6)
    wanted = torch.view_as_complex(course.contiguous()) * torch.sgn(relative).conj()
    off = (facing - wanted).abs().square() * (wanted.abs() > 0)
    return off.mean() * (2 * coherence - 1).clamp(min=0.0)


def _measure_poses(joints: Float[Tensor, "frames 22 3"], floating: FloatingPoses) -> Float[Tensor, ""]:
    """The mean square of the distances of the joints that count, each pose laid over the body; summed over poses."""
    own = joints[torch.as_tensor(floating.frames, device=joints.device)]
    wanted = _lay_over(_like(floating.poses, joints), own.detach(), _like(floating.laid_on, joints))
    counts = _like(floating.counts, joints)
    return ((own - wanted).square().sum(-1) * counts / counts.sum(dim=1, keepdim=True)).sum()


def _measure_slip(joints: Joints, features: Float[Tensor, "batch frames feats"]) -> Float[Tensor, " batch"]:
    """The mean square of what toes move over the floor while their contact features say that they stand."""
    contacts = features[..., [-3, -1]].detach().clamp(0.0, 1.0)
    moved = joints[:, :, TOES][..., [0, 2]].diff(dim=1).square().sum(-1)
    return (torch.minimum(contacts[:, 1:], contacts[:, :-1]) * moved).mean(dim=(1, 2))


def _lay_over(
    points: Float[Tensor, "sets points 3"], onto: Float[Tensor, "sets points 3"], weights: Float[Tensor, "sets points"]
) -> Float[Tensor, "sets points 3"]:
    """The twin of `targets.lay_over`: no gradient runs through where to, which is best already."""
    with torch.no_grad():
        share = (weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12))[..., None]
        own, other = ((share * some[..., [0, 2]]).sum(dim=1, keepdim=True) for some in (points, onto))
        (x, z), (u, w) = ((some[..., [0, 2]] - at).unbind(-1) for some, at in ((points, own), (onto, other)))
        share = share[..., 0]
        angle = torch.atan2((share * (z * u - x * w)).sum(dim=1), (share * (x * u + z * w)).sum(dim=1))[:, None]
        cos, sin = angle.cos(), angle.sin()
    x, z = points[..., 0] - own[..., 0], points[..., 2] - own[..., 1]
    return torch.stack([cos * x + sin * z + other[..., 0], points[..., 1], cos * z - sin * x + other[..., 1]], dim=-1)


def _face(joints: Float[Tensor, "frames 22 3"]) -> Float[Tensor, "frames 2"]:
    """The twin of `lead.motion.heading.facing`: x and z of a unit vector."""
    across = joints[:, 2] - joints[:, 1] + joints[:, 17] - joints[:, 16]
    ahead = torch.stack([across[:, 2], -across[:, 0]], dim=-1)
    return ahead / (ahead.square().sum(-1, keepdim=True) + 1e-12).sqrt()


def _to_joints(features: Float[Tensor, "batch frames feats"]) -> Joints:
    return rigid_joints(features_to_joints(features))


def _like(values: Shaped[np.ndarray, "*shape"], joints: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=joints.dtype, device=joints.device)
