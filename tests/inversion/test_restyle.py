"""Clips take on a style: on their own path, in their own time, on one skeleton."""

from dataclasses import replace

import numpy as np
import pytest

from inversion import InversionError
from inversion.restyle import OVERLAP, _cut, restyle
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES
from lead.motion import Motion
from lead.motion.skeleton import SYMMETRIC_LENGTHS, bone_lengths


@pytest.fixture(scope="module")
def wave(base):
    return base.generate(["a person waves with the left hand"], seconds=3.0, seed=2)[0]


def lean(motion: Motion) -> float:
    """Meters of the head before the pelvis, along the way the person faces at the start."""
    return float((motion.joints[:, 15] - motion.joints[:, 0])[:, 2].mean())


def test_a_clip_keeps_its_length_and_place_and_takes_on_the_style(base, elderly, wave):
    found = restyle(base, wave, elderly, caption="a person waves with the left hand", draws=2)
    assert len(found.joints) == len(wave.joints) and found.notes == ("a person waves with the left hand",)
    assert np.linalg.norm(found.joints[0, 0] - wave.joints[0, 0]) < 0.2
    assert lean(found) > lean(wave) + 0.02  # elderly people are bent
    raised = (found.joints[:, 20, 1] - found.joints[:, 16, 1]).max()
    assert raised > (wave.joints[:, 20, 1] - wave.joints[:, 16, 1]).max() - 0.25
    np.testing.assert_allclose(
        bone_lengths(found.joints)[:, 1:], SYMMETRIC_LENGTHS[1:] + 0 * found.joints[:, 1:, 0], atol=1e-4
    )


def test_less_strength_changes_less(base, elderly, wave):
    """Beside the clip that only went through the autoencoder."""
    plain = base.reconstruct([wave], realign=True)[0].joints
    weak, strong = (
        restyle(base, wave, elderly, caption="a person waves with the left hand", strength=s, draws=1, clean_feet=False)
        for s in (0.2, 1.0)
    )
    frames = min(len(plain), len(weak.joints))
    moved = [np.linalg.norm(one.joints[:frames] - plain[:frames], axis=-1).mean() for one in (weak, strong)]
    assert moved[0] < 0.7 * moved[1]


def test_a_seed_gives_the_same_motion_on_the_clips_rig(base, elderly, elderly_walks):
    clip = replace(elderly_walks[0], joints=elderly_walks[0].joints[:120])
    first, again = (restyle(base, clip, elderly, draws=1) for _ in range(2))
    np.testing.assert_array_equal(first.joints, again.joints)
    assert first.rig is clip.rig and first.name == clip.name


def test_a_long_clip_has_no_seams(base, elderly, elderly_walks):
    clip = elderly_walks[0].resample(20.0)
    long = replace(clip, joints=np.concatenate([clip.joints, clip.joints[::-1], clip.joints])[:500])
    pieces = _cut(long)
    assert len(pieces) == 3 and all(MIN_FRAMES < len(piece.joints) - 1 <= MAX_FRAMES for piece in pieces)
    np.testing.assert_array_equal(pieces[0].joints[-OVERLAP - 1 : -1], pieces[1].joints[:OVERLAP])
    found = restyle(base, long, elderly, caption="a person walks", draws=1)
    assert len(found.joints) == len(long.joints)
    steps = np.linalg.norm(np.diff(found.joints, axis=0), axis=-1).max(axis=1)
    assert steps.max() < 2.0 * np.percentile(steps, 99)


def test_an_action_is_refused(base, elderly, wave):
    with pytest.raises(InversionError, match="<elderly> is an action"):
        restyle(base, wave, replace(elderly, kind="action"))


@pytest.mark.parametrize("noise", [0.0, 1.2, float("nan")])
def test_a_level_of_noise_lies_between_0_and_1(base, elderly, wave, noise):
    with pytest.raises(InversionError, match="expected a level above 0 and at most 1"):
        restyle(base, wave, elderly, noise=noise)
