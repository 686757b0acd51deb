"""The mannequin's mesh for the page that plays motions, and how its bones turn in a motion.

The mesh (`lead.motion.bodies.mannequin`) stands around HumanML3D's skeleton in a T-pose. The page moves it: a vertex v,
held by joints j with weights w, is shown at

    sum_j w_j (p_j + R_j D_j (v - r_j))        D_j = s 1 + (l_j - s) b_j b_j^T

with p the joint's place in the motion and r at rest, R its rotation from the T-pose in the world, s the size of the
body, b the direction of its bone at rest and l how much longer the bone is than at rest. So the skin meets the joints
of any body. Conventions: meters, Y up, facing +Z. Knows nothing of drawing.
"""

import base64
from functools import cache
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from lead.motion.bodies.mannequin import CELL, mannequin
from lead.motion.formats.baked import bake
from lead.motion.rigs.own_rig import measure_own_offsets
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rotations import matrix_to_quaternion, normalize, quaternion_to_matrix
from lead.motion.skeleton import JOINTS, PARENTS, tpose

UNIT = 0.0002
"""Meters of the vertices' unit."""
COARSE = 1.9 * CELL
"""Meters between the points of the grid that the page's mesh is made on."""
HANGS = {1: (0.09, -0.05, -0.01), 13: (0.035, 0.133, -0.012)}
"""Left hip and left collar from pelvis and chest, as bodies have them; in a T-pose of straight bones they are level."""
BONES = {0: 3, 9: 12} | {parent: joint for joint, parent in enumerate(PARENTS) if joint and parent not in (0, 9)}
"""The joint that each joint's bone leads to; wrists, toes and head have none."""

LEAST_WEIGHT = 0.04
"""A joint that holds a vertex by less does not move it."""
_SIDES = np.array([0 if name.startswith("left") else 1 if name.startswith("right") else 2 for name in JOINTS])
_SIDES[[13, 14]] = 2  # collars


class PackedSkin(TypedDict):
    """The mesh as the page reads it; arrays are in base64, little-endian."""

    unit: float
    vertices: str
    """int16 [vertices, 3], in units."""
    normals: str
    """int8 [vertices, 3], times 127."""
    triangles: str
    """uint16 [triangles, 3]."""
    joints: str
    """uint8 [vertices, 4]."""
    weights: str
    """uint8 [vertices, 4], times 255; the largest first."""
    parts: str
    """uint8 [vertices, 3]: how much of the color of the left, the right and the trunk a vertex has, times 255."""
    rest: list[list[float]]
    """The joints at rest, meters."""
    bones: list[int]
    """The joint that each joint's bone leads to; -1 for none."""


@cache
def _rest() -> Float[np.ndarray, "22 3"]:
    """The joints of the mannequin at rest."""
    places = measure_own_offsets(tpose()[None], 20.0)
    for left, way in HANGS.items():
        places[left] = np.linalg.norm(places[left]) * normalize(np.array(way))
        places[left + 1] = places[left] * (-1, 1, 1)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            places[joint] += places[parent]
    return places


@cache
def pack_skin() -> PackedSkin:
    """The mannequin's mesh."""
    rest = _rest()
    mesh = mannequin(rest, COARSE)
    assert len(mesh.vertices) < 2**16, len(mesh.vertices)
    weights = np.where(mesh.weights < LEAST_WEIGHT, 0.0, mesh.weights)
    order = np.lexsort(
        np.sort(mesh.triangles, axis=1).T[::-1]
    )  # neighbors follow each other, as caches of vertices like
    parts = np.zeros((len(weights), 3))
    np.add.at(parts, (np.arange(len(weights))[:, None], _SIDES[mesh.joints]), weights**4)
    return {
        "unit": UNIT,
        "vertices": _to_base64(np.rint(mesh.vertices / UNIT), "<i2"),
        "normals": _to_base64(np.rint(127 * mesh.normals), "i1"),
        "triangles": _to_base64(mesh.triangles[order], "<u2"),
        "joints": _to_base64(mesh.joints, "u1"),
        "weights": _to_base64(np.rint(255 * weights), "u1"),
        "parts": _to_base64(np.rint(255 * parts / parts.sum(axis=1, keepdims=True)), "u1"),
        "rest": np.round(rest, 5).tolist(),
        "bones": [BONES.get(joint, -1) for joint in range(len(JOINTS))],
    }


def pack_turns(joints: Float[np.ndarray, "frames 22 3"], fps: float) -> str:
    """Each joint's rotation from the T-pose in the world: base64 of int16 [frames, 22, 3].

    They are x, y, z of unit quaternions with a positive w, times 32767.
    """
    rest = _rest()
    offsets = rest - np.where(np.array(PARENTS)[:, None] >= 0, rest[list(PARENTS)], 0.0)
    turns = quaternion_to_matrix(bake(motion_to_bvh(joints, fps, offsets)).rotations)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    quaternions = matrix_to_quaternion(turns)
    return _to_base64(np.rint(32767 * quaternions[..., :3] * np.where(quaternions[..., 3:] < 0, -1, 1)), "<i2")


def _to_base64(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode("ascii")
