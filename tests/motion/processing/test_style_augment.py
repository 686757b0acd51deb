import numpy as np
import pytest

from lead.motion.processing.style_augment import (
    ATTRIBUTES,
    SCALES,
    StyleParams,
    apply_style,
    draw_described_style,
    draw_style,
    style_params_to_vector,
)
from lead.motion.skeleton import bone_lengths


def test_the_neutral_style_changes_nothing(walk):
    np.testing.assert_allclose(apply_style(walk.joints, StyleParams()), walk.joints, atol=1e-6)
    assert not style_params_to_vector(StyleParams()).any()


@pytest.mark.parametrize("seed", range(8))
def test_bone_lengths_stay_true(walk, seed):
    style = draw_style(np.random.default_rng(seed))
    varied = apply_style(walk.joints, style, seed)
    expected = bone_lengths(walk.joints[0])
    np.testing.assert_allclose(bone_lengths(varied), np.broadcast_to(expected, (len(varied), 22)), atol=5e-3)


def test_attributes_do_what_they_say(walk):
    def head_ahead(joints):
        return (joints[:, 15, 2] - joints[:, 0, 2]).mean()

    def hands_apart(joints):
        return np.linalg.norm(joints[:, 20] - joints[:, 21], axis=-1).mean()

    assert head_ahead(apply_style(walk.joints, StyleParams(lean=0.6))) > head_ahead(walk.joints) + 0.15
    assert hands_apart(apply_style(walk.joints, StyleParams(arms_out=0.8))) > hands_apart(walk.joints) + 0.2
    assert apply_style(walk.joints, StyleParams(crouch=0.2))[:, 0, 1].mean() < 0.85 * walk.joints[:, 0, 1].mean()
    assert len(apply_style(walk.joints, StyleParams(tempo=2.0))) == pytest.approx(len(walk.joints) / 2, abs=1)
    left = apply_style(walk.joints, StyleParams(side=0.4))
    assert (left[:, 15, 0] - left[:, 0, 0]).mean() > 0.1  # the left side is at +X


def test_feet_stay_where_they_were_when_crouching(walk):
    crouched = apply_style(walk.joints, StyleParams(crouch=0.15))
    np.testing.assert_allclose(crouched[:, [7, 8]], walk.joints[:, [7, 8]], atol=1e-3)


def test_draws_are_seeded_and_within_their_ranges():
    first, second = (draw_described_style(np.random.default_rng(3)) for _ in range(2))
    assert first == second and 1 <= len(first[1]) <= 2
    assert set(SCALES) == {*StyleParams.__dataclass_fields__} and len(ATTRIBUTES) > 15
