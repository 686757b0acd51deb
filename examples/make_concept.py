"""Makes five clips of a motion that no caption describes: a zombie march.

    python examples/make_concept.py zombie-march      # writes zombie-march/zombie-march-1.bvh ... -5.bvh and captions

The walker holds both arms stretched out ahead, leans back, tilts the head, sways over each standing leg, and drags one
foot after the other leg's long step. The clips differ as takes of one actor do: in speed, reach, sway, which leg drags,
and how the path bends.

Footprints come first, along a bending path. A foot stands on its footprint until it swings to the next, so nothing
slides. The pelvis follows the feet, each leg is a two-bone chain between hip and ankle, and the rest of the body is
built bone by bone with the skeleton's own lengths. Conventions: meters, seconds, Y up, 20 fps, starting towards +Z.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lead import Motion
from lead.motion.processing.ik import two_bone_ik
from lead.motion.rotations import normalize
from lead.motion.skeleton import BONE_LENGTHS, FPS, JOINTS, PARENTS

LENGTH = dict(zip(JOINTS, BONE_LENGTHS, strict=True))
PARENT = {joint: JOINTS[parent] for joint, parent in zip(JOINTS, PARENTS, strict=True) if parent >= 0}
TOE_HEIGHT, ANKLE_HEIGHT = 0.02, 0.095
HALF_WIDTH = 0.085  # from the path to each line of footprints
HIP_DROP = 0.03  # the hips hang below the pelvis

# Directions of the trunk's bones in the body's own frame: x to the left, y up, z ahead.
TRUNK = {
    "left_hip": (0.94, -0.33, 0.0), "right_hip": (-0.94, -0.33, 0.0),
    "spine1": (0.0, 1.0, -0.05), "spine2": (0.0, 1.0, 0.0), "spine3": (0.0, 1.0, 0.0),
    "neck": (0.0, 1.0, 0.1),
    "left_collar": (0.36, 0.93, 0.05), "right_collar": (-0.36, 0.93, 0.05), "head": (0.0, 0.97, 0.2),
    "left_shoulder": (0.95, 0.0, -0.2), "right_shoulder": (-0.95, 0.0, -0.2),
}  # fmt: skip
PELVIS_CARRIES = ("left_hip", "right_hip", "spine1")  # one rotation for all three, so that a BVH can say it


@dataclass(frozen=True)
class Take:
    """How one clip differs from the others."""

    seconds: float = 5.0
    stride_seconds: float = 1.7
    long_step: float = 0.46  # meters, of the leading leg
    short_step: float = 0.24  # meters, of the dragged leg
    dragged: str = "left"
    bend: float = 0.0  # radians of heading a meter, positive to the left
    sway: float = 0.16  # radians of roll over the standing leg
    arm_drop: float = 0.10  # radians below level
    arm_gap: float = 0.10  # radians by which the left arm hangs lower than the right
    head_tilt: float = 0.30  # radians, positive to the right


TAKES = (
    Take(),
    Take(stride_seconds=1.9, long_step=0.40, short_step=0.20, bend=0.18, sway=0.20, head_tilt=-0.25),
    Take(stride_seconds=1.55, long_step=0.50, short_step=0.28, dragged="right", bend=-0.12, arm_gap=-0.14),
    Take(seconds=5.5, stride_seconds=1.75, bend=-0.25, arm_drop=0.22, sway=0.13, head_tilt=0.35),
    Take(seconds=4.5, stride_seconds=1.6, long_step=0.44, dragged="right", arm_drop=-0.04, arm_gap=0.05),
)


def zombie_march(take: Take, fps: float = FPS) -> Motion:
    """The take as a motion on the 22-joint skeleton."""
    time = np.arange(round(take.seconds * fps)) / fps
    along, lift, feet = place_feet(take, time)
    middle = smooth((along["left"] + along["right"]) / 2, 0.15 * fps)
    heading = take.bend * middle

    # The body leans over the foot that stands: over the left one while the right one swings.
    over_left = smooth(lift["right"] / lift["right"].max() - lift["left"] / lift["left"].max(), 0.12 * fps)
    body = turn(heading) @ tilt(-take.sway * over_left)
    ground = arc(middle, take.bend) + (0.045 * over_left)[:, None] * to_left(heading)
    pose = {"pelvis": ground + pelvis_height(ground, feet)[:, None] * UP}
    lean_back = pitch(np.full(len(time), -0.12))
    head = tilt(np.full(len(time), take.head_tilt) + 0.08 * np.sin(2 * np.pi * time / 2.3))
    for joint, direction in TRUNK.items():
        frame = turn(heading) if joint in PELVIS_CARRIES else body @ lean_back
        if joint == "head":
            frame = frame @ head
        pose[joint] = pose[PARENT[joint]] + LENGTH[joint] * normalize(frame @ np.array(direction))
    pose |= feet
    for side in ("left", "right"):
        hip, ankle = pose[f"{side}_hip"], pose[f"{side}_ankle"]
        pose[f"{side}_knee"] = bend_knee(hip, ankle, LENGTH[f"{side}_knee"], LENGTH[f"{side}_ankle"], ahead(heading))
        pose |= place_arm(side, pose[f"{side}_shoulder"], take, time, turn(heading))
    return Motion(np.stack([pose[joint] for joint in JOINTS], axis=1).astype(np.float32), fps)


Sides = dict[str, np.ndarray]
"""By side, "left" and "right", or by joint."""


def place_feet(take: Take, time: np.ndarray) -> tuple[Sides, Sides, Sides]:
    """How far along the path each foot is, how high it is lifted, and the ankles and toes."""
    along, lift, feet = {}, {}, {}
    leader = "right" if take.dragged == "left" else "left"
    for side, phase in ((leader, 0.0), (take.dragged, 0.5)):
        stride = take.long_step + take.short_step
        offset = 0.0 if side == leader else take.short_step
        along[side], swing = walk(time / take.stride_seconds + phase, stride, offset - phase * stride)
        lift[side] = np.sin(np.pi * swing) * (0.10 if side == leader else 0.025)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        foot_heading = take.bend * along[side]
        ankle = arc(along[side], take.bend) + sign * HALF_WIDTH * to_left(foot_heading)
        drop = (TOE_HEIGHT - ANKLE_HEIGHT) / LENGTH[f"{side}_foot"]
        toe = np.sqrt(1 - drop**2) * ahead(foot_heading) + np.array([0.0, drop, 0.0])
        feet[f"{side}_ankle"] = ankle + (ANKLE_HEIGHT + lift[side])[:, None] * UP
        feet[f"{side}_foot"] = feet[f"{side}_ankle"] + LENGTH[f"{side}_foot"] * toe
    return along, lift, feet


def walk(strides: np.ndarray, length: float, start: float) -> tuple[np.ndarray, np.ndarray]:
    """How far along the path a foot is, and how much of its swing is done (0 to 1); it stands for 0.6 of a stride."""
    done = np.floor(strides)
    swing = np.clip((strides - done - 0.6) / 0.4, 0.0, 1.0)
    return start + length * (done + swing**2 * (3 - 2 * swing)), swing


def pelvis_height(ground: np.ndarray, feet: dict[str, np.ndarray]) -> np.ndarray:
    """The height that nearly straight legs allow, with its rise and fall smoothed."""
    heights = []
    for side in ("left", "right"):
        reach = 0.992 * (LENGTH[f"{side}_knee"] + LENGTH[f"{side}_ankle"])
        apart = np.linalg.norm((feet[f"{side}_ankle"] - ground)[:, [0, 2]], axis=1)
        heights.append(feet[f"{side}_ankle"][:, 1] + np.sqrt(reach**2 - apart**2))
    lowest = np.minimum(*heights)
    even = smooth(lowest, 2.0)
    return even - np.max(even - lowest) + HIP_DROP


def place_arm(side: str, shoulder: np.ndarray, take: Take, time: np.ndarray, frame: np.ndarray) -> Sides:
    """Elbow and wrist of an arm that is held out ahead and gropes a little."""
    sign = 1.0 if side == "left" else -1.0
    groping = 0.07 * np.sin(2 * np.pi * time / 1.3 + sign)
    drop = take.arm_drop + sign * take.arm_gap / 2 + groping
    inward = -0.10 * sign
    upper = np.stack([np.full_like(drop, inward), -np.sin(drop), np.cos(drop)], axis=-1)
    lower = np.stack([np.full_like(drop, 2 * inward), np.sin(0.25 - drop), np.cos(0.25 - drop)], axis=-1)
    elbow = shoulder + LENGTH[f"{side}_elbow"] * normalize(in_frame(frame, upper))
    return {
        f"{side}_elbow": elbow,
        f"{side}_wrist": elbow + LENGTH[f"{side}_wrist"] * normalize(in_frame(frame, lower)),
    }


def bend_knee(hip: np.ndarray, ankle: np.ndarray, thigh: float, shin: float, forward: np.ndarray) -> np.ndarray:
    """The knee between hip and ankle at these bone lengths, bending forward."""
    across = ankle - hip
    distance = np.linalg.norm(across, axis=1)
    assert (distance < thigh + shin).all(), "the legs cannot reach their footprints"
    down = normalize(across)
    out = normalize(forward - (forward * down).sum(axis=1, keepdims=True) * down)
    return two_bone_ik(hip, down, distance, out, thigh, shin)[0]


UP = np.array([0.0, 1.0, 0.0])


def arc(along: np.ndarray, bend: float) -> np.ndarray:
    """Points [frames, 3] of an arc that starts towards +Z and turns left by `bend` radians a meter."""
    if bend == 0.0:
        return along[:, None] * np.array([0.0, 0.0, 1.0])
    heading = bend * along
    return np.stack([1 - np.cos(heading), np.zeros_like(along), np.sin(heading)], axis=-1) / bend


def ahead(heading: np.ndarray) -> np.ndarray:
    """The direction of a heading, radians from +Z to the left."""
    return np.stack([np.sin(heading), np.zeros_like(heading), np.cos(heading)], axis=-1)


def to_left(heading: np.ndarray) -> np.ndarray:
    """The direction to the left of a heading."""
    return np.stack([np.cos(heading), np.zeros_like(heading), -np.sin(heading)], axis=-1)


def turn(heading: np.ndarray) -> np.ndarray:
    """Rotations [frames, 3, 3] from the body's frame (x left, y up, z ahead) to the world."""
    return np.stack([to_left(heading), np.broadcast_to(UP, (len(heading), 3)), ahead(heading)], axis=-1)


def tilt(angle: np.ndarray) -> np.ndarray:
    """Rotations about the axis ahead; positive tips the crown to the right."""
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    rows = [[np.cos(angle), -np.sin(angle), zero], [np.sin(angle), np.cos(angle), zero], [zero, zero, one]]
    return np.moveaxis(np.array(rows), -1, 0)


def pitch(angle: np.ndarray) -> np.ndarray:
    """Rotations about the axis to the left; positive bows forward."""
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    rows = [[one, zero, zero], [zero, np.cos(angle), -np.sin(angle)], [zero, np.sin(angle), np.cos(angle)]]
    return np.moveaxis(np.array(rows), -1, 0)


def in_frame(frame: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors [frames, 3] of a frame in the world."""
    return np.einsum("fij,fj->fi", frame, vectors)


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over frames; the ends go on as straight lines."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    steps = np.arange(reach, 0, -1)
    before = values[0] - (values[1] - values[0]) * steps
    after = values[-1] + (values[-1] - values[-2]) * steps[::-1]
    return np.convolve(np.concatenate([before, values, after]), kernel / kernel.sum(), mode="valid")


def main() -> None:
    """Write the clips."""
    parser = argparse.ArgumentParser(description="Write five BVH clips of a zombie march.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("zombie-march"), help="where to write the clips")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"zombie-march-{number}.bvh" for number in range(1, len(TAKES) + 1)]
    for path, take in zip(paths, TAKES, strict=True):
        print(zombie_march(take).save(path))
    captions = folder / "captions.jsonl"  # without it, arms that are held out could be taken for the action
    rows = [{"clip": path.name, "captions": ["a person walks forward"]} for path in paths]
    captions.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    print(captions)


if __name__ == "__main__":
    main()
