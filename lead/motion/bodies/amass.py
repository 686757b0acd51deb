"""A motion in AMASS's format: SMPL-H poses, which Blender's SMPL add-ons, smplx and HumanML3D's scripts read.

The inverse of `lead.motion.bodies.smpl_poses`. The clip is set on the bones of a rest pose: its directions are kept,
its path is scaled by the legs, as in the features. A joint's rotation comes from the places of its children. Twist is
filled in smoothly, as for a BVH (`lead.motion.rigs.retarget`). Hands keep SMPL-H's flat rest.
Conventions: AMASS's Z is up; `trans` is the place of the pelvis, as in our reader. Knows nothing of body models.
"""

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.atomic import write_atomically
from lead.motion.bodies.smpl_poses import SMPL_REST
from lead.motion.features import retarget
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.rigs.units import UP_TO_WORLD
from lead.motion.rotations import matrix_to_axis_angle
from lead.motion.skeleton import BONE_LENGTHS, HUMANML3D

SMPLH = 156
"""Numbers a frame: three each for 22 joints of the body and 30 of the hands."""
BETAS = 16


def joints_to_smpl(
    joints: Float[np.ndarray, "frames 22 3"], fps: float, offsets: Float[np.ndarray, "22 3"] | None = None
) -> tuple[Float[np.ndarray, "frames 22 3 3"], Float[np.ndarray, "frames 3"]]:
    """Each joint's rotation relative to its parent, and the place of the pelvis in meters, Y up.

    `offsets` are a body's joints at rest, each from its parent, in meters; by default our SMPL-like rest pose.
    """
    offsets = SMPL_REST * BONE_LENGTHS[:, None] if offsets is None else offsets
    body = replace(HUMANML3D, bone_lengths=np.linalg.norm(offsets, axis=-1))
    retargeted = retarget(np.asarray(joints, dtype=np.float64), body)
    translations, rotations = motion_to_bvh(retargeted, fps, offsets).local()
    return rotations, translations[:, 0] / 100


def write_amass(joints: Float[np.ndarray, "frames 22 3"], fps: float, path: str | os.PathLike[str]) -> Path:
    """Write an NPZ with `poses`, `trans`, `betas`, `gender` and `mocap_framerate`, atomically."""
    rotations, pelvis = joints_to_smpl(joints, fps)
    rotations[:, 0] = UP_TO_WORLD["Z"].T @ rotations[:, 0]
    poses = np.zeros((len(pelvis), SMPLH))
    poses[:, :66] = matrix_to_axis_angle(rotations).reshape(len(pelvis), 66)
    content = io.BytesIO()
    np.savez(
        content, poses=poses, trans=pelvis @ UP_TO_WORLD["Z"], betas=np.zeros(BETAS), gender=np.array("neutral"),
        mocap_framerate=np.float64(fps),
    )  # fmt: skip
    return write_atomically(Path(path), content.getvalue())
