"""A motion as a VRM Animation (.vrma): a glTF whose nodes are named as bones of a person.

VRM viewers and games play it on any VRM avatar: they take the rotations under the parents, and the hips' way in
proportion to the avatar's height. The extension asks for a T-pose at rest, facing +Z, with the hips at their height
over the floor. Ours has it, with axes at rest that are the world's, so that the rotations are VRM's normalized ones.
Conventions: meters, Y up. Knows nothing of expressions and gaze, which our motions do not have, nor of other rigs.
Source: VRM Consortium, VRMC_vrm_animation 1.0.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.formats.baked import bake
from lead.motion.formats.gltf import VRM_BONES
from lead.motion.formats.gltf_writer import ASSET, GltfBuffer, list_nodes, pack_glb
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.skeleton import JOINTS

EXTENSION = "VRMC_vrm_animation"
BONES = {**VRM_BONES, "spine": "spine1", "chest": "spine2", "upperChest": "spine3"}
"""VRM's names of bones -> our joints, all 22."""


def write_vrma(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, path: str | os.PathLike[str], name: str = ""
) -> Path:
    """Write the motion as a VRMA, atomically."""
    motion = bake(motion_to_bvh(joints, fps)).stand_at_rest()
    body = GltfBuffer()
    bones = {bone: {"node": JOINTS.index(joint)} for bone, joint in BONES.items()}
    document = {
        "asset": ASSET,
        "extensionsUsed": [EXTENSION],
        "extensions": {EXTENSION: {"specVersion": "1.0", "humanoid": {"humanBones": bones}}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": list_nodes(motion),
        "animations": [body.add_animation(motion, name or "motion")],
        **body.describe(),
    }
    return write_atomically(Path(path), pack_glb(document, bytes(body.content)))
