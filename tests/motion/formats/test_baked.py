"""Baked animations: a BVH's motion in meters and Y up, whatever the file's axes and unit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skeleton_fk import chain_places

from lead.motion.formats.baked import BakedAnimation, bake, turn_rotations
from lead.motion.formats.bvh import Bvh
from lead.motion.rigs.rig import read_rig
from lead.motion.skeleton import JOINTS


def places(motion: BakedAnimation) -> np.ndarray:
    return chain_places(motion.parents, motion.translations, motion.rotations)


def bake_on_rig(bvh: Bvh) -> tuple[BakedAnimation, np.ndarray]:
    """The motion, and the joints' places in meters, Y up."""
    rig, _ = read_rig(bvh)
    return bake(bvh, rig.to_world(np.eye(3)).T), rig.to_world(bvh.world()[0])


@pytest.mark.parametrize(("unit", "up"), [(0.01, "Y"), (0.0254, "Z"), (1.0, "Z")])
def test_any_file_becomes_meters_with_y_up(make_rig_bvh, unit, up):
    bvh = make_rig_bvh(list(JOINTS), unit=unit, up=up)
    motion, expected = bake_on_rig(bvh)
    np.testing.assert_allclose(places(motion), expected, atol=1e-6)
    assert motion.places_at_rest()[JOINTS.index("head"), 1] > 0.4
    np.testing.assert_allclose(np.linalg.norm(motion.rotations, axis=-1), 1, atol=1e-9)
    assert (np.einsum("fji,fji->fj", motion.rotations[1:], motion.rotations[:-1]) > 0).all()
    assert motion.moving.tolist() == [True, *[False] * 21]


def test_axes_of_a_file_change_no_place(make_rig_bvh):
    bvh = make_rig_bvh(list(JOINTS), up="Z")
    axes = Rotation.random(22, random_state=0).as_matrix()
    motion, expected = bake_on_rig(replace(bvh, axes=axes))
    above = motion.parent_axes()
    translations = np.einsum("jba,fjb->fja", above, motion.translations)
    turned = turn_rotations(motion.rotations, above, motion.axes)
    np.testing.assert_allclose(chain_places(motion.parents, translations, turned), expected, atol=1e-6)
    still = replace(bvh, axes=axes, values=np.zeros_like(bvh.values))
    rest = bake_on_rig(bvh)[0].axes  # a BVH has none of its own
    np.testing.assert_array_equal(rest, np.tile(np.eye(3), (22, 1, 1)))
    to_world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(bake(still, to_world).axes, to_world @ axes, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_turning_back_is_the_inverse(seed):
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(12, rng).as_quat().reshape(4, 3, 4)
    before, after = (Rotation.random(3, rng).as_matrix() for _ in range(2))
    turned = turn_rotations(rotations, before, after)
    back = turn_rotations(turned, before.swapaxes(1, 2), after.swapaxes(1, 2))
    np.testing.assert_allclose(np.abs((back * rotations).sum(axis=-1)), 1, atol=1e-9)
    expected = before.swapaxes(1, 2) @ Rotation.from_quat(rotations[0]).as_matrix() @ after
    np.testing.assert_allclose(Rotation.from_quat(turned[0]).as_matrix(), expected, atol=1e-9)


def test_tips_become_joints_with_names_of_their_own(make_rig_bvh):
    bvh = replace(
        make_rig_bvh(list(JOINTS)), end_sites=((15, (0.0, 12.0, 0.0)), (15, (0.0, 0.0, 9.0)), (20, (0.0,) * 3))
    )
    motion = bake(bvh).add_tips()
    assert motion.names[22:] == ("head_end", "head_end_23") and motion.parents[22:] == (15, 15)
    turned = bvh.world()[1][:, 15]
    tip = bvh.world()[0][:, 15] + turned @ np.array([0.0, 12.0, 0.0])
    np.testing.assert_allclose(places(motion)[:, 22], 0.01 * tip, atol=1e-9)
    assert not motion.moving[22:].any() and motion.end_sites == ()


def test_a_still_root_is_dropped_and_the_rest_stands_on_the_floor(make_rig_bvh):
    bvh = make_rig_bvh(list(JOINTS))
    above = Bvh(
        ("Armature", *bvh.names), (-1, *(parent + 1 for parent in bvh.parents)),
        np.concatenate([[[0.0, 5.0, 0.0]], bvh.offsets]), ((), *bvh.channels), (), bvh.values, bvh.frame_time,
    )  # fmt: skip
    motion = bake(above)
    assert motion.is_still(0) and not motion.is_still(1)
    np.testing.assert_allclose(places(motion.drop_root()), places(motion)[:, 1:], atol=1e-9)
    assert motion.drop_root().names == bvh.names
    stands = motion.stand_at_rest()
    assert stands.places_at_rest()[1:, 1].min() == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(places(stands), places(motion))
