"""`Motion`: a clip of 22 joints in meters, whatever file it came from, and the ways in and out of it.

Conventions: Y up, right-handed. Floor, place and heading are as recorded; the features make them canonical.
Drawing (`lead.motion.render`) is imported where it is used. NumPy only; knows nothing of models.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.motion.bodies.amass import write_amass
from lead.motion.bodies.fbx_export import write_fbx
from lead.motion.bodies.glb import write_glb
from lead.motion.bodies.usda import write_usda
from lead.motion.bodies.vrma import write_vrma
from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.features import joints_to_features
from lead.motion.formats.arrays import write_joints
from lead.motion.formats.baked import BakedAnimation, bake
from lead.motion.formats.bvh import Bvh, write_bvh
from lead.motion.kit import features_to_clip, features_to_toe_contacts, joints_to_kit
from lead.motion.motion_like import TimeMark, warp_marks
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.foot_cleanup import clean_feet as clean_feet_of
from lead.motion.processing.in_place import stay_in_place
from lead.motion.processing.loop import (
    LONGEST,
    SHORTEST,
    Cycle,
    close_cycle,
    find_best_cycle,
    is_closed,
    measure_cycle,
    repeat_cycle,
    resample_cycle,
)
from lead.motion.processing.rigid import is_rigid, make_rigid, move_to_rigid
from lead.motion.processing.seams import mend_seams
from lead.motion.processing.trim import find_movement
from lead.motion.read import read_clip, read_clips
from lead.motion.read_options import ReadOptions
from lead.motion.resample import MAX_RESAMPLED, check_resampling, resample
from lead.motion.rigs import recorded
from lead.motion.rigs.own_rig import build_own_rig, measure_own_offsets
from lead.motion.rigs.retarget import motion_to_bvh, motion_to_rig
from lead.motion.rigs.rig import Rig
from lead.motion.rigs.root_motion import carry_on_root
from lead.motion.skeleton import FPS, HUMANML3D, KIT, Skeleton
from lead.motion.suffixes import WRITES

MAX_METERS = 1e5
MAX_REPEATED = 100_000
"""Frames that a loop may become."""


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
    marks: tuple[TimeMark, ...] = ()
    """Stretches and moments with a title, which views show: the segments of a timeline, keyframes."""

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
        """Write a file by its suffix: .bvh, .fbx, .usda (on a rig); .glb, .vrma (on our joints); .npz, .npy (joints).

        Files on a rig are on `rig` and have its rate, or are on our 22 joints in a T-pose; then FBX and USD have the
        mannequin of the GLB as a skin. On the motion's own rig, and with as many frames as its clip, fingers and other
        joints that are none of ours move as in the clip. Raises MotionError for another suffix, and for an FBX where
        there is no Blender to write it.
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
        if suffix == ".vrma":
            return write_vrma(self.joints, self.fps, path, self.name)
        if suffix == ".bvh":
            return write_bvh(self._to_bvh(rig), path)
        if suffix == ".fbx":
            return write_fbx(self._bake(rig), path, self.name, skin=rig is None)
        return write_usda(self._bake(rig), path, skin=rig is None)

    def _to_bvh(self, rig: Rig | None) -> Bvh:
        """The motion on a rig at its rate, or on our 22 joints."""
        if rig is None:
            return motion_to_bvh(self.joints, self.fps)
        return motion_to_rig(self.resample(rig.fps).joints, rig, same_body=rig is self.rig)

    def _bake(self, rig: Rig | None) -> BakedAnimation:
        """The same in meters, Y up; our own joints stand on the floor at rest."""
        bvh = self._to_bvh(rig)
        return bake(bvh).stand_at_rest() if rig is None else bake(bvh, rig.to_world(np.eye(3)).T)

    def save_amass(self, path: str | os.PathLike[str]) -> Path:
        """Write an .npz in AMASS's format: SMPL-H poses on a mean body, Z up. Raises MotionError for another suffix."""
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise MotionError(f"{path}: AMASS's poses are written as .npz; end the name in it.")
        return write_amass(self.joints, self.fps, path)

    def resample(self, fps: float) -> "Motion":
        """The same motion at another rate, by a cubic spline; the first frame stays first.

        A motion on the one skeleton (`on_one_skeleton`) stays on it. A loop stays one: it lasts whole frames of the
        new rate. Raises MotionError for a rate outside of 0.1 to 10000.
        """
        joints, _ = self._take_times(self.fps, fps)
        return self if fps == self.fps else replace(self, joints=joints, fps=fps)

    def change_rate(self, fps: float) -> "Motion":
        """`resample` with its rig at this rate too, so that a BVH on it has the rate and the clip's rotations."""
        joints, at = self._take_times(self.fps, fps)
        return self._edit(joints, lambda rig: recorded.warp_times(rig, at, fps), fps)

    def change_speed(self, speed: float) -> "Motion":
        """So many times as fast, at the same rate. Feet that stand still do so after it; a loop stays one.

        Raises MotionError for a speed outside of 0.1 to 10, and for a clip of more than MAX_RESAMPLED frames.
        """
        if not 0.1 <= speed <= 10:
            raise MotionError(f"{speed:g} times as fast; expected 0.1 to 10.")
        if (frames := len(self.joints) / speed) > MAX_RESAMPLED:
            raise MotionError(f"{speed:g} times as fast are {frames:,.0f} frames, at most {MAX_RESAMPLED:,}; cut it.")
        joints, at = self._take_times(speed, 1.0)  # counted in frames, which is right for any rate
        edited = self._edit(joints, lambda rig: recorded.warp_times(rig, at, rig.fps))
        return edited._mark_anew(self.marks, 0.0, speed)

    def _take_times(
        self, fps: float, new_fps: float
    ) -> tuple[Float[np.ndarray, "times 22 3"], Float[np.ndarray, "times"]]:
        """The joints of frames at `fps` at another rate, and the frames, as numbers with fractions, that they are at.

        A loop takes whole frames, so its last one stays the first of the next cycle.
        """
        last = len(self.joints) - 1
        if fps != new_fps and is_closed(self.joints):
            check_resampling(len(self.joints), fps, new_fps)
            joints = resample_cycle(self.joints, max(round(last * new_fps / fps), 2)).astype(np.float32)
            at = np.linspace(0, last, len(joints))
        else:
            joints = resample(self.joints, fps, new_fps)
            at = np.linspace(0, (len(joints) - 1) * fps / new_fps, len(joints))
        return make_rigid(joints) if fps != new_fps and is_rigid(self.joints) else joints, at

    def trim(self, start: float | None = None, end: float | None = None) -> "Motion":
        """The frames from `start` to `end`, in seconds; without one of them from the beginning, to the end.

        Raises MotionError where no frame is between them, or the motion ends before.
        """
        since, until = start or 0.0, (len(self.joints) - 1) / self.fps if end is None else end
        self._check_span(since, until)
        frames = slice(int(np.ceil(since * self.fps - 1e-6)), int(until * self.fps + 1e-6) + 1)
        if frames.start >= min(frames.stop, len(self.joints)):
            raise MotionError(
                f"no frame from {since:g} s to {until:g} s: there is one each {1 / self.fps:.3g} s; take more."
            )
        edited = self._edit(self.joints[frames], lambda rig: recorded.take_frames(rig, frames))
        return edited._mark_anew(self.marks, frames.start / self.fps)

    def find_movement(self) -> tuple[float, float]:
        """From which to which second it moves, quiet beginning and end left out. Raises MotionError if it does not."""
        first, last = find_movement(self.joints, self.fps)
        return first / self.fps, last / self.fps

    def mirror(self) -> "Motion":
        """Left and right exchanged; on its own rig with the clip's rotations if left and right of the rig are alike."""
        return replace(self._edit(mirror_joints(self.joints), recorded.mirror), marks=())  # which may name a side

    def find_cycle(self, seconds: tuple[float, float] = (SHORTEST, LONGEST)) -> Cycle:
        """The best cycle of so many seconds, `Cycle.is_good` or not. Raises MotionError for a short motion."""
        return find_best_cycle(self.joints, self.fps, seconds)

    def measure_cycle(self, start: float, end: float) -> Cycle:
        """The cycle between these seconds, `Cycle.is_good` or not. Raises MotionError for what is not in the motion."""
        self._check_span(start, end)
        last = min(round(end * self.fps), len(self.joints) - 1)  # a motion of 4 s has its last frame before
        return measure_cycle(self.joints, self.fps, round(start * self.fps), last)

    def loop(self, cycle: Cycle | None = None) -> "Motion":
        """A cycle that plays again and again: the one that is given, or the best one.

        It has one frame more than it lasts: the last frame is the first of the next cycle, carried on over the floor.
        Raises MotionError where the best cycle is none.
        """
        if cycle is None:
            cycle = self.find_cycle()
            cycle.require_good(self.fps)
        frames = slice(cycle.first, cycle.last + 1)
        joints = close_cycle(self.joints, self.fps, cycle)
        edited = self._edit(joints, lambda rig: recorded.close_ends(recorded.take_frames(rig, frames)))
        return edited._mark_anew(self.marks, cycle.first / self.fps)

    def repeat(self, cycles: int) -> "Motion":
        """A loop so many times, each where the one before ends. Raises MotionError for what is no loop."""
        frames = len(self.joints) - 1
        if not is_closed(self.joints):
            raise MotionError("only a loop can be repeated, and the last pose is not the first one; loop it (--loop).")
        if not 1 <= cycles * frames <= MAX_REPEATED:
            raise MotionError(f"{cycles} cycles of {frames} frames; expected 1 to {MAX_REPEATED:,} frames in all.")
        order = np.append(np.arange(cycles * frames) % frames, frames)
        edited = self._edit(repeat_cycle(self.joints, cycles), lambda rig: recorded.take_frames(rig, order))
        return replace(edited, marks=())

    def in_place(self) -> "Motion":
        """Without its path over the floor: the pelvis stays within 2 cm of x = z = 0. A loop stays one."""
        return self._edit(stay_in_place(self.joints, self.fps), lambda rig: rig)

    def carry_on_root(self) -> "Motion":
        """The motion with a rig, its own or our 22 joints, on which a joint above the hips carries the path.

        Game engines call it root motion. Saved on its own rig, the body is where it was.
        """
        rig = self.rig or build_own_rig(measure_own_offsets(self.joints, self.fps), self.fps)
        return replace(self, rig=carry_on_root(replace(rig, kept=None)))

    def _check_span(self, since: float, until: float) -> None:
        last = (len(self.joints) - 1) / self.fps
        if not 0 <= since < until or until > last + 1 / self.fps:
            raise MotionError(
                f"from {since:g} s to {until:g} s of a motion of {last:.2f} s; expected a start before the end, both "
                "within it."
            )

    def _mark_anew(self, marks: tuple[TimeMark, ...], start: float, speed: float = 1.0) -> "Motion":
        """With the marks of the motion that this one is a stretch of, from `start` and so many times as fast."""
        return replace(self, marks=warp_marks(marks, start, self.seconds, speed))

    def _edit(
        self, joints: Float[np.ndarray, "frames 22 3"], edit: Callable[[Rig], Rig], fps: float | None = None
    ) -> "Motion":
        """Other joints, and the rig with its clip edited alike; without its clip where that is not this motion's."""
        rig = self.rig
        if rig and rig.recorded is not None and len(rig.recorded) == len(self.joints):
            rig = edit(replace(rig, kept=None))
        elif rig:
            rig = replace(rig, recorded=None, kept=None, fps=fps or rig.fps)
        return replace(self, joints=joints, rig=rig, fps=fps or self.fps)

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
