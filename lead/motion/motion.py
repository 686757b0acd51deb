"""`Motion`: a clip of 22 joints in meters, whatever file it came from, and the ways in and out of it.

Conventions: Y up, right-handed. Floor, place and heading are as recorded; the features make them canonical.
Drawing (`lead.motion.render`) is imported where it is used. NumPy only; knows nothing of models.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.bodies.amass import write_amass
from lead.motion.bodies.glb import write_glb
from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.features import joints_to_features
from lead.motion.formats.arrays import write_joints
from lead.motion.formats.bvh import write_bvh
from lead.motion.kit import features_to_clip, features_to_toe_contacts, joints_to_kit
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.foot_cleanup import clean_feet as clean_feet_of
from lead.motion.processing.rigid import is_rigid, make_rigid, move_to_rigid
from lead.motion.processing.seams import mend_seams
from lead.motion.read import read_clip, read_clips
from lead.motion.read_options import ReadOptions
from lead.motion.resample import resample
from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
from lead.motion.rigs.rig import Rig
from lead.motion.skeleton import FPS, HUMANML3D, KIT, Skeleton
from lead.motion.suffixes import WRITES

MAX_METERS = 1e5


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

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):  # a number that overflows becomes infinite, which is refused below
            joints = np.asarray(self.joints, dtype=np.float32)
        if joints.ndim != 3 or joints.shape[1:] != (22, 3):
            raise MotionError(f"joints of shape {joints.shape}; expected [frames, 22, 3] in meters.")
        if not len(joints):
            raise MotionError("a motion without frames; expected at least one.")
        if not np.isfinite(joints).all():
            frame = int(np.argwhere(~np.isfinite(joints))[0, 0])
            raise MotionError(f"frame {frame} has joints that are NaN or infinite; repair or cut that frame.")
        if np.abs(joints).max() > MAX_METERS:
            raise MotionError(f"joints {np.abs(joints).max():.3g} m from the origin; expected meters.")
        if not 0.1 <= self.fps <= 10000:
            raise MotionError(f"{self.fps} frames a second; expected 0.1 to 10000.")
        object.__setattr__(self, "joints", joints)

    def __repr__(self) -> str:
        name, rig = f"{self.name!r}, " if self.name else "", ", on a rig" if self.rig else ""
        return f"Motion({name}{len(self.joints)} frames at {self.fps:g} fps, {self.seconds:.2f} s{rig})"

    @property
    def seconds(self) -> float:
        """The duration: the number of frames over the rate."""
        return len(self.joints) / self.fps

    @classmethod
    def read(cls, path: str | os.PathLike[str], reading: ReadOptions = ReadOptions()) -> "Motion":
        """A clip from .bvh, .fbx, .glb, .gltf, .vrma (skeletons), .npz (SMPL, joints, features) or .npy.

        Of several animations in a file it is the one that `reading` names, or the first that moves; a note lists the
        others. Raises MotionError that names the file, what is wrong with it and what was expected.
        """
        path = Path(path)
        clip = read_clip(path, reading)
        with name_file_in_errors(path):
            return cls(clip.joints, clip.fps, clip.rig, path.stem, clip.notes)

    @classmethod
    def read_all(cls, path: str | os.PathLike[str], reading: ReadOptions = ReadOptions()) -> "list[Motion]":
        """A clip from each animation of a file that moves a person; of a file with one motion, that one.

        Raises MotionError that names the file if there is none.
        """
        read = list(cls.iterate_all(path, reading))
        motions = [motion for motion in read if isinstance(motion, Motion)]
        if not motions:
            raise next(error for error in read if isinstance(error, MotionError))
        return motions

    @classmethod
    def iterate_all(
        cls, path: str | os.PathLike[str], reading: ReadOptions = ReadOptions()
    ) -> "Iterator[Motion | MotionError]":
        """`read_all` one by one; for an animation that is passed over the error that says why."""
        path = Path(path)
        for name, clip in read_clips(path, reading):
            if isinstance(clip, MotionError):
                yield clip
                continue
            with name_file_in_errors(path):
                yield cls(clip.joints, clip.fps, clip.rig, name, clip.notes)

    def save(self, path: str | os.PathLike[str], rig: Rig | None = None) -> Path:
        """Write a file by its suffix: .bvh, .glb (a mannequin that moves), .npz or .npy (joints).

        A BVH is written on `rig`, or on our 22 joints in a T-pose. On the motion's own rig, and with as many frames as
        its clip, fingers and other joints that are none of ours move as in the clip. Raises MotionError for another
        suffix.
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
        """Write an .npz in AMASS's format: SMPL-H poses on a mean body, Z up. Raises MotionError for another suffix."""
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise MotionError(f"{path}: AMASS's poses are written as .npz; end the name in it.")
        return write_amass(self.joints, self.fps, path)

    def resample(self, fps: float) -> "Motion":
        """The same motion at another rate, by a cubic spline; the first frame stays first.

        A motion on the one skeleton (`on_one_skeleton`) stays on it. Raises MotionError for a rate outside of 0.1 to
        10000.
        """
        joints = resample(self.joints, self.fps, fps)
        if fps == self.fps:
            return self
        return replace(self, joints=make_rigid(joints) if is_rigid(self.joints) else joints, fps=fps)

    def mirror(self) -> "Motion":
        """Left and right exchanged."""
        return replace(self.forget_rotations(), joints=mirror_joints(self.joints))

    def forget_rotations(self) -> "Motion":
        """The motion with a rig that has no rotations of its clip: they take memory, and are of the clip's own frames.

        A BVH on the rig then has fingers at rest. Call it where joints are put into another order.
        """
        return replace(self, rig=replace(self.rig, recorded=None, kept=None)) if self.rig else self

    def on_one_skeleton(self) -> "Motion":
        """The motion on the body that generated motions have: HumanML3D's bone lengths, left equal to right."""
        return replace(self, joints=move_to_rigid(self.joints))

    def features(self, skeleton: Skeleton = HUMANML3D) -> Float[np.ndarray, "rows feats"]:
        """A data set's features at its rate: one row fewer than frames (HumanML3D: 263 numbers at 20 fps).

        They are computed at each call. Raises MotionError for a motion of one frame.
        """
        joints = self.resample(skeleton.fps).joints
        return joints_to_features(joints_to_kit(joints) if skeleton is KIT else joints, skeleton)

    @classmethod
    def from_features(
        cls,
        features: Float[np.ndarray, "frames feats"],
        name: str = "",
        *,
        clean_feet: bool = False,
        rigid: bool = False,
        frames_per_token: int = 1,
    ) -> "Motion":
        """The motion that features describe: HumanML3D's 263 (20 fps), or KIT-ML's 251 (12.5 fps) on our 22 joints.

        For features that a model made (`lead.motion.processing.foot_cleanup`): with `clean_feet` standing feet do not
        slide, with `rigid` all bones have the lengths of the one skeleton, and jumps between groups of
        `frames_per_token` frames are smoothed away. Raises MotionError for features without frames or of another width.
        """
        joints, fps = features_to_clip(features)
        if frames_per_token > 1:
            joints = mend_seams(joints, frames_per_token)
        if clean_feet:
            joints = clean_feet_of(joints, features_to_toe_contacts(features), fps, rigid)
        elif rigid:
            joints = make_rigid(joints)
        return cls(joints, fps, name=name)

    def to_html(self) -> str:
        """A self-contained HTML page that plays the motion; it asks nothing of any network."""
        from lead.motion.render.player import player_page

        return player_page([self])

    def _repr_html_(self) -> str:
        """A notebook's view of the motion: the page in a frame of its own."""
        from lead.motion.render.player import notebook_view

        return notebook_view(self)
