"""The comparison of bone lengths: what it finds in bodies that are known."""

import numpy as np
import pytest

from benchmarks.bases.bones import PROMPTS, STRENGTHS, compare_lengths, make_prompts, write_and_read
from lead import Motion
from lead.motion.skeleton import PARENTS, SYMMETRIC_LENGTHS, place_bones

LEFT_KNEE = 4


def body(stretch: float = 1.0, frames: int = 5) -> Motion:
    """Frames of one pose; the left thigh is longer by `stretch` in the last one."""
    directions = np.random.default_rng(0).normal(size=(22, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    joints = np.stack([place_bones(np.zeros(3), directions, SYMMETRIC_LENGTHS)] * frames)
    assert PARENTS[LEFT_KNEE] == 1
    longer = SYMMETRIC_LENGTHS.copy()
    longer[LEFT_KNEE] *= stretch
    joints[-1] = place_bones(np.zeros(3), directions, longer)
    return Motion(joints.astype(np.float32))


def test_a_rigid_body_differs_by_rounding_alone():
    found = compare_lengths([body(), body()])
    assert found.pop("motions") == 2
    assert max(found.values()) < 1e-5


def test_a_bone_that_grows_is_found_within_a_motion_and_against_the_other_side():
    found = compare_lengths([body(), body(1.01)])
    assert found["within a motion"] == pytest.approx(0.01, rel=0.02)
    assert found["left against right"] == pytest.approx(0.01, rel=0.02)


def test_motions_of_two_sizes_differ_across_motions_alone():
    small, large = body(), Motion(body().joints * np.float32(1.02))
    found = compare_lengths([small, large])
    assert found["across motions"] == pytest.approx(0.02, rel=0.05)
    assert max(found["within a motion"], found["left against right"]) < 1e-5


def test_prompts_have_every_strength_with_and_without_both_concepts():
    prompts, seconds = make_prompts()
    assert len(prompts) == len(seconds) == len(set(prompts)) == 4 * PROMPTS
    for token in ("<elderly>", "<kick>"):
        assert sum(token in text for text in prompts) == 2 * PROMPTS
        for strength in STRENGTHS:
            assert any(f"({token}:{strength:g})" in text for text in prompts)


@pytest.mark.parametrize("suffix", ["bvh", "glb", "npz"])
def test_a_motion_comes_back_from_its_file(tmp_path, suffix):
    again = write_and_read(body(frames=8), tmp_path / f"one.{suffix}")
    assert again.joints.shape == (8, 22, 3)
    assert max(value for name, value in compare_lengths([again]).items() if name != "motions") < 1e-4
