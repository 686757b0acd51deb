"""Any motion file to the 22 joints: BVH, FBX and glTF skeletons; NPZ and NPY of joints, features or SMPL poses.

Stages: the file's own content (`formats`) -> our joints (`rigs`, `bodies`) -> without a T-pose at the start -> notes
about what was guessed. A new format of files with a skeleton needs no change here: see `lead.motion.formats`.
Conventions: what is returned is in meters with Y up.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from jaxtyping import Float

from lead.motion.bodies.joint_arrays import find_joints, read_joints
from lead.motion.bodies.smpl_poses import SMPL_KEYS, has_poses, read_smpl
from lead.motion.errors import MotionError, name_file_in_errors
from lead.motion.formats.arrays import WANTED, read_npy, read_npz
from lead.motion.formats.bvh import Bvh
from lead.motion.formats.scene import Scene
from lead.motion.kit import features_to_clip
from lead.motion.read_options import ALL, ReadOptions
from lead.motion.rigs.animations import Person, choose_person, choose_skeleton, read_persons
from lead.motion.rigs.frame_rate import doubt_rate
from lead.motion.rigs.leading_tpose import SPAN, count_lead_in, measure_rest_turns
from lead.motion.rigs.rig import Rig, read_rig
from lead.motion.skeleton import FPS, HUMANML3D, KIT
from lead.motion.suffixes import READS, SCENE_FORMATS, SKELETON_FORMATS

LEAD_IN = "of a T-pose or rest pose at the start cut"
"""How the note about frames that were cut ends."""
_UNSAFE = re.compile(r"[^\w.-]+")
"""What a file's name should not hold."""
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate", "framerate")
"""The names of frames a second in NPZ files."""
_JOINT_KEYS = ("joints", "posed_joints", "motion", "features", "positions", "joint_positions", "global_positions",
               "joints3d", "joints_3d", "keypoints3d", "keypoints_3d", "xyz")  # fmt: skip
"""The names of joints and features in NPZ files."""


@dataclass(frozen=True, eq=False)
class Clip:
    """What was read from a file."""

    joints: Float[np.ndarray, "frames 22 3"]
    fps: float
    rig: Rig | None = None
    notes: tuple[str, ...] = ()
    """What was guessed, corrected or cut, in words."""


class _SkeletonFormat(Protocol):
    """A module of `lead.motion.formats`."""

    def read_skeleton(self, path: Path, options: ReadOptions) -> Bvh: ...


class _SceneFormat(Protocol):
    """A module of `lead.motion.formats` for files with several animations."""

    def read_scene(self, path: Path, options: ReadOptions) -> Scene: ...


def read_clip(path: Path, options: ReadOptions = ReadOptions()) -> Clip:
    """Read a motion file by its suffix; raises MotionError naming the file."""
    if options.animation == ALL:
        raise MotionError(f"{path}: one animation is read here, and {ALL!r} stands for several; use Motion.read_all.")
    suffix = _find_suffix(path)
    with name_file_in_errors(path):
        if suffix in SCENE_FORMATS:
            person, notes = choose_person(_read_scene(path, options), options)
            return _person_to_clip(person, notes)
        if options.animation not in (None, 1, "1"):
            raise MotionError(f"one motion without a name, so there is no animation {options.animation!r}; state none.")
        if suffix in SKELETON_FORMATS:
            bvh = read_skeleton(path, options)
            return _rig_to_clip(bvh, *read_rig(bvh, options), options)
        return _read_npz(path, options) if suffix == ".npz" else _array_to_clip(read_npy(path), None, options)


def read_clips(path: Path, options: ReadOptions = ReadOptions()) -> Iterator[tuple[str, Clip | MotionError]]:
    """Every animation of a file that may hold several: a name for it, and the clip or why the animation is passed over.

    The name is the file's, with number and name of the animation if it has several, and safe as a file's name. The
    animation that the options name does not matter. Raises MotionError naming the file if it cannot be read at all.
    """
    options = replace(options, animation=None)
    if _find_suffix(path) not in SCENE_FORMATS:
        yield path.stem, read_clip(path, options)
        return
    with name_file_in_errors(path):
        scene = _read_scene(path, options)
    if len(scene.animations) < 2:
        yield path.stem, read_clip(path, options)
        return
    for number, person in read_persons(scene, options):
        name = f"{path.stem}-{number + 1}-{_UNSAFE.sub('_', scene.animations[number].title)[:60]}".rstrip("-_. ")
        yield name, MotionError(f"{path}: {person}") if isinstance(person, MotionError) else _person_to_clip(person)


def list_animations(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The names of a file's animations, in its order; none for files that hold one motion without a name.

    Raises MotionError naming the file if it cannot be read.
    """
    path = Path(path)
    if _find_suffix(path) not in SCENE_FORMATS:
        return ()
    return tuple(one.title for one in _read_scene(path, ReadOptions()).animations)


def read_skeleton(path: Path, options: ReadOptions = ReadOptions()) -> Bvh:
    """The skeleton and channels of a file that has them, whether or not it is a person's; raises MotionError."""
    if path.suffix.lower() in SCENE_FORMATS:
        with name_file_in_errors(path):
            return choose_skeleton(_read_scene(path, options), options)
    module = import_module(f"lead.motion.formats.{SKELETON_FORMATS[path.suffix.lower()]}")
    return cast(_SkeletonFormat, module).read_skeleton(path, options)


def _find_suffix(path: Path) -> str:
    """The suffix in lower case; MotionError if it is none that is read, or there is no such file."""
    suffix = path.suffix.lower()
    if suffix not in READS:
        raise MotionError(f"{path}: {path.suffix or 'no suffix'}: expected a file ending in {', '.join(READS)}.")
    if not path.is_file():
        raise MotionError(f"{path}: no such file.")
    return suffix


def _read_scene(path: Path, options: ReadOptions) -> Scene:
    module = import_module(f"lead.motion.formats.{SCENE_FORMATS[path.suffix.lower()]}")
    return cast(_SceneFormat, module).read_scene(path, options)


def _person_to_clip(person: Person, notes: tuple[str, ...] = ()) -> Clip:
    clip = _rig_to_clip(person.bvh, person.rig, person.joints, person.options)
    return replace(clip, notes=(*notes, *clip.notes))


def _rig_to_clip(bvh: Bvh, rig: Rig, joints: Float[np.ndarray, "frames 22 3"], options: ReadOptions) -> Clip:
    notes = bvh.notes
    if options.trim:
        cut = count_lead_in(joints, bvh.fps, measure_rest_turns(bvh, int(2 * SPAN * bvh.fps)))
        if cut:
            rig, joints = read_rig(replace(bvh, values=bvh.values[cut:]), options)
            notes = (*notes, _format_lead_in(cut))
    return Clip(joints, rig.fps, rig, (*notes, *rig.notes, *_list_rate_notes(joints, rig.fps, options)))


def _read_npz(path: Path, options: ReadOptions) -> Clip:
    npz = read_npz(path, {*SMPL_KEYS, *_JOINT_KEYS}, beside=_RATE_KEYS)
    fps = options.fps or _find_frame_rate(npz.arrays)
    if has_poses(npz.arrays):
        return _smpl_to_clip(npz.arrays, fps, options)
    only = [name for name in npz.arrays if name not in (*SMPL_KEYS, *_RATE_KEYS)]
    for name in (*_JOINT_KEYS, *only):
        if name in npz.arrays:
            clip = _array_to_clip(npz.arrays[name], fps, options)
            if name == "posed_joints" and fps is None:
                note = f"no rate: {clip.fps:g} frames a second were assumed; state the rate (--fps)"
                return replace(clip, notes=(*clip.notes, note))
            return clip
    raise MotionError(f"an NPZ with {', '.join(npz.members[:20]) or 'no arrays'}; expected {WANTED}.")


def _find_frame_rate(arrays: dict[str, np.ndarray]) -> float | None:
    """Frames a second as an NPZ states them; None if it does not."""
    name = next((name for name in _RATE_KEYS if name in arrays), None)
    if name is None:
        return None
    if arrays[name].size != 1:
        raise MotionError(f"{name!r} has shape {arrays[name].shape}; expected one number.")
    fps = float(arrays[name].reshape(()))
    if not 0.1 <= fps <= 10000:
        raise MotionError(f"{fps} frames a second as {name!r}; expected 0.1 to 10000.")
    return fps


def _smpl_to_clip(arrays: dict[str, np.ndarray], fps: float | None, options: ReadOptions) -> Clip:
    if fps is None:
        raise MotionError(f"poses without a rate ({', '.join(_RATE_KEYS)}); state the frames a second (--fps).")
    joints, notes = read_smpl(arrays, options)
    cut = count_lead_in(joints, fps) if options.trim else 0
    if cut:
        joints, notes = joints[cut:], (*notes, _format_lead_in(cut))
    return Clip(joints, fps, notes=(*notes, *_list_rate_notes(joints, fps, options)))


def _array_to_clip(array: Float[np.ndarray, "..."], fps: float | None, options: ReadOptions) -> Clip:
    """Joints or features, told apart by their shape."""
    fps = options.fps or fps
    rows = array[0] if array.ndim == 3 and len(array) == 1 else array
    if rows.ndim == 2 and rows.shape[1] in (HUMANML3D.features, KIT.features):
        joints, own_fps = features_to_clip(rows)
        return Clip(joints, own_fps if fps is None else fps)
    motions = find_joints(array)
    if motions is None or not len(motions):
        raise MotionError(f"an array of shape {array.shape}; expected {WANTED}.")
    joints, notes = read_joints(motions[0], options)
    if len(motions) > 1:
        notes = (f"{len(motions)} motions in one array: only the first was read; save each in its own file", *notes)
    return Clip(joints, FPS if fps is None else fps, notes=notes)


def _list_rate_notes(joints: Float[np.ndarray, "frames 22 3"], fps: float, options: ReadOptions) -> tuple[str, ...]:
    """Doubts about the rate that the file states; a rate that the user states is not questioned."""
    note = "" if options.fps else doubt_rate(joints, fps)
    return (note,) if note else ()


def _format_lead_in(frames: int) -> str:
    return f"{frames} frame{'s' * (frames > 1)} {LEAD_IN}"
