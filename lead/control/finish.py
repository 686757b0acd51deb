"""The finish of a constrained motion: constraints are met exactly, and the rest follows smoothly.

1. *Path*: the whole body is moved by what the pelvis is off its path beyond the slack, smoothed.
2. *Poses*: the pelvis is moved and the bones turned to the pose at its time. Before and after, this correction dies
   out (`spread`), so that nothing snaps.
3. *Feet* that stand are held in place again (`lead.motion.processing.foot_lock`); the poses stay as they are.
4. *Hands and feet* go to their places by two-bone IK.
Bones keep their lengths. Conventions: meters, Y up. Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from lead.control.constraints import Constraint, JointTarget, PathConstraint, PoseConstraint
from lead.control.targets import (
    Targets,
    build_targets,
    measure_errors,
    place_motion,
    time_waypoints,
    to_floating,
    to_frame,
)
from lead.motion import Motion
from lead.motion.motion_like import TimeMark
from lead.motion.processing.edit import bone_directions
from lead.motion.processing.floor import settle
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.processing.ik import LEGS, direct, legs_ahead, move_ankle, remove_part_along, two_bone_ik
from lead.motion.rotations import normalize
from lead.motion.skeleton import bone_lengths, place_bones
from lead.motion.smoothing import gaussian_smooth

SETTLE, SETTLE_PATH = 0.3, 0.5
"""Seconds in which a correction of bones, and one of the pelvis, dies out."""
PATH_SMOOTHING = 0.25
"""Seconds: the Gaussian that smooths the correction of a path."""
LIFT_SMOOTHING = 0.1
"""Seconds: the Gaussian that smooths what lifts a body out of the floor."""
ARMS = ((16, 18, 20), (17, 19, 21))
"""Shoulder, elbow, wrist."""

FAR = 0.15
"""Meters: a constraint that the base alone left farther off is told in a note."""

Joints = Float[np.ndarray, "frames 22 3"]


def finish_motion(motion: Motion, constraints: Sequence[Constraint], *, clean_feet: bool = True) -> Motion:
    """`meet_constraints` of a motion; its notes say where the base alone did not come near, and what is not met.

    Its marks are the times of poses, targets and waypoints.
    """
    joints, before = meet_constraints(motion.joints, constraints, motion.fps, clean_feet=clean_feet)
    after = measure_errors(joints, constraints, motion.fps)
    notes = [
        _describe_error(one.name, off, left)
        for one, off, left in zip(constraints, before, after, strict=True)
        if max(off, left) > FAR
    ]
    marks = (*motion.marks, *list_times(constraints, len(joints), motion.fps))
    return replace(motion, joints=joints, notes=(*motion.notes, *notes), marks=marks)


def list_times(constraints: Sequence[Constraint], frames: int, fps: float) -> list[TimeMark]:
    """When poses, targets and waypoints are met, in the order of time."""
    moments = []
    for one in constraints:
        if isinstance(one, PathConstraint):
            named = (f"waypoint {x:g},{z:g}" for x, z in one.points.tolist())
            moments += list(zip(time_waypoints(one, frames, fps).tolist(), named, strict=True))
        else:
            moments.append((to_frame(one, frames, fps) / fps, one.name.removeprefix("--")))
    return [TimeMark(seconds, seconds, title) for seconds, title in sorted(moments)]


def _describe_error(name: str, before: float, after: float) -> str:
    """A note on a constraint that was `before` meters off before the finish, and is `after` meters off after it."""
    if after > FAR:
        return f"{name}: not met, {100 * after:.0f} cm are left: it is out of reach, or against another constraint"
    return f"{name}: the base came within {100 * before:.0f} cm; the rest was bent to it, which may show"


def meet_constraints(
    joints: Joints, constraints: Sequence[Constraint], fps: float, *, clean_feet: bool = True
) -> tuple[Joints, list[float]]:
    """The motion with its constraints met, as float64; and how far off each of them was before, in meters.

    A hand or foot that is out of reach of its place ends where the limb does.
    """
    poses = [one for one in constraints if isinstance(one, PoseConstraint)]
    joints = settle(joints, fps) if clean_feet and not poses else joints.astype(np.float64)  # poses say how high
    targets = build_targets(constraints, len(joints), fps)
    joints = place_motion(joints, targets)
    before = measure_errors(joints, constraints, fps)
    if any(isinstance(one, PathConstraint) for one in constraints):
        joints = _correct_path(joints, targets, fps)
    joints, wanted = _correct_poses(joints, poses, fps)
    held = np.isin(np.arange(len(joints)), [to_frame(one, len(joints), fps) for one in poses if one.whole_body])
    if clean_feet:
        joints = lock_feet(_lift(joints, held, fps), fps, held)
    for one in constraints:
        if isinstance(one, JointTarget):
            joints = _reach(joints, one, held, fps)
    joints[held] = wanted[held]
    return joints, before


def spread(
    values: Float[np.ndarray, "frames n"], fixed: Bool[np.ndarray, "frames"], within: float
) -> Float[np.ndarray, "frames n"]:
    """The smoothest values that are given at the fixed frames and die out in about `within` frames from there.

    They minimize sum_t |d'''_t|^2 + (|d''_t|^2 + |d_t|^2 / within^4) (3 / within)^2, with differences as derivatives, d
    given where it is fixed: a spline under tension. Where neighboring frames are fixed, slope and bend go on too.
    """
    frames = len(values)
    if not fixed.any() or fixed.all():
        return np.where(fixed[:, None], values, 0.0)
    bends, jerks = (np.diff(np.eye(frames), n=order, axis=0) for order in (2, 3))
    energy = jerks.T @ jerks + (bends.T @ bends + np.eye(frames) / within**4) * (3 / within) ** 2
    free = ~fixed
    solved: np.ndarray = np.array(values, dtype=np.float64)
    solved[free] = np.linalg.solve(energy[np.ix_(free, free)], -energy[np.ix_(free, fixed)] @ solved[fixed])
    return solved


def _correct_path(joints: Joints, targets: Targets, fps: float) -> Joints:
    there = np.flatnonzero(targets.weights[:, 0, 0])
    off = (targets.positions - joints)[there, 0, ::2]
    size = np.linalg.norm(off, axis=-1, keepdims=True)
    beyond = off * np.maximum(1 - targets.slack[there, :1] / np.maximum(size, 1e-9), 0.0)
    beyond = np.stack([np.interp(np.arange(len(joints)), there, column) for column in beyond.T], axis=-1)
    moved = joints.copy()
    moved[..., [0, 2]] += gaussian_smooth(beyond, PATH_SMOOTHING * fps)[:, None]
    return moved


def _correct_poses(joints: Joints, poses: Sequence[PoseConstraint], fps: float) -> tuple[Joints, Joints]:
    """The motion through the poses; and the poses in their frames, 0 elsewhere."""
    wanted, fixed = np.zeros_like(joints), np.zeros(joints.shape[:2], dtype=bool)
    floating = to_floating([one for one in poses if not one.placed], len(joints), fps)
    wanted[floating.frames], fixed[floating.frames] = floating.lay_over(joints), floating.counts
    for one in poses:
        frame = to_frame(one, len(joints), fps)
        if one.placed:
            wanted[frame], fixed[frame] = one.pose, np.isin(np.arange(22), one.joints)
    own, aim = bone_directions(joints), bone_directions(wanted)
    own[:, 0], aim[:, 0] = joints[:, 0], wanted[:, 0]
    for joint in range(22):
        own[:, joint] += spread(
            aim[:, joint] - own[:, joint], fixed[:, joint], (SETTLE if joint else SETTLE_PATH) * fps
        )
    return place_bones(own[:, 0], normalize(own), bone_lengths(joints[0])), wanted


def _lift(joints: Joints, held: Bool[np.ndarray, "frames"], fps: float) -> Joints:
    """The motion lifted where it is below the floor, but in held frames; up from them and down to them smoothly."""
    if held.all():
        return joints
    depth = np.where(held, 0.0, np.maximum(-joints[..., 1].min(axis=1), 0.0))
    smooth = gaussian_smooth(depth[:, None], LIFT_SMOOTHING * fps)[:, 0]
    frames = np.arange(len(joints))
    away = np.abs(frames[:, None] - frames[held]).min(axis=1) if held.any() else np.full(len(joints), np.inf)
    lifted = joints.copy()
    lifted[..., 1] += (np.maximum(smooth, depth) * np.clip(away / (2 * LIFT_SMOOTHING * fps), 0.0, 1.0))[:, None]
    return lifted


def _reach(joints: Joints, target: JointTarget, held: Bool[np.ndarray, "frames"], fps: float) -> Joints:
    """A hand or foot led to its place by IK, the pelvis with the whole body."""
    frame = to_frame(target, len(joints), fps)
    off = np.zeros((len(joints), 3))
    off[frame] = np.array(target.position) - joints[frame, target.joint]
    fixed = held.copy()
    fixed[frame] = True
    moves, joints = spread(off, fixed, SETTLE * fps), joints.copy()
    if target.joint == 0:
        joints += moves[:, None]
    for shoulder, elbow, wrist in ARMS:
        if wrist == target.joint:
            joints[:, elbow], joints[:, wrist] = move_wrist(
                joints[:, shoulder], joints[:, elbow], joints[:, wrist], joints[:, wrist] + moves
            )
    for side, (hip, knee, ankle, toe) in enumerate(LEGS):
        if target.joint in (ankle, toe):
            ahead = legs_ahead(joints)[:, side]
            start = joints[:, ankle].copy()
            joints[:, knee], joints[:, ankle] = move_ankle(joints[:, hip], joints[:, knee], start, start + moves, ahead)
            joints[:, toe] += joints[:, ankle] - start
    return joints


def move_wrist(
    shoulder: Float[np.ndarray, "frames 3"],
    elbow: Float[np.ndarray, "frames 3"],
    wrist: Float[np.ndarray, "frames 3"],
    target: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Elbow and wrist after the wrist has gone to its target; the elbow stays on the side where it was."""
    upper, lower = np.linalg.norm(elbow - shoulder, axis=-1), np.linalg.norm(wrist - elbow, axis=-1)
    direction = direct(target - shoulder, [0.0, -1.0, 0.0])
    reach = np.clip(np.linalg.norm(target - shoulder, axis=-1), np.abs(upper - lower), upper + lower)
    pole = direct(remove_part_along(elbow - shoulder, direction), [0.0, -1.0, 0.0])
    return two_bone_ik(shoulder, direction, reach, pole, upper, lower)
