"""`Motion`: a clip of 22 joints in meters, whatever file it came from, and the ways in and out of it.

Conventions: Y up, right-handed; the floor, the place and the heading are as recorded (the features make them
canonical). NumPy only.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.bodies.amass import write_amass
from lead.motion.bodies.glb import write_glb
from lead.motion.errors import MotionError
from lead.motion.features import joints_to_features
from lead.motion.formats.bvh import write_bvh
from lead.motion.kit import features_to_clip, joints_to_kit
from lead.motion.processing.foot_path import features_to_planted_clip
from lead.motion.processing.style_augment import mirrored
from lead.motion.read import read_clip, write_joints
from lead.motion.read_options import ReadOptions
from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
from lead.motion.rigs.rig import Rig
from lead.motion.skeleton import FPS, HUMANML3D, KIT, Skeleton
from lead.motion.suffixes import WRITES

MAX_METRES = 1e5
MAX_RESAMPLED = 1 << 20
"""Frames that a clip may become at another rate: 14 hours at 20 fps."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A clip."""

    joints: Float[np.ndarray, "frames 22 3"]
    """float32 meters, in the order of `skeleton.JOINTS`."""
    fps: float = FPS
    rig: Rig | None = None
    """The rig that the clip was read from."""
    name: str = ""
    notes: tuple[str, ...] = ()
    """What was guessed, corrected or cut while it was read, in words."""
    _features: dict[str, Float[np.ndarray, "rows feats"]] = field(default_factory=dict, init=False, repr=False)
    """By data set, once they were asked for."""

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            joints = np.asarray(self.joints, dtype=np.float32)
        if joints.ndim != 3 or joints.shape[1:] != (22, 3):
            raise MotionError(f"joints of shape {joints.shape}; expected [frames, 22, 3] in meters.")
        if not len(joints):
            raise MotionError("a motion without frames; expected at least one.")
        if not np.isfinite(joints).all():
            frame = int(np.argwhere(~np.isfinite(joints))[0, 0])
            raise MotionError(f"frame {frame} has joints that are NaN or infinite; repair or cut that frame.")
        if np.abs(joints).max() > MAX_METRES:
            raise MotionError(f"joints {np.abs(joints).max():.3g} m from the origin; expected meters.")
        if not 0.1 <= self.fps <= 10000:
            raise MotionError(f"{self.fps} frames a second; expected 0.1 to 10000.")
        object.__setattr__(self, "joints", joints)

    @property
    def seconds(self) -> float:
        """The length at one frame time a frame."""
        return len(self.joints) / self.fps

    @classmethod
    def read(cls, path: str | os.PathLike[str], reading: ReadOptions = ReadOptions()) -> "Motion":
        """A clip from .bvh, .glb, .gltf, .fbx (skeletons), .npz (SMPL, joints, features) or .npy (joints, features).

        Raises MotionError naming the file, what is wrong with it and what was expected.
        """
        path = Path(path)
        clip = read_clip(path, reading)
        try:
            return cls(clip.joints, clip.fps, clip.rig, path.stem, clip.notes)
        except MotionError as error:
            raise MotionError(f"{path}: {error}") from None

    def save(self, path: str | os.PathLike[str], rig: Rig | None = None) -> Path:
        """Write a file by its suffix: .bvh (on `rig`, or on our 22 joints in a T-pose), .glb (a mannequin that moves),
        .npz or .npy (joints).
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in WRITES:
            known = ", ".join(WRITES)
            raise MotionError(f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {known}.")
        if suffix in (".npz", ".npy"):
            return write_joints(path, self.joints, self.fps)
        if suffix == ".glb":
            return write_glb(self.joints, self.fps, path, self.name)
        if rig is None:
            return write_bvh(motion_to_bvh(self.joints, self.fps), path)
        return write_bvh(motion_to_rig(self.resample(rig.fps).joints, rig, same_body=rig is self.rig), path)

    def save_amass(self, path: str | os.PathLike[str]) -> Path:
        """Write an .npz as AMASS has them: SMPL-H poses on a mean body, Z up."""
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise MotionError(f"{path}: AMASS's poses are written as .npz; end the name in it.")
        return write_amass(self.joints, self.fps, path)

    def resample(self, fps: float) -> "Motion":
        """The same motion at another rate, by a cubic spline; the first frame stays first."""
        if not 0.1 <= fps <= 10000:
            raise MotionError(f"{fps} frames a second; expected 0.1 to 10000.")
        if fps == self.fps:
            return self
        last = (len(self.joints) - 1) / self.fps
        if last * fps > MAX_RESAMPLED:
            raise MotionError(f"{last:.0f} s at {fps:g} frames a second are too long; state the true rate, or cut it.")
        times = np.arange(int(last * fps + 1e-6) + 1) / fps
        return replace(self, joints=_spline(self.joints.astype(np.float64), times * self.fps), fps=fps)

    def mirror(self) -> "Motion":
        """Left and right exchanged."""
        return replace(self, joints=mirrored(self.joints))

    def features(self, skeleton: Skeleton = HUMANML3D) -> Float[np.ndarray, "rows feats"]:
        """A data set's features at its rate (HumanML3D's: 263 at 20 fps): one row fewer than frames."""
        if skeleton.name not in self._features:
            joints = self.resample(skeleton.fps).joints
            rows = joints_to_features(joints_to_kit(joints) if skeleton is KIT else joints, skeleton)
            self._features[skeleton.name] = rows
        return self._features[skeleton.name].copy()

    @classmethod
    def from_features(
        cls, features: Float[np.ndarray, "frames feats"], name: str = "", *, planted: bool = False
    ) -> "Motion":
        """The motion that features describe: HumanML3D's 263 (20 fps), or KIT-ML's 251 (12.5 fps) on our 22 joints.

        `planted` corrects the path so that standing feet do not slide (`lead.motion.processing.foot_path`).
        """
        joints, fps = (features_to_planted_clip if planted else features_to_clip)(features)
        return cls(joints, fps, name=name)


def _spline(values: Float[np.ndarray, "frames *rest"], at: Float[np.ndarray, "times"]) -> np.ndarray:
    """A natural cubic spline through values at 0, 1, 2, ..., evaluated at `at`, all within the range.

    Its slopes d solve d[k-1] + 4 d[k] + d[k+1] = 3 (v[k+1] - v[k-1]). On values continued by point
    reflection at both ends, the solution is the right side convolved with z^|n| / (2 sqrt 3), z = sqrt 3 - 2,
    which dies out in 24 steps.
    """
    if len(values) == 1:
        return np.repeat(values, len(at), axis=0)
    reach = 24
    pad = [(reach + 1, reach + 1)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, pad, mode="reflect", reflect_type="odd")
    right = 3 * (padded[2:] - padded[:-2])
    frames = len(values)
    z = np.sqrt(3) - 2
    slopes = sum(
        z ** abs(n) / (2 * np.sqrt(3)) * right[reach + n : reach + n + frames] for n in range(-reach, reach + 1)
    )
    low = np.minimum(at.astype(int), frames - 2)
    u = (at - low).reshape(-1, *[1] * (values.ndim - 1))
    v0, v1, d0, d1 = values[low], values[low + 1], slopes[low], slopes[low + 1]
    return v0 + u * d0 + u**2 * (3 * (v1 - v0) - 2 * d0 - d1) + u**3 * (2 * (v0 - v1) + d0 + d1)
