"""Rotations against naive products and their own inverses."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lead.motion.rotations import (
    axis_angle_to_matrix,
    euler_to_matrix,
    kabsch,
    matrix_to_axis_angle,
    matrix_to_euler,
    matrix_to_quaternion,
    nearest_rotation,
    normalize,
    shortest_arc,
    unwrap_euler,
    unwrap_quaternions,
)

ORDERS = ["".join(axes) for axes in itertools.permutations("XYZ")]
ANGLES = arrays(float, (4, 3), elements=st.floats(-7, 7))
VECTORS = arrays(float, (3,), elements=st.floats(-10, 10)).filter(lambda v: np.linalg.norm(v) > 1e-3)


def about(axis: str, angle: float) -> np.ndarray:
    return axis_angle_to_matrix(np.eye(3)["XYZ".index(axis)] * angle)


@given(ANGLES, st.sampled_from([*ORDERS, "ZX", "Y", "XYX"]))
def test_euler_angles_multiply_in_their_order(angles, axes):
    for row, matrix in zip(angles[:, : len(axes)], euler_to_matrix(angles[:, : len(axes)], axes), strict=True):
        product = np.eye(3)
        for angle, axis in zip(row, axes, strict=True):
            product = product @ about(axis, angle)
        np.testing.assert_allclose(matrix, product, atol=1e-12)


@given(ANGLES, st.sampled_from(ORDERS), st.sampled_from([None, np.pi / 2, -np.pi / 2]))
def test_euler_angles_come_back(angles, axes, middle):
    if middle is not None:
        angles[:, 1] = middle
    matrix = euler_to_matrix(angles, axes)
    back = matrix_to_euler(matrix, axes)
    np.testing.assert_allclose(euler_to_matrix(back, axes), matrix, atol=1e-6)
    assert np.abs(back[:, 1]).max() <= np.pi / 2 + 1e-12


@pytest.mark.parametrize("axes", ORDERS)
def test_unwrapping_follows_a_turn_over_the_top(axes):
    turn = np.linspace(0, 4 * np.pi, 80)
    for column in range(3):
        angles = np.full((80, 3), 0.2)
        angles[:, column] += turn
        matrix = euler_to_matrix(angles, axes)
        back = unwrap_euler(matrix_to_euler(matrix, axes))
        np.testing.assert_allclose(euler_to_matrix(back, axes), matrix, atol=1e-9)
        assert np.abs(np.diff(back, axis=0)).max() < 0.2


@given(VECTORS, VECTORS)
def test_shortest_arc_takes_one_direction_to_the_other(source, target):
    arc = shortest_arc(source, target)
    np.testing.assert_allclose(arc @ arc.T, np.eye(3), atol=1e-6)
    reached = arc @ source / np.linalg.norm(source)
    np.testing.assert_allclose(reached, target / np.linalg.norm(target), atol=2e-5)


@given(VECTORS)
def test_shortest_arc_of_opposite_and_of_no_directions(source):
    arc = shortest_arc(source, -source)
    np.testing.assert_allclose(arc @ source, -source, atol=1e-9)
    assert np.linalg.det(arc) == pytest.approx(1)
    np.testing.assert_array_equal(shortest_arc(source, np.zeros(3)), np.eye(3))


@given(arrays(float, (3,), elements=st.floats(-3, 3)), arrays(float, (4, 3), elements=st.floats(-3, 3)))
def test_kabsch_finds_the_rotation(vector, points):
    rotation = axis_angle_to_matrix(vector)
    found = kabsch(points, points @ rotation.T, rotation)
    np.testing.assert_allclose(found @ points.T, rotation @ points.T, atol=1e-5)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(found) == pytest.approx(1)


def test_kabsch_asks_the_prior_where_vectors_leave_it_open():
    line = np.array([[0, 0, 1.0], [0, 0, -2.0]])
    prior = about("Z", 0.7)
    np.testing.assert_allclose(kabsch(line, line, prior), prior, atol=1e-6)
    np.testing.assert_allclose(kabsch(0 * line, 0 * line, prior), prior, atol=1e-6)


def test_nearest_rotation_is_never_a_mirror():
    for matrix in np.random.default_rng(0).normal(size=(50, 3, 3)):
        assert np.linalg.det(nearest_rotation(matrix)) == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, (4, 3), elements=st.floats(-1, 1)), st.floats(0, np.pi))
def test_quaternions_and_rotation_vectors_come_back(axes, angle):
    matrices = axis_angle_to_matrix(angle * normalize(axes))
    x, y, z, w = np.moveaxis(matrix_to_quaternion(matrices), -1, 0)
    np.testing.assert_allclose(x * x + y * y + z * z + w * w, 1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    np.testing.assert_allclose(np.moveaxis(np.array(rows), -1, 0), matrices, atol=1e-12)
    vectors = matrix_to_axis_angle(matrices)
    assert np.linalg.norm(vectors, axis=-1).max() <= np.pi + 1e-12
    np.testing.assert_allclose(axis_angle_to_matrix(vectors), matrices, atol=1e-7)


def test_unwrapped_quaternions_have_no_jumps():
    angles = np.linspace(0, 6 * np.pi, 200)
    matrices = axis_angle_to_matrix(angles[:, None, None] * np.array([[0.0, 1, 0], [0.6, 0, 0.8]]))
    quaternions = unwrap_quaternions(matrix_to_quaternion(matrices))
    assert np.abs(np.diff(quaternions, axis=0)).max() < 0.06
