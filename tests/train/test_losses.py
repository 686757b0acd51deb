"""What the stages' losses share: the rigid skeleton in torch is NumPy's, and gradients flow through it."""

import numpy as np
import pytest
import torch

from lead.differentiable import bone_lengths, rigid_joints
from lead.motion.features import Stats
from lead.motion.processing.rigid import make_rigid
from lead.motion.skeleton import SYMMETRIC_LENGTHS, tpose
from lead.networks.vae import MotionVAE, VAEConfig
from lead.train.stages.decoder import DecoderLoss, decoder_loss


def draw_joints(walk, noise: float, seed: int = 0) -> np.ndarray:
    """Two clips whose bones change their lengths, [2, frames, 22, 3]."""
    rng = np.random.default_rng(seed)
    return np.stack([walk.joints] * 2) + rng.normal(0, noise, (2, *walk.joints.shape))


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.03])
def test_torch_rigid_joints_equal_numpys(walk, noise):
    joints = draw_joints(walk, noise)
    rigid = rigid_joints(torch.from_numpy(joints))
    np.testing.assert_allclose(rigid, [make_rigid(clip) for clip in joints], atol=1e-6)
    single = rigid_joints(torch.from_numpy(joints).float())
    np.testing.assert_allclose(single, rigid, atol=3e-4)  # a straight knee is the root of a rounding error
    np.testing.assert_allclose(bone_lengths(single), np.broadcast_to(SYMMETRIC_LENGTHS[1:], (*rigid.shape[:2], 21)),
                               atol=1e-5)  # fmt: skip


def test_gradients_are_finite_for_straight_legs_and_bones_without_length():
    joints = torch.zeros(1, 3, 22, 3)
    joints[:, 1] = torch.from_numpy(tpose())
    joints[:, 2] = 1e3 * torch.randn(22, 3)
    joints.requires_grad_()
    rigid = rigid_joints(joints)
    rigid.sum().backward()
    assert torch.isfinite(rigid).all()
    assert torch.isfinite(joints.grad).all()
    assert joints.grad[0, 1].abs().max() < 100


def test_descent_on_rigid_joints_finds_the_pose(walk):
    target = torch.from_numpy(make_rigid(walk.joints[::8])[None]).float()
    joints = (target + 0.02 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    optimizer = torch.optim.Adam([joints], lr=2e-3)
    errors = []
    for _ in range(150):
        error = (rigid_joints(joints) - target).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.15 * errors[0]


def test_the_decoders_loss_is_of_rigid_joints(walk):
    features = torch.from_numpy(walk.features())[None, :40]
    lengths, stats = torch.tensor([40]), Stats.from_features(walk.features())
    vae = MotionVAE(VAEConfig(width=16, layers=1, heads=2, ff=16))
    normal = (features - torch.from_numpy(stats.mean)) / torch.from_numpy(stats.std)
    loss, parts = decoder_loss(vae, normal, lengths, stats, DecoderLoss(), lengths, torch.randn_like)
    assert set(parts) == {"features", "joints", "speed", "acceleration", "planted", "bones", "directions", "turning"}
    assert parts["bones"] > 0
    loss.backward()
    gradients = [parameter.grad for parameter in vae.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
