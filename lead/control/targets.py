"""Constraints to targets of each frame, and how far a motion is from them.

Targets that stand at a place fix the motion's own place: it is moved over the floor and turned as a whole to where it
is nearest to them (least squares; Kabsch in the plane). A pose that may be met anywhere is moved to the motion instead.
Conventions: meters, Y up. Knows nothing of models. NumPy; the loss in torch is in `constrained_sampling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from lead.control.constraints import Constraint, JointTarget, PathConstraint, PoseConstraint
from lead.errors import LeadError
from lead.motion.smoothing import gaussian_smooth

FASTEST = 8.0
"""Meters a second along a path."""
CORNERS = 0.15
"""Seconds: the Gaussian that rounds the corners of a path."""
PATH_SLACK = 0.03
"""Meters that the pelvis may sway off its path."""
HEADING_METERS = 0.5
"""A heading that is off by one radian counts as much as so many meters."""
WALKED = 0.2
"""Meters a second from which a path says which way the body goes."""
TRUNK = [0, 1, 2, 16, 17]
"""Joints by which a pose that may be met anywhere is laid over the motion."""


@dataclass(frozen=True, eq=False)
class FloatingPoses:
    """Poses that may be met anywhere, facing anywhere."""

    frames: Int[np.ndarray, "poses"]
    poses: Float[np.ndarray, "poses 22 3"]
    counts: Bool[np.ndarray, "poses 22"]
    """The joints that count."""

    @property
    def laid_on(self) -> Float[np.ndarray, "poses 22"]:
        """The weight of each joint where a pose is laid over the motion: those that count, and the trunk's."""
        weights = self.counts.astype(np.float64)
        weights[:, TRUNK] = 1.0
        return weights

    def lay_over(self, joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "poses 22 3"]:
        """The poses where the motion is in their frames."""
        return lay_over(self.poses, joints[self.frames], self.laid_on)


@dataclass(frozen=True, eq=False)
class Targets:
    """What the frames of a motion have to meet."""

    positions: Float[np.ndarray, "frames 22 3"]
    """In the world; 0 where there is no target."""
    weights: Float[np.ndarray, "frames 22 3"]
    """Of each coordinate: a constraint's weights sum to 1 a coordinate."""
    slack: Float[np.ndarray, "frames 22"]
    """Meters that a joint may be off."""
    headings: Float[np.ndarray, "frames 2"]
    """Unit vectors x, z that the body faces."""
    heading_weights: Float[np.ndarray, "frames"]
    course: Float[np.ndarray, "frames 2"]
    """Unit vectors x, z along the path, where it is walked and no heading is given; else 0."""
    floating: FloatingPoses
    count: int
    """Of constraints."""
    free: bool
    """Whether the motion as a whole is moved to its targets; else it starts at x = z = 0 and faces +Z."""


def build_targets(constraints: Sequence[Constraint], frames: int, fps: float) -> Targets:
    """The targets of a motion's frames.

    Raises LeadError for a time beyond the motion's end, for two poses at one time, and for a path that is too fast.
    """
    positions, weights = np.zeros((2, frames, 22, 3))
    slack, heading_weights = np.zeros((frames, 22)), np.zeros(frames)
    headings, course = np.zeros((2, frames, 2))
    _check_poses(constraints, frames, fps)
    for one in constraints:
        if isinstance(one, PathConstraint):
            path, faced, known = _walk_path(one, frames, fps)
            there = list_path_frames(one, frames, fps)
            positions[there, 0, ::2], weights[there, 0, ::2] = path[there], 1.0 / len(there)
            slack[there, 0] = PATH_SLACK
            headings, heading_weights = faced, known / max(known.sum(), 1.0)
            velocity = np.gradient(path, axis=0) * fps
            speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
            course = np.where((speed > WALKED) & (not known.any()), velocity / np.maximum(speed, 1e-9), 0.0)
            course[np.setdiff1d(np.arange(frames), there)] = 0.0
    for one in constraints:
        if isinstance(one, JointTarget):
            frame = to_frame(one, frames, fps)
            positions[frame, one.joint], weights[frame, one.joint], slack[frame, one.joint] = one.position, 1.0, 0.0
        elif isinstance(one, PoseConstraint) and one.placed:
            frame, joints = to_frame(one, frames, fps), list(one.joints)
            positions[frame, joints], weights[frame, joints] = one.pose[joints], 1.0 / len(joints)
            slack[frame, joints] = 0.0
    poses = [one for one in constraints if isinstance(one, PoseConstraint)]
    floating = to_floating([one for one in poses if not one.placed], frames, fps)
    free = any(isinstance(one, PathConstraint) for one in constraints) or any(one.placed for one in poses)
    return Targets(positions, weights, slack, headings, heading_weights, course, floating, len(constraints), free)


def to_floating(poses: Sequence[PoseConstraint], frames: int, fps: float) -> FloatingPoses:
    """Poses that may be met anywhere, in the frames of their times."""
    return FloatingPoses(
        np.array([to_frame(one, frames, fps) for one in poses], dtype=np.int64),
        np.array([one.pose for one in poses]).reshape(-1, 22, 3),
        np.array([np.isin(np.arange(22), one.joints) for one in poses], dtype=bool).reshape(-1, 22),
    )


def to_frame(one: PoseConstraint | JointTarget, frames: int, fps: float) -> int:
    """The frame of a constraint's time; LeadError where the motion ends before it."""
    if one.seconds is None:
        return frames - 1
    frame = round(one.seconds * fps)
    if frame > frames:
        raise LeadError(
            f"{one.name} is at {one.seconds:g} s, and the motion ends after {frames / fps:g} s: "
            "give an earlier time, or more seconds"
        )
    return min(frame, frames - 1)


def list_path_frames(path: PathConstraint, frames: int, fps: float) -> Int[np.ndarray, " there"]:
    """The frames in which the pelvis has to be on a path: all, or those from its first time to its last one."""
    first, last = 0, frames - 1
    if path.open and path.seconds:
        start, end = path.seconds[0], path.seconds[-1]
        first = 0 if start is None else min(round(start * fps), last)
        last = last if end is None else min(round(end * fps), last)
    return np.arange(first, last + 1)


def place_motion(joints: Float[np.ndarray, "frames 22 3"], targets: Targets) -> Float[np.ndarray, "frames 22 3"]:
    """The motion moved and turned as a whole to where its targets are; as it is where none is at a place."""
    if not targets.free:
        return joints
    points, onto = (x.reshape(1, -1, 3) for x in (joints, targets.positions))
    return lay_over(points, onto, targets.weights[..., 0].reshape(1, -1)).reshape(joints.shape)


def lay_over(
    points: Float[np.ndarray, "sets points 3"],
    onto: Float[np.ndarray, "sets points 3"],
    weights: Float[np.ndarray, "sets points"],
) -> Float[np.ndarray, "sets points 3"]:
    """Points moved over the floor and turned about the vertical, to the least weighted squares of distances."""
    share = (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12))[..., None]
    own, other = ((share * some[..., [0, 2]]).sum(axis=1, keepdims=True) for some in (points, onto))
    (x, z), (u, w) = (np.moveaxis(some[..., [0, 2]] - at, -1, 0) for some, at in ((points, own), (onto, other)))
    share = share[..., 0]
    angle = np.arctan2((share * (z * u - x * w)).sum(axis=1), (share * (x * u + z * w)).sum(axis=1))[:, None]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x + sin * z + other[..., 0], points[..., 1], cos * z - sin * x + other[..., 1]], axis=-1)


def measure_errors(
    joints: Float[np.ndarray, "frames 22 3"], constraints: Sequence[Constraint], fps: float
) -> list[float]:
    """How far a placed motion is from each constraint, in meters: the mean over the joints or, of a path, the frames.

    A path is where its corners are rounded, at each frame's time.
    """
    frames, errors = len(joints), []
    for one in constraints:
        if isinstance(one, PathConstraint):
            path, there = _walk_path(one, frames, fps)[0], list_path_frames(one, frames, fps)
            errors.append(float(np.linalg.norm((joints[:, 0, ::2] - path)[there], axis=-1).mean()))
            continue
        frame = to_frame(one, frames, fps)
        if isinstance(one, JointTarget):
            errors.append(float(np.linalg.norm(joints[frame, one.joint] - np.array(one.position))))
            continue
        pose = one.pose if one.placed else to_floating([one], frames, fps).lay_over(joints)[0]
        errors.append(float(np.linalg.norm((joints[frame] - pose)[list(one.joints)], axis=-1).mean()))
    return errors


def _check_poses(constraints: Sequence[Constraint], frames: int, fps: float) -> None:
    """LeadError where two constraints want one joint in two places at once, and for more than one path."""
    taken: dict[tuple[int, int], str] = {}
    paths = [one for one in constraints if isinstance(one, PathConstraint)]
    if len(paths) > 1:
        raise LeadError("found two paths, expected one: a body has one pelvis")
    for one in constraints:
        if isinstance(one, PathConstraint):
            continue
        frame = to_frame(one, frames, fps)
        for joint in one.joints if isinstance(one, PoseConstraint) else (one.joint,):
            if (frame, joint) in taken:
                raise LeadError(
                    f"{one.name} and {taken[frame, joint]} are both at {frame / fps:g} s and want the same joint: "
                    "move one of them in time, or leave it out"
                )
            taken[frame, joint] = one.name


def time_waypoints(path: PathConstraint, frames: int, fps: float) -> Float[np.ndarray, "waypoints"]:
    """The seconds at which waypoints are passed; LeadError where their times do not fit, or the path is too fast."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path.points, axis=0), axis=-1))])
    end = (frames - 1) / fps
    given = [(place, time) for place, time in enumerate(path.seconds) if time is not None]
    if not given or given[0][0] > 0:
        given = [(0, 0.0), *given]
    if given[-1][0] < len(way) - 1:
        given.append((len(way) - 1, end))
    if given[-1][1] > end + 1.5 / fps or any(later[1] <= earlier[1] for earlier, later in pairwise(given)):
        raise LeadError(
            f"{path.name}: its times {', '.join(f'{time:g}' for _, time in given)} do not fit into {frames / fps:g} s: "
            "give earlier times, or more seconds"
        )
    times = np.interp(way, way[[place for place, _ in given]], [time for _, time in given]) if way[-1] > 0 else None
    if times is None or (np.diff(times) <= 0).any():
        times = np.interp(np.arange(len(way)), [place for place, _ in given], [time for _, time in given])
    with np.errstate(over="ignore"):  # infinite speeds are refused
        speed = float((np.diff(way) / np.diff(times)).max())
    if speed > FASTEST:
        raise LeadError(
            f"{path.name} is {way[-1]:.3g} m long and asks for {speed:.3g} m/s; at most {FASTEST:g} m/s: "
            "give more seconds, or a shorter path"
        )
    return times


def _walk_path(
    path: PathConstraint, frames: int, fps: float
) -> tuple[Float[np.ndarray, "frames 2"], Float[np.ndarray, "frames 2"], Float[np.ndarray, "frames"]]:
    """Where the pelvis is in each frame; which way the body faces in the frames of waypoints; 1 for those frames."""
    times = time_waypoints(path, frames, fps)
    at = np.arange(frames) / fps
    points = np.stack([np.interp(at, times, column) for column in path.points.T], axis=-1)
    faced, known = np.zeros((frames, 2)), np.zeros(frames)
    for time, degrees in zip(times, path.headings, strict=False):
        if degrees is not None:
            frame = min(round(time * fps), frames - 1)
            faced[frame], known[frame] = (np.sin(np.radians(degrees)), np.cos(np.radians(degrees))), 1.0
    return _round_corners(points, CORNERS * fps), faced, known


def _round_corners(points: Float[np.ndarray, "frames 2"], sigma: float) -> Float[np.ndarray, "frames 2"]:
    """The path smoothed; it goes straight on beyond its ends, which therefore stay."""
    more = min(int(4 * sigma) + 1, len(points) - 1)
    before, after = 2 * points[0] - points[more:0:-1], 2 * points[-1] - points[-2 : -more - 2 : -1]
    return gaussian_smooth(np.concatenate([before, points, after]), sigma)[more : more + len(points)]
