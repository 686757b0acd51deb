"""What a generated motion has to meet: poses at times, a path over the floor, places of single joints.

Conventions: meters, seconds, Y up. A motion that nothing places starts at x = z = 0 and faces +Z. Poses are on the one
skeleton of generated motion (`Motion.on_one_skeleton`), with the floor at 0. Headings are in degrees: 0 faces +Z, and
positive angles turn to the left, so that 90 faces +X. Knows nothing of models, and of how constraints are met.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from lead.errors import LeadError
from lead.motion import Motion
from lead.motion.heading import facing, forward_to_half_yaw, turn
from lead.motion.skeleton import JOINTS

FARTHEST = 100.0
"""Meters from the start."""
LATEST = 3600.0
"""Seconds."""
MOST_WAYPOINTS = 1000
PARTS: dict[str, tuple[int, ...]] = {
    "legs": (0, 1, 2, 4, 5, 7, 8, 10, 11),
    "upper_body": (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "left_arm": (13, 16, 18, 20),
    "right_arm": (14, 17, 19, 21),
    "left_leg": (1, 4, 7, 10),
    "right_leg": (2, 5, 8, 11),
}
"""Groups of joints by name."""
TARGET_JOINTS = {
    "left_hand": 20, "right_hand": 21, "left_foot": 10, "right_foot": 11, "left_ankle": 7, "right_ankle": 8,
    "pelvis": 0,
}  # fmt: skip
"""The joints that may be sent to a place: wrists for hands, toes for feet."""


@dataclass(frozen=True)
class Place:
    """Where a pose stands on the floor, and which way it faces."""

    x: float
    z: float
    heading: float = 0.0
    """Degrees."""

    def __post_init__(self) -> None:
        _check_numbers("a place", self.x, self.z, self.heading)


@dataclass(frozen=True, eq=False)
class PoseConstraint:
    """A pose at a time."""

    pose: Float[np.ndarray, "22 3"]
    """Meters, the floor at y = 0."""
    seconds: float | None
    """From the start; None for the last frame."""
    joints: tuple[int, ...] = tuple(range(22))
    """Those that count, relative to the body: its pelvis, hips and shoulders. By default the whole body."""
    placed: bool = False
    """Whether the pose's own place and heading count; else it may be met anywhere, facing anywhere."""
    name: str = "a pose"
    """What messages call it."""

    def __post_init__(self) -> None:
        pose = np.asarray(self.pose, dtype=np.float64)
        if pose.shape != (22, 3) or not np.isfinite(pose).all():
            raise LeadError(f"{self.name}: found joints of shape {pose.shape}; expected finite [22, 3] in meters")
        if not self.joints or not set(self.joints) <= set(range(22)):
            raise LeadError(f"{self.name}: found joints {self.joints}; expected one or more from 0 to 21")
        if np.abs(pose).max() > FARTHEST:
            raise LeadError(f"{self.name}: {np.abs(pose).max():.4g} m from the start; at most {FARTHEST:g} m")
        _check_time(self.name, self.seconds)
        object.__setattr__(self, "pose", pose)

    @classmethod
    def from_motion(
        cls,
        motion: Motion,
        frame: int,
        seconds: float | None,
        *,
        joints: Sequence[int] = tuple(range(22)),
        place: Place | None = None,
        name: str = "",
    ) -> "PoseConstraint":
        """The pose of a clip's frame, from 0; a negative frame counts from the end, -1 is the last.

        It is put on the one skeleton, the clip's lowest joint on the floor, and the pelvis at x = z = 0 without a
        place. Raises LeadError for a frame that the clip does not have.
        """
        name, count = name or f"frame {frame} of {motion.name or 'a clip'}", len(motion.joints)
        if not -count <= frame < count:
            raise LeadError(f"{name}: the clip has {count} frames, from 0 to {count - 1}")
        every = motion.on_one_skeleton().joints.astype(np.float64)
        x, _, z = every[frame, 0]
        pose = every[frame] - [x, every[..., 1].min(), z]
        return cls(pose if place is None else put_at(pose, place), seconds, tuple(joints), place is not None, name)

    @property
    def whole_body(self) -> bool:
        return len(set(self.joints)) == 22


@dataclass(frozen=True, eq=False)
class PathConstraint:
    """Waypoints over the floor that the pelvis passes one after another."""

    points: Float[np.ndarray, "waypoints 2"]
    """x and z, in meters."""
    seconds: tuple[float | None, ...] = ()
    """When each is passed; None, or none at all, where the way between known times is walked at one speed.

    The first is passed at the start and the last at the end of the motion, where they have no time.
    """
    headings: tuple[float | None, ...] = ()
    """Degrees that the body faces there; None, or none at all, where it may face anywhere."""
    name: str = "the path"
    open: bool = False
    """Whether the pelvis goes anywhere before the first time and after the last one; else it stays where it is."""

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise LeadError(f"{self.name}: found an array of shape {points.shape}; expected [waypoints, 2], x and z")
        if not 2 <= len(points) <= MOST_WAYPOINTS:
            found = "1 waypoint" if len(points) == 1 else f"{len(points):,} waypoints"
            raise LeadError(f'{self.name}: found {found}; expected 2 to {MOST_WAYPOINTS:,}, as "0,0 2,0 2,2"')
        for values in (self.seconds, self.headings):
            if values and len(values) != len(points):
                raise LeadError(f"{self.name}: {len(values)} times or headings for {len(points)} waypoints")
        _check_numbers(self.name, *points.ravel().tolist(), *(h for h in self.headings if h is not None))
        if np.abs(points).max() > FARTHEST:
            raise LeadError(f"{self.name}: {np.abs(points).max():.4g} m from the start; at most {FARTHEST:g} m")
        times = [time for time in self.seconds if time is not None]
        for time in times:
            _check_time(self.name, time)
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise LeadError(f"{self.name}: times {', '.join(f'{t:g}' for t in times)} do not rise")
        object.__setattr__(self, "points", points)


@dataclass(frozen=True)
class JointTarget:
    """A place that a hand, a foot or the pelvis reaches at a time."""

    joint: int
    """One of TARGET_JOINTS."""
    seconds: float
    position: tuple[float, float, float]
    """x, y, z in meters, from the motion's start."""
    name: str = "a target"

    def __post_init__(self) -> None:
        if self.joint not in TARGET_JOINTS.values():
            raise LeadError(f"{self.name}: joint {self.joint} has no targets; {', '.join(TARGET_JOINTS)} can have them")
        _check_time(self.name, self.seconds)
        if len(self.position) != 3:
            raise LeadError(f"{self.name}: found {len(self.position)} numbers as a place; expected x, y and z")
        _check_numbers(self.name, *self.position)
        if max(map(abs, self.position)) > FARTHEST:
            raise LeadError(f"{self.name}: {max(map(abs, self.position)):.4g} m from the start; at most {FARTHEST:g} m")


Constraint = PoseConstraint | PathConstraint | JointTarget


def put_at(pose: Float[np.ndarray, "22 3"], place: Place) -> Float[np.ndarray, "22 3"]:
    """The pose moved over the floor and turned, so that its pelvis is at the place and it faces the heading."""
    half_yaw = forward_to_half_yaw(facing(pose[None])) + math.radians(place.heading) / 2
    moved: np.ndarray = turn(half_yaw, pose[None] - pose[:1] * [1.0, 0.0, 1.0])[0] + [place.x, 0.0, place.z]
    return moved


def find_joints(names: Sequence[str]) -> tuple[int, ...]:
    """Joints by their names and by the names of PARTS; LeadError for a name that is neither."""
    found: list[int] = []
    for name in names:
        if name in PARTS:
            found += PARTS[name]
        elif name in JOINTS:
            found.append(JOINTS.index(name))
        else:
            raise LeadError(f"there is no joint {name!r}; expected {', '.join(PARTS)}, or {', '.join(JOINTS)}")
    return tuple(sorted(set(found)))


def _check_time(name: str, seconds: float | None) -> None:
    if seconds is not None and not 0 <= seconds <= LATEST:  # false for NaN
        raise LeadError(f"{name}: found a time of {seconds:g} s; expected 0 to {LATEST:g}")


def _check_numbers(name: str, *values: float) -> None:
    if not all(map(math.isfinite, values)):
        raise LeadError(f"{name}: found a number that is infinite or none")
