"""The drawn person: round limbs around 22 joints, and the place where a motion stands while it is shown.

The figure is a mannequin of capsules (two spheres and what is between them). Each end of a capsule is a fixed weighted
sum of joints, so that one matrix turns joints into ends, here and in the page that plays motions. Left limbs are blue,
right limbs orange, the trunk is gray.

Conventions: meters, Y up. Shown motions stand on the floor at y = 0, start at x = z = 0 and mainly face +Z.
Knows nothing of cameras and pixels.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lead.motion.heading import facing
from lead.motion.skeleton import BONE_LENGTHS, JOINTS, bone_lengths

Color = tuple[int, int, int]
Place = dict[str, float]
"""A weighted sum of joints, by name."""

COLORS: dict[str, Color] = {"left": (52, 118, 196), "right": (232, 126, 58), "trunk": (124, 132, 145)}
SOLE = 0.03
"""Meters of foot below the joints of the feet."""


class Capsule(NamedTuple):
    """A limb of the figure."""

    start: Place
    end: Place
    radii: tuple[float, float]
    """Meters, at the start and at the end, on a body of our skeleton's size."""
    part: str
    """A key of COLORS."""


def _half_figure(side: str) -> list[Capsule]:
    """Half of the trunk, an arm and a leg."""
    other = "right" if side == "left" else "left"
    hip, knee, ankle, foot, collar, shoulder, elbow, wrist = (
        f"{side}_{name}" for name in ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
    )
    flank = {"spine1": 1.0, hip: 0.32, f"{other}_hip": -0.32}
    return [
        Capsule(flank, {collar: 0.55, shoulder: 0.30, "spine3": 0.15}, (0.090, 0.082), "trunk"),
        Capsule({"pelvis": 0.4, hip: 0.6}, flank, (0.092, 0.090), "trunk"),
        Capsule({"spine3": 0.9, "neck": 0.1}, {collar: 0.9, shoulder: 0.1}, (0.086, 0.070), "trunk"),
        Capsule({collar: 1.0}, {collar: 0.15, shoulder: 0.85}, (0.064, 0.052), "trunk"),
        Capsule({hip: 1.0}, {knee: 1.0}, (0.092, 0.060), side),
        Capsule({knee: 1.0}, {ankle: 1.0}, (0.060, 0.040), side),
        Capsule({ankle: 1.0}, {foot: 1.0}, (0.044, 0.037), side),
        Capsule({foot: 1.0}, {foot: 1.35, ankle: -0.35}, (0.037, 0.029), side),
        Capsule({shoulder: 1.0}, {elbow: 1.0}, (0.063, 0.044), side),
        Capsule({elbow: 1.0}, {wrist: 1.0}, (0.044, 0.033), side),
        Capsule({wrist: 0.98, elbow: 0.02}, {wrist: 1.36, elbow: -0.36}, (0.036, 0.031), side),
    ]


FIGURE = (
    Capsule({"pelvis": 1.0}, {"spine2": 1.0}, (0.092, 0.096), "trunk"),
    Capsule({"spine2": 1.0}, {"spine3": 0.4, "neck": 0.6}, (0.096, 0.080), "trunk"),
    Capsule({"neck": 1.0}, {"head": 1.0}, (0.056, 0.054), "trunk"),
    Capsule({"head": 1.15, "neck": -0.15}, {"head": 1.75, "neck": -0.75}, (0.082, 0.099), "trunk"),
    *_half_figure("left"),
    *_half_figure("right"),
)


def _weights(places: list[Place]) -> Float[np.ndarray, "capsules 22"]:
    """Places as a matrix that joints are multiplied with."""
    return np.array([[place.get(joint, 0.0) for joint in JOINTS] for place in places])


_STARTS, _ENDS = _weights([limb.start for limb in FIGURE]), _weights([limb.end for limb in FIGURE])
FIGURE_COLORS: Float[np.ndarray, "capsules 3"] = np.array([COLORS[limb.part] for limb in FIGURE], dtype=np.float32)


def figure_ends(joints: Float[np.ndarray, "*batch 22 3"]) -> Float[np.ndarray, "*batch capsules 2 3"]:
    """Where each capsule starts and ends."""
    return np.stack([_STARTS @ joints, _ENDS @ joints], axis=-2)


def figure_size(joints: Float[np.ndarray, "frames 22 3"]) -> float:
    """The length of the body's bones, relative to our skeleton's."""
    return float(bone_lengths(joints[0]).sum() / BONE_LENGTHS.sum())


def figure_radii(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "capsules 2"]:
    """The capsules' radii in meters, for a body of the motion's size."""
    return np.array([limb.radii for limb in FIGURE]) * figure_size(joints)


def stand_figure(joints: Float[np.ndarray, "frames 22 3"], turn: bool = True) -> Float[np.ndarray, "frames 22 3"]:
    """The joints where they are shown: soles on the floor, starting at x = z = 0, mainly facing +Z.

    Without `turn` they are only set on the floor.
    """
    joints = joints.astype(np.float64)
    floor = np.percentile(joints[..., 1].min(axis=1), 5) - SOLE
    if not turn:
        lowered: np.ndarray = joints - np.array([0.0, floor, 0.0])
        return lowered
    x, z = main_facing(joints)
    to_front = np.array([[z, 0.0, -x], [0.0, 1.0, 0.0], [x, 0.0, z]])
    standing: np.ndarray = (joints - np.array([joints[0, 0, 0], floor, joints[0, 0, 2]])) @ to_front.T
    return standing


def main_facing(joints: Float[np.ndarray, "frames 22 3"]) -> Float[np.ndarray, "2"]:
    """The direction (x, z) that a clip mostly faces. For a clip that turns all round: the direction at its start."""
    directions = facing(joints)[:, [0, 2]]
    mean = directions.mean(axis=0)
    main: np.ndarray = directions[0] if np.linalg.norm(mean) < 0.3 else mean
    length = float(np.linalg.norm(main))
    return main / length if length > 1e-6 else np.array([0.0, 1.0])
