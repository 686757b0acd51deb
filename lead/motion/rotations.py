"""Rotations as 3 x 3 matrices, and the small vector functions that they need.

Conventions: matrices act on column vectors from the left; angles are radians; Euler axes such as "ZXY" multiply in the
order in which they stand, R = R_Z R_X R_Y; quaternions are (x, y, z, w). Every function takes any batch prefix. NumPy
only, so that reading a motion does not import torch. Knows nothing of skeletons.
"""

import numpy as np
from jaxtyping import Float

_EPS = 1e-9
"""The length below which a vector has no direction."""


def axis_angle_to_matrix(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rodrigues' formula: R = I + sin(a)/a K + (1 - cos(a))/a^2 K K for a rotation by a = |v| about v."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    K = cross_matrix(vectors)
    # NumPy's sinc(x) is sin(pi x) / (pi x), and (1 - cos(a)) / a^2 = (sin(a/2) / (a/2))^2 / 2
    R: np.ndarray = np.eye(3) + np.sinc(angle / np.pi) * K + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * (K @ K)
    return R


def euler_to_matrix(angles: Float[np.ndarray, "*batch n"], axes: str) -> Float[np.ndarray, "*batch 3 3"]:
    """The product of the rotations about the axes, the first axis outermost. Any number of axes."""
    matrix = np.zeros((3, 3, *angles.shape[:-1]))
    matrix[0, 0] = matrix[1, 1] = matrix[2, 2] = 1
    for n, axis in enumerate(axes):
        turn_columns(matrix, axis, angles[..., n])
    return np.moveaxis(matrix, (0, 1), (-2, -1))


def turn_columns(matrix: Float[np.ndarray, "3 3 *batch"], axis: str, angle: Float[np.ndarray, "*batch"]) -> None:
    """matrix <- matrix R_axis(angle), in place. Only the two columns that are not the axis change.

    The batch comes last here, so that the loop over it runs at the speed of memory.
    """
    i = "XYZ".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    first = matrix[:, j] * cos + matrix[:, k] * sin
    matrix[:, k] = matrix[:, k] * cos - matrix[:, j] * sin
    matrix[:, j] = first


def matrix_to_euler(matrix: Float[np.ndarray, "*batch 3 3"], axes: str) -> Float[np.ndarray, "*batch 3"]:
    """Angles about three different axes, the middle one within +-pi/2. At gimbal lock the last angle is 0.

    The inverse of `euler_to_matrix`. `unwrap_euler` makes a sequence of such angles continuous.
    """
    i, j, k = ("XYZ".index(axis) for axis in axes)
    assert len({i, j, k}) == 3, f"expected three different axes, got {axes}"
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    # R_ik = sign sin(b);  R_jk, R_kk carry the first angle and R_ij, R_ii the last, each times cos(b)
    middle = np.arctan2(sign * matrix[..., i, k], np.hypot(matrix[..., i, i], matrix[..., i, j]))
    first = np.arctan2(-sign * matrix[..., j, k], matrix[..., k, k])
    last = np.arctan2(-sign * matrix[..., i, j], matrix[..., i, i])
    locked = np.hypot(matrix[..., i, i], matrix[..., i, j]) < 1e-7
    first = np.where(locked, np.arctan2(sign * matrix[..., k, j], matrix[..., j, j]), first)
    return np.stack([first, middle, np.where(locked, 0.0, last)], axis=-1)


def unwrap_euler(angles: Float[np.ndarray, "frames *batch 3"]) -> Float[np.ndarray, "frames *batch 3"]:
    """Equivalent angles without jumps from frame to frame.

    (a, b, c) and (a + pi, pi - b, c + pi) are the same rotation. Distances are the same in both forms, so all changes
    of form are decided at once.
    """
    other = np.stack([angles[..., 0] + np.pi, np.pi - angles[..., 1], angles[..., 2] + np.pi], axis=-1)
    stay = np.abs(_wrap(angles[1:] - angles[:-1])).sum(axis=-1)
    change = np.abs(_wrap(angles[1:] - other[:-1])).sum(axis=-1)
    flipped = np.zeros(angles.shape[:-1], dtype=bool)
    flipped[1:] = np.cumsum(change < stay - 1e-9, axis=0) % 2 == 1
    return np.unwrap(np.where(flipped[..., None], other, angles), axis=0)


def matrix_to_quaternion(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 4"]:
    """Unit quaternions (x, y, z, w), of either sign.

    The products 4 q q^T are linear in the matrix. The row with the largest diagonal element is normalized, so that no
    small number is divided by.
    """
    xx, yy, zz = (matrix[..., i, i] for i in range(3))
    x, y, z = (matrix[..., k, j] - matrix[..., j, k] for j, k in ((1, 2), (2, 0), (0, 1)))
    yz, zx, xy = (matrix[..., k, j] + matrix[..., j, k] for j, k in ((1, 2), (2, 0), (0, 1)))
    products = np.stack([
        np.stack([1 + xx - yy - zz, xy, zx, x], axis=-1), np.stack([xy, 1 - xx + yy - zz, yz, y], axis=-1),
        np.stack([zx, yz, 1 - xx - yy + zz, z], axis=-1), np.stack([x, y, z, 1 + xx + yy + zz], axis=-1),
    ], axis=-2)  # fmt: skip
    largest = np.diagonal(products, axis1=-2, axis2=-1).argmax(axis=-1)
    return normalize(np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :])


def quaternion_to_matrix(quaternions: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rotations by quaternions (x, y, z, w) of any length; the inverse of `matrix_to_quaternion`."""
    unit = normalize(quaternions)
    K = cross_matrix(unit[..., :3])
    R: np.ndarray = np.eye(3) + 2 * (unit[..., 3, None, None] * K + K @ K)
    return R


def unwrap_quaternions(quaternions: Float[np.ndarray, "frames *batch 4"]) -> Float[np.ndarray, "frames *batch 4"]:
    """The same rotations, each quaternion with the sign that brings it nearer to the frame before."""
    flips = (quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0
    signs = np.ones(quaternions.shape[:-1])
    signs[1:] = np.where(np.cumsum(flips, axis=0) % 2 == 1, -1.0, 1.0)
    unwrapped: np.ndarray = quaternions * signs[..., None]
    return unwrapped


def matrix_to_axis_angle(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Rotation vectors no longer than pi; the inverse of `axis_angle_to_matrix`."""
    quaternions = matrix_to_quaternion(matrix)
    quaternions = np.where(quaternions[..., 3:] < 0, -quaternions, quaternions)
    sine = np.linalg.norm(quaternions[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternions[..., 3:])
    vectors: np.ndarray = quaternions[..., :3] * np.where(sine < _EPS, 2.0, angle / np.maximum(sine, _EPS))
    return vectors


def shortest_arc(
    source: Float[np.ndarray, "*#batch 3"], target: Float[np.ndarray, "*#batch 3"]
) -> Float[np.ndarray, "*batch 3 3"]:
    """The smallest rotation from the direction of source to that of target; the identity where either is 0.

    R = I + K + K K / (1 + s.t), with K the cross matrix of s x t. For opposite directions: half a turn about an axis
    perpendicular to source.
    """
    s, t = normalize(source), normalize(target)
    dot = np.einsum("...i,...i->...", s, t)
    K = cross_matrix(cross(s, t))
    arc: np.ndarray = np.eye(3) + K + (K @ K) / np.maximum(1 + dot, _EPS)[..., None, None]
    if (opposite := dot < -1 + 1e-10).any():
        s = np.broadcast_to(s, arc.shape[:-1])[opposite]
        axis = normalize(cross(s, np.eye(3)[np.argmin(np.abs(s), axis=-1)]))
        arc[opposite] = 2 * axis[:, :, None] * axis[:, None, :] - np.eye(3)
    return arc


def kabsch(
    source: Float[np.ndarray, "*batch n 3"],
    target: Float[np.ndarray, "*batch n 3"],
    prior: Float[np.ndarray, "*batch 3 3"],
) -> Float[np.ndarray, "*batch 3 3"]:
    """The rotation R that minimizes sum |R source_n - target_n|^2, without translation (Kabsch, 1976).

    Where the vectors leave R open (all on one line, or all zero), the prior decides.
    """
    H = np.einsum("...ni,...nj->...ij", target, source)
    scale = np.abs(H).max(axis=(-1, -2), keepdims=True)
    return nearest_rotation(H + 1e-9 * np.maximum(scale, 1e-12) * prior)


def nearest_rotation(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The rotation closest in the Frobenius norm, by singular value decomposition."""
    U, _, Vt = np.linalg.svd(matrix)
    U[..., :, 2] *= np.sign(np.linalg.det(U) * np.linalg.det(Vt))[..., None]
    R: np.ndarray = U @ Vt
    return R


def normalize(vectors: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch n"]:
    """Unit vectors. Vectors shorter than 1e-9 become zero."""
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return np.where(length < _EPS, 0.0, vectors / np.maximum(length, _EPS))


def cross(a: Float[np.ndarray, "*#batch 3"], b: Float[np.ndarray, "*#batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """a x b. NumPy's own function takes several times as long for few vectors."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def cross_matrix(v: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The matrix K with K u = v x u."""
    upper = np.zeros((*v.shape, 3))
    upper[..., 0, 1], upper[..., 0, 2], upper[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    K: np.ndarray = upper - np.swapaxes(upper, -1, -2)
    return K


def _wrap(angles: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
    """The same angles within [-pi, pi)."""
    wrapped: np.ndarray = (angles + np.pi) % (2 * np.pi) - np.pi
    return wrapped
