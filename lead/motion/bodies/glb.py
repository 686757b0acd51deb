"""A motion as an animated, skinned mannequin in one binary glTF 2.0 file.

The 22 joints are nodes whose rest is the BVH's T-pose (`lead.motion.rigs.retarget`). The mesh (`mannequin`) stands in
that pose. Each joint has one rotation a frame; the pelvis has a translation too.
Conventions: meters, Y up, facing +Z, as glTF requires. Knows nothing of other skins.
Source: Khronos, glTF 2.0 specification.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.bodies.mannequin import Mesh, mannequin
from lead.motion.formats.baked import bake
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.gltf_writer import (
    ASSET,
    INDICES,
    UBYTE,
    USHORT,
    VERTICES,
    GltfBuffer,
    Json,
    list_nodes,
    pack_glb,
)
from lead.motion.rigs.retarget import motion_to_bvh

COLOR = (0.62, 0.59, 0.55, 1.0)
_FULL = 65535


def write_glb(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, path: str | os.PathLike[str], name: str = ""
) -> Path:
    """Write the motion as a GLB, atomically."""
    return write_atomically(Path(path), format_glb(motion_to_bvh(joints, fps), name))


def format_glb(bvh: Bvh, name: str = "") -> bytes:
    """The bytes of a GLB. The motion is on our own 22 joints, as `motion_to_bvh` gives it."""
    motion = bake(bvh)
    rest = motion.places_at_rest()
    body = GltfBuffer()
    meshes = [_add_mesh(body, mannequin(rest))]
    bind = np.tile(np.eye(4), (22, 1, 1))
    bind[:, 3, :3] = -rest  # column-major: the last row in memory is the translation
    skin = {"joints": list(range(22)), "skeleton": 0, "inverseBindMatrices": body.add(bind.reshape(22, 16))}
    surface = {"baseColorFactor": COLOR, "metallicFactor": 0.0, "roughnessFactor": 0.75}
    document = {
        "asset": ASSET,
        "scene": 0,
        "scenes": [{"nodes": [0, 22]}],
        "nodes": [*list_nodes(motion), {"name": "mannequin", "mesh": 0, "skin": 0}],
        "materials": [{"name": "plain", "pbrMetallicRoughness": surface}],
        "meshes": meshes,
        "skins": [skin],
        "animations": [body.add_animation(motion, name or "motion")],
        **body.describe(),
    }
    return pack_glb(document, bytes(body.content))


def _add_mesh(body: GltfBuffer, mesh: Mesh) -> Json:
    """The mesh's arrays in the buffer; its JSON."""
    normals = mesh.normals / np.linalg.norm(mesh.normals, axis=-1, keepdims=True)
    weights = np.floor(mesh.weights * _FULL)
    weights[:, 0] += _FULL - weights.sum(axis=1)  # the largest weight takes the rounding, so that each row sums to 1
    attributes = {
        "POSITION": body.add(mesh.vertices, target=VERTICES, bounds=True),
        "NORMAL": body.add(normals, target=VERTICES),
        "JOINTS_0": body.add(np.where(weights > 0, mesh.joints, 0), UBYTE, VERTICES),
        "WEIGHTS_0": body.add(weights, USHORT, VERTICES, normalized=True),
    }
    indices = body.add(mesh.triangles.reshape(-1, 1), USHORT, INDICES)
    return {"name": "mannequin", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}
